package lua_test

import (
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

func TestCiphers(t *testing.T) {
	linesBits(t, 32, `local e, d, k, iv = crypto.cipher_encrypt, crypto.cipher_decrypt, "1234567890123456", "1234567890666666"
local function hex(s) return s and (s:toHex()) end`,
		// Results that modules gave (documentation and logs of upstream).
		[2]string{`hex(e("AES-128-ECB", "PKCS7", k, k))`, "757CCD0CDC5C90EADBEEECF638DD0000050187A0CDE5A9872CBAB091AB73E553"},
		[2]string{`hex(e("AES-128-CBC", "ZERO", k, k, iv))`, "BBD7A757D8072A0455D783BEA0334EC133312E92EFAA2BA22E61CCC9C15E6EDD"},
		[2]string{`hex(e("DES-CBC", "ONE_AND_ZEROS", "12345678", "81bytesk", "81bytesiv"))`, "8A053F57D3F36640860022831BD176F1"},
		[2]string{`hex(e("DES-EDE3-CBC", "ZEROS_AND_LEN", "1234567890", "123456789012345678901234", "81bytesiv"))`, "5EC956F63FB3F966CF95883C4525709C"},
		[2]string{`(function() local c, tag = e("aes-128-gcm", "none", "text", k, "iv") return #tag, d("AES-128-GCM", "NONE", c, k, "iv", tag), d("AES-128-GCM", "NONE", c, k, "iv"), d("AES-128-GCM", "NONE", c, k, "iv", ("x"):rep(16)) end)()`,
			"16|text|text|nil"},
		// What a module refuses.
		[2]string{`e("AES-128-XYZ", "PKCS7", k, k)`, "nil"},
		[2]string{`e("AES-128-CBC", "PKCS7", k, k), e("AES-128-CBC", "PKCS7", k, k, "short")`, "nil|nil"},
		[2]string{`e("AES-128-ECB", "PKCS7", k, "key"), e("AES-256-ECB", "PKCS7", k, k), e("AES-128-ECB", "WHAT", k, k)`, "nil|nil|nil"},
		[2]string{`e("AES-128-ECB", "NONE", "short", k), d("AES-128-ECB", "PKCS7", "short", k), d("AES-128-ECB", "PKCS7", k, k), d("AES-128-ECB", "PKCS7", "", k)`, "nil|nil|nil|nil"},
		[2]string{`e("AES-128-GCM", "NONE", k, k), d("AES-128-GCM", "NONE", k, k, "")`, "nil|nil"},
		[2]string{`(select(2, pcall(e, "AES-128-CCM", "NONE", k, k, iv)))`, "the cipher AES-128-CCM is not emulated"},
		[2]string{`(pcall(e, "CHACHA20", "NONE", k, k, iv)), #crypto.cipher_list(), #crypto.cipher_suites()`, "false|18|32"},
	)
	// Every cipher with every padding gives the text back.
	expect(t, `local bad = 0
for _, name in ipairs(crypto.cipher_list()) do
  local key = ("k3y!56789abcdefgHIJKLMNOPQRSTUVW"):sub(1, ({["AES-128"]=16, ["AES-192"]=24, ["AES-256"]=32, ["DES"]=8, ["DES-EDE"]=16, ["DES-EDE3"]=24})[name:match("^(.*)%-")])
  local iv = ("0123456789abcdef"):sub(1, name:sub(1, 3) == "DES" and 8 or 16)
  for _, padding in ipairs {"PKCS7", "ZERO", "ONE_AND_ZEROS", "ZEROS_AND_LEN", "NONE"} do
    for len = 0, 40, padding == "NONE" and 16 or 1 do
      local text = ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"):sub(1, len)
      local c = crypto.cipher_encrypt(name, padding, text, key, iv)
      if not c or crypto.cipher_decrypt(name, padding, c, key, iv) ~= text then bad = bad + 1 print(name, padding, len) end
    end
  end
end
print(bad)`, "0")
}

func TestCRCs(t *testing.T) {
	lines(t,
		[2]string{`crypto.crc8("123456", 0x07, 0x00, false), crypto.crc8("123456", 0x07, 0xFF, true), crypto.crc8("123456", 0x31, 0, true)`, "253|87|236"},
		[2]string{`crypto.crc7("hello", 0x09, 0), crypto.crc7("hello", 0xE5, 0), crypto.crc7("hello")`, "34|64|64"},
		[2]string{`crypto.crc16("USER-DEFINED", "123456789", 0x8005, 0xFFFF, 0, 1, 0), crypto.crc16("MODBUS", "123456789")`, "19255|19255"},
		[2]string{`crypto.crc16("USER-DEFINED", "123456789", 0x1021, 0, 0), crypto.crc16("USER-DEFINED", "123456789", 0x1021, 0, 0, 0, 1)`, "12739|50060"},
		[2]string{`string.format("%X", crypto.crc32("123a456") & 0xFFFFFFFF)`, "F1389F6D"},
		[2]string{`crypto.totp("asdfassdfasdfass", 1764924906), crypto.totp("!")`, "702358|nil"},
		[2]string{`crypto.totp("asdfassdfasdfass") == crypto.totp("asdfassdfasdfass", os.time())`, "true"},
		[2]string{`#crypto.trng(256), #crypto.trng(4), #crypto.trng(-1), crypto.trng(8) ~= crypto.trng(8)`, "128|4|0|true"},
		[2]string{`crypto.checksum("OK"), crypto.checksum("OK", 1)`, "4|154"},
	)
	expect(t, `io.writeFile("/f", ("123456789"):rep(1000)) local s = ("123456789"):rep(1000)
print(crypto.crc_file("crc32", "/f") == crypto.crc32(s), crypto.crc_file("crc32", "/f", 0, 5, 6) == crypto.crc32(s, 0, 5, 6))
print(crypto.crc_file("crc8", "/f") == crypto.crc8(s), crypto.crc_file("crc8", "/f", 0x31, 255, true) == crypto.crc8(s, 0x31, 255, true))
print(crypto.crc_file("crc16_modbus", "/f") == crypto.crc16_modbus(s), crypto.crc_file("DNP", "/f") == crypto.crc16("DNP", s))
print(crypto.crc_file("USER-DEFINED", "/f", 1, 2, 3, 1, 1) == crypto.crc16("USER-DEFINED", s, 1, 2, 3, 1, 1))
print(crypto.crc_file("crc32", "/none"), crypto.crc_file("what", "/f"))
print(crypto.md_file("MD5", "/f") == crypto.md5(s), crypto.md_file("SHA1", "/f", "key") == crypto.hmac_sha1(s, "key"), crypto.md_file("MD5", "/none") == nil)`,
		"true\ttrue", "true\ttrue", "true\ttrue", "true", "nil\t0", "true\ttrue\ttrue")
}

// FuzzCipher: nothing that scripts pass makes a cipher panic.
func FuzzCipher(f *testing.F) {
	f.Add("AES-128-CBC", "PKCS7", "data", "1234567890123456", "1234567890123456", "tag")
	f.Add("DES-EDE-ECB", "ZEROS_AND_LEN", "", "1234567890123456", "", "")
	f.Add("AES-256-GCM", "NONE", "data", "12345678901234561234567890123456", "iv", "0123456789abcdef")
	f.Fuzz(func(t *testing.T, name, padding, data, key, iv, tag string) {
		b := luatest.New(`local t = {} for i = 1, 6 do t[i] = io.readFile("/" .. i) end
pcall(crypto.cipher_encrypt, table.unpack(t)) pcall(crypto.cipher_decrypt, table.unpack(t)) pcall(crypto.totp, t[1]) rtos.reboot()`)
		for i, s := range []string{name, padding, data, key, iv, tag} {
			b.Write("/"+string(rune('1'+i)), s)
		}
		m, err := lua.New(b, lua.Options{Steps: 1e7})
		if err != nil {
			t.Fatal(err)
		}
		if e := m.Run(); e.Err != "" {
			t.Fatalf("%v %s", e, e.Err)
		}
	})
}
