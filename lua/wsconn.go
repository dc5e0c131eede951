package lua

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"airlift/lua/ws"
)

// wsURL is a parsed ws:// or wss:// URL.
type wsURL struct {
	host, path string
	port       int
	tls        bool
}

var errWsURL = errors.New("bad URL of a websocket")

// parseWsURL reads a URL as the firmware does: without a scheme it is ws.
func parseWsURL(s string) (wsURL, error) {
	u := wsURL{port: 80, path: "/"}
	rest, tls := strings.CutPrefix(s, "wss://")
	if tls {
		u.tls, u.port = true, 443
	} else {
		rest = strings.TrimPrefix(s, "ws://")
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		rest, u.path = rest[:i], rest[i:]
	}
	u.host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		port, err := strconv.Atoi(rest[i+1:])
		if err != nil || port < 0 || port > 65535 {
			return u, fmt.Errorf("%w: port %q", errWsURL, rest[i+1:])
		}
		if u.host = rest[:i]; port > 0 {
			u.port = port
		}
	}
	if u.host == "" || len(u.host) > 255 || strings.ContainsAny(s, "\x00\r\n") {
		return u, fmt.Errorf("%w: %q", errWsURL, s)
	}
	return u, nil
}

// wsKey and wsMask are what the firmware sends: it draws no random numbers
// (luat_websocket.c).
const wsKey = "w4v7O6xFTi36lq3RNcgctw=="

var wsMask = [4]byte{0, 1, 2, 3}

// wsHeadMax bounds the server's answer to the handshake in bytes.
const wsHeadMax = 8 << 10

// wsConn is a client's websocket.
type wsConn struct {
	m       *Machine
	url     wsURL
	headers string // each line with CR LF
	most    int    // bytes of a payload
	conn    *adapterConn
	open    bool
	buf     []byte

	onOpen   func(err error)
	onFrame  func(f *ws.Frame) // data frames
	onClosed func(err error)   // after an error of the protocol the connection is still to be closed
	onSent   func(n int)
}

// errWsProtocol is wrapped by the errors about what a server sent.
var errWsProtocol = errors.New("websocket")

func (c *wsConn) dial(adapter int, proto string, tls *TLS) {
	c.conn = c.m.dial(adapter, proto, c.url.host, c.url.port, tls, ConnEvents{
		Connected: func(err error) {
			if err != nil {
				c.onOpen(err)
				return
			}
			c.conn.Send([]byte(c.request()))
		},
		Data: c.data,
		Closed: func(err error) {
			c.onClosed(err)
		},
		Sent: func(n int) {
			if c.onSent != nil {
				c.onSent(n)
			}
		},
	})
}

func (c *wsConn) request() string {
	return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s:%d\r\n%sUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n",
		c.url.path, c.url.host, c.url.port, c.headers, wsKey)
}

// data takes bytes from the server.
func (c *wsConn) data(p []byte) {
	c.buf = append(c.buf, p...)
	if !c.open && !c.handshake() {
		return
	}
	for c.buf != nil {
		f, n, err := ws.Parse(c.buf, c.most)
		if err == nil && f != nil && f.Masked {
			err = fmt.Errorf("%w: the server masks its frames", errWsProtocol)
		}
		if err != nil {
			c.buf = nil
			c.onClosed(fmt.Errorf("%w: %w", errWsProtocol, err))
			return
		}
		if f == nil {
			return
		}
		switch f.Op {
		case ws.Close:
			c.buf = nil
			c.onClosed(fmt.Errorf("%w: the server says close", errWsProtocol))
			return
		case ws.Ping:
			c.write(ws.Pong, f.Payload)
		case ws.Pong:
		default:
			c.onFrame(f)
		}
		if c.buf != nil {
			c.buf = c.buf[n:]
		}
	}
}

// handshake reads the answer's head. What follows it in the same buffer is
// lost, as it is on the module.
func (c *wsConn) handshake() bool {
	const want = "HTTP/1.1 101"
	head := c.buf[:min(len(c.buf), len(want))]
	if !strings.HasPrefix(want, string(head)) || len(c.buf) > wsHeadMax {
		c.buf = nil
		c.onClosed(fmt.Errorf("%w: server not support websocket? resp code %q", errWsProtocol, head))
		return false
	}
	if !bytes.Contains(c.buf, []byte("\r\n\r\n")) {
		return false
	}
	c.open = true
	c.buf = []byte{}
	c.onOpen(nil)
	return false
}

// write sends a frame.
func (c *wsConn) write(op byte, p []byte) {
	c.conn.Send(ws.Append(nil, ws.Frame{Fin: true, Op: op, Payload: p}, &wsMask))
}

// Close ends the connection.
func (c *wsConn) Close() {
	c.buf = nil
	c.conn.Close()
}

// mqttOverWs carries MQTT in binary frames.
type mqttOverWs struct{ *wsConn }

// Send implements mqttTransport.
func (c mqttOverWs) Send(p []byte) { c.write(ws.Binary, p) }

// dialWs connects a websocket that carries MQTT.
func (m *Machine) dialWs(adapter int, proto string, u wsURL, tls *TLS, headers string, ev ConnEvents) mqttTransport {
	c := &wsConn{
		m: m, url: u, headers: headers, most: m.wsPayload(),
		onOpen: ev.Connected, onClosed: ev.Closed,
		onFrame: func(f *ws.Frame) { ev.Data(f.Payload) },
	}
	c.dial(adapter, proto, tls)
	return mqttOverWs{c}
}

// wsPayload is the largest payload that the firmware takes, in bytes.
func (m *Machine) wsPayload() int {
	if m.fw.PSRAMMemory > 0 {
		return 32 << 10
	}
	return 8 << 10
}
