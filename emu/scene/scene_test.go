package scene

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"airlift/lua"
)

func TestParseDefault(t *testing.T) {
	for _, text := range []string{"", "\n# nothing\n", "{}"} {
		s, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		s.Source = nil
		if !reflect.DeepEqual(s, Default()) {
			t.Errorf("%q: %+v", text, s)
		}
	}
}

func TestParse(t *testing.T) {
	s, err := Parse([]byte(`
sim: {number: "123", slot: 1}
cells: [{rsrp: -97}, {rsrp: -100, rssi: -60}]
wifi: {points: [{ssid: a}]}
events:
  - {at: 2s, pin: {pin: 5, level: 1}, for: 1s, every: 10s, times: 2}
  - {at: 1s, key: PWR_KEY}
  - {at: 1s, sms: {from: "10086", text: hello}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if s.SIM.Number != "123" || s.SIM.Slot != 1 || s.SIM.ICCID != Default().SIM.ICCID {
		t.Errorf("sim %+v", s.SIM)
	}
	if len(s.Cells) != 2 || s.Cells[0].RSSI != -70 || s.Cells[1].RSSI != -60 || s.AnyName || len(s.AccessPoints) != 1 {
		t.Errorf("%+v", s)
	}
	want := []Event{
		{time.Second, PinLevel{Pin: "PWR_KEY"}},
		{time.Second, Message{lua.SMS{Number: "10086", Text: "hello"}}},
		{1200 * time.Millisecond, PinLevel{Pin: "PWR_KEY", Level: 1}},
		{2 * time.Second, PinLevel{Pin: "5", Level: 1}}, {3 * time.Second, PinLevel{Pin: "5"}},
		{12 * time.Second, PinLevel{Pin: "5", Level: 1}}, {13 * time.Second, PinLevel{Pin: "5"}},
	}
	if !reflect.DeepEqual(s.Events, want) {
		t.Errorf("events %+v", s.Events)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"simm: none":                              `line 1: a scene has no "simm": it has adc, airlink, ble, can, cells, charger, dht, events, i2c, interfaces, network, onewire, pins, sim, spi, uart, usb, wifi, wires`,
		"usb: true\nusb: false":                   "line 2: a scene: usb is given twice",
		"\n\nsim: {iccid: 12}":                    `line 3: iccid: "12", expected 18 to 20 digits`,
		"sim: [1]":                                "line 1: sim: a list, expected keys and values",
		"sim: {pin: 12345678901}":                 "expected 4 to 8 digits",
		"sim:\n  number: x":                       `line 2: number: "x", expected a telephone number`,
		"cells: 5":                                `cells: "5", expected a list`,
		"cells: [{rsrp: 5}]":                      "rsrp: 5, expected -140 to -44",
		"cells: [{rsrp: many}]":                   "expected a whole number",
		"network: {register: -1s}":                "expected a time such as",
		"network: {busy: maybe}":                  "expected true or false",
		"network: {register: 1000000000h}":        "expected a time such as",
		"wifi: {points: [{rssi: -5}]}":            "needs an ssid",
		"wifi: {points: [{ssid: a, bssid: 1}]}":   "expected a MAC address",
		"pins: {RESET: 1}":                        "or one of PWR_KEY",
		"pins: {1: 2}":                            "pins: 2, expected 0 to 1",
		"wires: [[1]]":                            "two ends",
		"wires: [[1, 1]]":                         "two ends",
		"adc: {x: 1}":                             "expected a whole number",
		"i2c: [{bus: 1}]":                         "needs an address",
		"i2c: [{address: 0x80}]":                  "expected 0 to 127",
		"i2c: [{address: 1, registers: {0: xx}}]": "expected bytes in hex",
		"i2c: [{address: 1, model: bme280}]":      "expected one of",
		"i2c: [{address: 1, model: sht20, answers: [{say: a}]}]": "has no registers",
		"ble: [{address: 1}]": "expected a MAC address",
		"ble: [{address: \"020000000001\"}, {address: \"020000000001\"}]":                         "two ble devices with one address",
		"ble: [{services: [{characteristics: []}]}]":                                              "a service needs a uuid",
		"ble: [{services: [{uuid: FA00, characteristics: [{uuid: A}]}]}]":                         "expected 4, 8 or 32 hex digits",
		"ble: [{services: [{uuid: FA00, characteristics: [{uuid: EA01, may: [eat]}]}]}]":          "expected read, write",
		"ble: [{name: this name does not fit into an advertisement}]":                             "at most 29",
		"events: [{ble: {to: F000/F001}}]":                                                        "ble: connect, disconnect, or one of",
		"events: [{ble: {hex: 01}}]":                                                              "needs to",
		"events: [{ble: {to: F000, hex: 01}}]":                                                    "expected SERVICE/CHARACTERISTIC",
		"events: [{ble: {to: F000/F001, hex: 01, read: F000/F001}}]":                              "one event is one thing",
		"events: [{ble: {to: F000/F001, file: x}}]":                                               "this scene was not read from a folder",
		"events: [{uart: {port: 1, file: x}}]":                                                    "this scene was not read from a folder",
		"spi: [{flash: W25Q1}]":                                                                   "expected one of W25Q80, ",
		"spi: [{flash: W25Q80, loopback: true}]":                                                  "no answers of its own",
		"spi: [{file: x}]":                                                                        "this scene was not read from a folder",
		"onewire: [{temperature: 200}]":                                                           "expected -55 to 125",
		"onewire: [{temperature: nan}]":                                                           "expected -55 to 125",
		"onewire: [{serial: 00}]":                                                                 "serial: 1 bytes, expected 6",
		"uart: {1: {to: 99}}":                                                                     "expected 0 to 34",
		"interfaces: [ne2000]":                                                                    "expected one of",
		"events: [{at: 1s}]":                                                                      "needs something that happens",
		"events: [{at: 1s, sms: {from: \"10086\"}}]":                                              "sms needs from and text",
		"events: [{usb: true, key: 5}]":                                                           "one event is one thing",
		"events: [{usb: true, for: 1s}]":                                                          "for is only for",
		"events: [{usb: true, times: 2}]":                                                         "times needs every",
		"events: [{usb: true, every: 1ns, times: 10001}]":                                         "expected 1 to 10000",
		"events:\n- {usb: true, every: 1ns, times: 9000}\n- {usb: true, every: 1ns, times: 9000}": "line 3: events: more than 10000",
		"events: [{at: 870000h, usb: true, every: 3h, times: 9999}]":                              "too far in the future",
		"a: &x {}\nsim: *x":                                                                       "a scene has no",
		"sim: &x {}\nnetwork: *x":                                                                 "line 2: network: an alias",
		"sim: none\n---\nsim: none":                                                               "more than one YAML document",
		"[":                                                                                       "yaml: ",
		"? [a]\n: b":                                                                              "a scene has no",
		"null":                                                                                    "a scene: \"null\", expected keys and values",
	} {
		s, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", text, s, err, want)
		}
	}
	if _, err := Parse(make([]byte, fileMost+1)); err == nil {
		t.Error("a file that is too large is read")
	}
	var e *Error
	if _, err := Parse([]byte("\nx: 1")); !errors.As(err, &e) || e.Line != 2 {
		t.Errorf("%v", err)
	}
}

// TestDoc reads the example of the documentation.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("../../docs/SCENE.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	s, err := Parse(blocks[0][1])
	if err != nil || len(s.Events) != 9 {
		t.Errorf("%d events, %v", len(s.Events), err)
	}
	s, err = ParseWith(blocks[1][1], func(string) ([]byte, error) { return make([]byte, 24576), nil })
	if err != nil || len(s.Events) != 3+123 {
		t.Errorf("%d events, %v", len(s.Events), err)
	}
	// Every event is described.
	for name := range happenings {
		if !strings.Contains(string(text), "| `"+name+":") {
			t.Errorf("docs/SCENE.md does not describe the event %s", name)
		}
	}
	_, err = Parse([]byte("x: 1"))
	for _, key := range strings.Split(strings.SplitN(err.Error(), "it has ", 2)[1], ", ") {
		if !strings.Contains(string(text), "| `"+key+"` |") {
			t.Errorf("docs/SCENE.md does not describe %s", key)
		}
	}
}

