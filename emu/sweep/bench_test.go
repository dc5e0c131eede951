package sweep

import (
	"context"
	"testing"
)

// benchSweep reports cases a second of processor time, on one core. Each round
// takes other cases of the whole axis and remembers nothing of the round
// before: a whole sweep remembers more.
func benchSweep(b *testing.B, s Scenario, share int) {
	w := openScenario(b, b.Name(), s)
	CollectSeldom()
	b.ResetTimer()
	from, cases, round := processorTime(), 0, 0
	for b.Loop() {
		w.memo = memo{}
		err := w.Run(context.Background(), Options{Workers: 1, Shard: round % share, Shards: share}, func(*Result) error { cases++; return nil })
		if err != nil {
			b.Fatal(err)
		}
		round++
	}
	b.ReportMetric(float64(cases)/(processorTime()-from).Seconds(), "cases/cpu-s")
	b.ReportMetric(float64(cases)/float64(round), "cases")
	b.ReportMetric(float64(len(w.Package))/1024, "package-KiB")
	b.ReportMetric(float64(len(w.Clean.Ops)), "ops")
}

// At least 1000 cases a second: a compressed package of 700 KiB.
func BenchmarkZipped700KiB(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", Old: Version{CoreBytes: 1100 << 10}, New: Version{CoreBytes: 1160 << 10, ScriptBytes: 2000}}, 12)
}

// At least 5000 cases a second: a core of 700 KiB that is copied.
func BenchmarkPlain700KiB(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air6208", Profile: "g3", Package: "app.img", Old: Version{CoreBytes: 690 << 10}, New: Version{Core: "V2002", CoreBytes: 700 << 10, SameScripts: true}}, 12)
}

// At least 2000 cases a second: a delta of 300 KB, in segments of 32 KiB.
func BenchmarkEC618Delta300KB(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 2000 << 10}, New: Version{CoreBytes: 2150 << 10}}, 40)
}

func BenchmarkRDA8910(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air724UG", Old: Version{CoreBytes: 64 << 10}, New: Version{ScriptBytes: 2000}}, 4)
}

// At least 100 cases a second: scripts, link, server, updater and boot code.
func BenchmarkSystem(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", Mode: ModeSystem, Old: Version{CoreBytes: 12 << 10}, Sample: 400}, 2)
}

// At least 20000 cases a second: files of a littlefs volume of 10 blocks of
// 4 KiB, four of them.
func BenchmarkLittlefsVolume(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air601", Profile: "g3", Mode: ModeVolume}, 1)
}
