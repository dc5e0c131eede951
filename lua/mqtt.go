package lua

import (
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/mqtt"
)

// mqttName is what the userdata of a client is called.
const mqttName = "MQTTCTRL*"

// Lengths that mqtt.auth takes, in bytes (libemqtt.h).
const (
	mqttClientIDMax = 191
	mqttUserMax     = 191
	mqttPasswordMax = 511
	mqttHostMax     = 191
)

// openMqtt installs mqtt.* (luatos-runtime.md 9.7; order and numbers of events
// where it is silent: luat_lib_mqtt.c and luat_mqtt_client.c).
func (m *Machine) openMqtt() {
	if m.board.Net() == nil {
		return
	}
	names := []entryFn{
		fn("auth", m.ofMqtt((*mqttClient).auth)),
		fn("keepalive", m.ofMqtt((*mqttClient).keepalive)),
		fn("on", m.ofMqtt((*mqttClient).on)),
		fn("connect", m.ofMqtt((*mqttClient).connectCall)),
		fn("autoreconn", m.ofMqtt((*mqttClient).autoreconn)),
		fn("publish", m.ofMqtt((*mqttClient).publish)),
		fn("subscribe", m.ofMqtt((*mqttClient).subscribe)),
		fn("unsubscribe", m.ofMqtt((*mqttClient).unsubscribe)),
		fn("disconnect", m.ofMqtt((*mqttClient).disconnect)),
		fn("close", m.ofMqtt((*mqttClient).closeCall)),
		fn("ready", m.ofMqtt(func(c *mqttClient, l *glua.LState) int { return pushBool(l, c.state == mqttReady) })),
		fn("will", m.ofMqtt((*mqttClient).setWill)),
		fn("debug", m.ofMqtt(func(*mqttClient, *glua.LState) int { return 0 })),
		fn("state", m.ofMqtt(func(c *mqttClient, l *glua.LState) int { return pushInt(l, int64(c.state)) })),
	}
	meta := m.l.NewTable()
	methods := m.l.NewTable()
	m.fill(methods, names...)
	meta.RawSetString("__index", methods)
	meta.RawSetString("__name", glua.LString(mqttName))
	m.hold(meta)
	t := m.lib("mqtt", append([]entryFn{fn("create", func(l *glua.LState) int { return m.mqttCreate(l, meta) })}, names...)...)
	constants(t, "STATE_DISCONNECT", 0, "STATE_SCONNECT", 1, "STATE_MQTT", 2, "STATE_READY", 3,
		"VERIFY_NONE", 0, "VERIFY_OPTION", 1, "VERIFY_REQUIRED", 2)
}

func (m *Machine) ofMqtt(f func(*mqttClient, *glua.LState) int) glua.LGFunction {
	return func(l *glua.LState) int {
		ud, _ := l.Get(1).(*glua.LUserData)
		if ud == nil {
			m.typeError(l, 1, mqttName)
		}
		c, ok := ud.Value.(*mqttClient)
		if !ok {
			m.typeError(l, 1, mqttName)
		}
		return f(c, l)
	}
}

// mqttCreate is create(adapter, host, port, tls, options): nil if that cannot
// be.
func (m *Machine) mqttCreate(l *glua.LState, meta *glua.LTable) int {
	id, ok := m.adapterArg(l, 1)
	if !ok {
		m.logf(levelError, "mqtt", "尚无已注册的网络适配器")
		return 0
	}
	if m.net.adapters[id] == nil {
		m.logf(levelError, "mqtt", "mqtt init FAID ret %d", -1)
		return 0
	}
	c := &mqttClient{
		m: m, adapter: id, host: m.hostArg(l, 2), callback: glua.LNil, letGo: func() {},
		alive: mqttKeepAlive, connectTime: mqttConnectTime, packetMax: m.mqttBuffer(),
		clean: true, seq: 1,
	}
	if err := c.address(l); err != nil {
		m.logf(levelError, "mqtt", "设置mqtt参数失败")
		m.logf(levelDebug, "mqtt", "%v", err)
		return 0
	}
	c.secure(l.Get(4))
	c.options(l.Get(5))
	ud := l.NewUserData()
	ud.Value, ud.Metatable = c, meta
	c.value = ud
	c.release = m.hold(ud)
	l.Push(ud)
	return 1
}

// mqttBuffer is the default size of the receive buffer in bytes.
func (m *Machine) mqttBuffer() int {
	if m.fw.Mobile {
		return 32 << 10
	}
	return 4 << 10
}

// secure reads the fourth argument of create.
func (c *mqttClient) secure(v glua.LValue) {
	switch v := v.(type) {
	case glua.LBool:
		if v {
			c.tls = &TLS{}
		}
	case *glua.LTable:
		get := func(name string) string { s, _ := v.RawGetString(name).(glua.LString); return string(s) }
		c.tls = &TLS{CACert: get("server_cert"), ClientCert: get("client_cert"), ClientKey: get("client_key"), ClientPass: get("client_password")}
	}
}

// options reads the fifth argument of create.
func (c *mqttClient) options(v glua.LValue) {
	t, ok := v.(*glua.LTable)
	if !ok {
		return
	}
	if n, ok := c.m.number(t.RawGetString("rxSize")); ok && n >= 1 {
		c.packetMax = int(min(n, 1<<20))
	}
	if n, ok := c.m.number(t.RawGetString("conn_timeout")); ok {
		c.connectTime = milliseconds(int64(max(5, min(n, 120)) * 1000))
	}
}

