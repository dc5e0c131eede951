package fault

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"airlift/flash"
)

// How says how far an operation gets when the power fails at it. Its text form
// is what scenarios hold:
//
//	before      nothing of it happens
//	after       all of it happens, nothing behind it
//	front 4     the first 4 bytes change
//	front 1/2   the first half changes
//	back 1      the last byte changes
//	bits 7      of the bits that were to change, a random half does; 7 is the seed
//	few 7       of the bits that were to change, one in 16 does
//	most 7      of the bits that were to change, all but one in 16 do
//
// "front 1/2" of an erase is an erase that got half through its sector, "bits"
// one that was too short for all cells.
type How struct {
	Kind HowKind
	// Num bytes change, or Num/Den of the operation if Den is not 0; for bits,
	// few and most Num is the seed.
	Num, Den uint32
}

// HowKind is the sort of a [How].
type HowKind string

// The sorts of tears; see [How].
const (
	Before HowKind = "before"
	After  HowKind = "after"
	Front  HowKind = "front"
	Back   HowKind = "back"
	Bits   HowKind = "bits"
	Few    HowKind = "few"
	Most   HowKind = "most"
)

// DefaultHows are the ways in which a sweep fails the power at an operation:
// before it, after it, and eight tears.
func DefaultHows() []How {
	return []How{
		{Kind: Before}, {Kind: Front, Num: 1}, {Kind: Front, Num: 4}, {Kind: Front, Num: 1, Den: 2}, {Kind: Back, Num: 1, Den: 2}, {Kind: Back, Num: 4},
		{Kind: Few, Num: 1}, {Kind: Bits, Num: 1}, {Kind: Most, Num: 1}, {Kind: After},
	}
}

// Torn reports whether the operation happens in part.
func (h How) Torn() bool { return h.Kind != Before && h.Kind != After }

func (h How) String() string {
	switch {
	case !h.Torn():
		return string(h.Kind)
	case h.Den != 0:
		return fmt.Sprintf("%s %d/%d", h.Kind, h.Num, h.Den)
	}
	return fmt.Sprintf("%s %d", h.Kind, h.Num)
}

// ParseHow reads the text form.
func ParseHow(text string) (How, error) {
	kind, rest, found := strings.Cut(text, " ")
	h := How{Kind: HowKind(kind)}
	bad := func(expected string) (How, error) {
		return How{}, fmt.Errorf("tear %q: expected %s", text, expected)
	}
	switch h.Kind {
	case Before, After:
		if found {
			return bad("nothing behind " + kind)
		}
		return h, nil
	case Front, Back, Bits, Few, Most:
	default:
		return bad("before, after, front, back, bits, few or most")
	}
	num, den, isFraction := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(num, 10, 32)
	if err != nil {
		return bad("a number behind " + kind)
	}
	h.Num = uint32(n)
	if !isFraction {
		return h, nil
	}
	d, err := strconv.ParseUint(den, 10, 32)
	if err != nil || d == 0 || n > d || h.Kind != Front && h.Kind != Back {
		return bad("a fraction from 0 to 1 behind front or back")
	}
	h.Den = uint32(d)
	return h, nil
}

// MarshalText implements encoding.TextMarshaler.
func (h How) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *How) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHow(string(text))
	return err
}

// Fate returns what becomes of op. Number is what the operation is counted as
// in its fault: with the seed it decides which bits a random tear changes, so
// that a replay need not know anything else.
func (h How) Fate(op *flash.Op, number uint64) flash.Fate {
	switch h.Kind {
	case Before:
		return flash.Fate{Kind: flash.FateCutBefore}
	case After:
		return flash.Fate{Kind: flash.FateCutAfter}
	case Front:
		return flash.TearFront(op, h.bytes(op.Len))
	case Back:
		return flash.TearBack(op, h.bytes(op.Len))
	}
	src := rand.NewPCG(uint64(h.Num), number)
	switch h.Kind {
	case Few:
		return flash.TearBits(op, func(int) byte { return byte(src.Uint64()) & sparse(src) })
	case Most:
		return flash.TearBits(op, func(int) byte { return byte(src.Uint64()) | ^sparse(src) })
	}
	return flash.TearBits(op, func(int) byte { return byte(src.Uint64()) })
}

// sparse returns a byte in which a bit is set with a chance of 1 in 8.
func sparse(src *rand.PCG) byte {
	v := src.Uint64()
	return byte(v) & byte(v>>8) & byte(v>>16)
}

// bytes is how much of an operation of length bytes changes.
func (h How) bytes(length int64) int64 {
	if h.Den == 0 {
		return min(length, int64(h.Num))
	}
	return length * int64(h.Num) / int64(h.Den)
}

// Words says the same as the text form in words.
func (h How) Words() string {
	amount := fmt.Sprintf("%d bytes", h.Num)
	if h.Num == 1 && h.Den == 2 {
		amount = "half"
	} else if h.Den != 0 {
		amount = fmt.Sprintf("%d/%d", h.Num, h.Den)
	} else if h.Num == 1 {
		amount = "byte"
	}
	switch h.Kind {
	case Before:
		return "before it"
	case After:
		return "after it"
	case Front:
		return "its first " + amount + " done"
	case Back:
		return "its last " + amount + " done"
	case Few:
		return fmt.Sprintf("one in 16 of its bits done (seed %d)", h.Num)
	case Most:
		return fmt.Sprintf("all but one in 16 of its bits done (seed %d)", h.Num)
	}
	return fmt.Sprintf("half of its bits done (seed %d)", h.Num)
}
