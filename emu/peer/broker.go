package peer

import (
	"fmt"
	"slices"
	"time"

	"airlift/emu/link"
	"airlift/lua/mqtt"
)

// Bounds of a [Broker].
const (
	brokerPacketMax   = 256 << 10 // bytes of a packet
	brokerClientsMax  = 256       // with their sessions
	brokerRetainedMax = 1000      // messages
	brokerQueueMax    = 100       // messages for a client that is away
	brokerFiltersMax  = 200       // subscriptions of a client
)

// Broker is an MQTT 3.1.1 broker: QoS 0 to 2, retained messages, wills,
// keep-alive, sessions that outlive connections, user names. It is a
// link.Peer. Section numbers are the standard's.
type Broker struct {
	// Users, if not nil, has the passwords of who may connect.
	Users map[string]string
	// Seen, if not nil, is told of every message that is published.
	Seen func(client string, m mqtt.Message)

	clients  []*brokerClient // in the order of first connecting
	retained []mqtt.Message  // in the order of first publishing
	unnamed  int
}

// NewBroker returns a broker that lets everybody in.
func NewBroker() *Broker { return &Broker{} }

// Accept implements link.Peer.
func (b *Broker) Accept(c *link.PeerConn) link.PeerSession {
	s := &brokerConn{broker: b, conn: c}
	// A client that says nothing is thrown out.
	s.cancel = c.After(30*time.Second, s.close)
	return s
}

// brokerClient is one client's session.
type brokerClient struct {
	id      string
	clean   bool
	filters []mqtt.Filter
	conn    *brokerConn // nil while the client is away
	waiting []mqtt.Message
	nextID  uint16
	out     []outgoing // QoS 1 and 2 that the client has not confirmed
	in      []uint16   // QoS 2 that the client has not released
}

// outgoing is a message on its way to a client.
type outgoing struct {
	id       uint16
	message  mqtt.Message
	received bool // the client has it (PUBREC)
}

// brokerConn is one connection.
type brokerConn struct {
	broker *Broker
	conn   *link.PeerConn
	client *brokerClient
	buf    []byte
	will   *mqtt.Message
	alive  time.Duration
	cancel func() // of the keep-alive
	over   bool
}

// Data implements link.PeerSession.
func (s *brokerConn) Data(data []byte) {
	s.buf = append(s.buf, data...)
	for !s.over {
		p, n, err := mqtt.Parse(s.buf, brokerPacketMax)
		if err != nil {
			s.close()
			return
		}
		if p == nil {
			return
		}
		s.packet(p)
		s.buf = s.buf[n:]
	}
}

// Closed implements link.PeerSession: the client went without a word.
func (s *brokerConn) Closed() { s.end(true) }

// close ends the connection as an error does: the will is published.
func (s *brokerConn) close() {
	s.end(true)
	s.conn.Close()
}

func (s *brokerConn) end(will bool) {
	if s.over {
		return
	}
	s.over = true
	s.cancel()
	c := s.client
	if c == nil {
		return
	}
	c.conn = nil
	if c.clean {
		s.broker.forget(c)
	}
	if will && s.will != nil {
		s.broker.publish(c.id, *s.will)
	}
}

func (s *brokerConn) send(p *mqtt.Packet) { s.conn.Send(mqtt.Append(nil, p)) }

