package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

// streams counts the streams that are open, which are bounded.
type streams struct {
	mu    sync.Mutex
	total int
	of    map[int64]int
}

const (
	streamsMax        = 256
	streamsAccountMax = 16
	// streamMost is how long a stream lasts; browsers come again.
	streamMost = time.Hour
	// streamPause is how long news of a virtual device are collected before
	// they are sent, and streamRest how long those of an account: for each of
	// them a browser asks for its page again.
	streamPause = 80 * time.Millisecond
	streamRest  = 500 * time.Millisecond
	// streamIdle is how long a stream is silent: a byte shows whether anybody
	// is still there.
	streamIdle = 15 * time.Second
	// streamWrite is how long a browser may take to read.
	streamWrite = 20 * time.Second
)

func (s *streams) open(account int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.total >= streamsMax || s.of[account] >= streamsAccountMax {
		return false
	}
	if s.of == nil {
		s.of = map[int64]int{}
	}
	s.total++
	s.of[account]++
	return true
}

func (s *streams) close(account int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.of[account]--; s.of[account] == 0 {
		delete(s.of, account)
	}
}

// stream is an answer of server-sent events.
type stream struct {
	c       *ctx
	control *http.ResponseController
}

// openStream begins a stream. The caller closes it.
func (c *ctx) openStream() (*stream, error) {
	if !c.p.streams.open(c.session.Account.ID) {
		return nil, c.fail(http.StatusTooManyRequests, "Too many pages are watching. Close some.")
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &stream{c, http.NewResponseController(c.w)}
	return s, s.send("retry: 2000\n\n")
}

func (s *stream) close() { s.c.p.streams.close(s.c.session.Account.ID) }

func (s *stream) send(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(s.c.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

// event sends one event; data is written as JSON, which has no line ends.
func (s *stream) event(name string, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.send("event: " + name + "\ndata: " + string(text) + "\n\n")
}

func eventName(k iot.EventKind) string {
	if k == iot.EventRequest {
		return "request"
	}
	return "change"
}

// events is the stream of what happens in the account: "request" after
// requests of devices, "change" after everything else. Both come at its
// beginning: something may have happened since the page was made, or while the
// browser was away. Nothing that happens is without an event after it.
func (c *ctx) events() error {
	s, err := c.openStream()
	if err != nil {
		return err
	}
	defer s.close()
	happened := c.tenant.Watch(c.r.Context())
	end := time.After(streamMost)
	news := map[string]bool{"request": true, "change": true}
	for {
		for _, name := range []string{"request", "change"} {
			if news[name] && s.event(name, nil) != nil {
				return nil // nobody is there any more
			}
		}
		clear(news)
		rest, idle := time.After(streamRest), time.NewTimer(streamIdle)
		for resting := true; resting || len(news) == 0; { // one event for many that come together
			select {
			case e, ok := <-happened:
				if !ok {
					return nil
				}
				news[eventName(e.Kind)] = true
			case <-rest:
				resting = false
			case <-idle.C:
				if s.send(":\n\n") != nil {
					return nil
				}
				idle.Reset(streamIdle)
			case <-end:
				return nil
			case <-c.r.Context().Done():
				return nil
			}
		}
		idle.Stop()
	}
}

// unitEvents is the stream of one virtual device.
func (c *ctx) unitEvents() error {
	u, err := c.p.opt.Bench.Unit(c.session.Account.ID, c.id())
	if err != nil {
		return err
	}
	s, err := c.openStream()
	if err != nil {
		return err
	}
	defer s.close()
	var seen bench.Cursor
	end := time.After(streamMost)
	for {
		changed := u.Changed()
		up := u.Since(seen)
		seen = up.Next
		if s.event("update", up) != nil {
			return nil
		}
		idle := time.NewTimer(streamIdle)
		select {
		case <-changed:
		case <-idle.C:
		case <-u.Gone():
			_ = s.event("gone", nil)
			return nil
		case <-end:
			return nil
		case <-c.r.Context().Done():
			return nil
		}
		idle.Stop()
		select {
		case <-time.After(streamPause):
		case <-c.r.Context().Done():
			return nil
		}
	}
}
