package lua

import "encoding/hex"

// Bluetooth is who is in reach of a Bluetooth radio.
type Bluetooth interface {
	// BLEPeers returns the devices that advertise.
	BLEPeers() []*BLEPeer
	// BLEAdvertises tells the scene that the module can be connected to, or no
	// more.
	BLEAdvertises(on bool)
	// BLESent tells the scene what the module as a peripheral sends to the
	// central that connected to it, and how.
	BLESent(how string, at BLEPlace, value string)
	// BLERead, BLEWrite and BLESubscribe are what the module as a central does
	// to a device that it connected to. False: the device rejects it.
	BLERead(address string, at BLEPlace) (value string, ok bool)
	BLEWrite(address string, at BLEPlace, value string) bool
	BLESubscribe(address string, at BLEPlace, on bool) bool
}

// BLEPeer is a device that advertises.
type BLEPeer struct {
	Address     string // six bytes, the first one first in print
	AddressType int    // 0 public, 1 random
	RSSI        int    // dBm
	Data        string // what it advertises
	Services    []BLEService
}

// BLEService is a service of a peer.
type BLEService struct {
	UUID            string // 2, 4 or 16 bytes, the first one first in print
	Characteristics []BLECharacteristic
}

// BLECharacteristic is a characteristic of a peer.
type BLECharacteristic struct {
	UUID        string
	Permissions int // as the library ble codes them
	Value       string
}

// BLEPlace names a characteristic.
type BLEPlace struct{ Service, Characteristic string }

func (p BLEPlace) String() string {
	return hex.EncodeToString([]byte(p.Service)) + "/" + hex.EncodeToString([]byte(p.Characteristic))
}

// BLEEvent is something that a peer does.
type BLEEvent struct {
	What        BLEAction
	Address     string // of the peer
	AddressType int
	Place       BLEPlace
	Data        []byte
}

// BLEAction is what a peer does.
type BLEAction uint8

const (
	BLEConnects   BLEAction = iota + 1 // as a central, to the module
	BLELeaves                          // ends the connection
	BLEWrites                          // as a central, a value
	BLEReads                           // as a central, a value
	BLESubscribes                      // as a central, to notifications: Data is 0100, or 0000 to end that
	BLENotifies                        // as a peripheral that the module connected to
)

var bleActions = [...]string{"?", "connects", "leaves", "write", "read", "subscription", "notification"}

func (a BLEAction) String() string {
	if int(a) < len(bleActions) {
		return bleActions[a]
	}
	return bleActions[0]
}
