package chips

import (
	"fmt"
	"slices"
	"strings"
)

// Layered is a Maker that takes its upgrade packages apart and puts them
// together again around contents that have changed. What comes out has the
// right lengths and checksums all around the change, as a broken tool or a
// wrong input makes packages: nothing that only looks at those can tell.
type Layered interface {
	// Layers returns the layers of a package, from the outside in. Layers may
	// lie in one another. The error, a *explain.FormatError, says why there are
	// no more; those before it are returned all the same.
	Layers(pkg []byte) ([]Layer, error)
}

// Layer is a part of an upgrade package.
type Layer struct {
	Name string // "payload"
	Data []byte // unpacked; not to be changed
	// Wrap returns the package with other data in place of Data. Lengths and
	// checksums that cover the data from outside are made right; what is inside
	// of the data stays as it is. A layer of fixed length takes what fits.
	Wrap func(data []byte) ([]byte, error)
}

// FindLayer finds the layer called name among those of a package.
func (c *Chip) FindLayer(pkg []byte, name string) (*Layer, error) {
	m, ok := c.Maker.(Layered)
	if !ok {
		return nil, fmt.Errorf("the packages of %s are not taken apart", c.Model.Name)
	}
	list, err := m.Layers(pkg)
	if i := slices.IndexFunc(list, func(l Layer) bool { return l.Name == name }); i >= 0 {
		return &list[i], nil
	}
	if err != nil {
		return nil, fmt.Errorf("layer %q of the package: %w", name, err)
	}
	return nil, fmt.Errorf("the package has no layer %q: expected one of %s", name, layerNames(list))
}

func layerNames(list []Layer) string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	return strings.Join(names, ", ")
}
