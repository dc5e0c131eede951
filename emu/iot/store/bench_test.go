package store

import (
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// benchDevices is how many devices are registered in benchmarks.
func benchDevices() int {
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		return 100_000
	}
	return 10_000
}

// BenchmarkCheck is a device that has the newest version and asks, logging on,
// without HTTP. 64 of them ask at a time.
func BenchmarkCheck(b *testing.B) {
	w := newWorld(b, func(o *Options) { o.Now = nil })
	w.upload(iot.FirmwareDraft{FileName: "demo_1025.1.1_LuatOS-SoC_AIR601.bin", Allow: true, All: true})
	n := benchDevices()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("86%013d", i)
	}
	target := func(id string) string {
		return iot.Path + "?imei=" + id + "&project_key=" + w.pa.Key + "&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.1"
	}
	if err := w.s.Update(func(st iot.Store) error { // every device has asked before
		for _, id := range ids {
			if err := st.Apply(iot.Decide(iot.ParseQuery(target(id)), st, w.server.Settings(), w.s.Now()).Effects); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	var seed atomic.Uint64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(1, seed.Add(1)))
		for pb.Next() {
			resp := w.server.Serve(&link.Request{Method: "GET", Target: target(ids[r.IntN(n)]), Proto: "HTTP/1.1", Time: w.s.Now(), Remote: "10.0.0.2:1"})
			if resp.Status != 400 {
				b.Errorf("status %d", resp.Status)
			}
		}
	})
}
