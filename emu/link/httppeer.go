package link

// HandlerPeer is a handler as a peer, for servers that find out what the
// other side speaks before they decide.
func HandlerPeer(h Handler) Peer {
	return PeerFunc(func(c *PeerConn) PeerSession {
		return &httpPeer{conn: c, session: newSession(h, Limits{}, c.Remote(), c.Local(), c.TLS(), writeBlock)}
	})
}

// httpPeer is one connection of HTTP.
type httpPeer struct {
	conn    *PeerConn
	session *session
	busy    bool        // an answer waits for its time
	inner   PeerSession // after an upgrade
	x       *exchange   // the answer that is being made
}

// Data implements PeerSession.
func (p *httpPeer) Data(b []byte) {
	if p.inner != nil {
		p.inner.Data(b)
		return
	}
	if !p.session.add(b) {
		p.conn.Close()
		return
	}
	p.serve()
}

// Closed implements PeerSession.
func (p *httpPeer) Closed() {
	if p.inner != nil {
		p.inner.Closed()
	}
	if p.x != nil {
		p.x.done(p.conn.Now())
		p.x = nil
	}
}

func (p *httpPeer) serve() {
	for !p.busy && p.inner == nil {
		p.x = p.session.next(p.conn.Now())
		if p.x == nil {
			return
		}
		if d := p.x.resp.Delay; d > 0 {
			p.busy = true
			p.conn.After(d, func() {
				p.busy = false
				if p.answer() {
					p.serve()
				}
			})
			return
		}
		if !p.answer() {
			return
		}
	}
}

// answer sends what was made; false means that nothing may come after it.
func (p *httpPeer) answer() bool {
	x := p.x
	p.x = nil
	for b := x.out.next(writeBlock); b != nil; b = x.out.next(writeBlock) {
		p.conn.Send(b)
		x.delivered()
	}
	x.done(p.conn.Now())
	switch {
	case x.out.err != nil || x.end:
		p.conn.Close()
		return false
	case x.resp.Upgrade != nil:
		p.inner = x.resp.Upgrade.Accept(p.conn)
		rest := p.session.buf
		p.session.buf = nil
		if len(rest) > 0 {
			p.inner.Data(rest)
		}
		return false
	}
	return true
}
