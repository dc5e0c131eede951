package link

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

// TestDrip lets a server send a few bytes at a time.
func TestDrip(t *testing.T) {
	h := HandlerFunc(func(*Request) *Response {
		return &Response{Status: 200, Body: blob(1000), DripBytes: 100, DripEvery: time.Second}
	})
	r := fetch(t, Model{Latency: 10 * time.Millisecond}, 1, h, getClose)
	if !bytes.Equal(body(t, r.data), blob(1000)) {
		t.Error("wrong body")
	}
	for i, n := range r.sizes {
		if n > 100 {
			t.Errorf("drip %d has %d bytes", i, n)
		}
		if i > 0 && r.dataAt[i]-r.dataAt[i-1] != time.Second {
			t.Errorf("drip %d comes after %v", i, r.dataAt[i]-r.dataAt[i-1])
		}
	}
	if len(r.sizes) < 10 {
		t.Errorf("%d drips", len(r.sizes))
	}
}

// TestDown has the ports of a network refuse connections for a while.
func TestDown(t *testing.T) {
	clock := new(testClock)
	n := NewNetwork()
	if err := n.Handle("srv", 80, serveBlob(blob(10)), HostOptions{}); err != nil {
		t.Fatal(err)
	}
	n.Down = func() bool { return clock.Now() < time.Minute }
	l, err := New(clock, n.Fork(func(h Handler) Handler { return h }), Options{Rand: rand.New(rand.NewPCG(1, 1))})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []error{ErrRefused, nil} {
		r := &recorder{clock: clock}
		c := l.Dial("srv", 80, nil, r.events())
		r.onConnect = func() { c.Send([]byte(getClose)) }
		clock.run()
		if !errors.Is(r.connErr, want) || (want == nil) != (len(r.data) > 0) {
			t.Errorf("at %v: %v, %d bytes; expected %v", clock.now, r.connErr, len(r.data), want)
		}
		clock.now = 2 * time.Minute
	}
}
