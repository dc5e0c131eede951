package littlefs

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

// state is the contents of a volume as a user sees it: a line for each file,
// directory and attribute.
type state map[string]string

func (s state) String() string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(s)) {
		v := s[k]
		if len(v) > 24 {
			v = fmt.Sprintf("%s... (%d bytes, crc %08x)", v[:24], len(v), crc(crcInit, []byte(v)))
		}
		fmt.Fprintf(&b, "  %s %q\n", k, v)
	}
	return b.String()
}

func fileKey(p string) string         { return "F" + path.Clean("/"+p) }
func dirKey(p string) string          { return "D" + path.Clean("/"+p) }
func attrKey(p string, t byte) string { return fmt.Sprintf("A%s#%d", path.Clean("/"+p), t) }

// with returns a copy of s with the pairs of keys and values set; the value
// "\x00gone" removes.
func (s state) with(kv ...string) state {
	n := maps.Clone(s)
	for i := 0; i < len(kv); i += 2 {
		if kv[i+1] == removed {
			delete(n, kv[i])
		} else {
			n[kv[i]] = kv[i+1]
		}
	}
	return n
}

const removed = "\x00gone"

// moved returns a copy of s after a rename.
func (s state) moved(from, to string) state {
	from, to = path.Clean("/"+from), path.Clean("/"+to)
	n := state{}
	for k, v := range s {
		p := k[1:]
		if p == to || strings.HasPrefix(p, to+"#") {
			continue
		}
		if p == from || strings.HasPrefix(p, from+"/") || strings.HasPrefix(p, from+"#") {
			k = k[:1] + to + p[len(from):]
		}
		n[k] = v
	}
	return n
}

// without returns a copy of s without the entry at p.
func (s state) without(p string) state {
	p = path.Clean("/" + p)
	n := state{}
	for k, v := range s {
		if k[1:] != p && !strings.HasPrefix(k[1:], p+"#") {
			n[k] = v
		}
	}
	return n
}

// readState reads everything there is on a volume.
func readState(fs *FS) (state, error) {
	s := state{}
	return s, readDir(fs, "/", s)
}

func readDir(fs *FS, dir string, s state) error {
	d, err := fs.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	list, err := d.Readdir(-1)
	if err != nil {
		return err
	}
	for _, i := range list {
		p := path.Join(dir, i.Name())
		attrs, err := fs.Attrs(p)
		if err != nil {
			return err
		}
		for _, a := range attrs {
			s[attrKey(p, a.Type)] = string(a.Data)
		}
		if i.IsDir() {
			s[dirKey(p)] = ""
			if err := readDir(fs, p, s); err != nil {
				return err
			}
			continue
		}
		data, err := afero.ReadFile(fs, p)
		if err != nil {
			return err
		}
		if int64(len(data)) != i.Size() {
			return fmt.Errorf("%s has %d bytes, listed with %d", p, len(data), i.Size())
		}
		s[fileKey(p)] = string(data)
	}
	return nil
}

// act is one atomic change, or one that goes through states that a user knows
// of: creating a file makes it first, empty.
type act struct {
	name string
	run  func(fs *FS) error
	// after returns the states that the volume goes through; the last is the
	// result.
	after func(s state) []state
}

func put(p string, data []byte) act {
	return act{fmt.Sprintf("put %s %d bytes", p, len(data)),
		func(fs *FS) error { return afero.WriteFile(fs, p, data, 0) },
		func(s state) []state {
			done := s.with(fileKey(p), string(data))
			if _, ok := s[fileKey(p)]; !ok {
				return []state{s.with(fileKey(p), ""), done}
			}
			return []state{done}
		}}
}

