package xt804

import (
	"encoding/binary"
	"errors"
	"testing"

	"airlift/chips"
)

// FuzzBoot boots, starts and updates modules with damaged flash: no panic, no
// endless work, no error but the known ones.
func FuzzBoot(f *testing.F) {
	f.Add(uint64(1), uint8(0), uint16(3))
	f.Add(uint64(2), uint8(1), uint16(40))
	f.Add(uint64(3), uint8(2), uint16(0))
	f.Add(uint64(4), uint8(3), uint16(900))
	f.Add(uint64(5), uint8(4), uint16(9))
	base := make([]*module, 5)
	for i, o := range []packOptions{{}, {level: storedLevel}, {plain: true}, {typ: TypeScript, level: 1}, {}} {
		m := newModule(f, "Air101", "g2-fota")
		payload := m.fullPayload()
		if i == 4 {
			m = newModule(f, "Air6208", "g3")
			payload = append(m.app(newCode()), m.script(TypeScript, newScript)...)
		}
		m.setFlag(area(m.world, m.pack(payload, o)))
		base[i] = m
	}
	f.Fuzz(func(t *testing.T, seed uint64, kind uint8, edits uint16) {
		m := base[int(kind)%len(base)].fork()
		m.t = t
		mutate(m.world, seed, int(edits%2000))
		for range 2 {
			r, err := new(Secboot).Boot(m.env())
			if err != nil {
				t.Fatal(err)
			}
			if r.Outcome != chips.BootCore {
				continue
			}
			var broken *chips.CoreError
			run, err := m.core.Start(m.env(), r)
			if err != nil && !errors.As(err, &broken) && !errors.Is(err, ErrUnpackBound) {
				t.Fatal(err)
			}
			if err == nil && run.Updater != nil {
				useUpdater(t, m, run.Updater, seed)
			}
		}
	})
}

// useUpdater downloads something, whatever the area is.
func useUpdater(t *testing.T, m *module, u chips.Updater, seed uint64) {
	env := m.env()
	_, err := u.Init(env, 0, 0)
	p := plainPackage(m, nil)
	r := newRand(seed)
	for len(p) > 0 && err == nil {
		n := 1 + r.IntN(len(p))
		_, err = u.Write(env, p[:n])
		p = p[n:]
	}
	if err == nil {
		_, err = u.Done(env)
	}
	if err == nil {
		_, err = u.End(env, true)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mutate changes headers field by field with right CRCs, and other bytes at
// random: what boot code has to live with.
func mutate(w *world, seed uint64, edits int) {
	r := newRand(seed)
	heads := []uint32{SecbootHeaderAddr, w.l.Header, UpgradeAddr}
	for range edits%7 + 1 {
		at := heads[r.IntN(len(heads))]
		p := w.get(at, HeaderSize)
		words := []uint32{0, 1, 0x20008000, FlashBase, at, UpgradeAddr, w.l.Header, w.l.CodeAddr(), w.l.FlagAddr(), 0xFFFFFFFF, r.Uint32(), r.Uint32() & 0xFFFFF}
		binary.LittleEndian.PutUint32(p[4*r.IntN(15):], words[r.IntN(len(words))])
		h := DecodeHeader(p)
		if body := int64(h.ImgLen); at == UpgradeAddr && r.IntN(4) > 0 && body < 1<<20 {
			h.OrgChecksum = JAMCRC(w.get(at+HeaderSize, int(body)))
		}
		w.put(at, h.Encode())
	}
	for range edits / 7 {
		at := FlashBase + uint32(r.Int64N(w.dev.Size()))
		if r.IntN(2) == 0 {
			at = UpgradeAddr + HeaderSize + uint32(r.IntN(4000))
		}
		w.put(at, []byte{byte(r.Uint64())})
	}
	if r.IntN(2) == 0 { // make what was changed count
		h := DecodeHeader(w.get(UpgradeAddr, HeaderSize))
		if h.ImgLen < 1<<20 {
			h.OrgChecksum = JAMCRC(w.get(UpgradeAddr+HeaderSize, int(h.ImgLen)))
			w.put(UpgradeAddr, h.Encode())
			w.setFlag(h.OrgChecksum)
		}
	}
}
