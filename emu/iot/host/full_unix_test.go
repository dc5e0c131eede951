//go:build unix

package host_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
)

const fullDiskChild = "AIRLIFT_TEST_FULL_DISK"

// TestFullDisk lets no file grow any more, which the system reports as it does a
// full disk: in the middle of a write. The limit holds for a whole process, and
// the go command's own log of a test is a file too: the test runs in a child.
func TestFullDisk(t *testing.T) {
	if os.Getenv(fullDiskChild) != "" {
		fullDisk(t)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	child.Env = append(os.Environ(), fullDiskChild+"=1")
	out, err := child.CombinedOutput()
	if err != nil {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	switch said := string(out); {
	case strings.Contains(said, "--- SKIP: TestFullDisk"):
		t.Skipf("in the child:\n%s", out)
	case !strings.Contains(said, "--- PASS: TestFullDisk"):
		t.Errorf("the child did not run the test:\n%s", out)
	}
}

// fullDisk is TestFullDisk in its child.
func fullDisk(t *testing.T) {
	w := newWhole(t, store.Options{Error: func(err error) { t.Log(err) }}, host.Options{})
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	restore := func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}
	defer restore()
	small := before
	small.Cur = 4096
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Skip("the size of files cannot be limited: ", err)
	}
	w.failing("full", "507", "full")
	got := w.call("POST", fmt.Sprintf("/projects/%d/firmware?name=f&version=1.0.2", w.project.ID), "application/octet-stream", strings.Repeat("x", 1<<20))
	if !strings.HasPrefix(got, "HTTP/1.1 507 ") {
		t.Errorf("upload: %.300q", got)
	}
	if err := w.store.Sweep(); err != nil && !errors.Is(err, syscall.EFBIG) && !strings.Contains(err.Error(), "full") {
		t.Error(err)
	}
	restore()
	w.wellAgain()
}
