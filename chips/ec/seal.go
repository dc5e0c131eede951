package ec

import (
	"crypto/sha256"
	"encoding/binary"

	"airlift/chips"
	"airlift/flash"
)

// The seal is how an image that airlift made can be found damaged: the boot
// code of these chips checks nothing, so the emulator has to know by itself
// whether a core would run (assumption core-integrity). It lies at a fixed
// place behind the vectors: magic, length of the image, SHA-256 of the image
// with the seal's own hash taken as zero. A real image has none.
const (
	sealOff   = 0xC0
	sealMagic = "airlseal"
	sealHash  = sealOff + len(sealMagic) + 4
	sealEnd   = sealHash + sha256.Size
)

// seal puts a seal into an image.
func seal(img []byte) {
	copy(img[sealOff:], sealMagic)
	binary.LittleEndian.PutUint32(img[sealOff+len(sealMagic):], uint32(len(img)))
	clear(img[sealHash:sealEnd])
	sum := sha256.Sum256(img)
	copy(img[sealHash:], sum[:])
}

// integrity is what is known of an image in flash.
type integrity uint8

const (
	imageUnknown integrity = iota // no seal: a real image, which is let run
	imageWhole
	imageDamaged
	imageErased
)

// inspectImage looks at the image in a partition.
func inspectImage(n nor, p flash.Partition) (integrity, error) { return integrityOf(nil, n, p) }

// integrityOf is inspectImage with a memory.
func integrityOf(m *chips.Memo, n nor, p flash.Partition) (integrity, error) {
	k, ok := n.memoKey("seal", p.Off, p.Size)
	if ok && !n.dev.Power().Lost() {
		if v, ok := m.Get(k); ok {
			return v.(integrity), nil
		}
	}
	state, err := lookAtImage(n, p)
	if ok && err == nil {
		m.Put(k, state, 1)
	}
	return state, err
}

func lookAtImage(n nor, p flash.Partition) (integrity, error) {
	head := make([]byte, sealEnd)
	if err := n.read(head, p.Off); err != nil {
		return 0, err
	}
	if string(head[sealOff:sealOff+len(sealMagic)]) != sealMagic {
		for _, b := range head {
			if b != 0xFF {
				return imageUnknown, nil
			}
		}
		return imageErased, nil
	}
	size := int64(binary.LittleEndian.Uint32(head[sealOff+len(sealMagic):]))
	if size < int64(sealEnd) || size > maxImage {
		return imageDamaged, nil
	}
	h := sha256.New()
	want := [sha256.Size]byte(head[sealHash:])
	clear(head[sealHash:])
	h.Write(head)
	if err := n.each(p.Off+int64(sealEnd), size-int64(sealEnd), func(b []byte) { h.Write(b) }); err != nil {
		return 0, err
	}
	if [sha256.Size]byte(h.Sum(nil)) != want {
		return imageDamaged, nil
	}
	return imageWhole, nil
}

// selfCheck asks whether there is boot code to run.
func (b *bootRun) selfCheck() (bool, error) {
	state, err := integrityOf(b.memo, b.ap(), b.l.Part(PartBoot))
	if err != nil {
		return false, err
	}
	if state == imageUnknown && b.l.Series == EC618 {
		ok, err := startsInside(b.ap(), b.l.Part(PartBoot))
		if err != nil {
			return false, err
		}
		if !ok {
			state = imageDamaged
		}
	}
	switch state {
	case imageDamaged:
		b.decide("the boot code itself is damaged: nothing runs any more")
	case imageErased:
		b.decide("there is no boot code")
	default:
		return true, nil
	}
	return false, nil
}

// startsInside reports whether the reset vector of an image points into its
// partition. Images of EC618 run where they lie (ec618.md 4.1).
func startsInside(n nor, p flash.Partition) (bool, error) {
	var vectors [8]byte
	if err := n.read(vectors[:], p.Off); err != nil {
		return false, err
	}
	pc := binary.LittleEndian.Uint32(vectors[4:])
	off := int64(pc&^1) - xipBase
	return pc&1 != 0 && off >= p.Off && off < p.End(), nil
}