// packet handles one packet. The first has to be a CONNECT, and only it (3.1).
func (s *brokerConn) packet(p *mqtt.Packet) {
	if (p.Type == mqtt.Connect) != (s.client == nil) {
		s.close()
		return
	}
	s.watch()
	c := s.client
	switch p.Type {
	case mqtt.Connect:
		s.connect(p)
	case mqtt.Publish:
		s.published(p)
	case mqtt.Puback, mqtt.Pubcomp:
		c.out = slices.DeleteFunc(c.out, func(o outgoing) bool { return o.id == p.ID })
	case mqtt.Pubrec:
		for i := range c.out {
			if c.out[i].id == p.ID {
				c.out[i].received = true
			}
		}
		s.send(&mqtt.Packet{Type: mqtt.Pubrel, ID: p.ID})
	case mqtt.Pubrel:
		c.in = slices.DeleteFunc(c.in, func(id uint16) bool { return id == p.ID })
		s.send(&mqtt.Packet{Type: mqtt.Pubcomp, ID: p.ID})
	case mqtt.Subscribe:
		s.subscribe(p)
	case mqtt.Unsubscribe:
		for _, f := range p.Filters {
			c.filters = slices.DeleteFunc(c.filters, func(o mqtt.Filter) bool { return o.Topic == f.Topic })
		}
		s.send(&mqtt.Packet{Type: mqtt.Unsuback, ID: p.ID})
	case mqtt.Pingreq:
		s.send(&mqtt.Packet{Type: mqtt.Pingresp})
	case mqtt.Disconnect:
		s.end(false)
		s.conn.Close()
	default:
		s.close()
	}
}

// watch starts the keep-alive's time anew: one and a half times what the
// client said (3.1.2.10).
func (s *brokerConn) watch() {
	s.cancel()
	s.cancel = func() {}
	if s.alive > 0 {
		s.cancel = s.conn.After(s.alive*3/2, s.close)
	}
}

// connect answers a CONNECT (3.1.4, 3.2.2).
func (s *brokerConn) connect(p *mqtt.Packet) {
	b := s.broker
	code := b.check(p)
	if code != mqtt.Accepted {
		s.send(&mqtt.Packet{Type: mqtt.Connack, Code: code})
		s.end(false)
		s.conn.Close()
		return
	}
	id := p.ClientID
	if id == "" {
		b.unnamed++
		id = fmt.Sprintf("auto-%d", b.unnamed)
	}
	old := b.find(id)
	if old != nil && old.conn != nil {
		old.conn.close() // the second client with a name throws the first out
		old = b.find(id)
	}
	if old != nil && p.CleanSession {
		b.forget(old)
		old = nil
	}
	c := old
	if c == nil {
		c = &brokerClient{id: id}
		b.clients = append(b.clients, c)
	}
	c.clean, c.conn = p.CleanSession, s
	s.client, s.alive = c, time.Duration(p.KeepAlive)*time.Second
	if w := p.Will; w != nil {
		s.will = &mqtt.Message{Topic: w.Topic, Payload: slices.Clone(w.Payload), QoS: w.QoS, Retain: w.Retain}
	}
	s.watch()
	s.send(&mqtt.Packet{Type: mqtt.Connack, SessionPresent: old != nil})
	s.resume()
}

// check decides about a CONNECT.
func (b *Broker) check(p *mqtt.Packet) byte {
	switch {
	case p.Protocol != "MQTT" || p.Level != 4:
		return mqtt.BadProtocol
	case p.ClientID == "" && !p.CleanSession:
		return mqtt.BadClientID
	case b.find(p.ClientID) == nil && len(b.clients) >= brokerClientsMax:
		return mqtt.ServerUnavailable
	}
	if b.Users != nil {
		if password, ok := b.Users[p.User]; !ok || password != string(p.Password) {
			return mqtt.BadUser
		}
	}
	return mqtt.Accepted
}

// resume sends again what the client has not confirmed, then what came while
// it was away (4.4).
func (s *brokerConn) resume() {
	c := s.client
	for _, o := range c.out {
		if o.received {
			s.send(&mqtt.Packet{Type: mqtt.Pubrel, ID: o.id})
			continue
		}
		s.send(&mqtt.Packet{Type: mqtt.Publish, ID: o.id, Dup: true, Message: o.message})
	}
	waiting := c.waiting
	c.waiting = nil
	for _, m := range waiting {
		c.deliver(m)
	}
}

