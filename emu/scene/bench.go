package scene

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"airlift/lua"
)

// Clock is what a bench needs of the device's clock.
type Clock interface {
	// Now returns the time since the world began.
	Now() time.Duration
	// After calls fn when delay has passed.
	After(delay time.Duration, fn func()) (cancel func())
}

// Bench is a scene at work. It implements lua.Scene.
type Bench struct {
	scene *Scene
	clock Clock
	// Record, if not nil, is told what happens, in one line.
	Record func(text string)

	listen func(lua.SceneEvent)
	next   int // index of the event to come

	sim     *lua.SIM
	cells   []lua.Cell
	points  []lua.AccessPoint
	anyName bool
	pins    map[string]int
	adc     map[int]int
	usb     bool
	inbox   []lua.SMS
	outputs map[string]int
	wires   map[string][]string
	i2c     map[[2]int]lua.I2CDevice
	spi     map[int]lua.SPIDevice
	oneWire map[int]*thermometer
	air     air
	second  *second
	charger *chargerAtWork
}

var _ lua.Scene = (*Bench)(nil)

// New puts a scene on a bench.
func New(s *Scene, clock Clock) *Bench {
	b := &Bench{
		scene: s, clock: clock, sim: s.SIM, cells: s.Cells, points: s.AccessPoints, anyName: s.AnyName, usb: s.USB,
		pins: maps.Clone(s.Pins), adc: maps.Clone(s.ADC), outputs: map[string]int{}, wires: map[string][]string{},
		i2c: map[[2]int]lua.I2CDevice{}, spi: map[int]lua.SPIDevice{}, oneWire: map[int]*thermometer{}, air: newAir(s), charger: newCharger(s.Charger),
	}
	b.second = newSecond(b)
	if b.pins == nil {
		b.pins = map[string]int{}
	}
	if b.adc == nil {
		b.adc = map[int]int{}
	}
	for _, w := range s.Wires {
		b.wires[w[0]] = append(b.wires[w[0]], w[1])
		b.wires[w[1]] = append(b.wires[w[1]], w[0])
	}
	for _, d := range s.I2C {
		at := [2]int{d.Bus, d.Address}
		if b.i2c[at] = lua.I2CDevice(newI2C(d)); d.Model != "" {
			b.i2c[at] = newSensor(d.Model, d.Temperature, d.Humidity)
		}
	}
	for _, d := range s.SPI {
		if b.spi[d.Bus] = lua.SPIDevice(&spiDevice{d}); d.Flash != "" {
			b.spi[d.Bus] = newFlash(d)
		}
	}
	for _, d := range s.OneWire {
		b.oneWire[d.Bus] = &thermometer{rom: d.ROM, celsius: d.Temperature}
	}
	return b
}

// PowerOn is called when a module starts, after its clock has forgotten all
// that was to come, and when it goes to sleep.
func (b *Bench) PowerOn() {
	b.listen = nil
	clear(b.outputs)
	b.air.reset()
	b.arm()
}

// arm waits for the next event.
func (b *Bench) arm() {
	if b.next >= len(b.scene.Events) {
		return
	}
	e := b.scene.Events[b.next]
	b.clock.After(e.At-b.clock.Now(), func() {
		b.next++
		told := e.What.happen(b)
		b.arm() // first: who is told may end this clock
		for _, t := range told {
			b.tell(t)
		}
	})
}

// tell hands something to the module, if it listens.
func (b *Bench) tell(e lua.SceneEvent) {
	if b.Record != nil {
		b.Record(describe(e))
	}
	if b.listen != nil {
		b.listen(e)
	}
}

// later tells the module something from within the next step of the clock.
func (b *Bench) later(delay time.Duration, e lua.SceneEvent) {
	b.clock.After(delay, func() { b.tell(e) })
}

// Listen implements lua.Scene.
func (b *Bench) Listen(fn func(lua.SceneEvent)) { b.listen = fn }

// describe is an event in one line.
func describe(e lua.SceneEvent) string {
	switch e.Kind {
	case lua.ScenePin:
		return fmt.Sprintf("pin %s is %d", e.Pin, e.Level)
	case lua.SceneUART:
		return fmt.Sprintf("port %d gets %d bytes", e.Port, len(e.Data))
	case lua.SceneSMS:
		return "a short message from " + e.Number
	case lua.SceneCall:
		return e.Number + " calls"
	case lua.SceneSIM:
		return "the SIM card changed"
	case lua.SceneCells:
		return "the cells in reach changed"
	case lua.SceneWifi:
		return "the access points in reach changed"
	case lua.SceneProvision:
		return "a phone sends the credentials of " + e.SSID
	case lua.SceneStation:
		if e.On {
			return "a station joins"
		}
		return "a station leaves"
	case lua.SceneAirlink:
		return fmt.Sprintf("the other end of airlink sends %d bytes", len(e.Data))
	case lua.SceneBLE:
		return describeBLE(e.BLE)
	case lua.SceneUSB:
		if e.On {
			return "a USB host is connected"
		}
		return "the USB host is gone"
	}
	return "?"
}

