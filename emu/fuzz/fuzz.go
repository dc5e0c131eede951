// Package fuzz looks for upgrades that go wrong where no list of cases leads: it
// changes packages, flash contents and the moments at which the power fails, at
// random, and keeps what shows something new.
//
// New is a decision of boot code, core or updater that no run before took, two
// decisions that no run took one after the other, or a class of flash contents
// that no boot left before: see [sweep.Sweep.Try]. Runs that showed something new
// are the corpus, from which the next ones are made. What a run must come to is
// what a sweep asks for: exactly the old or exactly the new version, and the
// invariants of the scenario.
//
// Runs are numbered, and the number, the seed and the corpus of the rounds before
// decide a run; so any number of workers comes to the same, and a fuzzer that
// was killed goes on where its file ends.
package fuzz

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
	"sync"
	"time"

	"airlift/emu"
	"airlift/emu/sweep"
)

// roundRuns is how many runs are made of one state of the corpus.
const roundRuns = 8

// Bounds of what is kept.
const (
	corpusMax   = 4096
	findingsMax = 200
)

// Entry is a run of the corpus.
type Entry struct {
	Run      uint64      `json:"run"`
	Trial    sweep.Trial `json:"trial"`
	Ops      uint64      `json:"ops"` // flash operations behind its last cut
	Features []string    `json:"new"` // what it showed first, as hashes
}

// Finding is a way in which runs went wrong, with the smallest trial that was
// found to go wrong like that.
type Finding struct {
	Number    int          `json:"finding"` // from 1
	Signature string       `json:"signature"`
	Run       uint64       `json:"run"` // that it was found in
	Found     sweep.Trial  `json:"found"`
	Trial     sweep.Trial  `json:"trial"` // minimised
	Result    sweep.Result `json:"result"`
	Tries     int          `json:"tries"` // that minimising took
}

// Stats are what a fuzzer counts.
type Stats struct {
	Runs     uint64                 `json:"runs"`
	Corpus   int                    `json:"corpus"`
	Features int                    `json:"features"`
	Findings int                    `json:"findings"`
	Refused  uint64                 `json:"refused"` // packages that the updater refused
	Outcomes map[emu.Outcome]uint64 `json:"outcomes"`
}

// Fuzzer is a fuzzer of one sweep's module and package.
type Fuzzer struct {
	Findings []*Finding
	Corpus   []*Entry
	Stats    Stats

	s     *sweep.Sweep
	seed  uint64
	mutor mutator
	seen  map[string]bool
	signs map[string]bool
	known map[string]*Finding // of a round that is made again
}

// New returns a fuzzer that knows nothing yet.
func New(s *sweep.Sweep, seed uint64) *Fuzzer {
	return &Fuzzer{
		s: s, seed: seed, mutor: newMutator(s), seen: map[string]bool{}, signs: map[string]bool{}, known: map[string]*Finding{},
		Stats: Stats{Outcomes: map[emu.Outcome]uint64{}},
	}
}

// Log takes what a fuzzer finds as it goes: entries, findings, and the stats at
// the end of each round.
type Log interface {
	Entry(*Entry) error
	Finding(*Finding) error
	Round(*Stats) error
}

// Options say how long a fuzzer runs.
type Options struct {
	Runs    uint64        // until so many were made in all, whole rounds; 0: no bound
	Time    time.Duration // of the host's clock; 0: no bound
	Workers int           // 0: one a processor
}

// Run runs rounds until the options say enough or ctx is done. After a fixed
// number of runs everything is the same on every machine.
func (f *Fuzzer) Run(ctx context.Context, opt Options, log Log) error {
	until := time.Now().Add(opt.Time)
	for opt.Runs == 0 || f.Stats.Runs < opt.Runs {
		if opt.Time > 0 && !time.Now().Before(until) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := f.round(opt.Workers, log); err != nil {
			return err
		}
	}
	return nil
}

// run is one run of a round.
type run struct {
	trial    sweep.Trial
	out      *sweep.Tried
	features []string // in order, each once
	err      error
}

