package chips

import "testing"

func TestCoreDiff(t *testing.T) {
	same := ImageDiff{Name: "AP", OldBytes: 5, NewBytes: 5}
	longer := ImageDiff{Name: "AP", OldBytes: 5, NewBytes: 6}
	other := ImageDiff{Name: "CP", OldBytes: 5, NewBytes: 5, NewSum: [32]byte{1}}
	for _, c := range []struct {
		diff   CoreDiff
		same   bool
		reason string
	}{
		{CoreDiff{Images: []ImageDiff{same, {Name: "CP"}}}, true, "AP and CP of both are the same, byte for byte"},
		{CoreDiff{Old: "V1", New: "V2", Images: []ImageDiff{same}}, true, "AP of both are the same, byte for byte, although they call themselves V1 and V2"},
		{CoreDiff{Old: "V1", New: "V2", Images: []ImageDiff{longer, other}}, false, "AP and CP differ"},
		{CoreDiff{New: "V2", Images: []ImageDiff{same, other}}, false, "CP differs"},
		{CoreDiff{Old: "V1", New: "V1", Images: []ImageDiff{longer}}, false,
			"AP differs, although both call themselves V1: a module takes the delta only if it has the very build that the delta is from"},
	} {
		if got := c.diff.Reason(); got != c.reason || c.diff.Same() != c.same {
			t.Errorf("%+v: %v, %q; expected %v, %q", c.diff, c.diff.Same(), got, c.same, c.reason)
		}
	}
}
