package scriptonly

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/flashtest"
	"airlift/flash/luadb"
)

// TestFrameVector is the first frame of a package that LuaTools made
// (luadb-and-packages.md 10.4).
func TestFrameVector(t *testing.T) {
	data, err := hex.DecodeString("01045AA55AA502020200030418000000040204" + "00FE02320301045AA55AA5020E")
	if err != nil || len(data) != 32 {
		t.Fatal(len(data), err)
	}
	if got := crc16(data); got != 0x04D9 {
		t.Errorf("CRC %04X, expected 04D9", got)
	}
}

// TestFrames: what was packed comes out, and a flipped bit does not.
func TestFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		image := rapid.SliceOfN(rapid.Byte(), 1, 500).Draw(t, "image")
		p := packFrames(image)
		got, err := unpackFrames(p)
		if err != nil || !bytes.Equal(got[:len(image)], image) || len(got)%frameData != 0 || len(bytes.Trim(got[len(image):], "\xFF")) > 0 {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		at := rapid.IntRange(frameHead, len(p)-1).Draw(t, "at")
		p[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, err := unpackFrames(p); err == nil && bytes.Equal(got, image) {
			t.Fatalf("a flipped bit at %#x was not seen", at)
		}
	})
}

func script(t *testing.T, text string) []byte {
	t.Helper()
	image, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte(text)}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// rbl is a core package with a payload.
