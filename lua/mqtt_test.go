package lua_test

import (
	"fmt"
	"testing"

	"airlift/emu/link"
	"airlift/emu/peer"
	"airlift/lua/mqtt"
)

// mqttScript makes a main.lua with a client c whose events are logged, and a
// task that runs body.
func mqttScript(create, body string) string {
	return `local function t(...) log.info("t", ...) end
sys.taskInit(function()
sys.waitUntil("IP_READY", 5000)
local c = mqtt.create(` + create + `)
c:on(function(client, event, data, payload, meta)
  if event == "recv" then t(client == c, event, data, payload, meta.message_id, meta.qos, meta.retain, meta.dup)
  else t(event, data, payload) end
  sys.publish(event, data)
end)
` + body + `
t("end")
sys.wait(500)
rtos.reboot()
end)
sys.run()`
}

var mqttCases = []struct {
	name, create, body string
	users              map[string]string
	want               []string
}{
	{name: "publish and receive at every QoS", create: `nil, "mqtt.test", 1883`, body: `
t(c:auth("id", "user", "pw"), c:state(), c:ready(), c:publish("a", "b"))
t(c:connect()) sys.waitUntil("conack", 5000)
t(c:state(), c:ready())
t(c:subscribe("a/+", 2)) sys.waitUntil("suback")
t(c:subscribe({["b/#"] = 1})) sys.waitUntil("suback")
for qos = 0, 2 do t(c:publish("a/" .. qos, "msg" .. qos, qos)) sys.wait(500) end
t(c:publish("b", zbuff.create(3, "zzz"), 1)) sys.wait(500)
t(c:unsubscribe("a/+")) sys.waitUntil("unsuback")
t(c:publish("a/1", "not for me", 1)) sys.wait(500)
t(c:disconnect(), c:state())`,
		want: []string{
			"true 0 false", "true", "conack nil nil", "3 true", "1", "suback true 2", "2", "suback true 1",
			"0", "sent 0 nil", "true recv a/0 msg0 0 0 0 0",
			"3", "sent 3 nil", "true recv a/1 msg1 1 1 0 0",
			"4", "true recv a/2 msg2 2 2 0 0", "sent 4 nil",
			"5", "sent 5 nil", "true recv b  3 1 0 0",
			"6", "unsuback nil nil", "7", "sent 7 nil",
			"true 0", "end", "disconnect -1 nil", "close nil nil",
		}},
	{name: "retained message and will", create: `nil, "mqtt.test", 1883`, body: `
c:auth("one")
t(c:will("w", "gone", 1, 1))
c:connect() sys.waitUntil("conack")
c:publish("r", "kept", 0, 1)
sys.wait(100)
local d = mqtt.create(nil, "mqtt.test", 1883)
d:auth("one") -- throws the first out
d:on(function(_, event, topic, payload, meta) if event == "recv" then t("d", topic, payload, meta.retain) else t("d", event) end end)
d:connect() sys.wait(1000)
d:subscribe("#") sys.wait(500)`,
		want: []string{
			"true", "conack nil nil", "sent 0 nil", "error other 0", "disconnect -1 nil", "close nil nil", "d conack",
			"d suback", "d r kept 1", "d w gone 1", "end",
		}},
	{name: "wrong password, then the right one", users: map[string]string{"u": "p"}, create: `nil, "mqtt.test", 1883`, body: `
c:auth("id", "u", "x")
c:connect() sys.waitUntil("close") sys.wait(10)
c:auth("id", "u", "p")
t(c:connect()) sys.waitUntil("conack")
t(c:connect())
sys.wait(100)
c:close()
t(c:connect())`,
		want: []string{
			"disconnect 4 nil", "close nil nil", "error conack 4", "true", "conack nil nil", "false", "disconnect -1 nil", "close nil nil", "false", "end",
		}},
	{name: "nobody there, reconnection", create: `nil, "mqtt.test", 1999`, body: `
c:autoreconn(true, 100)
c:connect() sys.wait(2500)
c:autoreconn(false)`,
		want: []string{"error connect 0", "disconnect -1 nil", "error connect 0", "disconnect -1 nil", "error connect 0", "disconnect -1 nil", "end"}},
	{name: "server without an answer", create: `nil, "mqtt.test", 9, nil, {conn_timeout = 1}`, body: `
c:connect() sys.waitUntil("close") t(mcu.ticks())`,
		want: []string{"error timeout 0", "disconnect -1 nil", "close nil nil", "5000", "end"}},
	{name: "server that speaks something else", create: `nil, "mqtt.test", 7`, body: `
c:connect() sys.waitUntil("close")`,
		want: []string{"disconnect -1 nil", "close nil nil", "end", "error connect 96"}},
	{name: "keep alive", create: `nil, "mqtt.test", 1883`, body: `
c:keepalive(20)
c:connect() sys.waitUntil("conack")
t(sys.waitUntil("pong", 16000), mcu.ticks() // 1000)
sys.subscribe("MQTT_PONG", function(client) t("message", client == c) end)
sys.wait(60000)
t(c:ready())`,
		want: []string{
			"conack nil nil", "pong nil nil", "true 15", "message true", "pong nil nil", "message true", "pong nil nil", "message true",
			"pong nil nil", "message true", "true", "end", "pong nil nil", "message true",
		}},
	{name: "tls and websocket", create: `nil, "mqtt.test", 8883, true`, body: `
c:connect() sys.waitUntil("conack")
c:close()
local w = mqtt.create(nil, "ws://mqtt.test:8083/mqtt")
w:on(function(_, event, data, payload) t("w", event, data, payload) end)
w:connect() sys.wait(1000)
w:subscribe("x") w:publish("x", ("long"):rep(50), 1) sys.wait(1000)
t(w:ready())`,
		want: nil},
	{name: "bad arguments", create: `nil, "mqtt.test", 1883`, body: `
t(c:auth(("x"):rep(192)))
t(mqtt.create(99, "h", 1), mqtt.create(socket.LWIP_ETH, "h", 1), mqtt.create(nil, ("h"):rep(200), 1))
t(pcall(mqtt.create, nil, "h"))
t(pcall(c.publish, 1))
t(c.nothing)`,
		want: []string{
			"", "nil nil", "false bad argument #3 to 'mqtt.create' (number expected, got no value)",
			"false bad argument #1 to '?' (MQTTCTRL* expected, got number)", "nil", "end",
		}},
}

