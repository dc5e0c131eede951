package scene

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/lua"
)

// keyPress is how long a power key is held unless for says otherwise.
const keyPress = 200 * time.Millisecond

// happenings reads what an event can be. The second result is how it ends, for
// those that have an end.
var happenings = map[string]func(*yaml.Node) (start, end Happening){
	"sms": func(n *yaml.Node) (Happening, Happening) {
		var m lua.SMS
		readMapping(n, "sms", fields{
			"from": func(n *yaml.Node) { m.Number = telephone(n, "from") },
			"text": func(n *yaml.Node) { m.Text = text(n, "text") },
		})
		if m.Number == "" || m.Text == "" {
			fail(n, "sms needs from and text")
		}
		return Message{m}, nil
	},
	"call": func(n *yaml.Node) (Happening, Happening) {
		var c Call
		readMapping(n, "call", fields{
			"from": func(n *yaml.Node) { c.Number = telephone(n, "from") },
			"ring": func(n *yaml.Node) { c.Ring = duration(n, "ring") },
			"talk": func(n *yaml.Node) { c.Talk = duration(n, "talk") },
		})
		if c.Number == "" {
			fail(n, "call needs from")
		}
		return c, nil
	},
	"pin": func(n *yaml.Node) (Happening, Happening) {
		p := PinLevel{}
		readMapping(n, "pin", fields{
			"pin":     func(n *yaml.Node) { p.Pin = pinName(n, "pin") },
			"level":   func(n *yaml.Node) { p.Level = number(n, "level", 0, 1) },
			"release": func(n *yaml.Node) { p.Release = boolean(n, "release") },
		})
		if p.Pin == "" {
			fail(n, "pin needs the pin's number or name: {pin: 20, level: 1}")
		}
		return p, PinLevel{Pin: p.Pin, Level: 1 - p.Level}
	},
	"key": func(n *yaml.Node) (Happening, Happening) {
		name := pinName(n, "key")
		return PinLevel{Pin: name}, PinLevel{Pin: name, Level: 1}
	},
	"uart": func(n *yaml.Node) (Happening, Happening) {
		var b Bytes
		s := Stream{Chunk: 256, Gap: 25 * time.Millisecond}
		isFile := false
		readMapping(n, "uart", fields{
			"port":  func(n *yaml.Node) { b.Port = number(n, "port", 0, 34) },
			"text":  func(n *yaml.Node) { b.Data = []byte(text(n, "text")) },
			"hex":   func(n *yaml.Node) { b.Data = hexBytes(n, "hex") },
			"file":  func(n *yaml.Node) { s.Data, isFile = readContents(n, "file"), true },
			"chunk": func(n *yaml.Node) { s.Chunk = number(n, "chunk", 1, dataMost) },
			"gap":   func(n *yaml.Node) { s.Gap = duration(n, "gap") },
		})
		if !isFile {
			return b, nil
		}
		s.check(n)
		s.Each = func(p []byte) Happening { return Bytes{b.Port, p} }
		return s, nil
	},
	"sim":   func(n *yaml.Node) (Happening, Happening) { return Card{readSIM(n, Default().SIM)}, nil },
	"cells": func(n *yaml.Node) (Happening, Happening) { return Coverage{readCells(n)}, nil },
	"wifi": func(n *yaml.Node) (Happening, Happening) {
		var w Wifi
		readMapping(n, "wifi", fields{
			"points": func(n *yaml.Node) { w.AccessPoints = readPoints(n) },
			"any":    func(n *yaml.Node) { w.AnyName = boolean(n, "any") },
		})
		return w, nil
	},
	"provision": func(n *yaml.Node) (Happening, Happening) {
		var p Provision
		readMapping(n, "provision", fields{
			"ssid":     func(n *yaml.Node) { p.SSID = text(n, "ssid") },
			"password": func(n *yaml.Node) { p.Password = text(n, "password") },
		})
		return p, nil
	},
	"station": func(n *yaml.Node) (Happening, Happening) {
		s := Station{Join: true, MAC: "\x02\xA1\x4C\x00\x02\x01"}
		readMapping(n, "station", fields{
			"mac":  func(n *yaml.Node) { s.MAC = mac(n, "mac") },
			"join": func(n *yaml.Node) { s.Join = boolean(n, "join") },
		})
		return s, nil
	},
	"charger": func(n *yaml.Node) (Happening, Happening) { return ChargerChange{readCharger(n)}, nil },
	"airlink": func(n *yaml.Node) (Happening, Happening) {
		var s Sdata
		readMapping(n, "airlink", fields{
			"text": func(n *yaml.Node) { s.Data = []byte(text(n, "text")) },
			"hex":  func(n *yaml.Node) { s.Data = hexBytes(n, "hex") },
		})
		return s, nil
	},
	"ble": func(n *yaml.Node) (Happening, Happening) { return readBLEEvent(n), nil },
	"adc": func(n *yaml.Node) (Happening, Happening) { return Measure{readADC(n)}, nil },
	"usb": func(n *yaml.Node) (Happening, Happening) { return USB{boolean(n, "usb")}, nil },
}

func happeningNames() []string {
	var list []string
	for name := range happenings {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}
