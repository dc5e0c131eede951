// Package trace records what happens in an emulated world, in order, with
// virtual time stamps, and keeps a hash over all of it.
//
// The hash is the proof of determinism: two runs with the same inputs and the
// same seed have the same hash, on every platform. So nothing of the host may
// get into an event: no paths, ports, addresses, wall times, map order.
package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"time"

	"airlift/chips"
	"airlift/flash"
)

// Kind is the sort of an event.
type Kind string

const (
	Power  Kind = "power"  // power on, cut, reset: Text says why
	Step   Kind = "step"   // boot code, core or updater decided or did something
	Log    Kind = "log"    // a line on the device's log
	Flash  Kind = "flash"  // a flash operation took effect
	Net    Kind = "net"    // a request or an answer
	Server Kind = "server" // a decision of the platform
	Exit   Kind = "exit"   // the script machine ended: Text says how
	End    Kind = "end"    // the run ended: Text says why
)

// Event is one thing that happened.
type Event struct {
	Time time.Duration // virtual, since the world began
	Boot int           // number of the boot, from 0
	Kind Kind
	Text string
	Step chips.Step // for Step
	// For Flash.
	Op   flash.OpKind
	Seq  uint64
	Chip int // position of the flash chip on the board
	Off  int64
	Len  int64
}

// Recorder takes events. Make one with [New].
type Recorder struct {
	hash     hash.Hash
	buf      []byte
	events   int
	flashOps int
	sinks    []func(*Event)
	unhashed bool
}

// New returns an empty recorder.
func New() *Recorder { return &Recorder{hash: sha256.New()} }

// Sink has fn called with every event, in the order of the events. The event
// is only valid during the call.
func (r *Recorder) Sink(fn func(*Event)) { r.sinks = append(r.sinks, fn) }

// NoHash says that something took part that cannot be repeated, a real server
// for example: [Recorder.Sum] is empty from now on.
func (r *Recorder) NoHash() { r.unhashed = true }

// Add records e.
func (r *Recorder) Add(e *Event) { r.add(e, nil) }

// Mix makes p part of the hash without being an event: what a run started
// from, for example.
func (r *Recorder) Mix(label string, p []byte) {
	r.hash.Write(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(label))), uint64(len(p))))
	r.hash.Write([]byte(label))
	r.hash.Write(p)
}

// FlashOp records op at time t.
func (r *Recorder) FlashOp(t time.Duration, boot int, op *flash.Op) {
	r.flashOps++
	e := Event{Time: t, Boot: boot, Kind: Flash, Op: op.Kind, Seq: op.Seq, Chip: op.Chip, Off: op.Off, Len: op.Len}
	r.add(&e, op.Data)
}

func (r *Recorder) add(e *Event, data []byte) {
	r.events++
	b := r.buf[:0]
	b = binary.AppendVarint(b, int64(e.Time))
	b = binary.AppendVarint(b, int64(e.Boot))
	for _, s := range [...]string{string(e.Kind), e.Text, e.Step.Stage, string(e.Step.Kind), e.Step.Text, e.Step.Level, e.Step.Tag} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	if e.Kind == Flash {
		b = append(b, byte(e.Op)|byte(e.Chip)<<4)
		b = binary.AppendUvarint(b, e.Seq)
		b = binary.AppendVarint(b, e.Off)
		b = binary.AppendVarint(b, e.Len)
	}
	b = binary.AppendUvarint(b, uint64(len(data)))
	b = append(b, data...)
	r.buf = b
	r.hash.Write(b)
	for _, fn := range r.sinks {
		fn(e)
	}
}

// Events returns how many events were recorded.
func (r *Recorder) Events() int { return r.events }

// FlashOps returns how many flash operations were recorded.
func (r *Recorder) FlashOps() int { return r.flashOps }

// Sum returns the hash of everything recorded so far as hex, or "" after
// [Recorder.NoHash].
func (r *Recorder) Sum() string {
	if r.unhashed {
		return ""
	}
	return hex.EncodeToString(r.hash.Sum(nil))
}
