package peer

import (
	"bytes"

	"airlift/emu/link"
)

// guess is a peer that looks at the first bytes of a connection: MQTT goes to
// the lab's broker, HTTP to its pages, and everything else is echoed.
func (l *Lab) guess() link.Peer {
	return link.PeerFunc(func(c *link.PeerConn) link.PeerSession { return &guesser{lab: l, conn: c} })
}

type guesser struct {
	lab   *Lab
	conn  *link.PeerConn
	inner link.PeerSession
}

// Data implements link.PeerSession. What the first piece does not show stays
// an echo.
func (g *guesser) Data(p []byte) {
	if g.inner == nil {
		var to link.Peer
		switch {
		case looksLikeMQTT(p):
			to = g.lab.Broker
		case looksLikeHTTP(p):
			to = link.HandlerPeer(g.lab.web)
		default:
			to = Echo()
		}
		g.inner = to.Accept(g.conn)
	}
	g.inner.Data(p)
}

// Closed implements link.PeerSession.
func (g *guesser) Closed() {
	if g.inner != nil {
		g.inner.Closed()
	}
}

// looksLikeMQTT reports whether p begins with a CONNECT of MQTT 3.1.1.
func looksLikeMQTT(p []byte) bool {
	at := bytes.Index(p[:min(len(p), 12)], []byte("\x00\x04MQTT"))
	return len(p) > 0 && p[0] == 0x10 && at >= 2
}

// looksLikeHTTP reports whether p begins with a request line.
func looksLikeHTTP(p []byte) bool {
	line, _, ok := bytes.Cut(p, []byte("\r\n"))
	if !ok || !bytes.Contains(line, []byte(" HTTP/1.")) {
		return false
	}
	for _, m := range []string{"GET /", "POST /", "PUT /", "DELETE /", "PATCH /", "HEAD /", "OPTIONS /"} {
		if bytes.HasPrefix(line, []byte(m)) {
			return true
		}
	}
	return false
}
