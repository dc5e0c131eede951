package volume_test

import (
	"errors"
	"testing"

	"github.com/spf13/afero"

	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
)

// TestFormat: a mounted volume is empty after it was formatted, goes on to
// work, and so does whoever mounts it later.
func TestFormat(t *testing.T) {
	d, err := flash.New(flash.NOR(64 << 10))
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Region("fs", 0, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	m, failed, err := volume.Open(r, littlefs.LuatOS(r.Size()))
	if err != nil || failed == nil {
		t.Fatal(err, failed)
	}
	var table mount.Table
	if err := table.Add(m); err != nil {
		t.Fatal(err)
	}
	empty, _, err := table.Usage("/")
	if err != nil {
		t.Fatal(err)
	}
	if err := afero.WriteFile(&table, "/a", make([]byte, 20_000), 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := table.Open("/a")
	if err != nil {
		t.Fatal(err)
	}
	var open *mount.StillOpenError
	if err := table.Format("/"); !errors.As(err, &open) {
		t.Errorf("formatting under an open file: %v", err)
	}
	f.Close()
	if err := table.Format("/"); err != nil {
		t.Fatal(err)
	}
	if ok, _ := afero.Exists(&table, "/a"); ok {
		t.Error("the file is still there")
	}
	if u, _, err := table.Usage("/"); err != nil || u != empty {
		t.Errorf("usage %+v, %v, want %+v", u, err, empty)
	}
	if err := afero.WriteFile(&table, "/b", []byte("new"), 0o666); err != nil {
		t.Fatal(err)
	}
	again, failed, err := volume.Open(r, littlefs.LuatOS(r.Size()))
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	list, err := afero.ReadDir(again.Fs, "/")
	if err != nil || len(list) != 1 || list[0].Name() != "b" {
		t.Errorf("%v, %v", list, err)
	}
	for _, path := range []string{"/ram/", "", "/a"} {
		if err := table.Format(path); !errors.Is(err, mount.ErrNoFormat) {
			t.Errorf("formatting %q: %v", path, err)
		}
	}
}
