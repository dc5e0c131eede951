package guest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"airlift/chips"
	"airlift/flash"
)

// Description is what a guest says of itself, in lines of "key: value" behind
// a first line for people.
type Description struct {
	Title   string
	Board   string // model that it is made for
	Mistake string // of guests that are broken on purpose
	Expect  string // the outcome that the mistake leads to
}

// describeMax bounds the text in bytes.
const describeMax = 2048

// Describe loads a guest and asks it what it is. Guests without an export
// "describe" have an empty description.
func Describe(name string, wasm []byte) (Description, error) {
	m, err := Load(name, wasm, Limits{RAM: 1 << 20, Steps: 10_000_000})
	if err != nil {
		return Description{}, err
	}
	d, err := m.Describe()
	return d, errors.Join(err, m.Close())
}

// Describe asks the guest what it is. It gets to see no flash.
func (m *Module) Describe() (d Description, err error) {
	if !m.exports("describe") {
		return d, nil
	}
	env := &chips.Env{Board: &chips.Board{Flash: []*flash.Device{}}, Step: func(chips.Step) {}, Sleep: func(time.Duration) {}}
	r, err := m.newRun(env, nil, "describe")
	if r != nil {
		defer r.closeIf()
	}
	var ptr uint64
	if err == nil {
		ptr, err = r.call("describe")
	}
	if err != nil {
		return d, fmt.Errorf("guest %s: describe: %w", m.Name, err)
	}
	if r.mem == nil || uint32(ptr) >= r.mem.Size() {
		return d, fmt.Errorf("guest %s: describe: pointer 0x%X is outside the memory", m.Name, uint32(ptr))
	}
	p, _ := r.mem.Read(uint32(ptr), min(describeMax, r.mem.Size()-uint32(ptr)))
	end := bytes.IndexByte(p, 0)
	if end < 0 {
		return d, fmt.Errorf("guest %s: describe: expected a text of up to %d bytes with a zero behind it", m.Name, describeMax-1)
	}
	for i, line := range strings.Split(string(p[:end]), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case i == 0:
			d.Title = line
		case key == "board":
			d.Board = value
		case key == "mistake":
			d.Mistake = value
		case key == "expect":
			d.Expect = value
		}
	}
	return d, nil
}
