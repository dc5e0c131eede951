package scriptonly

import (
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

// Script packages of the Air8101 (luadb-and-packages.md 6.1): 1024 erased
// bytes, a mark and a length, then the script image in frames of 32 bytes and
// a CRC-16.
const (
	frameHead  = 0x400
	frameMark  = "TAUL"
	frameData  = 32
	frameBytes = frameData + 2
	frameStart = frameHead + 8
)

// crc16 has polynomial 0x8005, highest bit first, and begins with 0xFFFF.
func crc16(p []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, b := range p {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x8005
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

// packFrames makes a script package of a script image.
func packFrames(image []byte) []byte {
	n := (len(image) + frameData - 1) / frameData
	out := make([]byte, frameStart, frameStart+n*frameBytes)
	for i := range frameHead {
		out[i] = 0xFF
	}
	copy(out[frameHead:], frameMark)
	binary.LittleEndian.PutUint32(out[frameHead+4:], uint32(n*frameBytes))
	for i := range n {
		frame := make([]byte, frameData, frameBytes)
		for j := copy(frame, image[i*frameData:]); j < frameData; j++ {
			frame[j] = 0xFF
		}
		out = append(out, binary.BigEndian.AppendUint16(frame, crc16(frame))...)
	}
	return out
}

// unpackFrames returns the script image, filled up to whole frames. The error
// is a *explain.FormatError.
func unpackFrames(p []byte) ([]byte, error) {
	if len(p) < frameStart || string(p[frameHead:frameHead+4]) != frameMark {
		return nil, &explain.FormatError{Off: frameHead, What: "mark of a script package", Want: fmt.Sprintf("%q", frameMark), Got: fmt.Sprintf("%d bytes without it", len(p))}
	}
	n := int64(binary.LittleEndian.Uint32(p[frameHead+4:]))
	if n%frameBytes != 0 || n > int64(len(p)-frameStart) {
		return nil, &explain.FormatError{Off: frameHead + 4, What: "length", Want: fmt.Sprintf("a multiple of %d, at most %d", frameBytes, len(p)-frameStart), Got: fmt.Sprint(n)}
	}
	var image []byte
	for at := int64(frameStart); at < frameStart+n; at += frameBytes {
		data, sum := p[at:at+frameData], binary.BigEndian.Uint16(p[at+frameData:])
		if want := crc16(data); want != sum {
			return nil, &explain.FormatError{Off: at + frameData, What: "CRC-16 of a frame", Want: fmt.Sprintf("0x%04X", want), Got: fmt.Sprintf("0x%04X", sum)}
		}
		image = append(image, data...)
	}
	return image, nil
}
