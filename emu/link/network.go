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
	handler Handler // nil: the port refuses connections
	opt     HostOptions
}

// host is one name of a network.
type host struct {
	name      string
	ip        string
	endpoints []endpoint
}

// Network is a set of virtual hosts that live in the process. It is shared by
// all links to it, and must not change while they are used.
type Network struct {
	hosts []*host // in the order in which they were named
}

// NewNetwork returns a network without hosts: no name resolves.
func NewNetwork() *Network { return new(Network) }

// Handle puts a handler on a port of a virtual host, and makes the name known.
// Other ports of a known host refuse connections. A nil handler makes the port
// refuse too. A name that is an IP address needs no look-up.
func (n *Network) Handle(name string, port int, h Handler, opt HostOptions) error {
	if port < 1 || port > 65535 {
		return fmt.Errorf("virtual host %s: no port %d", name, port)
	}
	name = canonical(name)
	if name == "" || len(name) > 255 {
		return fmt.Errorf("virtual host %q: a name has 1 to 255 bytes", name)
	}
	if opt.KeepAlive <= 0 {
		opt.KeepAlive = time.Minute
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
	ep := endpoint{port, h, opt}
	if i := slices.IndexFunc(at.endpoints, func(e endpoint) bool { return e.port == port }); i >= 0 {
		at.endpoints[i] = ep
	} else {
		at.endpoints = append(at.endpoints, ep)
	}
	return nil
}

// Known reports whether a host name resolves on this network.
func (n *Network) Known(name string) bool { return n.find(canonical(name)) != nil }

// Fork returns a network with the same hosts whose handlers are replaced, as a
// forked world needs copies of its servers. replace is called once for every
// port, in a fixed order; it may return its argument.
func (n *Network) Fork(replace func(Handler) Handler) *Network {
	f := new(Network)
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
		if h.endpoints[i].port == port && h.endpoints[i].handler != nil {
			return &h.endpoints[i]
		}
	}
	return nil
}

// canonical returns the form in which names are compared.
func canonical(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
}
