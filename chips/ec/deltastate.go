package ec

import (
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// deltaState is what the vendor's layer says of the delta in the download zone
// (ec618.md 3.5).
type deltaState int

const (
	deltaOK          deltaState = 0
	deltaNotFound    deltaState = 1
	deltaInvalid     deltaState = 3
	deltaBase        deltaState = 4
	deltaNewUnequal  deltaState = 5
	deltaPatchFailed deltaState = 6
)

// areas are the flash chips of a board with its layout.
type areas struct {
	l     *Layout
	chips []*flash.Device
	memo  *chips.Memo // of what was computed from flash; nil is fine
}

func newAreas(l *Layout, devs []*flash.Device, memo *chips.Memo) (areas, error) {
	want := 1
	if l.CP != nil {
		want++
	}
	if l.SPI != nil {
		want++
	}
	if len(devs) != want || devs[0].Size() != l.FlashSize {
		return areas{}, fmt.Errorf("%s: the board has %d flash chips, the first of %d bytes; expected %d, %d bytes", l.Target, len(devs), devs[0].Size(), want, l.FlashSize)
	}
	return areas{l, devs, memo.Of(devs...)}, nil
}

func (a areas) ap() nor { return nor{a.chips[0]} }

// image returns where the image of an attribute lies.
func (a areas) image(attr int) (n nor, p flash.Partition, ok bool) {
	switch attr {
	case AttrAP:
		return a.ap(), a.l.Part(PartAP), true
	case AttrCP:
		chip, p := a.l.cpPart()
		return nor{a.chips[chip]}, p, true
	}
	return nor{}, flash.Partition{}, false
}

// head reads the delta's head from the download zone.
func (a areas) head() (*Par, error) {
	b := make([]byte, ParHeadSize)
	if err := a.ap().read(b, a.l.Part(PartFota).Off); err != nil {
		return nil, err
	}
	if b[0] != parMagic[0] || b[1] != parMagic[1] {
		return nil, nil
	}
	return decodeParHead(b), nil
}

// validate returns the state of the delta in the download zone and, if it is
// whole, the delta. Only the flash bounds its length: the zone does not
// (ec618.md 3.5).
func (a areas) validate() (deltaState, *Par, error) {
	head, err := a.head()
	if err != nil {
		return 0, nil, err
	}
	zone := a.l.Part(PartFota).Off
	switch {
	case head == nil:
		return deltaNotFound, nil, nil
	case head.Len < ParHeadSize || int64(head.Len) > a.l.FlashSize-zone:
		return deltaInvalid, nil, nil
	}
	b := make([]byte, head.Len)
	if err := a.ap().read(b, zone); err != nil {
		return 0, nil, err
	}
	if parHashOf(b) != head.Hash {
		return deltaInvalid, nil, nil
	}
	return deltaOK, &Par{Version: head.Version, Flags: head.Flags, Cap: head.Cap, SegField: head.SegField, Len: head.Len, Hash: head.Hash, Retention: head.Retention, Rest: b}, nil
}

// baseMatches reports whether the images in flash are those that a delta of
// the bytes b was made from.
func (a areas) baseMatches(b []byte, count int) (bool, error) {
	off := int64(ParHeadSize)
	for range count {
		k, err := parseParPackage(b, off)
		if err != nil {
			return false, nil
		}
		same, err := a.imageIs(k.Attr, k.BaseSize, k.BaseHash)
		if err != nil || !same {
			return false, err
		}
		off += int64(k.Len)
	}
	return true, nil
}

// imageIs compares the SHA-256 of an image in flash.
func (a areas) imageIs(attr int, size uint32, want [32]byte) (bool, error) {
	n, p, ok := a.image(attr)
	if !ok {
		return false, nil
	}
	sum, err := n.sha256Of(a.memo, p.Off, int64(size))
	return sum == want, err
}
