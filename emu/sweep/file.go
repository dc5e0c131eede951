package sweep

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"airlift/emu"
)

// A results file is JSON lines: a [Header], a [Result] a case in ascending
// order, and an [Ending]. A file without an ending is that of a run that was
// interrupted: [Resume] goes on with it.

// Header is the first line of a results file. It has all that it takes to run
// any of the cases again.
type Header struct {
	Format   int       `json:"airlift_sweep"` // 1
	Scenario *Scenario `json:"scenario"`
	Digest   string    `json:"digest"`
	Build    string    `json:"build,omitempty"` // of airlift: commit, if that is known
	Shard    string    `json:"shard,omitempty"` // "2/8"; empty for all
	Units    uint64    `json:"units"`           // of the whole scenario
	Package  int       `json:"package_bytes"`
	Ops      []Place   `json:"ops"` // of the run without a fault
	Clean    CleanLine `json:"clean"`
}

// CleanLine is the run without a fault in a header.
type CleanLine struct {
	Outcome emu.Outcome `json:"outcome"`
	Broken  []Invariant `json:"broken,omitempty"`
	Detail  string      `json:"detail,omitempty"`
	Boots   int         `json:"boots"`
	Virtual int64       `json:"virtual_ms"`
	Trace   string      `json:"trace_sha256"`
}

// Wrong reports that the run without a cut goes wrong by itself, as one with
// faults that hold all the time may: it leaves the module with neither version, or
// breaks an invariant. That the server does not reach a module is no finding
// there: a network may be as bad as that.
func (c *CleanLine) Wrong() bool {
	return c.Outcome != emu.OutcomeNew && c.Outcome != emu.OutcomeOld ||
		slices.ContainsFunc(c.Broken, func(i Invariant) bool { return i != Reachable })
}

const fileFormat = 1

// Header returns the first line of a results file of the sweep.
func (s *Sweep) Header(opt Options) *Header {
	h := &Header{
		Format: fileFormat, Scenario: s.Scenario, Digest: s.Scenario.Digest(), Build: build(), Units: s.Units(), Package: len(s.Package), Ops: s.Clean.Ops,
		Clean: CleanLine{s.Clean.Outcome, s.Clean.Broken, s.Clean.Detail, s.Clean.Boots, s.Clean.Virtual.Milliseconds(), s.Clean.Trace},
	}
	if opt.Shards > 1 {
		h.Shard = fmt.Sprintf("%d/%d", opt.Shard, opt.Shards)
	}
	return h
}

// build is the commit that the program was built from, if that is known. Platform
// and tools do not matter: results depend on neither.
var build = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	out := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			out = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			out += "+"
		}
	}
	return out
})

// sameSweep reports whether two files are of one sweep, whatever their shards.
func (h *Header) sameSweep(o *Header) bool {
	return h.Digest == o.Digest && h.Build == o.Build && h.Units == o.Units && h.Package == o.Package && slices.Equal(h.Ops, o.Ops) && reflect.DeepEqual(h.Clean, o.Clean)
}

// line is the header as a file begins with it.
func (h *Header) line() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(h)
	return buf.Bytes(), err
}

// Ending is the last line of a results file.
type Ending struct {
	End *Summary `json:"end"`
}

// lineMax bounds a line of a results file: a header has a place an operation.
const lineMax = 64 << 20

// Reader reads a results file line by line.
type Reader struct {
	Header Header
	// Ended says that the file has an ending: it is complete.
	Ended bool
	// Offset is where the line behind the last whole one begins.
	Offset int64

	name  string
	r     *bufio.Scanner
	line  int
	order *order
}

