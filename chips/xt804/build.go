package xt804

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// secbootBytes is the length of secboot V1.1 (xt804.md 0).
const secbootBytes = 21468

// appVersion is what the build writes into the app's ver field (xt804.md 2.4).
const appVersion = "G01.00.02"

// SecbootHeader returns the header that a product's build gives to secboot,
// without length and CRCs (xt804.md 2.4, 7.2).
func (l *Layout) SecbootHeader() Header {
	return Header{Attr: TypeSecboot, ImgAddr: SecbootCodeAddr, ImgHeaderAddr: SecbootHeaderAddr, UpgradeImgAddr: l.FotaAddr(), Next: l.Header}
}

// AppHeader returns the header of the layout's app image, without length and
// CRCs (xt804.md 2.4).
func (l *Layout) AppHeader() Header {
	h := Header{Attr: TypeApp, ImgAddr: l.CodeAddr(), ImgHeaderAddr: l.Header, UpgradeImgAddr: l.FotaAddr()}
	copy(h.Ver[:], appVersion)
	return h
}

// ScriptHeader returns the header of a script image of the given type:
// TypeApp for serial flashing, TypeScript for packages (xt804.md 2.4, 4.7).
func (l *Layout) ScriptHeader(typ uint32) Header {
	return Header{Attr: typ, ImgAddr: l.ScriptAddr(), ImgHeaderAddr: RAMHeader}
}

// SecbootImage returns a secboot image for the layout. Its code is made up;
// the boot code that runs is secboot.go.
func (l *Layout) SecbootImage() []byte {
	code := make([]byte, secbootBytes)
	pseudoCode(code, 11)
	return NewImage(l.SecbootHeader(), code, ImagePad)
}

// AppImage returns the app image (header and padded body) of a core's code
// bytes.
func (l *Layout) AppImage(code []byte) []byte { return NewImage(l.AppHeader(), code, ImagePad) }

// NewFlash returns a chip with secboot, core and script as a serial download
// of a complete image leaves it; kv and file system are erased. In.Script may
// be nil. The refusals are those of Make(KindFlash).
func NewFlash(c *chips.Chip, in chips.MakeInput) (*flash.Device, error) {
	if c.Maker == nil || len(c.Model.Flash) != 1 {
		return nil, fmt.Errorf("%s is no complete XT804 chip", c.Model.Name)
	}
	m, ok := c.Maker.(chips.FlashMaker)
	if !ok {
		return nil, fmt.Errorf("%s is no XT804 chip", c.Model.Name)
	}
	d, err := m.MakeFlash(in)
	if err != nil {
		return nil, err
	}
	return d[0], nil
}
