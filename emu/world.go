package emu

import (
	"fmt"
	"time"

	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/peer"
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
	// Shape, if not nil, may change what a device sees of a new connection.
	Shape func(peer string, ev lua.ConnEvents) lua.ConnEvents
	// Real, if not nil, carries connections to hosts that Network does not
	// know: see UseRealNet.
	Real *link.Real
	boot int
}

// NewWorld returns a world without servers that ends at limit (0: never).
func NewWorld(seed uint64, limit time.Duration) *World {
	return &World{Seed: seed, Clock: NewClock(limit), Trace: trace.New(), Network: link.NewNetwork()}
}

// Net makes the networks of one device, for Config.Net.
func (w *World) Net(boot int) (Network, error) {
	opt := link.Options{
		Model: w.Link,
		Rand:  Stream(w.Seed, "link", boot),
		Trace: func(e link.Event) { w.linkEvent(boot, e) },
	}
	w.boot = boot
	if w.Real != nil {
		opt.Fallback = w.Real
	}
	l, err := link.New(w.Clock, w.Network, opt)
	if err != nil {
		return nil, err
	}
	return &deviceNet{Link: l, world: w}, nil
}

// UseLab lets a lab answer for all hosts and ports that Network does not know.
func (w *World) UseLab() *peer.Lab {
	lab := peer.NewLab(w.Network)
	w.Network.SetEverywhere(lab)
	return lab
}

// UseRealNet lets connections to hosts that Network does not know go out
// through the host's sockets. Time is real while one is open, and the trace
// has no hash if that ever happens.
func (w *World) UseRealNet(opt link.RealOptions) {
	opt.Trace = func(e link.Event) {
		w.Trace.NoHash()
		w.linkEvent(w.boot, e)
	}
	w.Real = link.NewReal(opt)
	w.Clock.SetSource(w.Real)
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

// deviceNet is a link that tells how many bytes arrive.
type deviceNet struct {
	*link.Link
	world *World
}

func (n *deviceNet) Dial(host string, port int, tls *lua.TLS, ev lua.ConnEvents) lua.Conn {
	if n.world.Shape != nil {
		ev = n.world.Shape(host, ev)
	}
	if n.world.Received == nil {
		return n.Link.Dial(host, port, tls, ev)
	}
	var got int64
	data := ev.Data
	ev.Data = func(p []byte) {
		got += int64(len(p))
		n.world.Received(host, got)
		data(p)
	}
	return n.Link.Dial(host, port, tls, ev)
}

// Platform puts a server in the platform's place and records its decisions.
func (w *World) Platform(s *iot.Server) error {
	s.OnAccess = func(e iot.Access) {
		if e.Decision == nil {
			return
		}
		text := fmt.Sprintf("platform: %s, status %d", e.Decision.Reason, e.Status)
		if a := s.Answers().For(e.Decision.Reason); a.JSON && e.Status >= 300 {
			text += ", body " + string(a.Body())
		}
		if e.Result != "" {
			text += ", log " + e.Result
		}
		w.Trace.Add(&trace.Event{Time: w.Clock.Now(), Boot: w.boot, Kind: trace.Server, Text: text})
	}
	return iot.Mount(w.Network, s)
}
