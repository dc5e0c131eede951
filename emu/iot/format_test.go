package iot

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestErrorBodies are the bytes and lengths of iot-platform.md 2.2.
func TestErrorBodies(t *testing.T) {
	cloud := must[*AnswerSet](t)(AnswersByName(""))
	for _, tc := range []struct {
		reason Reason
		body   string
		bytes  int
	}{
		{NoIdentity, `{"code": 3, "msg": "\u65e0\u6548\u7684\u8bbe\u5907"}`, 52},
		{ForeignAccount, `{"code": 17, "msg": "\u65e0\u6743\u9650"}`, 41},
		{DeviceForbidden, `{"code": 21, "msg": "21"}`, 25},
		{UnknownProject, `{"code": 25, "msg": "\u65e0\u6548\u7684\u9879\u76ee"}`, 53},
		{UnknownFirmware, `{"code": 26, "msg": "\u65e0\u6548\u7684\u56fa\u4ef6"}`, 53},
		{UpToDate, `{"code": 27, "msg": "\u5df2\u662f\u6700\u65b0\u7248\u672c"}`, 59},
		{LoopBan, `{"code": 40, "msg": "\u5faa\u73af\u5347\u7ea7"}`, 47},
		{BuildingDiff, `{"code": 43, "msg": "\u8bf7\u7b49\u5f85"}`, 41},
		{BaseUnknown, `{"code": 44, "msg": "\u57fa\u7840\u7248\u672c\u7f3a\u5931"}`, 59},
	} {
		a := cloud.For(tc.reason)
		if got := string(a.Body()); got != tc.body || len(got) != tc.bytes || a.Status != 400 {
			t.Errorf("%s: %d, %d bytes %s, want %d bytes %s", tc.reason, a.Status, len(got), got, tc.bytes, tc.body)
		}
	}
}