// SIM implements lua.Radio.
func (b *Bench) SIM() *lua.SIM { return b.sim }

// Cells implements lua.Radio.
func (b *Bench) Cells() []lua.Cell { return b.cells }

// Cellular implements lua.Radio.
func (b *Bench) Cellular() lua.CellularNetwork { return b.scene.Network }

// TakeSMS implements lua.Radio.
func (b *Bench) TakeSMS() (lua.SMS, bool) {
	if len(b.inbox) == 0 {
		return lua.SMS{}, false
	}
	msg := b.inbox[0]
	b.inbox = b.inbox[1:]
	return msg, true
}

// SendSMS implements lua.Radio.
func (b *Bench) SendSMS(msg lua.SMS) int {
	if b.Record != nil {
		if b.scene.SMSCause != 0 {
			b.Record(fmt.Sprintf("the network rejects a short message to %s: cause %d", msg.Number, b.scene.SMSCause))
		} else {
			b.Record(fmt.Sprintf("%s gets a short message: %q", msg.Number, msg.Text))
		}
	}
	return b.scene.SMSCause
}

// AccessPoints implements lua.Radio.
func (b *Bench) AccessPoints() ([]lua.AccessPoint, bool) { return b.points, b.anyName }

// Joined implements lua.Radio.
func (b *Bench) Joined() bool { return b.scene.Joined }

// Pin implements lua.Inputs: a pin is driven by the scene, or by an output of
// the module that is wired to it.
func (b *Bench) Pin(pin string) (int, bool) {
	if level, ok := b.pins[pin]; ok {
		return level, true
	}
	for _, other := range b.wires[pin] {
		if level, ok := b.outputs[other]; ok {
			return level, true
		}
	}
	return 0, false
}

// Output implements lua.Inputs.
func (b *Bench) Output(pin string, level int) {
	was, had := b.outputs[pin]
	b.outputs[pin] = level
	if had && was == level {
		return
	}
	for _, other := range b.wires[pin] {
		b.later(0, lua.SceneEvent{Kind: lua.ScenePin, Pin: other, Level: level})
	}
}

// ADC implements lua.Inputs.
func (b *Bench) ADC(channel int) (int, bool) {
	v, ok := b.adc[channel]
	return v, ok
}

// I2C implements lua.Inputs.
func (b *Bench) I2C(bus, address int) lua.I2CDevice {
	return b.i2c[[2]int{bus, address}]
}

// Solder puts a device on an SPI bus, in place of the scene's.
func (b *Bench) Solder(bus int, d lua.SPIDevice) { b.spi[bus] = d }

// SPI implements lua.Inputs.
func (b *Bench) SPI(bus int) lua.SPIDevice { return b.spi[bus] }

// OneWire implements lua.Inputs.
func (b *Bench) OneWire(bus int) lua.OneWireDevice {
	if d := b.oneWire[bus]; d != nil {
		return d
	}
	return nil
}

// Humidity implements lua.Inputs.
func (b *Bench) Humidity(pin string) *lua.HumiditySensor {
	if s, ok := b.scene.Humidity[pin]; ok {
		return &s
	}
	return nil
}

// CAN implements lua.Inputs.
func (b *Bench) CAN(bus int) lua.CANNode {
	if node, ok := b.scene.CAN[bus]; ok {
		return node
	}
	return nil
}

// Heard implements lua.CANNode.
func (c CAN) Heard(f lua.CANFrame) []lua.CANFrame {
	if c.Echo {
		return []lua.CANFrame{f}
	}
	return nil
}

// UARTSent implements lua.Inputs.
func (b *Bench) UARTSent(port int, p []byte) {
	line, ok := b.scene.UART[port]
	if !ok {
		return
	}
	if line.Echo {
		b.later(0, lua.SceneEvent{Kind: lua.SceneUART, Port: port, Data: p})
	}
	if line.To >= 0 {
		b.later(0, lua.SceneEvent{Kind: lua.SceneUART, Port: line.To, Data: p})
	}
	if a := match(line.Answers, p); a != nil {
		b.later(a.After, lua.SceneEvent{Kind: lua.SceneUART, Port: port, Data: a.Say})
	}
}

// match finds the first answer to p.
func match(answers []Answer, p []byte) *Answer {
	i := slices.IndexFunc(answers, func(a Answer) bool { return len(a.When) == 0 || slices.Equal(a.When, p) })
	if i < 0 {
		return nil
	}
	return &answers[i]
}

// USB implements lua.Inputs.
func (b *Bench) USB() bool { return b.usb }

// Interfaces implements lua.Inputs.
func (b *Bench) Interfaces() []string { return b.scene.Interfaces }
