package doctor

import (
	"regexp"
	"strings"

	"airlift/lua/lua53"
)

var (
	strictVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	// looseVersion is the pattern of the libraries: any character separates,
	// and it matches anywhere (iot-platform.md 1.3.1).
	looseVersion = regexp.MustCompile(`([0-9]+)(?s:.)([0-9]+)(?s:.)([0-9]+)`)
	plainName    = regexp.MustCompile(`^[0-9A-Za-z_.~-]*$`)
	projectKey   = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)
)

// constant returns where a global is set, and to which text if that shows.
func (x *exam) constant(name string) (p place, set, known bool) {
	for _, p := range x.sets[name] {
		if p.set.Name == name {
			return p, true, p.set.Value.Kind == lua53.ArgString
		}
	}
	return place{}, false, false
}

// identity looks at what a project calls itself.
func (x *exam) identity() {
	if x.main() == nil {
		return // compiled: nothing to read
	}
	switch p, set, known := x.constant("PROJECT"); {
	case !set:
		x.find("project-missing", "main.lua", 0, "PROJECT is never set")
	case known && !plainName.MatchString(p.set.Value.Text):
		x.find("project-name", p.file, p.set.Line, "PROJECT = %q", p.set.Value.Text)
	}
	switch p, set, known := x.constant("VERSION"); {
	case !set:
		x.find("version-missing", "main.lua", 0, "VERSION is never set")
	case p.set.Value.Kind == lua53.ArgNumber:
		x.find("version-format", p.file, p.set.Line, "VERSION is a number")
	case known:
		x.version(p)
	}
	if p, set, known := x.constant("PRODUCT_KEY"); set && known && !projectKey.MatchString(p.set.Value.Text) {
		x.find("key-placeholder", p.file, p.set.Line, "PRODUCT_KEY = %q: expected 32 letters and digits", p.set.Value.Text)
	}
}

func (x *exam) version(p place) {
	v := p.set.Value.Text
	g := looseVersion.FindStringSubmatch(v)
	switch {
	case strictVersion.MatchString(v):
		if middle := strings.Split(v, ".")[1]; strings.Trim(middle, "0") != "" && strings.Trim(middle, "9") != "" {
			x.find("middle-segment", p.file, p.set.Line, "VERSION = %q: the %s is never sent", v, middle)
		}
	case g != nil:
		x.find("version-lucky", p.file, p.set.Line, "VERSION = %q is sent as <core>.%s.%s", v, g[1], g[3])
	default:
		x.find("version-format", p.file, p.set.Line, "VERSION = %q", v)
	}
}
