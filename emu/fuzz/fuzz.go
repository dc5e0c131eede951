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
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"slices"
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
	alikeMax    = 2000
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
	Number int `json:"finding"` // from 1
	// Signature says what goes wrong, and by what: the reason, and what the
	// minimised trial changes.
	Signature string       `json:"signature"`
	Run       uint64       `json:"run"`             // that it was found in
	First     string       `json:"first_signature"` // of that run's result
	Found     sweep.Trial  `json:"found"`
	Trial     sweep.Trial  `json:"trial"` // minimised
	Result    sweep.Result `json:"result"`
	Tries     int          `json:"tries"` // that minimising took
}

// Alike is a run that went wrong as no run before, and turned out to be a known
// finding once it was minimised.
type Alike struct {
	Run       uint64 `json:"run"`
	Signature string `json:"signature"` // of the run's result
	Finding   int    `json:"finding"`
}

// Stats are what a fuzzer counts.
type Stats struct {
	Runs     uint64                 `json:"runs"`
	Corpus   int                    `json:"corpus"`
	Features int                    `json:"features"`
	Findings int                    `json:"findings"`
	Alike    int                    `json:"alike"`
	Refused  uint64                 `json:"refused"` // packages that the updater refused
	Unmade   uint64                 `json:"unmade"`  // packages that could not be put together again
	Outcomes map[emu.Outcome]uint64 `json:"outcomes"`
}

// Fuzzer is a fuzzer of one sweep's module and package.
type Fuzzer struct {
	Findings []*Finding
	Corpus   []*Entry
	Stats    Stats

	s      *sweep.Sweep
	seed   uint64
	format int // of its file
	mutor  mutator
	seen   map[string]bool // features
	looks  map[string]bool // signatures of results that were minimised
	ways   map[string]*Finding
	part   part
}

// New returns a fuzzer that knows nothing yet.
func New(s *sweep.Sweep, seed uint64) *Fuzzer {
	f := &Fuzzer{
		s: s, seed: seed, mutor: newMutator(s), seen: map[string]bool{}, looks: map[string]bool{}, ways: map[string]*Finding{},
		Stats: Stats{Outcomes: map[emu.Outcome]uint64{}},
	}
	f.setFormat(fileFormat)
	return f
}

// PowerOnly leaves the chip good: schedules are cuts and brown-outs alone, and so
// is a file that begins with it.
func (f *Fuzzer) PowerOnly() { f.setFormat(cutsFileFormat) }

// Log takes what a fuzzer finds as it goes: entries, findings, and the stats at
// the end of each round. Work is what was done within a round and would be lost
// with it.
type Log interface {
	Entry(*Entry) error
	Finding(*Finding) error
	Alike(*Alike) error
	Round(*Stats) error
	Work(*Work) error
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
		if err := f.round(ctx, opt.Workers, log); err != nil {
			return err
		}
	}
	return nil
}

// run is one run of a round.
type run struct {
	number uint64
	trial  sweep.Trial
	Ran
	err error
}

// Ran is what came of a run.
type Ran struct {
	Result   *sweep.Result `json:"result,omitempty"` // nil: its package could not be made
	Refused  bool          `json:"refused,omitempty"`
	Ops      uint64        `json:"ops,omitempty"`
	Features []string      `json:"features"` // in order, each once
}

func (f *Fuzzer) round(ctx context.Context, workers int, log Log) error {
	runs := make([]run, roundRuns)
	for i := range runs {
		n := f.Stats.Runs + uint64(i)
		runs[i] = run{number: n, trial: f.mutor.next(f.Corpus, emu.Stream(f.seed, "fuzz", int(n)), n)}
	}
	if err := f.make(ctx, runs, workers, log); err != nil {
		return err
	}
	for i := range runs {
		if err := f.take(ctx, &runs[i], log); err != nil {
			return fmt.Errorf("run %d: %w", runs[i].number, err)
		}
	}
	f.part = part{}
	return log.Round(&f.Stats)
}

// make makes runs that the part of a round before a kill has not made.
func (f *Fuzzer) make(ctx context.Context, runs []run, workers int, log Log) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work, done := make(chan *run, len(runs)), make(chan *run, len(runs))
	open := 0
	for i := range runs {
		if r := f.part.ran[runs[i].number]; r != nil {
			runs[i].Ran = *r
			continue
		}
		work <- &runs[i]
		open++
	}
	close(work)
	for range min(workers, open) {
		go func() {
			for r := range work {
				if r.err = ctx.Err(); r.err == nil {
					r.Ran, r.err = f.try(&r.trial)
				}
				done <- r
			}
		}()
	}
	var err error
	for range open {
		r := <-done
		if r.err != nil {
			r.err = fmt.Errorf("run %d: %w", r.number, r.err)
			err = cmp.Or(err, r.err)
		} else if err == nil {
			err = log.Work(&Work{Run: r.number, Ran: &r.Ran})
		}
	}
	return err
}

// try runs a trial and collects its features.
func (f *Fuzzer) try(t *sweep.Trial) (Ran, error) {
	var r Ran
	have := map[string]bool{}
	add := func(kind, text string) {
		h := fnv.New64a()
		h.Write([]byte(kind + text))
		if name := fmt.Sprintf("%016x", h.Sum64()); !have[name] {
			have[name] = true
			r.Features = append(r.Features, name)
		}
	}
	last := ""
	out, err := f.s.Try(t, func(text string) {
		add("1 ", text)
		add("2 ", last+"\n"+text)
		last = text
	}, false)
	if errors.Is(err, sweep.ErrUntried) {
		return Ran{}, nil
	}
	if err != nil {
		return r, err
	}
	r.Result, r.Refused, r.Ops = out.Result, out.Refused != "", out.Ops
	return r, nil
}

// take counts a run.
func (f *Fuzzer) take(ctx context.Context, r *run, log Log) error {
	f.Stats.Runs++
	if r.Result == nil {
		f.Stats.Unmade++
		return nil
	}
	f.Stats.Outcomes[r.Result.Outcome]++
	if r.Refused {
		f.Stats.Refused++
	}
	var fresh []string
	for _, name := range r.Features {
		if !f.seen[name] {
			fresh = append(fresh, name)
		}
	}
	if len(fresh) > 0 && len(f.Corpus) < corpusMax {
		e := &Entry{Run: r.number, Trial: r.trial, Ops: r.Ops, Features: fresh}
		f.keep(e)
		if err := log.Entry(e); err != nil {
			return err
		}
	}
	if r.Result.Fine() || f.looks[r.Result.Signature()] || len(f.Findings) == findingsMax || len(f.looks) == alikeMax {
		return nil
	}
	return f.look(ctx, r, log)
}

// look minimises a run that went wrong as none did before.
func (f *Fuzzer) look(ctx context.Context, r *run, log Log) error {
	x, err := f.minimise(ctx, r, log)
	if err != nil {
		return err
	}
	if known := f.ways[x.Signature]; known != nil {
		a := &Alike{r.number, r.Result.Signature(), known.Number}
		f.alike(a)
		return log.Alike(a)
	}
	x.Number = len(f.Findings) + 1
	f.found(x)
	return log.Finding(x)
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
	f.looks[x.First], f.ways[x.Signature] = true, x
	f.Stats.Findings = len(f.Findings)
}

func (f *Fuzzer) alike(a *Alike) {
	f.looks[a.Signature] = true
	f.Stats.Alike++
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
