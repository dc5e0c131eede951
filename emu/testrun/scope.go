package testrun

import (
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

// outsideFunctions are single functions that are not imitated, by the
// beginning of their names.
var outsideFunctions = map[string]string{
	"mobile.rfTest": "the factory's radio test", "mobile.nst": "the factory's radio test", "mobile.muidSet": "the factory's radio test",
	"netdrv.OPENVPN": "OpenVPN",
}

// OutOfScope says why a case with these files is excluded, or nothing: it uses
// a library that is not imitated, or a test function that only the PC
// simulator has. What stands under a condition on its being there does not
// count: the case then does without.
func OutOfScope(files []luadb.File, bits int) string {
	why := map[string]bool{}
	for _, f := range files {
		if path.Ext(f.Name) != ".lua" {
			continue
		}
		o, err := lua53.ReadOutline(string(lua53.SkipPrefix(f.Data)), "@"+f.Name, bits)
		if err != nil {
			continue // the run will tell
		}
		for _, r := range o.Refs {
			if w := outsideRef(r); w != "" {
				why[w] = true
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

// outsideRef names what r needs that is not imitated.
func outsideRef(r lua53.Ref) string {
	if r.Module {
		return ""
	}
	name := strings.TrimPrefix(r.Name, "_G.")
	if r.Name == "rawget" && len(r.Args) == 2 && r.Args[0].Text == "_G" && r.Args[1].Kind == lua53.ArgString {
		name = r.Args[1].Text
	}
	if strings.HasSuffix(name, "utest") && strings.Contains(name, ".") {
		return name + " (PC simulator only)"
	}
	if r.Guarded {
		return ""
	}
	for prefix, what := range outsideFunctions {
		if strings.HasPrefix(name, prefix) {
			return fmt.Sprintf("%s (%s)", name, what)
		}
	}
	root := lua53.Root(name)
	if what, ok := outside[root]; ok {
		return fmt.Sprintf("%s (%s)", root, what)
	}
	return ""
}
