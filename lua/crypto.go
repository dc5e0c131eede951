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
	"io"
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

// openCrypto installs hashes, CRCs, base64, ciphers and keys
// (luatos-runtime.md 9.3).
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
		fn("crc32", func(l *glua.LState) int { return m.cryptoCrc32(l, m.str(l, 1)) }),
		fn("crc8", func(l *glua.LState) int { return m.cryptoCrc8(l, m.str(l, 1)) }),
		fn("crc7", m.cryptoCrc7),
		fn("crc_file", m.cryptoCrcFile),
		fn("totp", m.cryptoTotp),
		fn("cipher_encrypt", func(l *glua.LState) int { return m.cryptoCipher(l, true) }),
		fn("cipher_decrypt", func(l *glua.LState) int { return m.cryptoCipher(l, false) }),
		fn("cipher_list", m.cryptoCipherList),
		fn("cipher_suites", m.cryptoCipherSuites),
		fn("checksum", m.cryptoChecksum),
		fn("base64_encode", func(l *glua.LState) int {
			return pushStr(l, base64.StdEncoding.EncodeToString([]byte(m.str(l, 1))))
		}),
		fn("base64_decode", func(l *glua.LState) int { return pushStr(l, fromBase64(m.str(l, 1))) }),
		fn("trng", func(l *glua.LState) int {
			b := make([]byte, max(0, min(trngMax, m.integer(l, 1))))
			m.random(b)
			return pushStr(l, string(b))
		}),
	)
	m.openPk(t)
}

// trngMax is how many random bytes one call gives, whatever it asks for
// (upstream's own test).
const trngMax = 128

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
	if !file {
		data := m.str(l, 2)
		m.charge(len(data) / 16)
		h.Write([]byte(data))
	} else if !m.eachBlock(m.str(l, 2), func(p []byte) { h.Write(p) }) {
		return 0
	}
	return pushStr(l, upperHexSum(h))
}

// eachBlock reads a file block by block; false if it cannot be read.
func (m *Machine) eachBlock(name string, visit func(p []byte)) bool {
	f, err := m.openFile(name, "rb")
	if err != nil {
		return false
	}
	defer f.f.Close()
	p := make([]byte, 4096)
	for {
		n, err := f.f.Read(p)
		m.checkPower()
		m.charge(n / 16)
		visit(p[:n])
		if err == io.EOF || n == 0 && err == nil {
			return true
		}
		if err != nil {
			return false
		}
	}
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
	c := newCrc(16, uint64(k.poly), uint64(k.init), k.reflect)
	c.write([]byte(data))
	return uint16(c.value()) ^ k.xorout
}

func (m *Machine) cryptoCrc16(l *glua.LState) int {
	name, data := m.str(l, 1), ""
	if b := asZbuff(l.Get(2)); b != nil {
		data = string(b.rest()) // from the cursor to the end
	} else {
		data = m.str(l, 2)
	}
	k, reverse, ok := m.crc16Kind(l, name)
	if !ok {
		return pushInt(l, 0)
	}
	crc := m.crc16(data, k)
	if reverse {
		crc = k.xorout ^ uint16(reverseBits(uint64(crc^k.xorout), 16))
	}
	return pushInt(l, int64(crc))
}

// crc16Kind is the variant called name; the user's own comes from arguments 3
// to 7. Its "reflect input" makes the whole algorithm the reflected one, as in
// the named variants; "reflect output" turns the result round once more
// (upstream's test: 8005, FFFF, 0, 1, 0 is MODBUS).
func (m *Machine) crc16Kind(l *glua.LState, name string) (k crcKind, reverse, ok bool) {
	for _, k = range crc16Kinds {
		if k.name == name {
			ok = true
			break
		}
	}
	if name == "USER-DEFINED" {
		k.poly, k.init, k.xorout = uint16(m.optInt(l, 3, 0)), uint16(m.optInt(l, 4, 0)), uint16(m.optInt(l, 5, 0))
		k.reflect, reverse = m.flag(l, 6), m.flag(l, 7)
	}
	return k, reverse, ok
}

// flag reads a switch that scripts give as boolean or as 0 and 1.
func (m *Machine) flag(l *glua.LState, n int) bool {
	if f, ok := m.number(l.Get(n)); ok {
		return f != 0
	}
	return glua.LVAsBool(l.Get(n))
}

// crc32Of and crc8Of start the CRCs whose parameters are arguments 2 on.
func (m *Machine) crc32Of(l *glua.LState) (c *crcState, xor uint32) {
	start, poly, end := m.optInt(l, 2, 0xFFFFFFFF), m.optInt(l, 3, 0x04C11DB7), m.optInt(l, 4, 0xFFFFFFFF)
	return newCrc(32, uint64(uint32(poly)), reverseBits(uint64(uint32(start)), 32), true), uint32(end)
}

func (m *Machine) crc8Of(l *glua.LState) *crcState {
	if l.GetTop() <= 1 {
		return newCrc(8, 7, 0, false)
	}
	return newCrc(8, uint64(m.optInt(l, 2, 7))&255, uint64(m.optInt(l, 3, 0))&255, m.optBool(l, 4, false))
}

func (m *Machine) cryptoCrc32(l *glua.LState, data string) int {
	m.charge(len(data) / 4)
	c, xor := m.crc32Of(l)
	c.write([]byte(data))
	return m.pushWrapped(l, int64(uint32(c.value())^xor))
}

func (m *Machine) cryptoCrc8(l *glua.LState, data string) int {
	m.charge(len(data) / 4)
	c := m.crc8Of(l)
	c.write([]byte(data))
	return pushInt(l, int64(c.value()))
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
