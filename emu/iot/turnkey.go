package iot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"airlift/emu/link"
)

// The turnkey API of 2026 (iot-platform.md 1.5): a check that answers with
// JSON, a download, and a report of the result after the next boot.
const (
	TurnkeyPath       = "/api/site/turnkey_fota"
	TurnkeyResultPath = "/api/site/turnkey_fota_result"
)

// ParseTurnkey reads the parameters of a check. Values are escaped, but an uid
// may be raw bytes; such an identity is written in hex.
func ParseTurnkey(target string) Query {
	q := ParseQuery(target)
	_, raw, _ := strings.Cut(target, "?")
	pairs := link.ParseQuery(raw)
	q.Turnkey, q.ScriptVersion, q.CoreID = true, pairs.Get("script_version"), pairs.Get("core_id")
	q.RawName = pairs.Get("script_name")
	q.FirmwareName, q.Version = q.RawName+"_LuatOS-SoC_"+pairs.Get("model"), ""
	q.Dfota, q.NeedOSSURL = false, false
	if uid := pairs.Get("uid"); q.Identity == "" && uid != "" && len(uid)*2 <= identityBytesMax {
		q.Param, q.Identity = "uid", hex.EncodeToString([]byte(uid))
	}
	return q
}

// serial makes the fota_sn of an offer.
func (q *Query) serial(f *Firmware, now time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", IdentityKey(q.Identity), f.ID, now.UnixNano()))
	return strings.ToUpper(hex.EncodeToString(sum[:10]))
}

// turnkey is what a device will report after the upgrade: with a version
// <core>.X.Z the core is in front. The script version is compared as a string
// by the device, so it cannot be guessed from X and Z.
func (f *Firmware) turnkey() Release {
	core := f.Core
	if core == "" {
		core, _, _ = strings.Cut(f.Version, ".")
	}
	return Release{Version: f.ScriptVersion, Core: core}
}

// offer is the answer to a check that found something.
type offer struct {
	Code          int    `json:"code"`
	Msg           string `json:"msg"`
	CoreID        int64  `json:"core_id"` // a number: the device compares it with one
	CoreVersion   string `json:"core_version"`
	ScriptVersion string `json:"script_version"`
	Size          int64  `json:"size"`
	SHA256        string `json:"sha256"`
	Serial        string `json:"fota_sn"`
	URL           string `json:"url"`
}

func (s *Server) turnkeyCheck(req *link.Request, a *Access) *link.Response {
	d, content := s.decide(req, ParseTurnkey(req.Target), a, s.turnkey)
	if d.Reason != Deliver {
		return s.turnkeyJSON(req, s.turnkey.For(d.Reason))
	}
	content.Close() // it is fetched by itself
	f, v := d.Firmware, d.Effects.Delivery
	if v == nil {
		v = d.Delivered.Delivery
	}
	to := f.turnkey()
	body, err := json.Marshal(offer{
		CoreID: f.CoreID, CoreVersion: to.Core, ScriptVersion: to.Version, Size: f.Size, SHA256: content.SHA256, Serial: v.Serial,
		URL: s.address(req) + downloadTarget(content, f),
	})
	if err != nil {
		return s.failure(req, ServerError)
	}
	return jsonBody(req, 200, body)
}

func (s *Server) turnkeyJSON(req *link.Request, a Answer) *link.Response {
	if !a.JSON {
		return plain(req, a.Status)
	}
	return jsonBody(req, a.Status, a.Body())
}

func jsonBody(req *link.Request, status int, body []byte) *link.Response {
	resp := plain(req, status)
	for i := range resp.Header {
		if resp.Header[i].Name == "Content-Type" {
			resp.Header[i].Value = "application/json; charset=utf-8"
		}
	}
	resp.Body, resp.Close = body, true
	return resp
}

// address is how the device called this server.
func (s *Server) address(req *link.Request) string {
	scheme := "http://"
	if req.TLS {
		scheme = "https://"
	}
	if h := req.Header.Get("Host"); h != "" {
		return scheme + h
	}
	return scheme + Host
}

// turnkeyResult takes a report: 1 and, from old clients, 0 are success (U-9).
// It may come as GET or POST, in the query or as a JSON body, which wins.
func (s *Server) turnkeyResult(req *link.Request) *link.Response {
	pairs := link.ParseQuery(req.RawQuery())
	serial, code := pairs.Get("fota_sn"), pairs.Get("result_code")
	var body struct {
		Serial string          `json:"fota_sn"`
		Code   json.RawMessage `json:"result_code"`
	}
	if len(req.Body) > 0 && json.Unmarshal(req.Body, &body) == nil {
		if body.Serial != "" {
			serial = body.Serial
		}
		if len(body.Code) > 0 {
			code = strings.Trim(string(body.Code), `"`)
		}
	}
	n, err := strconv.Atoi(code)
	if serial == "" || err != nil {
		return jsonBody(req, 200, Answer{JSON: true, Code: 2, Msg: "fota_sn and result_code are needed"}.Body())
	}
	known := false
	err = s.db.Update(func(st Store) error {
		v, ok := st.Delivery(serial)
		if known = ok; !ok {
			return nil
		}
		outcome := OutcomeOld
		if n == 0 || n == 1 {
			outcome = OutcomeNew
		}
		return st.Apply(Effects{Identity: v.Identity, At: req.Time, Settle: &Settlement{v, outcome}})
	})
	switch {
	case err != nil:
		return s.failure(req, ServerError)
	case !known:
		return jsonBody(req, 200, Answer{JSON: true, Code: 2, Msg: "no such fota_sn"}.Body())
	}
	return jsonBody(req, 200, Answer{JSON: true, Code: 0, Msg: "ok"}.Body())
}
