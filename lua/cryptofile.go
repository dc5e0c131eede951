package lua

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// cryptoCrc7 is crc7(data, poly=0xE5, start=0): highest bit first, seven bits
// of poly count (luatos-runtime.md 9.3).
func (m *Machine) cryptoCrc7(l *glua.LState) int {
	data := m.str(l, 1)
	m.charge(len(data) / 4)
	c := newCrc(7, uint64(m.optInt(l, 2, 0xE5))&127, uint64(m.optInt(l, 3, 0))&127, false)
	c.write([]byte(data))
	return pushInt(l, int64(c.value()))
}

// cryptoCrcFile is crc_file(mode, path, ...): "crc32", "crc8", "crc16_modbus"
// or a variant of crc16, with the parameters of those functions. Nothing comes
// back if the file cannot be read.
func (m *Machine) cryptoCrcFile(l *glua.LState) int {
	mode, path := m.str(l, 1), m.str(l, 2)
	var c *crcState
	var end func(crc uint64) int64
	switch mode {
	case "crc32", "crc8":
		l.Remove(1) // the parameters are then where crc32 has them
		if mode == "crc8" {
			c, end = m.crc8Of(l), func(crc uint64) int64 { return int64(crc) }
			break
		}
		var xor uint32
		c, xor = m.crc32Of(l)
		end = func(crc uint64) int64 { return m.wrap(int64(uint32(crc) ^ xor)) }
	default:
		if mode == "crc16_modbus" {
			mode = "MODBUS"
		}
		k, reverse, ok := m.crc16Kind(l, mode)
		if !ok {
			return pushInt(l, 0)
		}
		c = newCrc(16, uint64(k.poly), uint64(k.init), k.reflect)
		end = func(crc uint64) int64 {
			if reverse {
				crc = reverseBits(crc, 16)
			}
			return int64(uint16(crc) ^ k.xorout)
		}
	}
	if !m.eachBlock(path, c.write) {
		return 0
	}
	return pushInt(l, end(c.value()))
}

// cryptoTotp is totp(secret [, time]): six digits as a number (RFC 6238 with
// SHA-1 and 30 seconds), nil if the secret is no base32.
func (m *Machine) cryptoTotp(l *glua.LState) int {
	secret := strings.TrimRight(strings.ToUpper(m.str(l, 1)), "=")
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil || len(key) == 0 {
		l.Push(glua.LNil)
		return 1
	}
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(m.optInt(l, 2, m.board.UnixTime())/30))
	h := hmac.New(sha1.New, key)
	h.Write(counter[:])
	sum := h.Sum(nil)
	code := binary.BigEndian.Uint32(sum[sum[19]&15:]) & 0x7FFFFFFF
	return pushInt(l, int64(code%1_000_000))
}
