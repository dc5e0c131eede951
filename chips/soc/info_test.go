package soc

import (
	"errors"
	"strings"
	"testing"

	"airlift/flash/explain"
)

// templates are the info.json values of ec618.md 5.1 and
// luadb-and-packages.md 7.1.
const (
	infoEC618 = `{
  "version": 1,
  "chip": {"type": "ec618", "ram": {"total": 384, "sys": 256, "lua": 128}},
  "rom": {"file": "luatos.binpkg", "fs": {"script": {"size": 448, "type": "luadb"}},
    "version-core": "v0007", "version-bsp": "v0006", "mark": "default",
    "build": {"build_at": "", "build_by": "", "build_host": "", "build_system": ""}},
  "script": {"file": "script.bin", "lua": "5.3", "bitw": 32, "use-luac": true, "use-debug": true},
  "fs": {"total_len": 288, "format_len": "1000"},
  "user": {"project": "", "version": "", "log_br": "921600"},
  "download": {"bl_addr": "00004000", "partition_addr": "00008000", "core_addr": "00024000", "app_addr": "", "script_addr": "0024D000",
    "nvm_addr": "", "fs_addr": "003B0000", "force_br": "1152000", "extra_param": "002f0200"},
  "fota": {"magic_num": "eaf18c16", "block_len": "40000", "core_type": "diff", "ap_type": "diff", "cp_type": "diff", "full_addr": "002BD000"}
}`
	infoEC7xx = `{"chip": {"type": "ec7xx"}, "rom": {"fs": {"script": {"size": 256}, "filesystem": {"offset": "395000", "size": "20000", "type": "lfs"}}},
  "download": {"core_addr": "0007e000", "script_addr": "0x2D0000", "fs_addr": "3a9000"}, "fota": {"full_addr": "310000", "fota_len": "69000", "magic_num": "eac37218"}}`
)

func TestInfo(t *testing.T) {
	i, err := ParseInfo([]byte("\xEF\xBB\xBF" + infoEC618))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"chip.type": "ec618", "rom.file": "luatos.binpkg", "script.lua": "5.3", "rom.version-core": "v0007", "rom.mark": "default", "user.project": "", "nothing": ""} {
		if got := i.Text(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
	for path, want := range map[string]int64{"download.script_addr": 0x24D000, "fota.full_addr": 0x2BD000, "fota.magic_num": 0xEAF18C16, "fota.block_len": 0x40000, "download.extra_param": 0x2F0200} {
		if got, ok := i.Addr(path); !ok || got != want {
			t.Errorf("%s: 0x%X %v", path, got, ok)
		}
	}
	if _, ok := i.Addr("download.app_addr"); ok {
		t.Error("an empty address was read")
	}
	if n, ok := i.Number("user.log_br"); !ok || n != 921600 {
		t.Errorf("log_br %d", n)
	}
	if n, ok := i.Size("rom.fs.script.size"); !ok || n != 448<<10 {
		t.Errorf("script size %d", n)
	}
	if i.Bits() != 32 {
		t.Errorf("%d bits", i.Bits())
	}
}

// TestSizeUnits has the unit rules of ec618.md 5.1 and 9: numbers are KiB, and
// strings bytes in hexadecimal if that makes whole sectors.
func TestSizeUnits(t *testing.T) {
	for text, want := range map[string]int64{`208`: 208 << 10, `"20000"`: 0x20000, `"208"`: 208 << 10, `"0x800"`: 0x800, `"448"`: 448 << 10, `"C0000"`: 0xC0000, `"1000"`: 0x1000} {
		i, err := ParseInfo([]byte(`{"rom": {"fs": {"filesystem": {"size": ` + text + `}}}}`))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, ok := i.Size("rom.fs.filesystem.size"); !ok || got != want {
			t.Errorf("%s: %d", text, got)
		}
	}
}

func TestBits(t *testing.T) {
	for text, want := range map[string]int{`{}`: 32, `{"chip":{"type":"AIR101"}}`: 64, `{"chip":{"type":"air6208"},"script":{"bitw":32}}`: 32, `{"script":{"bitw":"64"}}`: 64} {
		i, err := ParseInfo([]byte(text))
		if err != nil || i.Bits() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestInfoErrors(t *testing.T) {
	for _, c := range []struct {
		text, what string
		off        int64
	}{
		{`{"a": `, InfoName, 5},
		{`{} {}`, InfoName, 4},
		{`{"rom": {"fs": {"script": {"size": "many"}}}}`, "info.json: rom.fs.script.size", 35},
		{`{"download": {"script_addr": "0xZZ"}}`, "info.json: download.script_addr", 29},
		{`{"script": {"bitw": 48}}`, "info.json: script.bitw", 20},
		{`{"script": {"bitw": "48"}}`, "info.json: script.bitw", 20},
		{`{"script": {"use-luac": "yes"}}`, "info.json: script.use-luac", 24},
		{`{"script": {"bitw": {}, "bitw": [[[[[[[[[[1]]]]]]]]]]}}`, InfoName, 39},
		{`{"a": 1e999}`, InfoName, 11},
	} {
		var fe *explain.FormatError
		if _, err := ParseInfo([]byte(c.text)); !errors.As(err, &fe) || fe.What != c.what || fe.Off != c.off {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

func TestExplainInfo(t *testing.T) {
	f := ExplainInfo([]byte(infoEC7xx))
	if f.Worst() != explain.OK {
		t.Errorf("%+v", f)
	}
	for _, v := range f.Fields {
		if got := infoEC7xx[v.Off : v.Off+v.Len]; strings.Trim(got, `"`) != v.Value {
			t.Errorf("%s is %q at its offset, shown as %s", v.Name, got, v.Value)
		}
		if v.Name == "rom.fs.filesystem.size" && !strings.Contains(v.Meaning, "131072 bytes") {
			t.Errorf("%+v", v)
		}
	}
	f = ExplainInfo([]byte(`{"fota": {"full_addr": "x"}, "later": [1]}`))
	if f.Worst() != explain.Bad || f.Fields[1].Meaning != "not known" {
		t.Errorf("%+v", f)
	}
}

func FuzzInfo(f *testing.F) {
	f.Add([]byte(infoEC618))
	f.Add([]byte(infoEC7xx))
	f.Fuzz(func(t *testing.T, b []byte) {
		ExplainInfo(b)
		i, err := ParseInfo(b)
		if err != nil {
			var fe *explain.FormatError
			if !errors.As(err, &fe) {
				t.Fatalf("not a FormatError: %v", err)
			}
			return
		}
		for _, v := range i.Values {
			if v.Off < 0 || v.Off+v.Len > int64(len(b)) || string(b[v.Off:v.Off+v.Len]) != v.Raw {
				t.Fatalf("%s is not %q at %d", v.Path, v.Raw, v.Off)
			}
			_, _ = i.Size(v.Path)
		}
	})
}
