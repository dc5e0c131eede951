package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// watchEvery is how often the files of a watched run are looked at.
const watchEvery = 300 * time.Millisecond

// watchFilesMax bounds the files that are looked at.
const watchFilesMax = 20_000

// fileState is what changes when a file does.
type fileState struct {
	size int64
	time time.Time
}

// snapshot are the states of files by name.
type snapshot map[string]fileState

// takeSnapshot looks at files, and at all files in folders. Names that begin
// with a dot are left out, as projects leave them out. What cannot be looked
// at is not there.
func takeSnapshot(names []string) snapshot {
	s := snapshot{}
	for _, root := range names {
		filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || len(s) >= watchFilesMax {
				return nil
			}
			if strings.HasPrefix(d.Name(), ".") && name != root {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
				s[name] = fileState{info.Size(), info.ModTime()}
			}
			return nil
		})
	}
	return s
}

// changes says what is different between two snapshots.
func (s snapshot) changes(now snapshot) []string {
	var what []string
	for name, st := range now {
		old, ok := s[name]
		switch {
		case !ok:
			what = append(what, name+" is new")
		case old.size != st.size || !old.time.Equal(st.time):
			what = append(what, name+" changed")
		}
	}
	for name := range s {
		if _, ok := now[name]; !ok {
			what = append(what, name+" is gone")
		}
	}
	sort.Strings(what)
	return what
}

// watcher looks at files until they change.
type watcher struct {
	names []string
	last  snapshot
	news  []string // changes that poll found
	// take and sleep are takeSnapshot and time.Sleep; a sleep that returns
	// false ends the watching.
	take  func([]string) snapshot
	sleep func(time.Duration) bool
}

func newWatcher(names []string) *watcher {
	w := &watcher{names: names, take: takeSnapshot, sleep: func(d time.Duration) bool { time.Sleep(d); return true }}
	w.last = w.take(names)
	return w
}

// changed reports what changed since it was last asked, without waiting.
func (w *watcher) changed() []string {
	now := w.take(w.names)
	what := w.last.changes(now)
	w.last = now
	return what
}

// wait blocks until something has changed and then rests for one look: editors
// write in several steps. It returns nil if the watching is over.
func (w *watcher) wait() []string {
	what := w.news
	w.news = nil
	for w.sleep(watchEvery) {
		more := w.changed()
		if len(more) == 0 && len(what) > 0 {
			return what
		}
		what = append(what, more...)
	}
	return nil
}

// watched are the files of the host that a run depends on.
func (r *runFlags) watched(project string, f chipFlags) []string {
	names := []string{project}
	for _, name := range []string{r.libs, f.layout, r.servers.platform, r.surroundings.scene} {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, list := range [][]string{r.servers.sites, r.servers.routes} {
		for _, s := range list {
			if _, name, ok := strings.Cut(s, "="); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// poll returns a function that reports whether something has changed since the
// last look, which it takes at most every watchEvery. News are kept for wait.
func (w *watcher) poll(now func() time.Time) func() bool {
	next := now().Add(watchEvery)
	return func() bool {
		if len(w.news) == 0 && !now().Before(next) {
			w.news = w.changed()
			next = now().Add(watchEvery)
		}
		return len(w.news) > 0
	}
}

// runWatched runs a project again and again, each time something of it has
// changed; a run that then still goes on is stopped. An error is shown, and
// the next change awaited.
func (a *app) runWatched(w *watcher, once func(stop func() bool) error) error {
	for {
		a.code = exitFine
		err := once(w.poll(time.Now))
		a.flush()
		if err != nil {
			a.note("airlift: %v", err)
		}
		a.note("waiting for changes of %s", strings.Join(w.names, ", "))
		what := w.wait()
		if what == nil {
			return nil
		}
		a.again(what)
	}
}

// again clears the screen and says why.
func (a *app) again(what []string) {
	if a.paint {
		a.printf("\x1b[H\x1b[2J")
	}
	line := what[0]
	if n := len(what) - 1; n > 0 {
		line += fmt.Sprintf(" (and %d more)", n)
	}
	a.printf("%s\n", a.c(bold, "── "+line+": again ──"))
	a.flush()
}
