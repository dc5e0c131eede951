package fault

import (
	"fmt"
	"slices"
	"strings"

	"airlift/flash"
)

// Faults of the flash: they hold from before the first boot on.
const (
	// Flips turns Count bits of the partition Part over: what lies there has
	// changed at rest. In the mode boot that is once the package is in place.
	Flips Kind = "flips"
	// Stuck has Count cells of Part always read as Value.
	Stuck Kind = "stuck"
	// Unstable leaves up to Count cells (64 unless given) of an operation that is
	// torn between 0 and 1: each read sees them otherwise, until they are erased
	// or programmed again.
	Unstable Kind = "unstable"
	// ProgramDisturb clears a bit in another page of the sector at one in Count
	// programs, of Part if it is given.
	ProgramDisturb Kind = "program-disturb"
	// ReadDisturb clears a bit of the sector that is read at one in Count reads, of
	// Part if it is given.
	ReadDisturb Kind = "read-disturb"
	// BadProgram and BadErase have programs or erases fail, and the chip say so,
	// in Count sectors of Part; in all of them without Count. With Op or Times
	// only Times of them do, 1 unless given, from number Op on: programs, or
	// erases, of Part are counted from 0 from the start of the run.
	BadProgram Kind = "bad-program"
	BadErase   Kind = "bad-erase"
	// DeafProgram and DeafErase do the same and the chip does not say so.
	DeafProgram Kind = "deaf-program"
	DeafErase   Kind = "deaf-erase"
	// WearOut has an erase of a sector that was erased Count times fail.
	WearOut Kind = "wear-out"
	// SmallChip has nothing behind the first Bytes of the chip: reads there see
	// erased cells, operations do nothing.
	SmallChip Kind = "small-chip"
	// AddressWrap has address lines missing: behind Bytes the chip begins anew.
	AddressWrap Kind = "address-wrap"
	// WrongSector has an erase clear Bytes instead of a sector: the block of that
	// size around it, or only the sector's first bytes.
	WrongSector Kind = "wrong-sector"
	// WrongPage has pages of Bytes: a program that goes on behind the end of one
	// wraps around to its start, and the last byte for a cell is what it gets.
	WrongPage Kind = "wrong-page"
)

// Faults of the package.
const (
	// Truncate keeps the first Bytes of the package.
	Truncate Kind = "truncate"
	// Extend adds Bytes at random behind the package.
	Extend Kind = "extend"
	// Flip turns Count bits of the package over.
	Flip Kind = "flip"
	// SwapBlocks swaps two blocks of Bytes each.
	SwapBlocks Kind = "swap-blocks"
	// HeaderLie writes Data at Off of the package.
	HeaderLie Kind = "header-lie"
	// Empty has a package of no bytes.
	Empty Kind = "empty"
	// Older sends again the package of the version that the module runs.
	Older Kind = "older"
	// WrongModel sends the package that is made for Model.
	WrongModel Kind = "wrong-model"
	// WrongBase sends a delta that was made from another core.
	WrongBase Kind = "wrong-base"
	// WrongForm sends a package of the kind Package, with the same contents:
	// compressed otherwise, or a script where a whole is due.
	WrongForm Kind = "wrong-form"
)

// Faults of the network, in the mode system.
const (
	// Latency and Bandwidth and Loss are those of the link: At one way, Count bits
	// a second, Count of 1000 segments lost.
	Latency   Kind = "latency"
	Bandwidth Kind = "bandwidth"
	Loss      Kind = "loss"
	// Reset breaks a connection once Bytes have arrived on it, Stall keeps it open
	// and sends nothing more.
	Reset Kind = "reset"
	Stall Kind = "stall"
	// Truncated and TruncatedUnsaid send the first Bytes of the body and close the
	// connection, with a Content-Length of the whole, and in chunks, without one.
	Truncated       Kind = "truncated"
	TruncatedUnsaid Kind = "truncated-unsaid"
	// Chunked sends the body in chunks, without Content-Length.
	Chunked Kind = "chunked"
	// WrongRange answers a question for a range with the start of the file.
	WrongRange Kind = "wrong-range"
	// Redirect answers 302 to a page elsewhere, Portal 200 with a page of HTML.
	Redirect Kind = "redirect"
	Portal   Kind = "portal"
	// KeepOpen has the server never close a connection.
	KeepOpen Kind = "keep-open"
	// NoName has names not resolve, Refused has the server's port closed.
	NoName  Kind = "no-name"
	Refused Kind = "refused"
	// OtherFile sends from byte Bytes of the file on what another one holds.
	OtherFile Kind = "other-file"
	// Unavailable answers 503, as a server does that is restarting.
	Unavailable Kind = "unavailable"
	// Drip sends Bytes of an answer every At.
	Drip Kind = "drip"
	// ServerRestart breaks all connections once Bytes have arrived on one of them,
	// and refuses new ones for the time At; Times how often, 1 unless given.
	ServerRestart Kind = "server-restart"
)

