package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"pgregory.net/rapid"
)

// names lists a folder.
func names(t *rapid.T, f afero.Fs, dir string) []string {
	d, err := f.Open(dir)
	if err != nil {
		t.Fatalf("open %s: %v", dir, err)
	}
	list, err := d.Readdirnames(-1)
	if err != nil {
		t.Fatalf("list %s: %v", dir, err)
	}
	for i := range list {
		list[i] = path.Base(list[i])
	}
	return list
}

// TestRAMTreeModel compares a RAM disk with folders with a map of paths.
func TestRAMTreeModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ram := NewRAMTree(1000)
		model := map[string]string{"": "/"} // folders hold "/"
		isDir := func(p string) bool { return model[p] == "/" }
		has := func(p string) bool { _, ok := model[p]; return ok }
		pick := rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b"}), 1, 3).Draw(t, "parts"), "/")
		})
		up := func(p string) string {
			if i := strings.LastIndex(p, "/"); i >= 0 {
				return p[:i]
			}
			return ""
		}
		empty := func(p string) bool {
			for q := range model {
				if strings.HasPrefix(q, p+"/") {
					return false
				}
			}
			return true
		}
		expect := func(what string, err error, ok bool) {
			if (err == nil) != ok {
				t.Fatalf("%s: %v, expected success %v in %q", what, err, ok, model)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"mkdir": func(t *rapid.T) {
				p := pick.Draw(t, "path")
				ok := true
				for q := p; q != ""; q = up(q) {
					ok = ok && (!has(q) || isDir(q))
				}
				expect("mkdir "+p, ram.Mkdir("/"+p, 0), ok)
				for q := p; ok && q != ""; q = up(q) {
					model[q] = "/"
				}
			},
			"write": func(t *rapid.T) {
				p, text := pick.Draw(t, "path"), rapid.StringMatching(`[a-z]{0,5}`).Draw(t, "text")
				ok := !isDir(p) && isDir(up(p))
				expect("write "+p, afero.WriteFile(ram, p, []byte(text), 0), ok)
				if ok {
					model[p] = text
				}
			},
			"remove": func(t *rapid.T) {
				p := pick.Draw(t, "path")
				ok := has(p) && empty(p)
				expect("remove "+p, ram.Remove(p), ok)
				if ok {
					delete(model, p)
				}
			},
			"rename": func(t *rapid.T) {
				from, to := pick.Draw(t, "from"), pick.Draw(t, "to")
				ok := has(from) && (from == to || isDir(up(to)) && !strings.HasPrefix(to, from+"/") &&
					(!has(to) || isDir(to) == isDir(from) && (!isDir(to) || empty(to))))
				expect("rename "+from+" "+to, ram.Rename(from, to), ok)
				if !ok || from == to {
					return
				}
				delete(model, to)
				for q, text := range model {
					if q == from || strings.HasPrefix(q, from+"/") {
						defer func() { model[to+strings.TrimPrefix(q, from)] = text }()
						delete(model, q)
					}
				}
			},
			"": func(t *rapid.T) {
				var used int64
				for p, text := range model {
					if text != "/" {
						got, err := afero.ReadFile(ram, p)
						if err != nil || string(got) != text {
							t.Fatalf("%s holds %q, %v, expected %q", p, got, err, text)
						}
						used += int64(len(text))
						continue
					}
					var want []string
					for q := range model {
						if q != "" && up(q) == p {
							want = append(want, path.Base(q))
						}
					}
					sort.Strings(want)
					if got := names(t, ram, "/"+p); fmt.Sprint(got) != fmt.Sprint(want) {
						t.Fatalf("folder %q: %v, expected %v", p, got, want)
					}
				}
				if ram.Used() != used {
					t.Fatalf("%d bytes used, expected %d", ram.Used(), used)
				}
			},
		})
	})
}

func TestRAMTreeErrors(t *testing.T) {
	ram := NewRAMTree(100)
	if err := ram.MkdirAll("/a/b", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := ram.OpenFile("/a", os.O_RDWR, 0); err == nil {
		t.Error("a folder opened for writing")
	}
	if _, err := ram.Create("/none/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("file in a missing folder: %v", err)
	}
	if info, err := ram.Stat("a/b/"); err != nil || !info.IsDir() {
		t.Errorf("stat: %v %v", info, err)
	}
	if err := afero.WriteFile(ram, "/a/b/f", []byte("12345"), 0); err != nil {
		t.Fatal(err)
	}
	if err := ram.Remove("/"); err == nil {
		t.Error("the root was removed")
	}
	if err := ram.RemoveAll("/a"); err != nil || ram.Used() != 0 {
		t.Errorf("remove all: %v, %d bytes used", err, ram.Used())
	}
	for i := 0; ; i++ {
		if err := ram.Mkdir(fmt.Sprint(i), 0); err != nil {
			if i != foldersMax || !errors.Is(err, ErrNoSpace) {
				t.Errorf("folder %d: %v", i, err)
			}
			break
		}
	}
}
