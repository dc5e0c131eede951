package rda8910

import "sync"

// memoMax bounds a memo: input plus output of all entries, in bytes.
const memoMax = 64 << 20

// memo remembers what boot code or a core made of bytes: unpacked and packed pieces, and
// packs that it verified. That is a function of these bytes alone, and they are
// compared, not their hash: so a memo changes nothing but the time that a sweep
// takes. What it returns is shared and never changed. The zero memo is empty, a
// nil one unpacks and remembers nothing.
type memo struct {
	mu      sync.Mutex
	bytes   int
	unpacks map[string][]byte
	packs   map[string][]byte
	ota     map[string]*Pack
}

func (m *memo) unpackLZMAR(b []byte) ([]byte, error) {
	if m == nil {
		return unpackLZMAR(b)
	}
	return recall(m, &m.unpacks, b, unpackLZMAR, func(out []byte) int { return len(out) })
}

func (m *memo) packLZMAR(p []byte) ([]byte, error) {
	return recall(m, &m.packs, p, PackLZMAR, func(out []byte) int { return len(out) })
}

// verifiedPack parses a pack and checks all of it. Its bundles are unpacked.
func (m *memo) verifiedPack(b []byte) (*Pack, error) {
	return recall(m, &m.ota, b, func(b []byte) (*Pack, error) {
		p, err := ParsePack(b)
		if err != nil {
			return nil, err
		}
		p.keep = true
		return p, p.Verify()
	}, (*Pack).keptBytes)
}

// recall returns what made makes of in, if need be. Errors are not remembered.
func recall[T any](m *memo, known *map[string]T, in []byte, made func([]byte) (T, error), size func(T) int) (T, error) {
	m.mu.Lock()
	out, ok := (*known)[string(in)]
	m.mu.Unlock()
	if ok {
		return out, nil
	}
	out, err := made(in)
	if err != nil {
		return out, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(in) + size(out)
	if m.bytes+n > memoMax {
		m.unpacks, m.packs, m.ota, m.bytes = nil, nil, nil, 0
	}
	if *known == nil {
		*known = map[string]T{}
	}
	if _, ok := (*known)[string(in)]; !ok && n <= memoMax {
		(*known)[string(in)] = out
		m.bytes += n
	}
	return out, nil
}

// keptBytes is how much memory the unpacked bundles take, about.
func (p *Pack) keptBytes() int {
	n := 0
	for _, list := range p.kept {
		for i := range list {
			n += list[i].size + pieceRecord*len(list[i].Pieces)
		}
	}
	return n
}
