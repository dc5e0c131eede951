package lua53

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// BenchmarkLanguage compares us, in both widths, with gopher-lua and with the
// C original, which runs as a process of its own. Each iteration runs all of
// them, one after the other, so that what disturbs one disturbs the others;
// the ratios are medians over the iterations. All have loaded the program
// before and start with a collected heap. Times are those of the processors,
// Go's collector included. Use -benchtime 11x.
func BenchmarkLanguage(b *testing.B) {
	c := startC(b)
	var means ratios
	for _, p := range languagePrograms {
		b.Run(p.name, func(b *testing.B) {
			wide, narrow, gopher := oursRunner(b, p.src, 64), oursRunner(b, p.src, 32), gopherRunner(b, p)
			c.load(b, p.src)
			for _, run := range []func(){wide, narrow, gopher} {
				run()
			}
			c.run()
			var s sample
			for b.Loop() {
				c.collect()
				s.add(timed(wide), timed(narrow), timed(gopher), c.run())
			}
			s.report(b, &means)
		})
	}
	fmt.Printf("geometric means over %d programs: gopher/ours %.2f, ours/C %.2f, 32-bit/64-bit %.2f\n", means.n,
		math.Exp(means.gopher/float64(means.n)), math.Exp(means.c/float64(means.n)), math.Exp(means.narrow/float64(means.n)))
}

// BenchmarkProgram is one side of BenchmarkLanguage, to be profiled.
func BenchmarkProgram(b *testing.B) {
	for _, p := range languagePrograms {
		for _, bits := range []int{64, 32} {
			b.Run(fmt.Sprintf("%s/%d", p.name, bits), func(b *testing.B) {
				run := oursRunner(b, p.src, bits)
				b.ReportAllocs()
				for b.Loop() {
					run()
				}
			})
		}
	}
}

func timed(run func()) time.Duration {
	runtime.GC()
	start := processorTime()
	run()
	return processorTime() - start
}

// sample is what the iterations of a program took.
type sample struct{ wide, gopherRatio, cRatio, narrowRatio []float64 }

func (s *sample) add(wide, narrow, gopher, c time.Duration) {
	w := float64(wide)
	s.wide = append(s.wide, w)
	s.gopherRatio = append(s.gopherRatio, float64(gopher)/w)
	s.cRatio = append(s.cRatio, w/float64(c))
	s.narrowRatio = append(s.narrowRatio, float64(narrow)/w)
}

// ratios are sums of logarithms.
type ratios struct {
	gopher, c, narrow float64
	n                 int
}

func (s *sample) report(b *testing.B, sum *ratios) {
	g, c, n := median(s.gopherRatio), median(s.cRatio), median(s.narrowRatio)
	b.ReportMetric(median(s.wide)/1e6, "ours-ms")
	b.ReportMetric(g, "gopher/ours")
	b.ReportMetric(c, "ours/C")
	b.ReportMetric(n, "32bit/64bit")
	b.ReportMetric(0, "ns/op")
	sum.gopher += math.Log(g)
	sum.c += math.Log(c)
	sum.narrow += math.Log(n)
	sum.n++
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

func oursRunner(b *testing.B, src string, bits int) func() {
	vm := New(Options{Bits: bits})
	vm.OpenLibs()
	f, err := vm.Load([]byte(src), "=bench", "t")
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if _, err := vm.Call(f); err != nil {
			b.Fatal(err)
		}
	}
}

func gopherRunner(b *testing.B, p languageProgram) func() {
	src := p.src
	if p.gopher != "" {
		src = p.gopher
	}
	l := glua.NewState(glua.Options{RegistryMaxSize: 1 << 18})
	b.Cleanup(l.Close)
	f, err := l.LoadString(src)
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		l.Push(f)
		if err := l.PCall(0, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// cLua is a lua5.3 that runs a program each time it is told to, and says how
// long it took by its own os.clock.
type cLua struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Reader
}

const cDriver = `
local program
while true do
  local n = io.read("n", "l")
  if not n then break end
  if n > 0 then program = assert(load(io.read(n)))
  elseif n < 0 then collectgarbage() end
  local start = os.clock()
  if n == 0 then program() end
  io.write(string.format("%.6f\n", os.clock() - start))
  io.flush()
end`

func startC(b *testing.B) *cLua {
	cmd := exec.Command(reference(b, 64), "-e", cDriver)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil {
		b.Fatal(err1, err2)
	}
	var failure strings.Builder
	cmd.Stderr = &failure
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			b.Error(err, failure.String())
		}
	})
	return &cLua{b, in, bufio.NewReader(out)}
}

func (c *cLua) load(b *testing.B, src string) {
	c.b = b
	fmt.Fprintf(c.in, "%d\n%s", len(src), src)
	c.answer()
}

func (c *cLua) run() time.Duration {
	fmt.Fprintln(c.in, "0")
	return c.answer()
}

func (c *cLua) collect() {
	fmt.Fprintln(c.in, "-1")
	c.answer()
}

func (c *cLua) answer() time.Duration {
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.b.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	if err != nil {
		c.b.Fatal(err)
	}
	return time.Duration(seconds * 1e9)
}

// BenchmarkCompile makes bytecode of the largest library of an upstream
// checkout.
func BenchmarkCompile(b *testing.B) {
	src := largestLibrary(b)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(src, "@library.lua", 32); err != nil {
			b.Fatal(err)
		}
	}
}

func largestLibrary(b *testing.B) string {
	root := os.Getenv("LUATOS_SRC")
	if root == "" {
		b.Skip("SKIPPED: set LUATOS_SRC to a checkout of openLuat/LuatOS")
	}
	files, err := filepath.Glob(filepath.Join(root, "script", "libs", "*.lua"))
	if err != nil || len(files) == 0 {
		b.Fatal("no libraries in ", root, err)
	}
	var largest []byte
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		if len(src) > len(largest) {
			largest = src
		}
	}
	return string(SkipPrefix(largest))
}
