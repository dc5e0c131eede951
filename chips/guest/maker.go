package guest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/luadb"
)

// Kinds of files that generic boards have.
const (
	KindImage = "image" // header, core and scripts
	KindDelta = "delta" // from one image to another, applied in place
	KindFlash = "flash" // contents of the whole flash
)

const (
	kindApp         = "app" // partitions that hold images; the first is what production fills
	defaultCoreSize = 96 << 10
	codeBase        = 0x08000000 // the address that synthetic code is made for
)

// maker makes files for a generic board.
type maker struct {
	model   *chips.Model
	profile *chips.Profile
	tables  []flash.Table
	takes   string // the kind of package that its update agent takes
}

var (
	_ chips.FlashMaker   = (*maker)(nil)
	_ chips.PackageNamer = (*maker)(nil)
)

// Kinds lists what can be made.
func (m *maker) Kinds() []chips.PackageKind {
	kinds := []chips.PackageKind{
		{Name: KindImage, Ext: ".bin", Summary: "image of core and scripts", Upgrade: true, Core: true},
		{Name: KindDelta, Ext: ".delta.bin", Summary: "changes from one image to another, applied in place", Upgrade: true, Core: true, Delta: true},
		{Name: KindFlash, Ext: ".flash", Summary: "contents of the whole flash", Fits: true},
	}
	for i := range kinds[:2] {
		k := &kinds[i]
		if k.Fits = k.Name == m.takes; !k.Fits {
			k.Why = "the board's update agent takes packages of kind " + m.takes
			if m.takes == "" {
				k.Why = "the board has no update agent"
			}
		}
	}
	return kinds
}

// Make makes one file.
func (m *maker) Make(kind string, in chips.MakeInput) ([]byte, error) {
	makers := map[string]func(chips.MakeInput) ([]byte, error){KindImage: m.image, KindDelta: m.delta, KindFlash: m.flash}
	f, ok := makers[kind]
	if !ok {
		return nil, fmt.Errorf("%s has no packages or images of kind %q", m.model.Name, kind)
	}
	data, err := f(in)
	if err != nil {
		return nil, fmt.Errorf("make %s for %s: %w", kind, m.model.Name, err)
	}
	return data, nil
}

// slot is where production puts the image.
func (m *maker) slot() (flash.Partition, error) {
	for _, p := range m.tables[0].Sorted() {
		if p.Kind == kindApp {
			return p, nil
		}
	}
	return flash.Partition{}, fmt.Errorf("no partition is of kind %q", kindApp)
}

// image makes an image of core and scripts.
func (m *maker) image(in chips.MakeInput) ([]byte, error) {
	if in.Script != nil {
		if _, err := luadb.Parse(in.Script); err != nil {
			return nil, fmt.Errorf("script image: %w", err)
		}
	}
	slot, err := m.slot()
	if err != nil {
		return nil, err
	}
	core, err := m.core(in, slot)
	if err != nil {
		return nil, err
	}
	img := buildImage(core, in.Script, versionNumber(m.coreVersion(in)), m.model.Flash[0].SectorSize)
	if int64(len(img)) > slot.Size && !in.Force {
		return nil, fmt.Errorf("the image has %d bytes, partition %s %d", len(img), slot.Name, slot.Size)
	}
	return img, nil
}

func (m *maker) coreVersion(in chips.MakeInput) string {
	if in.CoreVersion != "" {
		return in.CoreVersion
	}
	return m.profile.CoreVersion
}

// versionNumber is the number in "V1025".
func versionNumber(v string) uint32 {
	n, _ := strconv.ParseUint(strings.TrimLeft(v, "Vv"), 10, 32)
	return uint32(n)
}

// core returns a core with its head and its CRC.
func (m *maker) core(in chips.MakeInput, slot flash.Partition) ([]byte, error) {
	if in.Core != nil {
		n := len(in.Core)
		if n < coreMin || string(in.Core[:4]) != coreMagic || int(binary.LittleEndian.Uint32(in.Core[4:])) != n {
			return nil, errors.New("core: expected one that airlift made for a generic board")
		}
		return m.seal(bytes.Clone(in.Core), in.Script), nil
	}
	p := m.profile
	info := synth.Info{
		Model: m.model.Name, BSP: m.model.BSP, Profile: p.Name, Version: m.coreVersion(in), Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "12:00:00", FlashSize: m.model.Flash[0].Size,
		Bits: p.Bits, Features: p.Features,
	}
	if err := info.Check(); err != nil {
		return nil, err
	}
	size := in.CoreSize
	if size == 0 {
		size = min(defaultCoreSize, slot.Size/2)
	}
	desc := info.Encode()
	if least := int64(synth.Offset + len(desc) + 4); size < least || size > coreMax {
		return nil, fmt.Errorf("core of %d bytes: expected %d..%d", size, least, int64(coreMax))
	}
	code := synth.Thumb(size, codeBase, in.CoreSeed, synth.Release(desc))
	copy(code[synth.Offset:], desc)
	return m.seal(code, in.Script), nil
}

func (m *maker) seal(core, script []byte) []byte {
	at := uint32(0)
	if script != nil {
		at = scriptOffset(len(core), m.model.Flash[0].SectorSize)
	}
	sealCore(core, at)
	return core
}

// MakeFlash implements [chips.FlashMaker]: the image is in its slot, the rest
// is erased.
func (m *maker) MakeFlash(in chips.MakeInput) ([]*flash.Device, error) {
	img, err := m.image(in)
	if err != nil {
		return nil, err
	}
	slot, err := m.slot()
	if err != nil {
		return nil, err
	}
	var out []*flash.Device
	for _, g := range m.model.Flash {
		d, err := flash.New(g)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, out[0].Burn(slot.Off, img)
}

func (m *maker) flash(in chips.MakeInput) ([]byte, error) {
	devices, err := m.MakeFlash(in)
	if err != nil {
		return nil, err
	}
	var b []byte
	for _, d := range devices {
		b = append(b, d.Bytes()...)
	}
	return b, nil
}

// delta makes the changes from in.Base to in.
func (m *maker) delta(in chips.MakeInput) ([]byte, error) {
	if in.Base == nil {
		return nil, errors.New("a delta needs the core that the module has now")
	}
	base := *in.Base
	base.Script = nil // scripts are never taken from the old image: it may have others
	old, err := m.image(base)
	if err != nil {
		return nil, fmt.Errorf("old image: %w", err)
	}
	img, err := m.image(in)
	if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(old[20:])
	// The head of the old core says where the scripts are, and its CRC covers
	// that: neither is known.
	return makeDelta(old[imageHeader:][:n], img, m.model.Flash[0].SectorSize), nil
}

// PackageName implements [chips.PackageNamer].
func (m *maker) PackageName(project, coreVersion, version string) (string, error) {
	return chips.PackageName(project, coreVersion, version, m.model.BSP)
}
