package lua_test

import "testing"

// Which sign and bits a NaN gets differs between processors, so scripts see
// one NaN only.
func TestNaNIsTheSameOnEveryHost(t *testing.T) {
	lines(t,
		[2]string{`0/0, -(0/0), math.huge - math.huge, math.sqrt(-1), -math.sqrt(-1)`, "nan|nan|nan|nan|nan"},
		[2]string{`string.format("%f %g %5.1f %+f", 0/0, -(0/0), 0/0, -(0/0))`, "nan nan   nan +nan"},
		[2]string{`string.pack("<f", 0/0):toHex()`, "0000C07F|8"},
		[2]string{`string.pack("<d", -(0/0)):toHex()`, "000000000000F87F|16"},
	)
}
