package lua

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/mqtt"
)

// States of a client, as mqttc:state() returns them.
const (
	mqttDisconnected = iota
	mqttConnecting
	mqttConnected // but the server has not answered yet
	mqttReady
)

const (
	mqttKeepAlive   = 240 * time.Second
	mqttConnectTime = 30 * time.Second
)

// Codes of the event disconnect.
const (
	mqttLostSocket = -1
	mqttServerBye  = -2
)

// mqttClient is one client of the scripts.
type mqttClient struct {
	m        *Machine
	value    *glua.LUserData
	release  func() // of value
	callback glua.LValue
	letGo    func() // of callback

	adapter     int
	host        string
	port        int
	tls         *TLS
	websocket   string // path, for MQTT over a websocket
	packetMax   int    // bytes
	connectTime time.Duration

	clientID, user, password string
	clean                    bool
	alive                    time.Duration
	will                     *mqtt.Message
	reconnect                bool
	reconnectTime            time.Duration

	state    int
	code     int // of the next event disconnect
	conn     mqttTransport
	buf      []byte
	seq      uint16
	timers   []func() // cancel them
	retry    func()   // cancels the next attempt to connect
	released bool
}

// mqttTransport carries the packets: TCP, or a websocket on it.
type mqttTransport interface {
	Send(p []byte)
	Close()
}

var errMqttAddress = errors.New("bad address of an MQTT server")

// address reads host and port; a host may be a URL of a websocket.
func (c *mqttClient) address(l *glua.LState) error {
	if strings.HasPrefix(c.host, "ws://") || strings.HasPrefix(c.host, "wss://") {
		u, err := parseWsURL(c.host)
		if err != nil {
			return err
		}
		c.host, c.port, c.websocket = u.host, u.port, u.path
		if u.tls {
			c.tls = &TLS{}
		}
		return nil
	}
	c.port = int(uint16(c.m.integer(l, 3)))
	if len(c.host) > mqttHostMax {
		return fmt.Errorf("%w: host of %d bytes", errMqttAddress, len(c.host))
	}
	return nil
}

// event tells the scripts.
func (c *mqttClient) event(name string, args ...glua.LValue) {
	c.m.post(func(l *glua.LState) int {
		if c.callback != glua.LNil {
			c.m.call(l, c.callback, 0, append([]glua.LValue{c.value, glua.LString(name)}, args...)...)
		}
		return 0
	})
}

// connect starts to connect. A client that is connected already loses its
// connection and gets false.
func (c *mqttClient) connect() bool {
	if c.released || c.state != mqttDisconnected {
		c.m.logf(levelError, "mqtt", "socket connect ret=-1")
		c.closeSocket()
		return false
	}
	c.stopTimers()
	c.code, c.buf, c.state = 0, nil, mqttConnecting
	c.later(c.connectTime, c.connectTimeout)
	ev := ConnEvents{Connected: c.connected, Data: c.data, Closed: c.closed}
	tls := c.tls
	if tls != nil {
		copied := *tls
		copied.ServerName = c.host
		tls = &copied
	}
	if c.websocket != "" {
		c.conn = c.m.dialWs(c.adapter, "mqtt", wsURL{host: c.host, port: c.port, path: c.websocket, tls: tls != nil}, tls,
			"Sec-WebSocket-Protocol: mqtt\r\n", ev)
		return true
	}
	c.conn = c.m.dial(c.adapter, "mqtt", c.host, c.port, tls, ev)
	return true
}

// later is a timer that ends with the connection.
func (c *mqttClient) later(d time.Duration, fn func()) {
	c.timers = append(c.timers, c.m.after(d, fn))
}

func (c *mqttClient) stopTimers() {
	for _, cancel := range c.timers {
		cancel()
	}
	c.timers = nil
	if c.retry != nil {
		c.retry()
		c.retry = nil
	}
}

func (c *mqttClient) connectTimeout() {
	c.m.logf(levelWarn, "mqtt", "connect timeout %s %d!! expect conack in %ds", c.host, c.port, int(c.connectTime.Seconds()))
	c.event("error", glua.LString("timeout"), glua.LNumber(0))
	c.closeSocket()
}

func (c *mqttClient) connected(err error) {
	if err != nil {
		c.m.logf(levelError, "mqtt", "mqtt_callback param1 -1, event 2 closing socket")
		c.event("error", glua.LString("connect"), glua.LNumber(0))
		c.closeSocket()
		return
	}
	c.state = mqttConnected
	c.send(&mqtt.Packet{
		Type: mqtt.Connect, Protocol: "MQTT", Level: 4, ClientID: c.clientID, CleanSession: c.clean,
		KeepAlive: uint16(c.alive / time.Second), Will: c.will,
		HasUser: c.user != "", User: c.user, HasPassword: c.password != "", Password: []byte(c.password),
	})
}

// send sends a packet; without a connection that fails, and ends what there is
// of one.
func (c *mqttClient) send(p *mqtt.Packet) bool {
	if c.state < mqttConnected || c.conn == nil {
		if c.state == mqttConnecting {
			c.m.logf(levelWarn, "mqtt", "network_tx ret %d, closing socket", -1)
			c.closeSocket()
		}
		return false
	}
	b := mqtt.Append(nil, p)
	c.m.charge(len(b) / 64)
	c.conn.Send(b)
	return true
}