func TestAnswerSets(t *testing.T) {
	for _, name := range AnswerSetNames {
		set := must[*AnswerSet](t)(AnswersByName(name))
		if set.Name != name {
			t.Errorf("%s calls itself %s", name, set.Name)
		}
		for _, r := range Reasons {
			a := set.For(r)
			// libfota3 takes any other status for a broken server.
			ok := r == Deliver || name == "turnkey" && r != ServerError
			if a.Status == 0 || (a.Status < 300) != ok {
				t.Errorf("%s: %s has status %d", name, r, a.Status)
			}
			if strings.HasPrefix(name, "selfhost") && a.Body() != nil {
				t.Errorf("%s: %s has a body", name, r)
			}
		}
	}
	set := must[*AnswerSet](t)(AnswersByName("selfhost-304"))
	if set.For(UpToDate).Status != 304 || set.For(UnknownFirmware).Status != 404 {
		t.Error("selfhost-304 answers wrongly")
	}
	for _, bad := range []string{"turn-key", "Cloud"} {
		if _, err := AnswersByName(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestEscaper(t *testing.T) {
	for in, want := range map[string]string{
		"a\"\\\n\r\t\x01/\x7f": `a\"\\\n\r\t\u0001/` + "\x7f", "é": `\u00e9`, "😀": `\ud83d\ude00`, "\xff": `\ufffd`,
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.String().Draw(t, "msg")
		b := Answer{JSON: true, Code: 7, Msg: msg}.Body()
		var back struct {
			Code int
			Msg  string
		}
		if err := json.Unmarshal(b, &back); err != nil || back.Msg != msg || back.Code != 7 {
			t.Fatalf("%q became %s: %v", msg, b, err)
		}
		for _, c := range b {
			if c >= 0x80 {
				t.Fatalf("%s is not ASCII", b)
			}
		}
	})
}

func TestRecogniseFileName(t *testing.T) {
	for _, tc := range []struct{ file, name, version, core string }{
		{"fotademo_1103.1.2_LuatOS-SoC_EC618.bin", "fotademo_LuatOS-SoC_EC618", "1103.1.2", ""},
		{"fotademo_1002.1.1_LuatOS-SoC_EC718P.bin", "fotademo_LuatOS-SoC_EC718P", "1002.1.1", ""},
		{"fotademo_1004.1.1_LuatOS-SoC_Air201.bin", "fotademo_LuatOS-SoC_Air201", "1004.1.1", ""},
		{"fotademo_1025.1.1_LuatOS-SoC_AIR601.bin", "fotademo_LuatOS-SoC_AIR601", "1025.1.1", ""},
		{"FOTA2_DEMO_2012.001.001_LuatOS-SoC_Air780EPM.bin", "FOTA2_DEMO_LuatOS-SoC_Air780EPM", "2012.001.001", ""},
		{"example_full_ota_1.0.2_LuatOS_CSDK_EC7XX.bin", "example_full_ota_LuatOS_CSDK_EC7XX", "1.0.2", ""},
		{"GPIO_SINGLE_2.0.0_LuatOS-Air_V3103_RDA8910_BT_TTS_FLOAT.dfota.bin", "GPIO_SINGLE_LuatOS-Air_RDA8910_BT_TTS_FLOAT", "2.0.0", "3103"},
		{"LUAT_IOT_SERVER_UPDATE_1.0.1_Luat_V0022_RDA8910.dfota.bin", "LUAT_IOT_SERVER_UPDATE_Luat_RDA8910", "1.0.1", "0022"},
		{"AirM2M_780ET_V1016_LTE_AT_IPC.dfota.bin", "AirM2M_780ET_LTE_AT_IPC", "0.0.0", "0.0.1016"},
		{"some/folder/fotademo_1025.1.1_LuatOS-SoC_AIR601.dfota", "fotademo_LuatOS-SoC_AIR601", "1025.1.1", ""},
		{`C:\out\fotademo_1025.1.1_LuatOS-SoC_AIR601.bin`, "fotademo_LuatOS-SoC_AIR601", "1025.1.1", ""},
		{"output.bin", "", "", ""},
		{"123.bin", "", "", ""},
		{"fotademo_1.0.2_LuatOS-SoC_V1103_EC618.soc", "", "", ""},
		{"", "", "", ""},
	} {
		got, err := RecogniseFileName(tc.file)
		if want := (FileName{tc.name, tc.version, tc.core}); got != want {
			t.Errorf("%s: %+v, want %+v", tc.file, got, want)
		}
		if (tc.name == "") != errors.Is(err, ErrFileName) {
			t.Errorf("%s: %v", tc.file, err)
		}
	}
}

func TestComparators(t *testing.T) {
	for _, tc := range []struct {
		c              Comparator
		device, server Release
		want           order
	}{
		{Tuple, Release{"1109.1.0", ""}, Release{"1110.1.2", ""}, newer},
		{Tuple, Release{"1110.1.2", ""}, Release{"1110.1.2", ""}, same},
		{Tuple, Release{"1103.1.5", ""}, Release{"1103.2.0", ""}, newer},
		{Tuple, Release{"2010.001.000", ""}, Release{"2012.001.000", ""}, newer},
		{Tuple, Release{"2012.1.3", ""}, Release{"2010.1.9", ""}, older},
		{Tuple, Release{"2012.1.9", ""}, Release{"2012.1.10", ""}, newer},
		{Tuple, Release{"2012.001.000", ""}, Release{"2012.1.0", ""}, same},
		{Tuple, Release{"1.0", ""}, Release{"2012.1.0", ""}, unable},
		{Tuple, Release{"1.0.-1", ""}, Release{"2012.1.0", ""}, unable},
		{Tuple, Release{"1.0.99999999999999999999", ""}, Release{"2012.1.0", ""}, unable},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1103.2.0", ""}, older},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1103.2.5", ""}, newer},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1103.1.6", ""}, newer},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1104.1.5", ""}, newer},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1102.2.9", ""}, older},
		{DocsAC, Release{"1103.1.5", ""}, Release{"1103.1.5", ""}, same},
		{DocsAC, Release{"1103.2.5", ""}, Release{"1104.1.9", ""}, older},
		{CoreThenVersion, Release{"1.0.0", "3103"}, Release{"1.0.1", "3103"}, newer},
		{CoreThenVersion, Release{"1.0.0", "3103"}, Release{"1.0.0", "3104"}, newer},
		{CoreThenVersion, Release{"1.0.0", "22"}, Release{"1.0.0", "0022"}, same},
		{CoreThenVersion, Release{"1.0.0", "3103"}, Release{"2.0.0", "3102"}, older},
		{CoreThenVersion, Release{"0.0.0", "0.0.1016"}, Release{"0.0.0", "0.0.1017"}, newer},
		{CoreThenVersion, Release{"1.0.0", ""}, Release{"1.0.1", "3102"}, newer},
		{CoreThenVersion, Release{"1.0.1", "3103"}, Release{"1.0.0", "3104"}, older},
		{StringDiffers, Release{"2.0.0", ""}, Release{"1.0.0", ""}, newer},
		{StringDiffers, Release{"1.0.0", ""}, Release{"1.0.0", ""}, same},
		{StringDiffers, Release{"1.0.00", ""}, Release{"1.0.0", ""}, newer},
		{Always, Release{"1.0.0", ""}, Release{"1.0.0", ""}, newer},
		{Always, Release{"", ""}, Release{"", ""}, newer},
	} {
		if got, why := tc.c.compare(tc.device, tc.server); got != tc.want {
			t.Errorf("%s %v %v: %v (%s), want %v", tc.c, tc.device, tc.server, got, why, tc.want)
		}
	}
}

