package sffs

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash"
)

// TestModel compares random work with a map of files.
func TestModel(t *testing.T) {
	names := []string{"/a", "/b", "/d/a", "/d/e/x", "/d/y"}
	dirs := []string{"/d", "/d/e", "/q"}
	rapid.Check(t, func(t *rapid.T) {
		config := rapid.SampledFrom([]Config{smallConfig, tinyConfig}).Draw(t, "config")
		d, err := flash.New(flash.NOR(1 << 20))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := d.Region("fs", 0x4000, smallSize)
		if err := Format(r, config); err != nil {
			t.Fatal(err)
		}
		f, err := Mount(r, config)
		if err != nil {
			t.Fatal(err)
		}
		model := map[string]string{}
		pick := func(list []string) string { return rapid.SampledFrom(list).Draw(t, "name") }
		parentOK := func(name string) bool {
			dir := path.Dir(name)
			_, ok := model[dir+"/"]
			return dir == "/" || ok
		}
		sizes := rapid.SampledFrom([]int{0, 1, 147, 148, 149, 244, 245, 403, 404, 405, 500, 501, 1000, 3000, 18056, 18057, 20000})
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				name, n := pick(names), sizes.Draw(t, "size")
				data := content8(rapid.Uint64().Draw(t, "seed"), n)
				write := f.WriteAll
				if rapid.Bool().Draw(t, "safe") {
					write = f.WriteSafe
				}
				err := write(name, data)
				switch {
				case !parentOK(name):
					if !errors.Is(err, fs.ErrNotExist) {
						t.Fatalf("no folder: %v", err)
					}
				case errors.Is(err, ErrNoSpace):
				case err != nil:
					t.Fatal(err)
				default:
					model[name] = string(data)
				}
			},
			"stream": func(t *rapid.T) {
				name := pick(names)
				if !parentOK(name) {
					return
				}
				flag := os.O_RDWR | os.O_CREATE
				if rapid.Bool().Draw(t, "append") {
					flag |= os.O_APPEND
				}
				file, err := f.OpenFile(name, flag, 0)
				if errors.Is(err, ErrNoSpace) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				b := []byte(model[name])
				for range rapid.IntRange(1, 3).Draw(t, "times") {
					at := rapid.IntRange(0, len(b)).Draw(t, "at")
					if flag&os.O_APPEND != 0 {
						at = len(b)
					} else if _, err := file.Seek(int64(at), io.SeekStart); err != nil {
						t.Fatal(err)
					}
					p := content8(rapid.Uint64().Draw(t, "seed"), sizes.Draw(t, "size"))
					n, err := file.Write(p)
					if err != nil && !errors.Is(err, ErrNoSpace) || (n < len(p)) != (err != nil) {
						t.Fatalf("%d of %d bytes: %v", n, len(p), err)
					}
					if at+n > len(b) {
						b = append(b, make([]byte, at+n-len(b))...)
					}
					copy(b[at:], p[:n])
				}
				if err := file.Close(); err != nil {
					t.Fatal(err)
				}
				model[name] = string(b)
			},
			"truncate": func(t *rapid.T) {
				name := pick(names)
				if _, ok := model[name]; !ok {
					return
				}
				file, err := f.OpenFile(name, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				n := rapid.IntRange(0, len(model[name])).Draw(t, "to")
				if err := file.Truncate(int64(n)); err != nil {
					t.Fatal(err)
				}
				if err := f.Remove(name); !errors.Is(err, ErrBusy) {
					t.Fatalf("remove of an open file: %v", err)
				}
				file.Close()
				model[name] = model[name][:n]
			},
			"mkdir": func(t *rapid.T) {
				name := pick(dirs)
				err := f.Mkdir(name, 0)
				if _, ok := model[name+"/"]; err == nil && parentOK(name) && !ok {
					model[name+"/"] = ""
				} else if err == nil || !errors.Is(err, ErrNoSpace) && parentOK(name) && !ok {
					t.Fatalf("%s: %v", name, err)
				}
			},
			"remove": func(t *rapid.T) {
				name := pick(append(names, dirs...))
				_, isFile := model[name]
				_, isDir := model[name+"/"]
				err := f.Remove(name)
				switch {
				case isFile && err == nil:
					delete(model, name)
				case isDir && err == nil:
					for k := range model {
						if strings.HasPrefix(k, name+"/") && k != name+"/" {
							t.Fatalf("%s removed with %s in it", name, k)
						}
					}
					delete(model, name+"/")
				case isFile || !isDir && !errors.Is(err, fs.ErrNotExist) || isDir && !errors.Is(err, ErrNotEmpty):
					t.Fatalf("%s: %v", name, err)
				}
			},
			"rename": func(t *rapid.T) {
				from, to := pick(names), pick(names)
				old, ok := model[from]
				err := f.Rename(from, to)
				if ok && parentOK(to) {
					if err != nil {
						t.Fatal(err)
					}
					delete(model, from)
					model[to] = old
				} else if err == nil {
					t.Fatalf("%s to %s went through", from, to)
				}
			},
			"mount": func(t *rapid.T) {
				if f, err = Mount(r, config); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				for k, v := range model {
					if strings.HasSuffix(k, "/") {
						continue
					}
					if b, err := f.ReadFile(k); err != nil || string(b) != v {
						t.Fatalf("%s: %d bytes, want %d: %v", k, len(b), len(v), err)
					}
				}
				g, err := Mount(must(d.Fork().Region("fs", 0x4000, smallSize)), config)
				if err != nil || g.left != f.left {
					t.Fatalf("%d blocks are free, a mount finds %d: %v", f.left, g.left, err)
				}
			},
		})
	})
}
