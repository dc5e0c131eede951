package sweep

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"airlift/flash/explain"
)

// Volume is what mode volume does with a file system of the module: steps in
// which the power fails, on a volume that others made before.
type Volume struct {
	// Path is where the volume is mounted; "" for "/".
	Path string `json:"path,omitempty" yaml:"path,omitempty"`
	// Setup is done before, with the power on.
	Setup []FileStep `json:"setup,omitempty" yaml:"setup,omitempty"`
	// Steps are cut at every operation, one after the other.
	Steps []FileStep `json:"steps" yaml:"steps"`
}

// FileStep is something that a program does with a file.
type FileStep struct {
	Do    StepKind `json:"do" yaml:"do"`
	Name  string   `json:"name,omitempty" yaml:"name,omitempty"`   // /config.json
	To    string   `json:"to,omitempty" yaml:"to,omitempty"`       // the new name, of a rename
	Bytes int64    `json:"bytes,omitempty" yaml:"bytes,omitempty"` // that are written, or left
	Off   int64    `json:"off,omitempty" yaml:"off,omitempty"`     // where a patch begins, in bytes
}

// StepKind says what a step does.
type StepKind string

const (
	StepWrite    StepKind = "write"    // open or make a file, empty it, write, close
	StepAppend   StepKind = "append"   // open or make a file, write at its end, close
	StepPatch    StepKind = "patch"    // open a file, write at off, close
	StepTruncate StepKind = "truncate" // open a file, cut it to so many bytes, close
	StepRename   StepKind = "rename"   // give a file another name, in the place of what has it
	StepRemove   StepKind = "remove"   // remove a file, or an empty folder
	StepMkdir    StepKind = "mkdir"    // make a folder
	StepRemount  StepKind = "remount"  // restart the module
)

// StepKinds lists the kinds of steps.
var StepKinds = []StepKind{StepWrite, StepAppend, StepPatch, StepTruncate, StepRename, StepRemove, StepMkdir, StepRemount}

func (f *FileStep) String() string {
	switch f.Do {
	case StepRemount:
		return string(f.Do)
	case StepRename:
		return fmt.Sprintf("rename %s to %s", f.Name, f.To)
	case StepPatch:
		return fmt.Sprintf("patch %s, %d bytes at %d", f.Name, f.Bytes, f.Off)
	case StepRemove, StepMkdir:
		return fmt.Sprintf("%s %s", f.Do, f.Name)
	}
	return fmt.Sprintf("%s %s, %d bytes", f.Do, f.Name, f.Bytes)
}

// defaultVolume is a story that a volume of 10 blocks has room for: four files,
// of which one stays as it is, small and large ones.
func defaultVolume() *Volume {
	return &Volume{
		Setup: []FileStep{
			{Do: StepWrite, Name: "/config.json", Bytes: 300},
			{Do: StepWrite, Name: "/log.txt", Bytes: 900},
			{Do: StepWrite, Name: "/data.bin", Bytes: 5000},
		},
		Steps: []FileStep{
			{Do: StepWrite, Name: "/config.json", Bytes: 320},
			{Do: StepAppend, Name: "/log.txt", Bytes: 200},
			{Do: StepWrite, Name: "/config.new", Bytes: 340},
			{Do: StepRename, Name: "/config.new", To: "/config.json"},
			{Do: StepPatch, Name: "/data.bin", Off: 2000, Bytes: 600},
			{Do: StepWrite, Name: "/update.bin", Bytes: 6000},
			{Do: StepTruncate, Name: "/log.txt", Bytes: 100},
			{Do: StepRemove, Name: "/update.bin"},
		},
	}
}

const (
	stepsMax     = 1000
	stepBytesMax = 1 << 20
)

// checkVolume checks what only mode volume has, and what it has not.
func (s *Scenario) checkVolume() error {
	switch {
	case s.Mode != ModeVolume && s.Volume != nil:
		return errors.New("volume is for mode volume")
	case s.Mode != ModeVolume:
		return nil
	case s.Package != "" || s.Link != "" || s.New != Version{} || s.NoPad || s.Force || s.Damages > 0 || s.Sizes != nil:
		return errors.New("mode volume has no package: it takes neither package, link, new, no_pad, force nor damages and sizes")
	}
	return s.Volume.check()
}

// check plays the steps on paper.
func (v *Volume) check() error {
	if len(v.Setup)+len(v.Steps) > stepsMax || len(v.Steps) == 0 {
		return fmt.Errorf("volume: %d steps behind %d: expected 1 to %d in all", len(v.Steps), len(v.Setup), stepsMax)
	}
	all := slices.Concat(v.Setup, v.Steps)
	if err := checkBytes(all); err != nil {
		return err
	}
	t := fileTree{}
	for i, f := range all {
		if err := f.check(); err != nil {
			return fmt.Errorf("volume: step %d: %w", i, err)
		}
		next, err := t.after(&f, make([]byte, f.Bytes))
		if err != nil {
			return fmt.Errorf("volume: step %d: %s: %w", i, &f, err)
		}
		if t = next; t.bytes() > heldBytesMax {
			return fmt.Errorf("volume: step %d: %s: files of more than %d bytes", i, &f, int64(heldBytesMax))
		}
	}
	return nil
}

