package lua_test

import (
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// TestLibgnss parses what a receiver sends, in pieces and through a port.
func TestLibgnss(t *testing.T) {
	for _, bits := range []int{32, 64} {
		b := luatest.New(gnssScript)
		b.FW.Bits = bits
		run(t, b)
		text := b.Text()
		if !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
			t.Errorf("%d bits:\n%s", bits, text)
		}
		for _, line := range []string{"state\tFIXED", "state\tLOSE", "I/gnss Fixed 23244070 113134560", "txt\t$GPTXT,01,01,01,ANTENNA OPEN*25", "I/gnss Auto-Set RTC by GNSS RMC"} {
			if strings.Count(text, line) != 1 {
				t.Errorf("%d bits: %q is there %d times\n%s", bits, line, strings.Count(text, line), text)
			}
		}
	}
}

const gnssScript = `
local function check(what, ok) if not ok then print("check failed", what) end end
sys.subscribe("GNSS_STATE", function(state) print("state", state) end)
libgnss.on("txt", function(line) print("txt", line) end)
local function sentence(body)
  local sum = 0
  for i = 1, #body do sum = sum ~ body:byte(i) end
  return string.format("$%s*%02X\r\n", body, sum)
end
check("nothing yet", libgnss.getGga() == nil and libgnss.getVtg() == nil and libgnss.getGll() == nil and libgnss.getTxt() == "" and not libgnss.isFix())
check("no rmc", json.encode(libgnss.getRmc()) and libgnss.getRmc().year == 2000 and libgnss.getRmc(3) == nil)
check("no gsv", libgnss.getGsv().total_sats == 0 and libgnss.getGsa().fix_type == nil and libgnss.getZda().year == nil)
local a, b, c = libgnss.getIntLocation()
check("no place", a == 0 and b == 0 and c == 0)
sys.taskInit(function()
  libgnss.rtcAuto(true)
  local rmc = sentence("GNRMC,080313.00,A,2324.4070,N,11313.4560,E,10.0,84.4,230226,,,A")
  libgnss.parse(rmc:sub(1, 20))
  check("half a line", not libgnss.isFix())
  libgnss.parse(rmc:sub(21))
  libgnss.parse(rmc)
  local r = libgnss.getRmc(2)
  check("rmc", r.valid and math.abs(r.lat - 23.40678) < 1e-4 and math.abs(r.lng - 113.22427) < 1e-4 and r.speed == 10 and r.year == 2026 and r.month == 2 and r.day == 23 and r.hour == 8)
  check("rmc as sent", libgnss.getRmc(3) == rmc:sub(1, -2))
  check("rmc in 1e-7 degrees", math.abs(libgnss.getRmc(1).lat - 234067830) < 100)
  check("clock", os.date("!%Y-%m-%d %H:%M:%S") == "2026-02-23 08:03:13")
  local lat, lng, speed = libgnss.getIntLocation()
  check("place", lat == 23244070 and lng == 113134560 and speed == 18520 and math.type(speed) == "integer")
  local _, _, kmh = libgnss.getIntLocation(2)
  check("km/h", math.abs(kmh - 18.52) < 0.01)
  check("locStr", libgnss.locStr(1) == "23244070,113134560" and libgnss.locStr() == "2324.407,N,11313.46,E,1.0")
  libgnss.parse(sentence("GPGSV,2,1,05,01,10,100,30,02,20,200,40,03,30,300,,04,40,045,20") .. sentence("GPGSV,2,2,05,05,50,055,25") ..
    sentence("GBGSV,1,1,01,21,11,111,33"))
  local v = libgnss.getGsv()
  check("gsv", v.total_sats == 6 and v.sats[6].tp == 1 and v.sats[6].tpstr == "GB" and v.sats[3].snr == 0 and v.sats[2].azimuth == 200)
  libgnss.parse(sentence("GPGSV,1,1,01,09,10,100,30"))
  check("gsv anew", libgnss.getGsv().total_sats == 2)
  libgnss.parse(sentence("GNGSA,A,3,01,02,,,,,,,,,,,2.5,1.5,2.0,1") .. sentence("GNGSA,A,3,21,,,,,,,,,,,,2.5,1.5,2.0,4"))
  local g = libgnss.getGsa()
  check("gsa", g.fix_type == 3 and g.pdop == 2.5 and g.sysid == 1 and table.concat(g.sats, " ") == "1 2 21")
  check("gsa apart", #libgnss.getGsa(1) == 2 and libgnss.getGsa(1)[2].sysid == 4)
  libgnss.parse(sentence("GNGGA,080313.00,2324.4070,N,11313.4560,E,1,14,0.9,25.5,M,-5.1,M,,"))
  check("gga", libgnss.getGga(2).satellites_tracked == 14 and libgnss.getGga().altitude == 25.5 and math.abs(libgnss.getGga().height + 5.1) < 1e-5)
  libgnss.parse(sentence("GNVTG,84.4,T,,M,10.0,N,18.5,K,A") .. sentence("GNZDA,080313.00,23,02,2026,00,00") .. sentence("GNGLL,2324.4070,N,11313.4560,E,080313.00,A,A"))
  check("vtg", libgnss.getVtg().speed_kph == 18.5 and libgnss.getVtg(3):find("^%$GNVTG") and libgnss.getVtg().magnetic_track_degrees == 0)
  check("zda", libgnss.getZda().year == 2026 and libgnss.getZda().hour_offset == 0)
  check("gll", libgnss.getGll().status == "A" and libgnss.getGll().sec == 13)
  libgnss.parse("$GPTXT,01,01,01,ANTENNA OPEN*25\r\n$GPTXT,01,01,01,WRONG*00\r\n" .. ("x"):rep(500) .. "\n")
  check("txt", libgnss.getTxt() == "ANTENNA OPEN")
  sys.wait(4000)
  check("old", libgnss.getGsv().total_sats == 0 and #libgnss.getGsa(1) == 0)
  libgnss.parse(sentence("GNRMC,080413.00,V,,,,,,,230226,,,N"))
  check("lost", not libgnss.isFix() and libgnss.getRmc().min == 4 and libgnss.getRmc().lat == 0)
  sys.wait(10)
  libgnss.clear()
  check("cleared", libgnss.getGga() == nil)
  local aid = libgnss.casic_aid({year = 2023, month = 3, day = 5, hour = 1, min = 2, sec = 3}, {lat = 23.12, lng = "114.12"})
  check("aid", #aid == 66 and aid:sub(1, 6):toHex() == "BACE38000B01" and aid:byte(62) == 0x23)
  local week, sum = string.unpack("<I2", aid, 59), 0x010B0038
  check("week", week == 2252)
  print("all done")
end)
sys.run()
`
