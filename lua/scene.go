package lua

import (
	"time"

	"airlift/flash/mount"
)

// Scene is the surroundings of a module: what its radios find, and what is
// connected to its pins, buses and serial ports. Values that its methods
// return may not be changed. Everything that happens in it happens in
// Clock.Step.
type Scene interface {
	Radio
	Inputs
	Bluetooth
	// Coprocessor returns who is at the other end of airlink; nil: nobody.
	Coprocessor() Coprocessor
	// Listen names the one function that is told what happens. Nobody is told
	// later of what happened while nobody listened: only its effect stays.
	Listen(fn func(SceneEvent))
}

// Radio is what is in the air.
type Radio interface {
	// SIM returns the card in the slot; nil if it is empty.
	SIM() *SIM
	// Cells returns the cells in reach, the serving one first.
	Cells() []Cell
	// Cellular says how the operator's network behaves.
	Cellular() CellularNetwork
	// TakeSMS hands over the next short message that waits in the network.
	TakeSMS() (SMS, bool)
	// SendSMS takes a short message that the module sends. The result is the
	// cause of 3GPP TS 24.011 8.2.5.4, 0 for success.
	SendSMS(SMS) (cause int)
	// AccessPoints returns the Wi-Fi access points in reach, and whether every
	// other name can be joined as well.
	AccessPoints() (list []AccessPoint, any bool)
	// Joined reports whether the module is on the Wi-Fi network before a
	// script asks for it.
	Joined() bool
}

// Inputs is what is connected to the module. Pins are named by their number
// in decimal, or by the name of their constant: "PWR_KEY".
type Inputs interface {
	// Pin returns the level that drives a pin; driven is false if nothing does.
	Pin(pin string) (level int, driven bool)
	// Output tells the scene that the module drives a pin.
	Output(pin string, level int)
	// ADC returns what a channel measures, in millivolts, or in thousandths of
	// a degree for the channel of the temperature.
	ADC(channel int) (value int, ok bool)
	// I2C returns the device at an address; nil means that nobody answers. The
	// bus of software I2C is -1.
	I2C(bus, address int) I2CDevice
	// SPI returns the device on a bus, or nil.
	SPI(bus int) SPIDevice
	// OneWire returns what hangs on a 1-Wire bus, or nil.
	OneWire(bus int) OneWireDevice
	// Humidity returns the DHT11 on a pin, or nil.
	Humidity(pin string) *HumiditySensor
	// CAN returns who else is on a CAN bus; nil: nobody.
	CAN(bus int) CANNode
	// UARTSent tells the scene what the module sent on a serial port.
	UARTSent(port int, p []byte)
	// USB reports whether a host is connected.
	USB() bool
	// Charger returns the battery charger of a number, or nil.
	Charger(chip byte) Charger
	// Interfaces lists the network chips that are connected: "ch390".
	Interfaces() []string
}

// SIM is a SIM card.
type SIM struct {
	Slot                int // 0 or 1
	ICCID, IMSI, Number string
	PIN                 string // asked for at every start; empty: never
	APN                 string
}

// Cell is one cell of a mobile network.
type Cell struct {
	MCC, MNC             int // decimal: 460, 0
	Band, EARFCN, PCI    int
	TAC, ECI             int64
	RSSI, RSRP, RSRQ     int // dBm, dBm, dB
	SNR                  int // dB
	Uplink, Downlink     int // bandwidth as the module codes it, 0 to 5
	TDD                  bool
	RegistrationRejected bool
}

// CellularNetwork is how the operator's network behaves.
type CellularNetwork struct {
	Register time.Duration // from the SIM's readiness to registration
	Roaming  bool
	Time     bool // the network sends the time
	// Of calls that the module makes: AnswerAfter is when the other side
	// answers, Busy that it does not, Talk when it hangs up (0: never).
	AnswerAfter, Talk time.Duration
	Busy              bool
}

// SMS is one short message, of any length.
type SMS struct {
	Number string // the other side's
	Text   string // UTF-8
}

// AccessPoint is one Wi-Fi network.
type AccessPoint struct {
	SSID     string
	BSSID    string // six bytes
	Password string // empty for an open one
	Channel  int
	RSSI     int // dBm
}

