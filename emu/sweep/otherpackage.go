package sweep

import (
	"errors"
	"fmt"
	"slices"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/fault"
)

// damagePackage makes of the package what the faults say.
func (w *Sweep) damagePackage() (err error) {
	for _, f := range w.Scenario.standing("package") {
		if p, made := f.OfPackage(w.Package); made {
			w.Package = p
		} else if f.Kind == fault.Damaged {
			if w.Package, err = w.edited(w.Package, f.Edit); err != nil {
				return err
			}
		} else if w.Package, err = w.otherPackage(f); err != nil {
			return fmt.Errorf("fault %s: %w", f.Kind, err)
		}
	}
	return nil
}

// otherSeed is how far the seed of a core that the module never had is from that
// of its own.
const otherSeed = 7

// otherPackage makes another package than the one that is due.
func (w *Sweep) otherPackage(f *fault.Fault) ([]byte, error) {
	if w.Scenario.PackageFile != "" {
		return nil, errors.New("of a package that somebody else made no other can be made")
	}
	c, kind, base, in := w.Chip, w.Kind, w.was, w.is
	own := base.Core != nil || in.Core != nil
	switch f.Kind {
	case fault.Older:
		if in = base; kind.Delta { // from the release before
			var err error
			if base.CoreVersion, err = countCore(base.CoreVersion, -1); err != nil {
				return nil, err
			}
		}
		own = own && kind.Delta
	case fault.WrongBase:
		if !kind.Delta {
			return nil, fmt.Errorf("a package of kind %s has no base: it is no delta", kind.Name)
		}
		base.CoreSeed += otherSeed
		in.CoreSeed = base.CoreSeed
	case fault.WrongForm:
		var err error
		if kind, err = pickKind(c, f.Package); err != nil {
			return nil, err
		}
		own = false
	case fault.WrongModel:
		var err error
		if c, kind, err = w.otherModel(f.Model); err != nil {
			return nil, err
		}
		if base.CoreVersion = c.Profile.CoreVersion; kind.Core {
			in.CoreVersion, err = nextCore(base.CoreVersion)
		} else {
			in.CoreVersion = base.CoreVersion
		}
		if err != nil {
			return nil, err
		}
	}
	if own {
		return nil, errors.New("of a core of your own no other can be made: make the package, and name it as package_file")
	}
	if in.Pad, in.Force, in.Base = true, true, nil; kind.Delta {
		base.Script, base.Base = nil, nil
		in.Base = &base
	}
	return c.Maker.Make(kind.Name, in)
}

// otherModel finds a model, and the kind of package that comes nearest to what is
// due.
func (w *Sweep) otherModel(name string) (*chips.Chip, chips.PackageKind, error) {
	c, err := all.Chip(name, "")
	if err != nil {
		return nil, w.Kind, err
	}
	if slices.ContainsFunc(c.Maker.Kinds(), func(k chips.PackageKind) bool { return k.Name == w.Kind.Name }) {
		return c, w.Kind, nil
	}
	kind, err := pickKind(c, "")
	return c, kind, err
}
