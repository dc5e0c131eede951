package scene

import (
	"fmt"
	"slices"

	"airlift/chips/volume"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
	"airlift/flash/spinor"
	"airlift/lua"
)

// Flash is a flash chip on an SPI bus. It belongs to the world: what it holds
// outlives the power of the module.
type Flash struct {
	*spinor.Chip
	Bus int
}

var _ lua.SPIFlash = Flash{}

func newFlash(d SPI) Flash {
	dev, err := flash.New(flash.NOR(spinor.ModelSize(d.Flash)))
	if err == nil {
		err = dev.Burn(0, d.Contents)
	}
	if err != nil {
		panic(fmt.Sprintf("scene: a flash chip that readSPI let pass: %v", err))
	}
	return Flash{spinor.New(dev), d.Bus}
}

// Mount implements lua.SPIFlash.
//
// Assumed: the volume has disk version 2.0, which every core reads.
func (f Flash) Mount(offset, size int64) (mount.Mount, error) {
	r, err := f.Device().Region("spi flash", offset, size)
	if err != nil {
		return mount.Mount{}, err
	}
	cfg := littlefs.LuatOS(size)
	cfg.DiskVersion = littlefs.DiskVersion20
	m, _, err := volume.Open(r, cfg)
	return m, err
}

// Flashes are the flash chips of the scene, in its order.
func (b *Bench) Flashes() []Flash {
	var list []Flash
	for _, d := range b.scene.SPI {
		if f, ok := b.spi[d.Bus].(Flash); ok && !slices.Contains(list, f) {
			list = append(list, f)
		}
	}
	return list
}