// Faults of the system.
const (
	// FullFS leaves Bytes free in the file system.
	FullFS Kind = "full-fs"
	// Reboot restarts the module with the power on: in each of the first Times
	// boots with scripts, 1 unless given, At after these have begun, or once Bytes
	// have arrived on a connection.
	Reboot Kind = "reboot"
	// SecondRequest has the scripts ask for the upgrade again once Bytes of the
	// first answers have arrived; Times how often, 1 unless given.
	SecondRequest Kind = "second-request"
	// OutOfHeap leaves the scripts a heap of Bytes.
	OutOfHeap Kind = "out-of-heap"
	// Watchdog resets the module At after a reset, or after scripts fed it last;
	// Times how often, for ever unless given. In the modes boot and update there
	// are no scripts, and it watches boot code and core.
	Watchdog Kind = "watchdog"
	// ClockJump moves the module's clock by Seconds, once, At after the first
	// scripts have begun.
	ClockJump Kind = "clock-jump"
)

// Spec says what a kind of fault is.
type Spec struct {
	Kind    Kind
	Group   string   // power, flash, package, network, system
	Modes   []string // in which it means something
	Needs   []string // fields
	May     []string // more fields
	Summary string
}

var (
	everywhere = []string{"boot", "update", "system"}
	withNet    = []string{"system"}
)

