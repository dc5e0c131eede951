package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"
	"testing"

	"airlift/flash/flashtest"
)

// quiet is an app whose output goes nowhere.
func quiet(args ...string) int {
	a := &app{out: io.Discard, err: io.Discard}
	return a.execute(args)
}

// verbs are all command lines that read the file FILE in the folder DIR.
var verbs = [][]string{
	{"inspect", "--all", "FILE"},
	{"inspect", "--format", "json", "FILE"},
	{"unpack", "FILE", "-o", "DIR/out"},
	{"boot", "FILE", "--chip", "air601"},
	{"boot", "FILE", "--chip", "air601", "--profile", "g3", "--cut", "3", "--tear", "0.5"},
	{"flash", "map", "FILE", "--chip", "air601"},
	{"flash", "ls", "FILE", "--chip", "air601"},
	{"flash", "cat", "FILE", "/main.lua", "--chip", "air601"},
	{"flash", "put", "FILE", "/a/b.txt", "DIR/small", "--chip", "air601", "-o", "DIR/put", "--mkfs"},
	{"flash", "diff", "FILE", "FILE", "--chip", "air601"},
	{"run", "FILE", "--for", "3s", "--boots", "3", "--core-size", "4096"},
	{"run", "DIR/main.lua", "--for", "1s", "--boots", "2", "--core-size", "4096"},
	{"run", "DIR/main.lua", "--for", "1s", "--core-size", "4096", "--platform", "FILE", "--route", "http://x/y=FILE"},
	{"pack", "FILE", "--chip", "air601", "--kind", "bin", "-o", "DIR/packed"},
	{"pack", "--chip", "air601", "--kind", "flash", "--core", "FILE", "-o", "DIR/packed"},
	{"chips", "show", "air601", "--profile", "g3", "--layout", "FILE"},
	{"run", "DIR/core.soc", "--for", "1s", "--boots", "2"},
	{"run", "DIR/core.soc", "--chip", "air780e", "--for", "1s", "--boots", "2"},
	{"delta", "DIR/core.soc", "DIR/core.soc", "-o", "DIR/packed"},
	{"pack", "--chip", "air780e", "--kind", "flash", "--core", "FILE", "-o", "DIR/packed"},
	{"chips", "show", "air780e", "--layout", "FILE"},
	{"serve", "--platform", "FILE", "--listen", "127.0.0.1:0", "--for", "1ms"},
}