func add(p string, data []byte) act {
	return act{fmt.Sprintf("append %s %d bytes", p, len(data)),
		func(fs *FS) error {
			f, err := fs.OpenFile(p, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			if _, err := f.Write(data); err != nil {
				f.Close()
				return err
			}
			return f.Close()
		},
		func(s state) []state { return []state{s.with(fileKey(p), s[fileKey(p)]+string(data))} }}
}

// patch overwrites the middle of a file.
func patch(p string, at int, data []byte) act {
	return act{fmt.Sprintf("patch %s at %d %d bytes", p, at, len(data)),
		func(fs *FS) error {
			f, err := fs.OpenFile(p, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			if _, err := f.WriteAt(data, int64(at)); err != nil {
				f.Close()
				return err
			}
			return f.Close()
		},
		func(s state) []state {
			b := []byte(s[fileKey(p)])
			if grow := at + len(data) - len(b); grow > 0 {
				b = append(b, make([]byte, grow)...)
			}
			copy(b[at:], data)
			return []state{s.with(fileKey(p), string(b))}
		}}
}

func cutTo(p string, size int) act {
	return act{fmt.Sprintf("truncate %s to %d", p, size),
		func(fs *FS) error {
			f, err := fs.OpenFile(p, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			if err := f.Truncate(int64(size)); err != nil {
				f.Close()
				return err
			}
			return f.Close()
		},
		func(s state) []state {
			b := make([]byte, size)
			copy(b, s[fileKey(p)])
			return []state{s.with(fileKey(p), string(b))}
		}}
}

func mkdir(p string) act {
	return act{"mkdir " + p, func(fs *FS) error { return fs.Mkdir(p, 0) },
		func(s state) []state { return []state{s.with(dirKey(p), "")} }}
}

func drop(p string) act {
	return act{"remove " + p, func(fs *FS) error { return fs.Remove(p) },
		func(s state) []state { return []state{s.without(p)} }}
}

func rename(from, to string) act {
	return act{"rename " + from + " " + to, func(fs *FS) error { return fs.Rename(from, to) },
		func(s state) []state { return []state{s.moved(from, to)} }}
}

func setAttr(p string, typ byte, data string) act {
	return act{fmt.Sprintf("setattr %s %d", p, typ), func(fs *FS) error { return fs.SetAttr(p, typ, []byte(data)) },
		func(s state) []state { return []state{s.with(attrKey(p, typ), data)} }}
}

// pattern returns n bytes that differ from seed to seed.
func pattern(seed, n int) []byte {
	p := make([]byte, n)
	x := uint32(seed)*2654435761 + 1
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x >> 11)
	}
	return p
}

// newRegion returns a blank region of so many blocks, on a chip of that size.
func newRegion(t testing.TB, blocks uint32) *flash.Region {
	t.Helper()
	d, err := flash.New(flash.NOR(int64(blocks) * 4096))
	if err != nil {
		t.Fatal(err)
	}
	return regionOf(t, d)
}

func regionOf(t testing.TB, d *flash.Device) *flash.Region {
	t.Helper()
	r, err := d.Region("fs", 0, d.Size())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func flashOf(c Config) (*flash.Device, error) {
	return flash.New(flash.NOR(int64(c.BlockCount) * int64(c.BlockSize)))
}

// newVolume returns a formatted and mounted volume.
func newVolume(t testing.TB, c Config) *FS {
	t.Helper()
	r := newRegion(t, c.BlockCount)
	if err := Format(r, c); err != nil {
		t.Fatal(err)
	}
	return mounted(t, r, c)
}

func mounted(t testing.TB, r *flash.Region, c Config) *FS {
	t.Helper()
	fs, err := Mount(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

// oneOf reports whether got is among the allowed states, and how it differs
// from the last if not.
func oneOf(got state, allowed []state) error {
	for _, s := range allowed {
		if maps.Equal(s, got) {
			return nil
		}
	}
	want := allowed[len(allowed)-1]
	var diff []string
	for k, v := range want {
		if g, ok := got[k]; !ok {
			diff = append(diff, fmt.Sprintf("%s is missing", k))
		} else if g != v {
			diff = append(diff, fmt.Sprintf("%s has %d bytes, expected %d", k, len(g), len(v)))
		}
	}
	for k := range got {
		if _, ok := want[k]; !ok {
			diff = append(diff, k+" is there")
		}
	}
	sort.Strings(diff)
	return errors.New("neither old nor new state; against the new: " + strings.Join(diff, "; "))
}