// TestTupleIsAnOrder checks on random versions that nothing is newer than
// itself and that of two different versions exactly one is newer.
func TestTupleIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) string {
			n := rapid.SliceOfN(rapid.IntRange(0, 12), 3, 3).Draw(t, name)
			return fmt.Sprintf("%d.%0*d.%d", n[0], 1+n[2]%4, n[1], n[2])
		}
		a, b := draw("a"), draw("b")
		ab, _ := Tuple.compare(Release{a, ""}, Release{b, ""})
		ba, _ := Tuple.compare(Release{b, ""}, Release{a, ""})
		if (ab == newer) != (ba == older) || (ab == same) != (ba == same) {
			t.Fatalf("%s %s: %v %v", a, b, ab, ba)
		}
	})
}

// TestQueryTable is the table of iot-platform.md 8.1.
func TestQueryTable(t *testing.T) {
	for _, tc := range []struct {
		query    string
		identity string
		name     string
		note     string
	}{
		{"imei=1&firmware_name=a", "1", "a", ""},
		{"nil&firmware_name=a", "", "a", "opts.imei"},
		{"imei=%zz&mac=2", "2", "", "broken %-escape"},
		{"imei=1%", "", "", "broken %-escape"},
		{"firmware_name=a+b&uid=3", "3", "a b", ""},
		{"firmware_name=%E4%B8%AD&uid=3", "3", "中", ""},
		{"firmware_name=中&uid=3", "3", "中", ""},
		{"imei=1&imei=2", "1", "", "2 times"},
		{"imei=&mac=2", "2", "", ""},
		{"uid=3&mac=2&imei=1", "1", "", ""},
		{"Imei=1", "", "", "case-sensitive"},
		{"imei=%ff", "", "", "no text"},
		{"imei=a%0ab", "", "", "no text"},
		{"", "", "", ""},
		{"&&=&?imei=1", "", "", ""},
	} {
		got := ParseQuery(Path + "?" + tc.query)
		notes := strings.Join(got.Notes, "; ")
		if got.Identity != tc.identity || got.FirmwareName != tc.name || !strings.Contains(notes, tc.note) || tc.note == "" && notes != "" {
			t.Errorf("%s: %+v", tc.query, got)
		}
	}
}

func TestProjectKeys(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(20) {
		for n := range int64(20) {
			k := projectKey(seed, n)
			if len(k) != 32 || CheckKey(k) != nil || seen[k] {
				t.Fatalf("key %q", k)
			}
			seen[k] = true
		}
	}
	if k := projectKey(1, 1); k != "mhihB73qoGP0qDyLNsN0rNYsiOOnq5js" {
		t.Errorf("the key of seed 1 changed to %s", k)
	}
}
