package lua_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/scene"
	"airlift/lua"
	"airlift/lua/luatest"
)

// wave tells what a pin that is wired to GPIO 4 does, in microseconds.
const wave = `local t0 = 0 local wave = {}
sys.subscribe("IO_QUEUE_EXTI_4", function(level, tick) wave[#wave + 1] = (string.unpack("<I8", tick) - t0) // 40 .. ":" .. level end)
ioqueue.exti(4, gpio.PULLDOWN, gpio.BOTH, true)
local function start(id) t0 = string.unpack("<I8", (mcu.tick64())) ioqueue.start(id) end
`

func ioBoard(t *testing.T, s *scene.Scene, script string) *luatest.Board {
	t.Helper()
	b := luatest.New(wave + script)
	b.FW.Bits, b.FW.TickMHz, b.FW.LuaMemory = 64, 40, 4<<20
	bench := scene.New(s, b)
	b.Surroundings = bench
	bench.PowerOn()
	return b
}

func runIO(t *testing.T, s *scene.Scene, script string) []string {
	t.Helper()
	b := ioBoard(t, s, script)
	run(t, b)
	return printed(b)
}

func wired(t *testing.T) *scene.Scene {
	t.Helper()
	s, err := scene.Parse([]byte("wires: [[3, 4]]\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestIoqueueOutput(t *testing.T) {
	same(t, runIO(t, wired(t), `
sys.subscribe("IO_QUEUE_DONE_1", function() print("done", mcu.ticks()) end)
ioqueue.init(1, 10, 2)
ioqueue.setgpio(1, 3, false, 0, 1)
ioqueue.setdelay(1, 10, 0) ioqueue.output(1, 3, 0) ioqueue.setdelay(1, 4, 40, true) ioqueue.output(1, 3, 1) ioqueue.delay(1) ioqueue.output(1, 3, 0) ioqueue.delay(1)
print(ioqueue.done(1), ioqueue.done(0), ioqueue.stop(1))
start(1) print(ioqueue.done(1))
sys.timerStart(function() print(table.concat(wave, " ")) print(ioqueue.done(1), ioqueue.stop(1)) wave = {}
  ioqueue.clear(1) ioqueue.setdelay(1, 1000) ioqueue.input(1, 4) ioqueue.setdelay(1, 2000) start(1) end, 100)
sys.timerStart(function() print(ioqueue.stop(1)) local a, b = zbuff.create(1), zbuff.create(1) print(ioqueue.get(1, a, b)) print(a:len(), a:used(), b:len(), a:query():toHex())
  ioqueue.release(1) start(1) print(ioqueue.get(1, a, b)) print(ioqueue.done(1)) ioqueue.exti(4)
  ioqueue.init(2, 1, 1) ioqueue.setgpio(2, 3, false, 0, 1) ioqueue.setgpio(2, 3, false, 0, 0) start(2) end, 102)
sys.timerStart(function() print(#wave, pcall(ioqueue.output, 1)) rtos.reboot() end, 200)
sys.run()`), "true\tfalse\t0\t0", "false", "done\t0", "0:1 10:0 15:1 20:0 25:1 35:0 40:1 45:0", "true\t2\t0",
		"0\t3", "1\t0", "6\t2\t18\t0400\t4", "0\t0", "false", "0\tfalse\tbad argument #2 to 'ioqueue.output' (number expected, got no value)")
}

// TestIoqueueForEver: a list without delays takes time all the same, and goes
// on until it is stopped.
func TestIoqueueForEver(t *testing.T) {
	same(t, runIO(t, wired(t), `
ioqueue.init(0, 2, 0) ioqueue.setgpio(0, 3, false, 0, 0) ioqueue.output(0, 3, 1) start(0)
sys.timerStart(function() print(ioqueue.done(0), ioqueue.stop(0)) ioqueue.init(5, 1, 1) ioqueue.output(5, 3, 1) ioqueue.start(5) print(ioqueue.done(5)) rtos.reboot() end, 1)
sys.run()`), "false\t1000\t0", "false")
}

// TestIoqueueCapture reads what a thermometer DHT11 sends: for each bit 50 us
// low, then 27 or 70 us high.
func TestIoqueueCapture(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(rt, "data")
		bits := rapid.IntRange(39, 40).Draw(rt, "bits") // 39: the last never comes
		data = append(data, data[0]+data[1]+data[2]+data[3])
		s := scene.Default()
		at := 1100 * time.Millisecond
		level := func(v int, d time.Duration) {
			s.Events = append(s.Events, scene.Event{At: at, What: scene.PinLevel{Pin: "5", Level: v}})
			at += d * time.Microsecond
		}
		level(0, 80)
		level(1, 80)
		for i := range bits {
			level(0, 50)
			if data[i/8]>>(7-i%8)&1 == 1 {
				level(1, 70)
			} else {
				level(1, 27)
			}
		}
		level(0, 50)
		level(1, 50)
		b := ioBoard(t, s, `
ioqueue.init(0, 100, 1) ioqueue.setgpio(0, 5, true, gpio.PULLUP) ioqueue.setdelay(0, 10000)
ioqueue.set_cap(0, 5, gpio.PULLUP, gpio.FALLING, 200000 * 40)
for i = 1, 42 do ioqueue.capture(0) end
ioqueue.cap_done(0, 5)
sys.taskInit(function() sys.wait(1000) ioqueue.start(0) sys.waitUntil("IO_QUEUE_DONE_0") local took = mcu.ticks()
  local a, b = zbuff.create(1), zbuff.create(1) local n, m = ioqueue.get(0, a, b) local v = 0
  for i = 2, m - 1 do assert(b[i * 6] == 5 and b[i * 6 + 1] == 0) v = v << 1 if b:query(i * 6 + 2, 4, false) - b:query(i * 6 - 4, 4, false) > 100 * 40 then v = v + 1 end end
  print(n, m, a:len(), b:len(), ("%010x"):format(v), took // 100) rtos.reboot() end)
sys.run()`)
		run(t, b)
		v := uint64(0)
		for _, x := range data {
			v = v<<8 | uint64(x)
		}
		// 42 edges are 40 whole bits and the two of the start.
		want := fmt.Sprintf("0\t42\t%d\t%d\t%010x\t11", 2*46, 6*46, v)
		if bits == 39 {
			want = fmt.Sprintf("0\t41\t%d\t%d\t%010x\t13", 2*46, 6*46, v>>1)
		}
		if got := printed(b); !slices.Equal(got, []string{want}) {
			rt.Fatalf("got %q, want %q\n%s", got, want, b.Text())
		}
	})
}

