package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSnapshotChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, age time.Duration) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(1_700_000_000, 0).Add(-age)
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write("main.lua", "1", 0)
	write("sub/b.lua", "2", 0)
	write("gone.lua", "3", 0)
	write(".git/x", "4", 0)
	write("same.lua", "5", 0)
	before := takeSnapshot([]string{dir})
	write("main.lua", "1", time.Second) // the time
	write("sub/b.lua", "22", 0)         // the size
	write("new.lua", "", 0)
	write(".git/x", "changed", 0)
	if err := os.Remove(filepath.Join(dir, "gone.lua")); err != nil {
		t.Fatal(err)
	}
	want := []string{
		filepath.Join(dir, "gone.lua") + " is gone", filepath.Join(dir, "main.lua") + " changed",
		filepath.Join(dir, "new.lua") + " is new", filepath.Join(dir, "sub", "b.lua") + " changed",
	}
	if got := before.changes(takeSnapshot([]string{dir})); !slices.Equal(got, want) {
		t.Errorf("changes %q, expected %q", got, want)
	}
	if got := takeSnapshot([]string{filepath.Join(dir, "nowhere")}); len(got) != 0 {
		t.Errorf("a missing folder has files: %v", got)
	}
}

// TestWatch runs a project that is edited while nobody runs it, twice, and once
// while it runs.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	main := filepath.Join(dir, "main.lua")
	edit := func(text string) {
		t.Helper()
		if err := os.WriteFile(main, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	edit(`print("first") while true do rtos.receive(-1) end`)
	var out, notes strings.Builder
	a := &app{out: &out, err: &notes, format: "text", paint: true, buf: bufio.NewWriter(&out)}
	looks := 0
	w := newWatcher([]string{dir})
	w.sleep = func(d time.Duration) bool {
		if d != watchEvery {
			t.Errorf("sleeps %v", d)
		}
		switch looks++; looks {
		case 2:
			edit(`print("second, longer") this is no Lua`)
		case 5:
			edit(`print("third") sys.timerLoopStart(print, 1000, "tick") sys.run()`)
		case 9:
			return false
		}
		return true
	}
	runs := 0
	err := a.runWatched(w, func(stop func() bool) error {
		if runs++; runs == 3 {
			// For ever, until the clock on the wall has moved and a file too.
			n := 0
			now := time.Unix(0, 0)
			poll := w.poll(func() time.Time { now = now.Add(watchEvery / 10); return now })
			stop = func() bool {
				if n++; n == 50 {
					edit(`print("fourth") while true do rtos.receive(-1) end`)
				}
				return poll()
			}
		}
		r := runFlags{seed: 1, boots: 1, link: "wifi", quiet: true, calls: callFlags{max: 1}}
		if runs < 3 {
			r.limit = time.Second
		}
		if runs == 4 {
			return fmt.Errorf("what goes wrong is shown")
		}
		return a.run(dir, chipFlags{model: defaultChip}, r, stop)
	})
	if err != nil || runs != 4 {
		t.Fatalf("%d runs, %v\n%s%s", runs, err, out.String(), notes.String())
	}
	at := 0
	for _, want := range []string{"first", "\x1b[2J", "main.lua changed: again", "syntax error near", "\x1b[2J", "third", "tick", "\x1b[2J", "again"} {
		i := strings.Index(out.String()[at:], want)
		if i < 0 {
			t.Fatalf("no %q in its place:\n%s", want, out.String())
		}
		at += i
	}
	if !strings.Contains(notes.String(), "waiting for changes of "+dir) || !strings.Contains(notes.String(), "airlift: what goes wrong is shown") {
		t.Errorf("stderr %q", notes.String())
	}
}

// Every file that a run names is watched.
func TestWatchedFiles(t *testing.T) {
	r := runFlags{libs: "script", servers: serverFlags{platform: "p.json", sites: []string{"http://x/=site"}, routes: []string{"http://x/a=v2.bin", "http://x/b=404"}}}
	r.surroundings.scene = "scene.yaml"
	want := []string{"project", "script", "map.csv", "p.json", "scene.yaml", "site", "v2.bin", "404"}
	if got := r.watched("project", chipFlags{layout: "map.csv"}); !slices.Equal(got, want) {
		t.Errorf("watched %q, expected %q", got, want)
	}
}
