package mqtt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/flash/explain"
)

// vectors are packets written by hand after the standard's figures.
var vectors = []struct {
	hex string
	p   Packet
}{
	{"101000044d51545404020e10000461626364", Packet{Type: Connect, Protocol: "MQTT", Level: 4, CleanSession: true, KeepAlive: 3600, ClientID: "abcd"}},
	{"102100044d51545404ec003c0001630003772f74000362796500047573657200027077",
		Packet{Type: Connect, Protocol: "MQTT", Level: 4, KeepAlive: 60, ClientID: "c", HasUser: true, HasPassword: true, User: "user", Password: []byte("pw"),
			Will: &Message{Topic: "w/t", Payload: []byte("bye"), QoS: 1, Retain: true}}},
	{"20020100", Packet{Type: Connack, SessionPresent: true}},
	{"20020005", Packet{Type: Connack, Code: NotAuthorized}},
	{"30050003612f62", Packet{Type: Publish, Message: Message{Topic: "a/b", Payload: []byte{}}}},
	{"3d090003612f62000a6869", Packet{Type: Publish, ID: 10, Dup: true, Message: Message{Topic: "a/b", Payload: []byte("hi"), QoS: 2, Retain: true}}},
	{"40020001", Packet{Type: Puback, ID: 1}},
	{"50020001", Packet{Type: Pubrec, ID: 1}},
	{"62020001", Packet{Type: Pubrel, ID: 1}},
	{"70020001", Packet{Type: Pubcomp, ID: 1}},
	{"820b000a0003612f2301000000", Packet{}}, // an empty filter: see below
	{"8208000a0003612f2301", Packet{Type: Subscribe, ID: 10, Filters: []Filter{{"a/#", 1}}}},
	{"9004000a0180", Packet{Type: Suback, ID: 10, Codes: []byte{1, 0x80}}},
	{"a207000a0003612f2b", Packet{Type: Unsubscribe, ID: 10, Filters: []Filter{{Topic: "a/+"}}}},
	{"b002000a", Packet{Type: Unsuback, ID: 10}},
	{"c000", Packet{Type: Pingreq}},
	{"d000", Packet{Type: Pingresp}},
	{"e000", Packet{Type: Disconnect}},
}

const most = 1 << 16

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		b, err := hex.DecodeString(v.hex)
		if err != nil {
			t.Fatal(err)
		}
		p, n, err := Parse(b, most)
		if v.p.Type == 0 {
			if err == nil {
				t.Errorf("%s: no error", v.hex)
			}
			continue
		}
		if err != nil || n != len(b) || !reflect.DeepEqual(*p, v.p) {
			t.Errorf("%s: %+v, %d, %v", v.hex, p, n, err)
			continue
		}
		if got := Append(nil, &v.p); !bytes.Equal(got, b) {
			t.Errorf("%+v: %x, expected %s", v.p, got, v.hex)
		}
		for i := range b { // every beginning asks for more
			if p, _, err := Parse(b[:i], most); p != nil || err != nil {
				t.Errorf("%s cut at %d: %v %v", v.hex, i, p, err)
			}
		}
	}
}

func TestBadPackets(t *testing.T) {
	for name, h := range map[string]string{
		"type 0":                     "0000",
		"type 15":                    "f000",
		"length of five bytes":       "30ffffffff01",
		"QoS 3":                      "36050001610001",
		"identifier 0":               "40020000",
		"pubrel flags":               "60020001",
		"too short":                  "400100",
		"too long":                   "4003000100",
		"topic with wildcard":        "3003000123",
		"topic with NUL":             "3003000100",
		"topic beyond the end":       "30030009" + "61",
		"subscription QoS":           "8206000a00016103",
		"no subscription":            "8202000a",
		"wildcard inside":            "8208000a0003612b6100",
		"will flags without will":    "100d00044d51545404080000000161",
		"reserved connect flag":      "100d00044d51545404010000000161",
		"text that is not UTF-8":     "30030001ff",
		"more than the bound allows": "30ffff7f",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = Parse(b, most)
		var fe *explain.FormatError
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// slowMatch is Match written as 4.7 says it.
func slowMatch(filter, topic []string) bool {
	switch {
	case len(filter) == 0:
		return len(topic) == 0
	case filter[0] == "#":
		return true
	case len(topic) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && slowMatch(filter[1:], topic[1:])
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		filter, topic string
		want          bool
	}{
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		{"#", "$SYS/x", false},
		{"+/monitor", "$SYS/monitor", false},
		{"$SYS/#", "$SYS/x", true},
		{"#", "a/b", true},
	} {
		if got := Match(c.filter, c.topic); got != c.want {
			t.Errorf("Match(%q, %q) = %v", c.filter, c.topic, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom([]string{"", "a", "b"})
		topic := rapid.SliceOfN(level, 1, 4).Draw(t, "topic")
		filter := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "+"}), 1, 4).Draw(t, "filter")
		if rapid.Bool().Draw(t, "hash") {
			filter = append(filter, "#")
		}
		f := strings.Join(filter, "/")
		if !ValidFilter(f) && f != "" {
			t.Fatalf("%q is not valid", f)
		}
		if got, want := Match(f, strings.Join(topic, "/")), slowMatch(filter, topic); got != want {
			t.Fatalf("Match(%q, %q) = %v", f, topic, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		b, _ := hex.DecodeString(v.hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, n, err := Parse(b, 4096)
		if err != nil || p == nil {
			return
		}
		again, m, err := Parse(Append(nil, p), 4096)
		if err != nil || m > n || !reflect.DeepEqual(p, again) {
			t.Fatalf("%x: %+v, then %+v, %v", b[:n], p, again, err)
		}
	})
}
