package rda8910

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/luadb"
)

// world is a module for tests.
type world struct {
	t     testing.TB
	chip  *chips.Chip
	dev   *flash.Device
	cause chips.ResetCause
	steps []chips.Step
	cons  []byte
}

// testSize is the length of the cores in tests, small so that sweeps are fast.
const testSize = 150 << 10

func coreInput(version string) chips.MakeInput {
	return chips.MakeInput{CoreVersion: version, CoreSize: testSize, CoreSeed: 5}
}

// scripts is a script image that says its version.
func scripts(t testing.TB, version string) []byte {
	t.Helper()
	b, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: []byte(fmt.Sprintf("PROJECT=%q VERSION=%q\n", "TEST", version))}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testChip(t testing.TB, profile string) *chips.Chip {
	t.Helper()
	f := New()
	c, err := f.Chip(f.models[0], profile, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// made remembers what tests make again and again: flashes by profile, files by
// profile, kind and version.
var made = struct {
	flash map[string]*flash.Device
	file  map[string][]byte
}{map[string]*flash.Device{}, map[string][]byte{}}

func newWorld(t testing.TB, profile string) *world {
	t.Helper()
	w := &world{t: t, chip: testChip(t, profile)}
	if made.flash[profile] == nil {
		in := coreInput("")
		if profile[0] != 'b' {
			in.Script = scripts(t, "1.0.0")
		}
		flashes, err := w.chip.Maker.(chips.FlashMaker).MakeFlash(in)
		if err != nil {
			t.Fatal(err)
		}
		made.flash[profile] = flashes[0]
	}
	w.dev = made.flash[profile].Fork()
	return w
}

// make makes a file with the maker; a delta starts from the module's core.
func (w *world) make(kind, version string) []byte {
	w.t.Helper()
	key := w.chip.Profile.Name + " " + kind + " " + version
	if b, ok := made.file[key]; ok {
		return bytes.Clone(b)
	}
	in := coreInput(version)
	base := coreInput("")
	in.Base = &base
	in.Script = scripts(w.t, "2.0.0")
	b, err := w.chip.Maker.Make(kind, in)
	if err != nil {
		w.t.Fatal(err)
	}
	made.file[key] = bytes.Clone(b)
	return b
}

func (w *world) on(d *flash.Device) *world {
	return &world{t: w.t, chip: w.chip, dev: d}
}

func (w *world) env() *chips.Env {
	w.steps = nil
	return &chips.Env{
		Board: &chips.Board{Flash: []*flash.Device{w.dev}, Reset: w.cause, Console: w.cons},
		Step:  func(s chips.Step) { w.steps = append(w.steps, s) },
		Sleep: func(time.Duration) {},
	}
}

// boot runs boot code and, if it starts one, the core.
func (w *world) boot() (chips.BootResult, *chips.Running, error) {
	env := w.env()
	r, err := w.chip.Bootloader.Boot(env)
	if err != nil || r.Outcome != chips.BootCore {
		return r, nil, err
	}
	run, err := w.chip.Core.Start(env, r)
	return r, run, err
}

func (w *world) mustBoot() (chips.BootResult, *chips.Running) {
	w.t.Helper()
	r, run, err := w.boot()
	if err != nil || run == nil {
		w.t.Fatalf("boot: %+v, %v\n%s", r, err, w.log())
	}
	return r, run
}

func (w *world) log() string {
	var b strings.Builder
	for _, s := range w.steps {
		fmt.Fprintf(&b, "%s %s %s\n", s.Stage, s.Kind, s.Text)
	}
	return b.String()
}

func (w *world) findings() (list []string) {
	for i := range w.steps {
		if w.steps[i].IsFinding() {
			list = append(list, strings.TrimPrefix(w.steps[i].Text, chips.FindingMark))
		}
	}
	return list
}

// send hands a stream to the updater in pieces, and returns the first answer
// that is not 0, and that of fota_end.
func (w *world) send(run *chips.Running, stream []byte, piece int) (code, end int) {
	w.t.Helper()
	u := run.Updater.(chips.FileUpdater)
	env := w.env()
	if n, err := u.Init(env, 0, 0); err != nil || n != 0 {
		w.t.Fatalf("fota_start: %d, %v", n, err)
	}
	for p := stream; len(p) > 0 && code == 0; p = p[min(piece, len(p)):] {
		var err error
		if code, err = u.Process(env, p[:min(piece, len(p))], int64(len(stream))); err != nil {
			w.t.Fatal(err)
		}
	}
	end, err := u.End(env, true)
	if err != nil {
		w.t.Fatal(err)
	}
	return code, end
}

// version returns what the flash says is the script's version.
func (w *world) scriptVersion(run *chips.Running) string {
	b, err := readAll(run, "/lua/main.lua")
	if err != nil {
		return ""
	}
	if i := strings.Index(b, `VERSION="`); i >= 0 {
		return b[i+9 : i+14]
	}
	return b
}

func readAll(run *chips.Running, name string) (string, error) {
	f, err := run.Mounts.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil {
		return "", err
	}
	return string(b), nil
}

func (w *world) vols() *volumes {
	w.t.Helper()
	b := &bootRun{env: w.env(), l: &w.chip.Bootloader.(*Bootloader).Layout, dev: w.dev}
	if ok, err := b.mount(); err != nil || !ok {
		w.t.Fatalf("mount: %v, %v\n%s", ok, err, w.log())
	}
	return &b.vols
}

func (w *world) exists(name string) bool {
	w.t.Helper()
	ok, err := w.vols().exists(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

func isCoreError(err error) bool {
	var c *chips.CoreError
	return errors.As(err, &c)
}