// Specs lists all kinds of faults.
var Specs = []Spec{
	{Cut, "power", everywhere, []string{"how"}, []string{"op"}, "the power fails at an operation"},
	{BrownOut, "power", everywhere, []string{"how", "ops"}, []string{"op"}, "the chip ignores some operations, then the power fails"},
	{CutAt, "power", everywhere, nil, []string{"at"}, "the power fails at a virtual time"},
	{ResetAt, "power", everywhere, []string{"at"}, nil, "the chip resets at a virtual time, with the power on"},

	{Flips, "flash", everywhere, []string{"part", "count"}, []string{"seed"}, "bits of a partition change at rest"},
	{Stuck, "flash", everywhere, []string{"part", "count"}, []string{"value", "seed"}, "cells always read 0, or 1"},
	{Unstable, "flash", everywhere, nil, []string{"count", "seed"}, "cells of a torn operation read differently each time"},
	{ProgramDisturb, "flash", everywhere, []string{"count"}, []string{"part", "seed"}, "one in count programs clears a bit of another page"},
	{ReadDisturb, "flash", everywhere, []string{"count"}, []string{"part", "seed"}, "one in count reads clears a bit of the sector"},
	{BadProgram, "flash", everywhere, []string{"part"}, []string{"count", "op", "times", "seed"}, "programs of sectors fail with an error"},
	{BadErase, "flash", everywhere, []string{"part"}, []string{"count", "op", "times", "seed"}, "erases of sectors fail with an error"},
	{DeafProgram, "flash", everywhere, []string{"part"}, []string{"count", "op", "times", "seed"}, "programs of sectors do nothing, silently"},
	{DeafErase, "flash", everywhere, []string{"part"}, []string{"count", "op", "times", "seed"}, "erases of sectors do nothing, silently"},
	{WearOut, "flash", everywhere, []string{"count"}, nil, "a sector fails to erase after count erases"},
	{SmallChip, "flash", everywhere, []string{"bytes"}, nil, "the chip is smaller than the layout says"},
	{AddressWrap, "flash", everywhere, []string{"bytes"}, nil, "addresses wrap around, as if the chip were small"},
	{WrongSector, "flash", everywhere, []string{"bytes"}, nil, "an erase clears so many bytes instead of a sector"},
	{WrongPage, "flash", everywhere, []string{"bytes"}, nil, "a program wraps around at the end of a page of so many bytes"},

	{Damaged, "package", everywhere, []string{"edit"}, nil, "an edit changes the package"},
	{Size, "package", everywhere, []string{"part"}, []string{"bytes"}, "the new version's core or script has another size"},
	{Truncate, "package", everywhere, nil, []string{"bytes"}, "only the first bytes of the package come"},
	{Extend, "package", everywhere, []string{"bytes"}, []string{"seed"}, "random bytes follow the package"},
	{Flip, "package", everywhere, []string{"count"}, []string{"seed"}, "bits of the package are turned over"},
	{SwapBlocks, "package", everywhere, []string{"bytes"}, []string{"seed"}, "two blocks of the package are swapped"},
	{HeaderLie, "package", everywhere, []string{"data"}, []string{"off"}, "bytes of the package are others"},
	{Empty, "package", everywhere, nil, nil, "the package has no bytes"},
	{Older, "package", everywhere, nil, nil, "the package of the version that the module runs comes again"},
	{WrongModel, "package", everywhere, []string{"model"}, nil, "the package is for another model"},
	{WrongBase, "package", everywhere, nil, nil, "the delta was made from another core"},
	{WrongForm, "package", everywhere, []string{"package"}, nil, "the package is of another kind"},

	{Latency, "network", withNet, []string{"at"}, nil, "segments are so long on their way"},
	{Bandwidth, "network", withNet, []string{"count"}, nil, "bits a second of the link"},
	{Loss, "network", withNet, []string{"count"}, nil, "segments of 1000 that are lost"},
	{Reset, "network", withNet, []string{"bytes"}, []string{"times"}, "connections break after so many bytes"},
	{Stall, "network", withNet, []string{"bytes"}, []string{"times"}, "connections fall silent after so many bytes"},
	{Truncated, "network", withNet, []string{"bytes"}, []string{"times"}, "bodies end early; Content-Length is of the whole"},
	{TruncatedUnsaid, "network", withNet, []string{"bytes"}, []string{"times"}, "bodies in chunks end early, without the last chunk"},
	{Chunked, "network", withNet, nil, []string{"times"}, "bodies come in chunks, without Content-Length"},
	{WrongRange, "network", withNet, nil, []string{"times"}, "a question for a range gets the start of the file"},
	{Redirect, "network", withNet, nil, []string{"times"}, "the server answers 302"},
	{Portal, "network", withNet, nil, []string{"times"}, "a captive portal answers 200 with its page"},
	{KeepOpen, "network", withNet, nil, []string{"times"}, "the server never closes a connection"},
	{NoName, "network", withNet, nil, nil, "no name resolves"},
	{Refused, "network", withNet, nil, nil, "the server's ports are closed"},
	{OtherFile, "network", withNet, []string{"bytes"}, []string{"times"}, "from a byte on the body is of another file"},
	{Unavailable, "network", withNet, nil, []string{"times"}, "the server answers 503"},
	{Drip, "network", withNet, []string{"bytes", "at"}, []string{"times"}, "answers come in drips of so many bytes, one in so long"},
	{ServerRestart, "network", withNet, []string{"bytes"}, []string{"at", "times"}, "after so many bytes the server restarts: connections break, and for a time its ports are closed"},

	{FullFS, "system", everywhere, nil, []string{"bytes"}, "the file system has no room but so many bytes"},
	{Reboot, "system", withNet, nil, []string{"at", "bytes", "times"}, "the module restarts when scripts have run so long, or once so many bytes have arrived"},
	{SecondRequest, "system", withNet, nil, []string{"bytes", "times"}, "the scripts ask again once so many bytes have arrived"},
	{OutOfHeap, "system", withNet, []string{"bytes"}, nil, "the scripts have a heap of so many bytes"},
	{Watchdog, "system", everywhere, []string{"at"}, []string{"times"}, "a watchdog that nobody feeds resets the module after a time"},
	{ClockJump, "system", withNet, []string{"seconds"}, []string{"at"}, "the module's clock jumps by so many seconds"},
}

// Spec returns what the fault's kind is.
func (f *Fault) Spec() (*Spec, error) {
	for i := range Specs {
		if Specs[i].Kind == f.Kind {
			return &Specs[i], nil
		}
	}
	var known []string
	for i := range Specs {
		known = append(known, string(Specs[i].Kind))
	}
	return nil, fmt.Errorf("fault kind %q: expected one of %s", f.Kind, strings.Join(known, ", "))
}

