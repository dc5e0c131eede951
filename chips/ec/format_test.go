package ec

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"strings"
	"testing"

	"airlift/flash/explain"
)

func TestVectorInputs(t *testing.T) {
	for _, c := range []struct {
		what, want string
		data       []byte
	}{
		{"old AP", "d213d4d60ec9", oldAP()},
		{"old CP", "c2ee2fe24ed2", oldCP()},
		{"BL", "d9323dac5a6b", lcg(5, 4096)},
		{"script", "45d8373a", testScript()},
		{"v_fwd.par", "993e107f275acbabd1a26d41c814e57e3339beca022d8c92d696cefdadd69efd", unhex(t, vFwd)},
		{"v_two.par", "acebd607aff5179bb8ee2b9e5e2508bad44e09aacee9e6454627564854faa40d", unhex(t, vTwo)},
		{"v_shr.par", "8c64a372e85d795c672101542d82bc500f71bb13add00e5813f47ab9d0359663", unhex(t, vShr)},
		{"script.sota", "31e3d25d8370cca1c7338972a84619acd596441c14eb29917fee8fa8ebf07899", unhex(t, scriptSota)},
	} {
		if got := sum256(c.data); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: SHA-256 %s, expected %s", c.what, got, c.want)
		}
	}
}

func TestScriptPackageVector(t *testing.T) {
	p, err := ParsePackage(unhex(t, scriptSota))
	if err != nil {
		t.Fatal(err)
	}
	if p.Series != EC618 || p.CRC != 0xf0289dc7 || len(p.SDK) != 0 || len(p.Rest) != 0 {
		t.Errorf("%+v", p.Head)
	}
	if got := fmt.Sprintf("%x", p.CommonMD5); got != "6c1d1f3c3fb640b1470ec0e36669029b" || md5.Sum(p.Common) != p.CommonMD5 {
		t.Errorf("CommonMD5 %s", got)
	}
	sections, err := Sections(p.Common, p.Series)
	if err != nil || len(sections) != 1 || sections[0].StartAddr != 0x2CC000 {
		t.Fatalf("%d sections, %v", len(sections), err)
	}
	data, err := sections[0].Unpack()
	if err != nil || !bytes.Equal(data, testScript()) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

// TestMakePackages checks what is decided about the packages that a packer
// makes: everything but the compressor's choices (ec618.md 8.2).
func TestMakePackages(t *testing.T) {
	fwd := unhex(t, vFwd)
	sota, err := ParsePackage(unhex(t, scriptSota))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what        string
		series      Series
		common, sdk []byte
		size        int
		crc         uint32
		sum         string
	}{
		{"script.sota", EC618, sota.Common, nil, 322, 0xf0289dc7, "31e3d25d8370cca1c7338972a84619acd596441c14eb29917fee8fa8ebf07899"},
		{"comb.sota", EC618, sota.Common, fwd, 805, 0xa1a453bf, "9d12db327f5002825e992db6f35694dc8ff7cd16235a42e464bcbaaa53bd47cf"},
		{"core.sota", EC618, nil, fwd, 575, 0xdabfdbf1, "a1694c9ecc6dbfa04e199d88039f81fb7a38affc0e30ffd8c65c8dd27983bd22"},
		{"script7.sota", EC7xx, to7xx(t, sota.Common), nil, 322, 0x679b0fe1, "3c3b666ef67912d4c4e004f1b7f30bdd1fd615ccdf028bb5e55dd24ae023b34d"},
	} {
		b := NewPackage(c.series, c.common, c.sdk).Encode()
		p, err := ParsePackage(b)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if len(b) != c.size || p.CRC != c.crc || sum256(b) != c.sum {
			t.Errorf("%s: %d bytes, CRC %08x, SHA-256 %s", c.what, len(b), p.CRC, sum256(b))
		}
	}
}

// to7xx makes the common part of script7.sota out of that of script.sota.
func to7xx(t testing.TB, common []byte) []byte {
	s, err := Sections(common, EC618)
	if err != nil || len(s) != 1 {
		t.Fatal(err)
	}
	s[0].Magic, s[0].StartAddr = magicEC7xx, 0x2B1000
	return s[0].Encode()
}

