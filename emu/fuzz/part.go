package fuzz

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"
)

// A round of a slow module takes seconds, and minimising a finding minutes. What
// was done of a round is written into a file of its own, FILE.part, so that a
// fuzzer that is killed loses a fraction of a second. The file has the header of
// the fuzz file and a line for each piece of work, in the order in which they
// were done: so it is not the same every time, and gone at the round's end. A
// run's trial is decided by its number: the same header, the same work.

const partSuffix = ".part"

// Work is a piece of a round: a run, or a try in minimising it.
type Work struct {
	Run uint64 `json:"run"`
	Ran *Ran   `json:"ran,omitempty"`
	// Tried has a digit a try: 1 if it went wrong in the same way.
	Tried string `json:"tried,omitempty"`
}

// part is what is known of a round that was not finished.
type part struct {
	ran   map[uint64]*Ran
	tried map[uint64]string
}

func (p *part) add(w *Work) {
	if w.Ran != nil {
		p.ran[w.Run] = w.Ran
	}
	p.tried[w.Run] += w.Tried
}

// partEvery is how long work waits to be written. It decides what a kill can
// lose, and nothing else.
const partEvery = 200 * time.Millisecond

// partWriter writes the part of a round; nil keeps nothing.
type partWriter struct {
	file  *os.File
	head  int64     // bytes of the header
	waits []*Work   // to be written
	last  time.Time // that something was
	holds bool      // whether the file has work
}

// openPart reads the part of the round that the fuzz file ends before, and goes on
// with it. A part of something else is thrown away.
func (f *Fuzzer) openPart(name string) (*partWriter, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	w := &partWriter{file: file, last: time.Now()}
	if err := f.goOn(w); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return w, nil
}

func (f *Fuzzer) goOn(w *partWriter) error {
	var head bytes.Buffer
	if err := encode(&head, f.Header()); err != nil {
		return err
	}
	w.head = int64(head.Len())
	keep := f.readPart(w.file)
	w.holds = keep > w.head
	if err := w.cut(keep); err != nil || keep > 0 {
		return err
	}
	_, err := w.file.Write(head.Bytes())
	return err
}

// readPart takes the work of a part, and says how many of its bytes are good.
func (f *Fuzzer) readPart(r io.Reader) (keep int64) {
	p := part{map[uint64]*Ran{}, map[uint64]string{}}
	err := eachLine(r, func(text []byte) error {
		if keep == 0 {
			if err := f.same(text); err != nil {
				return err
			}
		} else {
			var w Work
			if err := json.Unmarshal(text, &w); err != nil {
				return err
			}
			p.add(&w)
		}
		keep += int64(len(text)) + 1
		return nil
	})
	if err == nil || keep > 0 {
		f.part = p
	}
	return keep
}

// cut cuts the file off.
func (w *partWriter) cut(size int64) error {
	if err := w.file.Truncate(size); err != nil {
		return err
	}
	_, err := w.file.Seek(size, io.SeekStart)
	return err
}

func (w *partWriter) add(x *Work) error {
	if w == nil {
		return nil
	}
	if w.waits = append(w.waits, x); time.Since(w.last) < partEvery {
		return nil
	}
	return w.flush()
}

func (w *partWriter) flush() error {
	if len(w.waits) == 0 {
		return nil
	}
	var buf bytes.Buffer
	for _, x := range w.waits {
		if err := encode(&buf, x); err != nil {
			return err
		}
	}
	w.waits, w.last, w.holds = w.waits[:0], time.Now(), true
	_, err := w.file.Write(buf.Bytes())
	return err
}

// clear is called at the end of a round: its work stands in the fuzz file.
func (w *partWriter) clear() error {
	if w == nil {
		return nil
	}
	w.waits, w.last = w.waits[:0], time.Now()
	if !w.holds {
		return nil
	}
	w.holds = false
	return w.cut(w.head)
}

// close removes the file unless it has a part of a round.
func (w *partWriter) close() error {
	err := errors.Join(w.flush(), w.file.Close())
	if !w.holds {
		err = errors.Join(err, os.Remove(w.file.Name()))
	}
	return err
}
