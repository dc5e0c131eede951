package fault

import (
	"encoding/hex"
	"fmt"

	"airlift/flash/explain"
)

// Edit is one change of some bytes: of a package, or of what lies in flash. It
// is one line of YAML or JSON:
//
//	{do: set, off: 16, data: 00ff}
//	{do: flip, off: 16, bits: 128}
//	{do: cut, off: 1000}
//	{do: add, data: ffff}
//	{do: remove, off: 16, bytes: 4}
//	{do: insert, off: 16, data: 00}
//	{do: swap, off: 0, to: 4096, bytes: 256}
//	{do: fill, off: 0, bytes: 256, data: ff}
//	{in: payload, do: flip, off: 16, bits: 1}
//
// With In it is an edit of a layer of a package (see package chips): the
// package is put together again around it, with the right checksums. An edit beyond the end of the bytes does what is left of it.
type Edit struct {
	Do    EditKind `json:"do" yaml:"do"`
	In    string   `json:"in,omitempty" yaml:"in,omitempty"`     // layer of the package
	Part  string   `json:"part,omitempty" yaml:"part,omitempty"` // partition, of an edit of the flash
	Off   int64    `json:"off,omitempty" yaml:"off,omitempty"`   // bytes
	To    int64    `json:"to,omitempty" yaml:"to,omitempty"`     // bytes: where the other block is
	Bytes int64    `json:"bytes,omitempty" yaml:"bytes,omitempty"`
	Bits  uint8    `json:"bits,omitempty" yaml:"bits,omitempty"` // that a flip turns over
	Data  Hex      `json:"data,omitempty" yaml:"data,omitempty"`
}

// EditKind is what an [Edit] does.
type EditKind string

// What an edit does.
const (
	EditSet    EditKind = "set"
	EditFlip   EditKind = "flip"
	EditCut    EditKind = "cut"
	EditAdd    EditKind = "add"
	EditRemove EditKind = "remove"
	EditInsert EditKind = "insert"
	EditSwap   EditKind = "swap"
	EditFill   EditKind = "fill"
)

// EditKinds lists what edits do. Those behind the first four change the length,
// which flash has no use for.
var EditKinds = []EditKind{EditSet, EditFlip, EditSwap, EditFill, EditCut, EditAdd, EditRemove, EditInsert}

// Hex is bytes whose text form is hexadecimal.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// editBytesMax bounds what edits make a package grow to.
const editBytesMax = 16 << 20

// Check reports an edit that makes no sense.
func (e *Edit) Check() error {
	known := false
	for _, k := range EditKinds {
		known = known || k == e.Do
	}
	switch {
	case !known:
		return fmt.Errorf("edit %q: expected one of %s", e.Do, explain.OneOf(EditKinds))
	case e.Off < 0 || e.To < 0 || e.Bytes < 0:
		return fmt.Errorf("edit %s: off, to and bytes are not negative", e.Do)
	case e.Do == EditFill && len(e.Data) != 1:
		return fmt.Errorf("edit fill: data is one byte")
	case e.In != "" && e.Part != "":
		return fmt.Errorf("edit %s: in is of a package, part of the flash", e.Do)
	}
	return nil
}

// Apply returns the edited bytes; p itself is not changed.
func (e *Edit) Apply(p []byte) []byte {
	n := int64(len(p))
	off := min(e.Off, n)
	end := off + min(e.Bytes, n-off)
	out := append(make([]byte, 0, len(p)+len(e.Data)), p...)
	switch e.Do {
	case EditSet:
		copy(out[off:], e.Data)
	case EditFlip:
		if off < n {
			out[off] ^= e.Bits
		}
	case EditFill:
		for i := off; i < end && len(e.Data) == 1; i++ {
			out[i] = e.Data[0]
		}
	case EditSwap:
		to := min(e.To, n)
		length := min(e.Bytes, n-off, n-to)
		copy(out[off:off+length], p[to:to+length])
		copy(out[to:to+length], p[off:off+length])
	case EditCut:
		out = out[:off]
	case EditAdd:
		if n+int64(len(e.Data)) <= editBytesMax {
			out = append(out, e.Data...)
		}
	case EditRemove:
		out = append(out[:off], p[end:]...)
	case EditInsert:
		if n+int64(len(e.Data)) <= editBytesMax {
			out = append(append(out[:off], e.Data...), p[off:]...)
		}
	}
	return out
}

// Size is how many bytes an edit is about at most: the less, the easier to
// understand what comes of it. Off the end it is all that can be there.
func (e *Edit) Size() int64 {
	switch e.Do {
	case EditFlip:
		return 1
	case EditSet, EditInsert, EditAdd:
		return int64(len(e.Data))
	case EditCut:
		return editBytesMax
	}
	return e.Bytes
}

// String is one line for people.
func (e *Edit) String() string {
	switch e.Do {
	case EditSet, EditInsert:
		return fmt.Sprintf("%s %d bytes at %s0x%X: %s", e.Do, len(e.Data), e.in(), e.Off, short(e.Data))
	case EditFlip:
		return fmt.Sprintf("flip bits 0x%02X at %s0x%X", e.Bits, e.in(), e.Off)
	case EditCut:
		return fmt.Sprintf("cut off behind %s0x%X", e.in(), e.Off)
	case EditAdd:
		return fmt.Sprintf("add %d bytes at the end%s: %s", len(e.Data), e.of(), short(e.Data))
	case EditSwap:
		return fmt.Sprintf("swap %d bytes at %s0x%X and 0x%X", e.Bytes, e.in(), e.Off, e.To)
	case EditFill:
		return fmt.Sprintf("fill %d bytes at %s0x%X with %s", e.Bytes, e.in(), e.Off, short(e.Data))
	}
	return fmt.Sprintf("%s %d bytes at %s0x%X", e.Do, e.Bytes, e.in(), e.Off)
}

func (e *Edit) in() string {
	if e.In+e.Part == "" {
		return ""
	}
	return e.In + e.Part + " "
}

func (e *Edit) of() string {
	if e.In+e.Part == "" {
		return ""
	}
	return " of " + e.In + e.Part
}

func short(p []byte) string {
	if len(p) > 16 {
		return hex.EncodeToString(p[:16]) + "..."
	}
	return hex.EncodeToString(p)
}
