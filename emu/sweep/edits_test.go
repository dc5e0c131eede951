package sweep

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"airlift/emu/fault"
	"airlift/flash"
)

// An edit of a partition leaves what the same edit of all of its bytes leaves.
func TestBurnEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, err := flash.New(flash.NOR(4 * flash.DefaultSectorSize))
		if err != nil {
			t.Fatal(err)
		}
		part := flash.Partition{Name: "p", Off: flash.DefaultSectorSize, Size: 2 * flash.DefaultSectorSize}
		start := make([]byte, part.Size)
		for i := range start {
			start[i] = byte(i * 7)
		}
		if err := d.Burn(part.Off, start); err != nil {
			t.Fatal(err)
		}
		before := d.Bytes()
		num := rapid.OneOf(rapid.Int64Range(0, 40), rapid.Int64Range(8180, 8200), rapid.Int64Min(0))
		e := &fault.Edit{
			Do: rapid.SampledFrom(fault.EditKinds).Draw(t, "do"), Off: num.Draw(t, "off"), To: num.Draw(t, "to"), Bytes: num.Draw(t, "bytes"),
			Bits: rapid.Uint8().Draw(t, "bits"), Data: rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "data"),
		}
		if err := burnEdit(d, part, e); err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(before)
		edited := e.Apply(start)
		copy(want[part.Off:part.Off+part.Size], edited[:min(len(edited), len(start))])
		if !bytes.Equal(d.Bytes(), want) {
			t.Fatalf("%s: the flash is not as it should be", e)
		}
	})
}
