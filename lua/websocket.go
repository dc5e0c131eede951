package lua

import (
	"errors"
	"fmt"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/ws"
)

// websocketName is what the userdata of a client is called.
const websocketName = "WS*"

const (
	wsKeepAlive  = 60 * time.Second
	wsFirstPing  = 30 * time.Second
	wsHeadersMax = 1023 // bytes
)

// websocketClient is one client of the scripts. Its events and their order
// are those of luat_lib_websocket.c and luat_websocket.c.
type websocketClient struct {
	m        *Machine
	value    *glua.LUserData
	release  func() // of value
	callback glua.LValue
	letGo    func() // of callback

	adapter       int
	url           wsURL
	headers       string
	alive         time.Duration
	reconnect     bool
	reconnectTime time.Duration

	conn     *wsConn
	ready    bool
	unsent   int   // bytes that have not arrived
	frames   []int // sizes of the frames whose "sent" is due, in bytes
	ping     func()
	retry    func()
	released bool
}

// openWebsocket installs websocket.*.
func (m *Machine) openWebsocket() {
	if m.board.Net() == nil {
		return
	}
	of := func(f func(*websocketClient, *glua.LState) int) glua.LGFunction {
		return func(l *glua.LState) int {
			if ud, ok := l.Get(1).(*glua.LUserData); ok {
				if c, ok := ud.Value.(*websocketClient); ok {
					return f(c, l)
				}
			}
			m.typeError(l, 1, websocketName)
			return 0
		}
	}
	names := []entryFn{
		fn("on", of((*websocketClient).on)),
		fn("connect", of(func(c *websocketClient, l *glua.LState) int { return pushBool(l, c.connect()) })),
		fn("autoreconn", of((*websocketClient).autoreconn)),
		fn("send", of((*websocketClient).send)),
		fn("close", of((*websocketClient).closeCall)),
		fn("ready", of(func(c *websocketClient, l *glua.LState) int { return pushBool(l, c.ready) })),
		fn("headers", of((*websocketClient).setHeaders)),
		fn("debug", of(func(*websocketClient, *glua.LState) int { return 0 })),
	}
	meta, methods := m.l.NewTable(), m.l.NewTable()
	m.fill(methods, names...)
	meta.RawSetString("__index", methods)
	meta.RawSetString("__name", glua.LString(websocketName))
	m.hold(meta)
	create := func(l *glua.LState) int { return m.websocketCreate(l, meta) }
	m.lib("websocket", append([]entryFn{fn("create", create)}, names...)...)
}

// websocketCreate is create(adapter, url, seconds between pings).
func (m *Machine) websocketCreate(l *glua.LState, meta *glua.LTable) int {
	id, ok := m.adapterArg(l, 1)
	if !ok || m.net.adapters[id] == nil {
		return 0
	}
	u, err := parseWsURL(m.str(l, 2))
	if err != nil {
		m.logf(levelError, "websocket", "%v", err)
		return 0
	}
	c := &websocketClient{m: m, adapter: id, url: u, callback: glua.LNil, letGo: func() {}, alive: wsKeepAlive}
	if n, ok := anInteger(l.Get(3)); ok && n > 0 {
		c.alive = milliseconds(min(n, 1<<31) * 1000)
	}
	ud := l.NewUserData()
	ud.Value, ud.Metatable = c, meta
	c.value, c.release = ud, m.hold(ud)
	l.Push(ud)
	return 1
}

func (c *websocketClient) on(l *glua.LState) int {
	c.letGo()
	c.callback, c.letGo = glua.LNil, func() {}
	if f, ok := l.Get(2).(*glua.LFunction); ok {
		c.callback, c.letGo = f, c.m.hold(f)
	}
	return 0
}

// event tells the scripts.
func (c *websocketClient) event(name string, args ...glua.LValue) {
	c.m.post(func(l *glua.LState) int {
		if c.callback != glua.LNil {
			c.m.call(l, c.callback, 0, append([]glua.LValue{c.value, glua.LString(name)}, args...)...)
		}
		return 0
	})
}

func (c *websocketClient) connect() bool {
	if c.released {
		return false
	}
	c.drop()
	c.m.logf(levelInfo, "websocket", "connect host %s port %d", c.url.host, c.url.port)
	conn := &wsConn{m: c.m, url: c.url, headers: c.headers, most: c.m.wsPayload()}
	conn.onOpen = c.opened
	conn.onFrame = c.received
	conn.onSent = c.sent
	conn.onClosed = func(err error) {
		kind := "connect"
		if errors.Is(err, errWsProtocol) {
			kind = "rx"
		}
		c.failed(kind, err)
	}
	c.conn = conn
	var tls *TLS
	if c.url.tls {
		tls = &TLS{ServerName: c.url.host}
	}
	conn.dial(c.adapter, "websocket", tls)
	return true
}

// drop ends what there is of a connection without a word.
func (c *websocketClient) drop() {
	for _, cancel := range []*func(){&c.ping, &c.retry} {
		if *cancel != nil {
			(*cancel)()
			*cancel = nil
		}
	}
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	c.ready, c.unsent, c.frames = false, 0, nil
}

func (c *websocketClient) failed(kind string, err error) {
	c.m.logf(levelWarn, "websocket", "%v, closing socket", err)
	c.event("error", glua.LString(kind), glua.LNumber(0))
	c.closeSocket()
}

