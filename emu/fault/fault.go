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
//	{kind: reset-at, at: 1.5s}
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
	// Edit is what damages the package.
	Edit *Edit `json:"edit,omitempty" yaml:"edit,omitempty"`

	// Of standing faults: see the kind.
	Part    string `json:"part,omitempty" yaml:"part,omitempty"`       // partition
	Off     int64  `json:"off,omitempty" yaml:"off,omitempty"`         // bytes
	Bytes   int64  `json:"bytes,omitempty" yaml:"bytes,omitempty"`     // bytes
	Count   int    `json:"count,omitempty" yaml:"count,omitempty"`     // how many, or one in how many
	Value   uint8  `json:"value,omitempty" yaml:"value,omitempty"`     // of a stuck cell
	Times   int    `json:"times,omitempty" yaml:"times,omitempty"`     // answers or connections that it hits; 0: all
	Data    Hex    `json:"data,omitempty" yaml:"data,omitempty"`       // hexadecimal
	Model   string `json:"model,omitempty" yaml:"model,omitempty"`     // of a module
	Package string `json:"package,omitempty" yaml:"package,omitempty"` // kind of package
	Seconds int64  `json:"seconds,omitempty" yaml:"seconds,omitempty"` // that a clock jumps
	Seed    uint64 `json:"seed,omitempty" yaml:"seed,omitempty"`       // of what is drawn
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
	// ResetAt resets the chip at the virtual time At, with the power on: the
	// operation on its way ends, and retained words stay.
	ResetAt Kind = "reset-at"
)

// Damaged delivers a package that Edit has changed.
const Damaged Kind = "damaged"

// Size delivers a new version of which Part, script or core, has Bytes.
const Size Kind = "size"

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
	s, err := f.Spec()
	if err != nil {
		return err
	}
	return f.checkFields(s)
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
	case ResetAt:
		return fmt.Sprintf("reset with the power on at %v", f.At)
	case Damaged:
		return "a damaged package: " + f.Edit.String()
	case Size:
		return fmt.Sprintf("a new version of another size: its %s has %d bytes", f.Part, f.Bytes)
	}
	return f.words()
}

// words is a standing fault with its fields.
func (f *Fault) words() string {
	if text := f.chipWords(); text != "" {
		return text
	}
	s, err := f.Spec()
	if err != nil {
		return string(f.Kind)
	}
	var fields []string
	for _, x := range []struct {
		name  string
		value any
		set   bool
	}{
		{"part", f.Part, f.Part != ""}, {"op", f.Op, f.Op != 0}, {"at", f.At, f.At != 0}, {"off", f.Off, f.Off != 0}, {"bytes", f.Bytes, f.Bytes != 0}, {"count", f.Count, f.Count != 0},
		{"value", f.Value, f.Value != 0}, {"times", f.Times, f.Times != 0}, {"data", short(f.Data), f.Data != nil}, {"model", f.Model, f.Model != ""},
		{"package", f.Package, f.Package != ""}, {"seconds", f.Seconds, f.Seconds != 0}, {"seed", f.Seed, f.Seed != 0},
	} {
		if x.set {
			fields = append(fields, fmt.Sprintf("%s %v", x.name, x.value))
		}
	}
	if fields == nil {
		return s.Summary
	}
	return s.Summary + " (" + strings.Join(fields, ", ") + ")"
}

// Describe joins faults to one line.
func Describe(faults []Fault) string {
	var out []string
	for i := range faults {
		out = append(out, faults[i].String())
	}
	return strings.Join(out, "; then ")
}
