package ec

import (
	"encoding/binary"

	"airlift/chips/synth"
)

// Lengths of synthetic images in bytes, where the map has room.
const (
	bootBytes = 100 << 10 // ec618.md 4: the real one has 117,524
	cpBytes   = 460 << 10 // ec618.md 8.2: a real one has 472,684
	apBytes   = 1800 << 10
)

// codeBase is what absolute addresses in made-up code count from.
const codeBase = xipBase + 0x24000

// SyntheticAP returns a core that was never compiled: vectors, seal,
// descriptor, and code with the statistics of Thumb code. Images of the same
// seed are releases of one program: what the descriptor says decides where
// functions were added, removed or changed, so that a delta between two of
// them looks like one between real releases.
func SyntheticAP(desc synth.Info, size int64, seed uint64) []byte {
	d := desc.Encode()
	img := synth.Thumb(max(size, int64(synth.Offset+len(d))), codeBase, seed, synth.Release(d))
	copy(img[synth.Offset:], d)
	seal(img)
	return img
}

// SyntheticCP returns a made-up image of the communication processor.
func SyntheticCP(size int64, seed uint64) []byte {
	img := synth.Thumb(max(size, int64(sealEnd)), codeBase, seed^0x4350, 0)
	seal(img)
	return img
}

// syntheticBoot returns a made-up boot code; the one that runs is in this
// package.
func syntheticBoot(size int64) []byte {
	img := synth.Thumb(max(min(size, bootBytes), int64(sealEnd)), codeBase, 0x424F4F54, 0)
	for i := 4; i < sealOff; i += 4 { // its vectors point into itself
		binary.LittleEndian.PutUint32(img[i:], xipBase+bootOffEC618+0x400+uint32(i)*8|1)
	}
	seal(img)
	return img
}
