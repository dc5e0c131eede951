package lua53

import (
	"math/rand/v2"
	"testing"
)

// TestMutatedBytecode changes instructions of real programs at random: the
// verifier refuses, or the machine runs what is left without harm.
func TestMutatedBytecode(t *testing.T) {
	n := 1500
	if full() {
		n = 200000
	}
	r := rand.New(rand.NewPCG(1, 2))
	var pool []string
	for seed := uint64(1); seed <= 40; seed++ {
		pool = append(pool, newProgen(seed).program())
	}
	ran := 0
	for i := 0; i < n; i++ {
		bits := 32 + 32*(i&1)
		p, err := Compile(pool[r.IntN(len(pool))], "=m", bits)
		if err != nil {
			t.Fatal(err)
		}
		for k := 0; k <= r.IntN(4); k++ {
			mutate(r, pick(r, p))
		}
		lay := LayoutMCU64
		if bits == 32 {
			lay = Layout32
		}
		b, err := p.Dump(lay, r.IntN(2) == 0)
		if err != nil {
			continue
		}
		q, err := Undump(b, "=m", bits)
		if err != nil {
			continue
		}
		ran++
		bounded(20000, bits, func(vm *VM) {
			f := vm.NewFunction(q)
			vm.Call(f)
			vm.Call(vm.Globals().RawGetString("collectgarbage"))
		})
	}
	if ran < n/20 {
		t.Errorf("only %d of %d mutations verified: the test is too blunt", ran, n)
	}
	t.Logf("%d of %d mutated programs verified and ran", ran, n)
}

// pick chooses a function of a program.
func pick(r *rand.Rand, p *Proto) *Proto {
	for len(p.Protos) > 0 && r.IntN(3) > 0 {
		p = p.Protos[r.IntN(len(p.Protos))]
	}
	return p
}

func mutate(r *rand.Rand, p *Proto) {
	pc := r.IntN(len(p.Code))
	i := p.Code[pc]
	switch r.IntN(9) {
	case 0: // another opcode with the same operands
		p.Code[pc] = i&^0x3f | uint32(r.IntN(int(numOps)))
	case 1: // another operand A
		p.Code[pc] = i&^(0xff<<6) | uint32(r.IntN(p.MaxStack+2)&0xff)<<6
	case 2: // another operand B
		p.Code[pc] = i&^(0x1ff<<23) | uint32(r.IntN(p.MaxStack+4))<<23
	case 3: // another operand C
		p.Code[pc] = i&^(0x1ff<<14) | uint32(r.IntN(p.MaxStack+4))<<14
	case 4: // another instruction of the function
		p.Code[pc] = p.Code[r.IntN(len(p.Code))]
	case 5: // swap two
		q := r.IntN(len(p.Code))
		p.Code[pc], p.Code[q] = p.Code[q], p.Code[pc]
	case 6: // one bit
		p.Code[pc] ^= 1 << uint(r.IntN(32))
	case 7:
		if len(p.K) > 0 {
			p.K[r.IntN(len(p.K))] = []Value{Nil, mkBool(true), mkInt(4), mkInt(5), mkFloat(1.5), mkString("x")}[r.IntN(6)]
		}
	case 8:
		if len(p.Upvals) > 0 {
			u := &p.Upvals[r.IntN(len(p.Upvals))]
			u.InStack, u.Index = r.IntN(2) == 0, r.IntN(8)
		} else {
			p.MaxStack += r.IntN(3) - 1
		}
	}
}
