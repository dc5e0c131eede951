package littlefs

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The model of a volume: a map from path to node. A handle has its own view of
// the file from when it was opened, and puts it into the node when it is
// synced or closed.

type node struct {
	dir   bool
	data  []byte
	attrs map[byte][]byte
	gone  bool
}

type handle struct {
	f      *File
	n      *node
	view   []byte
	pos    int
	append bool
	dirty  bool
}

type machine struct {
	t     *rapid.T
	fs    *FS
	nodes map[string]*node
	open  []*handle
	full  int // how often the volume was full
}

var modelNames = []string{"a", "b", "ab", "abc", "c", "a-name-that-is-longer-than-the-others-by-far", "zz"}

func (m *machine) path() string {
	elems := rapid.SliceOfN(rapid.SampledFrom(modelNames), 1, 3).Draw(m.t, "path")
	return "/" + strings.Join(elems, "/")
}

// some prefers paths that exist.
func (m *machine) some() string {
	if len(m.nodes) > 0 && rapid.IntRange(0, 3).Draw(m.t, "exists") > 0 {
		return rapid.SampledFrom(slices.Sorted(maps.Keys(m.nodes))).Draw(m.t, "path")
	}
	return m.path()
}

// parent returns the error that the way to p ends with.
func (m *machine) parent(p string) error {
	for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
		n := m.nodes[dir]
		// The first missing element decides, seen from the root.
		if n != nil && !n.dir {
			return ErrNotDir
		}
	}
	if dir := path.Dir(p); dir != "/" && m.nodes[dir] == nil {
		return ErrNotExist
	}
	return nil
}

func (m *machine) children(p string) (names []string) {
	for k := range m.nodes {
		if path.Dir(k) == p {
			names = append(names, path.Base(k))
		}
	}
	return names
}

// expect compares an outcome. It returns true if the operation happened; a
// full volume is a legal reason for it not to.
func (m *machine) expect(op string, got, want error) bool {
	m.t.Helper()
	if want == nil && errors.Is(got, ErrNoSpace) {
		m.full++
		return false
	}
	if (got == nil) != (want == nil) || want != nil && !errors.Is(got, want) {
		m.t.Fatalf("%s: %v, expected %v", op, got, want)
	}
	return got == nil
}

func (m *machine) Mkdir(t *rapid.T) {
	m.t = t
	p := m.path()
	want := m.parent(p)
	if want == nil && m.nodes[p] != nil {
		want = ErrExist
	}
	if m.expect("mkdir "+p, m.fs.Mkdir(p, 0), want) {
		m.nodes[p] = &node{dir: true, attrs: map[byte][]byte{}}
	}
}

func (m *machine) Remove(t *rapid.T) {
	m.t = t
	p := m.some()
	want := m.parent(p)
	switch n := m.nodes[p]; {
	case want != nil:
	case n == nil:
		want = ErrNotExist
	case n.dir && len(m.children(p)) > 0:
		want = ErrNotEmpty
	}
	if m.expect("remove "+p, m.fs.Remove(p), want) {
		m.nodes[p].gone = true
		delete(m.nodes, p)
	}
}

func (m *machine) Rename(t *rapid.T) {
	m.t = t
	from, to := m.some(), m.some()
	want := m.parent(from)
	src, dst := m.nodes[from], m.nodes[to]
	switch {
	case want != nil:
	case m.parent(to) != nil:
		want = m.parent(to)
	case src == nil:
		want = ErrNotExist
	case src.dir && strings.HasPrefix(to, from+"/"):
		want = ErrInvalid
	case dst == nil || dst == src:
	case src.dir && !dst.dir:
		want = ErrNotDir
	case !src.dir && dst.dir:
		want = ErrIsDir
	case dst.dir && len(m.children(to)) > 0:
		want = ErrNotEmpty
	}
	if !m.expect("rename "+from+" "+to, m.fs.Rename(from, to), want) || src == dst {
		return
	}
	if dst != nil {
		dst.gone = true
	}
	for _, h := range m.open {
		if h.n == src { // a handle does not follow its file to another name
			h.n = &node{gone: true}
		}
	}
	moved := map[string]*node{}
	for k, n := range m.nodes {
		if k == from || strings.HasPrefix(k, from+"/") {
			k = to + k[len(from):]
		} else if k == to {
			continue
		}
		moved[k] = n
	}
	m.nodes = moved
}

