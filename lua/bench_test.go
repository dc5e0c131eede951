package lua_test

import (
	"testing"

	"airlift/lua"
	"airlift/lua/luatest"
)

// BenchmarkMachine is a boot to the first line: machine, libraries, sys, main.
func BenchmarkMachine(b *testing.B) {
	board := luatest.New(`print("hello") rtos.reboot()`)
	b.ReportAllocs()
	for b.Loop() {
		m, err := lua.New(board, lua.Options{})
		if err != nil {
			b.Fatal(err)
		}
		m.Run()
		board.Lines, board.Times = board.Lines[:0], board.Times[:0]
	}
}

// BenchmarkInstructions is the speed of the VM with its gauge, per 1000
// instructions.
func BenchmarkInstructions(b *testing.B) {
	var steps uint64
	for b.Loop() {
		m, err := lua.New(luatest.New(`local n = 0 for i = 1, 300000 do n = n + i % 3 end rtos.reboot()`), lua.Options{})
		if err != nil {
			b.Fatal(err)
		}
		steps += m.Run().Steps
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/instruction")
}

// BenchmarkDownload is an upgrade of 300 KiB by our libfota2 into an updater.
func BenchmarkDownload(b *testing.B) {
	piece := string(make([]byte, 1460))
	pieces := []string{"HTTP/1.1 200 OK\r\nContent-Length: 299300\r\n\r\n"}
	for range 205 {
		pieces = append(pieces, piece)
	}
	for b.Loop() {
		board := luatest.New(`PROJECT = "demo" VERSION = "1.0.0" PRODUCT_KEY = "K"
libfota2 = require "libfota2"
sys.taskInit(function()
  sys.waitUntil("IP_READY")
  libfota2.request(function(r) log.info("fota", r) rtos.reboot() end, {})
end)
sys.run()`)
		board.FW.Fota, board.Updater = true, &luatest.Fota{}
		board.Network.Serve = func(*luatest.Call) luatest.Reply { return luatest.Reply{Pieces: pieces, Close: true} }
		m, err := lua.New(board, lua.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if exit := m.Run(); exit.Cause != lua.CauseRtos {
			b.Fatal(exit)
		}
	}
}

// BenchmarkYield is one sys.wait inside a pcall.
func BenchmarkYield(b *testing.B) {
	for b.Loop() {
		m, err := lua.New(luatest.New(`sys.taskInit(function() pcall(function() for i = 1, 1000 do sys.wait(1) end end) rtos.reboot() end) sys.run()`), lua.Options{})
		if err != nil {
			b.Fatal(err)
		}
		m.Run()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "µs/wait")
}