// TestBrokenPacker reads the package that the SDK of 2022 breaks.
func TestBrokenPacker(t *testing.T) {
	h := NewPackage(EC618, nil, unhex(t, vFwd)).Head
	b := cat(h.Encode(), unhex(t, vFwd))
	none := md5.Sum(nil)
	copy(b[60:], none[:])
	if got := sum256(b); got != "9cceb20f92ece106b8a2420eb9e676863444de319ee02f0d80e91f0749b86079" {
		t.Fatalf("core22.sota has SHA-256 %s", got)
	}
	_, err := ParsePackage(b)
	var fe *explain.FormatError
	if !errors.As(err, &fe) || fe.Off != 4 || fe.Want != "0x3E156261" || !strings.Contains(fe.Hint, "soc_tools") {
		t.Errorf("%v", err)
	}
}

func TestInfoVector(t *testing.T) {
	want := unhex(t, infoExample)
	i := DecodeInfo(want)
	if i.Magic != magicEC618 || i.CRC != i.ComputedCRC() || i.DataStart != xipBase+0x2EC000 || i.DataLen != 1271 || i.Mode() != ModeFull {
		t.Errorf("%+v", i)
	}
	if got := i.Encode(); !bytes.Equal(got, want) {
		t.Errorf("% x", got)
	}
	if p := DecodeInfo(placeholder(EC618)); p.CRC != 0 || p.ComputedCRC() != 0xE8836D26 {
		t.Errorf("placeholder: CRC %08X, computed %08X", p.CRC, p.ComputedCRC())
	}
}

func TestDeltaVectors(t *testing.T) {
	ap, cp := oldAP(), oldCP()
	ins := lcg(2, 200)
	type image struct {
		attr      int
		load      uint32
		backwards bool
		old, new  []byte
	}
	for _, c := range []struct {
		what   string
		file   string
		images []image
	}{
		{"v_fwd", vFwd, []image{{AttrAP, 0x24000, false, ap, cat(ap[:1000], ap[1200:])}}},
		{"v_shr", vShr, []image{{AttrAP, 0x24000, true, ap, ap[:20000]}}},
		{"v_two", vTwo, []image{
			{AttrAP, 0x24000, false, ap, cat(ap[:50000], ins, ap[50200:])},
			{AttrCP, 0, false, cp, cat(cp[:35000], ins[:16], cp[35016:])},
		}},
	} {
		b := unhex(t, c.file)
		p, err := ParsePar(b)
		if err != nil || len(p.Packages) != len(c.images) {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		for i, want := range c.images {
			k := p.Packages[i]
			if k.Attr != want.attr || k.Load != want.load || k.Backwards != want.backwards || k.ID != i || int(k.BaseSize) != len(want.old) || int(k.NewSize) != len(want.new) {
				t.Errorf("%s: %+v", c.what, k)
			}
			if got := fmt.Sprintf("%x", k.BaseHash); got != sum256(want.old) {
				t.Errorf("%s: base hash %s", c.what, got)
			}
			pl, err := ParsePayload(k.Payload)
			if err != nil {
				t.Errorf("%s: %v", c.what, err)
				continue
			}
			out, err := pl.Apply(want.old)
			if err != nil || !bytes.Equal(out, want.new) || sum256(out) != fmt.Sprintf("%x", *k.NewHash) {
				t.Errorf("%s: %d bytes, %v", c.what, len(out), err)
			}
			if !bytes.Equal(pl.Encode(), k.Payload) {
				t.Errorf("%s: payload changes when it is written again", c.what)
			}
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Errorf("%s changes when it is written again", c.what)
		}
		for n := range b {
			if _, err := ParsePar(b[:n]); err == nil {
				t.Errorf("%s cut to %d bytes is taken", c.what, n)
			}
		}
	}
}

// TestEC7xxDeltaHead reads a head whose payload nobody knows.
func TestEC7xxDeltaHead(t *testing.T) {
	p := decodeParHead(unhex(t, ec7Head))
	if p.Version != 0x45 || p.Cap != 0x10 || p.Len != 564 || p.Count() != 1 || p.Method() != 0 {
		t.Errorf("%+v", p)
	}
	b := append(unhex(t, ec7Head), make([]byte, 564-192)...)
	copy(b[ParHeadSize+0x70:], "\xECPSH")
	k, err := parseParPackage(b[:564], ParHeadSize)
	if err != nil {
		t.Fatal(err)
	}
	if !k.Backwards || k.Segments != 4 || k.Load != 0x7E000 || k.NewSize != 301100 || k.BaseSize != 300000 || k.Name != "EC718_AP.par" || k.NewHash == nil || k.NewHash[0] != 0xC6 {
		t.Errorf("%+v", k)
	}
}

func TestSectionRoundTrip(t *testing.T) {
	for _, n := range []int{1, 100, 4096, BlockLen, BlockLen + 1, 3*BlockLen - 7} {
		data := lcg(uint32(n), n)
		copy(data[n/2:], data[:n/2]) // something to find
		s, err := NewSection(EC7xx, 0x2B1000, data)
		if err != nil {
			t.Fatal(err)
		}
		b := s.Encode()
		list, err := Sections(b, EC7xx)
		if err != nil || len(list) != 1 {
			t.Fatalf("%d: %v", n, err)
		}
		if got, err := list[0].Unpack(); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d came back, %v", n, len(got), err)
		}
	}
}

