package xt804

import (
	"bufio"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"airlift/chips"
	"airlift/flash"
)

// gzipSkip is how much the firmware takes a gzip header to be (xt804.md 4.5).
const gzipSkip = 10

// ErrUnpackBound is returned when a package in the FOTA area unpacks to more
// than anybody wants to wait for; a module would be busy for hours.
var ErrUnpackBound = fmt.Errorf("package unpacks to more than %d MiB: not followed further", int64(outputSlack>>20))

// applyScripts unpacks the package h and writes the script images in it. It
// returns what the decompressor of the firmware returns: 1, or 0 for a stream
// that is damaged, of which the part in front of the damage was applied
// (xt804.md 4.5). Whether the package is zipped at all is not asked.
func (c *bootCheck) applyScripts(h *Header, s *scriptStream) (int, error) {
	s.fls, s.addr = c.area.fls, c.script
	if out, ok := c.recall(h, s); ok {
		return 1, s.feedAll(out)
	}
	start := Off(c.area.addr) + HeaderSize + gzipSkip
	end := min(Off(c.area.addr)+HeaderSize+int64(h.ImgLen), c.area.fls.dev.Size())
	in := &flashReader{f: c.area.fls, off: start, end: end}
	z := flate.NewReader(bufio.NewReaderSize(in, 4096))
	window := make([]byte, windowSize) // the dictionary: output comes a window at a time
	for total := 0; ; {
		n, err := fillFrom(z, window)
		if in.err != nil {
			return 0, in.err
		}
		if n > 0 {
			if err := s.feed(window[:n]); err != nil {
				return 0, err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return 1, nil
		case err != nil:
			return 0, nil
		}
		if total += n; total > outputSlack {
			return 0, ErrUnpackBound
		}
	}
}

// recall returns what the package h unpacks to if boot code has found out. The
// bytes in the area must be those that it unpacked, and no script may go where
// they lie: the firmware would then read what it writes.
func (c *bootCheck) recall(h *Header, s *scriptStream) (out []byte, ok bool) {
	e := c.memo.find(h)
	from := c.area.addr + HeaderSize
	if e == nil || !e.proper || len(e.out) > outputSlack || !c.area.fls.onFlash(from, int64(len(e.in))) ||
		!sameFlash(c.area.fls, from, e.in) {
		return nil, false
	}
	if s.touches(e.out, Off(c.area.addr), Off(from)+int64(len(e.in))) {
		return nil, false
	}
	return e.out, true
}

// touches reports whether the scripts in out would be written to sectors
// between the flash offsets lo and high.
func (s *scriptStream) touches(out []byte, lo, high int64) bool {
	const sector = flash.DefaultSectorSize
	for len(out) >= HeaderSize {
		h := DecodeHeader(out[:HeaderSize])
		n := min(int64(h.ImgLen), int64(len(out)-HeaderSize))
		at, end := Off(s.addr)&^(sector-1), (Off(s.addr)+n+sector-1)&^(sector-1)
		if h.Type() == TypeScript && n > 0 && at < high && end > lo {
			return true
		}
		out = out[HeaderSize+n:]
	}
	return false
}

// feedAll feeds output in the pieces in which the decompressor hands it out.
func (s *scriptStream) feedAll(out []byte) error {
	for len(out) > 0 {
		n := min(len(out), windowSize)
		if err := s.feed(out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// fillFrom reads until p is full. Unlike io.ReadFull it passes every error of
// r on as it is.
func fillFrom(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var k int
		k, err = r.Read(p[n:])
		n += k
	}
	return n, err
}

// flashReader reads flash in a row and notes why it failed.
type flashReader struct {
	f        fls
	off, end int64
	err      error
}

func (r *flashReader) Read(p []byte) (int, error) {
	if r.off >= r.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.end-r.off)]
	if r.err = r.f.read(p, Addr(r.off)); r.err != nil {
		return 0, r.err
	}
	r.off += int64(len(p))
	return len(p), nil
}

// streamText is what a generation logs while it unpacks (xt804.md 4.5).
type streamText struct {
	state, found, script string
	scriptArgs           bool // the script line shows address and length
}

var (
	streamTextG2 = streamText{
		state:  "当前状态: %d %d %d %d",
		found:  "找到一个IMG数据段 长度 %d 类型 %d",
		script: "是脚本区数据, 开始写入脚本区",
	}
	streamTextG3 = streamText{
		state:  "ota_gzcb状态: head_fill=%d skip_remain=%d img_len=%d type=%d",
		found:  "发现IMG段: 长度=%d 类型=%d",
		script: "写入脚本区: 地址=0x%08X, 长度=%d", scriptArgs: true,
	}
)

// scriptStream takes unpacked bytes: a row of images, of which those of type 2
// go to the script partition, from its start each. Magic, CRCs, addresses and
// sizes are not looked at (xt804.md 4.5).
type scriptStream struct {
	env  *chips.Env
	fls  fls
	text streamText
	addr uint32 // bus address of the script partition

	head     [HeaderSize]byte
	headFill int
	remain   uint32 // bytes of the body still to come
	imgLen   uint32
	typ      uint32
}

// feed takes one piece, as the decompressor's callback does.
func (s *scriptStream) feed(p []byte) error {
	s.env.Log("D", "fota", s.text.state, s.headFill, s.remain, s.imgLen, s.typ)
	for len(p) > 0 {
		if s.headFill < HeaderSize {
			n := copy(s.head[s.headFill:], p)
			s.headFill, p = s.headFill+n, p[n:]
			if s.headFill == HeaderSize {
				h := DecodeHeader(s.head[:])
				s.imgLen, s.remain, s.typ = h.ImgLen, h.ImgLen, h.Type()
				s.env.Log("D", "fota", s.text.found, s.imgLen, s.typ)
			}
		} else {
			n := uint32(min(int64(len(p)), int64(s.remain)))
			if err := s.body(p[:n]); err != nil {
				return err
			}
			s.remain, p = s.remain-n, p[n:]
		}
		if s.headFill == HeaderSize && s.remain == 0 {
			s.headFill = 0
		}
	}
	return nil
}

func (s *scriptStream) body(p []byte) error {
	if s.typ != TypeScript || len(p) == 0 {
		return nil
	}
	at := s.addr + (s.imgLen - s.remain)
	if s.text.scriptArgs {
		s.env.Log("D", "fota", s.text.script, at, len(p))
	} else {
		s.env.Log("D", "fota", "%s", s.text.script)
	}
	_, err := s.fls.write(at, p)
	return err
}
