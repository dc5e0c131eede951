package iot

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"airlift/emu/link"
)

// FuzzServe sends hostile targets to a platform and checks what must hold for
// every request.
func FuzzServe(f *testing.F) {
	for _, s := range []string{
		q(imei, keyA1, "f", "1.0.0"), q(imei, keyB1, "f", "1.0.0"), "nil&project_key=" + keyA1, "imei=%zz&IMEI=1&mac=\xff&uid=+",
		q(imei, keyA1, "f", "1.0.0") + "&core_version=3103&dfota=1&need_oss_url=1", q(imei, keyA1, "f", "99999999999999999999.0.0"),
		q("%00", keyA1, "%22%0d%0aSet-Cookie:x", "1.0.1"), "imei=1&imei=2&project_key=" + keyA2, "",
	} {
		f.Add(s, "bytes=0-", uint8(0))
		f.Add(s, "bytes=5-", uint8(7))
	}
	f.Fuzz(func(t *testing.T, query, rng string, mode uint8) {
		w := newWorld(t)
		w.set = AnswerSetNames[int(mode)%len(AnswerSetNames)]
		w.s.Registration = []Registration{FirstRequest, FirstSuccess, Manual}[int(mode/4)%3]
		w.s.Loop.Counts = []LoopCounts{CountSameTarget, CountDeliveries, CountRequests}[int(mode/16)%3]
		w.mem.AddCore("", Version{2: 3103})
		w.add(Firmware{Name: "f", Version: "1.0.1", Core: "3103", Allow: true, All: true})
		w.add(Firmware{Project: w.a2.ID, Name: "f", Version: "1.0.2", Allow: true, Devices: []string{"1"}})
		for range 8 {
			parsed := ParseQuery(Path + "?" + query)
			a, b := Decide(parsed, w.mem, w.s, w.now), Decide(parsed, w.mem, w.s, w.now)
			if !reflect.DeepEqual(a, b) {
				t.Fatal("two decisions about the same")
			}
			if len(a.Steps) == 0 || a.Reason == "" || a.Step != a.Steps[len(a.Steps)-1].N || (a.Reason == Deliver) != (a.Step == 13) {
				t.Fatalf("decision %+v", a)
			}
			resp := w.serve(Path+"?"+query, link.Field{Name: "Range", Value: rng})
			if resp.Status < 200 || resp.Status > 599 {
				t.Fatalf("status %d", resp.Status)
			}
			if resp.Status < 300 && len(resp.Body) == 0 {
				t.Fatal("an empty success, which devices take for a broken download")
			}
			if resp.Done != nil {
				resp.Done(link.Outcome{Whole: true, Time: w.now})
			}
		}
		for _, d := range w.mem.Devices() {
			if !utf8.ValidString(d.Identity+d.Version+d.FirmwareName+d.Core) || len(d.Identity) > identityBytesMax {
				t.Fatalf("device %+v", d)
			}
		}
		for _, e := range w.mem.Log() {
			if !utf8.ValidString(e.URL + e.FirmwareName + e.DeviceVersion) {
				t.Fatalf("log %+v", e)
			}
		}
		if len(w.mem.Devices()) > 1 {
			t.Fatal("one query registered two devices")
		}
	})
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(exampleConfig))
	f.Add([]byte(`{"accounts": [{"name": "a", "projects": [{"name": "p", "firmware": [{"file": "a_1.1.1_b.bin"}]}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := LoadConfig(data)
		if err != nil {
			return
		}
		s, _, err := c.Build(1, func(string) ([]byte, error) { return []byte("x"), nil })
		if err == nil {
			s.Serve(&link.Request{Method: "GET", Target: Path + "?imei=1"})
		}
	})
}

// FuzzTurnkey checks that no question and no report breaks the turnkey API, and
// that every answer is JSON with status 200.
func FuzzTurnkey(f *testing.F) {
	f.Add("imei=1&project_key="+keyA1+"&model=m&script_name=f&script_version=1.0.0&core_version=1", `{"fota_sn":"x","result_code":1}`)
	f.Add("uid=\x00\xff&project_key=%zz", `{"fota_sn":1}`)
	f.Add("", "")
	w := newWorld(f)
	w.add(Firmware{Name: "f", Version: "2.1.1", ScriptVersion: "1.0.1", Allow: true, All: true})
	w.serve("/")
	f.Fuzz(func(t *testing.T, query, body string) {
		for _, req := range []*link.Request{
			{Method: "GET", Target: TurnkeyPath + "?" + query, Time: noon},
			{Method: "POST", Target: TurnkeyResultPath + "?" + query, Body: []byte(body), Time: noon},
		} {
			resp := w.server.Serve(req)
			if resp.Status != 200 || !json.Valid(resp.Body) {
				t.Errorf("%s: %d %q", req.Target, resp.Status, resp.Body)
			}
		}
	})
}

// FuzzTargetOf checks that what people paste becomes a target.
func FuzzTargetOf(f *testing.F) {
	for _, s := range []string{"http://iot.openluat.com/api/site/firmware_upgrade?imei=1", "imei=1", "?imei=1", "/x?y", "https://h", "HTTP://h?x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, url string) {
		target := TargetOf(url)
		if !strings.HasPrefix(target, "/") {
			t.Errorf("%q", target)
		}
		ParseTarget(target)
	})
}