// TestIoqueueModel compares what a list does to a pin with the sum of its
// delays.
func TestIoqueueModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cycles := rapid.IntRange(1, 5).Draw(rt, "cycles")
		delays := rapid.SliceOfN(rapid.IntRange(1, 65535), 1, 20).Draw(rt, "delays")
		var script strings.Builder
		fmt.Fprintf(&script, "ioqueue.init(0, 9, %d)\n", cycles)
		// What the pin is set to twice at one time is not seen in between.
		var times, levels []int
		at := 0
		set := func(v int) {
			if n := len(times); n == 0 || times[n-1] != at {
				times, levels = append(times, at), append(levels, v)
			} else {
				levels[n-1] = v
			}
		}
		script.WriteString("ioqueue.setgpio(0, 3, false, 0, 1)\n")
		for i, d := range delays {
			fmt.Fprintf(&script, "ioqueue.setdelay(0, %d) ioqueue.output(0, 3, %d)\n", d, i%2)
		}
		for range cycles {
			set(1)
			for i, d := range delays {
				at += d
				set(i % 2)
			}
		}
		var want []string
		for i, level := 0, 0; i < len(times); i++ {
			if levels[i] != level {
				level = levels[i]
				want = append(want, fmt.Sprintf("%d:%d", times[i], level))
			}
		}
		script.WriteString(`sys.subscribe("IO_QUEUE_DONE_0", function() sys.timerStart(function() print(table.concat(wave, " ")) rtos.reboot() end, 10) end) start(0) sys.run()`)
		b := ioBoard(t, wired(t), script.String())
		run(t, b)
		if got := printed(b); !slices.Equal(got, []string{strings.Join(want, " ")}) {
			rt.Fatalf("got %q, want %q", got, want)
		}
		if !slices.ContainsFunc(b.Events, func(e lua.HardwareEvent) bool { return e.Unit == "ioqueue" && strings.HasPrefix(e.Action, "start 0") }) {
			rt.Fatal("nothing is recorded")
		}
	})
}