// published confirms a PUBLISH and passes it on, in this order, as scripts
// expect that wait for the one and then for the other.
func (s *brokerConn) published(p *mqtt.Packet) {
	c := s.client
	m := p.Message
	m.Payload = slices.Clone(m.Payload)
	switch p.QoS {
	case 0:
		s.broker.publish(c.id, m)
	case 1:
		s.send(&mqtt.Packet{Type: mqtt.Puback, ID: p.ID})
		s.broker.publish(c.id, m)
	case 2:
		s.send(&mqtt.Packet{Type: mqtt.Pubrec, ID: p.ID})
		if slices.Contains(c.in, p.ID) {
			return
		}
		if c.in = append(c.in, p.ID); len(c.in) > brokerQueueMax {
			s.close()
			return
		}
		s.broker.publish(c.id, m)
	}
}

// publish hands a message to everybody who wants it.
func (b *Broker) publish(from string, m mqtt.Message) {
	if b.Seen != nil {
		b.Seen(from, m)
	}
	if m.Retain {
		b.retain(m)
	}
	m.Retain = false
	for _, c := range slices.Clone(b.clients) {
		if qos, ok := c.wants(m.Topic); ok {
			to := m
			to.QoS = min(m.QoS, qos)
			c.deliver(to)
		}
	}
}

// retain keeps the last message of a topic; an empty one deletes it (3.3.1.3).
func (b *Broker) retain(m mqtt.Message) {
	at := slices.IndexFunc(b.retained, func(o mqtt.Message) bool { return o.Topic == m.Topic })
	switch {
	case len(m.Payload) == 0 && at >= 0:
		b.retained = slices.Delete(b.retained, at, at+1)
	case len(m.Payload) == 0:
	case at >= 0:
		b.retained[at] = m
	case len(b.retained) < brokerRetainedMax:
		b.retained = append(b.retained, m)
	}
}

// wants returns the highest QoS of the client's subscriptions to a topic.
func (c *brokerClient) wants(topic string) (qos byte, ok bool) {
	for _, f := range c.filters {
		if mqtt.Match(f.Topic, topic) {
			qos, ok = max(qos, f.QoS), true
		}
	}
	return qos, ok
}

// deliver sends a message to the client, or keeps it until it is back.
func (c *brokerClient) deliver(m mqtt.Message) {
	if c.conn == nil || len(c.out) >= brokerQueueMax {
		if m.QoS > 0 && len(c.waiting) < brokerQueueMax {
			c.waiting = append(c.waiting, m)
		}
		return
	}
	p := &mqtt.Packet{Type: mqtt.Publish, Message: m}
	if m.QoS > 0 {
		p.ID = c.freeID()
		c.out = append(c.out, outgoing{id: p.ID, message: m})
	}
	c.conn.send(p)
}

// freeID returns an identifier that is not in use.
func (c *brokerClient) freeID() uint16 {
	for {
		if c.nextID++; c.nextID == 0 {
			c.nextID = 1
		}
		if !slices.ContainsFunc(c.out, func(o outgoing) bool { return o.id == c.nextID }) {
			return c.nextID
		}
	}
}

// subscribe answers a SUBSCRIBE and sends the retained messages (3.8.4).
func (s *brokerConn) subscribe(p *mqtt.Packet) {
	c := s.client
	answer := &mqtt.Packet{Type: mqtt.Suback, ID: p.ID}
	var added []mqtt.Filter
	for _, f := range p.Filters {
		at := slices.IndexFunc(c.filters, func(o mqtt.Filter) bool { return o.Topic == f.Topic })
		switch {
		case at >= 0:
			c.filters[at] = f
		case len(c.filters) < brokerFiltersMax:
			c.filters = append(c.filters, f)
		default:
			answer.Codes = append(answer.Codes, mqtt.SubscribeFailed)
			continue
		}
		answer.Codes = append(answer.Codes, f.QoS)
		added = append(added, f)
	}
	s.send(answer)
	for _, f := range added {
		for _, m := range s.broker.retained {
			if mqtt.Match(f.Topic, m.Topic) {
				m.QoS = min(m.QoS, f.QoS)
				c.deliver(m)
			}
		}
	}
}

func (b *Broker) find(id string) *brokerClient {
	for _, c := range b.clients {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (b *Broker) forget(c *brokerClient) {
	b.clients = slices.DeleteFunc(b.clients, func(o *brokerClient) bool { return o == c })
}