// hostile feeds a file to verbs. They may refuse it or find fault with it;
// they must end, with an exit code of ours.
func hostile(t testing.TB, dir string, data []byte, verbs ...[]string) {
	t.Helper()
	for name, p := range map[string][]byte{"input": data, "main.lua": data, "core.soc": data, "small": []byte("x")} {
		if err := os.WriteFile(filepath.Join(dir, name), p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	paths := strings.NewReplacer("FILE", filepath.Join(dir, "input"), "DIR", dir)
	for _, verb := range verbs {
		args := make([]string, len(verb))
		for i, arg := range verb {
			args[i] = paths.Replace(arg)
		}
		switch code := quiet(args...); code {
		case exitFine, exitFindings, exitUsage, exitEnv, exitBadInput, exitTimeout:
		default:
			t.Errorf("%v: exit code %d", args, code)
		}
		os.RemoveAll(filepath.Join(dir, "out"))
	}
}

// samples are good files of every kind.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	project := filepath.Join(dir, "main.lua")
	if err := os.WriteFile(project, []byte("PROJECT = \"x\"\nVERSION = \"1.0.0\"\nlog.info(\"x\", 1)\n-- a comment that makes the image large enough for every generation of the firmware\n-- "+strings.Repeat("x", 1200)+"\nio.writeFile(\"/f\", \"hello\")\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	make := func(kind, chip string) {
		out := filepath.Join(dir, kind)
		args := []string{"pack", project, "--chip", chip, "--kind", kind, "-o", out, "--force"}
		if kind != "bin" {
			args = append(args, "--core-size", "8192", "--pad")
		}
		if code := quiet(args...); code != 0 {
			t.Fatalf("pack %s: exit code %d", kind, code)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		files[kind] = data
	}
	make("bin", "air601")
	make("fota", "air6208")
	make("sota", "air6208")
	make("fls", "air601")
	make("flash", "air601")
	make("soc", "air780epm")
	make("binpkg", "air780e")
	ran := filepath.Join(dir, "ran")
	if code := quiet("run", filepath.Join(dir, "flash"), "--for", "2s", "--out", ran); code != 0 {
		t.Fatalf("run: exit code %d", code)
	}
	data, err := os.ReadFile(ran)
	if err != nil {
		t.Fatal(err)
	}
	files["flash with files"] = data
	files["csv"] = []byte("# flash_base = 0x08000000\n# flash_size = 0x100000\n# ram_end = 0x20028000\nsecboot,boot,0x000000,64K\nfota,ota,0x010000,4K\napp,app,0x011000,764K\nkv,data,0x0D0000,64K\nscript,script,0x0E0000,64K\nfs,fs,0x0F0000,40K\nsysparam,sysparam,0x0FE000,8K\n")
	files["platform"] = []byte(`{"answers":"cloud","accounts":[{"name":"13800000000","projects":[{"name":"demo"}]}]}`)
	files["lua"] = []byte("local t = {} for i = 1, 10 do t[#t + 1] = string.format('%5d %s', i, ('x'):rep(i)) end\nprint(table.concat(t, ','), json.encode(t), ('abc'):gsub('%w', '%0%0'))\nsys.timerStart(print, 10, 1)\nsys.run()\n")
	return files
}

// mutate damages a copy of data: bits, bytes, ranges, numbers, length.
func mutate(r *rand.Rand, data []byte) []byte {
	p := bytes.Clone(data)
	for range 1 + r.IntN(4) {
		if len(p) == 0 {
			return p
		}
		// Formats have their headers at the front and at the start of sectors.
		at := r.IntN(len(p))
		switch r.IntN(3) {
		case 0:
			at = r.IntN(min(len(p), 256))
		case 1:
			at = min(len(p)-1, r.IntN(len(p)/4096+1)*4096+r.IntN(128))
		}
		switch r.IntN(7) {
		case 0:
			p[at] ^= 1 << r.IntN(8)
		case 1:
			p[at] = byte(r.Uint32())
		case 2: // a number at its limits
			n := []uint32{0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 4096, uint32(len(p))}[r.IntN(8)]
			if at+4 <= len(p) {
				binary.LittleEndian.PutUint32(p[at:], n)
			}
		case 3:
			end := at + r.IntN(min(len(p)-at, 5000)+1)
			for i := at; i < end; i++ {
				p[i] = 0xFF
			}
		case 4: // a piece of itself elsewhere
			n := r.IntN(min(len(p)-at, 4096) + 1)
			copy(p[r.IntN(len(p)):], bytes.Clone(p[at:at+n]))
		case 5:
			if len(p) != 1<<20 { // a dump of another size is refused at once
				p = p[:at]
			}
		case 6:
			if len(p) < 1<<16 {
				p = append(p, p[at:]...)
			}
		}
	}
	return p
}

// Every verb survives damaged files of every kind, in bounded memory.
func TestDamagedFiles(t *testing.T) {
	oneByOne(t)
	files := samples(t)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	n := 2
	if flashtest.Full() {
		n = 600
	}
	sort.Strings(names)
	dir := t.TempDir()
	for _, name := range names {
		for i := range n {
			r := rand.New(rand.NewPCG(uint64(i), uint64(len(name))))
			data := mutate(r, files[name])
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			hostile(t, dir, data, verbs...)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > 2<<30 {
				t.Errorf("%s, mutation %d: %d MiB allocated for a file of %d bytes", name, i, got>>20, len(data))
			}
			if t.Failed() {
				keep := filepath.Join(os.TempDir(), fmt.Sprintf("airlift-damaged-%d", i))
				_ = os.WriteFile(keep, data, 0o644)
				t.Fatalf("%s, mutation %d: kept as %s", name, i, keep)
			}
		}
	}
}

// FuzzCommand gives arbitrary bytes to a verb, as a file of their own or, with
// an offset on it, as a patch on a flash dump.
func FuzzCommand(f *testing.F) {
	files := samples(f)
	const alone = 0xFFFFFFFF
	for verb := range verbs {
		for _, data := range files {
			if len(data) < 1<<16 {
				f.Add(byte(verb), uint32(alone), data)
			}
		}
	}
	dump := files["flash with files"]
	for verb := 3; verb < 11; verb++ {
		for _, at := range []uint32{0x002000, 0x011000, 0x0E0000, 0x0F0000, 0x0F1000} {
			f.Add(byte(verb), at, dump[at:at+0x100])
		}
	}
	f.Fuzz(func(t *testing.T, verb byte, at uint32, data []byte) {
		if int64(at) < int64(len(dump)) {
			p := bytes.Clone(dump)
			copy(p[at:], data)
			data = p
		}
		hostile(t, t.TempDir(), data, verbs[int(verb)%len(verbs)])
	})
}

// What a script or a server sends does not act on the terminal, and PROJECT
// does not choose the folder that is written to.
func TestHostileText(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "x.lua")
	text := "PROJECT = '../../up'\nVERSION = '1.0.0'\nprint('\\27]0;owned\\7\\27[2J a\\tb\\r')\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{out: &out, err: io.Discard}
	if code := a.execute([]string{"run", file, "--for", "1s", "--core-size", "4096"}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if s := out.String(); strings.ContainsAny(s, "\x1b\a\r") || !strings.Contains(s, "·]0;owned··[2J a\tb") {
		t.Errorf("%q", s)
	}
	inner := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(inner)
	if code := quiet("pack", file, "--chip", "air601", "--kind", "fls", "--core-size", "4096"); code != 0 {
		t.Fatalf("pack: exit code %d", code)
	}
	if made, err := filepath.Glob(filepath.Join(inner, "*.fls")); err != nil || len(made) != 1 {
		t.Errorf("made %v, %v", made, err)
	}
}

// The step budget is a limit of time.
func TestBudgetExitCode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.lua")
	if err := os.WriteFile(file, []byte("while true do end"), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := quiet("run", file, "--steps", "100000", "--core-size", "4096"); code != exitTimeout {
		t.Errorf("exit code %d, want %d", code, exitTimeout)
	}
}
