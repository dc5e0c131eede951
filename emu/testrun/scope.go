package testrun

import (
	"bytes"
	"fmt"
	"path"
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

// OutOfScope says why a case with these files is excluded, or nothing: it uses
// a library that is not imitated, or a test function that only the PC
// simulator has.
func OutOfScope(files []luadb.File, bits int) string {
	why := map[string]bool{}
	for _, f := range files {
		if path.Ext(f.Name) != ".lua" {
			continue
		}
		p, err := lua53.Compile(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, bits)
		if err != nil || bytes.HasPrefix(f.Data, []byte("\x1bLua")) {
			continue // the run will tell
		}
		for _, u := range p.Uses() {
			if what, ok := outside[u.Global]; ok && u.Field != "" {
				why[fmt.Sprintf("%s (%s)", u.Global, what)] = true
			}
			if u.Field == "utest" || strings.HasSuffix(u.Field, "_utest") {
				why[fmt.Sprintf("%s.%s (PC simulator only)", u.Global, u.Field)] = true
			}
		}
	}
	var list []string
	for w := range why {
		list = append(list, w)
	}
	sort.Strings(list)
	return strings.Join(list, ", ")
}