// Standing reports a fault that holds all the time, rather than to strike once.
func (f *Fault) Standing() bool {
	return f.Kind != Cut && f.Kind != BrownOut && f.Kind != CutAt && f.Kind != ResetAt
}

// InMode reports a fault that means nothing in a mode of sweeps.
func (f *Fault) InMode(mode string) error {
	s, err := f.Spec()
	if err != nil || slices.Contains(s.Modes, mode) {
		return err
	}
	return fmt.Errorf("fault %s means nothing in mode %s: it takes mode %s", f.Kind, mode, strings.Join(s.Modes, " or "))
}

// given lists the fields that are set.
func (f *Fault) given() []string {
	var out []string
	for _, x := range []struct {
		name string
		set  bool
	}{
		{"op", f.Op != 0}, {"how", f.How.Kind != ""}, {"ops", f.Ops != 0}, {"at", f.At != 0}, {"part", f.Part != ""}, {"off", f.Off != 0},
		{"bytes", f.Bytes != 0}, {"count", f.Count != 0}, {"value", f.Value != 0}, {"times", f.Times != 0}, {"data", f.Data != nil},
		{"model", f.Model != ""}, {"package", f.Package != ""}, {"seed", f.Seed != 0}, {"edit", f.Edit != nil}, {"seconds", f.Seconds != 0},
	} {
		if x.set {
			out = append(out, x.name)
		}
	}
	return out
}

// checkFields reports a field that is missing, or that the kind has no use for.
func (f *Fault) checkFields(s *Spec) error {
	given := f.given()
	for _, name := range s.Needs {
		if !slices.Contains(given, name) {
			return fmt.Errorf("fault %s: %s is missing", f.Kind, name)
		}
	}
	for _, name := range given {
		if !slices.Contains(s.Needs, name) && !slices.Contains(s.May, name) {
			return fmt.Errorf("fault %s has no use for %s", f.Kind, name)
		}
	}
	if f.Edit != nil {
		return f.Edit.Check()
	}
	switch {
	case f.Bytes < 0 || f.Bytes > 1<<30 || f.Off < 0 || f.Off > 1<<30 || f.Count < 0 || f.Count > 1e9 || f.Times < 0:
		return fmt.Errorf("fault %s: off, bytes, count or times is negative or too large", f.Kind)
	case slices.Contains(drawn, f.Kind) && f.Count > drawnMax:
		return fmt.Errorf("fault %s: count %d: expected up to %d", f.Kind, f.Count, drawnMax)
	case f.Op > opMax || f.Ops > opMax:
		return fmt.Errorf("fault %s: op %d, ops %d: expected up to %d", f.Kind, f.Op, f.Ops, uint64(opMax))
	case f.Value > 1:
		return fmt.Errorf("fault %s: value %d: expected 0 or 1", f.Kind, f.Value)
	case f.Seconds < -secondsMax || f.Seconds > secondsMax:
		return fmt.Errorf("fault %s: seconds %d: expected up to %d, forwards or back", f.Kind, f.Seconds, int64(secondsMax))
	case f.Kind == WrongSector && (!powerOf2(f.Bytes, 256, 1<<20) || f.Bytes == flash.DefaultSectorSize):
		return fmt.Errorf("fault %s: bytes %d: expected a power of 2 from 256 to %d that is not the sector's, %d", f.Kind, f.Bytes, 1<<20, flash.DefaultSectorSize)
	case f.Kind == WrongPage && !powerOf2(f.Bytes, 16, flash.DefaultPageSize/2):
		return fmt.Errorf("fault %s: bytes %d: expected a power of 2 from 16 to %d", f.Kind, f.Bytes, flash.DefaultPageSize/2)
	case f.Kind == Reboot && f.At != 0 && f.Bytes != 0:
		return fmt.Errorf("fault %s: at and bytes both say when: leave one out", f.Kind)
	}
	return nil
}

// secondsMax bounds how far a clock jumps: about 30 years.
const secondsMax = 1_000_000_000

// opMax bounds the number of an operation, so that sums do not wrap around.
const opMax = 1 << 62

// drawn are the kinds that draw Count cells, bits or sectors; drawnMax is how many
// at most.
var drawn = []Kind{Stuck, Flips, Flip, BadProgram, BadErase, DeafProgram, DeafErase}

const drawnMax = 1_000_000

func powerOf2(n, least, most int64) bool { return n >= least && n <= most && n&(n-1) == 0 }
