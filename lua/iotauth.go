package lua

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"

	glua "github.com/yuin/gopher-lua"
)

// What the library's buffers hold, in bytes: the rest is cut off.
const (
	iotauthNameMax     = 191
	iotauthPasswordMax = 255
	iotauthTextMax     = 99
)

// Times that stand for "always valid", in seconds of Unix time.
const (
	iotauthForever     = 32472115200 // 2999-01-01 in China
	iotauthForeverTuya = 7258089600  // 2200-01-01 in China
)

// openIotauth installs what makes MQTT identities for IoT clouds
// (luatos-runtime.md 9.11). Each function returns client id, user and password;
// with an unknown method those that depend on it are empty.
func (m *Machine) openIotauth() {
	m.lib("iotauth",
		fn("aliyun", m.iotauthAliyun), fn("onenet", m.iotauthOnenet), fn("iotda", m.iotauthIotda),
		fn("qcloud", m.iotauthQcloud), fn("tuya", m.iotauthTuya), fn("baidu", m.iotauthBaidu))
}

func pushIdentity(l *glua.LState, id, user, password string) int {
	l.Push(glua.LString(cut(id, iotauthNameMax)))
	l.Push(glua.LString(cut(user, iotauthNameMax)))
	l.Push(glua.LString(cut(password, iotauthPasswordMax)))
	return 3
}

func cut(s string, n int) string { return s[:min(len(s), n)] }

func hmacSum(mk func() hash.Hash, key, text string) []byte {
	h := hmac.New(mk, []byte(key))
	h.Write([]byte(text))
	return h.Sum(nil)
}

// iotauthMethod is the hash of a method in any letter case, out of those that
// one cloud knows; or nil, with a line in the log.
func (m *Machine) iotauthMethod(method string, known map[string]func() hash.Hash) func() hash.Hash {
	mk := known[strings.ToLower(method)]
	if mk == nil {
		m.logf(levelError, "iotauth", "not support: %s", method)
	}
	return mk
}

// timestamp is a number if it is one.
func (m *Machine) timestamp(l *glua.LState, n int, def int64) int64 {
	if l.Get(n).Type() == glua.LTNumber {
		return m.integer(l, n)
	}
	return def
}

func (m *Machine) iotauthAliyun(l *glua.LState) int {
	product, device, secret := m.str(l, 1), m.str(l, 2), m.str(l, 3)
	method, at, mode := m.optStr(l, 4, "hmacmd5"), m.timestamp(l, 5, iotauthForever), 3
	if l.Get(6) == glua.LTrue {
		mode = 2
	}
	mk := m.iotauthMethod(method, map[string]func() hash.Hash{"hmacmd5": md5.New, "hmacsha1": sha1.New, "hmacsha256": sha256.New})
	if mk == nil {
		return pushIdentity(l, "", "", "")
	}
	text := fmt.Sprintf("clientId%s.%sdeviceName%sproductKey%stimestamp%d", product, device, device, product, at)
	return pushIdentity(l,
		fmt.Sprintf("%s.%s|securemode=%d,signmethod=%s,timestamp=%d|", product, device, mode, strings.ToLower(method), at),
		device+"&"+product,
		strings.ToUpper(hex.EncodeToString(hmacSum(mk, secret, text))))
}

// onenetEscapes is what the library escapes, and nothing else.
var onenetEscapes = strings.NewReplacer("+", "%2B", " ", "%20", "/", "%2F", "?", "%3F", "%", "%25", "#", "%23", "&", "%26", "=", "%3D")

func (m *Machine) iotauthOnenet(l *glua.LState) int {
	product, device, key := m.str(l, 1), m.str(l, 2), m.str(l, 3)
	method, version := m.optStr(l, 4, "md5"), m.optStr(l, 6, "2018-10-31")
	resource := "products/" + product + "/devices/" + device
	if l.Get(7).Type() == glua.LTString {
		resource = m.str(l, 7)
	}
	mk := m.iotauthMethod(method, map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New})
	if mk == nil {
		return pushIdentity(l, "", "", "")
	}
	text := fmt.Sprintf("%d\n%s\n%s\n%s", int64(iotauthForever), method, resource, version)
	sign := base64.StdEncoding.EncodeToString(hmacSum(mk, fromBase64(key), text))
	return pushIdentity(l, device, product, fmt.Sprintf("version=%s&res=%s&et=%d&method=%s&sign=%s",
		version, onenetEscapes.Replace(resource), int64(iotauthForever), method, onenetEscapes.Replace(sign)))
}

func (m *Machine) iotauthIotda(l *glua.LState) int {
	id, secret := m.str(l, 1), m.str(l, 2)
	checked := 0
	if l.Get(3).Type() == glua.LTNumber {
		checked = 1
	}
	at := time.Unix(m.timestamp(l, 3, iotauthForever), 0).UTC().Add(time.Duration(m.timezone) * 15 * time.Minute)
	hour := at.Format("2006010215")
	return pushIdentity(l, fmt.Sprintf("%s_0_%d_%s", id, checked, hour), id, hex.EncodeToString(hmacSum(sha256.New, hour, secret)))
}

func (m *Machine) iotauthQcloud(l *glua.LState) int {
	product, device, secret := m.str(l, 1), m.str(l, 2), m.str(l, 3)
	method, at, app := m.optStr(l, 4, "sha256"), m.timestamp(l, 5, iotauthForever), m.optStr(l, 6, "12010126")
	connection := make([]byte, 5)
	m.random(connection)
	for i := range connection {
		connection[i] = connection[i]%26 + 'a'
	}
	user := cut(fmt.Sprintf("%s%s;%s;%s;%d", product, device, app, connection, at), iotauthNameMax)
	password := ""
	if mk := m.iotauthMethod(method, map[string]func() hash.Hash{"sha1": sha1.New, "sha256": sha256.New}); mk != nil {
		password = hex.EncodeToString(hmacSum(mk, fromBase64(secret), user)) + ";hmac" + strings.ToLower(method)
	}
	return pushIdentity(l, product+device, user, password)
}

func (m *Machine) iotauthTuya(l *glua.LState) int {
	id, secret, at := m.str(l, 1), m.str(l, 2), m.timestamp(l, 3, iotauthForeverTuya)
	text := cut(fmt.Sprintf("deviceId=%s,timestamp=%d,secureMode=1,accessType=1", id, at), iotauthTextMax)
	return pushIdentity(l, "tuyalink_"+id,
		fmt.Sprintf("%s|signMethod=hmacSha256,timestamp=%d,secureMode=1,accessType=1", id, at),
		hex.EncodeToString(hmacSum(sha256.New, secret, text)))
}

func (m *Machine) iotauthBaidu(l *glua.LState) int {
	id, key, secret := m.str(l, 1), m.str(l, 2), m.str(l, 3)
	method, at := m.optStr(l, 4, "MD5"), m.optInt(l, 5, 0)
	mk := m.iotauthMethod(method, map[string]func() hash.Hash{"md5": md5.New, "sha256": sha256.New})
	if mk == nil {
		return pushIdentity(l, id, "", "")
	}
	method = strings.ToUpper(method)
	when := ""
	if at != 0 {
		when = fmt.Sprintf("%d|", at)
	}
	h := mk()
	h.Write([]byte(cut(fmt.Sprintf("%s&%d&%s%s", key, at, method, secret), iotauthTextMax)))
	return pushIdentity(l, id, "thingidp@"+id+"|"+key+"|"+when+method, hex.EncodeToString(h.Sum(nil)))
}
