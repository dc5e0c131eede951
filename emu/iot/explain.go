package iot

import (
	"fmt"
	"strings"
	"time"
)

// TargetOf is the path and query of a URL as a person pastes it: whole, from
// the path on, or only the query. Nothing is decoded.
func TargetOf(url string) string {
	url = strings.TrimSpace(url)
	for _, scheme := range []string{"http://", "https://"} {
		if len(url) >= len(scheme) && strings.EqualFold(url[:len(scheme)], scheme) {
			rest := url[len(scheme):]
			if i := strings.IndexAny(rest, "/?"); i >= 0 {
				url = rest[i:]
			} else {
				url = "/"
			}
		}
	}
	if !strings.HasPrefix(url, "/") {
		url = Path + "?" + strings.TrimPrefix(url, "?")
	}
	return url
}

// ParseTarget reads a question of either API.
func ParseTarget(target string) Query {
	if path, _, _ := strings.Cut(target, "?"); path == TurnkeyPath {
		return ParseTurnkey(target)
	}
	return ParseQuery(target)
}

// NewExplanation tells why a question gets its answer.
func NewExplanation(q Query, d *Decision, answers *AnswerSet) Explanation {
	a := answers.For(d.Reason)
	e := Explanation{URL: q.URL, Reason: d.Reason, Status: a.Status, Body: string(a.Body()), Result: a.Log, Steps: d.Steps, Notes: d.Notes}
	if d.Redirect {
		e.Status = 302
	}
	return e
}

// Firmware makes the firmware of a draft. What the draft does not have comes
// from the file's name; ErrFileName if it cannot.
func (d FirmwareDraft) Firmware(project int64, at time.Time) (Firmware, error) {
	f := Firmware{
		Project: project, Name: d.Name, Version: d.Version, Core: d.Core, CoreID: d.CoreID, ScriptVersion: d.ScriptVersion,
		Remark: d.Remark, FileName: d.FileName[strings.LastIndexAny(d.FileName, `/\`)+1:], Allow: d.Allow, All: d.All, Created: at,
	}
	if err := f.recognise(f.FileName); err != nil {
		return f, err
	}
	if f.FileName == "" {
		f.FileName = "output.bin"
	}
	if err := f.Check(); err != nil {
		return f, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return f, nil
}

// UsableIdentity reports whether a text can be a device's identity.
func UsableIdentity(s string) bool { return usableIdentity(s) }
