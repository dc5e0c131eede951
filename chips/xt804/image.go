package xt804

import (
	"bytes"
	"fmt"

	"airlift/flash"
	"airlift/flash/explain"
)

// Padding of image bodies in bytes (xt804.md 2.4).
const (
	ImagePad    = 1024 // what the packer does since 2023
	OldImagePad = 4    // what it did before
)

// maxImages bounds the images in one file; real files have at most four.
const maxImages = 64

// Image is one image of a file: header, body and what follows it.
type Image struct {
	Header
	Off  int64  // of the header, bytes from the start of the file
	Body []byte // ImgLen bytes; shares memory with what was parsed
	// Signature is the SignatureSize bytes behind a signed body, else nil.
	Signature []byte
}

// Len returns the bytes that the image takes up in a file.
func (m *Image) Len() int64 { return HeaderSize + int64(len(m.Body)) + int64(len(m.Signature)) }

// BodyCRC returns the JAMCRC of the body, which OrgChecksum should equal.
func (m *Image) BodyCRC() uint32 { return JAMCRC(m.Body) }

// Encode returns the image as it is in a file, with ImgLen, OrgChecksum and
// HdChecksum recomputed.
func (m *Image) Encode() []byte {
	return append(NewImage(m.Header, m.Body, 1), m.Signature...)
}

// NewImage returns the image file of a body: the header, whose ImgLen and
// OrgChecksum are computed, and the body with zeros up to a multiple of pad
// bytes, which both fields cover (xt804.md 2.4).
func NewImage(h Header, body []byte, pad int) []byte {
	img := make([]byte, HeaderSize+(len(body)+pad-1)/pad*pad)
	padded := img[HeaderSize:]
	copy(padded, body)
	h.ImgLen = uint32(len(padded))
	h.OrgChecksum = JAMCRC(padded)
	copy(img, h.Encode())
	return img
}

// NewDebugImage is NewImage in the packer's _dbg form: 0xFF up to offset
// 0x100 between header and body (xt804.md 2.4).
func NewDebugImage(h Header, body []byte, pad int) []byte {
	img := NewImage(h, body, pad)
	out := append([]byte(nil), img[:HeaderSize]...)
	out = append(out, bytes.Repeat([]byte{0xFF}, 0x100-HeaderSize)...)
	return append(out, img[HeaderSize:]...)
}

// padTo returns p with zeros up to a multiple of n bytes.
func padTo(p []byte, n int) []byte {
	out := make([]byte, (len(p)+n-1)/n*n)
	copy(out, p)
	return out
}

// ParseImage reads the one image at the start of data and checks header CRC
// and length; the body CRC is the caller's to check. Off is where data lies in
// its file, for errors and Image.Off.
func ParseImage(data []byte, off int64) (Image, error) {
	h, err := ParseHeader(data, off)
	if err != nil {
		return Image{}, err
	}
	m := Image{Header: h, Off: off}
	rest := data[HeaderSize:]
	if int64(h.ImgLen) > int64(len(rest)) {
		return m, &explain.FormatError{Off: off + 0x0C, What: "img_len", Want: fmt.Sprintf("at most the %d bytes that follow", len(rest)),
			Got: fmt.Sprint(h.ImgLen), Hint: "the file is cut short"}
	}
	m.Body, rest = rest[:h.ImgLen:h.ImgLen], rest[h.ImgLen:]
	if h.Signed() {
		if len(rest) < SignatureSize {
			return m, &explain.FormatError{Off: off + m.Len(), What: "signature", Want: fmt.Sprintf("%d bytes", SignatureSize), Got: fmt.Sprint(len(rest))}
		}
		m.Signature = rest[:SignatureSize:SignatureSize]
	}
	return m, nil
}

// ParseImages reads a row of images that fills data: .img, .fls, .fota, .sota
// or an unpacked payload. Headers, lengths and body CRCs are checked; the
// error is a *explain.FormatError.
func ParseImages(data []byte) ([]Image, error) {
	var images []Image
	for off := int64(0); off < int64(len(data)) || off == 0; {
		if len(images) == maxImages {
			return images, &explain.FormatError{Off: off, What: "images", Want: fmt.Sprintf("at most %d", maxImages), Got: "more"}
		}
		m, err := ParseImage(data[off:], off)
		if err != nil {
			return images, err
		}
		if got := m.BodyCRC(); got != m.OrgChecksum {
			return images, &explain.FormatError{Off: off + 0x18, What: "org_checksum", Want: fmt.Sprintf("0x%08X, the CRC of the body", got), Got: fmt.Sprintf("0x%08X", m.OrgChecksum)}
		}
		images = append(images, m)
		off += m.Len()
	}
	return images, nil
}

// BurnImages places a row of images on the flash as the serial downloader
// does: bodies at img_addr, headers at img_header_addr, unless that is in RAM
// (xt804.md 2.4). What lies around them keeps its contents. It is for
// building flash images: see [flash.Device.Burn].
func BurnImages(d *flash.Device, data []byte) error {
	images, err := ParseImages(data)
	if err != nil {
		return err
	}
	for i := range images {
		m := &images[i]
		if m.ImgAddr < FlashBase || m.ImgAddr >= 2*FlashBase {
			return &explain.FormatError{Off: m.Off + 0x08, What: "img_addr", Want: "a flash address", Got: fmt.Sprintf("0x%08X", m.ImgAddr)}
		}
		if m.ImgHeaderAddr >= FlashBase && m.ImgHeaderAddr < 2*FlashBase {
			if err := d.Burn(Off(m.ImgHeaderAddr), m.Header.Encode()); err != nil {
				return fmt.Errorf("header of image %d: %w", i, err)
			}
		}
		if err := d.Burn(Off(m.ImgAddr), append(m.Body[:len(m.Body):len(m.Body)], m.Signature...)); err != nil {
			return fmt.Errorf("body of image %d: %w", i, err)
		}
	}
	return nil
}

// BurnScript places a script image (luadb) at the start of the script
// partition, with zeros up to a multiple of 1024 bytes as in script.img.
func BurnScript(d *flash.Device, l *Layout, script []byte) error {
	p := l.Part(PartScript)
	padded := padTo(script, ImagePad)
	if int64(len(padded)) > p.Size {
		return fmt.Errorf("script image of %d bytes does not fit the script partition of %d", len(padded), p.Size)
	}
	return d.Burn(p.Off, padded)
}
