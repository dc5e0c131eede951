package scene

import (
	"cmp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/flash/explain"
	"airlift/flash/spinor"
	"airlift/lua"
)

// readScene reads the whole file.
func readScene(n *yaml.Node) *Scene {
	s := Default()
	readMapping(n, "a scene", fields{
		"sim":     func(n *yaml.Node) { s.SIM = readSIM(n, s.SIM) },
		"network": func(n *yaml.Node) { readNetwork(n, s) },
		"cells":   func(n *yaml.Node) { s.Cells = readCells(n) },
		"wifi": func(n *yaml.Node) {
			s.AnyName = false // a scene that lists access points has no others
			readMapping(n, "wifi", fields{
				"points": func(n *yaml.Node) { s.AccessPoints = readPoints(n) },
				"any":    func(n *yaml.Node) { s.AnyName = boolean(n, "any") },
				"joined": func(n *yaml.Node) { s.Joined = boolean(n, "joined") },
			})
		},
		"pins":  func(n *yaml.Node) { s.Pins = readPins(n) },
		"wires": func(n *yaml.Node) { s.Wires = readWires(n) },
		"adc": func(n *yaml.Node) {
			for c, v := range readADC(n) {
				s.ADC[c] = v
			}
		},
		"i2c": func(n *yaml.Node) { readList(n, "i2c", func(n *yaml.Node) { s.I2C = append(s.I2C, readI2C(n)) }) },
		"spi": func(n *yaml.Node) { readList(n, "spi", func(n *yaml.Node) { s.SPI = append(s.SPI, readSPI(n)) }) },
		"onewire": func(n *yaml.Node) {
			readList(n, "onewire", func(n *yaml.Node) { s.OneWire = append(s.OneWire, readOneWire(n)) })
		},
		"uart":    func(n *yaml.Node) { s.UART = readLines(n) },
		"usb":     func(n *yaml.Node) { s.USB = boolean(n, "usb") },
		"dht":     func(n *yaml.Node) { s.Humidity = readHumidity(n) },
		"can":     func(n *yaml.Node) { s.CAN = readCAN(n) },
		"charger": func(n *yaml.Node) { s.Charger = readCharger(n) },
		"airlink": func(n *yaml.Node) { s.Coprocessor = readCoprocessor(n) },
		"ble":     func(n *yaml.Node) { s.Peers = readPeers(n) },
		"interfaces": func(n *yaml.Node) {
			s.Interfaces = nil
			readList(n, "interfaces", func(n *yaml.Node) {
				name := text(n, "interfaces")
				if !slices.Contains(Interfaces, name) {
					fail(n, "interfaces: %q, expected one of %s", name, explain.OneOf(Interfaces))
				}
				s.Interfaces = append(s.Interfaces, name)
			})
		},
		"events": func(n *yaml.Node) {
			readList(n, "events", func(n *yaml.Node) {
				if s.Events = append(s.Events, readEvent(n)...); len(s.Events) > eventsMost {
					fail(n, "events: more than %d", eventsMost)
				}
			})
		},
	})
	slices.SortStableFunc(s.Events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return s
}

// readSIM reads a card; none takes it out. What is not given is as in old.
func readSIM(n *yaml.Node, old *lua.SIM) *lua.SIM {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	sim := lua.SIM{}
	if old != nil {
		sim = *old
	}
	readMapping(n, "sim", fields{
		"slot":  func(n *yaml.Node) { sim.Slot = number(n, "slot", 0, 1) },
		"iccid": func(n *yaml.Node) { sim.ICCID = digits(n, "iccid", 18, 20) },
		"imsi":  func(n *yaml.Node) { sim.IMSI = digits(n, "imsi", 14, 15) },
		"number": func(n *yaml.Node) {
			if sim.Number = ""; n.Value != "" { // many cards do not know their number
				sim.Number = telephone(n, "number")
			}
		},
		"pin": func(n *yaml.Node) { sim.PIN = digits(n, "pin", 4, 8) },
		"apn": func(n *yaml.Node) { sim.APN = text(n, "apn") },
	})
	return &sim
}

func readNetwork(n *yaml.Node, s *Scene) {
	w := &s.Network
	readMapping(n, "network", fields{
		"register":  func(n *yaml.Node) { w.Register = duration(n, "register") },
		"roaming":   func(n *yaml.Node) { w.Roaming = boolean(n, "roaming") },
		"time":      func(n *yaml.Node) { w.Time = boolean(n, "time") },
		"sms_cause": func(n *yaml.Node) { s.SMSCause = number(n, "sms_cause", 0, 127) },
		"answer":    func(n *yaml.Node) { w.AnswerAfter = duration(n, "answer") },
		"talk":      func(n *yaml.Node) { w.Talk = duration(n, "talk") },
		"busy":      func(n *yaml.Node) { w.Busy = boolean(n, "busy") },
	})
}

func readCells(n *yaml.Node) []lua.Cell {
	var cells []lua.Cell
	readList(n, "cells", func(n *yaml.Node) {
		c := Default().Cells[0]
		rssi := false
		readMapping(n, "a cell", fields{
			"mcc":      func(n *yaml.Node) { c.MCC = number(n, "mcc", 0, 999) },
			"mnc":      func(n *yaml.Node) { c.MNC = number(n, "mnc", 0, 999) },
			"band":     func(n *yaml.Node) { c.Band = number(n, "band", 1, 255) },
			"earfcn":   func(n *yaml.Node) { c.EARFCN = number(n, "earfcn", 0, 262143) },
			"pci":      func(n *yaml.Node) { c.PCI = number(n, "pci", 0, 503) },
			"tac":      func(n *yaml.Node) { c.TAC = int64(number(n, "tac", 0, 65535)) },
			"eci":      func(n *yaml.Node) { c.ECI = int64(number(n, "eci", 0, 1<<28-1)) },
			"rssi":     func(n *yaml.Node) { c.RSSI, rssi = number(n, "rssi", -130, 0), true },
			"rsrp":     func(n *yaml.Node) { c.RSRP = number(n, "rsrp", -140, -44) },
			"rsrq":     func(n *yaml.Node) { c.RSRQ = number(n, "rsrq", -20, -3) },
			"snr":      func(n *yaml.Node) { c.SNR = number(n, "snr", -20, 40) },
			"uplink":   func(n *yaml.Node) { c.Uplink = number(n, "uplink", 0, 5) },
			"downlink": func(n *yaml.Node) { c.Downlink = number(n, "downlink", 0, 5) },
			"tdd":      func(n *yaml.Node) { c.TDD = boolean(n, "tdd") },
			"rejects":  func(n *yaml.Node) { c.RegistrationRejected = boolean(n, "rejects") },
		})
		if !rssi { // 12 subcarriers in each of about 50 resource blocks
			c.RSSI = min(0, c.RSRP+27)
		}
		cells = append(cells, c)
	})
	return cells
}

func readPoints(n *yaml.Node) []lua.AccessPoint {
	var list []lua.AccessPoint
	readList(n, "points", func(n *yaml.Node) {
		ap := lua.AccessPoint{BSSID: string([]byte{2, 0xA1, 0x4C, 0, 1, byte(len(list))}), Channel: 6, RSSI: -60}
		readMapping(n, "an access point", fields{
			"ssid": func(n *yaml.Node) {
				if ap.SSID = text(n, "ssid"); len(ap.SSID) > 32 {
					fail(n, "ssid: %d bytes, at most 32", len(ap.SSID))
				}
			},
			"bssid":    func(n *yaml.Node) { ap.BSSID = mac(n, "bssid") },
			"password": func(n *yaml.Node) { ap.Password = text(n, "password") },
			"channel":  func(n *yaml.Node) { ap.Channel = number(n, "channel", 1, 196) },
			"rssi":     func(n *yaml.Node) { ap.RSSI = number(n, "rssi", -120, 0) },
		})
		if ap.SSID == "" {
			fail(n, "an access point needs an ssid")
		}
		list = append(list, ap)
	})
	return list
}

// eachKey reads a mapping whose keys are not fixed.
func eachKey(n *yaml.Node, what string, read func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		fail(n, "%s: %s, expected keys and values", what, kindName(n))
	}
	if len(n.Content) > 2*listMost {
		fail(n, "%s: %d entries, at most %d", what, len(n.Content)/2, listMost)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		read(n.Content[i], n.Content[i+1])
	}
}

