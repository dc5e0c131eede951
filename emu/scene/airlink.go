package scene

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/lua"
)

// Coprocessor is what is at the other end of airlink. Its firmware is not
// emulated: it counts what it is sent and says who it is.
type Coprocessor struct {
	Version int
	// Next, if not 0, is the version after a complete upgrade.
	Next int
	// Echo sends back the data that it gets.
	Echo bool
}

// Sdata is data that the other end of airlink sends.
type Sdata struct{ Data []byte }

func (h Sdata) happen(*Bench) []lua.SceneEvent {
	return []lua.SceneEvent{{Kind: lua.SceneAirlink, Data: h.Data}}
}

// coprocessorStart is how long it takes after a reset.
const coprocessorStart = time.Second

// Commands that a coprocessor knows.
const (
	commandReboot    = 0x03
	commandFotaInit  = 0x04
	commandFotaWrite = 0x05
	commandFotaDone  = 0x06
	commandFotaEnd   = 0x07
	commandSdata     = 0x20
	commandNop       = 0x21
)

// second is a coprocessor at work.
type second struct {
	b        *Bench
	scene    *Coprocessor
	version  int
	back     time.Duration // until when it starts
	firmware hash.Hash
	bytes    int
	upgrade  fotaPhase
}

type fotaPhase uint8

const (
	fotaNone fotaPhase = iota
	fotaWriting
	fotaChecked // done came
	fotaWaits   // end came: a reset makes it the firmware
)

func newSecond(b *Bench) *second {
	if b.scene.Coprocessor == nil {
		return nil
	}
	return &second{b: b, scene: b.scene.Coprocessor, version: b.scene.Coprocessor.Version}
}

// Coprocessor implements lua.Scene.
func (b *Bench) Coprocessor() lua.Coprocessor {
	if b.second == nil {
		return nil
	}
	return b.second
}

// Ready implements lua.Coprocessor.
func (c *second) Ready() bool { return c.b.clock.Now() >= c.back }

// Version implements lua.Coprocessor.
func (c *second) Version() int { return c.version }

// Command implements lua.Coprocessor.
func (c *second) Command(id int, data []byte) {
	switch id {
	case commandReboot:
		c.reboot()
	case commandFotaInit:
		c.firmware, c.bytes, c.upgrade = sha256.New(), 0, fotaWriting
	case commandFotaWrite:
		if c.upgrade != fotaWriting {
			c.record("the coprocessor gets firmware that it was not prepared for")
			return
		}
		c.firmware.Write(data)
		c.bytes += len(data)
	case commandFotaDone:
		if c.upgrade == fotaWriting && c.bytes > 0 {
			c.upgrade = fotaChecked
		}
	case commandFotaEnd:
		if c.upgrade == fotaChecked {
			c.upgrade = fotaWaits
			c.record(fmt.Sprintf("the coprocessor has %d bytes of firmware, SHA-256 %x...", c.bytes, c.firmware.Sum(nil)[:8]))
		}
	case commandSdata:
		c.record(fmt.Sprintf("the coprocessor gets %d bytes: %s", len(data), short(string(data))))
		if c.scene.Echo {
			c.b.later(time.Millisecond, lua.SceneEvent{Kind: lua.SceneAirlink, Data: data})
		}
	case commandNop:
	default:
		c.record(fmt.Sprintf("the coprocessor does not know command %#x", id))
	}
}

// reboot starts it anew, with the firmware that waits.
func (c *second) reboot() {
	c.back = c.b.clock.Now() + coprocessorStart
	switch {
	case c.upgrade == fotaWaits && c.scene.Next != 0:
		c.version = c.scene.Next
		c.record(fmt.Sprintf("the coprocessor restarts with the new firmware: version %d, as the scene has it", c.version))
	case c.upgrade == fotaWaits:
		c.record("the coprocessor restarts; its firmware is not emulated, so that its version stays: see next in the scene")
	default:
		c.record("the coprocessor restarts")
	}
	c.upgrade = fotaNone
}

func (c *second) record(text string) {
	if c.b.Record != nil {
		c.b.Record(text)
	}
}

// readCoprocessor reads who is at the other end of airlink; none is nobody.
func readCoprocessor(n *yaml.Node) *Coprocessor {
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return nil
	}
	c := *Default().Coprocessor
	readMapping(n, "airlink", fields{
		"version": func(n *yaml.Node) { c.Version = number(n, "version", 0, 1<<31-1) },
		"next":    func(n *yaml.Node) { c.Next = number(n, "next", 1, 1<<31-1) },
		"echo":    func(n *yaml.Node) { c.Echo = boolean(n, "echo") },
	})
	return &c
}
