package rda8910

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/flash"
)

// fileState is how far a file of the stream is. Negative states are the codes
// that they were set by (8910.md 5.2).
type fileState int

const (
	fileNone  fileState = 0 // nothing was begun
	fileInit  fileState = 1
	fileWrite fileState = 2
	fileEnd   fileState = 3
)

// incoming is one file of the stream.
type incoming struct {
	name  string
	state fileState
	want  int64
	got   int64
	calls int // of fota_process that brought data
	file  afero.File
}

// updater is rtos.fota_start, fota_process and fota_end, openat_ota* below them
// (8910.md 5). Files are written as they come; an upgrade is armed as soon as
// the stream is whole, before fota_end.
type updater struct {
	era    Era
	gen    Generation
	vols   *volumes
	dev    *flash.Device
	memo   *memo
	reader StreamReader
	core   incoming
	app    incoming
	// idle is set while no download is begun: what comes in is swallowed.
	idle bool
	// failed is what makes fota_process fail until the next fota_start.
	failed bool
	env    *chips.Env
	code   int // answer of the current call
}

var _ chips.FileUpdater = (*updater)(nil)

func newUpdater(gen Generation, era Era, vols *volumes, dev *flash.Device, m *memo) *updater {
	u := &updater{gen: gen, era: era, vols: vols, dev: dev, memo: m, idle: true}
	u.reset(fileNone)
	return u
}

func (u *updater) reset(s fileState) {
	u.core = incoming{name: packFile, state: s}
	u.app = incoming{name: appFile, state: s}
	u.reader = StreamReader{Begin: u.begin, Data: u.data}
}

func (u *updater) do(format string, args ...any) {
	u.env.Step(chips.Step{Stage: "updater", Kind: chips.KindDo, Text: fmt.Sprintf(format, args...)})
}

func (u *updater) finding(format string, args ...any) {
	u.env.Step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: chips.FindingMark + fmt.Sprintf(format, args...)})
}

// Init is rtos.fota_start. It keeps what an earlier attempt left (8910.md 5.3).
func (u *updater) Init(env *chips.Env, _, _ int64) (int, error) {
	u.env = env
	if err := u.closeFiles(); err != nil {
		return 0, err
	}
	u.reset(fileInit)
	u.idle, u.failed = false, false
	if ok, err := u.vols.exists(fotaFolder); err != nil || ok {
		return CodeSuccess, err
	}
	u.do("make %s", fotaFolder)
	return CodeSuccess, notFatal(u.vols.root.Mkdir(fotaFolder, 0))
}

func (u *updater) closeFiles() error {
	for _, f := range []*incoming{&u.core, &u.app} {
		if f.file == nil {
			continue
		}
		if err := u.close(f); err != nil {
			return err
		}
	}
	return nil
}

// Write is Process for a package whose length nobody stated.
func (u *updater) Write(env *chips.Env, p []byte) (int, error) { return u.Process(env, p, 1<<62) }

// Process is rtos.fota_process (8910.md 5.2, 5.3).
func (u *updater) Process(env *chips.Env, p []byte, total int64) (int, error) {
	u.env = env
	switch {
	case u.idle:
		// The states are 0, so nothing is a failure (8910.md 5.2).
		u.finding("fota_process without fota_start: %d bytes are swallowed, the answer is 0", len(p))
		return CodeSuccess, nil
	case u.core.state < 0 || u.app.state < 0:
		u.finding("fota_process after a failure: both files are removed")
		return CodeVerify, u.unlinkBoth()
	case u.failed:
		return CodeVerify, nil
	}
	u.code = CodeSuccess
	_, err := u.reader.Write(p)
	switch {
	case fatal(err):
		return 0, err
	case u.code != CodeSuccess:
		return u.code, nil
	case err != nil:
		u.failed = true
		u.finding("fota_process refuses the stream: %v", err)
		return CodeVerify, nil
	case u.reader.Consumed() > total:
		u.failed = true
		u.finding("%d bytes came of a package of %d", u.reader.Consumed(), total)
		return CodeVerify, nil
	}
	return CodeSuccess, nil
}

// errStopped ends the work on a call whose answer is in updater.code.
var errStopped = errors.New("fota_process fails")

