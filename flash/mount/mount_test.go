package mount

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/spf13/afero"
	"pgregory.net/rapid"

	"airlift/flash"
	"airlift/flash/luadb"
)

// device is the table of an Air101: "/", "/lua/", "/ram/", "/luadb/".
func device(t testing.TB) *Table {
	t.Helper()
	data, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte("print(1)")}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := luadb.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	table := new(Table)
	for _, m := range []Mount{
		{Path: "/", Type: "lfs", Fs: afero.NewMemMapFs(), Usage: func() (Usage, error) { return Usage{4096, 12, 2}, nil }},
		{Path: "/ram/", Type: "ram", Fs: RAM()},
		{Path: "/luadb/", Type: "luadb", Fs: img.Fs(), Usage: func() (Usage, error) { return Usage{512, 128, 128}, nil }},
	} {
		if err := table.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Insert(1, Mount{Path: "/lua/", Type: "luadb", Fs: RAM()}); err != nil {
		t.Fatal(err)
	}
	return table
}

func write(t testing.TB, fsys afero.Fs, name, text string) {
	t.Helper()
	if err := afero.WriteFile(fsys, name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestMounts(t *testing.T) {
	table := device(t)
	var list []string
	for _, m := range table.Mounts() {
		list = append(list, m.Path+" "+m.Type)
	}
	if got, want := strings.Join(list, ", "), "/ lfs, /lua/ luadb, /ram/ ram, /luadb/ luadb"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, m := range map[string]Mount{
		"no file system": {Path: "/x/"},
		"twice":          {Path: "/ram/", Fs: RAM()},
		"long path":      {Path: "/23456789012345/", Fs: RAM()},
	} {
		if err := table.Add(m); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := table.Insert(9, Mount{Path: "/x/", Fs: RAM()}); err == nil {
		t.Error("place 9: no error")
	}
	for i := len(list); i < MaxMounts; i++ {
		if err := table.Add(Mount{Path: fmt.Sprint("/m", i), Fs: RAM()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Add(Mount{Path: "/x/", Fs: RAM()}); err == nil {
		t.Error("mount 17: no error")
	}
}

func TestFind(t *testing.T) {
	rooted := new(Table) // as EC618: the root has an empty prefix
	rooted.Add(Mount{Path: "", Type: "lfs", Fs: RAM()})
	rooted.Add(Mount{Path: "/sd", Type: "fatfs", Fs: RAM()})
	slash := device(t)
	for _, c := range []struct {
		table      *Table
		name       string
		typ, rest  string // empty for none
		folderType string
	}{
		{slash, "/x.txt", "lfs", "/x.txt", "lfs"},
		{slash, "/d/x.txt", "lfs", "/d/x.txt", "lfs"},
		{slash, "/d/", "lfs", "/d", "lfs"},
		{slash, "/d///", "lfs", "/d", "lfs"},
		{slash, "/", "lfs", "/", "lfs"},
		{slash, "/luadb/main.lua", "luadb", "/main.lua", "luadb"},
		{slash, "/luadb/", "luadb", "/", "luadb"},
		{slash, "/luadb", "lfs", "/luadb", "luadb"},
		{slash, "/luadbx", "lfs", "/luadbx", "lfs"},
		{slash, "/ram/../x", "ram", "/../x", "ram"}, // nothing is cleaned
		{slash, "x.txt", "", "", ""},
		{slash, "", "", "", ""},
		{rooted, "x.txt", "lfs", "/x.txt", "lfs"},
		{rooted, "/x.txt", "lfs", "/x.txt", "lfs"},
		{rooted, "", "lfs", "/", "lfs"},
		{rooted, "/sd/x", "fatfs", "/x", "fatfs"},
		{rooted, "/sdx", "fatfs", "/x", "fatfs"}, // a plain comparison
		{rooted, "/sd", "fatfs", "/", "fatfs"},
	} {
		m, rest, ok := c.table.Find(c.name)
		if m.Type != c.typ || rest != c.rest || ok != (c.typ != "") {
			t.Errorf("Find(%q) = %q, %q, %v, want %q, %q", c.name, m.Type, rest, ok, c.typ, c.rest)
		}
		if m, _, _ := c.table.FindFolder(c.name); m.Type != c.folderType {
			t.Errorf("FindFolder(%q) = %q, want %q", c.name, m.Type, c.folderType)
		}
	}
}

func TestFolderQuestions(t *testing.T) {
	table := device(t)
	for _, name := range []string{"/luadb", "/luadb/", "/luadb/main.lua"} {
		if u, typ, err := table.Usage(name); err != nil || typ != "luadb" || u != (Usage{512, 128, 128}) {
			t.Errorf("Usage(%q) = %v, %q, %v", name, u, typ, err)
		}
	}
	if _, typ, err := table.Usage("/ram/"); typ != "ram" || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Usage of a file system that does not tell: %q, %v", typ, err)
	}
	if _, _, err := table.Usage("nowhere"); !errors.Is(err, ErrNoMount) {
		t.Errorf("Usage of nowhere: %v", err)
	}
	if f, err := table.Open("/luadb"); err != nil {
		t.Error(err)
	} else if names, _ := f.Readdirnames(-1); len(names) != 2 {
		t.Errorf("list of /luadb: %v", names)
	}
	write(t, table, "/luadb", "a file of that name on the root file system")
	if info, err := table.Stat("/luadb"); err != nil || info.IsDir() {
		t.Errorf("Stat of the file /luadb: %v, %v", info, err)
	}
}

func TestRules(t *testing.T) {
	table := device(t)
	write(t, table, "/a", "text")
	f, err := table.Open("/a")
	if err != nil {
		t.Fatal(err)
	}
	if f.Name() != "/a" {
		t.Errorf("name %q", f.Name())
	}
	// Open files stay.
	for op, err := range map[string]error{"remove": table.Remove("/a"), "rename": table.Rename("/a", "/b")} {
		var open *StillOpenError
		if !errors.As(err, &open) || err.Error() != op+": file /a is still open" {
			t.Errorf("%s of an open file: %v", op, err)
		}
	}
	if err := table.RemoveAll("/"); err == nil {
		t.Error("RemoveAll of an open file: no error")
	}
	if err := table.Remove("/a/"); err == nil {
		t.Error("a slash at the end makes it another file")
	}
	if err := f.Close(); err != nil || table.OpenFiles() != 0 {
		t.Errorf("Close: %v, %d open", err, table.OpenFiles())
	}
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) || table.OpenFiles() != 0 {
		t.Errorf("second Close: %v, %d open", err, table.OpenFiles())
	}
	if err := table.Rename("/a", "/ram/a"); !errors.Is(err, ErrOtherMount) {
		t.Errorf("rename across mounts: %v", err)
	}
	if err := table.Rename("/a", "/b"); err != nil {
		t.Errorf("rename: %v", err)
	}
	if err := table.Remove("/b"); err != nil {
		t.Errorf("remove: %v", err)
	}
	// Folders where there are none.
	for _, name := range []string{"/ram/d", "/luadb/d", "/luadb/main.lua"} {
		if err := errors.Join(table.Mkdir(name, 0o755), table.Rmdir(name), table.MkdirAll(name, 0o755)); err != nil {
			t.Errorf("mkdir and rmdir of %s: %v", name, err)
		}
	}
	if _, err := table.Stat("/luadb/main.lua"); err != nil {
		t.Errorf("rmdir removed a file: %v", err)
	}
	// And where there are.
	write(t, table, "/file", "")
	if err := table.Rmdir("/file"); err == nil {
		t.Error("rmdir of a file: no error")
	}
	if err := table.Mkdir("/d", 0o755); err != nil {
		t.Error(err)
	}
	if err := table.Mkdir("/d", 0o755); err == nil {
		t.Error("mkdir of a folder: no error")
	}
	if err := table.Rmdir("/d/"); err != nil {
		t.Error(err)
	}
	if err := table.Rmdir("/d"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("rmdir of nothing: %v", err)
	}
	for name, err := range map[string]error{"open": second(table.Open("x")), "stat": second3(table.Stat("x")), "remove": table.Remove("x"), "rename": table.Rename("x", "y"), "mkdir": table.Mkdir("x", 0)} {
		if !errors.Is(err, ErrNoMount) {
			t.Errorf("%s on no mount: %v", name, err)
		}
	}
	// Errors name the whole path.
	var pe *fs.PathError
	if _, err := table.Open("/luadb/none"); !errors.As(err, &pe) || pe.Path != "/luadb/none" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: %v", err)
	}
	if err := table.Chmod("/file", 0); !errors.Is(err, ErrNoAttributes) {
		t.Errorf("chmod: %v", err)
	}
}

func second(_ afero.File, err error) error   { return err }
func second3(_ fs.FileInfo, err error) error { return err }

func TestOpenLimit(t *testing.T) {
	table := device(t)
	write(t, table, "/ram/keep", "text")
	var files []afero.File
	for i := range MaxOpen {
		f, err := table.Create(fmt.Sprint("/ram/", i))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if _, err := table.Create("/ram/keep"); !errors.Is(err, ErrTooManyOpen) {
		t.Errorf("file 33: %v", err)
	}
	if info, err := table.Stat("/ram/keep"); err != nil || info.Size() != 4 {
		t.Errorf("the refused file was emptied: %v, %v", info, err)
	}
	if _, err := table.Open("/luadb/"); err != nil {
		t.Errorf("a folder is no file: %v", err)
	}
	files[0].Close()
	if _, err := table.Open("/ram/keep"); err != nil {
		t.Errorf("after a Close: %v", err)
	}
}

// A power cut must come through the table as it is.
func TestPowerLossComesThrough(t *testing.T) {
	d, err := flash.New(flash.NOR(65536))
	if err != nil {
		t.Fatal(err)
	}
	parts, err := flash.NewFs(d, flash.Table{{Name: "p", Size: 8192}})
	if err != nil {
		t.Fatal(err)
	}
	table := new(Table)
	table.Add(Mount{Path: "/", Fs: parts})
	f, err := table.OpenFile("/p", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.Power().Cut()
	if _, err := f.Write([]byte{0}); !errors.Is(err, flash.ErrPowerLost) {
		t.Errorf("write: %v", err)
	}
	if err := pathError("open", "/p", &fs.PathError{Op: "open", Path: "p", Err: flash.ErrPowerLost}); !errors.Is(err, flash.ErrPowerLost) {
		t.Errorf("wrapped: %v", err)
	}
}

// The table against maps: one for each mount, chosen by comparing prefixes
// from the last to the first.
func TestTableAgainstModel(t *testing.T) {
	prefixes := []string{"/", "/ram/", "/r", "/ram/x"}
	rapid.Check(t, func(t *rapid.T) {
		table := new(Table)
		n := rapid.IntRange(1, len(prefixes)).Draw(t, "mounts")
		order := rapid.Permutation(prefixes).Draw(t, "order")[:n]
		model := make([]map[string]string, n)
		for i, p := range order {
			model[i] = map[string]string{}
			if err := table.Add(Mount{Path: p, Fs: NewRAM(200)}); err != nil {
				t.Fatal(err)
			}
		}
		names := []string{"/a", "/ram/a", "/ram/xa", "/ram/x/a", "/ra", "/ram/b", "/b", "b"}
		home := func(name string) (int, string) {
			for i := n - 1; i >= 0; i-- {
				if len(name) >= len(order[i]) && name[:len(order[i])] == order[i] {
					return i, "/" + strings.TrimPrefix(name[len(order[i]):], "/")
				}
			}
			return -1, ""
		}
		total := func(i int) (sum int) {
			for _, s := range model[i] {
				sum += len(s)
			}
			return sum
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			m, key := home(name)
			var had bool
			if m >= 0 {
				_, had = model[m][key]
			}
			switch rapid.IntRange(0, 4).Draw(t, "op") {
			case 0: // write
				text := strings.Repeat("x", rapid.IntRange(0, 120).Draw(t, "size"))
				err := afero.WriteFile(table, name, []byte(text), 0)
				fits := m >= 0 && total(m)-len(model[m][key])+len(text) <= 200
				if fits != (err == nil) {
					t.Fatalf("write %s: %v", name, err)
				}
				if m >= 0 && !fits {
					text = "" // emptied, then full
					if !errors.Is(err, ErrNoSpace) {
						t.Fatalf("write %s: %v", name, err)
					}
				}
				if m >= 0 {
					model[m][key] = text
				}
			case 1: // remove
				err := table.Remove(name)
				if had != (err == nil) {
					t.Fatalf("remove %s: %v", name, err)
				}
				if had {
					delete(model[m], key)
				}
			case 2: // rename
				to := rapid.SampledFrom(names).Draw(t, "to")
				m2, key2 := home(to)
				err := table.Rename(name, to)
				if works := had && m == m2; works != (err == nil) {
					t.Fatalf("rename %s to %s: %v", name, to, err)
				} else if works {
					text := model[m][key]
					delete(model[m], key)
					model[m][key2] = text
				}
			case 3: // append
				f, err := table.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
				if had != (err == nil) {
					t.Fatalf("open %s: %v", name, err)
				}
				if had {
					if _, err := f.WriteString("y"); (err == nil) != (total(m) < 200) {
						t.Fatalf("append to %s: %v", name, err)
					} else if err == nil {
						model[m][key] += "y"
					}
					f.Close()
				}
			}
			for _, name := range names {
				m, key := home(name)
				p, err := afero.ReadFile(table, name)
				if m < 0 {
					continue
				}
				if want, ok := model[m][key]; ok != (err == nil) || string(p) != want {
					t.Fatalf("%s holds %q, %v, want %q", name, p, err, want)
				}
			}
		}
	})
}

func TestRAM(t *testing.T) {
	ram := NewRAM(100)
	for _, name := range []string{"b", "a/c", "a"} {
		write(t, ram, name, name)
	}
	folder, _ := ram.Open("/")
	if names, err := folder.Readdirnames(2); fmt.Sprint(names, err) != "[a a/c] <nil>" {
		t.Errorf("list: %v, %v", names, err)
	}
	if names, err := folder.Readdirnames(2); fmt.Sprint(names, err) != "[b] <nil>" {
		t.Errorf("rest of the list: %v, %v", names, err)
	}
	if _, err := folder.Readdirnames(2); err != io.EOF {
		t.Errorf("end of the list: %v", err)
	}
	if info, _ := ram.Stat("a"); !info.ModTime().IsZero() {
		t.Error("a file has a time")
	}
	if ram.Used() != 5 {
		t.Errorf("%d bytes used", ram.Used())
	}
	// A hole is zeros, also where there was something.
	f, _ := ram.OpenFile("b", os.O_RDWR, 0)
	f.WriteAt([]byte("123456"), 0)
	f.Truncate(1)
	f.WriteAt([]byte("x"), 4)
	if p, _ := afero.ReadFile(ram, "b"); string(p) != "1\x00\x00\x00x" {
		t.Errorf("hole: %q", p)
	}
	for _, off := range []int64{96, 1 << 40, 1<<63 - 1} {
		if _, err := f.WriteAt([]byte("12345"), off); !errors.Is(err, ErrNoSpace) {
			t.Errorf("write at %d: %v", off, err)
		}
	}
	if err := f.Truncate(1 << 62); !errors.Is(err, ErrNoSpace) {
		t.Errorf("truncate: %v", err)
	}
	// A removed file can be read to its end and takes no room.
	ram.Remove("b")
	if ram.Used() != 4 {
		t.Errorf("%d bytes used after remove", ram.Used())
	}
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("write to a removed file: %v", err)
	}
	if p, err := io.ReadAll(f); err != nil || len(p) != 5 {
		t.Errorf("read of a removed file: %q, %v", p, err)
	}
	// Flags.
	open := func(name string, flag int) error { return second(ram.OpenFile(name, flag, 0)) }
	if err := open("a", os.O_CREATE|os.O_EXCL|os.O_RDWR); !errors.Is(err, fs.ErrExist) {
		t.Errorf("exclusive: %v", err)
	}
	if err := open("none", os.O_RDWR); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	w, _ := ram.OpenFile("a", os.O_WRONLY, 0)
	if _, err := w.Read(make([]byte, 1)); err == nil {
		t.Error("read from a file open for writing: no error")
	}
	if err := ram.RemoveAll("none"); err != nil {
		t.Errorf("RemoveAll of nothing: %v", err)
	}
	if err := ram.Rename("a", "/"); err == nil {
		t.Error("rename to the folder: no error")
	}
}
