// Package nmea reads NMEA 0183 sentences of satellite receivers, by the rules
// of the parser in the firmware: what it takes, where a missing field is an
// error, and how numbers are kept.
package nmea

import (
	"math"
	"strings"
)

// Fixed is a decimal number as it was written: Value / Scale. A Scale of 0
// means that the field was empty.
type Fixed struct{ Value, Scale int32 }

// Float is the number in C's float.
func (f Fixed) Float() float32 {
	if f.Scale == 0 {
		return 0
	}
	return float32(f.Value) / float32(f.Scale)
}

// coordinateScaleMax keeps degrees, which are hundreds, within 32 bits.
const coordinateScaleMax = math.MaxInt32 / 100

// split takes DDMM.MMMM apart. The minutes keep the scale.
func (f Fixed) split() (degrees, minutes int32, ok bool) {
	if f.Scale == 0 || f.Scale > coordinateScaleMax {
		return 0, 0, false
	}
	return f.Value / (f.Scale * 100), f.Value % (f.Scale * 100), true
}

// Degrees is a coordinate in degrees.
func (f Fixed) Degrees() float32 {
	d, minutes, ok := f.split()
	if !ok {
		return 0
	}
	part := float32(minutes) / float32(60*f.Scale)
	return float32(d) + part
}

// Degrees7 is a coordinate in units of 1e-7 degrees. Of a negative one the
// minutes are lost: C turns them into an unsigned number, which on a module
// makes them 0.
func (f Fixed) Degrees7() uint32 {
	d, minutes, ok := f.split()
	if !ok {
		return 0
	}
	part := float32(float32(minutes)/float32(60*f.Scale)) * 10_000_000
	return uint32(d*10_000_000) + uint32(max(0, part))
}

// Date and Time have -1 in all fields if the sentence has none.
type (
	Date struct{ Day, Month, Year int }
	Time struct{ Hours, Minutes, Seconds, Microseconds int }
)

// FullYear is the year with its century; false if date or time are missing.
func FullYear(d Date, t Time) (year int, ok bool) {
	switch {
	case d.Year == -1 || t.Hours == -1:
		return 0, false
	case d.Year < 80:
		return 2000 + d.Year, true
	case d.Year >= 1900:
		return d.Year, true
	}
	return 1900 + d.Year, true
}

// Kind checks a sentence and returns its three letters: "RMC". A checksum may
// be missing, a wrong one makes it no sentence.
func Kind(line string) (kind string, ok bool) {
	if !strings.HasPrefix(line, "$") {
		return "", false
	}
	var sum byte
	end := 1
	for end < len(line) && line[end] != '*' && printable(line[end]) {
		sum ^= line[end]
		end++
	}
	rest := line[end:]
	if strings.HasPrefix(rest, "*") {
		if len(rest) < 3 {
			return "", false
		}
		upper, lower := hexDigit(rest[1]), hexDigit(rest[2])
		if upper < 0 || lower < 0 || byte(upper<<4|lower) != sum {
			return "", false
		}
		rest = rest[3:]
	}
	if strings.Trim(rest, "\r\n") != "" || len(line) < 6 {
		return "", false
	}
	for i := 1; i < 6; i++ {
		if !inField(line[i]) {
			return "", false
		}
	}
	return line[3:6], true
}

func printable(c byte) bool { return c >= 0x20 && c < 0x7F }
func inField(c byte) bool   { return printable(c) && c != ',' && c != '*' }
func digit(c byte) bool     { return c >= '0' && c <= '9' }

func hexDigit(c byte) int { return strings.IndexByte("0123456789ABCDEF", c&^(c>>1&0x20)) }

// RMC is position, speed and date.
type RMC struct {
	Time                Time
	Valid               bool
	Latitude, Longitude Fixed
	Speed, Course       Fixed // knots, degrees
	Date                Date
	Variation           Fixed
}

// ParseRMC reads a sentence of [Kind] RMC.
func ParseRMC(line string) (f RMC, ok bool) {
	r := newReader(line)
	f.Time = r.time()
	valid := r.char()
	f.Latitude = r.fixed()
	north := r.direction()
	f.Longitude = r.fixed()
	east := r.direction()
	f.Speed, f.Course = r.fixed(), r.fixed()
	f.Date = r.date()
	f.Variation = r.fixed()
	variation := r.direction()
	if !r.bad {
		f.Valid = valid == 'A'
		f.Latitude.Value *= north
		f.Longitude.Value *= east
		f.Variation.Value *= variation
	}
	return f, !r.bad
}

