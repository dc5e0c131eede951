package lua

import (
	"crypto/hmac"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/gm"
	"airlift/lua/pubkey"
)

// gmHexLen is how long a coordinate or scalar is in hexadecimal.
const gmHexLen = 2 * gm.SM2Size

// openGmssl installs the Chinese algorithms (luatos-runtime.md 9.11). Numbers
// and coordinates are strings of 64 hexadecimal digits. What a module refuses
// returns nothing and leaves a line in the log.
func (m *Machine) openGmssl() {
	sm3 := func(l *glua.LState) int {
		data, ok := m.text(l.Get(1))
		if !ok || data == "" {
			l.Push(glua.LNil)
			return 1
		}
		m.charge(len(data) / 8)
		return pushStr(l, string(gm.SM3([]byte(data))))
	}
	m.lib("gmssl",
		fn("sm2encrypt", m.sm2Encrypt), fn("sm2decrypt", m.sm2Decrypt),
		fn("sm3update", sm3), fn("sm3", sm3), fn("sm3hmac", m.sm3Hmac),
		fn("sm4encrypt", func(l *glua.LState) int { return m.sm4(l, true) }),
		fn("sm4decrypt", func(l *glua.LState) int { return m.sm4(l, false) }),
		fn("sm2sign", m.sm2Sign), fn("sm2verify", m.sm2Verify), fn("sm2keygen", m.sm2Keygen),
		fn("sm2pointmul", m.sm2PointMul), fn("sm2ecdh", m.sm2Ecdh), fn("sm2pointadd", m.sm2PointAdd),
		fn("sm2pointisoncurve", m.sm2OnCurve),
		fn("sm2bnadd", func(l *glua.LState) int { return m.sm2Number(l, (*big.Int).Add) }),
		fn("sm2bnmul", func(l *glua.LState) int { return m.sm2Number(l, (*big.Int).Mul) }),
	)
}

func (m *Machine) gmError(format string, args ...any) int {
	m.logf(levelError, "sm", format, args...)
	return 0
}

// scalars reads arguments from..to, or says that one has not the right length.
func (m *Machine) scalars(l *glua.LState, from, to int) ([]*big.Int, bool) {
	var out []*big.Int
	for n := from; n <= to; n++ {
		s := m.str(l, n)
		if len(s) != gmHexLen {
			m.gmError("argument %d must be 64-char HEX string, got %d", n, len(s))
			return nil, false
		}
		out = append(out, gmInt(s))
	}
	return out, true
}

// gmInt reads digits as the firmware does: bytes in front, zeros behind.
func gmInt(s string) *big.Int {
	var b [gm.SM2Size]byte
	copy(b[:], fromHex(s))
	return new(big.Int).SetBytes(b[:])
}

func gmHex(n *big.Int) glua.LString {
	b := make([]byte, gm.SM2Size)
	if n != nil {
		n.FillBytes(b)
	}
	return glua.LString(strings.ToUpper(hex.EncodeToString(b)))
}

func pushPoint(l *glua.LState, p pubkey.Point) int {
	l.Push(gmHex(p.X))
	l.Push(gmHex(p.Y))
	return 2
}

func (m *Machine) sm2Mul(k *big.Int, p pubkey.Point) pubkey.Point {
	m.labour(ecTime(pubkey.SM2.Bits()))
	return pubkey.SM2.Mul(k, p)
}

func (m *Machine) sm2Encrypt(l *glua.LState) int {
	x, _ := m.text(l.Get(1))
	y, _ := m.text(l.Get(2))
	data, _ := m.text(l.Get(3))
	if len(x) != gmHexLen || len(y) != gmHexLen {
		return m.gmError("invalid public key length=%d,%d", len(x), len(y))
	}
	m.labour(2 * ecTime(pubkey.SM2.Bits()))
	m.charge(len(data))
	c, err := gm.Encrypt(pubkey.Point{X: gmInt(x), Y: gmInt(y)}, []byte(data), m.random)
	if err != nil {
		m.logf(levelDebug, "sm", "sm2_encrypt: %v", err)
		return 0
	}
	var out []byte
	switch {
	case l.Get(4) != glua.LTrue:
		if out, err = c.DER(); err != nil {
			return 0
		}
	case l.Get(5) != glua.LTrue: // C1 C3 C2
		out = slices.Concat(gmPoint(c.C1), c.Hash, c.Text)
	default: // C1 C2 C3
		out = slices.Concat([]byte{4}, gmPoint(c.C1), c.Text, c.Hash)
	}
	m.allocate(int64(len(out)))
	return pushStr(l, string(out))
}

func gmPoint(p pubkey.Point) []byte {
	b := make([]byte, 2*gm.SM2Size)
	p.X.FillBytes(b[:gm.SM2Size])
	p.Y.FillBytes(b[gm.SM2Size:])
	return b
}

// sm2Head is the length of point and hash in front of the text.
const sm2Head = 2*gm.SM2Size + gm.SM3Size

func (m *Machine) sm2Decrypt(l *glua.LState) int {
	private, _ := m.text(l.Get(1))
	data, _ := m.text(l.Get(2))
	if len(private) != gmHexLen {
		return m.gmError("invalid private password length=%d", len(private))
	}
	if len(data) <= sm2Head {
		return m.gmError("%s", "待数据太短，应该要97字节以上")
	}
	m.labour(ecTime(pubkey.SM2.Bits()))
	m.charge(len(data))
	c, err := sm2Parts([]byte(data), l.Get(3) == glua.LTrue, l.Get(4) == glua.LTrue)
	if err == nil {
		var plain []byte
		if plain, err = gm.Decrypt(gmInt(private), c); err == nil {
			return pushStr(l, string(plain))
		}
	}
	m.logf(levelDebug, "sm", "sm2_decrypt: %v", err)
	return 0
}

