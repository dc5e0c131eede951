package chips

import (
	"fmt"
	"strings"
)

// FindModel returns the model called name among families, in any letter case.
func FindModel(families []Family, name string) (Family, *Model, error) {
	for _, f := range families {
		for _, m := range f.Models() {
			if strings.EqualFold(m.Name, name) {
				return f, m, nil
			}
		}
	}
	var like []string
	for _, f := range families {
		for _, m := range f.Models() {
			if oneChange(strings.ToLower(m.Name), strings.ToLower(name)) {
				like = append(like, m.Name)
			}
		}
	}
	if len(like) > 0 {
		return nil, nil, fmt.Errorf("no model is called %q: do you mean %s? see airlift chips", name, strings.Join(like, " or "))
	}
	return nil, nil, fmt.Errorf("no model is called %q: see airlift chips", name)
}

// oneChange reports whether a byte more, less or changed makes b of a.
func oneChange(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	same := 0
	for same < len(a) && a[same] == b[same] {
		same++
	}
	if len(a) == len(b) {
		return same < len(a) && a[same+1:] == b[same+1:]
	}
	return a[same:] == b[same+1:]
}
