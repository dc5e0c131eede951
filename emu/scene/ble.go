package scene

import (
	"encoding/hex"
	"fmt"
	"time"

	"airlift/lua"
)

// Peer is a Bluetooth device that advertises.
type Peer struct {
	lua.BLEPeer
	// Notifications are what it tells who subscribed, every so often.
	Notifications []Notification
}

// Notification is a value that a peer sends again and again.
type Notification struct {
	Place lua.BLEPlace
	Every time.Duration
	Value []byte
}

// Of the central that a scene may have: a telephone.
const (
	centralAddress     = "\x02\xA1\x4C\x00\x03\x00"
	centralAddressType = 1
	centralConnects    = 100 * time.Millisecond
)

// air is what a bench knows of Bluetooth.
type air struct {
	peers      []*lua.BLEPeer
	advertises bool // the module
	wants      bool // the central wants to be connected to the module
	subscribed map[string]map[lua.BLEPlace]bool
	values     map[string]map[lua.BLEPlace]string // written at peers
}

func newAir(s *Scene) air {
	a := air{subscribed: map[string]map[lua.BLEPlace]bool{}, values: map[string]map[lua.BLEPlace]string{}}
	for i := range s.Peers {
		p := &s.Peers[i]
		a.peers = append(a.peers, &p.BLEPeer)
		a.subscribed[p.Address] = map[lua.BLEPlace]bool{}
		a.values[p.Address] = map[lua.BLEPlace]string{}
	}
	return a
}

// reset is a module that starts anew: connections are gone.
func (a *air) reset() {
	a.advertises = false
	for _, places := range a.subscribed {
		clear(places)
	}
}

// What the central can do. See [Event].
type (
	// Connect is a central that connects as soon, and whenever, the module
	// advertises; Leave is the end of that.
	Connect struct{ Leave bool }
	// Write is a value that the central writes; Read asks for one; Subscribe
	// switches notifications on or off.
	Write struct {
		Place lua.BLEPlace
		Value []byte
	}
	Read      struct{ Place lua.BLEPlace }
	Subscribe struct {
		Place lua.BLEPlace
		On    bool
	}
)

func (h Connect) happen(b *Bench) []lua.SceneEvent {
	b.air.wants = !h.Leave
	if h.Leave {
		return fromCentral(lua.BLEEvent{What: lua.BLELeaves})
	}
	b.connectLater()
	return nil
}

func (h Write) happen(*Bench) []lua.SceneEvent {
	return fromCentral(lua.BLEEvent{What: lua.BLEWrites, Place: h.Place, Data: h.Value})
}

func (h Read) happen(*Bench) []lua.SceneEvent {
	return fromCentral(lua.BLEEvent{What: lua.BLEReads, Place: h.Place})
}

func (h Subscribe) happen(*Bench) []lua.SceneEvent {
	value := []byte{0, 0}
	if h.On {
		value[0] = 1
	}
	return fromCentral(lua.BLEEvent{What: lua.BLESubscribes, Place: h.Place, Data: value})
}

func fromCentral(e lua.BLEEvent) []lua.SceneEvent {
	e.Address, e.AddressType = centralAddress, centralAddressType
	return []lua.SceneEvent{{Kind: lua.SceneBLE, BLE: e}}
}

// connectLater lets the central connect if both want it.
func (b *Bench) connectLater() {
	if !b.air.wants || !b.air.advertises {
		return
	}
	b.clock.After(centralConnects, func() {
		if b.air.wants && b.air.advertises {
			b.air.advertises = false
			b.tell(fromCentral(lua.BLEEvent{What: lua.BLEConnects})[0])
		}
	})
}

// BLEPeers implements lua.Bluetooth.
func (b *Bench) BLEPeers() []*lua.BLEPeer { return b.air.peers }

// BLEAdvertises implements lua.Bluetooth.
func (b *Bench) BLEAdvertises(on bool) {
	b.air.advertises = on
	if on {
		b.connectLater()
		return
	}
	for _, places := range b.air.subscribed {
		clear(places) // not connected any more
	}
}

// BLESent implements lua.Bluetooth.
func (b *Bench) BLESent(how string, at lua.BLEPlace, value string) {
	if b.Record != nil {
		b.Record(fmt.Sprintf("the module %s the central: %s is %s", how, at, short(value)))
	}
}

// BLERead implements lua.Bluetooth.
func (b *Bench) BLERead(address string, at lua.BLEPlace) (string, bool) {
	c := b.peerPlace(address, at)
	if c == nil || c.Permissions&permissions["read"] == 0 {
		return "", false
	}
	if v, ok := b.air.values[address][at]; ok {
		return v, true
	}
	return c.Value, true
}

// BLEWrite implements lua.Bluetooth.
func (b *Bench) BLEWrite(address string, at lua.BLEPlace, value string) bool {
	c := b.peerPlace(address, at)
	if c == nil || c.Permissions&(permissions["write"]|permissions["write_cmd"]) == 0 {
		return false
	}
	b.air.values[address][at] = value
	if b.Record != nil {
		b.Record(fmt.Sprintf("a peripheral gets a value: %s is %s", at, short(value)))
	}
	return true
}

// BLESubscribe implements lua.Bluetooth.
func (b *Bench) BLESubscribe(address string, at lua.BLEPlace, on bool) bool {
	c := b.peerPlace(address, at)
	if c == nil || c.Permissions&(permissions["notify"]|permissions["indicate"]) == 0 {
		return false
	}
	had := b.air.subscribed[address][at]
	b.air.subscribed[address][at] = on
	for _, p := range b.scene.Peers {
		for _, n := range p.Notifications {
			if p.Address == address && n.Place == at && on && !had {
				b.notify(address, n)
			}
		}
	}
	return true
}

// notify tells the module a value again and again.
func (b *Bench) notify(address string, n Notification) {
	b.clock.After(n.Every, func() {
		if !b.air.subscribed[address][n.Place] {
			return
		}
		b.tell(lua.SceneEvent{Kind: lua.SceneBLE, BLE: lua.BLEEvent{
			What: lua.BLENotifies, Address: address, Place: n.Place, Data: n.Value,
		}})
		b.notify(address, n)
	})
}

func (b *Bench) peerPlace(address string, at lua.BLEPlace) *lua.BLECharacteristic {
	for _, p := range b.air.peers {
		if p.Address != address {
			continue
		}
		for _, s := range p.Services {
			for i := range s.Characteristics {
				if s.UUID == at.Service && s.Characteristics[i].UUID == at.Characteristic {
					return &s.Characteristics[i]
				}
			}
		}
	}
	return nil
}

// describeBLE is an event in one line.
func describeBLE(e lua.BLEEvent) string {
	switch e.What {
	case lua.BLEConnects:
		return "a central connects"
	case lua.BLELeaves:
		return "the central leaves"
	case lua.BLENotifies:
		return fmt.Sprintf("a peripheral notifies: %s is %s", e.Place, short(string(e.Data)))
	}
	return fmt.Sprintf("the central's %s: %s %s", e.What, e.Place, short(string(e.Data)))
}

// short is bytes in hex, not too many.
func short(s string) string {
	if len(s) > 20 {
		return fmt.Sprintf("%s... (%d bytes)", hex.EncodeToString([]byte(s[:20])), len(s))
	}
	return hex.EncodeToString([]byte(s))
}
