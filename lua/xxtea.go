package lua

import (
	"encoding/binary"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// openXxtea installs encrypt and decrypt: XXTEA over little-endian words with
// the length as the last one, and a key of up to 16 bytes that is filled up
// with zeros from its first zero byte on.
func (m *Machine) openXxtea() {
	m.lib("xxtea",
		fn("encrypt", func(l *glua.LState) int {
			data := m.str(l, 1)
			if data == "" {
				return 0
			}
			words := append(toWords(data), uint32(len(data)))
			m.xxteaCost(words)
			xxteaEncrypt(words, xxteaKey(m.str(l, 2)))
			return pushStr(l, fromWords(words))
		}),
		fn("decrypt", func(l *glua.LState) int {
			words := toWords(m.str(l, 1))
			if len(words) < 2 {
				return 0
			}
			m.xxteaCost(words)
			xxteaDecrypt(words, xxteaKey(m.str(l, 2)))
			last := len(words) - 1
			n, room := int64(words[last]), int64(last*4)
			if n > room || n < room-3 {
				return 0
			}
			return pushStr(l, fromWords(words[:last])[:n])
		}))
}

func (m *Machine) xxteaCost(words []uint32) {
	m.allocate(int64(len(words) * 4))
	m.charge(len(words)*(6+52/len(words))/4 + 1)
}

func toWords(s string) []uint32 {
	p := append([]byte(s), 0, 0, 0)
	words := make([]uint32, 0, len(p)/4+1)
	for ; len(p) >= 4; p = p[4:] {
		words = append(words, binary.LittleEndian.Uint32(p))
	}
	return words
}

func fromWords(words []uint32) string {
	var b []byte
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return string(b)
}

func xxteaKey(s string) (key [4]uint32) {
	s, _, _ = strings.Cut(s, "\x00")
	var p [16]byte
	copy(p[:], s)
	copy(key[:], toWords(string(p[:])))
	return key
}

const xxteaDelta = 0x9E3779B9

func xxteaMix(sum, y, z uint32, i int, key *[4]uint32) uint32 {
	return ((z>>5 ^ y<<2) + (y>>3 ^ z<<4)) ^ ((sum ^ y) + (key[uint32(i)&3^sum>>2&3] ^ z))
}

func xxteaEncrypt(v []uint32, key [4]uint32) {
	last := len(v) - 1
	z, sum := v[last], uint32(0)
	for range 6 + 52/len(v) {
		sum += xxteaDelta
		for i := range v {
			y := v[0]
			if i < last {
				y = v[i+1]
			}
			v[i] += xxteaMix(sum, y, z, i, &key)
			z = v[i]
		}
	}
}

func xxteaDecrypt(v []uint32, key [4]uint32) {
	last := len(v) - 1
	rounds := 6 + 52/len(v)
	y, sum := v[0], uint32(rounds)*xxteaDelta
	for range rounds {
		for i := last; i >= 0; i-- {
			z := v[last]
			if i > 0 {
				z = v[i-1]
			}
			v[i] -= xxteaMix(sum, y, z, i, &key)
			y = v[i]
		}
		sum -= xxteaDelta
	}
}
