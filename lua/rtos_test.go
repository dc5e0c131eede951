package lua_test

import "testing"

// rtos.version() returns one value, with true three.
func TestRtosVersion(t *testing.T) {
	expect(t, `print(rtos.version()) print(rtos.version(false)) print(rtos.version(true))`, "V1025", "V1025", "V1025\t0\t32")
}
