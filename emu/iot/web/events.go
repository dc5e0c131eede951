package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"airlift/emu/bench"
	"airlift/emu/iot"
)

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
	// streamBeat is how often a stream looks whether its session is not over, and
	// sends a byte, which shows whether anybody is still there.
	streamBeat = 15 * time.Second
	// streamWrite is how long a browser may take to read.
	streamWrite = 20 * time.Second
)

// stream is an answer of server-sent events.
type stream struct {
	c       *ctx
	control *http.ResponseController
}

// errGone says that nobody reads the answer any more.
var errGone = fmt.Errorf("nobody reads the answer: %w", context.Canceled)

// openStream begins a stream. The caller closes it.
func (c *ctx) openStream() (*stream, error) {
	if !c.p.streams.take(c.session.Account.ID) {
		return nil, c.fail(http.StatusTooManyRequests, "Too many pages are watching. Close some.")
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	s := &stream{c, http.NewResponseController(c.w)}
	if s.send("retry: 2000\n\n") != nil {
		s.close()
		return nil, errGone
	}
	return s, nil
}

func (s *stream) close() { s.c.p.streams.give(s.c.session.Account.ID) }

// beat reports whether the stream goes on: somebody is there, who is still
// logged in.
func (s *stream) beat() bool { return s.c.stillIn() && s.send(":\n\n") == nil }

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
	end, beat := time.After(streamMost), time.NewTicker(c.p.beat)
	defer beat.Stop()
	news := map[string]bool{"request": true, "change": true}
	for {
		for _, name := range []string{"request", "change"} {
			if news[name] && s.event(name, nil) != nil {
				return nil // nobody is there any more
			}
		}
		clear(news)
		rest := time.After(streamRest)
		for resting := true; resting || len(news) == 0; { // one event for many that come together
			select {
			case e, ok := <-happened:
				if !ok {
					return nil
				}
				news[eventName(e.Kind)] = true
			case <-rest:
				resting = false
			case <-beat.C:
				if !s.beat() {
					return nil
				}
			case <-end:
				return nil
			case <-c.r.Context().Done():
				return nil
			}
		}
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
	end, beat := time.After(streamMost), time.NewTicker(c.p.beat)
	defer beat.Stop()
	for {
		changed := u.Changed()
		up := u.Since(seen)
		seen = up.Next
		up.Status.Detail = problemIn(c.lang, up.Status.Detail)
		if s.event("update", up) != nil {
			return nil
		}
		select {
		case <-changed:
		case <-beat.C:
			if !s.beat() {
				return nil
			}
		case <-u.Gone():
			_ = s.event("gone", nil)
			return nil
		case <-end:
			return nil
		case <-c.r.Context().Done():
			return nil
		}
		select {
		case <-time.After(streamPause):
		case <-c.r.Context().Done():
			return nil
		}
	}
}