// NewReader reads the header. Name is for errors.
func NewReader(name string, r io.Reader) (*Reader, error) {
	f := &Reader{name: name, r: bufio.NewScanner(r)}
	f.r.Buffer(make([]byte, 64<<10), lineMax)
	f.r.Split(wholeLines)
	if !f.r.Scan() {
		return nil, f.bad(errors.Join(errors.New("expected the header of a results file"), f.r.Err()))
	}
	if err := json.Unmarshal(f.take(), &f.Header); err != nil {
		return nil, f.bad(err)
	}
	if f.Header.Format != fileFormat || f.Header.Scenario == nil {
		return nil, f.bad(fmt.Errorf("airlift_sweep is %d: expected the header of a results file of format %d", f.Header.Format, fileFormat))
	}
	if err := f.Header.Scenario.Fill(); err != nil {
		return nil, f.bad(err)
	}
	var err error
	if f.order, err = newOrder(&f.Header); err != nil {
		return nil, f.bad(err)
	}
	return f, nil
}

func (f *Reader) bad(err error) error { return fmt.Errorf("%s:%d: %w", f.name, f.line+1, err) }

func (f *Reader) take() []byte {
	p := f.r.Bytes()
	f.Offset += int64(len(p)) + 1
	return p
}

// wholeLines splits at newlines; what has none, a line that was being written
// when the power failed, is left out.
func wholeLines(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// Next returns the next result, or io.EOF behind the last. Results that are not
// those of the shard, in their order, are an error.
func (f *Reader) Next() (*Result, error) {
	if !f.r.Scan() {
		if err := f.r.Err(); err != nil {
			return nil, f.bad(err)
		}
		return nil, io.EOF
	}
	f.line++
	at := f.Offset
	p := f.take()
	if bytes.HasPrefix(p, []byte(`{"end":`)) {
		f.Offset = at
		return nil, f.end(p)
	}
	r := new(Result)
	if err := errors.Join(json.Unmarshal(p, r), f.order.add(r)); err != nil {
		return nil, f.bad(err)
	}
	return r, nil
}

// end takes the ending: io.EOF says that all is well.
func (f *Reader) end(p []byte) error {
	var e Ending
	if err := json.Unmarshal(p, &e); err != nil {
		return f.bad(err)
	}
	if err := f.order.end(&e); err != nil {
		return f.bad(err)
	}
	if f.r.Scan() {
		f.line++
		return f.bad(errors.New("expected nothing behind the ending"))
	}
	if err := f.r.Err(); err != nil {
		return f.bad(err)
	}
	f.Ended = true
	return io.EOF
}

// Writer writes a results file. What it got is on disk a moment later, so that
// a process that is killed loses little.
type Writer struct {
	mu   sync.Mutex
	out  *bufio.Writer
	enc  *json.Encoder
	err  error
	stop chan struct{}
	sum  *Summary
}

// flushEvery is how long results may wait in memory.
const flushEvery = 200 * time.Millisecond

// NewWriter returns a writer that adds to w. Header is nil if w has one.
func NewWriter(w io.Writer, header *Header, sum *Summary) *Writer {
	out := bufio.NewWriterSize(w, 64<<10)
	f := &Writer{out: out, enc: json.NewEncoder(out), stop: make(chan struct{}), sum: sum}
	f.enc.SetEscapeHTML(false)
	if header != nil {
		f.err = f.enc.Encode(header)
	}
	go func() {
		for {
			select {
			case <-f.stop:
				return
			case <-time.After(flushEvery):
				f.flush()
			}
		}
	}()
	return f
}

func (f *Writer) flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = f.out.Flush()
	}
}

// Add writes a result and counts it.
func (f *Writer) Add(r *Result) error {
	f.sum.Add(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = f.enc.Encode(r)
	}
	return f.err
}

// Close writes the ending, if the run is complete, and what still waits.
func (f *Writer) Close(complete bool) error {
	close(f.stop)
	f.flush()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sum.Close()
	if complete && f.err == nil {
		f.err = errors.Join(f.enc.Encode(&Ending{f.sum}), f.out.Flush())
	}
	return f.err
}

