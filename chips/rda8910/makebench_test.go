package rda8910

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"airlift/chips/ec"
	"airlift/chips/synth"
)

// corePair is two releases of a synthetic core of 1.5 MB: Thumb code with
// functions that grow, and the addresses that change with them.
func corePair() FlashChange {
	one := synth.Info{Model: "Air724UG", Version: "V3103"}
	two := synth.Info{Model: "Air724UG", Version: "V3104"}
	return FlashChange{Base: coreBase, Old: ec.SyntheticAP(one, 1500<<10, 8910), New: ec.SyntheticAP(two, 1500<<10, 8910)}
}

// pairEnv names a folder to which [BenchmarkMakePack] writes what it made a
// pack of, for other programs.
const pairEnv = "AIRLIFT_8910_PAIR"

func BenchmarkMakePack(b *testing.B) {
	c := corePair()
	var pack []byte
	for b.Loop() {
		var err error
		if pack, err = MakePack(PackInput{Flash: []FlashChange{c}}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(pack)), "pack-bytes")
	if dir := os.Getenv(pairEnv); dir != "" {
		for name, p := range map[string][]byte{"old.bin": c.Old, "new.bin": c.New} {
			if err := os.WriteFile(filepath.Join(dir, name), p, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkApplyPack(b *testing.B) {
	c := corePair()
	data, err := MakePack(PackInput{Flash: []FlashChange{c}})
	if err != nil {
		b.Fatal(err)
	}
	flash := bytes.Repeat([]byte{0xFF}, 4<<20)
	for b.Loop() {
		copy(flash[coreBase:], c.Old)
		p, err := ParsePack(data)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Apply(&Contents{Flash: flash}); err != nil {
			b.Fatal(err)
		}
	}
	if !bytes.HasPrefix(flash[coreBase:], c.New) {
		b.Fatal("not the new core")
	}
}
