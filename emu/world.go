package emu

import (
	"fmt"
	"time"

	"airlift/emu/link"
	"airlift/emu/trace"
	"airlift/lua"
)

// World is what devices share: time, a network with servers on it, and the
// trace.
type World struct {
	Seed    uint64
	Clock   *Clock
	Trace   *trace.Recorder
	Network *link.Network
	Link    link.Model // of every device
	// Received, if not nil, is told how many bytes a device got from a server
	// on one connection so far. It is for progress bars.
	Received func(peer string, bytes int64)
	// Real, if not nil, carries connections to hosts that Network does not
	// know. The trace then has no hash.
	Real *link.Real
}

// NewWorld returns a world without servers that ends at limit (0: never).
func NewWorld(seed uint64, limit time.Duration) *World {
	return &World{Seed: seed, Clock: NewClock(limit), Trace: trace.New(), Network: link.NewNetwork()}
}

// Net makes the networks of one device, for Config.Net.
func (w *World) Net(boot int) (lua.Net, error) {
	opt := link.Options{
		Model: w.Link,
		Rand:  Stream(w.Seed, "link", boot),
		Trace: func(e link.Event) { w.linkEvent(boot, e) },
	}
	if w.Real != nil {
		opt.Fallback = w.Real
	}
	l, err := link.New(w.Clock, w.Network, opt)
	if err != nil {
		return nil, err
	}
	if w.Received == nil {
		return l, nil
	}
	return &countingNet{Net: l, received: w.Received}, nil
}

func (w *World) linkEvent(boot int, e link.Event) {
	text := fmt.Sprintf("%s %s", e.Kind, e.Peer)
	if e.Text != "" {
		text += ": " + e.Text
	}
	if e.Bytes > 0 {
		text += fmt.Sprintf(" (%d bytes)", e.Bytes)
	}
	w.Trace.Add(&trace.Event{Time: w.Clock.Now(), Boot: boot, Kind: trace.Net, Text: text})
}

// countingNet tells how many bytes arrive.
type countingNet struct {
	lua.Net
	received func(peer string, bytes int64)
}

func (n *countingNet) Dial(host string, port int, tls *lua.TLS, ev lua.ConnEvents) lua.Conn {
	var got int64
	data := ev.Data
	ev.Data = func(p []byte) {
		got += int64(len(p))
		data(p)
		n.received(host, got)
	}
	return n.Net.Dial(host, port, tls, ev)
}