// world is a clock for tests.
type world struct {
	now   time.Duration
	queue []func()
	at    []time.Duration
}

func (w *world) Now() time.Duration { return w.now }
func (w *world) After(d time.Duration, fn func()) func() {
	w.queue, w.at = append(w.queue, fn), append(w.at, w.now+max(0, d))
	return func() {}
}

// step does what is due next.
func (w *world) step() bool {
	if len(w.queue) == 0 {
		return false
	}
	next := 0
	for i := range w.at {
		if w.at[i] < w.at[next] {
			next = i
		}
	}
	fn := w.queue[next]
	w.now = max(w.now, w.at[next])
	w.queue, w.at = append(w.queue[:next], w.queue[next+1:]...), append(w.at[:next], w.at[next+1:]...)
	fn()
	return true
}

// TestReset: a reset in the middle changes nothing in the scene, and what
// comes at the same time comes in order.
func TestReset(t *testing.T) {
	s, err := Parse([]byte(`events:
  - {at: 1s, pin: {pin: 1, level: 1}}
  - {at: 2s, sms: {from: "10086", text: a}}
  - {at: 2s, sms: {from: "10010", text: b}}
  - {at: 3s, adc: {5: 77}}
  - {at: 3s, sim: none}
`))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{}
	b := New(s, w)
	var heard []string
	b.Record = func(text string) { heard = append(heard, text) }
	b.PowerOn()
	w.step()
	w.queue, w.at = nil, nil // reset
	w.now += 4 * time.Second
	b.PowerOn()
	if level, driven := b.Pin("1"); level != 1 || !driven {
		t.Error("the level is gone")
	}
	for w.step() {
	}
	if got, want := strings.Join(heard, "|"), "pin 1 is 1|a short message from 10086|a short message from 10010|the SIM card changed"; got != want {
		t.Errorf("%s", got)
	}
	first, _ := b.TakeSMS()
	second, _ := b.TakeSMS()
	if _, more := b.TakeSMS(); first.Text != "a" || second.Text != "b" || more {
		t.Errorf("%v %v", first, second)
	}
	if v, _ := b.ADC(5); v != 77 || b.SIM() != nil || Default().ADC[5] != 0 {
		t.Errorf("adc %d, sim %v", v, b.SIM())
	}
}

