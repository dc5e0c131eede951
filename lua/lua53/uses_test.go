package lua53

import (
	"fmt"
	"reflect"
	"testing"
)

func TestUses(t *testing.T) {
	src := `local h = http
if wlan then h.request() end
local function f()
  local http = {}
  http.get()
  return function() return crypto.md5("x"), ("s"):upper(), _ENV.mcu end
end
mobile = nil
local t = {json.encode, log = log.info}
uart.on:dispatch()
`
	p, err := Compile(src, "@t.lua", 32)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range p.Uses() {
		got = append(got, fmt.Sprintf("%d %s.%s", u.Line, u.Global, u.Field))
	}
	want := []string{"1 http.", "2 wlan.", "2 http.request", "9 json.", "9 json.encode", "9 log.", "9 log.info",
		"10 uart.", "10 uart.on", "6 crypto.", "6 crypto.md5", "6 mcu."}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got\n%v, want\n%v", got, want)
	}
}
