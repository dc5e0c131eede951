package lua

import (
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/gm"
)

// sm4 is sm4encrypt and sm4decrypt(mode, padding, data, key [, iv]), in ECB and
// CBC. Wrong arguments are errors, but no data gives nil.
func (m *Machine) sm4(l *glua.LState, encrypt bool) int {
	mode, padding, data, key := m.str(l, 1), m.str(l, 2), m.str(l, 3), m.str(l, 4)
	iv, _ := m.text(l.Get(5))
	if data == "" {
		l.Push(glua.LNil)
		return 1
	}
	m.checkSM4(mode, padding, data, key, iv, encrypt)
	m.allocate(int64(len(data)) + gm.SM4Size)
	m.charge(len(data) / 2)
	block, err := gm.NewSM4([]byte(key))
	if err != nil {
		m.raise("%v", err)
	}
	if !encrypt {
		out, ok := runCipher(block, mode, "NONE", []byte(data), []byte(iv), false)
		if ok {
			out, ok = sm4Unpad(padding, out)
		}
		if !ok {
			l.Push(glua.LNil)
			return 1
		}
		return pushStr(l, string(out))
	}
	if padding == "PKCS5" {
		padding = "PKCS7"
	}
	out, _ := runCipher(block, mode, padding, []byte(data), []byte(iv), true)
	return pushStr(l, string(out))
}

func (m *Machine) checkSM4(mode, padding, data, key, iv string, encrypt bool) {
	if len(key) != gm.SM4Size {
		m.raise("invalid password length=%d, only support 128bit Password", len(key))
	}
	if mode != "ECB" && mode != "CBC" {
		m.raise("invalid mode=%s, only support ECB,CBC", mode)
	}
	if padding != "NONE" && padding != "PKCS5" && padding != "PKCS7" && padding != "ZERO" {
		m.raise("invalid padding=%s, only support NONE,PKCS5,PKCS7,ZERO", padding)
	}
	if mode == "CBC" && len(iv) != gm.SM4Size {
		m.raise("invalid iv length=%d, only support 128bit IV", len(iv))
	}
	if (padding == "NONE" || !encrypt) && len(data)%gm.SM4Size != 0 {
		m.raise("buf len should be multiple of 16, len=%d", len(data))
	}
}

// sm4ZerosMin is the fewest zeros that the library takes for padding. Data that
// was filled up with less does not come back.
const sm4ZerosMin = 6

// sm4Unpad takes the padding away as this library does.
func sm4Unpad(padding string, data []byte) ([]byte, bool) {
	switch padding {
	case "PKCS5", "PKCS7":
		return unpad("PKCS7", data, gm.SM4Size)
	case "ZERO":
		out, _ := unpad("ZERO", data, gm.SM4Size)
		return out, len(data)-len(out) >= sm4ZerosMin
	}
	return data, true
}
