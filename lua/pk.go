package lua

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"

	"airlift/lua/pubkey"
)

// The numbers of hash functions in signatures.
var pkDigests = []struct {
	name string
	n    int
	md   *pubkey.Digest
}{
	{"MD_MD5", 3, pubkey.MD5}, {"MD_SHA1", 5, pubkey.SHA1}, {"MD_SHA224", 8, pubkey.SHA224},
	{"MD_SHA256", 9, pubkey.SHA256}, {"MD_SHA384", 10, pubkey.SHA384}, {"MD_SHA512", 11, pubkey.SHA512},
}

// openPk installs crypto's functions for keys of either kind.
func (m *Machine) openPk(t *glua.LTable) {
	m.fill(t, fn("pk_sign", m.pkSign), fn("pk_verify", m.pkVerify), fn("pk_type", m.pkType), fn("pk_generate", m.pkGenerate))
	for _, d := range pkDigests {
		t.RawSetString(d.name, glua.LNumber(d.n))
	}
}

// openRsa installs the older library for RSA alone (luatos-runtime.md 9.11).
// What a module refuses returns nothing and leaves a line in the log.
func (m *Machine) openRsa() {
	t := m.lib("rsa",
		fn("encrypt", m.rsaEncrypt), fn("decrypt", m.rsaDecrypt),
		fn("verify", func(l *glua.LState) int {
			good, err := m.verify(l, 2, 3, 1, 4)
			if err != nil {
				return 0
			}
			return pushBool(l, good)
		}),
		fn("sign", func(l *glua.LState) int { return m.sign(l, 2, 3, 1, 4) }))
	for _, d := range pkDigests[:4] {
		t.RawSetString(d.name, glua.LNumber(d.n))
	}
}

// labour lets the time of a long computation pass: libraries block the scripts
// while they compute. Timers and the watchdog go on.
func (m *Machine) labour(d time.Duration) {
	for n := int64(d / stepTime); n > 0; n -= sliceSteps {
		m.charge(int(min(n, sliceSteps)))
	}
}

// Assumed times of a 240 MHz core without hardware for it: 900 ms for RSA with
// a private exponent of 2048 bits, 80 ms for a point of a 256-bit curve.
func rsaTime(bits, exponentBits int) time.Duration {
	f := float64(bits) / 2048
	return time.Duration(float64(900*time.Millisecond) * f * f * float64(exponentBits) / 2048)
}

func ecTime(bits int) time.Duration {
	return time.Duration(float64(80*time.Millisecond) * math.Pow(float64(bits)/256, 3))
}

// random fills p from the module's random number generator.
func (m *Machine) random(p []byte) {
	if m.trng == nil {
		m.trng = m.board.Rand("trng")
	}
	for i := range p {
		p[i] = byte(m.trng.Uint32())
	}
}

// keyError notes why a key cannot be used. A kind of key that the emulator
// lacks is an error of its own.
func (m *Machine) keyError(what string, err error) {
	if errors.Is(err, pubkey.ErrUnsupported) {
		m.raise("%s: %v", what, err)
	}
	m.logf(levelError, "crypto", "%s failed: %v", what, err)
}

// digest is the hash function numbered n: nil and true for none at all.
func pkDigest(n int64) (md *pubkey.Digest, ok bool) {
	for _, d := range pkDigests {
		if int64(d.n) == n {
			return d.md, true
		}
	}
	return nil, n == 0
}

// password is an argument that counts if it is a string.
func (m *Machine) password(l *glua.LState, n int) []byte {
	if l.Get(n).Type() != glua.LTString {
		return nil
	}
	return []byte(m.str(l, n))
}

func (m *Machine) pkSign(l *glua.LState) int { return m.sign(l, 1, 2, 3, 4) }

// sign gets the places of its arguments: hash function, hash, key, password.
func (m *Machine) sign(l *glua.LState, mdAt, hashAt, keyAt, passwordAt int) int {
	md, known := pkDigest(m.integer(l, mdAt))
	hash, key := []byte(m.str(l, hashAt)), []byte(m.str(l, keyAt))
	k, err := pubkey.ParsePrivate(key, m.password(l, passwordAt))
	if err != nil {
		m.keyError("pk_sign: parse privkey", err)
		return 0
	}
	var sig []byte
	switch {
	case !known:
		err = errors.New("unknown hash function")
	case k.RSA != nil:
		m.labour(rsaTime(k.RSA.N.BitLen(), k.RSA.N.BitLen()) + rsaTime(k.RSA.N.BitLen(), k.RSA.E.BitLen()))
		sig, err = k.RSA.Sign(md, hash)
	default:
		m.labour(2 * ecTime(k.EC.Curve.Bits()))
		sig, err = k.EC.Sign(md, hash)
	}
	if err != nil {
		m.keyError("pk_sign: sign", err)
		return 0
	}
	return pushStr(l, string(sig))
}

