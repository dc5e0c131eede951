package sffs

import (
	"io/fs"
	"os"
	"testing"

	"github.com/spf13/afero"

	"airlift/flash"
)

// FuzzMount mounts damaged file systems and works in them: nothing may panic,
// hang or leave the region. An edit is an offset of two bytes, a length and as
// many bytes; small edits make a fuzzer fast.
func FuzzMount(f *testing.F) {
	var images [][]byte
	configs := []Config{smallConfig, smallConfig, tinyConfig}
	for _, d := range []*flash.Device{newFlash(f), prepared(f), withTables(f)} {
		p := make([]byte, smallSize)
		if _, err := region(f, d).ReadAt(p, 0); err != nil {
			f.Fatal(err)
		}
		images = append(images, p)
	}
	f.Add(uint8(1), []byte(nil))
	f.Add(uint8(1), []byte{4, 0x20, 4, 'R', 'O', 'O', 'T'})
	f.Add(uint8(0), []byte{4, 0x20, 4, 'D', 'I', 'R', 'E', 0x48, 0x22, 2, 1, 0})
	f.Add(uint8(1), []byte{0x64, 0x24, 4, 1, 0, 1, 0, 0x48, 0x24, 2, 0xFF, 0xFF})
	f.Add(uint8(2), []byte{4, 0x20, 4, 'R', 'O', 'O', 'T'})
	f.Fuzz(func(t *testing.T, which uint8, edits []byte) {
		which %= uint8(len(images))
		image, config := append([]byte(nil), images[which]...), configs[which]
		for len(edits) >= 3 {
			at, n := int(edits[0])|int(edits[1])<<8, min(int(edits[2]), len(edits)-3)
			copy(image[min(at, len(image)):], edits[3:3+n])
			edits = edits[3+n:]
		}
		seal(image, config.Geometry)
		d, err := flash.New(flash.NOR(1 << 20))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Burn(0x4000, image); err != nil {
			t.Fatal(err)
		}
		fsys, err := Mount(region(t, d), config)
		if err != nil {
			return
		}
		count := 0
		afero.Walk(fsys, "/", func(name string, info fs.FileInfo, err error) error {
			if count++; count > 200 {
				return fs.SkipAll
			}
			if err == nil && !info.IsDir() {
				fsys.ReadFile(name)
				if file, err := fsys.OpenFile(name, os.O_RDWR|os.O_APPEND, 0); err == nil {
					file.Write(make([]byte, 700))
					file.Truncate(450)
					file.Close()
				}
				if data, err := fsys.ReadFile(name); err == nil {
					fsys.WriteSafe(name, append(data, 0)[1:]) // as long as it was
				}
				fsys.WriteSafe(name, make([]byte, info.Size()))
				fsys.WriteSafe(name, make([]byte, 1000))
			}
			return nil
		})
		fsys.Mkdir("/fuzz", 0)
		fsys.WriteAll("/fuzz/new", make([]byte, 3000))
		fsys.Rename("/fuzz/new", "/moved")
		fsys.RemoveAll("/")
	})
}

// seal gives places that look like places a right CRC, so that the fuzzer gets
// to what is behind it.
func seal(image []byte, g Geometry) {
	geom := g.geometryByte(0x4000, smallSize)
	for at := 0; at+int(g.Place) <= len(image); at += int(g.Place) {
		p := image[at : at+int(g.Place)]
		tail := p[len(p)-placeTail:]
		if p[0] == geom && le.Uint32(tail[4:]) != 0 && le.Uint32(tail[4:]) != 0xFFFFFFFF {
			le.PutUint32(tail[4:], placeCRC(p))
		}
	}
}