func (f *FileStep) check() error {
	if !slices.Contains(StepKinds, f.Do) {
		return fmt.Errorf("do %q: expected one of %s", f.Do, explain.OneOf(StepKinds))
	}
	if f.Bytes < 0 || f.Bytes > stepBytesMax || f.Off < 0 || f.Off > stepBytesMax {
		return fmt.Errorf("bytes %d, off %d: expected 0 to %d", f.Bytes, f.Off, stepBytesMax)
	}
	names := []string{f.Name}
	if f.Do == StepRename {
		names = append(names, f.To)
	}
	for _, name := range names {
		if f.Do != StepRemount && (len(name) < 2 || path.Clean("/"+name) != name || strings.HasPrefix(name, "/.")) {
			return fmt.Errorf("name %q: expected one like /config.json", name)
		}
	}
	takes := map[StepKind][2]bool{StepWrite: {true, false}, StepAppend: {true, false}, StepPatch: {true, true}, StepTruncate: {true, false}}[f.Do]
	if f.Bytes != 0 && !takes[0] || f.Off != 0 && !takes[1] || f.To != "" && f.Do != StepRename || f.Name != "" && f.Do == StepRemount {
		return fmt.Errorf("%s takes no such fields", f.Do)
	}
	return nil
}

// fileTree is what a volume holds: contents by name. A folder's name ends with
// a slash.
type fileTree map[string]string

var errNotNow = errors.New("not possible with the files as they are then")

// after returns what the volume holds once a step is done.
func (t fileTree) after(f *FileStep, data []byte) (fileTree, error) {
	old, isFile := t[f.Name]
	_, isFolder := t[f.Name+"/"]
	n := maps.Clone(t)
	parent := path.Dir(f.Name)
	if f.Do == StepRename {
		parent = path.Dir(f.To)
	}
	possible := true
	if f.Do != StepRemount && parent != "/" {
		_, possible = t[parent+"/"]
	}
	switch f.Do {
	case StepWrite:
		possible = possible && !isFolder
		n[f.Name] = string(data)
	case StepAppend:
		possible = possible && !isFolder
		n[f.Name] = old + string(data)
	case StepPatch:
		possible = possible && isFile && f.Off <= int64(len(old))
		if possible {
			n[f.Name] = old[:f.Off] + string(data) + old[min(int64(len(old)), f.Off+int64(len(data))):]
		}
	case StepTruncate:
		possible = possible && isFile && f.Bytes <= int64(len(old))
		if possible {
			n[f.Name] = old[:f.Bytes]
		}
	case StepRename:
		_, onFolder := t[f.To+"/"]
		possible = possible && isFile && !onFolder && f.To != f.Name
		delete(n, f.Name)
		n[f.To] = old
	case StepRemove:
		possible = possible && (isFile || isFolder && !t.under(f.Name+"/"))
		delete(n, f.Name)
		delete(n, f.Name+"/")
	case StepMkdir:
		possible = possible && !isFile && !isFolder
		n[f.Name+"/"] = ""
	}
	if !possible {
		return nil, errNotNow
	}
	return n, nil
}

// under reports whether something lies in a folder.
func (t fileTree) under(folder string) bool {
	for name := range t {
		if len(name) > len(folder) && strings.HasPrefix(name, folder) {
			return true
		}
	}
	return false
}

// names are the names that a step is about: others stay as they are.
func (f *FileStep) names() []string { return []string{f.Name, f.Name + "/", f.To} }

// between returns what the volume may hold in the middle of a step, besides
// what it held before and what it holds after it: a file that is new exists,
// empty, once it is open. Nil if there is nothing of that kind.
func (t fileTree) between(f *FileStep) fileTree {
	if _, exists := t[f.Name]; exists || f.Do != StepWrite && f.Do != StepAppend {
		return nil
	}
	n := maps.Clone(t)
	n[f.Name] = ""
	return n
}

// volumeShrinks make a story shorter: they leave out a step, or halve what one
// writes.
func volumeShrinks(v *Volume) (out []shrinkStep) {
	if v == nil {
		return nil
	}
	both := map[string]func(*Volume) *[]FileStep{
		"step":  func(v *Volume) *[]FileStep { return &v.Steps },
		"setup": func(v *Volume) *[]FileStep { return &v.Setup },
	}
	for _, what := range []string{"step", "setup"} {
		list := both[what]
		for i := range *list(v) {
			out = append(out, shrinkStep{fmt.Sprintf("without %s %d", what, i), func(s *Scenario) bool {
				steps := s.ownSteps(list)
				if i >= len(*steps) {
					return false
				}
				*steps = slices.Delete(*steps, i, i+1)
				return s.Volume.check() == nil
			}}, shrinkStep{fmt.Sprintf("half the bytes of %s %d", what, i), func(s *Scenario) bool {
				steps := s.ownSteps(list)
				return i < len(*steps) && halve(&(*steps)[i].Bytes, 8) && s.Volume.check() == nil
			}})
		}
	}
	return out
}

// ownSteps are steps of the scenario's volume that nobody shares.
func (s *Scenario) ownSteps(list func(*Volume) *[]FileStep) *[]FileStep {
	v := *s.Volume
	s.Volume = &v
	steps := list(&v)
	*steps = slices.Clone(*steps)
	return steps
}
