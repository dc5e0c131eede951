package guests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// recorded are the compilers that the modules were built with.
func recorded(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("toolchain.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 {
		t.Fatalf("toolchain.txt has %d lines, expected clang, lld, rustc", len(lines))
	}
	return lines
}

// tool reports whether a compiler says what it must.
func tool(t *testing.T, want, name string, args ...string) bool {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Logf("%s: %v", name, err)
		return false
	}
	if !strings.Contains(string(out), want) {
		line, _, _ := strings.Cut(string(out), "\n")
		t.Logf("%s is %q, not %q", name, line, want)
		return false
	}
	return true
}

// rebuild builds the named guests and compares them with the committed ones.
func rebuild(t *testing.T, names []string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("./build.sh", append([]string{"-o", dir}, names...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, out)
	}
	for _, name := range names {
		got, err := os.ReadFile(filepath.Join(dir, name, name+".wasm"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := Wasm(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: built anew it differs from what is committed: run build.sh", name)
		}
	}
}

// language returns the guests with a source file of this ending.
func language(t *testing.T, ext string) (names []string) {
	t.Helper()
	for _, name := range Names() {
		if _, err := os.Stat(filepath.Join(name, name+ext)); err == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		t.Fatalf("no guest has a source %s", ext)
	}
	return names
}

// TestRebuild builds the guests in C with the recorded compiler: the modules
// must be those that are committed, byte for byte.
func TestRebuild(t *testing.T) {
	want := recorded(t)
	if !tool(t, want[0], "clang", "--version") || !tool(t, want[1], "wasm-ld", "--version") {
		t.Skipf("guests in C were NOT rebuilt: they need %s and %s", want[0], want[1])
	}
	rebuild(t, language(t, ".c"))
}

// TestRebuildRust is TestRebuild for the guests in Rust, with the compiler
// that RUSTC names (and RUST_SYSROOT, if it needs one).
func TestRebuildRust(t *testing.T) {
	want := recorded(t)
	rustc := os.Getenv("RUSTC")
	if rustc == "" || !tool(t, want[2], rustc, "--version") || !tool(t, want[1], "wasm-ld", "--version") {
		t.Skipf("guests in Rust were NOT rebuilt: RUSTC has to name %s with the target wasm32-unknown-unknown", want[2])
	}
	rebuild(t, language(t, ".rs"))
}

// TestEverySourceIsBuilt looks for guests without a module and modules
// without a source.
func TestEverySourceIsBuilt(t *testing.T) {
	folders, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	built := len(language(t, ".c")) + len(language(t, ".rs"))
	n := 0
	for _, f := range folders {
		if st, err := os.Stat(f); err == nil && st.IsDir() && f != "testdata" {
			n++
		}
	}
	if n != built || n != len(Names()) {
		t.Errorf("%d folders, %d sources, %d modules", n, built, len(Names()))
	}
}
