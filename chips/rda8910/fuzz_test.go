package rda8910

import (
	"bytes"
	"testing"
)

func FuzzStream(f *testing.F) {
	f.Add(bothVector(f), byte(7))
	f.Add(bothVector(f)[:108], byte(1))
	f.Fuzz(func(t *testing.T, b []byte, chunk byte) {
		s, err := ParseStream(b)
		if err == nil && !bytes.Equal(s.Encode(), b) {
			t.Fatal("the stream changes when it is written again")
		}
		whole, fault := collected(b, func() int { return len(b) })
		parts, fault2 := collected(b, func() int { return 1 + int(chunk) })
		if fault != fault2 || len(whole) != len(parts) || (fault < 0) != (err == nil) {
			t.Fatalf("fault at %d or %d, %v", fault, fault2, err)
		}
	})
}

func FuzzPack(f *testing.F) {
	f.Add(unhex(f, miniPack))
	b, err := MakePack(PackInput{OldVersion: "a", NewVersion: "b", Files: []FileChange{
		{Name: "/modem/a", Old: []byte("old"), New: []byte("new")}, {Name: "/b", New: []byte("new")}, {Name: "/c", Old: []byte("old")},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parsePack(b)
		if err != nil {
			return
		}
		_ = p.Verify()
		c := miniOld()
		c.Files = map[string][]byte{"/modem/a": []byte("old"), "/c": []byte("old")}
		_ = p.Apply(c)
	})
}

// FuzzBundle takes unpacked bundles: a fuzzer does not find its way through
// LZMA.
func FuzzBundle(f *testing.F) {
	p, err := ParsePack(unhex(f, miniPack))
	if err != nil {
		f.Fatal(err)
	}
	plain, err := p.unpack(p.Bulks[0].Bundles[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(plain)
	old := bytes.NewReader(miniOld().Flash)
	f.Fuzz(func(t *testing.T, b []byte) {
		blocks, err := parseBundle(b, 0)
		if err != nil {
			return
		}
		if !bytes.Equal(encodeBundle(blocks), b) {
			t.Fatal("the bundle changes when it is written again")
		}
		for i := range blocks {
			_, _ = blocks[i].Build(old)
		}
	})
}

func FuzzLZMAR(f *testing.F) {
	f.Add(unhex(f, scriptLZMAR))
	b, err := PackLZMAR(make([]byte, 70000))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := ParseLZMAR(b)
		if err == nil {
			_, _ = z.Unpack()
		}
		packed, err := PackLZMAR(b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := unpackLZMAR(packed); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes come back as %d, %v", len(b), len(got), err)
		}
	})
}

func FuzzAlone(f *testing.F) {
	f.Add(unhex(f, miniPack)[68:])
	f.Add(packAlone([]byte("abcabcabcabc, abc")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := aloneSize(b, 0); err == nil {
			_, _ = unpackAlone(b, 0, n)
		}
		if got, err := unpackAlone(packAlone(b), 0, len(b)); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%d bytes come back as %d, %v", len(b), len(got), err)
		}
	})
}

// FuzzInspect explains and unpacks anything.
func FuzzInspect(f *testing.F) {
	up, err := MakeUpgrade(UpgradeInput{Script: unhex(f, scriptVector), CPPack: unhex(f, miniPack)})
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{
		bothVector(f), unhex(f, miniPack), up, unhex(f, scriptLZMAR), testUImage([]byte("x")), testAppImage(),
		testPac(testUImage([]byte("x"))).Encode(), append(appVector(f), AppTrailer...), unhex(f, "0300000007000000"),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, ok := New().Inspect(b)
		if ok && tree.Len != int64(len(b)) {
			t.Fatalf("the tree is for %d bytes of %d", tree.Len, len(b))
		}
		_, _, _ = New().Unpack(b)
	})
}