func (m *machine) Attr(t *rapid.T) {
	m.t = t
	p := m.some()
	typ := byte(rapid.IntRange(0, 2).Draw(t, "type"))
	want := m.parent(p)
	n := m.nodes[p]
	if want == nil && n == nil {
		want = ErrNotExist
	}
	if rapid.Bool().Draw(t, "remove") {
		if m.expect("removeattr "+p, m.fs.RemoveAttr(p, typ), want) {
			delete(n.attrs, typ)
		}
		return
	}
	data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
	if m.expect("setattr "+p, m.fs.SetAttr(p, typ, data), want) {
		n.attrs[typ] = data
	}
}

func (m *machine) Open(t *rapid.T) {
	m.t = t
	if len(m.open) >= 6 {
		return
	}
	p := m.some()
	flag := rapid.SampledFrom([]int{os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_TRUNC,
		os.O_RDWR | os.O_CREATE | os.O_APPEND, os.O_RDWR | os.O_CREATE | os.O_EXCL}).Draw(t, "flag")
	n := m.nodes[p]
	want := m.parent(p)
	switch {
	case want != nil:
	case n == nil && flag&os.O_CREATE == 0:
		want = ErrNotExist
	case n == nil:
	case flag&os.O_EXCL != 0:
		want = ErrExist
	case n.dir && flag != os.O_RDONLY:
		want = ErrIsDir
	}
	f, err := m.fs.OpenFile(p, flag, 0)
	if !m.expect("open "+p, err, want) {
		return
	}
	if n != nil && n.dir {
		f.Close()
		return
	}
	isNew := n == nil
	if isNew {
		n = &node{attrs: map[byte][]byte{}}
		m.nodes[p] = n
	}
	h := &handle{f: f.(*File), n: n, view: bytes.Clone(n.data), append: flag&os.O_APPEND != 0}
	if flag&os.O_TRUNC != 0 {
		h.view, h.dirty = nil, !isNew
	}
	m.open = append(m.open, h)
}

func (m *machine) handle() *handle {
	if len(m.open) == 0 {
		return nil
	}
	return m.open[rapid.IntRange(0, len(m.open)-1).Draw(m.t, "handle")]
}

// failed gives up a handle after an operation on it did not fit: the file
// stays as it was.
func (m *machine) failed(h *handle) {
	h.f.Close()
	m.forget(h)
}

func (m *machine) forget(h *handle) {
	m.open = slices.DeleteFunc(m.open, func(o *handle) bool { return o == h })
}

func (m *machine) Write(t *rapid.T) {
	m.t = t
	h := m.handle()
	if h == nil {
		return
	}
	size := rapid.SampledFrom([]int{1, 20, 100, 256, 257, 600, 4096, 9000}).Draw(t, "size")
	data := pattern(rapid.IntRange(0, 1<<20).Draw(t, "seed"), rapid.IntRange(1, size).Draw(t, "n"))
	if !h.f.canWrite {
		m.expect("write", second(h.f.Write(data)), ErrBadHandle)
		return
	}
	if h.append {
		h.pos = max(h.pos, len(h.view))
	}
	if !m.expect("write", second(h.f.Write(data)), nil) {
		m.failed(h)
		return
	}
	h.view = resize(h.view, max(len(h.view), h.pos+len(data)))
	copy(h.view[h.pos:], data)
	h.pos += len(data)
	h.dirty = true
}

func second(_ int, err error) error { return err }

func resize(b []byte, n int) []byte {
	if n <= len(b) {
		return b[:n:n]
	}
	return append(b[:len(b):len(b)], make([]byte, n-len(b))...)
}

func (m *machine) Read(t *rapid.T) {
	m.t = t
	h := m.handle()
	if h == nil {
		return
	}
	p := make([]byte, rapid.IntRange(1, 3000).Draw(t, "n"))
	n, err := io.ReadFull(h.f, p)
	if errors.Is(err, ErrNoSpace) { // what was written had to be flushed
		m.full++
		m.failed(h)
		return
	}
	want := h.view[min(h.pos, len(h.view)):]
	want = want[:min(len(want), len(p))]
	if !bytes.Equal(p[:n], want) || err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		m.t.Fatalf("read at %d: %d bytes (%v), expected %d", h.pos, n, err, len(want))
	}
	h.pos += n
}

