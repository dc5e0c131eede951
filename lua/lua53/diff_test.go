package lua53

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

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
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, ref, "-")
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

// batchDriver runs programs one after the other, each with globals of its
// own, as one program: it spares a process a program.
const batchDriver = `
for i, src in ipairs(progs) do
  local env = {}
  for k, v in pairs(_G) do env[k] = v end
  env._G = env
  print("@@" .. i)
  local f, err = load(src, "=stdin", "t", env)
  if f then
    local ok
    ok, err = pcall(f)
    if ok then err = nil end
  end
  if err ~= nil then print("lua5.3: " .. (tostring(err):gsub("0x%x+", "ADDR"))) end
end
`

func batch(progs []string) string {
	var b strings.Builder
	b.WriteString("local progs = {\n")
	for _, p := range progs {
		b.WriteString(luaQuote(p) + ",\n")
	}
	b.WriteString("}\n" + batchDriver)
	return b.String()
}

func luaQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, "\\%03d", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// notANumber matches NaN as it prints: its sign depends on the processor.
var notANumber = regexp.MustCompile(` *-?(nan|NAN)`)

// address is that of a value as it prints.
var address = regexp.MustCompile(`\b(table|function|thread|userdata): (0x[0-9a-f]+|builtin: [0-9a-f]+)`)

// same drops what is left out by name from an output.
func same(out string) string {
	if strings.Contains(out, ": 0x") {
		out = address.ReplaceAllString(out, "$1")
	}
	if !strings.Contains(out, "nan") && !strings.Contains(out, "NAN") {
		return out
	}
	return notANumber.ReplaceAllString(out, "nan")
}

// decimal is a float as it prints.
var decimal = regexp.MustCompile(`-?\d+\.\d+(e[-+]\d+)?`)

// rounded is an output with the last digits of its floats left out: the C
// library's functions may be off by one bit, and so may ours.
func rounded(out string, bits int) string {
	digits := 9
	if bits == 32 {
		digits = 4
	}
	return decimal.ReplaceAllStringFunc(out, func(s string) string {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		return strconv.FormatFloat(f, 'e', digits, 64)
	})
}

type diffRun struct {
	t      *testing.T
	ref    string
	bits   int
	failed int
	digits int // programs that differ in the last digits of floats only
	cover  coverage
}

// batchSize is how many programs share a process.
const batchSize = 40

// batch compares programs of consecutive seeds; those of which the batch
// differs are run again one by one.
func (d *diffRun) batch(first uint64, n int) {
	var progs []string
	for seed := first; seed < first+uint64(n); seed++ {
		g := newProgen(seed)
		progs = append(progs, g.program())
		d.cover.add(g, progs[len(progs)-1])
	}
	all := batch(progs)
	want := make(chan string)
	go func() { want <- runC(d.ref, all) }()
	got := runOurs(all, d.bits)
	if same(got) == same(<-want) {
		return
	}
	before := d.failed + d.digits
	for i, src := range progs {
		d.one(first+uint64(i), src)
	}
	if d.failed+d.digits == before {
		d.failed++
		d.t.Errorf("seeds %d to %d differ together, not alone: %s", first, first+uint64(n)-1, firstDiff(same(runC(d.ref, all)), same(got)))
	}
}

func (d *diffRun) one(seed uint64, src string) {
	src = batch([]string{src})
	want, got := same(runC(d.ref, src)), same(runOurs(src, d.bits))
	if want == got {
		return
	}
	if rounded(want, d.bits) == rounded(got, d.bits) {
		d.digits++
		return
	}
	d.failed++
	d.t.Errorf("seed %d: %s", seed, firstDiff(want, got))
	if dir := os.Getenv("LUA53_KEEP"); dir != "" {
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("p%d-%d.lua", d.bits, seed)), []byte(src), 0o644)
	}
}

func testDiff(t *testing.T, bits int) {
	if testing.Short() {
		t.Skip("not with -short, which the race detector is used with: one thing after the other")
	}
	d := &diffRun{t: t, ref: reference(t, bits), bits: bits, cover: coverage{}}
	n, first := 1000, uint64(1)
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
	for done := 0; done < n && d.failed <= 20; done += batchSize {
		d.batch(first+uint64(done), min(batchSize, n-done))
	}
	if d.digits > 1+n/5000 {
		t.Errorf("%d of %d programs differ in the last digits of floats: that is no longer the C library alone", d.digits, n)
	}
	t.Logf("%d programs, seeds %d..%d, %d differ, %d in the last digits of floats only; what they use:\n%s", n, first, first+uint64(n)-1, d.failed, d.digits, d.cover.table())
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
