package iot

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Answer is what a reason looks like from outside.
type Answer struct {
	Status int    // HTTP
	Code   int    // of the JSON body
	Msg    string // of the JSON body
	Log    string // in the platform's log; empty: the platform logs nothing
	JSON   bool   // the body is JSON; otherwise there is none
}

// Body returns the exact body (iot-platform.md 2.2): one blank after colons
// and comma, lower-case \u escapes, no line end. RDA8910 scripts search for
// these bytes, and libfota2 refuses a body that does not end with a brace.
func (a Answer) Body() []byte {
	if !a.JSON {
		return nil
	}
	b := append([]byte(`{"code": `), strconv.Itoa(a.Code)...)
	b = append(b, `, "msg": "`...)
	b = appendEscaped(b, a.Msg)
	return append(b, `"}`...)
}

// AnswerSet is one server's way to answer.
type AnswerSet struct {
	Name    string
	Summary string
	answers map[Reason]Answer
	// comparator is what this kind of server compares versions with.
	comparator Comparator
	// close says that connections are closed after every answer: small servers
	// have to, because devices wait for it (iot-platform.md 4.1).
	close bool
	// turnkey says that firmware_upgrade is not there.
	turnkey bool
}

// For returns the answer to a reason.
func (s *AnswerSet) For(r Reason) Answer { return s.answers[r] }

// AnswerSetNames lists the names that [AnswersByName] knows, the default first.
var AnswerSetNames = []string{"cloud", "wiki2024", "selfhost-minimal", "selfhost-304", "turnkey"}

// AnswersByName returns an answer set (iot-platform.md 2.4). An empty name
// means cloud.
func AnswersByName(name string) (*AnswerSet, error) {
	switch name {
	case "", "cloud":
		return &AnswerSet{Name: "cloud", Summary: "the platform's table of codes", answers: cloudAnswers(), comparator: Auto}, nil
	case "wiki2024":
		return &AnswerSet{Name: name, Summary: "the numbering of the 2024 wiki article: 25 no permission, 26 invalid project, 27 invalid firmware",
			answers: wikiAnswers(), comparator: Auto}, nil
	case "selfhost-minimal":
		return &AnswerSet{Name: name, Summary: "the file or an empty 404", answers: bareAnswers(404), comparator: Auto, close: true}, nil
	case "selfhost-304":
		return &AnswerSet{Name: name, Summary: "the file, 304 for an equal version, 404 for the rest", answers: bareAnswers(304), comparator: StringDiffers, close: true}, nil
	case "turnkey":
		return &AnswerSet{Name: name, Summary: "only the API of libfota3: JSON with status 200", answers: turnkeyAnswers(), comparator: Auto, close: true, turnkey: true}, nil
	}
	return nil, fmt.Errorf("no answer set %q: known are %s", name, strings.Join(AnswerSetNames, ", "))
}

// The messages and log texts of the code table (iot-platform.md 2.3).
const (
	msgInvalidDevice   = "无效的设备"
	msgNoPermission    = "无权限"
	msgInvalidProject  = "无效的项目"
	msgInvalidFirmware = "无效的固件"
	msgNewest          = "已是最新版本"
	msgLoop            = "循环升级"
	msgWait            = "请等待"
	msgNoBase          = "基础版本缺失"
	msgNoVersion       = "无新版本"

	logSuccess    = "成功"
	logNoProject  = "未找到项目"
	logNoFirmware = "找不到固件"
	logNotListed  = "设备不在配置的升级设备列表中"
	logLoop       = "检测到循环升级(已禁止升级，请到设备列表解除)"
	logBuilding   = "正在生成版本，请等待"
	logNoBase     = "基础CORE版本缺失"
)

func cloudAnswers() map[Reason]Answer {
	e := func(code int, msg, log string) Answer {
		return Answer{Status: 400, Code: code, Msg: msg, Log: log, JSON: true}
	}
	return map[Reason]Answer{
		Deliver:           {Status: 200, Log: logSuccess},
		NoIdentity:        e(3, msgInvalidDevice, ""),
		UnknownProject:    e(25, msgInvalidProject, logNoProject),
		ForeignAccount:    e(17, msgNoPermission, msgNoPermission),
		ForeignProject:    e(25, msgInvalidProject, logNoProject),
		Unregistered:      e(25, msgInvalidProject, logNoProject),
		DeviceForbidden:   e(21, "21", "21"),
		LoopBan:           e(40, msgLoop, logLoop),
		UnknownFirmware:   e(26, msgInvalidFirmware, logNoFirmware),
		FirmwareDisabled:  e(27, msgNewest, logNotListed),
		NotListed:         e(27, msgNewest, logNotListed),
		NotRolledOut:      e(27, msgNewest, logNotListed),
		UpToDate:          e(27, msgNewest, msgNewest),
		Downgrade:         e(27, msgNewest, msgNewest),
		BaselineForbidden: e(21, "21", "21"),
		BaseUnknown:       e(44, msgNoBase, logNoBase),
		BuildingDiff:      e(43, msgWait, logBuilding),
		ServerError:       {Status: 500, Log: "server error"}, // no code is known, so none is invented (U-21)
	}
}

// wikiAnswers follows the seed's numbering of ownership and firmware errors.
func wikiAnswers() map[Reason]Answer {
	m := cloudAnswers()
	for r, a := range map[Reason]Answer{
		ForeignAccount:  {Code: 25, Msg: msgNoPermission, Log: msgNoPermission},
		ForeignProject:  {Code: 26, Msg: msgInvalidProject, Log: logNoProject},
		UnknownFirmware: {Code: 27, Msg: msgInvalidFirmware, Log: logNoFirmware},
	} {
		a.Status, a.JSON = 400, true
		m[r] = a
	}
	return m
}

// bareAnswers has no bodies; equal is the status for a version that is equal.
func bareAnswers(equal int) map[Reason]Answer {
	m := cloudAnswers()
	for r, a := range m {
		switch r {
		case Deliver, ServerError:
			continue
		case UpToDate:
			m[r] = Answer{Status: equal, Log: a.Log}
		default:
			m[r] = Answer{Status: 404, Log: a.Log}
		}
	}
	return m
}

// turnkeyAnswers have status 200 whatever happens: libfota3 takes any other for
// a broken server (iot-platform.md 1.5.1). The codes are those of the platform.
func turnkeyAnswers() map[Reason]Answer {
	m := cloudAnswers()
	for r, a := range m {
		if r == ServerError {
			continue
		}
		a.Status, a.JSON = 200, true
		if a.Code == 27 {
			a.Code, a.Msg = 1, msgNoVersion
		}
		m[r] = a
	}
	return m
}

// appendEscaped writes s as the inside of an ASCII-only JSON string, as
// Python's json module does: lower-case \uXXXX, surrogate pairs above the BMP.
func appendEscaped(b []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r >= 0x20 && r < utf8.RuneSelf:
			b = append(b, byte(r))
		case r >= 0x10000:
			r -= 0x10000
			b = fmt.Appendf(b, `\u%04x\u%04x`, 0xD800+(r>>10), 0xDC00+(r&0x3FF))
		default:
			b = fmt.Appendf(b, `\u%04x`, r)
		}
	}
	return b
}
