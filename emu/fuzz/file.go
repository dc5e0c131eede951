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
// written a round at a time, and at each finding, and holds the corpus: a fuzzer
// that opens it makes the round that was not finished again, but for minimising
// what was found in it.

// Header is the first line of a fuzz file.
type Header struct {
	Format   int             `json:"airlift_fuzz"` // 1
	Scenario *sweep.Scenario `json:"scenario"`
	Digest   string          `json:"digest"`
	Seed     uint64          `json:"seed"`
	Round    int             `json:"round_runs"`
	Clean    string          `json:"clean_trace_sha256"`
}

const fileFormat = 1

// line is one line behind the header; one of the fields is set.
type line struct {
	Entry   *Entry   `json:"corpus,omitempty"`
	Finding *Finding `json:"found,omitempty"`
	Round   *Stats   `json:"round,omitempty"`
}

// Header returns the header of the fuzzer's file.
func (f *Fuzzer) Header() *Header {
	return &Header{fileFormat, f.s.Scenario, f.s.Scenario.Digest(), f.seed, roundRuns, f.s.Clean.Trace}
}

// Writer writes a fuzz file.
type Writer struct {
	w   io.Writer
	buf bytes.Buffer // what waits
}

// add adds a line to the round.
func (w *Writer) add(v any) error {
	enc := json.NewEncoder(&w.buf)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// Entry implements [Log].
func (w *Writer) Entry(e *Entry) error { return w.add(line{Entry: e}) }

// Finding implements [Log]. Minimising took a while, so the line is written at
// once.
func (w *Writer) Finding(x *Finding) error { return errors.Join(w.add(line{Finding: x}), w.flush()) }

// Round implements [Log].
func (w *Writer) Round(s *Stats) error { return errors.Join(w.add(line{Round: s}), w.flush()) }

func (w *Writer) flush() error {
	_, err := w.w.Write(w.buf.Bytes())
	w.buf.Reset()
	return err
}

// lineBytesMax bounds a line of a fuzz file.
const lineBytesMax = 4 << 20

// Open goes on with the fuzz file, or begins it if it is empty. What a round that
// was not finished left is cut off.
func (f *Fuzzer) Open(file *os.File) (*Writer, error) {
	keep, err := f.read(file.Name(), file)
	if err != nil {
		return nil, err
	}
	if err := file.Truncate(keep); err != nil {
		return nil, err
	}
	if _, err := file.Seek(keep, io.SeekStart); err != nil {
		return nil, err
	}
	w := &Writer{w: file}
	if keep > 0 {
		return w, nil
	}
	if err := w.add(f.Header()); err != nil {
		return nil, err
	}
	_, err = file.Write(w.buf.Bytes())
	w.buf.Reset()
	return w, err
}

// read takes what a file holds, and says how many of its bytes are whole rounds.
func (f *Fuzzer) read(name string, r io.Reader) (keep int64, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), lineBytesMax)
	in.Split(wholeLines)
	at, number := int64(0), 0
	var round []line
	for in.Scan() {
		number++
		at += int64(len(in.Bytes())) + 1
		bad := func(err error) (int64, error) { return 0, fmt.Errorf("%s:%d: %w", name, number, err) }
		if number == 1 {
			if err := f.same(in.Bytes()); err != nil {
				return bad(err)
			}
			keep = at
			continue
		}
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return bad(err)
		}
		round = append(round, l)
		if l.Round == nil {
			continue
		}
		if err := f.takeRound(round); err != nil {
			return bad(err)
		}
		round, keep = round[:0], at
	}
	if err := in.Err(); err != nil {
		return 0, fmt.Errorf("%s:%d: %w", name, number+1, err)
	}
	for _, l := range round {
		if l.Finding != nil {
			f.known[l.Finding.Signature] = l.Finding
		}
	}
	return keep, nil
}

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
		return errors.New("the file is of another scenario, seed or build: move it away, or name another file")
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
		case l.Round != nil:
			if l.Round.Outcomes == nil || l.Round.Corpus != len(f.Corpus) || l.Round.Findings != len(f.Findings) || l.Round.Features != len(f.seen) {
				return errors.New("the round's counts are not those of the lines before it")
			}
			f.Stats = *l.Round
		default:
			return errors.New("expected corpus, found or round")
		}
	}
	return nil
}

// wholeLines splits at newlines, and leaves out what has none.
func wholeLines(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// Discard is a [Log] that keeps nothing.
var Discard Log = &Writer{w: io.Discard}
