package peer

import (
	"strings"

	"airlift/emu/link"
	"airlift/lua/ws"
)

// wsPayloadMax bounds a frame's payload in bytes.
const wsPayloadMax = 1 << 20

// wantsWebsocket reports whether a request asks for a websocket (RFC 6455 4.2.1).
func wantsWebsocket(r *link.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.Header.Has("Sec-WebSocket-Key")
}

// WebsocketEcho answers the handshake and sends every frame back.
func WebsocketEcho() link.Handler { return websocket(nil) }

// WebsocketTo carries another protocol in binary frames, as MQTT does.
func WebsocketTo(p link.Peer) link.Handler { return websocket(p) }

func websocket(inner link.Peer) link.Handler {
	return link.HandlerFunc(func(r *link.Request) *link.Response {
		if !wantsWebsocket(r) {
			return link.Text(426, "this is a websocket\n")
		}
		resp := &link.Response{
			Status: 101, KeepOpen: true,
			Header: link.Header{
				{Name: "Upgrade", Value: "websocket"}, {Name: "Connection", Value: "Upgrade"},
				{Name: "Sec-WebSocket-Accept", Value: ws.AcceptKey(r.Header.Get("Sec-WebSocket-Key"))},
			},
			Upgrade: link.PeerFunc(func(c *link.PeerConn) link.PeerSession {
				s := &wsSession{conn: c}
				if inner != nil {
					s.inner = inner.Accept(c.Through(func(p []byte) { s.send(ws.Frame{Fin: true, Op: ws.Binary, Payload: p}) }))
				}
				return s
			}),
		}
		if p := r.Header.Get("Sec-WebSocket-Protocol"); p != "" {
			resp.Header = append(resp.Header, link.Field{Name: "Sec-WebSocket-Protocol", Value: p})
		}
		return resp
	})
}

// wsSession is the server's side of a websocket.
type wsSession struct {
	conn  *link.PeerConn
	inner link.PeerSession // nil for an echo
	buf   []byte
	over  bool
}

// Closed implements link.PeerSession.
func (s *wsSession) Closed() {
	if s.inner != nil {
		s.inner.Closed()
	}
}

// Data implements link.PeerSession.
func (s *wsSession) Data(p []byte) {
	s.buf = append(s.buf, p...)
	for !s.over {
		f, n, err := ws.Parse(s.buf, wsPayloadMax)
		if err != nil || f != nil && !f.Masked {
			const protocolError = "\x03\xEA" // 1002 (7.4.1)
			s.end([]byte(protocolError))
			return
		}
		if f == nil {
			return
		}
		s.buf = s.buf[n:]
		switch f.Op {
		case ws.Close:
			s.end(f.Payload)
		case ws.Ping:
			s.send(ws.Frame{Fin: true, Op: ws.Pong, Payload: f.Payload})
		case ws.Pong:
		default:
			if s.inner != nil {
				s.inner.Data(f.Payload)
				continue
			}
			s.send(ws.Frame{Fin: f.Fin, Op: f.Op, Payload: f.Payload})
		}
	}
}

func (s *wsSession) send(f ws.Frame) { s.conn.Send(ws.Append(nil, f, nil)) }

func (s *wsSession) end(why []byte) {
	s.over = true
	s.send(ws.Frame{Fin: true, Op: ws.Close, Payload: why})
	s.conn.Close()
}
