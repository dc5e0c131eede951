package link

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// HostOptions are how a virtual host behaves besides its handler. Zero fields
// mean the defaults.
type HostOptions struct {
	TLS    bool // the port speaks TLS
	Limits Limits
	// KeepAlive is how long the server keeps a connection without a request
	// open, default 60 s.
	KeepAlive time.Duration
	// Think is how long the server takes from the request to the answer.
	Think time.Duration
}

// endpoint is one port of a virtual host.
type endpoint struct {
	port    int
	handler Handler // or
	peer    Peer    // both nil: the port refuses connections
	opt     HostOptions
	anyTLS  bool // takes connections with and without TLS
}

// packetEndpoint is one UDP port of a virtual host.
type packetEndpoint struct {
	port int
	peer PacketPeer
}

// host is one name of a network.
type host struct {
	name      string
	ip        string
	endpoints []endpoint
	packets   []packetEndpoint
}

// Network is a set of virtual hosts that live in the process. It is shared by
// all links to it, and must not change while they are used.
type Network struct {
	// Down, if not nil, is asked at every attempt to connect; while it says so all
	// ports refuse.
	Down func() bool

	hosts      []*host // in the order in which they were named
	everywhere Everywhere
}

const keepAliveDefault = time.Minute

// NewNetwork returns a network without hosts: no name resolves.
func NewNetwork() *Network { return new(Network) }

// Handle puts a handler on a port of a virtual host, and makes the name known.
// Other ports of a known host refuse connections. A nil handler makes the port
// refuse too. A name that is an IP address needs no look-up.
func (n *Network) Handle(name string, port int, h Handler, opt HostOptions) error {
	return n.put(name, endpoint{port: port, handler: h, opt: opt})
}

// HandlePeer puts a server of its own protocol on a port of a virtual host.
// Of the options only TLS and Think, which delays nothing but the handshake,
// mean something.
func (n *Network) HandlePeer(name string, port int, p Peer, opt HostOptions) error {
	return n.put(name, endpoint{port: port, peer: p, opt: opt})
}

// HandlePackets puts a server on a UDP port of a virtual host.
func (n *Network) HandlePackets(name string, port int, p PacketPeer) error {
	at, err := n.host(name, port)
	if err != nil {
		return err
	}
	at.packets = append(slices.DeleteFunc(at.packets, func(e packetEndpoint) bool { return e.port == port }), packetEndpoint{port, p})
	return nil
}

func (n *Network) put(name string, ep endpoint) error {
	at, err := n.host(name, ep.port)
	if err != nil {
		return err
	}
	if ep.opt.KeepAlive <= 0 {
		ep.opt.KeepAlive = keepAliveDefault
	}
	if i := slices.IndexFunc(at.endpoints, func(e endpoint) bool { return e.port == ep.port }); i >= 0 {
		at.endpoints[i] = ep
	} else {
		at.endpoints = append(at.endpoints, ep)
	}
	return nil
}

// host returns the virtual host of a name, which it makes known.
func (n *Network) host(name string, port int) (*host, error) {
	if port < 1 || port > 65535 {
		return nil, fmt.Errorf("virtual host %s: no port %d", name, port)
	}
	name = canonical(name)
	if name == "" || len(name) > 255 {
		return nil, fmt.Errorf("virtual host %q: a name has 1 to 255 bytes", name)
	}
	at := n.find(name)
	if at == nil {
		at = &host{name: name, ip: name}
		if _, err := netip.ParseAddr(name); err != nil {
			// From the block for documentation and tests (RFC 2544).
			i := len(n.hosts)
			at.ip = fmt.Sprintf("198.18.%d.%d", i/250%256, i%250+1)
		}
		n.hosts = append(n.hosts, at)
	}
	return at, nil
}

// Known reports whether a host name resolves on this network.
func (n *Network) Known(name string) bool {
	name = canonical(name)
	if n.find(name) != nil {
		return true
	}
	return n.everywhere != nil && n.address(name).IsValid()
}

// Fork returns a network with the same hosts whose handlers are replaced, as a
// forked world needs copies of its servers. replace is called once for every
// port of HTTP, in a fixed order; it may return its argument. Other servers are
// shared between the two.
func (n *Network) Fork(replace func(Handler) Handler) *Network {
	f := &Network{Down: n.Down, everywhere: n.everywhere}
	for _, h := range n.hosts {
		c := *h
		c.endpoints = slices.Clone(h.endpoints)
		for i := range c.endpoints {
			if old := c.endpoints[i].handler; old != nil {
				c.endpoints[i].handler = replace(old)
			}
		}
		f.hosts = append(f.hosts, &c)
	}
	return f
}

func (n *Network) find(name string) *host {
	for _, h := range n.hosts {
		if h.name == name || h.ip == name {
			return h
		}
	}
	return nil
}

func (h *host) endpoint(port int) *endpoint {
	for i := range h.endpoints {
		if ep := &h.endpoints[i]; ep.port == port && (ep.handler != nil || ep.peer != nil) {
			return ep
		}
	}
	return nil
}

// has reports whether somebody decided what a port does.
func (h *host) has(port int) bool {
	return slices.ContainsFunc(h.endpoints, func(e endpoint) bool { return e.port == port })
}

// canonical returns the form in which names are compared.
func canonical(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
}
