package lua53

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"

	glua "github.com/yuin/gopher-lua"
)

// reference finds the C implementation to compare with: lua5.3 on the PATH,
// or a build with 32-bit numbers named by LUA32.
func reference(t testing.TB, bits int) string {
	t.Helper()
	name := "lua5.3"
	if bits == 32 {
		if name = os.Getenv("LUA32"); name == "" {
			t.Skip("SKIPPED: no reference for 32-bit numbers: set LUA32 to a lua 5.3.6 built with LUA_32BITS")
		}
	}
	p, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED: no reference: %v", err)
	}
	return p
}

func full() bool { return os.Getenv("AIRLIFT_SCALE") == "full" }

// runOurs runs source text and returns what it prints, and its error as lua
// itself would show it.
func runOurs(src string, bits int) string {
	var out bytes.Buffer
	vm := New(Options{Bits: bits, Rethrow: true, Print: func(s string) { out.WriteString(s + "\n") }})
	vm.OpenLibs()
	runChunk(vm, &out, []byte(src), "=stdin")
	return out.String()
}

func runChunk(vm *VM, out *bytes.Buffer, chunk []byte, name string) {
	f, err := vm.LoadFile(chunk, name)
	if err == nil {
		_, err = vm.Call(f)
	}
	if err != nil {
		msg := err.Error()
		if e, ok := err.(*glua.ApiError); ok {
			msg = vm.ToString(e.Object)
		}
		fmt.Fprintf(out, "lua5.3: %s\n", msg)
	}
}

// runC runs source text on the reference.
func runC(ref, src string) string {
	cmd := exec.Command(ref, "-")
	cmd.Stdin = strings.NewReader(src)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		line, _, _ := strings.Cut(errs.String(), "\nstack traceback:")
		if _, msg, ok := strings.Cut(line, ": "); ok {
			fmt.Fprintf(&out, "lua5.3: %s\n", msg)
		}
	}
	return out.String()
}

func testDiff(t *testing.T, bits int) {
	ref := reference(t, bits)
	n, first := 300, uint64(1)
	if full() {
		n = 100000
	}
	if s := os.Getenv("LUA53_SEED"); s != "" {
		first, _ = strconv.ParseUint(s, 10, 64)
		n = 1
	}
	if s := os.Getenv("LUA53_PROGRAMS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	uses := map[string]int{}
	failed := 0
	for seed := first; seed < first+uint64(n); seed++ {
		g := newProgen(seed)
		src := g.program()
		for k, v := range g.uses {
			uses[k] += v
		}
		want, got := runC(ref, src), runOurs(src, bits)
		if want != got {
			failed++
			t.Errorf("seed %d: %s", seed, firstDiff(want, got))
			if dir := os.Getenv("LUA53_KEEP"); dir != "" {
				os.WriteFile(filepath.Join(dir, fmt.Sprintf("p%d.lua", seed)), []byte(src), 0o644)
			}
			if failed > 20 {
				t.Fatal("too many")
			}
		}
	}
	var names []string
	for k := range uses {
		names = append(names, k)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, k := range names {
		fmt.Fprintf(&b, "  %-24s %d\n", k, uses[k])
	}
	t.Logf("%d programs, seeds %d..%d; features used:\n%s", n, first, first+uint64(n)-1, b.String())
}

func firstDiff(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := 0; i < len(w) || i < len(g); i++ {
		a, b := "<end>", "<end>"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d:\n  C:    %s\n  ours: %s", i+1, a, b)
		}
	}
	return "equal"
}

func TestDifferential64(t *testing.T) { testDiff(t, 64) }
func TestDifferential32(t *testing.T) { testDiff(t, 32) }
