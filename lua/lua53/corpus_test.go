package lua53

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCorpusCompiles compiles every Lua file below LUATOS_SRC, a checkout of
// openLuat/LuatOS, at both widths; what our compiler made must pass our
// verifier after a round trip through each bytecode layout.
func TestCorpusCompiles(t *testing.T) {
	root := os.Getenv("LUATOS_SRC")
	if root == "" {
		t.Skip("SKIPPED: set LUATOS_SRC to a checkout of openLuat/LuatOS")
	}
	luac, _ := exec.LookPath("luac5.3")
	files, bad := 0, 0
	var slowest time.Duration
	slowName := ""
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".lua") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files++
		for _, bits := range []int{32, 64} {
			start := time.Now()
			p, err := Compile(string(SkipPrefix(b)), "@"+filepath.Base(name), bits)
			if d := time.Since(start); d > slowest {
				slowest, slowName = d, name
			}
			if err != nil {
				if luac != "" && exec.Command(luac, "-p", name).Run() != nil {
					t.Logf("neither compiler takes %s: %v", name, err)
					return nil
				}
				bad++
				t.Errorf("%s: %v", name, err)
				return nil
			}
			roundTrip(t, p, bits)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d files compile; slowest %v (%s)", files-bad, files, slowest, slowName)
}

// TestCorpusOfRepositories compiles every Lua file of the checkouts below
// LUATOS_CORPUS: at least 99.9 % must compile, and the others are listed. Those
// that luac5.3 refuses, too, are no Lua 5.3 and do not count.
func TestCorpusOfRepositories(t *testing.T) {
	root := os.Getenv("LUATOS_CORPUS")
	if root == "" {
		t.Skip("SKIPPED: set LUATOS_CORPUS to a folder of checkouts")
	}
	luac, _ := exec.LookPath("luac5.3")
	type count struct{ files, ours, theirs int }
	counts := map[string]*count{}
	total := count{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".lua") {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		repo, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		c := counts[repo]
		if c == nil {
			c = &count{}
			counts[repo] = c
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		c.files++
		if _, err := Compile(string(SkipPrefix(b)), "@"+filepath.Base(name), 64); err != nil {
			if luac != "" && exec.Command(luac, "-p", name).Run() != nil {
				c.theirs++
				t.Logf("no Lua 5.3, luac5.3 refuses it, too: %s: %v", rel, err)
				return nil
			}
			c.ours++
			t.Logf("%s: %v", rel, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, repo := range slices.Sorted(maps.Keys(counts)) {
		c := counts[repo]
		t.Logf("%-24s %5d of %5d files compile, %d more are no Lua 5.3", repo, c.files-c.ours-c.theirs, c.files, c.theirs)
		total.files, total.ours, total.theirs = total.files+c.files, total.ours+c.ours, total.theirs+c.theirs
	}
	t.Logf("%d of %d files compile, %d are no Lua 5.3", total.files-total.ours-total.theirs, total.files, total.theirs)
	if total.files == 0 || total.ours*1000 > total.files {
		t.Errorf("%d of %d files do not compile", total.ours, total.files)
	}
}

// roundTrip writes bytecode in every layout of the width and reads it again.
func roundTrip(t *testing.T, p *Proto, bits int) {
	t.Helper()
	layouts := []Layout{LayoutMCU64, LayoutPC}
	if bits == 32 {
		layouts = []Layout{Layout32}
	}
	for _, lay := range layouts {
		for _, strip := range []bool{false, true} {
			b, err := p.Dump(lay, strip)
			if err != nil {
				t.Errorf("dump: %v", err)
				return
			}
			q, err := Undump(b, "=x", bits)
			if err != nil {
				t.Errorf("undump of our own code: %v", err)
				return
			}
			if strip {
				continue
			}
			c, err := q.Dump(lay, false)
			if err != nil || !bytes.Equal(b, c) {
				t.Errorf("a second dump differs (%v)", err)
			}
		}
	}
}

// TestCorpusLuac reads what luac5.3 makes of every file.
func TestCorpusLuac(t *testing.T) {
	root := os.Getenv("LUATOS_SRC")
	luac, err := exec.LookPath("luac5.3")
	if root == "" || err != nil {
		t.Skip("SKIPPED: needs LUATOS_SRC and luac5.3")
	}
	out := filepath.Join(t.TempDir(), "out")
	n, step := 0, 10
	if full() {
		step = 1
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".lua") {
			return err
		}
		if n++; n%step != 0 {
			return nil
		}
		for _, args := range [][]string{{"-o", out, name}, {"-s", "-o", out, name}} {
			if exec.Command(luac, args...).Run() != nil {
				return nil
			}
			b, err := os.ReadFile(out)
			if err != nil {
				return err
			}
			if _, err := Undump(b, "@"+name, 64); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
