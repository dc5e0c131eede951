package iot

import (
	"encoding/json"
	"strings"
	"testing"

	"airlift/emu/link"
)

func tk(identity, script, version, core string) string {
	return TurnkeyPath + "?" + identity + "&project_key=" + keyA1 + "&model=Air8201G&core_id=1&core_version=" + core + "&script_name=" + script + "&script_version=" + version
}

func (w *world) turnkey(target string) map[string]any {
	w.t.Helper()
	resp := w.serve(target, link.Field{Name: "Host", Value: "iot.openluat.com:80"})
	var v map[string]any
	if err := json.Unmarshal(resp.Body, &v); err != nil || resp.Status != 200 {
		w.t.Fatalf("%s: %d %q: %v", target, resp.Status, resp.Body, err)
	}
	return v
}

func TestTurnkey(t *testing.T) {
	w := newWorld(t)
	f := w.add(Firmware{Name: "factory_LuatOS-SoC_Air8201G", Version: "2040.1.1", ScriptVersion: "001.000.001", CoreID: 7, FileName: "a.bin", Allow: true, All: true})
	v := w.turnkey(tk("imei="+imei, "factory", "001.000.000", "2039"))
	if v["code"] != 0.0 || v["core_id"] != 7.0 || v["core_version"] != "2040" || v["script_version"] != "001.000.001" || v["size"] != 800.0 || v["sha256"] != f.SHA256 {
		t.Fatalf("offer %v", v)
	}
	url, _ := v["url"].(string)
	rest, ok := strings.CutPrefix(url, "http://iot.openluat.com:80")
	if !ok {
		t.Fatalf("url %q", url)
	}
	if resp := w.serve(rest); resp.Status != 200 || string(resp.Body) != string(w.file) {
		t.Errorf("download: %d, %d bytes", resp.Status, len(resp.Body))
	}
	// The report, in each form that a library sends.
	serial := v["fota_sn"].(string)
	for _, tc := range []struct {
		method, query, body string
		code                float64
		outcome             Outcome
	}{
		{"POST", "", `{"fota_sn": "` + serial + `", "result_code": 1}`, 0, OutcomeNew},
		{"POST", "?fota_sn=other&result_code=3", `{"fota_sn": "` + serial + `", "result_code": 2}`, 0, OutcomeOld}, // the body wins
		{"POST", "?fota_sn=" + serial + "&result_code=0", "", 0, OutcomeNew},
		{"GET", "?fota_sn=" + serial + "&result_code=3", "", 0, OutcomeOld},
		{"POST", "", `{"fota_sn": "no such", "result_code": 1}`, 2, OutcomeOld},
		{"POST", "", `{"result_code": 1}`, 2, OutcomeOld},
		{"POST", "", `nonsense`, 2, OutcomeOld},
	} {
		resp := w.server.Serve(&link.Request{Method: tc.method, Target: TurnkeyResultPath + tc.query, Body: []byte(tc.body), Time: w.now})
		var got map[string]any
		if err := json.Unmarshal(resp.Body, &got); err != nil || resp.Status != 200 || got["code"] != tc.code {
			t.Errorf("%+v: %d %s", tc, resp.Status, resp.Body)
		}
		if d, _ := w.mem.Delivery(serial); d.Outcome != tc.outcome {
			t.Errorf("%+v: outcome %s", tc, d.Outcome)
		}
	}
	// Nothing newer, wrong name, no identity, a raw uid.
	for target, code := range map[string]float64{
		tk("imei="+imei, "factory", "001.000.001", "2040"):  1,
		tk("imei="+imei, "other", "001.000.000", "2039"):    26,
		tk("x=1", "factory", "001.000.000", "2039"):         3,
		tk("uid=\x01\xff\x80", "factory", "1.0.0", "2039"):  0,
		tk("mac=C8AB", "factory", "001.000.002", "2039"):    1,
		tk("mac=C8AB", "factory", "001.000.002", "garbage"): 1,
	} {
		if v := w.turnkey(target); v["code"] != code {
			t.Errorf("%q: %v, want code %v", target, v, code)
		}
	}
	if _, ok := w.mem.Device("01FF80"); !ok {
		t.Error("a raw uid is written in hex")
	}
}

func TestTurnkeySetHasNoOldAddress(t *testing.T) {
	w := newWorld(t)
	w.set = "turnkey"
	w.add(Firmware{Name: "f", Version: "1.0.1", Allow: true, All: true})
	if resp := w.serve(Path + "?" + q(imei, keyA1, "f", "1.0.0")); resp.Status != 404 {
		t.Errorf("status %d", resp.Status)
	}
}

func TestWifi(t *testing.T) {
	w := newWorld(t)
	w.serve("/")
	w.server.Wifi = &Wifi{Version: "14", Content: []byte("firmware of the Wi-Fi chip")}
	for _, p := range wifiPaths {
		resp := w.serve(p+"?imei=未知imei&version=11", link.Field{Name: "Host", Value: "wififota.openluat.com:8300"})
		if want := `{"url":"http://wififota.openluat.com:8300/air8000/fotawifi.bin","version":"14"}`; resp.Status != 200 || string(resp.Body) != want {
			t.Errorf("%s: %d %s", p, resp.Status, resp.Body)
		}
	}
	if resp := w.serve(wifiFile, link.Field{Name: "Range", Value: "bytes=9-"}); resp.Status != 206 || string(resp.Body) != "of the Wi-Fi chip" {
		t.Errorf("%d %q", resp.Status, resp.Body)
	}
}
