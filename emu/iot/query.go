package iot

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"airlift/emu/link"
)

// Path is where devices ask (iot-platform.md 1.1, E1).
const Path = "/api/site/firmware_upgrade"

// Host is the platform's name; it listens on port 80 only.
const Host = "iot.openluat.com"

// Query is what a device asks.
type Query struct {
	URL          string // path and query as sent, made valid UTF-8, at most 1024 bytes of it
	Param        string // which parameter gave the identity: imei, mac or uid
	Identity     string // who asks, as written; empty if nothing usable was sent
	ProjectKey   string
	FirmwareName string // decoded
	RawName      string // firmware_name as written: a + may be meant literally
	Version      string
	CoreVersion  string // separate core number of RDA8910 and AT firmware
	Dfota        bool   // a difference package is wanted
	NeedOSSURL   bool   // a redirect is wanted
	RangeFrom    int64  // first byte wanted; above 0 a download is resumed
	// Turnkey says that it is a check of the turnkey API; then FirmwareName is
	// made of script name and model, RawName is the script name alone, and
	// ScriptVersion stands for Version.
	Turnkey       bool
	ScriptVersion string // all three parts of VERSION
	CoreID        string // build or variant of the core
	// Notes say what is odd about the parameters, for people.
	Notes []string
}

// identityBytesMax bounds what can be stored as an identity. The longest one
// known is a bsp name with a 12-byte id in hex.
const identityBytesMax = 64

// urlBytesMax is how much of a URL is kept for the log.
const urlBytesMax = 1024

// ParseQuery reads the parameters out of a request's target. Unknown ones are
// ignored, the first of doubled ones counts, and names are case-sensitive
// (iot-platform.md 1.2).
func ParseQuery(target string) Query {
	_, raw, _ := strings.Cut(target, "?")
	pairs := link.ParseQuery(raw)
	q := Query{
		URL:         clean(target[:min(len(target), urlBytesMax)]),
		ProjectKey:  pairs.Get("project_key"),
		Version:     pairs.Get("version"),
		CoreVersion: pairs.Get("core_version"),
		Dfota:       pairs.Get("dfota") == "1",
		NeedOSSURL:  pairs.Get("need_oss_url") == "1",
	}
	name, _ := pairs.First("firmware_name")
	q.FirmwareName, q.RawName = name.Value, name.RawValue
	for _, param := range identityParams {
		if v := pairs.Get(param); v != "" {
			q.Param, q.Identity = param, v
			break
		}
	}
	q.note(pairs)
	if q.Identity != "" && !usableIdentity(q.Identity) {
		q.Notes = append(q.Notes, fmt.Sprintf("the identity %s is no text of 1 to %d bytes, so it counts as missing", quote(q.Identity), identityBytesMax))
		q.Identity = ""
	}
	if q.Identity == "nil" {
		q.add("the identity is the word nil: all devices whose scripts send tostring(nil) are one")
	}
	return q
}

var (
	identityParams = []string{"imei", "mac", "uid"}
	knownParams    = []string{"imei", "mac", "uid", "project_key", "firmware_name", "version", "core_version", "dfota", "need_oss_url"}
)

// note collects what a person should know about the parameters.
func (q *Query) note(pairs link.Query) {
	count := map[string]int{}
	for _, p := range pairs {
		switch {
		case p.Bad:
			q.add("the parameter %s has a broken %%-escape and is ignored", quote(p.RawName+"="+p.RawValue))
			continue
		case p.Name == "nil" && p.RawValue == "":
			q.add("there is a parameter nil: libfota2 on a model that it does not know sends nil instead of an identity; set opts.imei")
		}
		count[p.Name]++
		for _, known := range knownParams {
			if p.Name != known && strings.EqualFold(p.Name, known) {
				q.add("the parameter %s is ignored: names are case-sensitive, write %s", quote(p.Name), known)
			}
		}
	}
	for _, known := range knownParams {
		if count[known] > 1 {
			q.add("the parameter %s comes %d times; the first one counts", known, count[known])
		}
	}
}

const notesMax = 16

func (q *Query) add(format string, args ...any) {
	if len(q.Notes) < notesMax {
		q.Notes = append(q.Notes, fmt.Sprintf(format, args...))
	}
}

func usableIdentity(s string) bool {
	if len(s) > identityBytesMax || !utf8.ValidString(s) || strings.TrimSpace(s) == "" {
		return false
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7F {
			return false
		}
	}
	return true
}

// clean makes text from outside valid UTF-8.
func clean(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// IdentityKey is the form in which identities are compared: without regard to
// the case of ASCII letters (U-14).
func IdentityKey(identity string) string {
	b := []byte(identity)
	for i, c := range b {
		if c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}