// stop makes code the answer, and the state of a file.
func (u *updater) stop(f *incoming, code int, format string, args ...any) error {
	u.finding("fota_process returns %d: %s", code, fmt.Sprintf(format, args...))
	f.state, u.code = fileState(code), code
	return errStopped
}

func fatal(err error) bool { return notFatal(err) != nil }

func (u *updater) fileOf(tag byte) *incoming {
	if tag == TagCore {
		return &u.core
	}
	return &u.app
}

// begin is the head of a file in the stream.
func (u *updater) begin(tag byte, _ int64, size uint32) error {
	if f := u.fileOf(tag); f.state == fileInit {
		f.want = int64(size)
	}
	return nil
}

// data takes what belongs to a file.
func (u *updater) data(tag byte, p []byte) error {
	f := u.fileOf(tag)
	switch f.state {
	case fileInit:
		if err := u.open(f); err != nil {
			return err
		}
	case fileWrite:
	default:
		u.finding("%d bytes more come for %s, which is complete: they are dropped, the answer is 0", len(p), f.name)
		f.state = CodeFBF
		return nil
	}
	f.calls++
	n, err := f.file.Write(p)
	if fatal(err) {
		return err
	}
	f.got += int64(n)
	switch {
	case n < len(p) && f.calls == 1:
		return u.stop(f, CodeNoMemory, "the file system is full: %d of %d bytes went to %s", n, len(p), f.name)
	case n < len(p):
		u.finding("the file system is full: %d of %d bytes went to %s, which the module does not notice before fota_end", n, len(p), f.name)
	}
	if f.got < f.want {
		return nil
	}
	f.state = fileEnd
	if err := u.close(f); err != nil {
		return err
	}
	return u.complete(f)
}