func readPins(n *yaml.Node) map[string]int {
	pins := map[string]int{}
	eachKey(n, "pins", func(k, v *yaml.Node) { pins[pinName(k, "pins")] = number(v, "pins", 0, 1) })
	return pins
}

func readWires(n *yaml.Node) [][2]string {
	var wires [][2]string
	readList(n, "wires", func(n *yaml.Node) {
		var ends []string
		readList(n, "a wire", func(n *yaml.Node) { ends = append(ends, pinName(n, "a wire")) })
		if len(ends) != 2 || ends[0] == ends[1] {
			fail(n, "a wire has two ends: [3, 4]")
		}
		wires = append(wires, [2]string{ends[0], ends[1]})
	})
	return wires
}

// readADC reads channels: numbers, or the names vbat and cpu. Values are
// millivolts, those of cpu thousandths of a degree.
func readADC(n *yaml.Node) map[int]int {
	adc := map[int]int{}
	eachKey(n, "adc", func(k, v *yaml.Node) {
		switch k.Value {
		case "vbat":
			adc[-2] = number(v, "vbat", 0, 10_000)
		case "cpu":
			adc[-1] = number(v, "cpu", -60_000, 200_000)
		default:
			adc[number(k, "adc", 0, 63)] = number(v, "adc", 0, 10_000)
		}
	})
	return adc
}

