package demo

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/project"
	"airlift/flash/luadb"
)

// Own is a project of the user's in two versions, in the place of the demo's.
// Its scripts ask the platform by its PRODUCT_KEY.
type Own struct{ Old, New Release }

// Release is a version of the user's.
type Release struct {
	Project *project.Project
	// Core is a core file, nil for a synthetic core: the profile's, or the next
	// where a new core is due.
	Core []byte
}

// globalOf reads a string assignment off main.lua.
func (r *Release) globalOf(name string) (string, error) {
	if text := r.Project.Global(name); text != "" {
		return text, nil
	}
	return "", fmt.Errorf("%s cannot be read off main.lua: expected a line %s = \"...\"", name, name)
}

// key is the project's key, which the platform has to know.
func (o *Own) key() (string, error) {
	was, err := o.Old.globalOf("PRODUCT_KEY")
	if err != nil {
		return "", err
	}
	if is, err := o.New.globalOf("PRODUCT_KEY"); err != nil || is != was {
		return "", errors.Join(err, fmt.Errorf("PRODUCT_KEY: the old version says %q, the new one %q", was, is))
	}
	return was, iot.CheckKey(was)
}

// ownVersion is a version of the user's. Core is that of a synthetic core.
func (s *Story) ownVersion(r *Release, core string) (v Version, err error) {
	script, err := r.globalOf("VERSION")
	if err != nil {
		return v, err
	}
	part := strings.Split(script, ".")
	if len(part) != 3 {
		return v, fmt.Errorf("VERSION %q: expected three numbers, as the platform wants them", script)
	}
	if r.Core != nil {
		if core, err = s.coreVersion(r); err != nil {
			return v, err
		}
	}
	v = Version{Core: core, Script: script, Platform: strings.TrimPrefix(core, "V") + "." + part[0] + "." + part[2], files: r.Project.Files}
	if luaTask(s.chip) {
		v.Platform = taskPlatform(core, script)
	}
	return v, nil
}

// coreVersion is what a core file says it is, once it runs.
func (s *Story) coreVersion(r *Release) (string, error) {
	script, err := luadb.Build(r.Project.Files, luadb.Options{})
	if err != nil {
		return "", err
	}
	flashes, err := emu.MakeFlash(s.chip, chips.MakeInput{Script: script, Core: r.Core})
	if err != nil {
		return "", fmt.Errorf("core: %w", err)
	}
	b, err := emu.BootFork(s.chip, flashes, s.seed)
	if err != nil {
		return "", fmt.Errorf("core: %w", err)
	}
	if b.Running == nil {
		return "", errors.New("core: it does not start")
	}
	return b.Running.Identity.Version, nil
}

// firstVersionOf is the version that the module leaves production with.
func (s *Story) firstVersionOf() (Version, error) {
	core := s.chip.Profile.CoreVersion
	if s.cfg.Own != nil {
		return s.ownVersion(&s.cfg.Own.Old, core)
	}
	return s.version(core, firstVersion)
}

// nextVersion is the version that the next upgrade brings.
func (s *Story) nextVersion() (Version, error) {
	core, err := s.From.Core, error(nil)
	own := s.cfg.Own
	if s.Package.Kind.Core && (own == nil || own.Old.Core == nil && own.New.Core == nil) {
		if core, err = nextCore(core); err != nil {
			return Version{}, err
		}
	}
	if own != nil {
		if !s.Package.Kind.Core && own.New.Core != nil && !bytes.Equal(own.New.Core, own.Old.Core) {
			return Version{}, fmt.Errorf("a package of kind %s brings no core", s.Package.Kind.Name)
		}
		return s.ownVersion(&own.New, core)
	}
	last := s.From.Script[len(s.From.Script)-1]
	v, err := s.version(core, strings.TrimSuffix(s.From.Script, string(last))+string(last+1))
	v.files = append(v.files, s.cfg.Extra...)
	return v, err
}

// projectName is PROJECT.
func (s *Story) projectName() (string, error) {
	if s.cfg.Own == nil {
		return demoName, nil
	}
	return s.cfg.Own.New.globalOf("PROJECT")
}

// demoName is PROJECT of the demo's main.lua.
const demoName = "fotademo"
