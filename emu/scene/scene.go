// Package scene is the surroundings of a module: the SIM card and the mobile
// network, Wi-Fi access points, what is connected to pins, buses and serial
// ports, and everything that happens there at its time: short messages, calls,
// key presses, bytes on a line, changes of coverage.
//
// A [Scene] is a description. [Default] is one in which demos run; [Parse]
// reads one that a user wrote (docs/SCENE.md). A [Bench] is a scene at work:
// it implements lua.Scene for one device, keeps what changed, and lets things
// happen on the device's clock. It is part of the world, not of the module: a
// reset of the module changes nothing in it.
package scene

import (
	"time"

	"airlift/lua"
)

// Scene describes surroundings. It does not change once it is in use.
type Scene struct {
	SIM          *lua.SIM // nil: no card
	Network      lua.CellularNetwork
	SMSCause     int // of short messages that the module sends, 0: they arrive
	Cells        []lua.Cell
	AccessPoints []lua.AccessPoint
	AnyName      bool // every other access point can be joined as well
	Joined       bool // the module is on a network from the start
	Pins         map[string]int
	Wires        [][2]string // pins that are connected
	ADC          map[int]int // channel: millivolts, or thousandths of a degree
	I2C          []I2C
	SPI          []SPI
	OneWire      []OneWire
	Humidity     map[string]lua.HumiditySensor // pin: a DHT11
	CAN          map[int]CAN
	UART         map[int]Line
	USB          bool
	Interfaces   []string
	Peers        []Peer       // Bluetooth devices
	Coprocessor  *Coprocessor // at the other end of airlink; nil: nobody
	Charger      *Charger
	Events       []Event // in the order of their time
	Source       []byte  // the file that it was read from, nil if there is none
}

// Line is what is at the other end of a serial port.
type Line struct {
	Echo    bool
	To      int // another port of the module; -1 for none
	Answers []Answer
}

// Answer is what a device says to what it hears. An empty When matches
// anything.
type Answer struct {
	When  []byte
	Say   []byte
	After time.Duration
}

// I2C is a device on an I2C bus.
type I2C struct {
	Bus, Address int // bus -1: any software bus
	// Model, if not empty, is one of Models; it measures Temperature, in
	// thousandths of a degree Celsius, and Humidity, in thousandths of a percent.
	Model                 string
	Temperature, Humidity int
	// Registers are the contents of a device with 256 of them: a write names
	// the first one, then come values; a read goes on where the last one was.
	Registers map[byte][]byte
	// Answers are what a read returns after a write.
	Answers []Answer
}

// SPI is a device on an SPI bus: what comes in depends on what goes out.
type SPI struct {
	Bus      int
	Loopback bool // what goes out comes in
	Answers  []Answer
	Flash    string // a flash chip: one of spinor.Models
	Contents []byte // of the flash chip from address 0 on; the rest is erased
}

// CAN is another node on a CAN bus.
type CAN struct {
	Echo bool // it sends back what it hears
}

// OneWire is a thermometer DS18B20 on a 1-Wire bus.
type OneWire struct {
	Bus         int
	ROM         [8]byte
	Temperature int // thousandths of a degree Celsius
}

// Event is something that happens at a time.
type Event struct {
	At   time.Duration // since the world began
	What Happening
}

// Happening changes a bench and says what the module notices.
type Happening interface {
	happen(b *Bench) []lua.SceneEvent
}

// Default is a scene in which demos run: a SIM card, a network that takes the
// module after two seconds, good coverage, one open and one protected access
// point and any other that a script names, a battery, all known network chips.
func Default() *Scene {
	return &Scene{
		SIM: &lua.SIM{ICCID: "89860012345678901234", IMSI: "460001234567890", Number: "+8613800138000", APN: "cmnet"},
		Network: lua.CellularNetwork{
			Register: 2 * time.Second, Time: true, AnswerAfter: 3 * time.Second, Talk: 20 * time.Second,
		},
		Cells: []lua.Cell{
			{MCC: 460, MNC: 0, Band: 3, EARFCN: 1300, PCI: 115, TAC: 30005, ECI: 124045360, RSSI: -63, RSRP: -90, RSRQ: -9, SNR: 15, Uplink: 5, Downlink: 5},
			{MCC: 460, MNC: 0, Band: 3, EARFCN: 1300, PCI: 388, TAC: 30005, ECI: 124045331, RSSI: -75, RSRP: -101, RSRQ: -11, SNR: 5, Uplink: 5, Downlink: 5},
		},
		AccessPoints: []lua.AccessPoint{
			{SSID: "airlift", BSSID: "\x02\xA1\x4C\x00\x00\x01", Password: "12345678", Channel: 6, RSSI: -50},
			{SSID: "airlift-open", BSSID: "\x02\xA1\x4C\x00\x00\x02", Channel: 11, RSSI: -67},
		},
		AnyName:     true,
		Joined:      true,
		ADC:         map[int]int{-1: 25000, -2: 3800, 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0, 7: 0},
		Interfaces:  append([]string(nil), Interfaces...),
		Coprocessor: &Coprocessor{Version: 15},
		Charger:     &Charger{Chip: 4, Battery: true},
	}
}

// Interfaces are the network chips that a scene can have.
var Interfaces = []string{"ch390", "w5500", "usb"}
