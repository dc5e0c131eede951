package sweep

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"sync"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu"
	"airlift/emu/trace"
)

// Mode volume cuts the power while files of a volume are changed. The module
// itself does not run: its file system does, on the module's flash. What a case
// comes to is told in the words of upgrades: new and old, if the step that was
// cut is done or never was; mixed, if a file holds something else; stuck, if the
// volume takes the step not even now; brick, if it does not mount.

// point is where the steps of a volume are. Points never change.
type point struct {
	step    int
	before  fileTree
	between fileTree // nil, or also allowed
	after   fileTree

	named    sync.Once
	name     string
	repeated sync.Once
	repeat   *point // the step done twice; nil if that is not possible
}

// again is the point at which the step of p begins anew, with files that may be
// those before it or after it; nil if it is not possible with them.
func (s *Sweep) again(p *point, files fileTree) *point {
	switch {
	case maps.Equal(files, p.before):
		return p
	case maps.Equal(files, p.after):
		p.repeated.Do(func() { p.repeat = s.newPoint(p.step, p.after) })
		return p.repeat
	}
	return s.newPoint(p.step, files)
}

// id is equal for equal points.
func (p *point) id() string {
	p.named.Do(func() {
		h := sha256.New()
		for _, name := range slices.Sorted(maps.Keys(p.before)) {
			fmt.Fprintf(h, "%d %d ", len(name), len(p.before[name]))
			io.WriteString(h, name)
			io.WriteString(h, p.before[name])
		}
		p.name = fmt.Sprintf("%d %x", p.step, h.Sum(nil))
	})
	return p.name
}

// newPoint is the point at which a step begins, with these files; nil if the
// step is not possible with them.
func (s *Sweep) newPoint(step int, before fileTree) *point {
	f := &s.Scenario.Volume.Steps[step]
	after, err := before.after(f, s.stepData[step])
	if err != nil {
		return nil
	}
	return &point{step: step, before: before, between: before.between(f), after: after}
}

// makeVolume makes the module with its volume, as it is before the first step.
func (s *Sweep) makeVolume() error {
	c := s.Scenario
	in, files, err := s.input(c.Old, s.Chip.Profile.CoreVersion, c.Seed, "1.0.0")
	if err != nil {
		return err
	}
	s.old = reference{scripts: byName(files)}
	factory, err := emu.MakeFlash(s.Chip, in)
	if err != nil {
		return fmt.Errorf("make the module's flash: %w", err)
	}
	if err := s.install(factory); err != nil {
		return err
	}
	data := make([][]byte, len(c.Volume.Setup)+len(c.Volume.Steps))
	for i, f := range slices.Concat(c.Volume.Setup, c.Volume.Steps) {
		r := emu.Stream(c.Seed, "file", i)
		data[i] = make([]byte, f.Bytes)
		for k := range data[i] {
			data[i][k] = byte(r.Uint32())
		}
	}
	s.stepData = data[len(c.Volume.Setup):]
	volume, err := s.mountVolume(s.start)
	if err != nil {
		return err
	}
	for i := range c.Volume.Setup {
		f := &c.Volume.Setup[i]
		if err := f.do(volume, data[i]); err != nil {
			return fmt.Errorf("setup: %s: %w", f, err)
		}
	}
	if volume, err = s.mountVolume(s.start); err != nil {
		return err
	}
	if s.files, err = readTree(volume); err != nil {
		return err
	}
	s.start.power.Reset()
	s.start.at = s.newPoint(0, s.files)
	if s.start.at == nil {
		return fmt.Errorf("step 0: %s: %w", &c.Volume.Steps[0], errNotNow)
	}
	return nil
}

// mountVolume mounts the volume of the scenario.
func (s *Sweep) mountVolume(b *board) (afero.Fs, error) {
	want := s.Scenario.Volume.Path
	if m, ok := s.Chip.Core.(chips.RootMounter); ok && want == "/" {
		v, err := m.MountRoot(b.flashes)
		if err != nil {
			return nil, fmt.Errorf("the volume of / does not mount: %w", err)
		}
		return v.Fs, nil
	}
	m, ok := s.Chip.Core.(chips.Mounter)
	if !ok {
		return nil, fmt.Errorf("%s has no file system that can be mounted alone", s.Chip.Model.Name)
	}
	table, problems := m.MountFiles(b.flashes, false)
	for _, v := range table.Mounts() {
		if v.Path == want || want == "/" && v.Path == "" {
			return v.Fs, nil
		}
	}
	return nil, fmt.Errorf("no volume mounts at %s: %w", want, errors.Join(problems...))
}