func rbl(payload []byte) []byte {
	p := make([]byte, rblHead)
	copy(p, rblMark)
	binary.LittleEndian.PutUint32(p[rblCRC:], crc32.ChecksumIEEE(payload))
	binary.LittleEndian.PutUint32(p[rblSize:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(p[rblHeadCRC:], crc32.ChecksumIEEE(p[:rblHeadCRC]))
	return append(p, payload...)
}

// container is a package of sections.
func container(common, sdk []byte) []byte {
	p := make([]byte, containerHead)
	binary.LittleEndian.PutUint32(p[52:], uint32(len(common)))
	binary.LittleEndian.PutUint32(p[56:], uint32(len(sdk)))
	sum := md5.Sum(common)
	copy(p[60:], sum[:])
	binary.LittleEndian.PutUint32(p[4:], ^crc32.ChecksumIEEE(p[8:]))
	return append(append(p, common...), sdk...)
}

// upgrade lets a module take a package in pieces, ends it and starts anew. It
// returns the results of write, isDone and end, the log, and the scripts.
func upgrade(t *testing.T, model string, pkg []byte, piece int, commit bool) (write, done, end int, log, main string) {
	t.Helper()
	c := chip(t, model, "")
	flashes, err := c.Maker.(chips.FlashMaker).MakeFlash(chips.MakeInput{Script: script(t, "old")})
	if err != nil {
		t.Fatal(err)
	}
	r, env, _ := start(t, c, flashes[0])
	if n, err := r.Updater.Init(env, 0, 0); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	write = fotaOngoing
	for rest := pkg; len(rest) > 0 && write == fotaOngoing; {
		n := min(piece, len(rest))
		if write, err = r.Updater.Write(env, rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if done, err = r.Updater.Done(env); err != nil {
		t.Fatal(err)
	}
	if end, err = r.Updater.End(env, commit); err != nil {
		t.Fatal(err)
	}
	r, _, log = start(t, c, flashes[0].Fork())
	return write, done, end, log, readFile(r.Mounts, "/luadb/main.lua")
}

func TestUpgrade(t *testing.T) {
	long := bytes.Repeat([]byte("payload "), 4000)
	bad := func(p []byte, at int) []byte {
		p = bytes.Clone(p)
		p[at] ^= 1
		return p
	}
	scripts := packFrames(script(t, "new"))
	for _, tt := range []struct {
		name, model string
		pkg         []byte
		abort       bool
		write, done int
		end         int
		log, main   string
	}{
		{"scripts", "Air8101", scripts, false, 0, 0, 0, "scripts replaced", "new"},
		{"scripts and padding", "Air8101", append(bytes.Clone(scripts), make([]byte, 1000)...), false, 0, 0, 0, "scripts replaced", "new"},
		{"aborted", "Air8101", scripts, true, 0, 0, -1, "", "old"},
		{"cut short", "Air8101", scripts[:len(scripts)-1], false, 1, 1, -1, "", "old"},
		{"damaged", "Air8101", bad(scripts, len(scripts)-1), false, -1, -1, -1, "", "old"},
		{"no package", "Air8101", long, false, -1, -1, -1, "", "old"},
		{"core", "Air8101", rbl(long), false, 0, 0, 0, "core package (RBL) of 32096 bytes is complete: that it is applied after the reset is not emulated", "old"},
		{"damaged core", "Air8101", bad(rbl(long), 5000), false, -1, -1, -1, "", "old"},
		{"damaged head", "Air8101", bad(rbl(long), 20), false, -1, -1, -1, "", "old"},
		{"too long", "Air8101", rbl(make([]byte, 3<<20)), false, -1, -1, -1, "", "old"},
		{"sections", "Air1601", container(long, long), false, 0, 0, 0, "package of sections of 64092 bytes is complete", "old"},
		{"damaged sections", "Air1602", bad(container(long, nil), 500), false, -1, -1, -1, "", "old"},
		{"a delta alone", "Air1602", container(nil, long), false, 0, 0, 0, "is not emulated", "old"},
		{"of another module", "Air1601", scripts, false, -1, -1, -1, "", "old"},
		{"nothing", "Air8101", nil, false, 1, 1, -1, "", "old"},
	} {
		for _, piece := range []int{1 << 20, 255, 5000} {
			write, done, end, log, main := upgrade(t, tt.model, tt.pkg, piece, !tt.abort)
			if write != tt.write || done != tt.done || end != tt.end || !strings.Contains(log, tt.log) || main != tt.main {
				t.Errorf("%s in pieces of %d: write %d done %d end %d, main.lua %q, log\n%s", tt.name, piece, write, done, end, main, log)
			}
		}
	}
}

// TestUpgradeCuts: wherever the power goes while scripts are replaced, the new
// ones run in the end.
func TestUpgradeCuts(t *testing.T) {
	c := chip(t, "Air8101", "")
	flashes, err := c.Maker.(chips.FlashMaker).MakeFlash(chips.MakeInput{Script: script(t, "old"+strings.Repeat(" ", 9000))})
	if err != nil {
		t.Fatal(err)
	}
	d := flashes[0]
	r, env, _ := start(t, c, d)
	if _, err := r.Updater.Init(env, 0, 0); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Updater.Write(env, packFrames(script(t, "new"+strings.Repeat("-", 9000)))); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if n, err := r.Updater.End(env, true); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	for cut := 1; ; cut++ {
		f := d.Fork()
		f.Power().SetTap(flashtest.FateAt{Op: uint64(cut), Fate: flash.Fate{Kind: flash.FateCutBefore}})
		env := &chips.Env{Board: &chips.Board{Flash: []*flash.Device{f}}, Step: func(chips.Step) {}}
		_, err := c.Core.Start(env, chips.BootResult{})
		f.Power().SetTap(nil)
		f.Power().Restore()
		r, _, _ := start(t, c, f)
		if got := readFile(r.Mounts, "/luadb/main.lua"); !strings.HasPrefix(got, "new---") {
			t.Fatalf("cut at %d: %.20q", cut, got)
		}
		if err == nil {
			if cut < 40 {
				t.Errorf("only %d operations", cut)
			}
			return
		}
	}
}

// TestUpstreamPackages takes the packages that lie beside upstream's demos.
func TestUpstreamPackages(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's packages were NOT taken; set it to a LuatOS checkout")
	}
	for name, model := range map[string]string{
		"module/Air8101/demo/fota/fota(使用fota核心库)/fota_uart.bin": "Air8101", "module/Air8101/demo/fota/ble_fota/ble_fota.bin": "Air8101",
	} {
		p, err := os.ReadFile(filepath.Join(src, filepath.FromSlash(name)))
		if err != nil {
			t.Error(err)
			continue
		}
		write, done, end, log, _ := upgrade(t, model, p, 256, true)
		if write != 0 || done != 0 || end != 0 || !strings.Contains(log, "scripts replaced") {
			t.Errorf("%s: write %d done %d end %d\n%s", name, write, done, end, log)
		}
	}
}

func FuzzPackage(f *testing.F) {
	f.Add(packFrames([]byte("image")), false)
	f.Add(rbl([]byte("payload")), false)
	f.Add(container([]byte("a"), []byte("b")), true)
	f.Fuzz(func(t *testing.T, p []byte, sections bool) {
		soc := bk7258.Name
		if sections {
			soc = ccm4211.Name
		}
		kind, length, more := packageHead(soc, p)
		if more && len(p) >= headMost {
			t.Fatalf("%d bytes are not enough", len(p))
		}
		if kind == kindUnknown || length > int64(len(p)) {
			return
		}
		if length <= 0 {
			t.Fatalf("%v of %d bytes", kind, length)
		}
		_ = checkPackage(kind, p[:length])
	})
}