func readAnswers(n *yaml.Node, list *[]Answer) {
	readList(n, "answers", func(n *yaml.Node) {
		var a Answer
		readMapping(n, "an answer", fields{
			"when":     func(n *yaml.Node) { a.When = []byte(text(n, "when")) },
			"when_hex": func(n *yaml.Node) { a.When = hexBytes(n, "when_hex") },
			"say":      func(n *yaml.Node) { a.Say = []byte(text(n, "say")) },
			"say_hex":  func(n *yaml.Node) { a.Say = hexBytes(n, "say_hex") },
			"after":    func(n *yaml.Node) { a.After = duration(n, "after") },
		})
		*list = append(*list, a)
	})
}

func readI2C(n *yaml.Node) I2C {
	d := I2C{Address: -1, Registers: map[byte][]byte{}, Temperature: 25_000, Humidity: 50_000}
	readMapping(n, "an i2c device", fields{
		"bus": func(n *yaml.Node) {
			if n.Value == "soft" {
				d.Bus = -1
			} else {
				d.Bus = number(n, "bus", 0, 7)
			}
		},
		"address": func(n *yaml.Node) { d.Address = number(n, "address", 0, 127) },
		"registers": func(n *yaml.Node) {
			eachKey(n, "registers", func(k, v *yaml.Node) {
				p := hexBytes(v, "registers")
				if len(p) > 256 {
					fail(v, "registers: %d bytes, a device has 256", len(p))
				}
				d.Registers[byte(number(k, "registers", 0, 255))] = p
			})
		},
		"answers": func(n *yaml.Node) { readAnswers(n, &d.Answers) },
		"model": func(n *yaml.Node) {
			if d.Model = text(n, "model"); !slices.Contains(Models, d.Model) {
				fail(n, "model: %q, expected one of %s", d.Model, explain.OneOf(Models))
			}
		},
		"temperature": func(n *yaml.Node) { d.Temperature = millis(n, "temperature", -40, 125) },
		"humidity":    func(n *yaml.Node) { d.Humidity = millis(n, "humidity", 0, 100) },
	})
	switch {
	case d.Address < 0:
		fail(n, "an i2c device needs an address")
	case d.Model != "" && len(d.Registers)+len(d.Answers) > 0:
		fail(n, "an i2c device with a model has no registers and answers of its own")
	}
	return d
}

func readSPI(n *yaml.Node) SPI {
	var d SPI
	readMapping(n, "an spi device", fields{
		"bus": func(n *yaml.Node) {
			if n.Value == "soft" {
				d.Bus = -1
			} else {
				d.Bus = number(n, "bus", 0, 7)
			}
		},
		"loopback": func(n *yaml.Node) { d.Loopback = boolean(n, "loopback") },
		"answers":  func(n *yaml.Node) { readAnswers(n, &d.Answers) },
		"flash": func(n *yaml.Node) {
			if d.Flash = text(n, "flash"); spinor.ModelSize(d.Flash) == 0 {
				fail(n, "flash: %q, expected one of %s", d.Flash, explain.OneOf(spinor.Models))
			}
		},
		"file": func(n *yaml.Node) { d.Contents = readContents(n, "file") },
	})
	switch size := spinor.ModelSize(d.Flash); {
	case d.Flash == "" && d.Contents != nil:
		fail(n, "file: only a flash chip has contents")
	case d.Flash != "" && (d.Loopback || len(d.Answers) > 0):
		fail(n, "an spi device that is a flash chip has no answers of its own")
	case int64(len(d.Contents)) > size:
		fail(n, "file: %d bytes, a %s has %d", len(d.Contents), d.Flash, size)
	}
	return d
}

