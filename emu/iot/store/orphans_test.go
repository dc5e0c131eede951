package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"airlift/emu/iot"
)

// onDisk are the sums of the files that are kept.
func (w *world) onDisk() []string {
	w.t.Helper()
	var list []string
	err := filepath.WalkDir(filepath.Join(w.s.dir, "files"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, e.Name())
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// together lets the writer find both pieces of work when it comes back, one after
// the other: then they share a transaction.
func (w *world) together(first, second func()) {
	w.t.Helper()
	busy, free, done := make(chan struct{}), make(chan struct{}), make(chan struct{}, 3)
	go func() {
		w.s.hand(quickly(func(*tx) error { close(busy); <-free; return nil }))
		done <- struct{}{}
	}()
	<-busy
	for i, f := range []func(){first, second} {
		go func() { f(); done <- struct{}{} }()
		for len(w.s.work) <= i {
			runtime.Gosched()
		}
	}
	close(free)
	for range 3 {
		<-done
	}
}

// TestUploadWhileDeleted uploads what is deleted elsewhere in the same
// transaction: an upload that was acknowledged has its file.
func TestUploadWhileDeleted(t *testing.T) {
	w := newWorld(t)
	d := iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true}
	old := w.upload(d)
	var again iot.Firmware
	var err1, err2 error
	w.together(
		func() { err1 = w.a.DeleteFirmware(old.ID) },
		func() {
			again, err2 = w.b.CreateFirmware(w.pb.ID, d, strings.NewReader(strings.Repeat(d.Version+d.FileName+" ", 20)))
		})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if again.SHA256 != old.SHA256 {
		t.Fatal("not the same content")
	}
	r, _, err := w.b.OpenFirmware(again.ID)
	if err != nil {
		t.Fatalf("what was acknowledged is gone: %v", err)
	}
	defer r.Close()
	if p, err := io.ReadAll(r); err != nil || len(p) != int(again.Size) {
		t.Errorf("%d bytes: %v", len(p), err)
	}
}

// TestRefusedUploadsLeaveNoFile checks that what is refused after it was
// uploaded does not fill the disk, and takes nobody else's file along.
func TestRefusedUploadsLeaveNoFile(t *testing.T) {
	const size = 1000
	w := newWorld(t, func(o *Options) { o.AccountBytes = size })
	draft := iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin"}
	content := func(letter string) io.Reader { return strings.NewReader(strings.Repeat(letter, size)) }
	if _, err := w.a.CreateFirmware(w.pa.ID, draft, content("a")); err != nil {
		t.Fatal(err)
	}
	for name, upload := range map[string]func() error{
		"firmware": func() error { _, err := w.a.CreateFirmware(w.pa.ID, draft, content("x")); return err },
		"base": func() error {
			_, err := w.a.CreateBase(w.pa.ID, iot.BaseDraft{Core: "1"}, content("y"))
			return err
		},
		"the same": func() error { _, err := w.a.CreateFirmware(w.pa.ID, draft, content("a")); return err },
	} {
		if err := upload(); !errors.Is(err, iot.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.a.CreateFirmware(w.pa.ID, draft, strings.NewReader("")); !errors.Is(err, iot.ErrInvalid) {
		t.Error(err)
	}
	// The project goes away while the file comes.
	gone := must[iot.ProjectInfo](t)(w.b.CreateProject("gone", ""))
	if _, err := w.b.CreateFirmware(gone.ID, draft, &whenRead{content("z"), func() error { return w.b.DeleteProject(gone.ID) }}); !errors.Is(err, iot.ErrNotFound) {
		t.Error(err)
	}
	if list := w.onDisk(); len(list) != 1 {
		t.Errorf("%d files are kept", len(list))
	}
	if r, _, err := w.a.OpenFirmware(1); err != nil {
		t.Error(err)
	} else {
		r.Close()
	}
}

// whenRead calls a function when it is read the first time.
type whenRead struct {
	io.Reader
	do func() error
}

func (r *whenRead) Read(p []byte) (int, error) {
	if r.do != nil {
		if err := r.do(); err != nil {
			return 0, err
		}
		r.do = nil
	}
	return r.Reader.Read(p)
}

// TestOrphansGoAtStart checks that files which a crash left behind are removed
// when they are old, and no others.
func TestOrphansGoAtStart(t *testing.T) {
	w := newWorld(t)
	kept := w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin"})
	put := func(content string, age time.Duration) string {
		sum, _, err := w.s.files.put(strings.NewReader(content), 100)
		if err == nil {
			at := w.clock.now().Add(-age)
			err = os.Chtimes(w.s.files.path(sum), at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if err := os.Chtimes(w.s.files.path(kept.SHA256), noon.Add(-48*time.Hour), noon.Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	fresh, old := put("fresh", orphanAge/2), put("old", 2*orphanAge)
	if err := os.WriteFile(filepath.Join(w.s.dir, "files", "note"), nil, 0o600); err != nil { // not ours
		t.Fatal(err)
	}
	if err := w.s.removeOrphans(); err != nil {
		t.Fatal(err)
	}
	list := strings.Join(w.onDisk(), " ")
	if !strings.Contains(list, kept.SHA256) || !strings.Contains(list, fresh) || strings.Contains(list, old) || !strings.Contains(list, "note") {
		t.Errorf("kept are %s", list)
	}
}
