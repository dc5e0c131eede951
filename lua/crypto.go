package lua

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// digests are the hash functions by name (luatos-runtime.md 9.3).
var digests = []struct {
	name string
	new  func() hash.Hash
}{{"md5", md5.New}, {"sha1", sha1.New}, {"sha256", sha256.New}, {"sha512", sha512.New}}

func digest(name string) func() hash.Hash {
	for _, d := range digests {
		if strings.EqualFold(d.name, name) {
			return d.new
		}
	}
	return nil
}

func upperHexSum(h hash.Hash) string { return strings.ToUpper(hex.EncodeToString(h.Sum(nil))) }

// openCrypto installs hashes, CRCs and base64; ciphers and keys are refused.
func (m *Machine) openCrypto() {
	t := m.lib("crypto")
	for _, d := range digests {
		m.fill(t,
			fn(d.name, func(l *glua.LState) int {
				h := d.new()
				s := m.str(l, 1)
				m.charge(len(s) / 16)
				h.Write([]byte(s))
				return pushStr(l, upperHexSum(h))
			}),
			fn("hmac_"+d.name, func(l *glua.LState) int {
				h := hmac.New(d.new, []byte(m.str(l, 2)))
				h.Write([]byte(m.str(l, 1)))
				return pushStr(l, upperHexSum(h))
			}))
	}
	m.fill(t,
		fn("md", func(l *glua.LState) int { return m.cryptoMd(l, false) }),
		fn("md_file", func(l *glua.LState) int { return m.cryptoMd(l, true) }),
		fn("hash_init", m.cryptoHashInit),
		fn("hash_update", func(l *glua.LState) int {
			m.hashOf(l).Write([]byte(m.str(l, 2)))
			return 0
		}),
		fn("hash_finish", func(l *glua.LState) int { return pushStr(l, upperHexSum(m.hashOf(l))) }),
		fn("crc16", m.cryptoCrc16),
		fn("crc16_modbus", func(l *glua.LState) int {
			return pushInt(l, int64(m.crc16(m.str(l, 1), crc16Kinds[3])))
		}),
		fn("crc32", m.cryptoCrc32),
		fn("crc8", m.cryptoCrc8),
		fn("checksum", m.cryptoChecksum),
		fn("base64_encode", func(l *glua.LState) int {
			return pushStr(l, base64.StdEncoding.EncodeToString([]byte(m.str(l, 1))))
		}),
		fn("base64_decode", func(l *glua.LState) int { return pushStr(l, fromBase64(m.str(l, 1))) }),
		fn("trng", func(l *glua.LState) int {
			b := make([]byte, max(0, min(4096, m.integer(l, 1))))
			if m.trng == nil {
				m.trng = m.board.Rand("trng")
			}
			for i := range b {
				b[i] = byte(m.trng.Uint32())
			}
			return pushStr(l, string(b))
		}),
	)
	for _, name := range []string{"cipher_encrypt", "cipher_decrypt", "cipher_list", "cipher_suites", "totp", "crc7",
		"pk_sign", "pk_verify", "pk_generate", "pk_type", "crc_file"} {
		m.fill(t, fn(name, m.refuse("crypto."+name)))
	}
}

// cryptoMd is md(name, data or path [, hmac key]).
func (m *Machine) cryptoMd(l *glua.LState, file bool) int {
	mk := digest(m.str(l, 1))
	if mk == nil {
		return 0
	}
	h := mk()
	if l.GetTop() >= 3 && l.Get(3) != glua.LNil {
		h = hmac.New(mk, []byte(m.str(l, 3)))
	}
	data := m.str(l, 2)
	if file {
		text, _, err := m.files.readAll(data, sourceMax)
		m.checkPower()
		if err != nil {
			return 0
		}
		data = text
	}
	m.charge(len(data) / 16)
	h.Write([]byte(data))
	return pushStr(l, upperHexSum(h))
}

func (m *Machine) cryptoHashInit(l *glua.LState) int {
	mk := digest(m.str(l, 1))
	if mk == nil {
		return 0
	}
	ud := l.NewUserData()
	ud.Value = mk()
	if l.GetTop() >= 2 && l.Get(2) != glua.LNil {
		ud.Value = hmac.New(mk, []byte(m.str(l, 2)))
	}
	l.Push(ud)
	return 1
}

func (m *Machine) hashOf(l *glua.LState) hash.Hash {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		if h, ok := ud.Value.(hash.Hash); ok {
			return h
		}
	}
	m.typeError(l, 1, "hash context")
	return nil
}

func (m *Machine) crc16(data string, k crcKind) uint16 {
	m.charge(len(data) / 4)
	crc := crcBits(data, 16, uint64(k.poly), uint64(k.init), k.reflect)
	if k.reflect {
		crc = reverseBits(crc, 16)
	}
	return uint16(crc) ^ k.xorout
}

func (m *Machine) cryptoCrc16(l *glua.LState) int {
	name, data := m.str(l, 1), ""
	if b := asZbuff(l.Get(2)); b != nil {
		data = string(b.rest()) // from the cursor to the end
	} else {
		data = m.str(l, 2)
	}
	for _, k := range crc16Kinds {
		if k.name != name {
			continue
		}
		if name == "USER-DEFINED" {
			k.poly, k.init, k.xorout = uint16(m.optInt(l, 3, 0)), uint16(m.optInt(l, 4, 0)), uint16(m.optInt(l, 5, 0))
			in, out := m.flag(l, 6), m.flag(l, 7)
			m.charge(len(data) / 4)
			crc := crcBits(data, 16, uint64(k.poly), uint64(k.init), in)
			if out {
				crc = reverseBits(crc, 16)
			}
			return pushInt(l, int64(uint16(crc)^k.xorout))
		}
		return pushInt(l, int64(m.crc16(data, k)))
	}
	return pushInt(l, 0)
}

// flag reads a switch that scripts give as boolean or as 0 and 1.
func (m *Machine) flag(l *glua.LState, n int) bool {
	if f, ok := l.Get(n).(glua.LNumber); ok {
		return f != 0
	}
	return glua.LVAsBool(l.Get(n))
}

func (m *Machine) cryptoCrc32(l *glua.LState) int {
	data := m.str(l, 1)
	m.charge(len(data) / 4)
	start, poly, xor := m.optInt(l, 2, 0xFFFFFFFF), m.optInt(l, 3, 0x04C11DB7), m.optInt(l, 4, 0xFFFFFFFF)
	crc := crcBits(data, 32, uint64(uint32(poly)), reverseBits(uint64(uint32(start)), 32), true)
	return pushInt(l, m.wrap(int64(uint32(reverseBits(crc, 32))^uint32(xor))))
}

func (m *Machine) cryptoCrc8(l *glua.LState) int {
	data := m.str(l, 1)
	m.charge(len(data) / 4)
	poly, init := uint64(7), uint64(0)
	reflect := false
	if l.GetTop() > 1 {
		poly, init, reflect = uint64(m.optInt(l, 2, 7))&255, uint64(m.optInt(l, 3, 0))&255, m.optBool(l, 4, false)
	}
	crc := crcBits(data, 8, poly, init, reflect)
	if reflect {
		crc = reverseBits(crc, 8)
	}
	return pushInt(l, int64(crc))
}

func (m *Machine) cryptoChecksum(l *glua.LState) int {
	var xor, sum byte
	for _, c := range []byte(m.str(l, 1)) {
		xor, sum = xor^c, sum+c
	}
	if m.optInt(l, 2, 0) == 1 {
		return pushInt(l, int64(sum))
	}
	return pushInt(l, int64(xor))
}
