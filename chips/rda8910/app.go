package rda8910

import (
	"bytes"
	"crypto/md5"
	"errors"
)

// AppTrailer is appended to /fota/app once it is checked, and says that it
// waits to be installed (8910.md 2.4).
const AppTrailer = "APPUPDATE"

// luaPrefix begins the script images whose MD5 the core checks: luadb with a
// version of 2 (8910.md 2.4).
var luaPrefix = []byte{0x01, 0x04, 0x5A, 0xA5, 0x5A, 0xA5, 0x02, 0x02, 0x02, 0x00, 0x03, 0x04}

// LuaApp returns the application file for a script image, which must be a
// luadb of version 2: the image and its MD5 (8910.md 2.4).
func LuaApp(script []byte) ([]byte, error) {
	if !bytes.HasPrefix(script, luaPrefix) {
		return nil, errors.New("the script image is no luadb of version 2: the module would install it without checking its MD5")
	}
	sum := md5.Sum(script)
	return append(bytes.Clone(script), sum[:]...), nil
}

// LuaSum is what the core finds when it checks an application file.
type LuaSum struct {
	Checked  bool // the file is a luadb of version 2; others are taken as they are
	Stated   [md5.Size]byte
	Computed [md5.Size]byte
}

// OK reports whether the core takes the file.
func (s *LuaSum) OK() bool { return !s.Checked || s.Stated == s.Computed }

// CheckLuaApp checks the MD5 of an application file as the core does (8910.md
// 2.4).
func CheckLuaApp(app []byte) LuaSum {
	if len(app) <= len(luaPrefix) || !bytes.HasPrefix(app, luaPrefix) {
		return LuaSum{}
	}
	s := LuaSum{Checked: true}
	at := max(0, len(app)-md5.Size)
	copy(s.Stated[:], app[at:])
	s.Computed = md5.Sum(app[:at])
	return s
}
