package fuzz

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"airlift/emu/sweep"
)

// A fuzz file is JSON lines: a [Header]; then, round by round, what the runs of
// the round brought, entries and findings, and the stats at its end. It is
// written a round at a time and holds the corpus. What was done of a round that
// is not finished stands in a second file: see part.go.

// Header is the first line of a fuzz file.
type Header struct {
	Format   int             `json:"airlift_fuzz"` // 3, or 2: schedules of cuts and brown-outs alone
	Scenario *sweep.Scenario `json:"scenario"`
	Digest   string          `json:"digest"`
	Seed     uint64          `json:"seed"`
	Round    int             `json:"round_runs"`
	Clean    string          `json:"clean_trace_sha256"`
}

// line is one line behind the header; one of the fields is set.
type line struct {
	Entry   *Entry   `json:"corpus,omitempty"`
	Finding *Finding `json:"found,omitempty"`
	Alike   *Alike   `json:"alike,omitempty"`
	Round   *Stats   `json:"round,omitempty"`
}

// Header returns the header of the fuzzer's file.
func (f *Fuzzer) Header() *Header {
	return &Header{f.format, f.s.Scenario, f.s.Scenario.Digest(), f.seed, roundRuns, f.s.Clean.Trace}
}

// Writer writes a fuzz file. It implements [Log].
type Writer struct {
	w    io.Writer
	file *os.File     // nil where nothing is kept
	buf  bytes.Buffer // the round
	part *partWriter
}

// add adds a line to the round.
func (w *Writer) add(v any) error { return encode(&w.buf, v) }

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Entry implements [Log].
func (w *Writer) Entry(e *Entry) error { return w.add(line{Entry: e}) }

// Finding implements [Log].
func (w *Writer) Finding(x *Finding) error { return w.add(line{Finding: x}) }

// Alike implements [Log].
func (w *Writer) Alike(a *Alike) error { return w.add(line{Alike: a}) }

// Work implements [Log].
func (w *Writer) Work(x *Work) error { return w.part.add(x) }

// Round implements [Log].
func (w *Writer) Round(s *Stats) error {
	return errors.Join(w.add(line{Round: s}), w.flush(), w.part.clear())
}

func (w *Writer) flush() error {
	_, err := w.w.Write(w.buf.Bytes())
	w.buf.Reset()
	return err
}

// Close closes the files. Of a round that was not finished the part is left.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	return errors.Join(w.part.close(), w.file.Close())
}

// lineBytesMax bounds a line of a fuzz file.
const lineBytesMax = 4 << 20

// Open goes on with the fuzz file called name, or begins it if it is empty or not
// there. What is no whole round is cut off.
func (f *Fuzzer) Open(name string) (*Writer, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	w, err := f.open(name, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

// Load reads the fuzz file called name, and leaves it as it is.
func (f *Fuzzer) Load(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = f.read(name, file)
	return err
}

func (f *Fuzzer) open(name string, file *os.File) (*Writer, error) {
	if err := sweep.Lock(file); err != nil {
		return nil, err
	}
	keep, err := f.read(name, file)
	if err == nil && keep == 0 {
		err = f.beginning(name, file)
	}
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(keep); err != nil {
		return nil, err
	}
	if _, err := file.Seek(keep, io.SeekStart); err != nil {
		return nil, err
	}
	w := &Writer{w: file, file: file}
	if w.part, err = f.openPart(name + partSuffix); err != nil || keep > 0 {
		return w, err
	}
	if err := w.add(f.Header()); err != nil {
		return nil, err
	}
	return w, w.flush()
}

// beginning reports a file without a line that is no beginning of a header.
func (f *Fuzzer) beginning(name string, file *os.File) error {
	var head bytes.Buffer
	if err := encode(&head, f.Header()); err != nil {
		return err
	}
	have, err := io.ReadAll(io.NewSectionReader(file, 0, int64(head.Len())+1))
	if err == nil && !bytes.HasPrefix(head.Bytes(), have) {
		err = fmt.Errorf("%s: %w", name, errOther)
	}
	return err
}

// read takes what a file holds, and says how many of its bytes are whole rounds.
func (f *Fuzzer) read(name string, r io.Reader) (keep int64, err error) {
	var round []line
	at, number := int64(0), 0
	err = eachLine(r, func(text []byte) error {
		number++
		at += int64(len(text)) + 1
		if number == 1 {
			keep = at
			f.goOnAs(text)
			return f.same(text)
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return err
		}
		if round = append(round, l); l.Round == nil {
			return nil
		}
		err := f.takeRound(round)
		round, keep = round[:0], at
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s:%d: %w", name, max(1, number), err)
	}
	return keep, nil
}

// eachLine calls take with every line that ends.
func eachLine(r io.Reader, take func([]byte) error) error {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), lineBytesMax)
	in.Split(wholeLines)
	for in.Scan() {
		if err := take(in.Bytes()); err != nil {
			return err
		}
	}
	return in.Err()
}

var errOther = errors.New("the file is of another scenario, seed or build: move it away, or name another file")

// same reports a header of another fuzzer.
func (f *Fuzzer) same(text []byte) error {
	want, err := json.Marshal(f.Header())
	if err != nil {
		return err
	}
	var got Header
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	have, err := json.Marshal(&got)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, have) {
		return errOther
	}
	return nil
}

func (f *Fuzzer) takeRound(round []line) error {
	for _, l := range round {
		switch {
		case l.Entry != nil:
			f.keep(l.Entry)
		case l.Finding != nil:
			f.found(l.Finding)
		case l.Alike != nil:
			f.alike(l.Alike)
		case l.Round != nil:
			if f.counts(l.Round) != f.counts(&f.Stats) || l.Round.Outcomes == nil {
				return errors.New("the round's counts are not those of the lines before it")
			}
			f.Stats = *l.Round
		default:
			return errors.New("expected corpus, found, alike or round")
		}
	}
	return nil
}

// counts are the stats that the lines of a file give.
func (f *Fuzzer) counts(s *Stats) [4]int { return [4]int{s.Corpus, s.Findings, s.Alike, s.Features} }

// wholeLines splits at newlines, and leaves out what has none.
func wholeLines(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// Discard is a [Log] that keeps nothing.
var Discard Log = &Writer{w: io.Discard}
