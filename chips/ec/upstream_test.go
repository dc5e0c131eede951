package ec

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/flash/explain"
)

// TestRealPackages looks at the packages that LuatOS' repository has
// (ec618.md 8.1, luadb-and-packages.md 10.1 and 10.2): everything that is
// known of them, no warning, and the files in them.
func TestRealPackages(t *testing.T) {
	root := os.Getenv("LUATOS_SRC")
	if root == "" {
		t.Skip("LUATOS_SRC is not set: LuaTools' own packages were NOT tried; set it to a LuatOS checkout")
	}
	const trailer = " .airm2m_all_crc#.bin:16"
	for _, c := range []struct {
		path, head, common, section string
		start                       uint32
		size                        int
		fits                        string
		files                       string
	}{
		{"oldmodule/Air780E/demo/fota_uart/fota_uart.bin", "930C55EB", "c9616997ee70091521bbc8ace1c39201", "d57cb8e0423e8612ac10dc82d802844c", 0x2CC000, 2839, "Air780E full", "main.luac:2734"},
		{"module/Air780EPM/demo/fota/fota(使用fota核心库)/fota_uart.bin", "771DDA72", "9542b0c383445419cc16e877d1503492", "f8e41ef7df34a6fa9604eeff324ffc01", 0x2B1000, 21504, "Air780EPM 1, 101", "fota_uart.luac:2965 main.luac:541 explorer.html:17658"},
		{"module/Air780EHM_Air780EHV_Air780EGH/demo/fota/fota(使用fota核心库)/fota_uart.bin", "A72AE300", "5b161ca619fca9a685a6b9cff61efc7a", "c0db0992bbc695f30ec1d0312801d568", 0x52E000, 24576, "Air780EHM 1, 101", "fota_uart.luac:5218 main.luac:758 explorer.html:17658"},
		{"module/Air780EPM/demo/fota/ble_5101_fota/ble_fota.bin", "DD94009F", "072dbe4b089aba8a8e47e9e25644d4b8", "3e0b956cab3e3480f2757810cc3e12aa", 0x2B1000, 121856, "Air780EPM 1, 101", "ble_5101_file_fota.luac:7134 ble_5101_main.luac:4236 ble_5101_packet_fota.luac:6883 exril_5101.luac:66524 main.luac:562 ble_5101_fota_tool.py:9985 ble_fota_web.html:25581"},
		{"module/Air8000/demo/fota/ble_5101_fota/ble_fota.bin", "86970697", "923223fe4d231cad3f6528326fda936b", "02f0eb9d66e00c8df772c01e6ea6c9c2", 0x52E000, 459776, "Air8000 1, 101", "ble_5101_file_fota.luac:7134 ble_5101_main.luac:4236 ble_5101_packet_fota.luac:6883 exril_5101.luac:71054 main.luac:562 ble_5101_fota_tool.py:9985 ble_fota_web.html:25581 readme.md:333963"},
		{"module/Air8000/demo/fota/ble_fota/ble_fota.bin", "3612252C", "24342525e2585e1b996ab9e251859848", "0e4148ef5a243f7a94c524d49c393be1", 0x54E000, 23552, "Air8000 ota256", "ble_file_fota.luac:7584 ble_main.luac:6932 ble_packet_fota.luac:8050 main.luac:763"},
	} {
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(c.path)))
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		f := inspect(t, data)
		if f.Worst() != explain.OK {
			t.Errorf("%s: %s\n%s", c.path, f.Worst(), treeText(f, 0))
		}
		for name, want := range map[string]string{
			"CRC32": "0x" + c.head, "CommonMD5": c.common, "MD5": c.section, "StartAddress": fmt.Sprintf("0x%08X", c.start),
			"DataLen": fmt.Sprint(c.size), "properties": "66 00 00 04 00",
		} {
			if g := findField(f, name); g == nil || g.Value != want {
				t.Errorf("%s: %s: %+v, expected %s", c.path, name, g, want)
			}
		}
		if g := findField(f, "fits"); !strings.Contains(g.Value, c.fits) {
			t.Errorf("%s: fits %s, expected %s", c.path, g.Value, c.fits)
		}
		parts, _, err := New().Unpack(data)
		if err != nil || len(parts) == 0 || parts[0].Name != "0-script.bin" || len(parts[0].Data) != c.size {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		var got []string
		for _, p := range parts[1:] {
			got = append(got, fmt.Sprintf("%s:%d", strings.TrimPrefix(p.Name, "0-script/"), len(p.Data)))
		}
		if list := strings.Join(got, " "); list != c.files+trailer {
			t.Errorf("%s: %s", c.path, list)
		}
	}
}