func (c *mqttClient) closed(error) {
	c.m.logf(levelError, "mqtt", "mqtt_callback param1 -1, event 5 closing socket")
	c.event("error", glua.LString("other"), glua.LNumber(0))
	c.closeSocket()
}

// closeSocket ends the connection, and plans the next if it shall come back.
func (c *mqttClient) closeSocket() {
	if c.state == mqttDisconnected {
		return
	}
	c.state, c.buf = mqttDisconnected, nil
	c.stopTimers()
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
	code := c.code
	if code == 0 {
		code = mqttLostSocket
	}
	c.event("disconnect", glua.LNumber(code))
	if c.reconnect && c.reconnectTime > 0 {
		c.retry = c.m.after(c.reconnectTime, func() {
			c.retry = nil
			c.m.logf(levelInfo, "mqtt", "mqtt reconnecting... %s %d", c.host, c.port)
			c.connect()
		})
		return
	}
	c.event("close")
}

// data takes bytes from the server.
func (c *mqttClient) data(p []byte) {
	if len(c.buf)+len(p) > c.packetMax {
		c.m.logf(levelError, "mqtt", "too many data wait for recv %d", len(c.buf)+len(p))
		c.closeSocket()
		return
	}
	c.buf = append(c.buf, p...)
	for c.state != mqttDisconnected {
		packet, n, err := mqtt.Parse(c.buf, c.packetMax)
		if err != nil {
			c.m.logf(levelWarn, "mqtt", "bad mqtt packet!! %v", err)
			c.closeSocket()
			return
		}
		if packet == nil {
			return
		}
		c.packet(packet)
		if c.buf != nil {
			c.buf = c.buf[n:]
		}
	}
}

// fail is a packet that may not come now.
func (c *mqttClient) fail(text string, code int) {
	c.m.logf(levelError, "mqtt", "%s", text)
	c.closeSocket()
	c.event("error", glua.LString("connect"), glua.LNumber(code))
}

func (c *mqttClient) packet(p *mqtt.Packet) {
	if p.Type == mqtt.Connack {
		c.connack(p)
		return
	}
	if c.state != mqttReady {
		c.fail(fmt.Sprintf("recv msg %d when not connected", byte(p.Type)<<4), 96)
		return
	}
	id := glua.LNumber(p.ID)
	switch p.Type {
	case mqtt.Publish:
		c.received(p)
	case mqtt.Puback, mqtt.Pubcomp:
		c.event("sent", id)
	case mqtt.Pubrec:
		c.send(&mqtt.Packet{Type: mqtt.Pubrel, ID: p.ID})
	case mqtt.Pubrel:
		c.send(&mqtt.Packet{Type: mqtt.Pubcomp, ID: p.ID})
	case mqtt.Suback:
		code := byte(mqtt.SubscribeFailed)
		if len(p.Codes) > 0 {
			code = p.Codes[0]
		}
		c.event("suback", glua.LBool(code <= 2), glua.LNumber(code))
	case mqtt.Unsuback:
		c.event("unsuback")
	case mqtt.Pingresp:
		c.pong()
	case mqtt.Disconnect:
		c.code = mqttServerBye
	}
}

func (c *mqttClient) connack(p *mqtt.Packet) {
	if c.state == mqttReady {
		c.fail("recv connack when already connected", 95)
		return
	}
	if p.Code != mqtt.Accepted {
		c.m.logf(levelWarn, "mqtt", "CONACK 0x%02x", p.Code)
		c.code = int(p.Code)
		c.closeSocket()
		c.event("error", glua.LString("conack"), glua.LNumber(p.Code))
		return
	}
	c.state = mqttReady
	c.stopTimers()
	c.event("conack")
	c.ping()
}

// ping keeps the connection alive: after three quarters of the time that the
// server was told, whatever else is sent.
func (c *mqttClient) ping() {
	c.later(c.alive*3/4, func() {
		c.send(&mqtt.Packet{Type: mqtt.Pingreq})
		c.timers = nil
		c.ping()
	})
}

func (c *mqttClient) pong() {
	if c.callback == glua.LNil {
		return
	}
	c.event("pong")
	c.m.publishLater("MQTT_PONG", c.value)
}

// received hands a message to the scripts and confirms it.
func (c *mqttClient) received(p *mqtt.Packet) {
	m := c.m
	topic, payload := p.Topic, slices.Clone(p.Payload)
	m.charge(len(payload) / 64)
	flag := func(b bool) glua.LValue {
		if b {
			return glua.LNumber(1)
		}
		return glua.LNumber(0)
	}
	meta := []glua.LValue{glua.LNumber(p.ID), glua.LNumber(p.QoS), flag(p.Retain), flag(p.Dup)}
	m.post(func(l *glua.LState) int {
		if c.callback == glua.LNil {
			return 0
		}
		t := l.NewTable()
		for i, name := range []string{"message_id", "qos", "retain", "dup"} {
			t.RawSetString(name, meta[i])
		}
		m.allocate(int64(len(payload)))
		m.call(l, c.callback, 0, c.value, glua.LString("recv"), glua.LString(topic), glua.LString(payload), t)
		return 0
	})
	switch p.QoS {
	case 1:
		c.send(&mqtt.Packet{Type: mqtt.Puback, ID: p.ID})
	case 2:
		c.send(&mqtt.Packet{Type: mqtt.Pubrec, ID: p.ID})
	}
}