// open makes a file of the package, empty.
func (u *updater) open(f *incoming) error {
	u.do("write %s, %d bytes", f.name, f.want)
	file, err := u.vols.root.OpenFile(f.name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
	if fatal(err) {
		return err
	}
	if err != nil {
		return u.stop(f, CodeNotInit, "%s cannot be opened: %v", f.name, err)
	}
	f.file, f.state = file, fileWrite
	return nil
}

func (u *updater) close(f *incoming) error {
	file := f.file
	f.file = nil
	return notFatal(file.Close())
}

// complete checks what there is to check when a file is complete: V302043 that
// file, V302340 all of them once all are there (8910.md 5.3).
func (u *updater) complete(f *incoming) error {
	if u.era == V302043 {
		switch {
		case f == &u.core:
			return u.checkCore()
		case f.calls == 1:
			u.finding("the application came in one call: V302043 neither checks it nor marks it as ready, it will never be installed")
			return nil
		}
		return u.checkApp()
	}
	if u.reader.count > 1 && (u.core.state != fileEnd || u.app.state != fileEnd) {
		return nil
	}
	for _, check := range []struct {
		f   *incoming
		run func() error
	}{{&u.core, u.checkCore}, {&u.app, u.checkApp}} {
		if check.f.state == fileEnd {
			if err := check.run(); err != nil {
				return err
			}
		}
	}
	u.do("make %s: an upgrade waits", flagFile)
	return notFatal(u.vols.root.WriteAll(flagFile, nil))
}

// checkCore arms the upgrade of the core if the pack is for this module
// (8910.md 4.3).
func (u *updater) checkCore() error {
	why, err := u.armable()
	if err != nil {
		return err
	}
	if why != nil {
		if u.era == V302340 {
			if err := u.unlinkBoth(); err != nil {
				return err
			}
		}
		return u.stop(&u.core, CodeVerify, "the core pack is refused: %v", why)
	}
	u.do("write %s: %v", stageFile, Stage{Indicator: StageReady})
	if err := u.vols.setStage(Stage{Indicator: StageReady}); fatal(err) {
		return err
	} else if err != nil {
		return u.stop(&u.core, CodeVerify, "%s cannot be written: %v", stageFile, err)
	}
	return nil
}

// armable says why the core refuses the pack in /fota.
func (u *updater) armable() (why, err error) {
	b, ok, err := u.vols.read(packFile)
	if err != nil || !ok {
		return errors.New("it cannot be read"), err
	}
	p, err := parseRecords(b)
	switch {
	case err != nil:
		return err, nil
	case p.CRC != p.computed:
		return wrong(12, "pack_crc", fmt.Sprintf("0x%08X", p.computed), fmt.Sprintf("0x%08X", p.CRC)), nil
	}
	if free, need := u.vols.root.Free(), int64(p.TmpSize)+0x1000; free < need {
		return fmt.Errorf("%d bytes are free, boot code needs %d for %s", free, need, tmpFile), nil
	}
	c, err := u.vols.contents(p, u.dev, u.memo)
	if err != nil {
		return nil, err
	}
	return p.CheckOld(c), nil
}

// checkApp checks the application and marks it as ready.
func (u *updater) checkApp() error {
	b, ok, err := u.vols.read(appFile)
	if err != nil {
		return err
	}
	why := error(nil)
	code := CodeVerify
	switch {
	case !ok:
		why = errors.New("it cannot be read")
	case u.gen == GenB && u.era == V302340:
		why = checkAppImage(b)
	case u.gen == GenA:
		if sum := CheckLuaApp(b); !sum.OK() {
			u.env.Log("E", "ota", "checkLuaCode checkout:%x", sum.Computed)
			u.env.Log("E", "ota", "localout:%x", sum.Stated)
			why = fmt.Errorf("MD5 of the scripts: expected %x, found %x", sum.Stated, sum.Computed)
		}
		if u.era == V302043 {
			code = CodeWrite
		}
	}
	if why != nil {
		if err := u.vols.unlink(appFile); err != nil {
			return err
		}
		return u.stop(&u.app, code, "the application is refused: %v", why)
	}
	u.do("append %s to %s", AppTrailer, appFile)
	return u.appendTrailer()
}

func (u *updater) appendTrailer() error {
	file, err := u.vols.root.OpenFile(appFile, os.O_RDWR|os.O_APPEND, 0)
	n := 0
	if err == nil {
		if n, err = file.WriteString(AppTrailer); err == nil {
			err = file.Close()
		} else {
			file.Close()
		}
	}
	switch {
	case fatal(err):
		return err
	case err != nil || n < len(AppTrailer):
		return u.stop(&u.app, CodeVerify, "%s cannot be appended: %v", AppTrailer, err)
	}
	return nil
}

func checkAppImage(b []byte) error {
	m, err := ParseAppImage(b)
	if err != nil {
		return err
	}
	if !m.OK() {
		return wrong(8, "CRC of the APPIMG", fmt.Sprintf("0x%08X", m.computed), fmt.Sprintf("0x%08X", m.CRC))
	}
	return nil
}

func (u *updater) unlinkBoth() error {
	if err := u.closeFiles(); err != nil {
		return err
	}
	for _, name := range []string{packFile, appFile} {
		if err := u.vols.unlink(name); err != nil {
			return err
		}
	}
	return nil
}

// Done says whether the package is complete, for callers that know nothing of
// this chip: 1 while it is not.
func (u *updater) Done(*chips.Env) (int, error) {
	switch {
	case u.core.state < 0 || u.app.state < 0 || u.failed:
		return CodeVerify, nil
	case u.idle || u.reader.Close() == nil:
		return CodeSuccess, nil
	}
	return 1, nil
}

// End is rtos.fota_end (8910.md 5.3). What was complete is armed already, and
// ok is not looked at.
func (u *updater) End(env *chips.Env, _ bool) (int, error) {
	u.env = env
	bad := func(f *incoming) bool { return f.state < 0 || f.state == fileWrite }
	if bad(&u.core) || bad(&u.app) || u.core.state == fileInit && u.app.state == fileInit {
		if u.core.state == fileInit && u.app.state == fileInit {
			u.env.Step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: fmt.Sprintf("fota_end returns %d: no package came", CodeVerify)})
		} else {
			u.finding("fota_end returns %d: the package is not complete, or was refused; both files are removed", CodeVerify)
		}
		u.failed = true
		return CodeVerify, u.unlinkBoth()
	}
	u.idle = true
	u.reset(fileNone)
	return CodeSuccess, nil
}

// WaitReady is always true: there is nothing to wait for.
func (u *updater) WaitReady(*chips.Env) (bool, error) { return true, nil }
