package link

import (
	"hash/fnv"
	"net/netip"
)

// Everywhere answers for the hosts and ports that a network has no entry for.
// What it returns may depend on its arguments only.
type Everywhere interface {
	// Resolves reports whether a host name exists.
	Resolves(name string) bool
	// TCP returns what is behind a port: a handler or a peer. If both are nil
	// the port refuses connections.
	TCP(host string, port int) (Handler, Peer)
	// UDP returns what is behind a UDP port, or nil.
	UDP(host string, port int) PacketPeer
	// Listening is told that a device listens on a port.
	Listening(l *Link, port int)
}

// SetEverywhere makes e answer for all other hosts. Nil ends that.
func (n *Network) SetEverywhere(e Everywhere) { n.everywhere = e }

// usable reports whether a single host can have an address.
func usable(a netip.Addr) bool {
	return a.Is4() && !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Address returns the address of a host name, invalid if it does not resolve.
func (n *Network) Address(name string) netip.Addr { return n.address(canonical(name)) }

// address returns the address of a name, invalid if it does not resolve.
func (n *Network) address(name string) netip.Addr {
	if a, err := netip.ParseAddr(name); err == nil {
		return a
	}
	if at := n.find(name); at != nil {
		a, _ := netip.ParseAddr(at.ip)
		return a
	}
	if n.everywhere == nil || !n.everywhere.Resolves(name) {
		return netip.Addr{}
	}
	// From the block for documentation and tests (RFC 2544), the half that
	// named hosts do not use.
	h := fnv.New32a()
	h.Write([]byte(name))
	sum := h.Sum32()
	return netip.AddrFrom4([4]byte{198, 19, byte(sum>>8%250) + 1, byte(sum%250) + 1})
}

// server returns what is behind a port of a host, or nil.
func (n *Network) server(name string, port int) *endpoint {
	if at := n.find(name); at != nil {
		if ep := at.endpoint(port); ep != nil || at.has(port) {
			return ep
		}
	}
	if n.everywhere == nil {
		return nil
	}
	if a, err := netip.ParseAddr(name); err == nil && !usable(a) {
		return nil
	}
	h, p := n.everywhere.TCP(name, port)
	if h == nil && p == nil {
		return nil
	}
	return &endpoint{port: port, handler: h, peer: p, opt: HostOptions{KeepAlive: keepAliveDefault}, anyTLS: true}
}

// packetPeer returns what is behind a UDP port, or nil.
func (n *Network) packetPeer(to netip.AddrPort) PacketPeer {
	name, port := to.Addr().String(), int(to.Port())
	if at := n.find(name); at != nil {
		for _, p := range at.packets {
			if p.port == port {
				return p.peer
			}
		}
	}
	if n.everywhere == nil || !usable(to.Addr()) {
		return nil
	}
	return n.everywhere.UDP(name, port)
}

// answers reports whether there is a host at an address.
func (n *Network) answers(a netip.Addr) bool {
	return n.find(a.String()) != nil || n.everywhere != nil && usable(a)
}
