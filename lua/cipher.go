package lua

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// The ciphers of crypto (luatos-runtime.md 9.3). What fails on a module
// returns nil here: an unknown name, a key or IV of the wrong length, data that
// does not fill its blocks without padding, padding that is none, a wrong tag.
//
// Assumed: ECB pads as CBC does. (Upstream's vectors cover PKCS7 in ECB, and
// ZERO in CBC, which adds a whole block to data that needs none.)

// blockCipher is one block cipher with its key length in bytes.
type blockCipher struct {
	name string
	key  int
	open func(key []byte) (cipher.Block, error)
}

var blockCiphers = []blockCipher{
	{"AES-128", 16, aes.NewCipher},
	{"AES-192", 24, aes.NewCipher},
	{"AES-256", 32, aes.NewCipher},
	{"DES", 8, des.NewCipher},
	{"DES-EDE", 16, func(k []byte) (cipher.Block, error) {
		return des.NewTripleDESCipher(append(append([]byte{}, k...), k[:8]...))
	}},
	{"DES-EDE3", 24, des.NewTripleDESCipher},
}

// cipherNames are what cipher_list returns: those that work here. The list of
// a module has more, and differs from build to build.
var cipherNames = []string{
	"AES-128-ECB", "AES-192-ECB", "AES-256-ECB", "AES-128-CBC", "AES-192-CBC", "AES-256-CBC",
	"AES-128-CTR", "AES-192-CTR", "AES-256-CTR", "AES-128-GCM", "AES-192-GCM", "AES-256-GCM",
	"DES-ECB", "DES-EDE-ECB", "DES-EDE3-ECB", "DES-CBC", "DES-EDE-CBC", "DES-EDE3-CBC",
}

// cipherRefused are the beginnings and ends of names that modules know and
// that are not emulated (cipher_list of an Air1601).
var cipherRefused = []string{"-CCM", "-CCM*-NO-TAG", "-KW", "-KWP", "-CFB128", "CHACHA20", "CHACHA20-POLY1305"}

// suiteNames are the TLS suites that upstream's test expects of every module.
var suiteNames = []string{
	"TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384", "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
	"TLS-ECDHE-ECDSA-WITH-AES-256-CCM", "TLS-ECDHE-ECDSA-WITH-AES-256-CBC-SHA384",
	"TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA384", "TLS-ECDHE-ECDSA-WITH-AES-256-CBC-SHA",
	"TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA", "TLS-ECDHE-ECDSA-WITH-AES-256-CCM-8",
	"TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
	"TLS-ECDHE-ECDSA-WITH-AES-128-CCM", "TLS-ECDHE-ECDSA-WITH-AES-128-CBC-SHA256",
	"TLS-ECDHE-RSA-WITH-AES-128-CBC-SHA256", "TLS-ECDHE-ECDSA-WITH-AES-128-CBC-SHA",
	"TLS-ECDHE-RSA-WITH-AES-128-CBC-SHA", "TLS-ECDHE-ECDSA-WITH-AES-128-CCM-8",
	"TLS-RSA-WITH-AES-256-GCM-SHA384", "TLS-RSA-WITH-AES-256-CCM", "TLS-RSA-WITH-AES-256-CBC-SHA256",
	"TLS-RSA-WITH-AES-256-CBC-SHA", "TLS-RSA-WITH-AES-256-CCM-8", "TLS-RSA-WITH-AES-128-GCM-SHA256",
	"TLS-RSA-WITH-AES-128-CCM", "TLS-RSA-WITH-AES-128-CBC-SHA256", "TLS-RSA-WITH-AES-128-CBC-SHA",
	"TLS-RSA-WITH-AES-128-CCM-8", "TLS-RSA-PSK-WITH-AES-256-GCM-SHA384", "TLS-RSA-PSK-WITH-AES-256-CBC-SHA384",
	"TLS-RSA-PSK-WITH-AES-256-CBC-SHA", "TLS-RSA-PSK-WITH-AES-128-GCM-SHA256",
	"TLS-RSA-PSK-WITH-AES-128-CBC-SHA256", "TLS-RSA-PSK-WITH-AES-128-CBC-SHA",
}

func (m *Machine) cryptoCipherList(l *glua.LState) int { return pushNames(l, cipherNames) }

func (m *Machine) cryptoCipherSuites(l *glua.LState) int { return pushNames(l, suiteNames) }

func pushNames(l *glua.LState, names []string) int {
	t := l.CreateTable(len(names), 0)
	for _, n := range names {
		t.Append(glua.LString(n))
	}
	l.Push(t)
	return 1
}

// cryptoCipher is cipher_encrypt and cipher_decrypt(name, padding, data, key
// [, iv [, tag]]).
func (m *Machine) cryptoCipher(l *glua.LState, encrypt bool) int {
	name, padding := strings.ToUpper(m.str(l, 1)), strings.ToUpper(m.str(l, 2))
	data, key, iv := []byte(m.str(l, 3)), []byte(m.str(l, 4)), []byte(m.optStr(l, 5, ""))
	m.allocate(int64(len(data)) + 16)
	m.charge(len(data) / 8)
	block, mode := m.openCipher(l, name, key)
	if block == nil {
		l.Push(glua.LNil)
		return 1
	}
	if mode == "GCM" {
		return cipherGCM(l, block, data, iv, m.optStr(l, 6, ""), encrypt)
	}
	out, ok := runCipher(block, mode, padding, data, iv, encrypt)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	return pushStr(l, string(out))
}