func TestMqtt(t *testing.T) {
	for _, c := range mqttCases {
		t.Run(c.name, func(t *testing.T) {
			if c.want == nil {
				t.Skip("see TestMqttTransports")
			}
			b, _ := netBoard(t, mqttScript(c.create, c.body), func(n *link.Network) { mqttHosts(t, n, c.users) })
			checkLines(t, b, c.want...)
		})
	}
}

// mqttHosts puts brokers on mqtt.test.
func mqttHosts(t *testing.T, n *link.Network, users map[string]string) *peer.Broker {
	t.Helper()
	broker := peer.NewBroker()
	broker.Users = users
	silent := link.PeerFunc(func(*link.PeerConn) link.PeerSession { return silence{} })
	for port, p := range map[int]link.Peer{1883: broker, 7: peer.Echo(), 9: silent} {
		if err := n.HandlePeer("mqtt.test", port, p, link.HostOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.HandlePeer("mqtt.test", 8883, broker, link.HostOptions{TLS: true}); err != nil {
		t.Fatal(err)
	}
	return broker
}

type silence struct{}

func (silence) Data([]byte) {}
func (silence) Closed()     {}

func TestMqttTransports(t *testing.T) {
	c := mqttCases[7]
	var seen []string
	b, _ := netBoard(t, mqttScript(c.create, c.body), func(n *link.Network) {
		broker := mqttHosts(t, n, nil)
		broker.Seen = func(client string, m mqtt.Message) {
			seen = append(seen, fmt.Sprint(client, " ", m.Topic, " ", len(m.Payload)))
		}
		if err := n.Handle("mqtt.test", 8083, peer.WebsocketTo(broker), link.HostOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	long := "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong"
	checkLines(t, b, "conack nil nil", "w conack nil nil", "w suback true 0", "w sent 2 nil", "w recv x "+long, "true", "end")
	if fmt.Sprint(seen) != "[auto-2 x 200]" {
		t.Error(seen)
	}
}
