package fault

import (
	"fmt"
	"strings"
	"time"
)

// Fault is one thing that goes wrong. It is one line of YAML or JSON:
//
//	{kind: cut, op: 812, how: front 1/2}
//	{kind: brown-out, op: 812, ops: 3, how: before}
//	{kind: cut-at, at: 1.5s}
//
// Faults are independent of where they came from: a fault with the same fields
// does the same to the same world. They compose as a list, in the order in
// which they strike. Op counts from 0 over all flash chips of the board, for
// the first fault from the start of the run, for a later one from the power-on
// after the one before it.
type Fault struct {
	Kind Kind   `json:"kind" yaml:"kind"`
	Op   uint64 `json:"op,omitempty" yaml:"op,omitempty"`
	How  How    `json:"how,omitzero" yaml:"how,omitempty"`
	// Ops is how many operations, from Op on, a brown-out makes the chip
	// ignore before the cut.
	Ops uint64 `json:"ops,omitempty" yaml:"ops,omitempty"`
	// At is a virtual time since the start of the run or the power-on before.
	At Time `json:"at,omitempty" yaml:"at,omitempty"`
}

// Kind is the sort of a [Fault].
type Kind string

// Faults of the power supply.
const (
	// Cut fails the power at operation Op, which How says.
	Cut Kind = "cut"
	// BrownOut has the chip ignore the Ops operations from Op on without
	// saying so, and then fails the power at the next, which How says.
	BrownOut Kind = "brown-out"
	// CutAt fails the power at the virtual time At.
	CutAt Kind = "cut-at"
)

// Time is a virtual duration whose text form is "1.5s".
type Time time.Duration

func (t Time) String() string { return time.Duration(t).String() }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *Time) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("time %q: expected a duration like 1.5s", text)
	}
	*t = Time(d)
	return nil
}

// Check reports a fault that makes no sense.
func (f *Fault) Check() error {
	switch f.Kind {
	case Cut, BrownOut:
		if f.How.Kind == "" {
			return fmt.Errorf("fault %s: how is missing: before, after, front 1/2 and so on", f.Kind)
		}
		if f.Kind == BrownOut && f.Ops == 0 {
			return fmt.Errorf("fault %s: ops is missing: how many operations are ignored", f.Kind)
		}
		return nil
	case CutAt:
		return nil
	}
	return fmt.Errorf("fault kind %q: expected cut, brown-out or cut-at", f.Kind)
}

// String is one line for people.
func (f *Fault) String() string {
	switch f.Kind {
	case Cut:
		return fmt.Sprintf("power cut at operation %d, %s", f.Op, f.How.Words())
	case BrownOut:
		return fmt.Sprintf("brown-out: operations %d to %d ignored, power cut at operation %d, %s", f.Op, f.Op+f.Ops-1, f.Op+f.Ops, f.How.Words())
	case CutAt:
		return fmt.Sprintf("power cut at %v", f.At)
	}
	return string(f.Kind)
}

// Describe joins faults to one line.
func Describe(faults []Fault) string {
	var out []string
	for i := range faults {
		out = append(out, faults[i].String())
	}
	return strings.Join(out, "; then ")
}
