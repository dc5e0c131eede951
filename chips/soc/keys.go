package soc

import (
	"fmt"
	"strconv"
	"strings"
)

// kind is what a value in info.json may be.
type kind uint8

const (
	kindText   kind = iota // a string
	kindNumber             // a number, or a string of decimal digits
	kindKiB                // a number of KiB; see Info.Size for strings
	kindHex                // a hexadecimal string, with or without 0x, or a number
	kindBool               // true or false
	kindBits               // 32 or 64
)

// field is a key that is known (luadb-and-packages.md 7.1, ec618.md 5.1).
type field struct {
	path, meaning string
	kind          kind
}

// fields are the keys in the order in which files have them. A * stands for any
// index of a list.
var fields = []field{
	{"version", "version of this form", kindNumber},
	{"chip.type", "chip family", kindText},
	{"chip.ram.total", "RAM of the chip", kindKiB},
	{"chip.ram.sys", "RAM of the firmware", kindKiB},
	{"chip.ram.lua", "RAM of the scripts", kindKiB},
	{"bl.file", "entry with the boot code", kindText},
	{"partition.file", "entry with the partition table", kindText},
	{"rom.file", "entry with the firmware", kindText},
	{"rom.files.*.name", "name of a part of the firmware", kindText},
	{"rom.files.*.file", "entry with it", kindText},
	{"rom.version-core", "version of the LuatOS core", kindText},
	{"rom.version-bsp", "version of the port to the chip", kindText},
	{"rom.mark", "variant", kindText},
	{"rom.build.build_at", "when it was built", kindText},
	{"rom.build.build_by", "who built it", kindText},
	{"rom.build.build_host", "where it was built", kindText},
	{"rom.build.build_system", "system that it was built on", kindText},
	{"script.file", "entry with the script image", kindText},
	{"script.lua", "version of the Lua language", kindText},
	{"script.bitw", "width of Lua numbers in bits", kindBits},
	{"script.use-luac", "scripts are compiled", kindBool},
	{"script.use-debug", "compiled scripts keep line numbers", kindBool},
	{"fs.total_len", "length of the file system", kindKiB},
	{"fs.format_len", "bytes that are erased to format it", kindHex},
	{"user.project", "PROJECT of the script inside", kindText},
	{"user.version", "VERSION of the script inside", kindText},
	{"user.log_br", "baud rate of the log", kindNumber},
	{"download.bl_addr", "where the boot code goes", kindHex},
	{"download.partition_addr", "where the partition table goes", kindHex},
	{"download.core_addr", "where the core goes", kindHex},
	{"download.app_addr", "where the application's header goes", kindHex},
	{"download.run_addr", "where the application starts", kindHex},
	{"download.script_addr", "where the script image goes", kindHex},
	{"download.nvm_addr", "where the non-volatile settings are", kindHex},
	{"download.fs_addr", "where the file system starts", kindHex},
	{"download.kv_addr", "where the key-value store starts", kindHex},
	{"download.user_addr", "where the user's data start", kindHex},
	{"download.ota_addr", "where upgrades wait", kindHex},
	{"download.cp_addr", "where the CP image goes", kindHex},
	{"download.ap_addr", "where the AP image goes", kindHex},
	{"download.ftab_addr", "where the flash table goes", kindHex},
	{"download.force_br", "baud rate of flashing", kindNumber},
	{"download.extra_param", "for the flashing tool", kindHex},
	{"fota.magic_num", "magic number of upgrade packages", kindHex},
	{"fota.block_len", "bytes in a block of a package", kindHex},
	{"fota.core_type", "how the core is upgraded", kindText},
	{"fota.ap_type", "how the AP image is upgraded", kindText},
	{"fota.cp_type", "how the CP image is upgraded", kindText},
	{"fota.full_addr", "where the common part of a package waits", kindHex},
	{"fota.fota_len", "length of the FOTA region", kindHex},
	{"fota.compress_type", "how packages are compressed", kindNumber},
}

// Regions of rom.fs, each with the same keys.
var regions = []string{"script", "filesystem", "kv", "ap", "fota"}

var regionFields = []field{
	{"offset", "where the region starts", kindHex},
	{"size", "length of the region", kindKiB},
	{"type", "file system in it", kindText},
	{"bkcrc", "stored with CRCs in between", kindText},
	{"location", "flash chip or partition that it is in", kindText},
}

// known holds the fields by path.
var known = func() map[string]field {
	m := map[string]field{}
	for _, f := range fields {
		m[f.path] = f
	}
	for _, r := range regions {
		for _, f := range regionFields {
			f.path = "rom.fs." + r + "." + f.path
			m[f.path] = f
		}
	}
	return m
}()

// lookup finds the field of a path, in which list indices are numbers.
func lookup(path string) (field, bool) {
	parts := strings.Split(path, ".")
	for i, p := range parts {
		if _, err := strconv.Atoi(p); err == nil {
			parts[i] = "*"
		}
	}
	f, ok := known[strings.Join(parts, ".")]
	return f, ok
}

// number reads a value of the kind. Sizes in KiB give bytes.
func (k kind) number(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		if k == kindBits && v != 32 && v != 64 {
			return 0, fmt.Errorf("%d, expected %v", v, k)
		}
		if k == kindKiB {
			if v < 0 || v > 1<<40 {
				return 0, fmt.Errorf("%d KiB, expected 0..2^40", v)
			}
			return v << 10, nil
		}
		return v, nil
	case string:
		return k.parse(strings.TrimSpace(v))
	}
	return 0, fmt.Errorf("%v, expected %v", v, k)
}

func (k kind) parse(s string) (int64, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	hex, err := strconv.ParseUint(digits, 16, 48)
	switch {
	case k == kindBits && s != "32" && s != "64":
		return 0, fmt.Errorf("%q, expected %v", s, k)
	case k == kindNumber || k == kindBits:
		n, err := strconv.ParseUint(s, 10, 48)
		if err != nil {
			return 0, fmt.Errorf("%q, expected a decimal number", s)
		}
		return int64(n), nil
	case err != nil:
		return 0, fmt.Errorf("%q, expected %v", s, k)
	case k == kindKiB && (len(digits) < len(s) || hex >= sectorSize && hex%sectorSize == 0):
		return int64(hex), nil
	case k == kindKiB:
		n, err := strconv.ParseUint(s, 10, 40)
		if err != nil {
			return 0, fmt.Errorf("%q, expected a number of KiB or hexadecimal bytes", s)
		}
		return int64(n) << 10, nil
	}
	return int64(hex), nil
}

// sectorSize is what sizes in bytes are multiples of.
const sectorSize = 4096

func (k kind) String() string {
	switch k {
	case kindText:
		return "a string"
	case kindNumber:
		return "a number"
	case kindKiB:
		return "a number of KiB, or a string of hexadecimal bytes"
	case kindHex:
		return "a hexadecimal string"
	case kindBits:
		return "32 or 64"
	}
	return "true or false"
}