// FuzzParse: no file makes the parser panic, and what it takes can be put on a
// bench and happens.
func FuzzParse(f *testing.F) {
	doc, _ := os.ReadFile("../../docs/SCENE.md")
	f.Add([]byte(regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(string(doc))[1]))
	f.Add([]byte("i2c: [{bus: soft, address: 1, registers: {255: 0102}, answers: [{say: x}]}]\nspi: [{loopback: true}]\nonewire: [{bus: 1}]"))
	f.Add([]byte("wires: [[1, PWR_KEY]]\nuart: {1: {echo: true, to: 2, answers: [{say_hex: 00}]}}"))
	f.Add([]byte("events: [{at: 1s, wifi: {any: true}}, {provision: {ssid: a}}, {station: {mac: 020000000001}}, {call: {from: 123}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		w := &world{}
		b := New(s, w)
		b.Listen(func(lua.SceneEvent) {})
		b.PowerOn()
		for range 100 {
			if !w.step() {
				break
			}
		}
		for _, d := range s.I2C {
			p := make([]byte, 10)
			b.I2C(d.Bus, d.Address).Write([]byte{0xFE, 1, 2, 3})
			b.I2C(d.Bus, d.Address).Read(p)
		}
		for port := range s.UART {
			b.UARTSent(port, []byte("x"))
		}
	})
}
