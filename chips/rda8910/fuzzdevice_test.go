package rda8910

import (
	"testing"

	"airlift/chips"
)

// FuzzPartitions looks for partition tables in anything.
func FuzzPartitions(f *testing.F) {
	l := map720U.layout(GenA)
	b := l.partitions().Encode()
	f.Add(b)
	f.Add(append([]byte("PRTIPRTI"), b[:100]...))
	f.Fuzz(func(t *testing.T, img []byte) {
		if p := FindPartitions(img); p != nil && (p.Off < 0 || p.Off+p.Len > int64(len(img))) {
			t.Fatalf("%+v in %d bytes", p, len(img))
		}
	})
}

// FuzzProcess hands anything to fota_process, and boots what comes of it.
func FuzzProcess(f *testing.F) {
	worlds := map[bool]*world{true: newWorld(f, "a"), false: newWorld(f, "a-v302043")}
	for _, w := range worlds {
		w.mustBoot()
	}
	f.Add(true, uint8(30), worlds[true].make(KindScriptStream, ""))
	f.Add(false, uint8(200), worlds[false].make(KindScriptStream, ""))
	f.Add(true, uint8(255), stream(StreamFile{TagCore, 0, unhex(f, miniPack)}, StreamFile{TagApp, 0, []byte("script")}))
	f.Fuzz(func(t *testing.T, new bool, piece uint8, b []byte) {
		w := &world{t: t, chip: worlds[new].chip, dev: worlds[new].dev.Fork()}
		_, run := w.mustBoot()
		code, end := w.send(run, b, 1+int(piece))
		if code > 0 || end > 0 || code < CodeNotSupported || end < CodeNotSupported {
			t.Fatalf("%d, %d", code, end)
		}
		if r, _, err := w.boot(); err != nil && !isCoreError(err) || r.Outcome != chips.BootCore {
			t.Fatalf("%+v, %v\n%s", r, err, w.log())
		}
	})
}
