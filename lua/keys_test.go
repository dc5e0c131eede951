package lua_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestKeys runs the libraries of keys on files that openssl made, and on keys
// of their own.
func TestKeys(t *testing.T) {
	b := luatest.New(keysScript)
	for _, name := range []string{"rsa.pem", "rsa-public.pem", "rsa-legacy.pem", "ec.pem", "ec-compressed-public.pem"} {
		data, err := os.ReadFile(filepath.Join("pubkey", "testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		b.Write("/luadb/"+name, string(data))
	}
	run(t, b)
	if text := b.Text(); !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
		t.Error(text)
	}
}

const keysScript = `
local function file(name) return (io.readFile("/luadb/" .. name)) end
local function check(what, ok) if not ok then print("check failed", what) end end
local hash = crypto.sha256("text"):fromHex()
for _, pair in ipairs {{"rsa.pem", "rsa-public.pem", "rsa"}, {"ec.pem", "ec-compressed-public.pem", "ec"}} do
  local private, public, kind = file(pair[1]), file(pair[2]), pair[3]
  check("type", crypto.pk_type(private, true) == kind and crypto.pk_type(public) == kind)
  check("type of the other half", crypto.pk_type(public, true) == nil)
  local sig = crypto.pk_sign(crypto.MD_SHA256, hash, private)
  check("again", sig == crypto.pk_sign(crypto.MD_SHA256, hash, private))
  check("verify", crypto.pk_verify(crypto.MD_SHA256, hash, public, sig) == true)
  check("verify other", crypto.pk_verify(crypto.MD_SHA256, hash:reverse(), public, sig) == false)
  check("verify as SHA-1", crypto.pk_verify(crypto.MD_SHA1, hash, public, sig) == false)
  check("sign wrong length", crypto.pk_sign(crypto.MD_SHA1, hash, private) == nil)
  check("sign unknown hash", crypto.pk_sign(99, hash, private) == nil)
end
check("password", rsa.sign(file("rsa-legacy.pem"), rsa.MD_SHA256, hash, "secret") == rsa.sign(file("rsa.pem"), rsa.MD_SHA256, hash))
check("no password", rsa.sign(file("rsa-legacy.pem"), rsa.MD_SHA256, hash) == nil)
local secret = rsa.encrypt(file("rsa-public.pem"), "hello")
check("decrypt", rsa.decrypt(file("rsa.pem"), secret) == "hello")
check("encrypt with an EC key", rsa.encrypt(file("ec-compressed-public.pem"), "hello") == nil)
check("decrypt junk", rsa.decrypt(file("rsa.pem"), ("x"):rep(128)) == nil)
for _, spec in ipairs {{"rsa", "512"}, {"rsa", "100"}, {"ec"}, {"ec", "secp384r1"}, {"ecdsa", "P-521"}} do
  local private, public = crypto.pk_generate(spec[1], spec[2])
  local md, h = crypto.MD_SHA1, crypto.sha1("x"):fromHex()
  local sig = crypto.pk_sign(md, h, private)
  check("generated " .. spec[1], sig and crypto.pk_verify(md, h, public, sig))
end
check("generate dsa", crypto.pk_generate("dsa") == nil)
-- A long computation takes time, and the watchdog sees it.
local before = mcu.ticks()
crypto.pk_generate("rsa", "1024")
check("time of a key", mcu.ticks() - before > 100)
check("xxtea", xxtea.decrypt(xxtea.encrypt("Hello World!", "07946"), "07946") == "Hello World!")
check("xxtea vector", xxtea.encrypt("Hello World! 你好，中国！", "1234567890"):toBase64() == "QncB1C0rHQoZ1eRiPM4dsZtRi9pNrp7sqvX76cFXvrrIHXL6")
check("xxtea junk", xxtea.decrypt("12345678", "k") == nil and xxtea.decrypt("", "k") == nil and xxtea.encrypt("", "k") == nil)
check("sm4 few zeros", gmssl.sm4decrypt("ECB", "ZERO", gmssl.sm4encrypt("ECB", "ZERO", ("x"):rep(28), ("k"):rep(16)), ("k"):rep(16)) == nil)
check("sm4 many zeros", gmssl.sm4decrypt("ECB", "ZERO", gmssl.sm4encrypt("ECB", "ZERO", "x", ("k"):rep(16)), ("k"):rep(16)) == "x")
check("sm4 mode", not pcall(gmssl.sm4encrypt, "CTR", "NONE", "x", ("k"):rep(16)))
check("sm2 off the curve", gmssl.sm2encrypt(("1"):rep(64), ("1"):rep(64), "x") == nil and gmssl.sm2pointisoncurve(("1"):rep(64), ("1"):rep(64)) == false)
check("sm2 junk", gmssl.sm2decrypt(("1"):rep(64), ("x"):rep(200)) == nil and gmssl.sm2decrypt(("1"):rep(64), ("x"):rep(200), true, true) == nil)
print("all done")
`