// auth is auth(client id, user, password, clean session).
func (c *mqttClient) auth(l *glua.LState) int {
	m := c.m
	id, user, password := m.optStr(l, 2, ""), m.optStr(l, 3, ""), m.optStr(l, 4, "")
	for _, x := range []struct {
		name, value string
		most        int
	}{{"client_id", id, mqttClientIDMax}, {"username", user, mqttUserMax}, {"password", password, mqttPasswordMax}} {
		if len(x.value) > x.most {
			m.logf(levelError, "mqtt", "mqtt %s 太长或者无效!!!!", x.name)
			return 0
		}
	}
	c.clientID, c.user, c.password = id, user, password
	c.clean = l.Get(5) != glua.LFalse
	c.seq = 1
	return pushBool(l, true)
}

func (c *mqttClient) keepalive(l *glua.LState) int {
	c.alive = milliseconds(max(15, min(c.m.optInt(l, 2, 240), 600)) * 1000)
	return 0
}

func (c *mqttClient) on(l *glua.LState) int {
	c.letGo()
	c.callback, c.letGo = glua.LNil, func() {}
	if f, ok := l.Get(2).(*glua.LFunction); ok {
		c.callback, c.letGo = f, c.m.hold(f)
	}
	return 0
}

func (c *mqttClient) connectCall(l *glua.LState) int { return pushBool(l, c.connect()) }

func (c *mqttClient) autoreconn(l *glua.LState) int {
	if b, ok := l.Get(2).(glua.LBool); ok {
		c.reconnect = bool(b)
	}
	c.reconnectTime = milliseconds(c.m.optInt(l, 3, 3000))
	if c.reconnect {
		c.reconnectTime = max(c.reconnectTime, milliseconds(1000))
	}
	return 0
}

// qosArg is a quality of service; what is none counts as 0.
func (m *Machine) qosArg(l *glua.LState, n int) byte {
	if q := uint8(m.optInt(l, n, 0)); q <= 2 {
		return q
	}
	return 0
}

// takeID returns the next packet identifier.
func (c *mqttClient) takeID() uint16 {
	id := c.seq
	if c.seq++; c.seq == 0 {
		c.seq = 1
	}
	return id
}

// publish is publish(topic, text or zbuff, qos, retain): the packet's
// identifier, or nothing if it cannot be sent.
func (c *mqttClient) publish(l *glua.LState) int {
	m := c.m
	p := &mqtt.Packet{Type: mqtt.Publish}
	p.Topic = m.str(l, 2)
	if s, ok := m.text(l.Get(3)); ok {
		p.Payload = []byte(s)
	} else if b := asZbuff(l.Get(3)); b != nil {
		p.Payload = b.filled()
	} else {
		m.logf(levelDebug, "mqtt", "only support string or zbuff")
	}
	p.QoS = m.qosArg(l, 4)
	p.Retain = uint8(m.optInt(l, 5, 0)) != 0
	if p.QoS > 0 {
		p.ID = c.takeID()
	}
	if !c.send(p) {
		return 0
	}
	if p.QoS == 0 {
		c.event("sent", glua.LNumber(0))
	}
	return pushInt(l, int64(p.ID))
}

// topics visits a topic or a table of them; ok is false for anything else.
func (c *mqttClient) topics(l *glua.LState, visit func(topic string, qos glua.LValue)) {
	m := c.m
	if s, ok := m.text(l.Get(2)); ok {
		visit(s, l.Get(3))
		return
	}
	if t, ok := l.Get(2).(*glua.LTable); ok {
		m.eachPair(t, func(k, v glua.LValue) {
			if s, ok := k.(glua.LString); ok {
				visit(string(s), v)
			} else if s, ok := m.text(v); ok {
				visit(s, glua.LNil)
			}
		})
	}
}

// subscribe is subscribe(topic | {topic = qos}, qos): the identifier of the
// last packet, or nothing.
func (c *mqttClient) subscribe(l *glua.LState) int {
	return c.each(l, mqtt.Subscribe)
}

func (c *mqttClient) unsubscribe(l *glua.LState) int {
	return c.each(l, mqtt.Unsubscribe)
}

func (c *mqttClient) each(l *glua.LState, kind mqtt.Type) int {
	var id uint16
	ok := true
	c.topics(l, func(topic string, q glua.LValue) {
		qos, _ := anInteger(q)
		if qos < 0 || qos > 2 || kind == mqtt.Unsubscribe {
			qos = 0
		}
		id = c.takeID()
		ok = c.send(&mqtt.Packet{Type: kind, ID: id, Filters: []mqtt.Filter{{Topic: topic, QoS: byte(qos)}}}) && ok
	})
	if !ok {
		return 0
	}
	return pushInt(l, int64(id))
}

// disconnect says goodbye; with automatic reconnection the client comes back.
func (c *mqttClient) disconnect(l *glua.LState) int {
	c.send(&mqtt.Packet{Type: mqtt.Disconnect})
	c.closeSocket()
	return pushBool(l, true)
}

// closeCall ends the client for good: no event comes any more.
func (c *mqttClient) closeCall(*glua.LState) int {
	c.send(&mqtt.Packet{Type: mqtt.Disconnect})
	c.closeSocket()
	c.letGo()
	c.callback, c.letGo = glua.LNil, func() {}
	if !c.released {
		c.released = true
		c.stopTimers()
		c.will = nil
		c.release()
	}
	return 0
}

// setWill is will(topic, text, qos, retain).
func (c *mqttClient) setWill(l *glua.LState) int {
	m := c.m
	w := &mqtt.Message{Topic: m.str(l, 2), Payload: []byte(m.str(l, 3)), QoS: m.qosArg(l, 4)}
	w.Retain = m.optInt(l, 5, 0) != 0
	if c.released {
		return pushBool(l, false)
	}
	c.will = w
	return pushBool(l, true)
}