// Coprocessor is a chip or module at the other end of airlink.
type Coprocessor interface {
	// Ready reports whether it answers.
	Ready() bool
	// Version is that of its firmware.
	Version() int
	// Command is a command that it gets, by its number.
	Command(id int, data []byte)
}

// Charger is a battery charger with registers.
type Charger interface {
	Read(register byte) byte
	Write(register, value byte)
}

// I2CDevice is a device on an I2C bus.
type I2CDevice interface {
	// Write takes a transfer to the device; false: it did not acknowledge.
	Write(p []byte) bool
	// Read fills p.
	Read(p []byte) bool
}

// SPIDevice is a device on an SPI bus.
type SPIDevice interface {
	// Transfer sends out while as many bytes come in; in half duplex the bytes
	// to read come after all of out.
	Transfer(out []byte, read int, half bool) []byte
}

// SPIFlash is an SPIDevice that is a flash chip.
type SPIFlash interface {
	SPIDevice
	// Mount mounts the littlefs on a range of the chip, in bytes; one that does
	// not mount is formatted. The path is the caller's to fill in. After it the
	// power may be lost.
	Mount(offset, size int64) (mount.Mount, error)
}

// OneWireDevice is what hangs on a 1-Wire bus, bit by bit.
type OneWireDevice interface {
	// Reset reports whether anybody is present.
	Reset() bool
	// Write sends one bit, Read asks for one.
	Write(bit int)
	Read() int
}

// HumiditySensor measures temperature, in thousandths of a degree Celsius, and
// humidity, in thousandths of a percent.
type HumiditySensor struct{ Temperature, Humidity int }

// CANNode is who else is on a CAN bus, and acknowledges all frames.
type CANNode interface {
	// Heard takes a frame and returns those that follow it.
	Heard(CANFrame) []CANFrame
}

// CANFrame is one frame on a CAN bus.
type CANFrame struct {
	ID       uint32 // 11 bits, 29 of an extended frame
	Extended bool
	Remote   bool   // asks for data
	Data     string // up to 8 bytes
}

// SceneEvent is something that happens around the module.
type SceneEvent struct {
	Kind   SceneEventKind
	Pin    string        // of ScenePin
	Level  int           // of ScenePin; -1 if nothing drives it any more
	Port   int           // of SceneUART
	Data   []byte        // of SceneUART and SceneAirlink
	Number string        // of SceneCall: who calls
	Ring   time.Duration // of SceneCall: how long
	Talk   time.Duration // of SceneCall: when the caller hangs up; 0: never
	SSID   string        // of SceneProvision
	Secret string        // of SceneProvision: the password
	MAC    string        // of SceneStation: six bytes
	On     bool          // of SceneStation and SceneUSB: came, not went
	BLE    BLEEvent      // of SceneBLE
}

// SceneEventKind is the kind of a [SceneEvent].
type SceneEventKind uint8

const (
	ScenePin       SceneEventKind = iota + 1 // a pin's level may have changed
	SceneUART                                // bytes arrive at a serial port
	SceneSMS                                 // a short message waits in the network
	SceneCall                                // somebody calls
	SceneSIM                                 // the card was changed
	SceneCells                               // the cells in reach changed
	SceneWifi                                // the access points in reach changed
	SceneProvision                           // a phone sends Wi-Fi credentials
	SceneStation                             // a station joins or leaves the module's access point
	SceneUSB                                 // a USB host came or went
	SceneBLE                                 // a Bluetooth device does something
	SceneAirlink                             // the other end of airlink sends data
)

// Alarms are the module's deep-sleep timers. They belong to its always-on
// part: they survive resets, not a loss of power.
type Alarms interface {
	Start(id int, delay time.Duration)
	Stop(id int)
	// Left returns the time that is left of a running alarm.
	Left(id int) (left time.Duration, running bool)
	// WokenBy returns the alarm that ended the last sleep, or -1.
	WokenBy() int
}

// AlarmCount is how many alarms there are.
const AlarmCount = 7

// Sleep is what can end a deep sleep besides alarms.
type Sleep struct {
	Off   bool // switched off: only the power key and alarms
	Pins  []WakePin
	Ports []int // serial ports that wake
}

// WakePin is a pin whose edges wake the module.
type WakePin struct {
	Pin             string
	Rising, Falling bool
}
