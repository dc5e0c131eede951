package nmea

import (
	"fmt"
	"math"
	"testing"
)

func TestKind(t *testing.T) {
	for line, want := range map[string]string{
		"$GPRMC,081836,A,3751.65,S,14507.36,E,000.0,360.0,130998,011.3,E*62": "RMC",
		"$GPGLL,3723.2475,N,12158.3416,W,161229.487,A,A*41\r\n":              "GLL",
		"$GNXYZ":     "XYZ",
		"$GPRMC*4b":  "RMC",
		"$GPRMC*4B":  "RMC",
		"$GPRMC*4C":  "",
		"$GPRMC*4":   "",
		"$GPRMC*4Bx": "",
		"$GPRM":      "",
		"$GP,MC":     "",
		"GPRMC":      "",
		"":           "",
		"$\x00":      "",
	} {
		if got, ok := Kind(line); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v, expected %q", line, got, ok, want)
		}
	}
}

func TestSentences(t *testing.T) {
	for _, c := range []struct {
		name, want string
		got        func() (any, bool)
	}{
		{"RMC", "{{8 18 36 0} true {-375165 100} {1450736 100} {0 10} {3600 10} {13 9 98} {113 10}} true", func() (any, bool) {
			f, ok := ParseRMC("$GPRMC,081836,A,3751.65,S,14507.36,E,000.0,360.0,130998,011.3,E*62")
			return f, ok
		}},
		{"RMC of a receiver without a fix", "{{-1 -1 -1 -1} false {0 0} {0 0} {0 0} {0 0} {-1 -1 -1} {0 0}} true", func() (any, bool) {
			f, ok := ParseRMC("$GNRMC,,V,,,,,,,,,,N*4D")
			return f, ok
		}},
		{"RMC too short", "{{8 18 36 0} false {0 0} {0 0} {0 0} {0 0} {0 0 0} {0 0}} false", func() (any, bool) {
			f, ok := ParseRMC("$GPRMC,081836,A")
			f.Date = Date{}
			return f, ok
		}},
		{"GGA", "{{12 35 19 500000} {4807038 1000} {-1131000 1000} 1 8 {9 10} {5454 10} {469 10} {0 0}} true", func() (any, bool) {
			f, ok := ParseGGA("$GPGGA,123519.5,4807.038,N,01131.000,W,1,08,0.9,545.4,M,46.9,M,,*47")
			return f, ok
		}},
		{"GLL", "{{37232475 10000} {-121583416 10000} {16 12 29 487000} 65 0} true", func() (any, bool) {
			f, ok := ParseGLL("$GPGLL,3723.2475,N,12158.3416,W,161229.487,A*41")
			return f, ok
		}},
		{"GSA", "{3 [4 5 0 9 12 0 0 24 0 0 0 0] {25 10} {13 10} {21 10} 1} true", func() (any, bool) {
			f, ok := ParseGSA("$GPGSA,A,3,04,05,,09,12,,,24,,,,,2.5,1.3,2.1,1*39")
			return f, ok
		}},
		{"GSV", "{3 3 11 [{22 42 67 42} {24 14 311 43} {0 0 0 0} {0 0 0 0}]} true", func() (any, bool) {
			f, ok := ParseGSV("$GPGSV,3,3,11,22,42,067,42,24,14,311,43*4D")
			return f, ok
		}},
		{"GSV with letters", "false", func() (any, bool) {
			_, ok := ParseGSV("$GPGSV,3,x,11")
			return nil, ok
		}},
		{"VTG", "{{547 10} {344 0} {55 10} {0 0}} true", func() (any, bool) {
			f, ok := ParseVTG("$GPVTG,054.7,T,034.4,,005.5,N")
			return f, ok
		}},
		{"ZDA", "{{20 15 30 0} {4 7 2002} -3 30} true", func() (any, bool) {
			f, ok := ParseZDA("$GPZDA,201530.00,04,07,2002,-03,30*60")
			return f, ok
		}},
		{"ZDA with a zone that is none", "false", func() (any, bool) {
			_, ok := ParseZDA("$GPZDA,201530.00,04,07,2002,14,00*60")
			return nil, ok
		}},
		{"TXT", "ANTENNA OPEN true", func() (any, bool) {
			f, ok := ParseTXT("$GPTXT,01,01,01,ANTENNA OPEN*25")
			return f, ok
		}},
	} {
		v, ok := c.got()
		got := fmt.Sprintf("%v %v", v, ok)
		if v == nil {
			got = fmt.Sprint(ok)
		}
		if got != c.want {
			t.Errorf("%s: %s\nexpected %s", c.name, got, c.want)
		}
	}
}

func TestFixed(t *testing.T) {
	for text, want := range map[string]string{
		"": "{0 0} true", "7": "{7 1} true", "-7.50": "{-750 100} true", " 1.5": "{15 10} true", "+.5": "{5 10} true",
		"-": "{0 0} false", ".": "{0 0} false", "1.2.3": "{0 0} false", "1e5": "{0 0} false", "99999999999": "{0 0} false",
		"2345.67891234": "{234567891 100000} true",
	} {
		r := &reader{rest: text, more: true}
		if got := fmt.Sprint(r.fixed(), !r.bad); got != want {
			t.Errorf("%q is %s, expected %s", text, got, want)
		}
	}
}

func TestCoordinates(t *testing.T) {
	f := Fixed{-23244070, 10000}
	if got := f.Degrees(); math.Abs(float64(got)+23.40678) > 1e-5 {
		t.Errorf("%v degrees", got)
	}
	if got := (Fixed{23244070, 10000}).Degrees7(); got < 234067700 || got > 234067900 {
		t.Errorf("%d units of 1e-7 degrees", got)
	}
	minus := int32(-230000000)
	if got := f.Degrees7(); got != uint32(minus) {
		t.Errorf("minutes of the south are not lost: %d", int32(got))
	}
	for _, f := range []Fixed{{}, {1, coordinateScaleMax + 1}} {
		if f.Degrees() != 0 || f.Degrees7() != 0 {
			t.Errorf("%v is a coordinate", f)
		}
	}
}

func TestFullYear(t *testing.T) {
	for year, want := range map[int]int{0: 2000, 79: 2079, 80: 1980, 99: 1999, 2026: 2026} {
		if got, ok := FullYear(Date{1, 1, year}, Time{}); got != want || !ok {
			t.Errorf("year %d is %d", year, got)
		}
	}
	if _, ok := FullYear(Date{-1, -1, -1}, Time{}); ok {
		t.Error("no date has a year")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("$GPRMC,081836,A,3751.65,S,14507.36,E,000.0,360.0,130998,011.3,E*62")
	f.Add("$GPGSV,3,3,11,22,42,067,42,24,14,311,43*4D")
	f.Add("$GPGGA,123519.5,4807.038,N,01131.000,W,1,08,0.9,545.4,M,46.9,M,,*47")
	f.Fuzz(func(t *testing.T, line string) {
		if _, ok := Kind(line); !ok {
			return
		}
		if r, ok := ParseRMC(line); ok {
			r.Latitude.Degrees()
			r.Longitude.Degrees7()
		}
		ParseGGA(line)
		ParseGLL(line)
		ParseGSA(line)
		ParseGSV(line)
		ParseVTG(line)
		ParseZDA(line)
		ParseTXT(line)
	})
}
