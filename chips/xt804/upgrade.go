package xt804

import (
	"encoding/binary"

	"airlift/chips"
	"airlift/flash"
)

// upgrade applies the package upg and boots what it brought
// (xt804.md 3.6). Nothing in the upgrade area is changed.
func (b *bootRun) upgrade(run, upg *image) (chips.BootResult, error) {
	if upg.h.Zipped() {
		return b.upgradeZipped(run, &upg.h)
	}
	h := &upg.h
	b.do("copy header and %d bytes from 0x%08X to 0x%08X and 0x%08X", h.ImgLen, h.UpgradeImgAddr, h.ImgHeaderAddr, h.ImgAddr)
	if err := b.copyBlocks(h, h.ImgHeaderAddr, h.UpgradeImgAddr, HeaderSize); err != nil {
		return chips.BootResult{}, err
	}
	n := int64(h.ImgLen)
	if h.Signed() {
		n += SignatureSize
	}
	if err := b.copyBlocks(h, h.ImgAddr, h.UpgradeImgAddr+HeaderSize, n); err != nil {
		return chips.BootResult{}, err
	}
	return b.finish(h, headerPlace(h, b.size))
}

// copyBlocks copies n bytes in whole blocks of 4096: what lies behind the n
// bytes comes along (xt804.md 3.6). H is the package.
func (b *bootRun) copyBlocks(h *Header, to, from uint32, n int64) error {
	var block [flash.DefaultSectorSize]byte
	for ; n > 0; n -= int64(len(block)) {
		if err := b.checkpoint(h, "copy", to, from, uint32(n)); err != nil {
			return err
		}
		if err := b.fls.read(block[:], from); err != nil {
			return err
		}
		if err := b.store(to, block[:]); err != nil {
			return err
		}
		to, from = to+uint32(len(block)), from+uint32(len(block))
	}
	return nil
}

// checkpointEvery is how much of an upgrade lies between two checkpoints.
const checkpointEvery = 64 << 10

// checkpoint says where an upgrade with the package h has come to, now and
// then. The first of the numbers is the address that is written next. What was
// put in RAM is nowhere but there, so such an upgrade has no checkpoints.
func (b *bootRun) checkpoint(h *Header, what string, numbers ...uint32) error {
	if b.env.Known == nil || numbers[0]%checkpointEvery >= flash.DefaultSectorSize || b.ram != nil {
		return nil
	}
	return b.env.Checkpoint(func() []byte {
		p := append([]byte(what), h.Encode()...)
		for _, n := range append(numbers, b.flag) {
			p = binary.LittleEndian.AppendUint32(p, n)
		}
		return p
	})
}

// store writes p to flash by sector rewrites, or to RAM.
func (b *bootRun) store(addr uint32, p []byte) error {
	if addr > flashSpaceLast {
		b.storeRAM(addr, p)
		return nil
	}
	_, err := b.fls.write(addr, p)
	return err
}

func (b *bootRun) storeRAM(addr uint32, p []byte) {
	if addr >= ramTop || addr < ramBase {
		return
	}
	if b.ram == nil {
		b.ram = make([]byte, ramTop-ramBase)
	}
	copy(b.ram[addr-ramBase:], p)
}

// finish clears the flag, verifies the image and boots it, in this order
// (xt804.md 3.6 steps 5 to 7).
func (b *bootRun) finish(h *Header, off int64) (chips.BootResult, error) {
	if err := b.clearFlag(); err != nil {
		return chips.BootResult{}, err
	}
	status, err := b.checkBody(h, h.ImgAddr)
	if err != nil {
		return chips.BootResult{}, err
	}
	if status != statusOK {
		b.decide("body of %d bytes at 0x%08X does not match its CRC, status %c to ROM", h.ImgLen, h.ImgAddr, status)
		return b.fail(status), nil
	}
	b.read("body of %d bytes at 0x%08X verified", h.ImgLen, h.ImgAddr)
	return b.start(h, off, true)
}

// headerPlace returns the flash offset at which an applied image is found: its
// header, or its body if the header went to RAM or nowhere; -1 if neither is
// on the flash.
func headerPlace(h *Header, size int64) int64 {
	for _, addr := range []uint32{h.ImgHeaderAddr, h.ImgAddr} {
		if addr <= flashSpaceLast && Off(addr) < size {
			return Off(addr)
		}
	}
	return -1
}

// upgradeZipped unpacks the package h (xt804.md 3.6).
func (b *bootRun) upgradeZipped(run *image, h *Header) (chips.BootResult, error) {
	sink := &imageSink{b: b}
	from := h.UpgradeImgAddr + HeaderSize
	b.do("unpack %d bytes from 0x%08X", h.ImgLen, from)
	end, err := b.unpack(h, from, sink)
	if err != nil {
		return chips.BootResult{}, err
	}
	if end == inflateEndless || end == inflateBound {
		b.decide("unpacking never ends: %s", endlessReason(end, sink))
		return chips.BootResult{Outcome: chips.BootHang, Image: -1}, nil
	}
	if err := sink.close(); err != nil {
		return chips.BootResult{}, err
	}
	if end == inflateError {
		b.read("the stream is damaged; secboot does not look at that")
	}
	switch {
	case sink.state == sinkDiscards:
		b.decide("inner header not valid (%s): nothing written", headerFault(&sink.hi, checkHeader(&sink.hi, b.size)))
		return b.finish(&run.h, Off(run.addr))
	case sink.state == sinkFresh || sink.addr < FlashBase:
		b.decide("nothing was unpacked, status %c to ROM; the flag stays", statusBody)
		return b.fail(statusBody), nil
	}
	b.do("wrote header to 0x%08X and %d bytes to 0x%08X", sink.hi.ImgHeaderAddr, sink.addr-sink.hi.ImgAddr, sink.hi.ImgAddr)
	return b.finish(&sink.hi, headerPlace(&sink.hi, b.size))
}