func readOneWire(n *yaml.Node) OneWire {
	d := OneWire{ROM: ThermometerROM([6]byte{1, 2, 3, 4, 5, 6}), Temperature: 25_000}
	readMapping(n, "a 1-Wire thermometer", fields{
		"bus": func(n *yaml.Node) { d.Bus = number(n, "bus", 0, 255) },
		"serial": func(n *yaml.Node) {
			p := hexBytes(n, "serial")
			if len(p) != 6 {
				fail(n, "serial: %d bytes, expected 6", len(p))
			}
			d.ROM = ThermometerROM([6]byte(p))
		},
		"temperature": func(n *yaml.Node) { d.Temperature = millis(n, "temperature", -55, 125) },
	})
	return d
}

// readLines reads what is at the other ends of serial ports.
func readLines(n *yaml.Node) map[int]Line {
	lines := map[int]Line{}
	eachKey(n, "uart", func(k, v *yaml.Node) {
		line := Line{To: -1}
		readMapping(v, "a serial port", fields{
			"echo":    func(n *yaml.Node) { line.Echo = boolean(n, "echo") },
			"to":      func(n *yaml.Node) { line.To = number(n, "to", 0, 34) },
			"answers": func(n *yaml.Node) { readAnswers(n, &line.Answers) },
		})
		lines[number(k, "uart", 0, 34)] = line
	})
	return lines
}

// readEvent reads one event, which may repeat, or have an end.
func readEvent(n *yaml.Node) []Event {
	var at, every, length time.Duration
	times := 1
	var what, end Happening
	key := false
	f := fields{
		"at":    func(n *yaml.Node) { at = duration(n, "at") },
		"every": func(n *yaml.Node) { every = duration(n, "every") },
		"times": func(n *yaml.Node) { times = number(n, "times", 1, eventsMost) },
		"for":   func(n *yaml.Node) { length = duration(n, "for") },
	}
	for name, read := range happenings {
		f[name] = func(n *yaml.Node) {
			if what != nil {
				fail(n, "one event is one thing: put %s into another", name)
			}
			what, end = read(n)
			key = name == "key"
		}
	}
	readMapping(n, "an event", f)
	if key && length == 0 {
		length = keyPress
	}
	switch {
	case what == nil:
		fail(n, "an event needs something that happens: one of %v", happeningNames())
	case times > 1 && every == 0:
		fail(n, "times needs every")
	case length > 0 && end == nil:
		fail(n, "for is only for pin and key")
	case at+time.Duration(times)*every > timeMost || at+length > timeMost:
		fail(n, "too far in the future")
	}
	var list []Event
	pieces, inPieces := what.(Stream)
	for range times {
		if inPieces {
			list = append(list, pieces.spread(at)...)
		} else {
			list = append(list, Event{at, what})
		}
		if len(list) > eventsMost {
			fail(n, "events: more than %d", eventsMost)
		}
		if length > 0 {
			list = append(list, Event{at + length, end})
		}
		at += every
	}
	return list
}

// readHumidity reads the DHT11 on pins.
func readHumidity(n *yaml.Node) map[string]lua.HumiditySensor {
	sensors := map[string]lua.HumiditySensor{}
	eachKey(n, "dht", func(k, v *yaml.Node) {
		s := lua.HumiditySensor{Temperature: 25_000, Humidity: 50_000}
		readMapping(v, "a dht", fields{
			"temperature": func(n *yaml.Node) { s.Temperature = millis(n, "temperature", 0, 50) },
			"humidity":    func(n *yaml.Node) { s.Humidity = millis(n, "humidity", 0, 100) },
		})
		sensors[pinName(k, "dht")] = s
	})
	return sensors
}

// readCAN reads who else is on CAN buses.
func readCAN(n *yaml.Node) map[int]CAN {
	nodes := map[int]CAN{}
	eachKey(n, "can", func(k, v *yaml.Node) {
		var c CAN
		readMapping(v, "a can node", fields{"echo": func(n *yaml.Node) { c.Echo = boolean(n, "echo") }})
		nodes[number(k, "can", 0, 7)] = c
	})
	return nodes
}
