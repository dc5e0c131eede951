package rda8910

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"airlift/chips"
)

// eras are the profiles of both eras.
var eras = map[Era]string{V302340: "a", V302043: "a-v302043"}

// damaged returns a copy with one byte changed.
func damaged(b []byte, at int) []byte {
	c := bytes.Clone(b)
	if at < 0 {
		at += len(c)
	}
	c[at] ^= 0x40
	return c
}

func stream(files ...StreamFile) []byte {
	s := Stream{Files: files}
	return s.Encode()
}

// TestCodes goes through the table of answers (8910.md 5.2).
func TestCodes(t *testing.T) {
	for era, profile := range eras {
		first := newWorld(t, profile)
		first.mustBoot()
		app, pack := first.make(KindApp, ""), first.make(KindPack, "V3999")
		appFileOf := func(b []byte) StreamFile { return StreamFile{Tag: TagApp, Data: b} }
		coreFileOf := func(b []byte) StreamFile { return StreamFile{Tag: TagCore, Data: b} }
		md5Code := map[Era]int{V302340: CodeVerify, V302043: CodeWrite}[era]
		recrc := func(edit func(b []byte)) []byte {
			b := bytes.Clone(pack)
			edit(b)
			le.PutUint32(b[12:], packCRC(b[16:]))
			return b
		}
		type gone struct{ pack, app, flag bool } // what is there afterwards
		for _, v := range []struct {
			name      string
			stream    []byte
			code, end int
			finding   string
			there     gone
		}{
			{"no stream", []byte(`{"code":3,"msg":""}`), -96, -96, "first byte of the stream", gone{}},
			{"three files", []byte{0x7E, 0, 0, 0, 3}, -96, -96, "number of files", gone{}},
			{"unknown tag", []byte{0x7E, 0, 0, 0, 1, 0x7B}, -96, -96, "tag of a file", gone{}},
			{"cut short", stream(appFileOf(app))[:60], 0, -96, "not complete", gone{}},
			{"nothing", []byte{0x7E, 0, 0, 0, 0}, 0, -96, "", gone{}},
			{"data behind the last file", append(stream(appFileOf(app)), 0), -96, 0, "its end behind the last file", gone{app: true, flag: era == V302340}},
			{"script", stream(appFileOf(app)), 0, 0, "", gone{app: true, flag: era == V302340}},
			{"script with a wrong MD5", stream(appFileOf(damaged(app, 40))), md5Code, -96, "MD5 of the scripts", gone{}},
			{"no script at all", stream(appFileOf(make([]byte, 50))), 0, 0, "", gone{app: true, flag: era == V302340}},
			{"core", stream(coreFileOf(pack)), 0, 0, "", gone{pack: true, flag: era == V302340}},
			{"core with a wrong CRC", stream(coreFileOf(damaged(pack, -5))), -96, -96, "pack_crc", gone{}},
			{"core without its magic", stream(coreFileOf(damaged(pack, 0))), 0, 0, "", gone{pack: true, flag: era == V302340}},
			{"core with a wrong size", stream(coreFileOf(recrc(func(b []byte) { b[8]++ }))), -96, -96, "file_size", gone{}},
			{"core for another core", stream(coreFileOf(recrc(func(b []byte) { b[36+2*int(le.Uint32(b[32:]))+16]++ }))), -96, -96, "the module has", gone{}},
			{"core with bundles that are none", stream(coreFileOf(recrc(func(b []byte) { copy(b[le.Uint32(b[16:]):], "no LZMA") }))), 0, 0, "", gone{pack: true, flag: era == V302340}},
			{"two scripts", stream(appFileOf(app), appFileOf(app)), -96, -96, "bytes more come for /fota/app", gone{}},
			{"core and bad script", stream(coreFileOf(pack), appFileOf(damaged(app, 40))), md5Code, -96, "MD5 of the scripts", gone{}},
		} {
			t.Run(fmt.Sprintf("%v/%s", era, v.name), func(t *testing.T) {
				w := first.on(first.dev.Fork())
				_, run := w.mustBoot()
				code, end := w.send(run, v.stream, 30)
				if code != v.code || end != v.end {
					t.Errorf("fota_process %d, fota_end %d, want %d and %d\n%s", code, end, v.code, v.end, w.log())
				}
				if list := strings.Join(w.findings(), "\n"); (v.finding == "") != (list == "") || !strings.Contains(list, v.finding) {
					t.Errorf("findings %q\n%s", list, w.log())
				}
				if got := (gone{w.exists(packFile), w.exists(appFile), w.exists(flagFile)}); got != v.there {
					t.Errorf("%+v is there, want %+v", got, v.there)
				}
			})
		}
	}
}