func endlessReason(end inflateEnd, s *imageSink) string {
	switch {
	case end == inflateBound:
		return "the output is far larger than the flash and was not followed further"
	case s.state == sinkFresh:
		return "the gzip name has no end"
	}
	return "the input ran out inside a compressed block, and 0xFF for ever decodes to output for ever"
}

// unpack inflates the package into sink, or takes the output from the memo.
func (b *bootRun) unpack(h *Header, from uint32, sink *imageSink) (inflateEnd, error) {
	if b.memo != nil && h.UpgradeImgAddr == UpgradeAddr && b.fls.onFlash(from, int64(h.ImgLen)) {
		if m := b.hit; m != nil && !overlaps(b, from, h.ImgLen, m.out) {
			sink.pkg = h
			return m.replay(sink)
		}
		sink.keep, sink.keepMax = make([]byte, 0, 2*int(h.ImgLen)), b.memo.limit()
	}
	z := new(inflater)
	z.start(func(p []byte, off int64) error { return b.fls.read(p, from+uint32(off)) }, 0, int64(h.ImgLen), sink)
	end, err := z.gzipHeader()
	if err != nil || end != inflateDone {
		return end, err
	}
	end, err = z.run()
	if sink.keep != nil && err == nil && (end == inflateDone || end == inflateError) {
		b.memo.store(b, h, from, sink, end, z.proper(end))
	}
	return end, err
}

// sinkState is where an imageSink is.
type sinkState uint8

const (
	sinkFresh    sinkState = iota // nothing came yet
	sinkWrites                    // the inner header is good
	sinkDiscards                  // the inner header is bad: everything is dropped
)

// outputSlack is how many bytes secboot is followed behind the end of the
// flash, where output has no effect, before it counts as endless.
const outputSlack = 64 << 20

// imageSink writes unpacked output to flash as secboot's window flush does
// (xt804.md 3.6 step 3): the inner header at once, everything behind it to
// img_addr onward, through a cache of one sector. The stream is not cut at the
// inner image's length.
type imageSink struct {
	b     *bootRun
	state sinkState
	hi    Header
	addr  uint32 // where the next byte goes
	total int64  // bytes of output so far
	keep  []byte // copy of the output for the memo, if not nil

	keepMax int64 // longest output that the memo takes, in bytes

	// pkg is the package if the output comes from the memo: then it and the
	// place in the output are all that the rest depends on.
	pkg *Header

	cached bool // sector and base are in use
	base   int64
	sector [flash.DefaultSectorSize]byte
}

func (s *imageSink) flush(p, window []byte, endless bool) error {
	s.total += int64(len(p))
	switch {
	case s.keep == nil:
	case s.total > s.keepMax:
		s.keep = nil
	default:
		s.keep = append(s.keep, p...)
	}
	if s.state == sinkFresh {
		if err := s.first(window); err != nil {
			return err
		}
		p = p[min(len(p), HeaderSize):]
	}
	if s.state == sinkWrites {
		if err := s.write(p); err != nil {
			return err
		}
	}
	if endless && s.noEffect() || s.total > outputSlack+s.b.size {
		return errStopInflate
	}
	return nil
}

// noEffect reports that further output changes no flash cell.
func (s *imageSink) noEffect() bool {
	return s.state != sinkWrites || s.addr > flashSpaceLast || Off(s.addr) >= s.b.size
}

// first takes the inner header from the front of the window, which may hold
// less output than that.
func (s *imageSink) first(window []byte) error {
	s.hi = DecodeHeader(window)
	if checkHeader(&s.hi, s.b.size) != statusOK {
		s.state = sinkDiscards
		return nil
	}
	s.state, s.addr = sinkWrites, s.hi.ImgAddr
	s.b.read("inner header valid: type %d, %d bytes for 0x%08X, version %q", s.hi.Type(), s.hi.ImgLen, s.hi.ImgAddr, s.hi.Version())
	return s.b.store(s.hi.ImgHeaderAddr, window[:HeaderSize])
}

func (s *imageSink) write(p []byte) error {
	if s.addr > flashSpaceLast {
		s.b.storeRAM(s.addr, p)
		s.addr += uint32(len(p))
		return nil
	}
	for len(p) > 0 {
		off := Off(s.addr)
		base := off &^ (flash.DefaultSectorSize - 1)
		if !s.cached && off == base && len(p) >= len(s.sector) && base < s.b.size {
			// A whole sector: through the cache it would do the same.
			if s.pkg != nil {
				if err := s.b.checkpoint(s.pkg, "unpack", s.addr, uint32(s.total), uint32(len(p))); err != nil {
					return err
				}
			}
			if err := s.b.fls.rewrite(base, p[:len(s.sector)]); err != nil {
				return err
			}
			s.addr, p = s.addr+uint32(len(s.sector)), p[len(s.sector):]
			continue
		}
		if !s.cached || s.base != base {
			if err := s.close(); err != nil {
				return err
			}
			s.cached, s.base = true, base
			if err := s.b.fls.read(s.sector[:], Addr(base)); err != nil {
				return err
			}
		}
		n := copy(s.sector[off-base:], p)
		s.addr, p = s.addr+uint32(n), p[n:]
		if off+int64(n) == base+flash.DefaultSectorSize {
			if err := s.close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// close writes the cached sector, which may be partial: its other bytes are
// what the flash held.
func (s *imageSink) close() error {
	if !s.cached {
		return nil
	}
	s.cached = false
	if s.base >= s.b.size {
		return nil
	}
	return s.b.fls.rewrite(s.base, s.sector[:])
}
