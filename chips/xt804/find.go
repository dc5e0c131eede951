package xt804

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Status letters that secboot hands to ROM (xt804.md 3.9).
const (
	statusOK       = 'C'
	statusLength   = 'I'
	statusAddress  = 'J'
	statusAlign    = 'K'
	statusHeader   = 'L'
	statusBody     = 'M'
	ramTop         = 0x20048000 // first address behind RAM
	ramBase        = 0x20000000
	flashSpaceLast = 0x1FFFFFFF // secboot takes addresses up to here for flash
)

// ErrSignatures is returned for a board whose OTP switches on signature
// checks. No module is known to have that, and it is not emulated.
var ErrSignatures = errors.New("signature check is provisioned in OTP: signatures are not emulated")

func crcUpdate(sum uint32, p []byte) uint32 { return crc32.Update(sum, crc32.IEEETable, p) }

// checkHeader is secboot's header validation: it returns 'C' or the letter of
// the first rule that h breaks, in secboot's order (xt804.md 3.2). Size is the
// flash size in bytes.
func checkHeader(h *Header, size int64) byte {
	flashEnd := uint32(FlashBase + size)
	inFlash := h.ImgAddr <= flashSpaceLast
	switch {
	case h.MagicNo != Magic:
		return statusHeader
	case !h.Zipped() && h.ImgAddr&0x3FF != 0:
		return statusAlign
	case inFlash && h.ImgAddr >= flashEnd:
		return statusAddress
	case h.ImgAddr >= ramTop && h.ImgAddr <= 0x2FFFFFFF:
		return statusAddress
	case h.ImgLen == 0:
		return statusLength
	case inFlash && h.ImgLen >= flashEnd-h.ImgAddr:
		return statusLength
	case !inFlash && h.ImgLen >= ramTop-h.ImgAddr: // wraps above ramTop, as in secboot
		return statusLength
	case !h.HeaderOK():
		return statusHeader
	}
	return statusOK
}

// image is what a search came to.
type image struct {
	h      Header // the last header read, good or bad
	addr   uint32 // bus address of that header
	status byte   // 'C', or why there is no image
}

func (i *image) ok() bool { return i.status == statusOK }

// findMode says how a search goes on behind an image of another type.
type findMode uint8

const (
	findChain findMode = iota // the header names the next; bodies where they run
	findArea                  // images lie back to back; bodies behind their headers
)

// find looks for the first valid image of type 1 (xt804.md 3.4). The error
// errEndlessChain means that it never ends.
func (b *bootRun) find(name string, start uint32, mode findMode) (image, error) {
	var seen map[uint32]bool
	for a, n := start, 0; ; n++ {
		h, err := b.header(a)
		if err != nil {
			return image{}, err
		}
		img := image{h: h, addr: a}
		if v := checkHeader(&h, b.size); v != statusOK {
			img.status = statusHeader
			b.read("%s: header at 0x%08X not valid (%s)", name, a, headerFault(&h, v))
			return img, nil
		}
		if h.Type() == TypeApp {
			at := h.ImgAddr
			if mode == findArea {
				at = a + HeaderSize
			}
			if mode == findArea && b.recall(&h, at) {
				img.status = statusOK
			} else if img.status, err = b.checkBody(&h, at); err != nil {
				return image{}, err
			}
			b.read("%s: header at 0x%08X valid, %s of %d bytes at 0x%08X, CRC %s", name, a, bodyKind(&h), h.ImgLen, at, crcWord(img.status))
			return img, nil
		}
		next := h.Next
		if mode == findArea {
			next = a + HeaderSize + h.ImgLen
			if h.Signed() {
				next += SignatureSize
			}
		}
		b.read("%s: header at 0x%08X has type %d, next 0x%08X", name, a, h.Type(), next)
		if next < FlashBase || int64(next) >= FlashBase+b.size {
			img.status = statusAddress
			return img, nil
		}
		if n >= 8 { // no chain of ours is that long: now watch for a loop
			if seen == nil {
				seen = make(map[uint32]bool)
			}
			if seen[next] {
				return img, errEndlessChain
			}
			seen[next] = true
		}
		a = next
	}
}

// errEndlessChain says that headers lead in a circle.
var errEndlessChain = errors.New("image headers lead in a circle")

func bodyKind(h *Header) string {
	if h.Zipped() {
		return "gzip body"
	}
	return "body"
}

func crcWord(status byte) string {
	if status == statusOK {
		return "ok"
	}
	return "wrong"
}

// headerFault explains the letter of checkHeader.
func headerFault(h *Header, v byte) string {
	switch {
	case v == statusHeader && h.MagicNo != Magic:
		return fmt.Sprintf("magic 0x%08X", h.MagicNo)
	case v == statusHeader:
		return fmt.Sprintf("header CRC 0x%08X, computed 0x%08X", h.HdChecksum, h.ComputedChecksum())
	case v == statusAlign:
		return fmt.Sprintf("img_addr 0x%08X is not aligned to 1 KiB", h.ImgAddr)
	case v == statusAddress:
		return fmt.Sprintf("img_addr 0x%08X is out of range", h.ImgAddr)
	}
	return fmt.Sprintf("img_len %d does not fit at 0x%08X", h.ImgLen, h.ImgAddr)
}

func (b *bootRun) header(addr uint32) (Header, error) {
	var p [HeaderSize]byte
	err := b.fls.read(p[:], addr)
	return DecodeHeader(p[:]), err
}

// checkBody is secboot's body verification (xt804.md 3.3) with signatures off.
// A body outside flash and RAM counts as wrong: what lies there is not known.
func (b *bootRun) checkBody(h *Header, addr uint32) (byte, error) {
	n := int64(h.ImgLen)
	var sum uint32
	switch {
	case b.fls.onFlash(addr, n):
		var err error
		if sum, err = b.memo.crc(b.fls, addr, n); err != nil {
			return 0, err
		}
	case b.ram != nil && addr >= ramBase && int64(addr)+n <= ramTop:
		sum = JAMCRC(b.ram[addr-ramBase:][:n])
	default:
		return statusBody, nil
	}
	if sum != h.OrgChecksum {
		return statusBody, nil
	}
	return statusOK, nil
}

// checkOTP refuses a board with signatures switched on (xt804.md 3.3).
func checkOTP(otp []byte) error {
	const at, size, magic = 0x1000, 256, 0x453ECDA5
	if len(otp) < at+size {
		return nil
	}
	p := otp[at : at+size]
	usable := binary.LittleEndian.Uint32(p) == magic && JAMCRC(p[:252]) == binary.LittleEndian.Uint32(p[252:])
	if usable && p[4]&1 != 0 {
		return ErrSignatures
	}
	return nil
}
