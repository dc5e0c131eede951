package mount

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestHostName(t *testing.T) {
	for _, c := range []struct{ name, want string }{
		{"main.lua", "main.lua"},
		{".airm2m_all_crc#.bin", ".airm2m_all_crc#.bin"},
		{"中文.txt", "中文.txt"},
		{".", "%2E"},
		{"..", "%2E%2E"},
		{"...", "..%2E"},
		{"../x", "..%2Fx"},
		{"/etc/passwd", "%2Fetc%2Fpasswd"},
		{`C:\x`, "C%3A%5Cx"},
		{"100%", "100%25"},
		{"a%2Fb", "a%252Fb"},
		{"nul", "%6Eul"},
		{"CON.lua", "%43ON.lua"},
		{"con .lua", "%63on .lua"},
		{"COM1", "%43OM1"},
		{"com¹.x", "%63om¹.x"},
		{"COM10", "COM10"},
		{"console", "console"},
		{"trail.", "trail%2E"},
		{"trail ", "trail%20"},
		{"a b", "a b"},
		{"-rf", "%2Drf"},
		{"~", "%7E"},
		{"a\x00\n\x7F", "a%00%0A%7F"},
		{"\xFF\xFEx", "%FF%FEx"},
		{"\u202Egpj.exe", "%E2%80%AEgpj.exe"},
		{"e\u0301", "e%CC%81"},       // combining accent: a host may store é
		{"\uF900", "%EF%A4%80"},      // compatibility ideograph
		{"\u00e9.txt", "\u00e9.txt"}, // é
	} {
		got, err := HostName(c.name, nil)
		if err != nil || got != c.want {
			t.Errorf("HostName(%q) = %q, %v, want %q", c.name, got, err, c.want)
		}
		if back, err := DeviceName(got); err != nil || back != c.name {
			t.Errorf("DeviceName(%q) = %q, %v, want %q", got, back, err, c.name)
		}
	}
}

func TestHostNameClash(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []struct{ name, want string }{
		{"main.lua", "main.lua"},
		{"Main.lua", "Main.lu%61"},
		{"MAIN.LUA", "MAIN.LU%41"},
		{"mAIN.lua", "mAIN.l%75%61"}, // mAIN.lu%61 is Main.lu%61 elsewhere
		{"ss", "ss"},
		{"ß", "%C3%9F"},
	} {
		got, err := HostName(c.name, seen)
		if err != nil || got != c.want {
			t.Errorf("HostName(%q) = %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	if _, err := HostName("main.lua", seen); err == nil {
		t.Error("the same name twice was accepted")
	}
	if _, err := HostName("Main.lua", seen); err == nil {
		t.Error("the same clashing name twice was accepted")
	}
	if _, err := HostName("", seen); err == nil {
		t.Error("an empty name was accepted")
	}
	if _, err := HostName(strings.Repeat("\x01", 86), nil); err == nil {
		t.Error("a name of 258 escaped bytes was accepted")
	}
}

func TestDeviceNameBroken(t *testing.T) {
	for _, host := range []string{"", "%", "a%4", "%zz", "%6c"} {
		if _, err := DeviceName(host); !errors.Is(err, ErrHostName) {
			t.Errorf("DeviceName(%q): %v, want ErrHostName", host, err)
		}
	}
}

// checkHostName states what every host name must satisfy.
func checkHostName(t interface{ Fatalf(string, ...any) }, name, host string) {
	switch {
	case !filepath.IsLocal(host) || filepath.Base(host) != host || host == ".":
		t.Fatalf("HostName(%q) = %q leads out of its folder", name, host)
	case !utf8.ValidString(host):
		t.Fatalf("HostName(%q) = %q is not UTF-8", name, host)
	case strings.ContainsAny(host, "/\\:*?\"<>|\x00\r\n\x1b"):
		t.Fatalf("HostName(%q) = %q has a forbidden character", name, host)
	case strings.HasSuffix(host, ".") || strings.HasSuffix(host, " "):
		t.Fatalf("HostName(%q) = %q has an end that Windows drops", name, host)
	case reserved(host):
		t.Fatalf("HostName(%q) = %q is a device of Windows", name, host)
	}
	if back, err := DeviceName(host); err != nil || back != name {
		t.Fatalf("DeviceName(%q) = %q, %v, want %q", host, back, err, name)
	}
}

func TestHostNameProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.OneOf(
			rapid.StringMatching(`[aAbB%.~ /]{1,4}`),
			rapid.StringN(1, 8, 31),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 8), func(p []byte) string { return string(p) }),
			rapid.StringMatching(`(CON|nul|com[0-9]|Lpt1)[. ]?(lua)?`),
			rapid.StringMatching(`[sSßẞſKk\x{212A}İiIı]{1,3}`),
		), 1, 30, rapid.ID[string]).Draw(t, "names")
		seen, hosts := map[string]string{}, map[string]string{}
		for _, name := range names {
			host, err := HostName(name, seen)
			if err != nil {
				t.Fatalf("HostName(%q): %v", name, err)
			}
			checkHostName(t, name, host)
			for _, folded := range []string{strings.ToLower(host), strings.ToUpper(host)} {
				if other, ok := hosts[folded]; ok && other != name {
					t.Fatalf("%q and %q both become %q on some host", name, other, host)
				}
				hosts[folded] = name
			}
		}
	})
}

func FuzzHostName(f *testing.F) {
	for _, s := range []string{"main.lua", "..", "CON.lua", "a%2Fb", "\xFF", "x. ", "\u202E", "İ"} {
		f.Add(s, strings.ToUpper(s))
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		seen := map[string]string{}
		ha, err := HostName(a, seen)
		if err != nil {
			if a != "" && len(a) <= 85 {
				t.Fatalf("HostName(%q): %v", a, err)
			}
			return
		}
		checkHostName(t, a, ha)
		hb, err := HostName(b, seen)
		if err != nil {
			if b != "" && b != a && len(b) <= 85 {
				t.Fatalf("HostName(%q): %v", b, err)
			}
			return
		}
		checkHostName(t, b, hb)
		if a == b || strings.EqualFold(ha, hb) {
			t.Fatalf("%q and %q become %q and %q", a, b, ha, hb)
		}
	})
}
