package testrun

import (
	"regexp"
	"sort"
	"strings"

	"airlift/flash/luadb"
	"airlift/lua/lua53"
)

// outside are the libraries whose behaviour airlift does not imitate, with
// what they are. A case that uses one is out of scope, whether or not it would
// pass: that the function is there and answers says nothing.
var outside = map[string]string{
	"airlink": "link to a second module", "airui": "screen", "audio": "sound", "audio_v2": "sound", "ble": "Bluetooth",
	"bluetooth": "Bluetooth", "camera": "camera", "can": "CAN bus", "codec": "sound", "eink": "screen",
	"fatfs": "storage card", "gtfont": "font chip", "hzfont": "fonts for a screen", "i2s": "sound", "lcd": "screen",
	"lf": "flash chip on SPI", "little_flash": "flash chip on SPI", "lora": "radio", "lora2": "radio", "lvgl": "screen",
	"ndk": "native code", "nimble": "Bluetooth", "pcconf": "PC simulator", "pgfs": "flash chip on SPI",
	"rtmp": "camera", "sdio": "storage card", "sfud": "flash chip on SPI", "sqlite3": "SQL library", "tfs": "flash chip on SPI",
	"tp": "touch screen", "u8g2": "screen", "videoplayer": "screen", "voip": "sound", "w5500": "Ethernet chip",
	"webp": "screen", "win": "screen",
}

// outsideFunctions are single functions that are not imitated, by the
// beginning of their names.
var outsideFunctions = map[string]string{
	"mobile.rfTest": "the factory's radio test", "mobile.nst": "the factory's radio test", "mobile.muidSet": "the factory's radio test",
	"sms.unpack": "PC simulator only", "netdrv.OPENVPN": "OpenVPN", "netdrv.send_raw": "raw packets", "netdrv.EVT_PKG": "raw packets",
}

// outsideModules are Lua libraries that stand on functions that are not
// imitated.
var outsideModules = map[string]string{"rfa": "the factory's radio test"}

// OutOfScope says why a case is excluded whose script image holds these files,
// or nothing: a script that main.lua reaches by literal requires uses a
// library that is not imitated, a test function that only the PC simulator
// has, or (unless servers is set: outside servers can be reached) the contents
// of a web server that nobody can stand in for. To ask whether a library is
// there counts as using it: what the case then does without says nothing.
func OutOfScope(files []luadb.File, bits int, servers bool) string {
	s := scope{why: map[string]bool{}, servers: servers}
	s.files(files, bits)
	var list []string
	for w := range s.why {
		list = append(list, w)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}

type scope struct {
	why     map[string]bool
	servers bool
}

// files looks at main.lua and at what it requires.
func (s *scope) files(files []luadb.File, bits int) {
	byName := map[string]luadb.File{}
	for _, f := range files {
		byName[f.Name] = f
	}
	queue := []string{"main"}
	seen := map[string]bool{"main": true}
	for len(queue) > 0 {
		f, ok := byName[queue[0]+".lua"]
		queue = queue[1:]
		if !ok {
			continue
		}
		o, err := lua53.ReadOutline(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, bits)
		if err != nil {
			continue // the run will tell
		}
		for _, r := range o.Refs {
			if name := requiredBy(r); name != "" && !seen[name] {
				seen[name] = true
				queue = append(queue, name)
			}
			s.ref(r)
		}
		if m := simulatorMount.FindSubmatch(comment.ReplaceAll(f.Data, nil)); m != nil {
			s.exclude(string(m[1]), "file system of the PC simulator")
		}
		s.addresses(f.Data)
	}
}

// requiredBy is the module that a call of require names.
func requiredBy(r lua53.Ref) string {
	if r.Name == "require" && len(r.Args) > 0 && r.Args[0].Kind == lua53.ArgString {
		return r.Args[0].Text
	}
	return ""
}

func (s *scope) exclude(what, why string) { s.why[what+" ("+why+")"] = true }

// ref looks at one use of a global.
func (s *scope) ref(r lua53.Ref) {
	if what, ok := outsideModules[requiredBy(r)]; ok {
		s.exclude(requiredBy(r), what)
	}
	if r.Module {
		return
	}
	name := strings.TrimPrefix(r.Name, "_G.")
	if r.Name == "rawget" && len(r.Args) == 2 && r.Args[0].Text == "_G" && r.Args[1].Kind == lua53.ArgString {
		name = r.Args[1].Text
	}
	if name == "os.exit" && !r.Guarded || strings.HasSuffix(name, "utest") && strings.Contains(name, ".") {
		s.exclude(name, "PC simulator only")
		return
	}
	for prefix, what := range outsideFunctions {
		if strings.HasPrefix(name, prefix) {
			s.exclude(name, what)
		}
	}
	if what, ok := outside[lua53.Root(name)]; ok {
		s.exclude(lua53.Root(name), what)
	}
}

// simulatorMount is a path that only the PC simulator has: its second littlefs,
// or the folder of the PC that test results are written to (luatos-runtime.md
// 7.1).
var simulatorMount = regexp.MustCompile("[\"'](/lfs2|testresult)[\"'/]")

// address is a web address in a script that asks for a page.
var address = regexp.MustCompile("[\"'](?i:https?)://(?:[^/@\"']*@)?([a-zA-Z0-9.-]+)(?::[0-9]+)?/[^\"']")

// comment is what may be one.
var comment = regexp.MustCompile(`(?m)--.*$`)

// addresses looks for web servers whose contents matter: all but those that
// send back what they get, and those that are nobody's.
func (s *scope) addresses(source []byte) {
	if s.servers {
		return
	}
	for _, m := range address.FindAllSubmatch(comment.ReplaceAll(source, nil), -1) {
		host := strings.ToLower(string(m[1]))
		if strings.HasPrefix(host, "httpbin.") || strings.Contains(host, "example.") || strings.Trim(host, "0123456789.") == "" || host == "localhost" {
			continue
		}
		s.exclude(host, "outside server")
	}
}
