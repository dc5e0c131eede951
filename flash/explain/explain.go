// Package explain holds what format code tells people: a tree of the fields
// of a file, and the error that says where a file is wrong.
//
// It knows no format. Format packages build the tree, the command prints it.
package explain

import (
	"errors"
	"fmt"
	"strings"
)

// OneOf lists names for an error that says which are known.
func OneOf[T any](names []T) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = fmt.Sprint(n)
	}
	return strings.Join(out, ", ")
}

// Verdict says whether a field is as it must be.
type Verdict string

const (
	None Verdict = ""     // nothing to check
	OK   Verdict = "ok"   // checked and right
	Warn Verdict = "warn" // legal, but something a person should know
	Bad  Verdict = "bad"  // wrong
)

// Field is one field of a file, or a group of fields.
type Field struct {
	Off     int64   `json:"off"`               // bytes from the start of the file
	Len     int64   `json:"len"`               // bytes
	Name    string  `json:"name"`              // the format's own name
	Value   string  `json:"value,omitempty"`   // as people write it
	Meaning string  `json:"meaning,omitempty"` // what the value says
	Verdict Verdict `json:"verdict,omitempty"`
	Fields  []Field `json:"fields,omitempty"`
}

// Add appends a field and returns it for more.
func (f *Field) Add(sub Field) *Field {
	f.Fields = append(f.Fields, sub)
	return &f.Fields[len(f.Fields)-1]
}

// Shift moves the tree by delta bytes.
func (f *Field) Shift(delta int64) {
	f.Off += delta
	for i := range f.Fields {
		f.Fields[i].Shift(delta)
	}
}

// Worst returns the worst verdict in the tree.
func (f *Field) Worst() Verdict {
	rank := map[Verdict]int{None: 0, OK: 1, Warn: 2, Bad: 3}
	worst := f.Verdict
	for i := range f.Fields {
		if v := f.Fields[i].Worst(); rank[v] > rank[worst] {
			worst = v
		}
	}
	return worst
}

// FormatError reports a file that is not what it should be.
type FormatError struct {
	File string // host file name, filled in by whoever opened it
	Off  int64  // bytes from the start of the file
	What string // the field or structure: "luadb file count"
	Want string // what was expected
	Got  string // what was found
	Hint string // what to do about it, may be empty
}

func (e *FormatError) Error() string {
	var b strings.Builder
	if e.File != "" {
		fmt.Fprintf(&b, "%s: ", e.File)
	}
	fmt.Fprintf(&b, "offset 0x%X: %s", e.Off, e.What)
	if e.Want != "" {
		fmt.Fprintf(&b, ": expected %s", e.Want)
	}
	if e.Got != "" {
		fmt.Fprintf(&b, ", found %s", e.Got)
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// InFile names the file in the FormatError that err wraps, if there is one
// without a name, and returns err.
func InFile(err error, file string) error {
	var fe *FormatError
	if errors.As(err, &fe) && fe.File == "" {
		fe.File = file
	}
	return err
}

// Moved returns err with its offset, if it wraps a FormatError, moved by delta
// bytes: to count from the start of the file, and not of a part.
func Moved(err error, delta int64) error {
	var fe *FormatError
	if !errors.As(err, &fe) {
		return err
	}
	moved := *fe
	moved.Off += delta
	return &moved
}

// Problem is what a reader of a part at base stumbles over. Offsets in err count
// from there.
func Problem(err error, base int64) Field {
	f := Field{Off: base, Name: "error", Verdict: Bad}
	err = Moved(err, base)
	if fe, ok := err.(*FormatError); ok {
		f.Off = fe.Off
	}
	f.Meaning = err.Error()
	return f
}

// Printable shows a string that came out of a file: what does not print is
// escaped.
func Printable(s string) string {
	q := fmt.Sprintf("%+q", s)
	return q[1 : len(q)-1]
}