// do does a step.
func (f *FileStep) do(v afero.Fs, data []byte) error {
	change := func(flag int, work func(afero.File) error) error {
		file, err := v.OpenFile(f.Name, flag, 0o666)
		if err != nil {
			return err
		}
		return errors.Join(work(file), file.Close())
	}
	write := func(file afero.File) error { return second(file.Write(data)) }
	switch f.Do {
	case StepWrite:
		return change(os.O_RDWR|os.O_CREATE|os.O_TRUNC, write)
	case StepAppend:
		return change(os.O_WRONLY|os.O_CREATE|os.O_APPEND, write)
	case StepPatch:
		return change(os.O_RDWR, func(file afero.File) error {
			if _, err := file.Seek(f.Off, io.SeekStart); err != nil {
				return err
			}
			return write(file)
		})
	case StepTruncate:
		return change(os.O_RDWR, func(file afero.File) error { return file.Truncate(f.Bytes) })
	case StepRename:
		return v.Rename(f.Name, f.To)
	case StepRemove:
		return v.Remove(f.Name)
	case StepMkdir:
		return v.Mkdir(f.Name, 0o777)
	}
	return nil
}

func second(_ int, err error) error { return err }

// playVolume does all steps.
func (s *Sweep) playVolume(b *board, w *watcher) (*boot, error) {
	b.power.Restore()
	if w != nil {
		w.stage = "files"
	}
	v, err := s.mountVolume(b)
	files := s.files
	for i := range s.Scenario.Volume.Steps {
		f := &s.Scenario.Volume.Steps[i]
		if err == nil && f.Do == StepRemount {
			v, err = s.mountVolume(b)
		}
		if err == nil {
			if b.at = s.newPoint(i, files); b.at == nil {
				return nil, fmt.Errorf("step %d: %s: %w", i, f, errNotNow)
			}
			files = b.at.after
			w.do(f)
			err = f.do(v, s.stepData[i])
		}
		if lost(b, err) {
			return s.machine.cut(b, new(boot)), nil
		}
		if err != nil {
			return &boot{end: endDead, why: fmt.Sprintf("step %d: %s: %v", i, f, err)}, nil
		}
	}
	return &boot{end: endRuns}, nil
}

// do tells a step.
func (w *watcher) do(f *FileStep) {
	if w != nil {
		w.step(chips.Step{Stage: "files", Kind: chips.KindDo, Text: f.String()})
	}
}

// recoverVolume does what a module does once the power is back: it mounts, looks
// what there is, and does the step again that was cut, if that is possible now.
func (s *Sweep) recoverVolume(b *board, w *watcher) (*boot, error) {
	b.power.Restore()
	if w != nil {
		w.stage = "files"
		w.add(trace.Power, "reset: "+b.cause.String(), chips.Step{})
	}
	v, err := s.mountVolume(b)
	if lost(b, err) {
		return s.machine.cut(b, new(boot)), nil
	}
	if err != nil {
		return &boot{end: endDead, why: err.Error()}, nil
	}
	files, err := readTree(v, b.at.before, b.at.after)
	if err != nil {
		return &boot{end: endDead, why: err.Error()}, nil
	}
	return s.redo(b, w, v, files), nil
}

// redo does the step that was cut, on a volume with these files. It is over
// before that if the step is not possible now.
func (s *Sweep) redo(b *board, w *watcher, v afero.Fs, files fileTree) *boot {
	f := &s.Scenario.Volume.Steps[b.at.step]
	at := s.again(b.at, files)
	if at == nil {
		if w != nil {
			w.step(chips.Step{Stage: "files", Kind: chips.KindDecide, Text: f.String() + ": " + errNotNow.Error()})
		}
		return &boot{end: endRuns}
	}
	b.at = at
	w.do(f)
	err := f.do(v, s.stepData[at.step])
	if lost(b, err) {
		return s.machine.cut(b, new(boot))
	}
	if err != nil {
		return &boot{end: endDead, why: fmt.Sprintf("%s: %v", f, err)}
	}
	return &boot{end: endRuns}
}

// settleVolume mounts the volume, compares its files, and does the step again.
// It changes b.
func (s *Sweep) settleVolume(b *board) (*verdict, error) {
	k := b.key()
	k.memory = b.at.id()
	if v := s.memo.get(k); v != nil {
		return v, nil
	}
	v := &verdict{boots: 1}
	at, before := b.at, len(b.power.Erased())
	if volume, files := s.judgeVolume(b, v); files != nil {
		s.useOn(b, v, volume, files)
	}
	if where := s.outsideVolume(b); where != "" {
		v.breaks(Outside, "%s", where)
	}
	v.erased = v.erased.with(b.power.Erased()[before:])
	if v.broken[indexOf(Exact)] || v.broken[indexOf(Files)] {
		v.detail = fmt.Sprintf("%s: %s", &s.Scenario.Volume.Steps[at.step], v.detail)
	}
	s.memo.put(k, v)
	return v, nil
}

