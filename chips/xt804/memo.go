package xt804

import (
	"bytes"
	"sync"

	"airlift/chips"
	"airlift/flash"
)

// DefaultMemoBytes bounds a zero Memo: input plus output of all entries.
const DefaultMemoBytes = 256 << 20

// Memo remembers what secboot's inflate made of a package, so that booting the
// same package again, as a sweep over power cuts does, need not inflate it
// again. It may be shared between goroutines.
//
// Why it changes nothing but the speed: inflate sees its compressed input and
// nothing else (the window starts zeroed, the buffers have fixed sizes). An
// entry is used only if the input on flash is byte for byte the remembered
// one; the checksum that finds the entry is not trusted. (Bytes that are equal
// have the same CRC too, so that needs no computing.) The output then goes
// through the same window-sized flushes into the same sink, so the flash
// operations are the same in the same order. There is one more thing that
// inflate could see: input that changes while it is read, when a package
// unpacks over itself. Such a package is neither remembered nor replayed.
//
// The firmware then unpacks the same package once more, with an inflate of its
// own, for the scripts at its end (see [CoreStage]). It may take the output
// from here if the stream was proper: then secboot's faults had no part in it,
// and the two inflates cannot differ.
type Memo struct {
	// Limit bounds input plus output of all entries in bytes; zero means
	// DefaultMemoBytes. The oldest entries go first.
	Limit int64

	sums chips.Memo // CRCs of pieces of bodies, by the contents of the flash

	mu      sync.Mutex
	entries map[memoKey]*memoEntry
	order   []memoKey
	bytes   int64
}

// of is the memo for a boot from dev: none where the chip is defective, so that
// reads see something else than is in the cells, or something else each time.
func (m *Memo) of(dev *flash.Device) *Memo {
	if dev.Defects() != nil {
		return nil
	}
	return m
}

type memoKey struct {
	sum uint32
	n   uint32
}

type memoEntry struct {
	in, out []byte
	end     inflateEnd
	proper  bool // see inflater.proper
}

func (m *memoEntry) size() int64 { return int64(len(m.in) + len(m.out)) }

func (m *Memo) limit() int64 {
	if m.Limit == 0 {
		return DefaultMemoBytes
	}
	return m.Limit
}

// recall reports that the body of the package h at address at is one that the
// memo knows, which also says that its CRC is right. It notes the entry if
// that is the body which an upgrade would unpack.
func (b *bootRun) recall(h *Header, at uint32) bool {
	if b.memo == nil || !h.Zipped() || !b.fls.onFlash(at, int64(h.ImgLen)) {
		return false
	}
	e := b.memo.find(h)
	if e == nil || !sameFlash(b.fls, at, e.in) {
		return false
	}
	if at == UpgradeAddr+HeaderSize {
		b.hit = e
	}
	return true
}

// find returns what may be the entry of the package h.
func (m *Memo) find(h *Header) *memoEntry {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entries[memoKey{h.OrgChecksum, h.ImgLen}]
}

// sameFlash compares flash from at with want, which must lie on it.
func sameFlash(f fls, at uint32, want []byte) bool {
	err := f.dev.View(Off(at), int64(len(want)), func(p []byte) bool {
		if !bytes.Equal(p, want[:len(p)]) {
			return false
		}
		want = want[len(p):]
		return true
	})
	return err == nil && len(want) == 0
}

// overlaps reports whether unpacking out may change the n bytes of input at
// from.
func overlaps(b *bootRun, from, n uint32, out []byte) bool {
	var head [HeaderSize]byte
	copy(head[:], out)
	hi := DecodeHeader(head[:])
	if checkHeader(&hi, b.size) != statusOK {
		return false
	}
	lo, high := Off(from), Off(from)+int64(n)
	touches := func(addr uint32, n int64) bool {
		const sector = flash.DefaultSectorSize
		at := Off(addr) &^ (sector - 1)
		end := (Off(addr) + n + sector - 1) &^ (sector - 1)
		return addr <= flashSpaceLast && at < high && end > lo
	}
	return touches(hi.ImgHeaderAddr, HeaderSize) || touches(hi.ImgAddr, int64(len(out)))
}

// store remembers what sink got.
func (m *Memo) store(b *bootRun, h *Header, from uint32, sink *imageSink, end inflateEnd, proper bool) {
	if overlaps(b, from, h.ImgLen, sink.keep) {
		return
	}
	e := &memoEntry{in: make([]byte, h.ImgLen), out: sink.keep, end: end, proper: proper}
	if b.fls.read(e.in, from) != nil || JAMCRC(e.in) != h.OrgChecksum {
		return // or it is not the body that the header is about: pitfall P28
	}
	limit := m.limit()
	key := memoKey{h.OrgChecksum, h.ImgLen}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = make(map[memoKey]*memoEntry)
	}
	if m.entries[key] != nil || e.size() > limit {
		return
	}
	for m.bytes+e.size() > limit {
		m.bytes -= m.entries[m.order[0]].size()
		delete(m.entries, m.order[0])
		m.order = m.order[1:]
	}
	m.entries[key] = e
	m.order = append(m.order, key)
	m.bytes += e.size()
}

// replay flushes the remembered output as inflate did.
func (m *memoEntry) replay(sink *imageSink) (inflateEnd, error) {
	for out := m.out; len(out) > 0; {
		n := min(len(out), windowSize)
		window := out
		if n < HeaderSize {
			window = make([]byte, HeaderSize)
			copy(window, out)
		}
		if err := sink.flush(out[:n], window, false); err != nil {
			return m.end, err
		}
		out = out[n:]
	}
	return m.end, nil
}