func (m *machine) Seek(t *rapid.T) {
	m.t = t
	if h := m.handle(); h != nil {
		pos := rapid.IntRange(0, len(h.view)+50).Draw(t, "pos")
		if _, err := h.f.Seek(int64(pos), io.SeekStart); err != nil {
			m.expect("seek", err, nil)
			m.failed(h)
			return
		}
		h.pos = pos
	}
}

func (m *machine) Truncate(t *rapid.T) {
	m.t = t
	h := m.handle()
	if h == nil || !h.f.canWrite {
		return
	}
	size := rapid.IntRange(0, len(h.view)*5/4+10).Draw(t, "size")
	if !m.expect("truncate", h.f.Truncate(int64(size)), nil) {
		m.failed(h)
		return
	}
	h.dirty = h.dirty || size != len(h.view)
	h.view = resize(h.view, size)
}

func (m *machine) Sync(t *rapid.T) {
	m.t = t
	h := m.handle()
	if h == nil {
		return
	}
	if rapid.Bool().Draw(t, "close") {
		m.forget(h)
		if m.expect("close", h.f.Close(), nil) {
			h.commit()
		}
		return
	}
	if m.expect("sync", h.f.Sync(), nil) {
		h.commit()
	} else {
		m.failed(h)
	}
}

func (h *handle) commit() {
	if h.dirty && !h.n.gone {
		h.n.data = bytes.Clone(h.view)
	}
	h.dirty = false
}

func (m *machine) Remount(t *rapid.T) {
	m.t = t
	if rapid.IntRange(0, 3).Draw(t, "really") > 0 {
		return
	}
	fs, err := Mount(m.fs.region, m.fs.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.fs, m.open = fs, nil
}

// Check compares everything; it runs after every action.
func (m *machine) Check(t *rapid.T) {
	want := state{}
	for p, n := range m.nodes {
		if n.dir {
			want[dirKey(p)] = ""
		} else {
			want[fileKey(p)] = string(n.data)
		}
		for typ, data := range n.attrs {
			want[attrKey(p, typ)] = string(data)
		}
	}
	got, err := readState(m.fs)
	if err != nil {
		t.Fatal(err)
	}
	if err := oneOf(got, []state{want}); err != nil {
		t.Fatal(err)
	}
	if problems := m.fs.Check(); len(problems) > 0 {
		t.Fatal(problems)
	}
	m.order(t)
}

// order checks that a listing is sorted as the volume is.
func (m *machine) order(t *rapid.T) {
	names, err := m.fs.list("/")
	if err != nil {
		t.Fatal(err)
	}
	want := m.children("/")
	sort.Slice(want, func(i, j int) bool { return compareNames([]byte(want[i]), want[j]) < 0 })
	if !slices.Equal(names, want) {
		t.Fatalf("listing is %q, expected %q", names, want)
	}
}

// TestModel runs random operations on a volume and on a map. A full volume is
// met often: then nothing may have changed.
func TestModel(t *testing.T) {
	full := 0
	rapid.Check(t, func(t *rapid.T) {
		c := LuatOS(4096 * rapid.SampledFrom([]int64{10, 10, 12, 16, 64}).Draw(t, "blocks"))
		c.BlockCycles = rapid.SampledFrom([]int32{200, 1, 2, 5, -1}).Draw(t, "cycles")
		c.DiskVersion = rapid.SampledFrom([]uint32{DiskVersion20, DiskVersion21}).Draw(t, "version")
		if rapid.Bool().Draw(t, "small lookahead") {
			c.LookaheadSize = 1
		}
		m := &machine{t: t, fs: newVolumeRapid(t, c), nodes: map[string]*node{}}
		t.Repeat(rapid.StateMachineActions(m))
		full += m.full
	})
	t.Logf("the volume was full %d times", full)
}

func newVolumeRapid(t *rapid.T, c Config) *FS {
	d, err := flashOf(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Region("fs", 0, d.Size())
	if err == nil {
		err = Format(r, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	fs, err := Mount(r, c)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}
