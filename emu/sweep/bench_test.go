package sweep

import (
	"context"
	"errors"
	"testing"
	"time"
)

var errEnough = errors.New("enough")

// benchSweep reports cases a second on one core. Cases are taken from the whole
// axis, so that no end of it counts more than it should.
func benchSweep(b *testing.B, s Scenario) {
	w := openScenario(b, b.Name(), s)
	stride := max(1, int(w.Units())/4000)
	b.ResetTimer()
	from, cases := time.Now(), 0
	for b.Loop() {
		w.memo = memo{}
		err := w.Run(context.Background(), Options{Workers: 1, Shard: b.N % stride, Shards: stride}, func(*Result) error { cases++; return nil })
		if err != nil && !errors.Is(err, errEnough) {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cases)/time.Since(from).Seconds(), "cases/s")
	b.ReportMetric(float64(len(w.Package))/1024, "package-KiB")
	b.ReportMetric(float64(len(w.Clean.Ops)), "ops")
}

func BenchmarkZipped700KiB(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air6208", Profile: "g3", Package: "fota", Old: Version{CoreBytes: 1100 << 10}, New: Version{CoreBytes: 1160 << 10, ScriptBytes: 2000}})
}

func BenchmarkPlain700KiB(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air6208", Profile: "g3", Package: "app.img", Old: Version{CoreBytes: 690 << 10}, New: Version{Core: "V2002", CoreBytes: 700 << 10, SameScripts: true}})
}

func BenchmarkEC618Delta(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 2000 << 10}})
}

func BenchmarkRDA8910(b *testing.B) {
	benchSweep(b, Scenario{Chip: "Air724UG", Old: Version{CoreBytes: 64 << 10}, New: Version{ScriptBytes: 2000}})
}
