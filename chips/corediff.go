package chips

import (
	"fmt"
	"strings"
)

// DeltaMaker is a Maker that makes packages which lead from one core to
// another.
type DeltaMaker interface {
	Maker
	// CompareCores compares the cores of in.Base and in.
	CompareCores(in MakeInput) (CoreDiff, error)
	// DeltaKind is the kind of package that takes a module from one core to the
	// other, with new scripts or without. It is "" if there is nothing to send.
	DeltaKind(d CoreDiff, scripts bool) string
}

// CoreDiff says whether two cores are the same.
type CoreDiff struct {
	Old, New string // versions; "" for a core that does not say
	Images   []ImageDiff
	// Warnings say what may go wrong on the way from one to the other, as far as
	// the files tell.
	Warnings []string
}

// ImageDiff compares one image of two cores.
type ImageDiff struct {
	Name               string // "AP"
	OldBytes, NewBytes int64
	OldSum, NewSum     [32]byte // SHA-256
}

// Same reports whether the images are the same.
func (i *ImageDiff) Same() bool { return i.OldBytes == i.NewBytes && i.OldSum == i.NewSum }

// Same reports whether the cores are the same: that is a matter of their bytes,
// not of what they call themselves.
func (d *CoreDiff) Same() bool {
	for i := range d.Images {
		if !d.Images[i].Same() {
			return false
		}
	}
	return true
}

// Reason says why the cores are the same, or are not.
func (d *CoreDiff) Reason() string {
	var all, differ []string
	for i := range d.Images {
		all = append(all, d.Images[i].Name)
		if !d.Images[i].Same() {
			differ = append(differ, d.Images[i].Name)
		}
	}
	text := fmt.Sprintf("%s of both are the same, byte for byte", strings.Join(all, " and "))
	if len(differ) > 0 {
		text = strings.Join(differ, " and ") + " differ"
		if len(differ) == 1 {
			text += "s"
		}
	}
	switch same := d.Old == d.New; {
	case d.Old == "" || d.New == "":
	case len(differ) > 0 && same:
		text += fmt.Sprintf(", although both call themselves %s: a module takes the delta only if it has the very build that the delta is from", d.Old)
	case len(differ) == 0 && !same:
		text += fmt.Sprintf(", although they call themselves %s and %s", d.Old, d.New)
	}
	return text
}

// Identifier is a Family that can tell from a file of firmware which model and
// profile it is for. Model is "" if the file is the family's but does not say,
// hint then names what it does say.
type Identifier interface {
	Identify(data []byte) (model, profile, hint string, ok bool)
}

// CoreKeeper is a Family whose modules can only make the core that some deltas
// lead to if they are given it.
type CoreKeeper interface {
	// AddCore registers a core: a file of firmware or an image.
	AddCore(data []byte) error
}
