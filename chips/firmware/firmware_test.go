package firmware

import (
	"errors"
	"path"
	"reflect"
	"strings"
	"testing"
)

// TestData reads every file: that they parse, and that nothing is left over.
func TestData(t *testing.T) {
	used := map[string]bool{}
	for _, name := range Names() {
		table, err := read(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range table.Libraries {
			used[l.Name] = true
			if len(l.Members) == 0 {
				t.Errorf("%s: library %s is empty", name, l.Name)
			}
		}
		for _, must := range []string{"rtos", "log", "string", "table", "io", "os", "json", "gpio", "uart"} {
			if _, ok := table.Library(must); !ok {
				t.Errorf("%s has no %s", name, must)
			}
		}
		exceptions(t, name)
	}
	for _, lib := range names("data/lib") {
		if !used[lib] {
			t.Errorf("no firmware has %s", lib)
		}
	}
	m, err := readModels()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for key, name := range m {
		named[name] = true
		if _, err := read(name); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, name := range Names() {
		if !named[name] {
			t.Errorf("no model runs %s", name)
		}
	}
}

// exceptions looks whether each exception of a firmware names a member and
// says something that the library's file does not.
func exceptions(t *testing.T, name string) {
	t.Helper()
	file := path.Join("data/fw", name+".txt")
	text, err := data.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := parseBuild(file, string(text))
	if err != nil {
		t.Fatal(err)
	}
	libs := map[string]map[string]Member{}
	find := func(full string) (Member, bool) {
		lib, member, _ := strings.Cut(full, ".")
		if libs[lib] == nil {
			libs[lib] = map[string]Member{}
			text, err := data.ReadFile(path.Join("data/lib", lib+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			all, err := ParseLibrary(lib, string(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range all {
				libs[lib][m.Name] = m
			}
		}
		m, ok := libs[lib][member]
		return m, ok
	}
	for full := range b.without {
		if m, ok := find(full); !ok || !m.at(b.date) || b.with[full] {
			t.Errorf("%s: without %s says nothing", name, full)
		}
	}
	for full := range b.with {
		if m, ok := find(full); !ok || m.at(b.date) {
			t.Errorf("%s: with %s says nothing", name, full)
		}
	}
	for full, v := range b.values {
		if m, ok := find(full); !ok || m.Kind == Int && m.Int == v || b.without[full] {
			t.Errorf("%s: value %s says nothing", name, full)
		}
	}
}

// TestFacts are a few things that scripts depend on.
func TestFacts(t *testing.T) {
	tests := []struct {
		model, profile, member string
		there                  bool
		value                  int64
	}{
		{"Air601", "g2", "wlan.connect", true, 0},
		{"Air601", "g2", "fota", false, 0},
		{"Air601", "g2-fota", "fota.run", true, 0},
		{"Air101", "g2", "wlan", false, 0},
		{"Air101", "g2", "hmeta", false, 0},
		{"Air101", "g1", "gpio.count", false, 0},
		{"Air101", "g2", "gpio.NONE", true, 255},
		{"Air101", "g1", "gpio.NONE", false, 0},
		{"Air780E", "full", "mobile.imei", true, 0},
		{"Air780E", "lite", "lcd", false, 0},
		{"Air780E", "full", "lcd.init", true, 0},
		{"Air780E", "full", "wlan.connect", false, 0},
		{"Air780E", "full", "wlan.scan", true, 0},
		{"Air780EPM", "1", "gpio.PWR_KEY", true, 46},
		{"Air780EPM", "101", "hmeta.devid", false, 0},
		{"Air780EPM", "1", "audio", false, 0},
		{"Air780EHM", "1", "audio.play", true, 0},
		{"Air8000", "1", "wlan.connect", true, 0},
		{"Air8000", "1", "airlink.ready", true, 0},
		{"Air8101", "101", "mobile", false, 0},
		{"Air8101", "101", "fs.fsstat", true, 0},
		{"Air6208", "g3", "airui.init", true, 0},
		{"Air1601", "101", "bit.band", true, 0},
	}
	for _, tt := range tests {
		table, err := For(tt.model, tt.profile)
		if err != nil || table == nil {
			t.Fatalf("%s %s: %v, %v", tt.model, tt.profile, table, err)
		}
		name, member, dotted := strings.Cut(tt.member, ".")
		l, there := table.Library(name)
		var m *Member
		if there && dotted {
			m, there = l.Member(member)
		}
		if there != tt.there {
			t.Errorf("%s %s: %s is there: %v", tt.model, tt.profile, tt.member, there)
		}
		if m != nil && m.Kind == Int && m.Int != tt.value {
			t.Errorf("%s %s: %s is %d, expected %d", tt.model, tt.profile, tt.member, m.Int, tt.value)
		}
	}
	if table, err := For("Air780E", "nosuch"); table != nil || err != nil {
		t.Errorf("%v, %v", table, err)
	}
}

func TestParseLibrary(t *testing.T) {
	got, err := ParseLibrary("x", "# a comment\nfunc setup\nint LOW -1 since 2024-01-02 until 2025-01-01\n\nstr OK \"\\xef\\\"\" special\r\nhandle font\nown pi")
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{
		{Name: "setup", Kind: Func}, {Name: "LOW", Kind: Int, Int: -1, Since: "2024-01-02", Until: "2025-01-01"},
		{Name: "OK", Kind: Str, Str: "\xef\"", Special: true}, {Name: "font", Kind: Handle}, {Name: "pi", Kind: Own},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestBadText(t *testing.T) {
	library := func(s string) error { _, err := ParseLibrary("f", s); return err }
	firmware := func(s string) error { _, err := parseBuild("f", s); return err }
	models := func(s string) error { _, err := parseModels("f", s); return err }
	tests := []struct {
		parse func(string) error
		text  string
		line  int
		why   string
	}{
		{library, "func a\nfunk b", 2, "expected func, int"},
		{library, "func", 1, "name is missing"},
		{library, "func a-b", 1, "letters, digits"},
		{library, "func " + strings.Repeat("a", maxName+1), 1, "1 to 64"},
		{library, "func a\nfunc a", 2, "twice"},
		{library, "int a", 1, "value is missing"},
		{library, "int a 0x5", 1, "expected an integer"},
		{library, "str a b", 1, "double quotes"},
		{library, "str a `b`", 1, "double quotes"},
		{library, "func a since", 1, "date is missing"},
		{library, "func a since 2024-1-01", 1, "form 2024-05-08"},
		{library, "func a since 2024-01-01 since 2024-01-01", 1, "twice"},
		{library, "func a since 2024-01-02 until 2024-01-02", 1, "not later"},
		{library, "func a b", 1, "expected since, until"},
		{library, strings.Repeat("\n", maxText+1), 0, "at most"},
		{firmware, "lib a", 0, "date is missing"},
		{firmware, "date 2024", 1, "form"},
		{firmware, "date 2024-01-01\nlib", 2, "missing behind"},
		{firmware, "lib a a", 1, "twice"},
		{firmware, "lib a\nalias b", 2, "expected alias"},
		{firmware, "lib a\nalias b c", 2, "library above"},
		{firmware, "lib a\nwithout b.c", 2, "of a library above"},
		{firmware, "lib a\nwith a", 2, "LIBRARY.NAME"},
		{firmware, "lib a\nvalue a.b", 2, "expected value"},
		{firmware, "lib a\nvalue a.b x", 2, "integer"},
		{firmware, "nonsense x", 1, "expected date"},
		{models, "a b", 1, "MODEL PROFILE"},
		{models, "a b c\na b d", 2, "twice"},
	}
	for _, tt := range tests {
		var e *LineError
		if err := tt.parse(tt.text); !errors.As(err, &e) || e.Line != tt.line || !strings.Contains(e.Why, tt.why) {
			t.Errorf("%.40q: %v, expected line %d: %s", tt.text, err, tt.line, tt.why)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("func setup\nint LOW 0 since 2024-01-01\nstr A \"\\x41\"\n")
	f.Add("date 2024-01-01\nassumed x\nlib a b\nalias c a\nwithout a.b\nwith a.c\nvalue a.d 5\n")
	f.Add("Air601 g2 air601-g2\n")
	f.Fuzz(func(t *testing.T, text string) {
		members, err := ParseLibrary("f", text)
		b, berr := parseBuild("f", text)
		if _, merr := parseModels("f", text); merr != nil {
			checkLine(t, merr, text)
		}
		if err != nil {
			checkLine(t, err, text)
		}
		if berr != nil {
			checkLine(t, berr, text)
			return
		}
		for _, m := range b.members("a", members) {
			if validName(m.Name) != "" || b.without["a."+m.Name] {
				t.Errorf("member %+v", m)
			}
		}
	})
}

func checkLine(t *testing.T, err error, text string) {
	var e *LineError
	if !errors.As(err, &e) || e.Line < 0 || e.Line > strings.Count(text, "\n")+1 {
		t.Errorf("%v", err)
	}
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		if _, err := read("air780ehm"); err != nil {
			b.Fatal(err)
		}
	}
}