func (f *Fuzzer) round(workers int, log Log) error {
	runs := make([]run, roundRuns)
	for i := range runs {
		runs[i].trial = f.mutor.next(f.Corpus, emu.Stream(f.seed, "fuzz", int(f.Stats.Runs)+i), f.Stats.Runs+uint64(i))
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan *run)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for r := range work {
				r.out, r.features, r.err = f.try(&r.trial)
			}
		})
	}
	for i := range runs {
		work <- &runs[i]
	}
	close(work)
	all.Wait()
	for i := range runs {
		if err := f.take(&runs[i], log); err != nil {
			return fmt.Errorf("run %d: %w", f.Stats.Runs, err)
		}
	}
	return log.Round(&f.Stats)
}

// try runs a trial and collects its features.
func (f *Fuzzer) try(t *sweep.Trial) (*sweep.Tried, []string, error) {
	var features []string
	have := map[string]bool{}
	add := func(kind, text string) {
		h := fnv.New64a()
		h.Write([]byte(kind + text))
		if name := fmt.Sprintf("%016x", h.Sum64()); !have[name] {
			have[name] = true
			features = append(features, name)
		}
	}
	last := ""
	out, err := f.s.Try(t, func(text string) {
		add("1 ", text)
		add("2 ", last+"\n"+text)
		last = text
	}, false)
	return out, features, err
}

// take counts a run.
func (f *Fuzzer) take(r *run, log Log) error {
	if r.err != nil {
		return r.err
	}
	number := f.Stats.Runs
	f.Stats.Runs++
	f.Stats.Outcomes[r.out.Result.Outcome]++
	if r.out.Refused != "" {
		f.Stats.Refused++
	}
	var fresh []string
	for _, name := range r.features {
		if !f.seen[name] {
			fresh = append(fresh, name)
		}
	}
	if len(fresh) > 0 && len(f.Corpus) < corpusMax {
		e := &Entry{Run: number, Trial: r.trial, Ops: r.out.Ops, Features: fresh}
		f.keep(e)
		if err := log.Entry(e); err != nil {
			return err
		}
	}
	if sign := r.out.Result.Signature(); !r.out.Result.Fine() && !f.signs[sign] && len(f.Findings) < findingsMax {
		x := f.known[sign]
		if x == nil || x.Run != number {
			var err error
			if x, err = f.minimise(&r.trial, sign); err != nil {
				return err
			}
		}
		x.Number, x.Run, x.Found = len(f.Findings)+1, number, r.trial
		f.found(x)
		return log.Finding(x)
	}
	return nil
}

func (f *Fuzzer) keep(e *Entry) {
	f.Corpus = append(f.Corpus, e)
	for _, name := range e.Features {
		f.seen[name] = true
	}
	f.Stats.Corpus, f.Stats.Features = len(f.Corpus), len(f.seen)
}

func (f *Fuzzer) found(x *Finding) {
	f.Findings = append(f.Findings, x)
	f.signs[x.Signature] = true
	f.Stats.Findings = len(f.Findings)
}

// Sorted returns the findings, the worst first.
func (f *Fuzzer) Sorted() []*Finding {
	rank := func(x *Finding) int {
		for i, o := range sweep.Outcomes {
			if o.Outcome == x.Result.Outcome {
				return -i
			}
		}
		return 1
	}
	size := func(x *Finding) int { return len(x.Trial.Package) + len(x.Trial.Flash) + len(x.Trial.Faults) }
	return slices.SortedStableFunc(slices.Values(f.Findings), func(a, b *Finding) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(size(a), size(b)), cmp.Compare(a.Number, b.Number))
	})
}

func cloneTrial(t *sweep.Trial) sweep.Trial {
	return sweep.Trial{Package: slices.Clone(t.Package), Flash: slices.Clone(t.Flash), Faults: slices.Clone(t.Faults)}
}

// Describe says in lines what a trial changes.
func Describe(t *sweep.Trial) []string {
	var out []string
	for i := range t.Package {
		out = append(out, "package: "+t.Package[i].String())
	}
	for i := range t.Flash {
		out = append(out, "flash: "+t.Flash[i].String())
	}
	for i := range t.Faults {
		out = append(out, t.Faults[i].String())
	}
	if out == nil {
		out = []string{"nothing"}
	}
	return out
}

// sameJSON reports whether two trials are equal.
func sameJSON(a, b *sweep.Trial) bool {
	x, err := json.Marshal(a)
	if err != nil {
		return false
	}
	y, err := json.Marshal(b)
	return err == nil && string(x) == string(y)
}