// judgeVolume says what the files are. If they are right it returns them.
func (s *Sweep) judgeVolume(b *board, v *verdict) (afero.Fs, fileTree) {
	b.power.Restore()
	volume, err := s.mountVolume(b)
	if err != nil {
		v.outcome = emu.OutcomeBrick
		v.breaks(Boots, "%v", err)
		return nil, nil
	}
	at := b.at
	files, err := readTree(volume, at.before, at.after)
	switch {
	case err != nil:
		v.outcome = emu.OutcomeMixed
		v.breaks(Exact, "%v", err)
	case maps.Equal(files, at.after):
		v.outcome = emu.OutcomeNew
	case maps.Equal(files, at.before), at.between != nil && maps.Equal(files, at.between):
		v.outcome = emu.OutcomeOld
	default:
		v.outcome = emu.OutcomeMixed
		s.differs(files, at, v)
	}
	if v.outcome == emu.OutcomeMixed {
		return nil, nil
	}
	return volume, files
}

// differs says what is wrong with the files.
func (s *Sweep) differs(files fileTree, at *point, v *verdict) {
	own := s.Scenario.Volume.Steps[at.step].names()
	all := maps.Clone(files)
	maps.Copy(all, at.before)
	maps.Copy(all, at.after)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		now, exists := files[name]
		was, existed := at.before[name]
		will, stays := at.after[name]
		if exists == existed && now == was || exists == stays && now == will {
			continue
		}
		size := func(data string, exists bool) string {
			if !exists {
				return "nothing"
			}
			return fmt.Sprintf("%d bytes", len(data))
		}
		text := fmt.Sprintf("%s holds neither what it held, %s, nor what was to come, %s: it has %s", name, size(was, existed), size(will, stays), size(now, exists))
		if slices.Contains(own, name) {
			v.breaks(Exact, "%s", text)
		} else {
			v.breaks(Files, "%s", text)
		}
	}
	v.breaks(Exact, "it is done in one file and not in the other")
}

// useOn does the step again that was cut, and looks whether that lasts.
func (s *Sweep) useOn(b *board, v *verdict, volume afero.Fs, files fileTree) {
	want := files
	if at := s.again(b.at, files); at != nil {
		want = at.after
	}
	fails := func(format string, args ...any) {
		v.outcome = emu.OutcomeStuck
		v.breaks(Converges, format, args...)
	}
	if r := s.redo(b, nil, volume, files); r.end != endRuns {
		fails("the volume cannot be used on: %s", r.why)
		return
	}
	volume, err := s.mountVolume(b)
	if err != nil {
		fails("the volume does not mount once it was used on: %v", err)
		return
	}
	if files, err = readTree(volume, b.at.before, b.at.after); err != nil {
		fails("once the volume was used on: %v", err)
		return
	}
	if !maps.Equal(files, want) {
		fails("the step was done again, and its files are not what it makes")
	}
}

// outsideVolume looks for a change behind the volume's own partition.
func (s *Sweep) outsideVolume(b *board) string {
	for i, table := range s.Chip.Partitions {
		for _, p := range table {
			if p.Overlay || s.touched[[2]int64{int64(i), p.Off}] || sameRange(b.flashes[i], s.start.flashes[i], p) {
				continue
			}
			return fmt.Sprintf("partition %s changed, in which no file lies", p.Name)
		}
	}
	return ""
}

// readTree reads everything there is on a volume. Contents that are as in one
// of the trees like cost no memory.
func readTree(v afero.Fs, like ...fileTree) (fileTree, error) {
	r := readers.Get().(*treeReader)
	defer readers.Put(r)
	r.v, r.like, r.out = v, like, make(fileTree, 8)
	return r.out, r.folder("/", 0)
}

var readers = sync.Pool{New: func() any { return new(treeReader) }}

// treeReader reads a volume.
type treeReader struct {
	v    afero.Fs
	like []fileTree
	out  fileTree
	buf  []byte
}

const foldersMax = 32 // deep

func (r *treeReader) folder(name string, depth int) error {
	if depth > foldersMax || len(r.out) > 10*stepsMax {
		return fmt.Errorf("%s: too many folders or files", name)
	}
	f, err := r.v.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := f.Readdir(-1)
	if err != nil {
		return err
	}
	for _, info := range list {
		in := path.Join(name, info.Name())
		if info.IsDir() {
			r.out[in+"/"] = ""
			err = r.folder(in, depth+1)
		} else {
			r.out[in], err = r.file(in, info.Size())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// volumeBytesMax is more than any volume of a module has room for.
const volumeBytesMax = 64 << 20

func (r *treeReader) file(name string, size int64) (string, error) {
	if size > volumeBytesMax {
		return "", fmt.Errorf("%s: its size is %d bytes", name, size)
	}
	f, err := r.v.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r.buf = slices.Grow(r.buf[:0], int(size))[:size]
	if _, err := io.ReadFull(f, r.buf); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	for _, t := range r.like {
		if known := t[name]; known == string(r.buf) {
			return known, nil
		}
	}
	return string(r.buf), nil
}