// openCipher returns the block cipher and mode of a name, or nil.
func (m *Machine) openCipher(l *glua.LState, name string, key []byte) (cipher.Block, string) {
	known := false
	for _, n := range cipherNames {
		known = known || n == name
	}
	if !known {
		for _, r := range cipherRefused {
			if name == r || r[0] == '-' && strings.HasPrefix(name, "AES-") && strings.HasSuffix(name, r) {
				m.raise("the cipher %s is not emulated", name)
			}
		}
		return nil, ""
	}
	at := strings.LastIndexByte(name, '-')
	for _, c := range blockCiphers {
		if c.name == name[:at] && c.key == len(key) {
			if block, err := c.open(key); err == nil {
				return block, name[at+1:]
			}
		}
	}
	return nil, ""
}

const ivMax = 16 // bytes, except for GCM

// runCipher is ECB, CBC or CTR.
func runCipher(block cipher.Block, mode, padding string, data, iv []byte, encrypt bool) (out []byte, ok bool) {
	size := block.BlockSize()
	if mode != "ECB" {
		// A longer IV is cut (upstream's test has nine bytes for DES).
		if len(iv) < size || len(iv) > ivMax {
			return nil, false
		}
		iv = iv[:size]
	}
	if mode == "CTR" {
		out = make([]byte, len(data))
		cipher.NewCTR(block, iv).XORKeyStream(out, data)
		return out, true
	}
	if encrypt {
		if data, ok = pad(padding, data, size); !ok {
			return nil, false
		}
	}
	if len(data)%size != 0 {
		return nil, false
	}
	out = make([]byte, len(data))
	switch {
	case mode == "CBC" && encrypt:
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, data)
	case mode == "CBC":
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	default:
		for i := 0; i < len(data); i += size {
			if encrypt {
				block.Encrypt(out[i:], data[i:i+size])
			} else {
				block.Decrypt(out[i:], data[i:i+size])
			}
		}
	}
	if encrypt {
		return out, true
	}
	return unpad(padding, out, size)
}

// pad fills the last block; all paddings but NONE add at least one byte.
func pad(padding string, data []byte, size int) ([]byte, bool) {
	n := size - len(data)%size
	out := append(append(make([]byte, 0, len(data)+n), data...), make([]byte, n)...)
	tail := out[len(data):]
	switch padding {
	case "NONE":
		return data, n == size
	case "PKCS7":
		fill(tail, byte(n))
	case "ONE_AND_ZEROS":
		tail[0] = 0x80
	case "ZEROS_AND_LEN":
		tail[n-1] = byte(n)
	case "ZERO":
	default:
		return nil, false
	}
	return out, true
}

// unpad takes the padding away; false if there is none.
func unpad(padding string, data []byte, size int) ([]byte, bool) {
	if padding == "NONE" {
		return data, true
	}
	if len(data) == 0 {
		return nil, false
	}
	end := len(data)
	last := data[len(data)-size:]
	zeros := 0
	for zeros < size && last[size-1-zeros] == 0 {
		zeros++
	}
	switch padding {
	case "ZERO":
		return data[:end-zeros], true
	case "ONE_AND_ZEROS":
		if zeros == size || last[size-1-zeros] != 0x80 {
			return nil, false
		}
		return data[:end-zeros-1], true
	case "PKCS7", "ZEROS_AND_LEN":
		n := int(last[size-1])
		if n < 1 || n > size {
			return nil, false
		}
		want := byte(0)
		if padding == "PKCS7" {
			want = byte(n)
		}
		for _, c := range last[size-n : size-1] {
			if c != want {
				return nil, false
			}
		}
		return data[:end-n], true
	}
	return nil, false
}

// cipherGCM encrypts to data and a tag of 16 bytes; decrypting checks a tag
// only if it is given one.
func cipherGCM(l *glua.LState, block cipher.Block, data, iv []byte, tag string, encrypt bool) int {
	if len(iv) == 0 {
		l.Push(glua.LNil)
		return 1
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(iv))
	if err != nil {
		l.Push(glua.LNil)
		return 1
	}
	// The key stream is the same both ways, so sealing the other text once more
	// decrypts it, whatever its tag.
	sealed := gcm.Seal(nil, iv, data, nil)
	out := sealed[:len(data)]
	if encrypt {
		l.Push(glua.LString(out))
		l.Push(glua.LString(sealed[len(data):]))
		return 2
	}
	if tag != "" {
		want := gcm.Seal(nil, iv, out, nil)[len(data):]
		if len(tag) > len(want) || subtle.ConstantTimeCompare([]byte(tag), want[:len(tag)]) != 1 {
			l.Push(glua.LNil)
			return 1
		}
	}
	return pushStr(l, string(out))
}
