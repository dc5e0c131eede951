package emu

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

// Stream returns the random stream of a component in a boot (rule 7 of the
// house): all randomness comes from one seed, as streams that are derived from
// it and never shared.
func Stream(seed uint64, component string, boot int) *rand.Rand {
	h := sha256.New()
	var head [16]byte
	binary.LittleEndian.PutUint64(head[:], seed)
	binary.LittleEndian.PutUint64(head[8:], uint64(boot))
	h.Write(head[:])
	h.Write([]byte(component))
	sum := h.Sum(nil)
	return rand.New(rand.NewPCG(binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:])))
}