func sm2Parts(data []byte, plainForm, old bool) (*gm.CipherText, error) {
	if !plainForm {
		return gm.ParseCipherText(data)
	}
	if old {
		data = data[1:]
	}
	const n = gm.SM2Size
	c := &gm.CipherText{C1: pubkey.Point{X: new(big.Int).SetBytes(data[:n]), Y: new(big.Int).SetBytes(data[n : 2*n])}}
	rest := data[2*n:]
	if old {
		c.Text, c.Hash = rest[:len(rest)-gm.SM3Size], rest[len(rest)-gm.SM3Size:]
	} else {
		c.Hash, c.Text = rest[:gm.SM3Size], rest[gm.SM3Size:]
	}
	return c, nil
}

func (m *Machine) sm3Hmac(l *glua.LState) int {
	data, _ := m.text(l.Get(1))
	key, _ := m.text(l.Get(2))
	if data == "" || key == "" {
		l.Push(glua.LNil)
		return 1
	}
	m.charge(len(data) / 8)
	h := hmac.New(gm.NewSM3, []byte(key))
	h.Write([]byte(data))
	return pushStr(l, string(h.Sum(nil)))
}

// gmDefaultID is the signer's name if none is given.
const gmDefaultID = "1234567812345678"

func (m *Machine) sm2Sign(l *glua.LState) int {
	private, data, id := m.str(l, 1), m.str(l, 2), m.optStr(l, 3, gmDefaultID)
	if len(private) != gmHexLen || data == "" || len(id) > gm.SM2IDMax {
		m.logf(levelWarn, "sm", "private key len must be 64 byte HEX string")
		return 0
	}
	d := gmInt(private)
	if d.Sign() == 0 || d.Cmp(pubkey.SM2.N) >= 0 {
		m.logf(levelWarn, "sm", "sm2_key_set_private_key -1")
		return 0
	}
	m.charge(len(data) / 8)
	digest := gm.Digest(m.sm2Mul(d, pubkey.SM2.Generator()), []byte(id), []byte(data))
	m.labour(ecTime(pubkey.SM2.Bits()))
	r, s, err := gm.Sign(d, digest, m.random)
	if err != nil {
		return 0
	}
	return pushStr(l, string(gmPoint(pubkey.Point{X: r, Y: s})))
}

func (m *Machine) sm2Verify(l *glua.LState) int {
	x, y, data := m.str(l, 1), m.str(l, 2), m.str(l, 3)
	id, sig := m.optStr(l, 4, gmDefaultID), []byte(m.str(l, 5))
	if len(x) != gmHexLen || len(y) != gmHexLen || data == "" || len(sig) != 2*gm.SM2Size || len(id) > gm.SM2IDMax {
		m.logf(levelWarn, "sm", "sm2verify: public key, data or signature has a wrong length")
		return 0
	}
	pub := pubkey.Point{X: gmInt(x), Y: gmInt(y)}
	m.charge(len(data) / 8)
	m.labour(2 * ecTime(pubkey.SM2.Bits()))
	r, s := new(big.Int).SetBytes(sig[:gm.SM2Size]), new(big.Int).SetBytes(sig[gm.SM2Size:])
	return pushBool(l, gm.Verify(pub, gm.Digest(pub, []byte(id), []byte(data)), r, s))
}

func (m *Machine) sm2Keygen(l *glua.LState) int {
	d := pubkey.SM2.RandomScalar(m.random)
	pushPoint(l, m.sm2Mul(d, pubkey.SM2.Generator()))
	l.Push(gmHex(d))
	return 3
}

func (m *Machine) sm2PointMul(l *glua.LState) int {
	n, ok := m.scalars(l, 1, 3)
	if !ok {
		return 0
	}
	return pushPoint(l, m.sm2Mul(n[0], pubkey.Point{X: n[1], Y: n[2]}))
}

func (m *Machine) sm2Ecdh(l *glua.LState) int {
	n, ok := m.scalars(l, 1, 3)
	if !ok {
		return 0
	}
	if n[0].Sign() == 0 || n[0].Cmp(pubkey.SM2.N) >= 0 {
		return m.gmError("sm2ecdh: private key out of range [1, n-1]")
	}
	return pushPoint(l, m.sm2Mul(n[0], pubkey.Point{X: n[1], Y: n[2]}))
}

func (m *Machine) sm2PointAdd(l *glua.LState) int {
	n, ok := m.scalars(l, 1, 4)
	if !ok {
		return 0
	}
	m.charge(1000)
	return pushPoint(l, pubkey.SM2.Add(pubkey.Point{X: n[0], Y: n[1]}, pubkey.Point{X: n[2], Y: n[3]}))
}

func (m *Machine) sm2OnCurve(l *glua.LState) int {
	n, ok := m.scalars(l, 1, 2)
	return pushBool(l, ok && pubkey.SM2.Contains(pubkey.Point{X: n[0], Y: n[1]}))
}

func (m *Machine) sm2Number(l *glua.LState, op func(z, a, b *big.Int) *big.Int) int {
	n, ok := m.scalars(l, 1, 2)
	if !ok {
		return 0
	}
	r := op(new(big.Int), n[0], n[1])
	l.Push(gmHex(r.Mod(r, pubkey.SM2.N)))
	return 1
}
