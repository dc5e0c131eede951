package mqtt

import "strings"

// ValidFilter reports whether wildcards stand where they may: '+' as a whole
// level, '#' as the last (4.7.1).
func ValidFilter(filter string) bool {
	if filter == "" {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		switch {
		case l == "#" && i == len(levels)-1, l == "+":
		case strings.ContainsAny(l, "+#"):
			return false
		}
	}
	return true
}

// Match reports whether a filter takes in a topic. Wildcards at the start do
// not take in topics that begin with '$' (4.7.2).
func Match(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false
	}
	for {
		f, filterRest, filterMore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, topicRest, topicMore := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		switch {
		case !filterMore && !topicMore:
			return true
		case !topicMore:
			return filterRest == "#" // "a/#" takes in "a"
		case !filterMore:
			return false
		}
		filter, topic = filterRest, topicRest
	}
}
