package scene

import (
	"time"

	"airlift/lua"
)

// What can happen. See [Event].
type (
	// PinLevel drives a pin; Release stops driving it.
	PinLevel struct {
		Pin     string
		Level   int
		Release bool
	}
	// Bytes arrive at a serial port.
	Bytes struct {
		Port int
		Data []byte
	}
	// Message is a short message.
	Message struct{ lua.SMS }
	// Call is a telephone call.
	Call struct {
		Number     string
		Ring, Talk time.Duration
	}
	// Card is a change of the SIM card; nil takes it out.
	Card struct{ SIM *lua.SIM }
	// Coverage is a change of the cells in reach; none: no service.
	Coverage struct{ Cells []lua.Cell }
	// Wifi is a change of the access points in reach.
	Wifi struct {
		AccessPoints []lua.AccessPoint
		AnyName      bool
	}
	// Provision is a phone that sends Wi-Fi credentials.
	Provision struct{ SSID, Password string }
	// Station joins or leaves the module's access point.
	Station struct {
		MAC  string // six bytes
		Join bool
	}
	// Measure is a change of what channels of the ADC measure.
	Measure struct{ Channels map[int]int }
	// USB is a host that comes or goes.
	USB struct{ On bool }
)

func (h PinLevel) happen(b *Bench) []lua.SceneEvent {
	was, driven := b.pins[h.Pin]
	if h.Release {
		delete(b.pins, h.Pin)
		h.Level = -1
	} else {
		b.pins[h.Pin] = h.Level
		if driven && was == h.Level {
			return nil
		}
	}
	return []lua.SceneEvent{{Kind: lua.ScenePin, Pin: h.Pin, Level: h.Level}}
}

func (h Bytes) happen(*Bench) []lua.SceneEvent {
	return []lua.SceneEvent{{Kind: lua.SceneUART, Port: h.Port, Data: h.Data}}
}

func (h Message) happen(b *Bench) []lua.SceneEvent {
	b.inbox = append(b.inbox, h.SMS)
	return []lua.SceneEvent{{Kind: lua.SceneSMS, Number: h.Number}}
}

func (h Call) happen(*Bench) []lua.SceneEvent {
	return []lua.SceneEvent{{Kind: lua.SceneCall, Number: h.Number, Ring: h.Ring, Talk: h.Talk}}
}

func (h Card) happen(b *Bench) []lua.SceneEvent {
	b.sim = h.SIM
	return []lua.SceneEvent{{Kind: lua.SceneSIM}}
}

func (h Coverage) happen(b *Bench) []lua.SceneEvent {
	b.cells = h.Cells
	return []lua.SceneEvent{{Kind: lua.SceneCells}}
}

func (h Wifi) happen(b *Bench) []lua.SceneEvent {
	b.points, b.anyName = h.AccessPoints, h.AnyName
	return []lua.SceneEvent{{Kind: lua.SceneWifi}}
}

func (h Provision) happen(*Bench) []lua.SceneEvent {
	return []lua.SceneEvent{{Kind: lua.SceneProvision, SSID: h.SSID, Secret: h.Password}}
}

func (h Station) happen(*Bench) []lua.SceneEvent {
	return []lua.SceneEvent{{Kind: lua.SceneStation, MAC: h.MAC, On: h.Join}}
}

func (h Measure) happen(b *Bench) []lua.SceneEvent {
	for c, v := range h.Channels { // every channel once: the order shows nowhere
		b.adc[c] = v
	}
	return nil
}

func (h USB) happen(b *Bench) []lua.SceneEvent {
	b.usb = h.On
	return []lua.SceneEvent{{Kind: lua.SceneUSB, On: h.On}}
}
