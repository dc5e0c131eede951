package fuzz

import (
	"encoding/binary"
	"slices"

	"airlift/emu/sweep"
)

// headBytes is how much of a layer is its head.
const headBytes = 256

// dictionary has what the formats hold: numbers at which code changes its mind,
// the words at the head of the package and of each of its layers, in which their
// marks, versions and lengths are, and places and sizes of layers and partitions.
func dictionary(s *sweep.Sweep, layers []layer) [][]byte {
	d := words{have: map[string]bool{}}
	for _, n := range []uint64{0, 1, 0xFF, 0x100, 4095, 4096, 4097, 8192, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF} {
		d.number(n)
	}
	for _, b := range []byte{0, 1, 0x7F, 0x80, 0xFF, 'M', 'Z'} {
		d.add([]byte{b})
	}
	for _, table := range s.Chip.Partitions {
		for _, p := range table {
			d.number(uint64(p.Off))
			d.number(uint64(p.Size))
		}
	}
	for _, l := range layers {
		size := uint64(len(l.data))
		for _, n := range []uint64{size - 1, size, size + 1, size / 2, size * 2} {
			d.number(n)
		}
		for at := 0; at+4 <= min(len(l.data), headBytes); at += 4 {
			d.add(l.data[at : at+4])
		}
	}
	return d.list
}

// words is a list of words, each once.
type words struct {
	list [][]byte
	have map[string]bool
}

func (d *words) add(p []byte) {
	if !d.have[string(p)] {
		d.have[string(p)] = true
		d.list = append(d.list, slices.Clone(p))
	}
}

// number adds a number as the formats write it.
func (d *words) number(n uint64) {
	d.add(binary.LittleEndian.AppendUint32(nil, uint32(n)))
	d.add(binary.BigEndian.AppendUint32(nil, uint32(n)))
	d.add(binary.LittleEndian.AppendUint16(nil, uint16(n)))
}