// Resume reads an interrupted results file of the same sweep and shard, counts
// its results, cuts off what is not whole, and says at which unit to go on. A
// complete file is left alone: done is true.
func Resume(file *os.File, want *Header, sum *Summary) (from uint64, done bool, err error) {
	if again, err := beginAgain(file, want); again || err != nil {
		return 0, false, err
	}
	r, err := NewReader(file.Name(), file)
	if err != nil {
		return 0, false, err
	}
	if !r.Header.sameSweep(want) || r.Header.Shard != want.Shard {
		return 0, false, fmt.Errorf("%s holds results of another sweep, shard or build of airlift: move it away, or name another file", file.Name())
	}
	cluster := want.Scenario.cluster()
	// The last unit may be incomplete: its results wait until the next begins.
	var last []*Result
	keep := r.Offset
	for {
		at := r.Offset
		res, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, false, err
		}
		if len(last) > 0 && last[0].Number/cluster != res.Number/cluster {
			for _, old := range last {
				sum.Add(old)
			}
			last, keep = last[:0], at
		}
		last = append(last, res)
	}
	if r.Ended {
		for _, old := range last {
			sum.Add(old)
		}
		sum.Close()
		return 0, true, nil
	}
	if len(last) > 0 {
		from = last[0].Number / cluster
	}
	if err := file.Truncate(keep); err != nil {
		return 0, false, err
	}
	_, err = file.Seek(keep, io.SeekStart)
	return from, false, err
}

// beginAgain writes the header of a file that ends in its middle.
func beginAgain(file *os.File, want *Header) (bool, error) {
	line, err := want.line()
	if err != nil {
		return false, err
	}
	have := make([]byte, len(line))
	n, err := io.ReadFull(file, have)
	if _, serr := file.Seek(0, io.SeekStart); serr != nil {
		return false, serr
	}
	if err != io.ErrUnexpectedEOF || !bytes.Equal(have[:n], line[:n]) {
		return false, nil
	}
	_, err = file.Write(line)
	return true, err
}

// Merge joins the complete results files of all shards of a sweep, in any
// order, into the one that a run of the whole sweep writes. Memory does not
// grow with the number of cases.
func Merge(files []*Reader, w io.Writer) (*Summary, error) {
	if len(files) == 0 {
		return nil, errors.New("merge: no results files")
	}
	if err := checkShards(files); err != nil {
		return nil, err
	}
	header := files[0].Header
	header.Shard = ""
	sum := NewSummary(header.Scenario, len(header.Ops))
	out := NewWriter(w, &header, sum)
	err := mergeResults(files, out)
	if cerr := out.Close(err == nil); err == nil {
		err = cerr
	}
	return sum, err
}

// checkShards reports files that do not belong together, or of which one is
// missing.
func checkShards(files []*Reader) error {
	shards := make([]bool, len(files))
	for _, f := range files {
		i, n := f.order.shard, f.order.shards
		switch {
		case !f.Header.sameSweep(&files[0].Header):
			return fmt.Errorf("%s and %s are of different sweeps, or made by different builds of airlift", files[0].name, f.name)
		case n != uint64(len(files)):
			return fmt.Errorf("%s is shard %d of %d, and there are %d files", f.name, i, n, len(files))
		case shards[i]:
			return fmt.Errorf("%s: shard %d of %d is there twice", f.name, i, n)
		}
		shards[i] = true
	}
	return nil
}

func mergeResults(files []*Reader, out *Writer) error {
	heads := make([]*Result, len(files))
	next := func(i int) (err error) {
		heads[i], err = files[i].Next()
		if err == io.EOF {
			if !files[i].Ended {
				return fmt.Errorf("%s is not complete: run its shard again, it goes on where it stopped", files[i].name)
			}
			return nil
		}
		return err
	}
	for i := range files {
		if err := next(i); err != nil {
			return err
		}
	}
	for {
		best := -1
		for i, h := range heads {
			if h != nil && (best < 0 || caseBefore(&h.Case, &heads[best].Case)) {
				best = i
			}
		}
		if best < 0 {
			return nil
		}
		if err := out.Add(heads[best]); err != nil {
			return err
		}
		if err := next(best); err != nil {
			return err
		}
	}
}
