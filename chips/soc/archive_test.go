package soc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"airlift/flash/explain"
)

func TestArchives(t *testing.T) {
	for _, c := range []struct {
		name, method string
		entries      int
	}{
		{"lzma2.7z", "LZMA2", 4}, {"lzma.7z", "LZMA", 3}, {"lzma.zip", "LZMA", 1},
		{"f-BCJ.7z", "LZMA+BCJ", 1}, {"f-BCJ2.7z", "LZMA+LZMA+LZMA+BCJ2", 1}, {"f-ARM.7z", "LZMA+ARM", 1}, {"f-ARMT.7z", "LZMA+ARMT", 1}, {"f-Delta.7z", "LZMA+delta", 1},
	} {
		a, err := Open(archive(t, c.name))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if len(a.Entries) != c.entries {
			t.Errorf("%s: %d entries", c.name, len(a.Entries))
		}
		for _, e := range a.Entries {
			got, err := a.ReadFile(e.Name)
			if want, ok := samples()[e.Name]; err != nil || !ok || string(got) != want {
				t.Errorf("%s: %s: %d bytes, %v", c.name, e.Name, len(got), err)
			}
			if e.Size > 0 && e.Method != c.method {
				t.Errorf("%s: %s by %s", c.name, e.Name, e.Method)
			}
		}
		if _, err := a.ReadFile("nothing"); !errors.Is(err, ErrNoEntry) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestRefused(t *testing.T) {
	var encrypted *EncryptedError
	a, err := Open(archive(t, "aes.7z"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("info.json"); !errors.As(err, &encrypted) || encrypted.Name != "info.json" {
		t.Errorf("encrypted entry: %v", err)
	}
	if _, err := Open(archive(t, "aeshead.7z")); err == nil || !strings.Contains(err.Error(), "encrypted") {
		t.Errorf("encrypted header: %v", err)
	}
	var method *MethodError
	if a, err = Open(archive(t, "ppmd.7z")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReadFile("info.json"); !errors.As(err, &method) || method.Method != "PPMd" || method.Name != "info.json" {
		t.Errorf("unknown method: %v", err)
	}
	for _, b := range []string{"", "PK", "PK\x03\x04 and no directory", "7z\xbc\xaf", "Rar!"} {
		var fe *explain.FormatError
		if _, err := Open([]byte(b)); !errors.As(err, &fe) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

// TestDamage flips every byte of an archive: no damage goes unnoticed where
// names or contents change.
func TestDamage(t *testing.T) {
	for _, name := range []string{"lzma2.7z", "lzma.7z", "f-BCJ.7z"} {
		good := archive(t, name)
		for i := range good {
			b := bytes.Clone(good)
			b[i] ^= 0x41
			a, err := Open(b)
			if err != nil {
				continue
			}
			files, err := a.Extract(func(*Entry) bool { return true })
			if err != nil {
				continue
			}
			for _, f := range files {
				if samples()[f.Name] != string(f.Data) {
					t.Fatalf("%s: byte %d changed: %q became %d other bytes", name, i, f.Name, len(f.Data))
				}
			}
		}
	}
}

// sevenWith returns an archive with the header h and right CRCs.
func sevenWith(h []byte) []byte {
	b := append(append([]byte(nil), sevenMagic...), 0, 4, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, 0)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(h)))
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(h))
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:32]))
	return append(b, h...)
}

// TestHostileCounts gives headers of a few bytes that promise a lot.
func TestHostileCounts(t *testing.T) {
	huge := []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}
	for _, c := range []struct {
		what string
		h    []byte
	}{
		{"packed streams", append([]byte{idHeader, idStreams, idPackInfo, 0}, huge...)},
		{"folders", append([]byte{idHeader, idStreams, idUnpackInfo, idFolder}, huge...)},
		{"coders", append([]byte{idHeader, idStreams, idUnpackInfo, idFolder, 1, 0}, huge...)},
		{"files", append([]byte{idHeader, idFiles}, huge...)},
		{"property", append([]byte{idHeader, idFiles, 1, idNames}, huge...)},
		{"pack position", append([]byte{idHeader, idStreams, idPackInfo}, append(huge, 1, idSize, 0, 0)...)},
		{"packed sizes", append([]byte{idHeader, idStreams, idPackInfo, 0, 1, idSize}, huge...)},
	} {
		var fe *explain.FormatError
		if _, err := Open(sevenWith(c.h)); !errors.As(err, &fe) || fe.Off < sevenHead {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// TestBomb promises more output than an archive may have.
func TestBomb(t *testing.T) {
	h := []byte{idHeader, idStreams, idPackInfo, 0, 1, idSize, 0, idEnd, idUnpackInfo, idFolder, 1, 0, 1, 0x21, 0x21, 1, 40, idUnpackSize, 0xF0, 0, 0, 0, 0x20, idEnd, idEnd, idEnd}
	var fe *explain.FormatError
	if _, err := Open(sevenWith(h)); !errors.As(err, &fe) || fe.What != "size of a folder" {
		t.Errorf("%v", err)
	}
	if got := room(1<<32, maxOutput, 10); got != 10*maxRatio {
		t.Errorf("a stream of 10 bytes gets %d bytes of memory", got)
	}
}

func TestWrite(t *testing.T) {
	files := []File{{InfoName, []byte(sampleInfo)}, {"luatos.binpkg", []byte("core")}, {"空.txt", nil}}
	b, err := Write(files)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Write(files)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("written twice, two results: %v", err)
	}
	a, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := a.Extract(func(*Entry) bool { return true })
	if err != nil || len(got) != len(files) {
		t.Fatalf("%d files, %v", len(got), err)
	}
	for i, f := range files {
		if got[i].Name != f.Name || !bytes.Equal(got[i].Data, f.Data) {
			t.Errorf("%+v", got[i])
		}
	}
}

func TestROM(t *testing.T) {
	a, err := Open(archive(t, "lzma2.7z"))
	if err != nil {
		t.Fatal(err)
	}
	info, rom, err := a.ROM()
	if err != nil || info.Text("chip.type") != "ec618" || string(rom) != samples()["luatos.binpkg"] {
		t.Errorf("%d bytes, %v", len(rom), err)
	}
	for text, want := range map[string]string{`{}`: "rom.file", `{"rom":{"file":"gone"}}`: "gone"} {
		b, err := Write([]File{{InfoName, []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		if a, err = Open(b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.ROM(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestExplainArchive(t *testing.T) {
	inner := func(name string, data []byte) *explain.Field {
		return &explain.Field{Name: "inner " + name, Len: int64(len(data)), Verdict: explain.OK}
	}
	f := Explain(archive(t, "lzma2.7z"), inner)
	if f.Worst() != explain.OK || len(f.Fields) != 4 {
		t.Errorf("%+v", f)
	}
	for _, e := range f.Fields {
		switch e.Name {
		case InfoName:
			if len(e.Fields) != 1 || len(e.Fields[0].Fields) != 6 {
				t.Errorf("%+v", e)
			}
		case "luatos.binpkg":
			if len(e.Fields) != 1 || e.Fields[0].Name != "inner luatos.binpkg" {
				t.Errorf("%+v", e)
			}
		}
	}
	for name, want := range map[string]explain.Verdict{"aes.7z": explain.Bad, "aeshead.7z": explain.Bad, "ppmd.7z": explain.Bad, "f-ARM.7z": explain.Bad} {
		if got := Explain(archive(t, name), inner).Worst(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	for name := range archives {
		f.Add(archive(f, name))
	}
	f.Add(sevenWith([]byte{idHeader, idEnd}))
	f.Fuzz(func(t *testing.T, b []byte) {
		Explain(b, func(string, []byte) *explain.Field { return nil })
		a, err := Open(b)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("not a FormatError: %v", err)
			}
			return
		}
		total := 0
		files, _ := a.Extract(func(e *Entry) bool { return e.Size <= 1<<20 })
		for _, f := range files {
			total += len(f.Data)
		}
		if total > maxOutput {
			t.Fatalf("%d bytes out of %d", total, len(b))
		}
	})
}

// FuzzHeader gives the header reader anything, behind right CRCs.
func FuzzHeader(f *testing.F) {
	for _, name := range []string{"lzma2.7z", "lzma.7z", "f-ARM.7z"} {
		b := archive(f, name)
		f.Add(b[sevenHead+binary.LittleEndian.Uint64(b[12:]):])
	}
	f.Fuzz(func(t *testing.T, h []byte) {
		a, err := Open(sevenWith(h))
		if err == nil {
			_, _ = a.Extract(func(e *Entry) bool { return e.Size <= 1<<16 })
		}
	})
}

// TestHiddenBomb: coders that feed others may promise little more than files
// may, although no entry has their size.
func TestHiddenBomb(t *testing.T) {
	// A folder has two coders: a delta filter, and LZMA2 that feeds it.
	folder := []byte{2, 0x21, coderDelta[0], 1, 0, 0x21, coderLZMA2[0], 1, 40, 0, 1}
	header := func(folders int) []byte {
		h := []byte{idHeader, idStreams, idPackInfo, 0, byte(folders), idSize}
		h = append(append(h, make([]byte, folders)...), idEnd, idUnpackInfo, idFolder, byte(folders), 0)
		h = append(h, bytes.Repeat(folder, folders)...)
		h = append(h, idUnpackSize)
		h = append(h, bytes.Repeat([]byte{1, 0xF0, 0, 0, 0, 8}, folders)...) // 1 byte comes out of 128 MiB
		return append(h, idEnd, idEnd, idEnd)
	}
	if _, err := Open(sevenWith(header(3))); err != nil {
		t.Errorf("3 folders of 128 MiB: %v", err)
	}
	var fe *explain.FormatError
	if _, err := Open(sevenWith(header(4))); !errors.As(err, &fe) || fe.What != "sizes of all coders" || fe.Off < sevenHead {
		t.Errorf("4 folders of 128 MiB: %v", err)
	}
}