// TestStates checks answers that depend on what came before (8910.md 5.2).
func TestStates(t *testing.T) {
	w := newWorld(t, "a")
	_, run := w.mustBoot()
	u, env := run.Updater.(chips.FileUpdater), w.env()
	process := func(p []byte, total int, want int) {
		t.Helper()
		if code, err := u.Process(env, p, int64(total)); err != nil || code != want {
			t.Errorf("fota_process %d, %v, want %d", code, err, want)
		}
	}
	process([]byte("anything"), 8, 0) // nothing was begun
	u.Init(env, 0, 0)
	process([]byte("{"), 1, CodeVerify)
	process([]byte{0x7E}, 1, CodeVerify) // the parser is not reset
	if code, err := u.End(env, true); err != nil || code != CodeVerify {
		t.Errorf("fota_end %d, %v", code, err)
	}
	process([]byte{0x7E}, 1, CodeVerify)
	u.Init(env, 0, 0)
	s := w.make(KindScriptStream, "")
	process(s[:50], len(s), 0)
	if n, err := u.Done(env); n != 1 || err != nil {
		t.Errorf("done %d, %v", n, err)
	}
	process(s[50:], len(s), 0)
	if code, err := u.End(env, true); err != nil || code != 0 {
		t.Errorf("fota_end %d, %v", code, err)
	}
	process([]byte("again"), 5, 0) // swallowed
	process([]byte("again"), 5, 0)
	u.Init(env, 0, 0)
	process(s[:50], 40, CodeVerify) // more than announced
	if n, err := u.Done(env); n != CodeVerify || err != nil {
		t.Errorf("done %d, %v", n, err)
	}
	if ok, err := u.WaitReady(env); !ok || err != nil {
		t.Error("not ready")
	}
}

// TestOneWrite is the fault of V302043 (8910.md 5.3).
func TestOneWrite(t *testing.T) {
	for era, profile := range eras {
		w := newWorld(t, profile)
		_, run := w.mustBoot()
		s := w.make(KindScriptStream, "")
		if code, end := w.send(run, s, len(s)); code != 0 || end != 0 {
			t.Fatalf("%d, %d", code, end)
		}
		finding := strings.Join(w.findings(), "\n")
		_, run = w.mustBoot()
		want := map[Era]string{V302340: "2.0.0", V302043: "1.0.0"}[era]
		if got := w.scriptVersion(run); got != want || strings.Contains(finding, "in one call") != (era == V302043) {
			t.Errorf("%v: %s, finding %q", era, got, finding)
		}
	}
}

// TestFullFileSystem fills / so that a file cannot be made, its first write is
// short, or a later one is.
func TestFullFileSystem(t *testing.T) {
	for _, v := range []struct {
		left      int // blocks
		code, end int
		finding   string
	}{
		{0, CodeNotInit, -96, "cannot be opened"},
		{1, CodeNoMemory, -96, "the file system is full: 0 of"},
		{3, 0, -96, "does not notice before fota_end"},
	} {
		w := newWorld(t, "a")
		w.mustBoot()
		root := w.vols().root
		if err := root.Mkdir(fotaFolder, 0); err != nil {
			t.Fatal(err)
		}
		for i := 0; root.Free() > int64(500*v.left); i++ {
			blocks := int(root.Free()/500) - v.left
			n := 100
			if blocks > 150 {
				n = 60000
			}
			if err := root.WriteAll(fmt.Sprintf("/fill%d", i), make([]byte, n)); err != nil {
				t.Fatal(err)
			}
		}
		_, run := w.mustBoot()
		code, end := w.send(run, stream(StreamFile{Tag: TagApp, Data: make([]byte, 3000)}), 700)
		if list := strings.Join(w.findings(), "\n"); code != v.code || end != v.end || !strings.Contains(list, v.finding) {
			t.Errorf("%d blocks left: %d, %d, findings %q", v.left, code, end, list)
		}
	}
}

// TestProgram installs a C program on a CSDK core.
func TestProgram(t *testing.T) {
	for _, profile := range []string{"b", "b-v302043"} {
		for _, good := range []bool{true, false} {
			w := newWorld(t, profile)
			_, run := w.mustBoot()
			app := testAppImage()
			if !good {
				app = damaged(app, 150)
			}
			code, end := w.send(run, stream(StreamFile{Tag: TagApp, Data: app}), 50)
			refused := !good && profile == "b" // V302043 does not look
			if (code == CodeVerify) != refused || (end == CodeVerify) != refused {
				t.Fatalf("%s: %d, %d\n%s", profile, code, end, w.log())
			}
			w.mustBoot()
			l := w.chip.Bootloader.(*Bootloader).Layout
			b := make([]byte, len(app))
			if _, err := w.dev.ReadAt(b, l.Part(PartApp).Off); err != nil || bytes.Equal(b, app) == refused {
				t.Errorf("%s, good %v: installed %v", profile, good, bytes.Equal(b, app))
			}
		}
	}
}
