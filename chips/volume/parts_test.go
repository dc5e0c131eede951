package volume

import (
	"errors"
	"testing"

	"airlift/flash/explain"
)

// TestPartsFull: parts end at their number and at their size, even if what is
// added last would have room again.
func TestPartsFull(t *testing.T) {
	big := make([]byte, 1<<20)
	for name, c := range map[string]struct {
		part []byte
		want int
	}{"number": {nil, partsMax}, "size": {big, partsMaxSize / len(big)}} {
		var p Parts
		for range c.want {
			if err := p.Add("part", c.part); err != nil || p.Full() != nil {
				t.Fatalf("%s: %v, %v", name, err, p.Full())
			}
		}
		var fe *explain.FormatError
		if err := p.Add("part", append(big, 0)); !errors.As(err, &fe) || fe.What != "parts" || p.Full() != err {
			t.Errorf("%s: %v", name, err)
		}
		if err := p.Add("part", nil); err == nil || len(p.List) != c.want {
			t.Errorf("%s: %d parts, %v", name, len(p.List), err)
		}
	}
}
