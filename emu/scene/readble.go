package scene

import (
	"encoding/hex"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/lua"
)

// permissions are what a characteristic permits, as the library ble codes them.
var permissions = map[string]int{"read": 1 << 3, "write": 1 << 4, "indicate": 1 << 5, "notify": 1 << 6, "write_cmd": 1 << 7}

// chunkMost is how long a value may be, in bytes.
const chunkMost = 512

// readPeers reads the devices that advertise.
func readPeers(n *yaml.Node) []Peer {
	var list []Peer
	readList(n, "ble", func(n *yaml.Node) {
		p := Peer{}
		p.Address, p.RSSI = string([]byte{2, 0xA1, 0x4C, 0, 4, byte(len(list))}), -60
		var name string
		readMapping(n, "a ble device", fields{
			"address": func(n *yaml.Node) { p.Address = mac(n, "address") },
			"random": func(n *yaml.Node) {
				if boolean(n, "random") {
					p.AddressType = 1
				}
			},
			"rssi": func(n *yaml.Node) { p.RSSI = number(n, "rssi", -127, 20) },
			"name": func(n *yaml.Node) {
				if name = text(n, "name"); len(name) > 29 {
					fail(n, "name: %d bytes, at most 29", len(name))
				}
			},
			"hex": func(n *yaml.Node) {
				if p.Data = string(hexBytes(n, "hex")); len(p.Data) > 255 {
					fail(n, "hex: %d bytes, at most 255", len(p.Data))
				}
			},
			"services": func(n *yaml.Node) {
				readList(n, "services", func(n *yaml.Node) { readService(n, &p) })
			},
		})
		if name != "" {
			p.Data = advertisement(name) + p.Data
		}
		for _, other := range list {
			if other.Address == p.Address {
				fail(n, "two ble devices with one address")
			}
		}
		list = append(list, p)
	})
	return list
}

// advertisement is flags and a complete local name (Core Specification
// Supplement A 1.2, 1.3).
func advertisement(name string) string {
	return "\x02\x01\x06" + string([]byte{byte(len(name) + 1), 9}) + name
}

func readService(n *yaml.Node, p *Peer) {
	var s lua.BLEService
	var notes []Notification
	readMapping(n, "a service", fields{
		"uuid": func(n *yaml.Node) { s.UUID = uuid(n, text(n, "uuid")) },
		"characteristics": func(n *yaml.Node) {
			readList(n, "characteristics", func(n *yaml.Node) {
				c, note := readCharacteristic(n)
				s.Characteristics = append(s.Characteristics, c)
				if note.Every > 0 {
					note.Place.Characteristic = c.UUID
					notes = append(notes, note)
				}
			})
		},
	})
	if s.UUID == "" {
		fail(n, "a service needs a uuid")
	}
	for _, note := range notes {
		note.Place.Service = s.UUID
		p.Notifications = append(p.Notifications, note)
	}
	p.Services = append(p.Services, s)
}

func readCharacteristic(n *yaml.Node) (lua.BLECharacteristic, Notification) {
	var c lua.BLECharacteristic
	var note Notification
	readMapping(n, "a characteristic", fields{
		"uuid": func(n *yaml.Node) { c.UUID = uuid(n, text(n, "uuid")) },
		"may": func(n *yaml.Node) {
			readList(n, "may", func(n *yaml.Node) {
				bit := permissions[text(n, "may")]
				if bit == 0 {
					fail(n, "may: %q, expected read, write, write_cmd, notify or indicate", n.Value)
				}
				c.Permissions |= bit
			})
		},
		"text":  func(n *yaml.Node) { c.Value = text(n, "text") },
		"hex":   func(n *yaml.Node) { c.Value = string(hexBytes(n, "hex")) },
		"every": func(n *yaml.Node) { note.Every = duration(n, "every") },
	})
	if c.UUID == "" {
		fail(n, "a characteristic needs a uuid")
	}
	if len(c.Value) > chunkMost {
		fail(n, "a value of %d bytes, at most %d", len(c.Value), chunkMost)
	}
	note.Value = []byte(c.Value)
	return c, note
}

// uuid reads 4, 8 or 32 hex digits; dashes do not count.
func uuid(n *yaml.Node, s string) string {
	p, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(p) != 2 && len(p) != 4 && len(p) != 16 {
		fail(n, "uuid: %q, expected 4, 8 or 32 hex digits", s)
	}
	return string(p)
}

// place reads SERVICE/CHARACTERISTIC.
func place(n *yaml.Node, what string) lua.BLEPlace {
	service, characteristic, ok := strings.Cut(text(n, what), "/")
	if !ok {
		fail(n, "%s: %q, expected SERVICE/CHARACTERISTIC, F000/F001 for example", what, n.Value)
	}
	return lua.BLEPlace{Service: uuid(n, service), Characteristic: uuid(n, characteristic)}
}

// readBLEEvent reads what the central does.
func readBLEEvent(n *yaml.Node) Happening {
	if n.Kind == yaml.ScalarNode {
		switch n.Value {
		case "connect":
			return Connect{}
		case "disconnect":
			return Connect{Leave: true}
		}
	}
	var what Happening
	set := func(n *yaml.Node, h Happening) {
		if what != nil {
			fail(n, "ble: one event is one thing")
		}
		what = h
	}
	var to lua.BLEPlace
	send := Stream{Chunk: 200, Gap: 25 * time.Millisecond}
	readMapping(n, "ble", fields{
		"to":        func(n *yaml.Node) { to = place(n, "to") },
		"text":      func(n *yaml.Node) { set(n, Write{Value: []byte(text(n, "text"))}) },
		"hex":       func(n *yaml.Node) { set(n, Write{Value: hexBytes(n, "hex")}) },
		"file":      func(n *yaml.Node) { send.Data = readContents(n, "file"); set(n, send) },
		"chunk":     func(n *yaml.Node) { send.Chunk = number(n, "chunk", 1, chunkMost) },
		"gap":       func(n *yaml.Node) { send.Gap = duration(n, "gap") },
		"read":      func(n *yaml.Node) { set(n, Read{place(n, "read")}) },
		"subscribe": func(n *yaml.Node) { set(n, Subscribe{place(n, "subscribe"), true}) },
		"leave":     func(n *yaml.Node) { set(n, Subscribe{place(n, "leave"), false}) },
	})
	switch h := what.(type) {
	case nil:
		fail(n, "ble: connect, disconnect, or one of text, hex, file, read, subscribe, leave")
	case Write:
		h.Place = to
		if len(h.Value) > chunkMost {
			fail(n, "ble: a value of %d bytes, at most %d: use file", len(h.Value), chunkMost)
		}
		what = h
	case Stream:
		send.check(n)
		send.Each = func(p []byte) Happening { return Write{to, p} }
		what = send
	default:
		return what
	}
	if to == (lua.BLEPlace{}) {
		fail(n, "ble: what is written needs to: SERVICE/CHARACTERISTIC")
	}
	return what
}