// GGA is position and quality. What stands in front of a mistake is there even
// if the whole is not good.
type GGA struct {
	Time                  Time
	Latitude, Longitude   Fixed
	FixQuality, Tracked   int
	HDOP, Altitude, Above Fixed // Above is the height of the geoid
	Age                   Fixed
}

// ParseGGA reads a sentence of [Kind] GGA.
func ParseGGA(line string) (f GGA, ok bool) {
	r := newReader(line)
	f.Time = r.time()
	f.Latitude = r.fixed()
	north := r.direction()
	f.Longitude = r.fixed()
	east := r.direction()
	f.FixQuality, f.Tracked = r.integer(), r.integer()
	f.HDOP, f.Altitude = r.fixed(), r.fixed()
	r.char()
	f.Above = r.fixed()
	r.char()
	f.Age = r.fixed()
	r.skip()
	if !r.bad {
		f.Latitude.Value *= north
		f.Longitude.Value *= east
	}
	return f, !r.bad
}

// GLL is position and time.
type GLL struct {
	Latitude, Longitude Fixed
	Time                Time
	Status, Mode        byte
}

// ParseGLL reads a sentence of [Kind] GLL.
func ParseGLL(line string) (f GLL, ok bool) {
	r := newReader(line)
	f.Latitude = r.fixed()
	north := r.direction()
	f.Longitude = r.fixed()
	east := r.direction()
	f.Time = r.time()
	f.Status = r.char()
	r.optional = true
	f.Mode = r.char()
	if !r.bad {
		f.Latitude.Value *= north
		f.Longitude.Value *= east
	}
	return f, !r.bad
}

// GSA is the satellites that are used.
type GSA struct {
	FixType          int
	Satellites       [12]int
	PDOP, HDOP, VDOP Fixed
	System           int
}

// ParseGSA reads a sentence of [Kind] GSA.
func ParseGSA(line string) (f GSA, ok bool) {
	r := newReader(line)
	r.char()
	f.FixType = r.integer()
	for i := range f.Satellites {
		f.Satellites[i] = r.integer()
	}
	f.PDOP, f.HDOP, f.VDOP = r.fixed(), r.fixed(), r.fixed()
	r.optional = true
	f.System = r.integer()
	return f, !r.bad
}

// Satellite is one that is in view.
type Satellite struct{ Number, Elevation, Azimuth, SNR int }

// GSV is up to four satellites in view.
type GSV struct {
	Messages, Message, Total int
	Satellites               [4]Satellite
}

// ParseGSV reads a sentence of [Kind] GSV.
func ParseGSV(line string) (f GSV, ok bool) {
	r := newReader(line)
	f.Messages, f.Message, f.Total = r.integer(), r.integer(), r.integer()
	r.optional = true
	for i := range f.Satellites {
		f.Satellites[i] = Satellite{r.integer(), r.integer(), r.integer(), r.integer()}
	}
	return f, !r.bad
}

// VTG is course and speed. A number without its letter counts as empty.
type VTG struct{ Course, MagneticCourse, Knots, KMH Fixed }

// ParseVTG reads a sentence of [Kind] VTG.
func ParseVTG(line string) (f VTG, ok bool) {
	r := newReader(line)
	r.optional = true
	for _, field := range []struct {
		to     *Fixed
		letter byte
	}{{&f.Course, 'T'}, {&f.MagneticCourse, 'M'}, {&f.Knots, 'N'}, {&f.KMH, 'K'}} {
		*field.to = r.fixed()
		if r.char() != field.letter {
			field.to.Scale = 0
		}
	}
	return f, !r.bad
}

// ZDA is date and time.
type ZDA struct {
	Time                   Time
	Date                   Date
	ZoneHours, ZoneMinutes int
}

// ParseZDA reads a sentence of [Kind] ZDA.
func ParseZDA(line string) (f ZDA, ok bool) {
	r := newReader(line)
	f.Time = r.time()
	f.Date = Date{r.integer(), r.integer(), r.integer()}
	f.ZoneHours, f.ZoneMinutes = r.integer(), r.integer()
	return f, !r.bad && f.ZoneHours >= -13 && f.ZoneHours <= 13 && f.ZoneMinutes >= 0 && f.ZoneMinutes <= 59
}

// ParseTXT returns the text of a sentence of [Kind] TXT.
func ParseTXT(line string) (text string, ok bool) {
	r := newReader(line)
	for range 3 {
		r.skip()
	}
	text = r.next()
	return text, !r.bad
}
