package lua

import (
	"strconv"

	glua "github.com/yuin/gopher-lua"
)

// scene is the board's, or [nowhere].
func (m *Machine) scene() Scene {
	if m.surroundings == nil {
		if m.surroundings = m.board.Scene(); m.surroundings == nil {
			m.surroundings = nowhere{}
		}
	}
	return m.surroundings
}

// listenToScene starts to hear what happens around the module.
func (m *Machine) listenToScene() {
	m.scene().Listen(func(e SceneEvent) {
		m.sceneEvent(e)
		m.checkPower()
	})
}

func (m *Machine) sceneEvent(e SceneEvent) {
	switch e.Kind {
	case ScenePin:
		m.pinChanged(e.Pin, e.Level)
	case SceneUART:
		m.uartReceived(e.Port, e.Data)
	case SceneSMS:
		m.smsArrived()
	case SceneCall:
		m.callArrived(e)
	case SceneSIM:
		m.simChanged()
	case SceneCells:
		m.cellsChanged()
	case SceneWifi:
		m.wifiChanged()
	case SceneProvision:
		m.wifiProvisioned(e.SSID, e.Secret)
	case SceneStation:
		m.stationChanged(e.MAC, e.On)
	case SceneUSB:
		m.usbChanged(e.On)
	case SceneAirlink:
		m.airlinkReceived(e.Data)
	case SceneBLE:
		m.bleHappens(e.BLE)
	}
}

// pinName is how the scene calls a pin: by the name of its constant for those
// that are no GPIO, else by its number.
func (m *Machine) pinName(n int64) string {
	for _, name := range namedPins {
		if v, ok := m.gpioConstant(name); ok && v == n {
			return name
		}
	}
	return strconv.FormatInt(n, 10)
}

// pinNumber is the reverse of pinName.
func (m *Machine) pinNumber(name string) (int64, bool) {
	if n, err := strconv.ParseInt(name, 10, 32); err == nil {
		return n, true
	}
	return m.gpioConstant(name)
}

func (m *Machine) gpioConstant(name string) (int64, bool) {
	t, ok := m.vm.Globals().RawGetString("gpio").(*glua.LTable)
	if !ok {
		return 0, false
	}
	return anInteger(t.RawGetString(name))
}

// nowhere is the scene of a board that has none: radios find a network, and
// nothing else is there.
type nowhere struct{}

func (nowhere) SIM() *SIM                           { return &SIM{} }
func (nowhere) Cells() []Cell                       { return []Cell{{RSRP: -90, RSSI: -63}} }
func (nowhere) Cellular() CellularNetwork           { return CellularNetwork{} }
func (nowhere) TakeSMS() (SMS, bool)                { return SMS{}, false }
func (nowhere) SendSMS(SMS) int                     { return 0 }
func (nowhere) AccessPoints() ([]AccessPoint, bool) { return nil, true }
func (nowhere) Joined() bool                        { return true }
func (nowhere) Pin(string) (int, bool)              { return 0, false }
func (nowhere) Output(string, int)                  {}
func (nowhere) ADC(int) (int, bool)                 { return 0, true }
func (nowhere) I2C(int, int) I2CDevice              { return nil }
func (nowhere) SPI(int) SPIDevice                   { return nil }
func (nowhere) OneWire(int) OneWireDevice           { return nil }
func (nowhere) Humidity(string) *HumiditySensor     { return nil }
func (nowhere) CAN(int) CANNode                     { return nil }
func (nowhere) UARTSent(int, []byte)                {}
func (nowhere) USB() bool                           { return false }
func (nowhere) Interfaces() []string                { return nil }
func (nowhere) Listen(func(SceneEvent))             {}
func (nowhere) Charger(byte) Charger                { return nil }
func (nowhere) Coprocessor() Coprocessor            { return nil }
func (nowhere) BLEPeers() []*BLEPeer                { return nil }
func (nowhere) BLEAdvertises(bool)                  {}
func (nowhere) BLESent(string, BLEPlace, string)    {}

func (nowhere) BLERead(string, BLEPlace) (string, bool)  { return "", false }
func (nowhere) BLEWrite(string, BLEPlace, string) bool   { return false }
func (nowhere) BLESubscribe(string, BLEPlace, bool) bool { return false }
