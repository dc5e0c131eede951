package ec

import "testing"

// TestLayouts checks the addresses that ec618.md 1.3 and 1.5 state.
func TestLayouts(t *testing.T) {
	for _, c := range []struct {
		target      string
		s, o        int64
		script, ota uint32
		info, fs    int64
	}{
		{"ec618", 448, 284, 0x24D000 + 0, 0x2BD000, 0x22000, 0x384000},
		{"ec618", 128, 96, 0x2CC000, 0x2EC000, 0x22000, 0x384000},
		{"ec618", 64, 48, 0x2E8000, 0x2F8000, 0x22000, 0x384000},
		{"718p", 256, 192, 0x2D0000, 0x310000, 0x14000, 0x3A9000},
		{"716e", 256, 192, 0x2D0000, 0x310000, 0x14000, 0x3A9000},
		{"718pv", 128, 96, 0x308000, 0x328000, 0x14000, 0x3A9000},
		{"718u", 512, 360, 0x56F000, 0x5EF000, 0x22000, 0x749000},
		{"718pm", 256, 192, 0x2B1000, 0x2F1000, 0x16000, 0x3B7000},
		{"718hm", 512, 384, 0x56E000, 0x5EE000, 0x20000, 0x754000},
		{"718hm-fs768", 512, 384, 0x52E000, 0x5AE000, 0x20000, 0x714000},
	} {
		tg, err := findTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		l, err := tg.layout(c.s, c.o)
		if err != nil {
			t.Errorf("%s: %v", c.target, err)
			continue
		}
		if l.ScriptAddr() != c.script || l.OTAAddr() != c.ota || l.Part(PartInfo).Off != c.info || l.Part(PartFS).Off != c.fs {
			t.Errorf("%s %d+%d: script 0x%X, ota 0x%X, info 0x%X, fs 0x%X", c.target, c.s, c.o, l.ScriptAddr(), l.OTAAddr(), l.Part(PartInfo).Off, l.Part(PartFS).Off)
		}
		if b := l.Part(PartBackup); b.Size < int64(tg.series.SegmentSize()) || b.End() != tg.fota.end() {
			t.Errorf("%s: backup zone 0x%X size 0x%X", c.target, b.Off, b.Size)
		}
	}
}
