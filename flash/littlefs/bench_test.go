package littlefs

import (
	"fmt"
	"testing"

	"airlift/flash"
	"github.com/spf13/afero"
)

func benchVolume(b *testing.B, blocks uint32, files int) *FS {
	fs := newVolume(b, LuatOS(int64(blocks)*4096))
	for i := range files {
		if err := afero.WriteFile(fs, fmt.Sprintf("/file%d", i), pattern(i, 100+i), 0); err != nil {
			b.Fatal(err)
		}
	}
	return fs
}

func BenchmarkMount(b *testing.B) {
	for _, bc := range []struct {
		blocks uint32
		files  int
	}{{10, 4}, {832, 100}} {
		b.Run(fmt.Sprintf("%d blocks %d files", bc.blocks, bc.files), func(b *testing.B) {
			fs := benchVolume(b, bc.blocks, bc.files)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Mount(fs.region, fs.cfg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite40K(b *testing.B) {
	fs := benchVolume(b, 832, 4)
	data := pattern(1, 40<<10)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := afero.WriteFile(fs, "/update.bin", data, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate100(b *testing.B) {
	snap := benchVolume(b, 832, 0).region.Device().Snapshot()
	b.ReportAllocs()
	for b.Loop() {
		fs := mounted(b, regionOf(b, snap.Device()), LuatOS(832*4096))
		for i := range 100 {
			if err := afero.WriteFile(fs, fmt.Sprintf("/small%d", i), zeros[:20], 0); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkCase is one case of a sweep: fork a volume of 10 blocks with 4
// files, write a file until the power is cut, mount again and read everything.
func BenchmarkCase(b *testing.B) {
	c := LuatOS(40 << 10)
	snap := benchVolume(b, 10, 4).region.Device().Snapshot()
	b.ReportAllocs()
	at := uint64(0)
	for b.Loop() {
		r := regionOf(b, snap.Device())
		power := r.Device().Power()
		power.SetTap(&cutter{cut: cut{at: at % 12, kind: 'f', arg: 40}})
		at++
		fs, err := Mount(r, c)
		if err != nil {
			b.Fatal(err)
		}
		if err := afero.WriteFile(fs, "/file1", zeros[:200], 0); err == nil {
			afero.WriteFile(fs, "/update.bin", zeros[:], 0)
		}
		power.Restore()
		power.SetTap(nil)
		if fs, err = Mount(r, c); err != nil {
			b.Fatal(err)
		}
		if s, err := readState(fs); err != nil || len(s) < 4 {
			b.Fatal(s, err)
		}
	}
}

var _ flash.Tap = (*cutter)(nil)