func (m *Machine) pkVerify(l *glua.LState) int {
	good, err := m.verify(l, 1, 2, 3, 4)
	return pushBool(l, err == nil && good)
}

// verify gets the places of its arguments. The error is about the key.
func (m *Machine) verify(l *glua.LState, mdAt, hashAt, keyAt, sigAt int) (bool, error) {
	md, known := pkDigest(m.integer(l, mdAt))
	hash, key, sig := []byte(m.str(l, hashAt)), []byte(m.str(l, keyAt)), []byte(m.str(l, sigAt))
	k, err := pubkey.ParsePublic(key)
	if err != nil {
		m.keyError("pk_verify: parse pubkey", err)
		return false, err
	}
	if !known {
		return false, nil
	}
	if k.RSA != nil {
		m.labour(rsaTime(k.Bits(), k.RSA.E.BitLen()))
		return k.RSA.Verify(md, hash, sig), nil
	}
	m.labour(2 * ecTime(k.Bits()))
	return k.EC.Verify(md, hash, sig), nil
}

func (m *Machine) pkType(l *glua.LState) int {
	key := []byte(m.str(l, 1))
	var k *pubkey.Public
	var err error
	if l.ToBool(2) {
		var private *pubkey.Private
		if private, err = pubkey.ParsePrivate(key, nil); err == nil {
			k = private.Public()
		}
	} else {
		k, err = pubkey.ParsePublic(key)
	}
	switch {
	case errors.Is(err, pubkey.ErrUnsupported):
		m.raise("pk_type: %v", err)
	case err != nil:
		return 0
	case k.RSA != nil:
		return pushStr(l, "rsa")
	}
	return pushStr(l, "ec")
}

func (m *Machine) pkGenerate(l *glua.LState) int {
	kind, parameter := m.str(l, 1), m.optStr(l, 2, "")
	var k pubkey.Private
	switch kind {
	case "rsa":
		bits := 2048
		if parameter != "" {
			bits = leadingInt(parameter)
		}
		bits = max(pubkey.RSABitsMin, min(pubkey.RSABitsMax, bits))
		var err error
		k.RSA, err = pubkey.GenerateRSA(bits, m.random, func(bits int) { m.labour(rsaTime(bits, bits)) })
		if err != nil {
			m.keyError("pk_generate", err)
			return 0
		}
	case "ec", "ecdsa":
		c := pubkey.CurveByName(parameter)
		if c == nil {
			c = pubkey.P256
		}
		m.labour(ecTime(c.Bits()))
		k.EC = pubkey.GenerateEC(c, m.random)
	default:
		return 0
	}
	l.Push(glua.LString(k.PEM()))
	l.Push(glua.LString(k.Public().PEM()))
	return 2
}

// leadingInt is atoi.
func leadingInt(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(s[:end], 10, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0
	}
	return int(n)
}

// rsaEncrypt and rsaDecrypt take keys as text only.
func (m *Machine) rsaEncrypt(l *glua.LState) int {
	key, data := []byte(m.str(l, 1)), []byte(m.str(l, 2))
	k, err := pubkey.ParsePublic(key)
	if err == nil && (k.RSA == nil || !pubkey.IsPEM(key)) {
		err = errNoRSA
	}
	if err != nil {
		m.rsaWarn("bad public key", err)
		return 0
	}
	m.labour(rsaTime(k.Bits(), k.RSA.E.BitLen()))
	out, err := k.RSA.Encrypt(data, m.random)
	if err != nil {
		m.rsaWarn("mbedtls_rsa_pkcs1_encrypt", err)
		return 0
	}
	return pushStr(l, string(out))
}

func (m *Machine) rsaDecrypt(l *glua.LState) int {
	key, data := []byte(m.str(l, 1)), []byte(m.str(l, 2))
	k, err := pubkey.ParsePrivate(key, []byte(m.optStr(l, 3, "")))
	if err == nil && (k.RSA == nil || !pubkey.IsPEM(key)) {
		err = errNoRSA
	}
	if err != nil {
		m.rsaWarn("bad private key", err)
		return 0
	}
	if k.RSA.Size() != len(data) {
		m.logf(levelWarn, "rsa", "data len NOT match expect %d but %d", k.RSA.Size(), len(data))
		return 0
	}
	m.labour(rsaTime(k.RSA.N.BitLen(), k.RSA.N.BitLen()))
	out, err := k.RSA.Decrypt(data)
	if err != nil {
		m.rsaWarn("mbedtls_rsa_pkcs1_decrypt", err)
		return 0
	}
	return pushStr(l, string(out))
}

var errNoRSA = errors.New("no RSA key in PEM form")

func (m *Machine) rsaWarn(what string, err error) {
	if errors.Is(err, pubkey.ErrUnsupported) {
		m.raise("%s: %v", what, err)
	}
	m.logf(levelWarn, "rsa", "%s: %v", what, err)
}