func FuzzPackage(f *testing.F) {
	f.Add(unhex(f, scriptSota))
	f.Add(NewPackage(EC618, nil, unhex(f, vFwd)).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePackage(b)
		if err != nil {
			return
		}
		if !bytes.Equal(cat(p.Encode(), p.Rest), b) {
			t.Fatal("the package changes when it is written again")
		}
		list, _ := Sections(p.Common, p.Series)
		for _, s := range list {
			_, _ = s.Unpack()
		}
	})
}

func FuzzSection(f *testing.F) {
	p, err := ParsePackage(unhex(f, scriptSota))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Common)
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := Sections(b, EC618)
		for _, s := range list {
			out, err := s.Unpack()
			if err == nil && len(out) != int(s.DataLen) {
				t.Fatalf("%d bytes of %d", len(out), s.DataLen)
			}
		}
	})
}

func FuzzPar(f *testing.F) {
	for _, v := range []string{vFwd, vTwo, vShr} {
		f.Add(unhex(f, v))
	}
	old := oldAP()
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < ParHeadSize {
			return
		}
		p, err := parseParHead(b)
		if err != nil || p.parsePackages(b[:p.Len]) != nil {
			return
		}
		for _, k := range p.Packages {
			if pl, err := ParsePayload(k.Payload); err == nil {
				pl.OldSize = uint32(len(old))
				_, _ = pl.Apply(old)
			}
		}
	})
}

// TestEmptyBlock: the shortest block there is, at the end of a stream: no
// properties, no data.
func TestEmptyBlock(t *testing.T) {
	s := Section{Stream: []byte{1, 0, 2, 0, 0, 0, 'h', 'i', 0, 0, 0, 0, 0}}
	blocks, err := s.Blocks()
	if err != nil || len(blocks) != 2 || string(blocks[0].Data) != "hi" || blocks[1].Off != 8 || len(blocks[1].Data) != 0 {
		t.Errorf("%+v, %v", blocks, err)
	}
	for n := range s.Stream {
		cut := Section{Stream: s.Stream[:n]}
		if _, err := cut.Blocks(); (err == nil) != (n == 0 || n == 8) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// TestShortDelta: in place of a delta a layer takes any bytes, also none that
// could hold a hash.
func TestShortDelta(t *testing.T) {
	for _, series := range []Series{EC618, EC7xx} {
		par := unhex(t, vFwd)
		if series == EC7xx {
			par = (&Par{Version: 0x45, Packages: []*ParPackage{{NewHash: new([32]byte), Payload: []byte(payloadOwn)}}}).Encode()
		}
		list, err := new(maker).Layers(NewPackage(series, nil, par).Encode())
		if err != nil || list[1].Name != "delta" {
			t.Fatal(list, err)
		}
		for _, n := range []int{0, 1, 83, 84, 85} {
			p := make([]byte, n)
			pkg, err := list[1].Wrap(p)
			if err != nil {
				t.Fatal(series, n, err)
			}
			q, err := ParsePackage(pkg)
			if err != nil || len(q.SDK) != n || n > 0 && n < ParHeadSize && !bytes.Equal(q.SDK, p) {
				t.Errorf("%v, %d bytes: %v", series, n, err)
			}
			if n >= ParHeadSize && parHashOf(q.SDK) != decodeParHead(q.SDK).Hash {
				t.Errorf("%v, %d bytes: not sealed", series, n)
			}
		}
	}
}
