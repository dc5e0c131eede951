package luatest

import (
	"errors"
	"net/netip"
	"time"

	"airlift/lua"
)

// ErrNone is what a [Net] says to everything but TCP connections: a test that
// needs more puts a modelled link into Board.Link.
var ErrNone = errors.New("the network of this test has only TCP")

// Resolve implements lua.Net: only addresses resolve.
func (n *Net) Resolve(host string, done func([]netip.Addr, error)) (cancel func()) {
	a, err := netip.ParseAddr(host)
	if err != nil {
		err = lua.ErrResolve
	}
	return n.board.After(n.Latency, func() { done([]netip.Addr{a}, err) })
}

// Listen implements lua.Net.
func (n *Net) Listen(int, func(lua.Conn) lua.ConnEvents) (func(), error) { return nil, ErrNone }

// OpenUDP implements lua.Net.
func (n *Net) OpenUDP(int, func(netip.AddrPort, []byte)) (lua.PacketConn, error) {
	return nil, ErrNone
}

// Ping implements lua.Net.
func (n *Net) Ping(_ netip.Addr, _ int, done func(time.Duration, int, error)) (cancel func()) {
	return n.board.After(n.Latency, func() { done(0, 0, ErrNone) })
}

// Remote implements lua.Conn.
func (c *conn) Remote() netip.AddrPort { return netip.AddrPort{} }