func (c *websocketClient) closeSocket() {
	c.m.logf(levelInfo, "websocket", "websocket closing socket")
	c.drop()
	c.event("disconnect")
	if c.reconnect {
		c.m.logf(levelInfo, "websocket", "reconnect after %dms", c.reconnectTime.Milliseconds())
		c.retry = c.m.after(c.reconnectTime, func() {
			c.retry = nil
			c.connect()
		})
	}
}

func (c *websocketClient) opened(err error) {
	if err != nil {
		c.failed("connect", err)
		return
	}
	c.m.logf(levelInfo, "websocket", "ready!!")
	c.ready, c.unsent = true, 0
	c.event("conack")
	if c.callback != glua.LNil {
		c.m.publishLater("WEBSOCKET_CONNACK", c.value)
	}
	c.pingAfter(wsFirstPing)
}

// pingAfter sends a ping when nothing has travelled for that long, and goes
// on doing so.
func (c *websocketClient) pingAfter(d time.Duration) {
	if c.ping != nil {
		c.ping()
	}
	c.ping = c.m.after(d, func() {
		c.ping = nil
		if c.ready {
			c.count(ws.Ping, nil, false)
			c.pingAfter(d)
		}
	})
}

// count sends a frame, and remembers whether its arrival is to be reported.
func (c *websocketClient) count(op byte, p []byte, report bool) {
	frame := ws.Append(nil, ws.Frame{Fin: true, Op: op, Payload: p}, &wsMask)
	c.unsent += len(frame)
	if report {
		c.frames = append(c.frames, c.unsent)
	}
	c.conn.conn.Send(frame)
}

// sent is told that bytes have arrived at the server.
func (c *websocketClient) sent(n int) {
	if !c.ready {
		return // the handshake
	}
	c.unsent -= min(n, c.unsent)
	for i := range c.frames {
		c.frames[i] -= n
	}
	for len(c.frames) > 0 && c.frames[0] <= 0 {
		c.frames = c.frames[1:]
		c.event("sent")
	}
	c.pingAfter(c.alive)
}

func (c *websocketClient) received(f *ws.Frame) {
	m := c.m
	text, op, fin := string(f.Payload), glua.LNumber(f.Op), glua.LNumber(0)
	if f.Fin {
		fin = 1
	}
	m.charge(len(text) / 64)
	m.post(func(l *glua.LState) int {
		if c.callback != glua.LNil {
			m.allocate(int64(len(text)))
			m.call(l, c.callback, 0, c.value, glua.LString("recv"), glua.LString(text), fin, op)
		}
		return 0
	})
	c.pingAfter(c.alive)
}

func (c *websocketClient) autoreconn(l *glua.LState) int {
	c.reconnect = glua.LVAsBool(l.Get(2))
	if ms := c.m.optInt(l, 3, 3000); c.reconnect {
		c.reconnectTime = max(milliseconds(1000), milliseconds(ms))
	}
	return 0
}

// send is send(data, _, binary): each call is one frame, whatever the second
// argument says.
func (c *websocketClient) send(l *glua.LState) int {
	var data []byte
	if s, ok := c.m.text(l.Get(2)); ok {
		data = []byte(s)
	} else if b := asZbuff(l.Get(2)); b != nil {
		data = b.filled()
	} else {
		c.m.logf(levelDebug, "websocket", "only support string or zbuff")
		return 0
	}
	if !c.ready {
		c.m.logf(levelInfo, "websocket", "not ready yet")
		return pushBool(l, false)
	}
	if len(data) >= 0xFFFF {
		c.m.logf(levelError, "websocket", "pkg too large %d", len(data))
		return pushBool(l, false)
	}
	op := byte(ws.Text)
	if n, ok := anInteger(l.Get(3)); ok && n == 1 {
		op = ws.Binary
	}
	c.m.charge(len(data) / 16)
	c.count(op, data, true)
	return pushBool(l, true)
}

// closeCall ends the client for good: no event comes any more.
func (c *websocketClient) closeCall(*glua.LState) int {
	if c.released {
		c.m.logf(levelWarn, "websocket", "websocket already closed")
		return 0
	}
	c.reconnect = false
	c.closeSocket()
	c.letGo()
	c.callback, c.letGo = glua.LNil, func() {}
	c.released = true
	c.release()
	return 0
}

// setHeaders is headers(table | text). In a table's values the firmware
// escapes "*-._ ", which no server undoes; so do we.
func (c *websocketClient) setHeaders(l *glua.LState) int {
	var b strings.Builder
	if t, ok := l.Get(2).(*glua.LTable); ok {
		good := true
		c.m.eachPair(t, func(k, v glua.LValue) {
			name, _ := c.m.text(k)
			value, _ := c.m.text(v)
			if name == "" || value == "" || len(name)+len(value) > 256 {
				c.m.logf(levelWarn, "websocket", "bad header %s %s", name, value)
				good = false
				return
			}
			b.WriteString(name + ":")
			for i := range len(value) {
				if strings.IndexByte("*-._ ", value[i]) >= 0 {
					fmt.Fprintf(&b, "%%%02X", value[i])
				} else {
					b.WriteByte(value[i])
				}
			}
			b.WriteString("\r\n")
		})
		if !good {
			return 0
		}
	} else if s, ok := c.m.text(l.Get(2)); ok {
		b.WriteString(s)
	} else {
		return 0
	}
	if b.Len() > wsHeadersMax {
		c.m.logf(levelWarn, "websocket", "headers too large size %d", b.Len())
		return 0
	}
	c.headers = b.String()
	return pushBool(l, true)
}
