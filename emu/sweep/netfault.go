package sweep

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"airlift/emu/demo"
	"airlift/emu/fault"
	"airlift/emu/link"
	"airlift/lua"
)

// standSystem makes the story's run without a cut anew, with the standing
// faults.
func (w *Sweep) standSystem() error {
	if len(w.Scenario.standing("")) == 0 {
		return nil
	}
	w.faulty = true
	if err := w.damagePackage(); err != nil {
		return err
	}
	b := w.begin()
	if err := w.damageBoard(b); err != nil {
		return err
	}
	if err := w.flips(b); err != nil {
		return err
	}
	w.start = b
	outcome := w.Clean.Outcome
	st, d, err := w.story()
	if err == nil {
		err = w.cleanStory(st, d, w.Scenario.powerFaults())
	}
	if err != nil {
		return w.withFaults(outcome, err)
	}
	return nil
}

// network makes the network of a story what the faults say.
func (s *Sweep) network(st *demo.Story) error {
	for _, f := range s.Scenario.standing("network") {
		switch f.Kind {
		case fault.Latency:
			st.World.Link.Latency = time.Duration(f.At)
		case fault.Bandwidth:
			st.World.Link.BandwidthBps = int64(f.Count)
		case fault.Loss:
			st.World.Link.LossPermille = f.Count
		case fault.NoName:
			st.World.Network = link.NewNetwork()
		case fault.Refused:
			st.World.Network = st.World.Network.Fork(func(link.Handler) link.Handler { return nil })
		case fault.Stall, fault.Reset:
			st.World.Shape = breaks(f, st.World.Shape)
		case fault.ServerRestart:
			restarts(f, st)
		default:
			left := f.Times
			if left == 0 {
				left = -1
			}
			st.World.Network = st.World.Network.Fork(func(h link.Handler) link.Handler { return &badServer{h, f, &left, s.Package} })
		}
	}
	return st.World.Link.Check()
}

// breaks lets connections fall silent, or break.
func breaks(f *fault.Fault, next func(string, lua.ConnEvents) lua.ConnEvents) func(string, lua.ConnEvents) lua.ConnEvents {
	conns := 0
	return func(peer string, ev lua.ConnEvents) lua.ConnEvents {
		if next != nil {
			ev = next(peer, ev)
		}
		if conns++; f.Times > 0 && conns > f.Times {
			return ev
		}
		left, data, closed := f.Bytes, ev.Data, ev.Closed
		over := false
		ev.Data = func(p []byte) {
			if over {
				return
			}
			p = p[:min(left, int64(len(p)))]
			if left -= int64(len(p)); len(p) > 0 {
				data(p)
			}
			if left > 0 {
				return
			}
			if over = true; f.Kind == fault.Reset {
				closed(link.ErrReset)
			}
		}
		ev.Closed = func(err error) {
			if !over {
				closed(err)
			}
		}
		return ev
	}
}

// badServer is a server with a fault in its answers.
type badServer struct {
	link.Handler
	f    *fault.Fault
	left *int // answers that it hits, negative: all
	file []byte
}

// Serve implements link.Handler.
func (b *badServer) Serve(r *link.Request) *link.Response {
	if *b.left == 0 {
		return b.Handler.Serve(r)
	}
	x := b.answer(r)
	if x == nil {
		return b.Handler.Serve(r)
	}
	if *b.left > 0 {
		*b.left--
	}
	return x
}

// answer is the wrong answer; nil if the fault has nothing to do with this one.
func (b *badServer) answer(r *link.Request) *link.Response {
	switch b.f.Kind {
	case fault.Redirect:
		x := link.Text(302, "moved\n")
		x.Header = append(x.Header, link.Field{Name: "Location", Value: "http://elsewhere.example/"})
		return x
	case fault.Portal:
		return link.Text(200, "<html><head><title>Welcome</title></head><body>Please accept the terms.</body></html>\n")
	case fault.Unavailable:
		return link.Text(503, "the server is starting\n")
	}
	x := b.Handler.Serve(r)
	if x == nil {
		return nil
	}
	switch b.f.Kind {
	case fault.KeepOpen:
		x.KeepOpen, x.Close = true, false
		return x
	case fault.Drip:
		x.DripBytes, x.DripEvery = int(b.f.Bytes), time.Duration(b.f.At)
		return x
	}
	if x.Status != 200 && x.Status != 206 {
		return x
	}
	body, err := bodyOf(x)
	if err != nil {
		return link.Text(500, err.Error()+"\n")
	}
	x.File, x.Body, x.Offset, x.Length = nil, body, 0, 0
	n := min(b.f.Bytes, int64(len(body)))
	switch b.f.Kind {
	case fault.Chunked:
		x.Chunked = true
	case fault.WrongRange:
		if x.Status == 206 {
			x.Body = b.file[:min(len(body), len(b.file))]
		}
	case fault.OtherFile:
		x.Body = append(bytes.Clone(body[:n]), bytes.Repeat([]byte{0xA5}, len(body)-int(n))...)
	case fault.Truncated:
		x.Header = append(x.Header, link.Field{Name: "Content-Length", Value: strconv.Itoa(len(body))})
		x.Body, x.Close = body[:n], true
	case fault.TruncatedUnsaid:
		x.Chunked, x.Body, x.File, x.Length = true, nil, &endingFile{body, n}, int64(len(body))
	}
	return x
}

// emptyServer has nothing in its files.
type emptyServer struct{ link.Handler }

// Serve implements link.Handler.
func (e emptyServer) Serve(r *link.Request) *link.Response {
	x := e.Handler.Serve(r)
	if x == nil || x.File == nil {
		return x
	}
	return link.Text(200, "")
}

// bodyOf reads a body to memory.
func bodyOf(x *link.Response) ([]byte, error) {
	if x.File == nil {
		return x.Body, nil
	}
	if x.Length < 0 || x.Length > 64<<20 {
		return nil, fmt.Errorf("a body of %d bytes is too long for a fault", x.Length)
	}
	p := make([]byte, x.Length)
	if n, err := x.File.ReadAt(p, x.Offset); n < len(p) {
		return nil, err
	}
	return p, nil
}

// endingFile fails behind its first n bytes.
type endingFile struct {
	data []byte
	n    int64
}

// ReadAt implements io.ReaderAt.
func (f *endingFile) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.n {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, f.data[off:]), nil
}
