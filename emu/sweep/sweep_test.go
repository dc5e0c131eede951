package sweep

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/fault"
	"airlift/flash/flashtest"
)

// small are scenarios that take next to no time, one for each way in which a
// package gets in, with what must come out of them.
var small = map[string]Scenario{
	"zipped":   {Chip: "Air6208", Old: Version{CoreBytes: 8 << 10}, New: Version{CoreBytes: 9 << 10}},
	"download": {Chip: "Air6208", Mode: ModeUpdate, Old: Version{CoreBytes: 6 << 10}, New: Version{CoreBytes: 7 << 10, ScriptBytes: 5000}},
	"file":     {Chip: "Air601", Mode: ModeUpdate, New: Version{ScriptBytes: 3000}},
	"system":   {Chip: "Air6208", Mode: ModeSystem, Old: Version{CoreBytes: 6 << 10}, Sample: 60},
	"volume":   {Chip: "Air601", Mode: ModeVolume},
	"damages":  {Chip: "Air601", Mode: ModeUpdate, New: Version{ScriptBytes: 1000}, Damages: 120, Uncut: true},
	"delta":    {Chip: "Air780E", Profile: "full", Package: "combined", Old: Version{CoreBytes: 8 << 10}, Hows: []fault.How{{Kind: fault.Before}, {Kind: fault.Few, Num: 1}, {Kind: fault.After}}},
}

func open(t testing.TB, name string) *Sweep {
	t.Helper()
	s := small[name]
	return openScenario(t, name, s)
}

func openScenario(t testing.TB, name string, s Scenario) *Sweep {
	t.Helper()
	s.Name = name
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(&s, c)
	if err != nil {
		t.Fatal(err)
	}
	if w.Clean.Outcome != emu.OutcomeNew || len(w.Clean.Broken) > 0 {
		t.Fatalf("%s without a fault: %s, broken %v: %s", name, w.Clean.Outcome, w.Clean.Broken, w.Clean.Detail)
	}
	return w
}

func collect(t testing.TB, w *Sweep, opt Options) []*Result {
	t.Helper()
	var out []*Result
	if err := w.Run(context.Background(), opt, func(r *Result) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// Where boot code has the whole package and knows it, every cut ends with the
// new version; before that with the old one.
func TestSafeFlows(t *testing.T) {
	for _, name := range []string{"zipped", "file"} {
		w := open(t, name)
		results := collect(t, w, Options{})
		if want := len(w.Clean.Ops) * len(w.Scenario.Hows); len(results) != want || want == 0 {
			t.Fatalf("%s: %d cases, want %d", name, len(results), want)
		}
		for i, r := range results {
			if r.Number != uint64(i) {
				t.Fatalf("%s: result %d has number %d", name, i, r.Number)
			}
			if !r.Fine() || name == "zipped" && r.Outcome != emu.OutcomeNew {
				t.Fatalf("%s, case %d: %s, broken %v: %s", name, i, r.Outcome, r.Broken, r.Detail)
			}
		}
	}
}

// V2001 unpacks scripts out of a package that is not whole (xt804.md 4.5), and
// writes them before anybody asked for the core in it (pitfall P8).
func TestUnsafeDownload(t *testing.T) {
	t.Parallel()
	w := open(t, "download")
	sum := NewSummary(w.Scenario, len(w.Clean.Ops))
	for _, r := range collect(t, w, Options{}) {
		sum.Add(r)
	}
	sum.Close()
	for _, o := range []emu.Outcome{emu.OutcomeNew, emu.OutcomeOld, emu.OutcomeMixed, emu.OutcomeStuck} {
		if sum.Outcomes[o] == 0 {
			t.Errorf("no case ends %s", o)
		}
	}
	if sum.Outcomes[emu.OutcomeBrick] != 0 {
		t.Errorf("%d bricks", sum.Outcomes[emu.OutcomeBrick])
	}
	if len(sum.Map) != len(w.Clean.Ops) || sum.Map[0] != 'o' || sum.Map[len(sum.Map)-1] != 'n' {
		t.Errorf("map %q", sum.Map)
	}
}

// A replay comes to the result of the sweep and is the same every time. The
// sweep reads the board off the clean run, the replay plays the fault: two
// ways to one flash.
func TestReplayAgrees(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		cuts int
	}{{"zipped", 1}, {"download", 1}, {"file", 1}, {"delta", 1}, {"system", 1}, {"system", 2}, {"zipped", 2}, {"download", 3}} {
		s := small[c.name]
		s.Cuts = c.cuts
		if c.cuts > 1 && s.Sample == 0 {
			s.Sample = 200
		}
		w := openScenario(t, c.name, s)
		results := collect(t, w, Options{})
		n := 0
		for r := range flashtest.Sample(slices.Values(results), 12, 1) {
			path := r.Path
			if path == nil {
				path = []uint64{r.Number}
			}
			a, err := w.Replay(path)
			if err != nil {
				t.Fatalf("%s/%v: %v", c.name, path, err)
			}
			got := a.Result
			if got.Outcome != r.Outcome || !slices.Equal(got.Broken, r.Broken) || got.Boots != r.Boots || got.Detail != r.Detail {
				t.Fatalf("%s/%v: replay %+v, sweep %+v", c.name, path, got, r)
			}
			if !r.Fine() && !reflect.DeepEqual(got.Places, r.Places) {
				t.Fatalf("%s/%v: replay at %+v, sweep at %+v", c.name, path, got.Places, r.Places)
			}
			if n++; n%4 != 0 {
				continue
			}
			b, err := w.Replay(path)
			a.Before, a.After, b.Before, b.After = nil, nil, nil, nil // each has its own
			if err != nil || !reflect.DeepEqual(a, b) || a.Trace == "" || len(a.Lines) == 0 {
				t.Fatalf("%s/%v: two replays differ (%v)", c.name, path, err)
			}
		}
		if n == 0 {
			t.Fatalf("%s: nothing replayed", c.name)
		}
	}
}

// toFile runs a shard into a file as the command does.
func toFile(t testing.TB, w *Sweep, name string, opt Options) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	header := w.Header(opt)
	sum := NewSummary(w.Scenario, len(w.Clean.Ops))
	if st, err := f.Stat(); err != nil {
		t.Fatal(err)
	} else if st.Size() > 0 {
		from, done, err := Resume(f, header, sum)
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
		opt.From, header = from, nil
	}
	out := NewWriter(f, header, sum)
	if err := w.Run(context.Background(), opt, out.Add); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(true); err != nil {
		t.Fatal(err)
	}
}

func mergeFiles(t testing.TB, names []string) ([]byte, error) {
	t.Helper()
	var readers []*Reader
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		r, err := NewReader(filepath.Base(name), f)
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	var buf bytes.Buffer
	_, err := Merge(readers, &buf)
	return buf.Bytes(), err
}

// Whatever the number of shards, the order of the files and the number of
// workers, the merged file is that of the whole sweep, byte for byte.
func TestShardsMerge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		cuts   int
		sample uint64
	}{{"file", 1, 0}, {"file", 1, 100}, {"system", 2, 12}, {"download", 2, 300}, {"file", 2, 0}, {"volume", 1, 0}, {"volume", 2, 500}, {"damages", 1, 0}} {
		s := small[c.name]
		s.Cuts, s.Sample = c.cuts, c.sample
		if c.cuts == 2 && c.sample == 0 {
			s.Hows = []fault.How{{Kind: fault.Before}, {Kind: fault.Front, Num: 1, Den: 2}}
		}
		w := openScenario(t, c.name, s)
		dir := t.TempDir()
		whole := filepath.Join(dir, "whole")
		toFile(t, w, whole, Options{Workers: 1})
		want, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		splits := []int{1, 2, 3, 7}
		if !flashtest.Full() {
			splits = []int{2, 7}
		}
		for _, n := range splits {
			var names []string
			for i := range n {
				name := filepath.Join(dir, string(rune('a'+n))+string(rune('0'+i)))
				if w.memo = (memo{}); n == 2 {
					w = openScenario(t, c.name, s) // as another process
				}
				toFile(t, w, name, Options{Shard: i, Shards: n, Workers: 1 + i})
				names = append(names, name)
			}
			slices.Reverse(names)
			got, err := mergeFiles(t, names)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %d cuts, %d shards: merged %d bytes, want %d (%v)", c.name, c.cuts, n, len(got), len(want), err)
			}
		}
	}
}

// A run that was killed at any byte of its file goes on to the same file.
func TestResume(t *testing.T) {
	for name, cuts := range map[string]int{"file": 1, "download": 2} {
		s := small[name]
		if s.Cuts = cuts; cuts > 1 {
			s.Sample = 80
		}
		w := openScenario(t, name, s)
		dir := t.TempDir()
		whole := filepath.Join(dir, "whole")
		toFile(t, w, whole, Options{})
		want, err := os.ReadFile(whole)
		if err != nil {
			t.Fatal(err)
		}
		header := bytes.IndexByte(want, '\n') + 1
		lengths := func(yield func(int) bool) {
			for n := header; n <= len(want); n++ {
				if !yield(n) {
					return
				}
			}
		}
		for n := range flashtest.Sample(lengths, 25, 1) {
			part := filepath.Join(dir, "part")
			if err := os.WriteFile(part, want[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			toFile(t, w, part, Options{})
			if got, err := os.ReadFile(part); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s: cut at %d of %d: %d bytes after resuming (%v)", name, n, len(want), len(got), err)
			}
		}
	}
}

// Files that do not belong together are refused.
func TestMergeRefuses(t *testing.T) {
	dir := t.TempDir()
	w := open(t, "file")
	shard := func(i, n int) string {
		name := filepath.Join(dir, "s"+string(rune('0'+i))+string(rune('0'+n)))
		toFile(t, w, name, Options{Shard: i, Shards: n})
		return name
	}
	a, b, other := shard(0, 2), shard(1, 2), shard(0, 3)
	s := small["file"]
	s.Seed = 2
	foreign := filepath.Join(dir, "foreign")
	toFile(t, openScenario(t, "file", s), foreign, Options{Shard: 1, Shards: 2})
	data, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(dir, "torn")
	if err := os.WriteFile(torn, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string][]string{
		"one missing": {a}, "twice": {a, a}, "other split": {a, other}, "other sweep": {a, foreign}, "incomplete": {a, torn},
	} {
		if _, err := mergeFiles(t, files); err == nil {
			t.Errorf("%s: merged", name)
		}
	}
	if _, err := mergeFiles(t, []string{b, a}); err != nil {
		t.Error(err)
	}
}

func TestIDs(t *testing.T) {
	for _, text := range []string{"a~0123abcd/7", "a-b/1.2.3", "x~1/0"} {
		id, err := ParseID(text)
		if err != nil || id.String() != text {
			t.Errorf("%s: %v, %v", text, id, err)
		}
	}
	for _, text := range []string{"", "a", "/1", "a/", "a/x", "a/1.", "a/-1", "a/1" + strings.Repeat(".1", 64), "~a/1"} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("%q is %v", text, id)
		}
	}
}

// Cases that do not exist are refused with ErrNoCase.
func TestNoSuchCase(t *testing.T) {
	w := open(t, "file")
	for _, path := range [][]uint64{{1 << 40}, {0, 1 << 40}, {0, 0, 99999}} {
		if _, err := w.Replay(path); !errors.Is(err, ErrNoCase) {
			t.Errorf("%v: %v", path, err)
		}
	}
}

// Nonsense in results files is an error, never a panic.
func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"airlift_sweep":1,"scenario":{"name":"a","chip":"Air601"},"units":1,"ops":[]}` + "\n" + `{"n":1,"outcome":"new"}` + "\n" + `{"end":{}}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader("fuzz", bytes.NewReader(data))
		if err != nil {
			return
		}
		var buf bytes.Buffer
		_, _ = Merge([]*Reader{r}, &buf)
		_, _ = io.Copy(io.Discard, &buf)
	})
}

func FuzzScenario(f *testing.F) {
	for _, s := range []string{"name: a\nchip: Air601\n", "name: a\nchip: b\nhows: [before, front 1/2]\nfaults: [{kind: cut, op: 3, how: after}]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadScenario(data)
		if err == nil && (s.Name == "" || s.Chip == "" || s.Digest() == "") {
			t.Fatalf("%+v", s)
		}
	})
}

// What a writer got is on disk a moment later, without its being closed: a
// process that is killed loses little.
func TestWriterDoesNotWait(t *testing.T) {
	name := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := open(t, "file")
	out := NewWriter(f, w.Header(Options{}), NewSummary(w.Scenario, len(w.Clean.Ops)))
	if err := out.Add(&Result{Case: Case{Number: 7}, Outcome: emu.OutcomeNew}); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		data, err := os.ReadFile(name)
		if err != nil || time.Since(start) > time.Minute {
			t.Fatalf("after a minute the file has %d bytes and no result (%v)", len(data), err)
		}
		if bytes.HasSuffix(data, []byte(`{"n":7,"outcome":"new"}`+"\n")) {
			break
		}
	}
	if err := out.Close(true); err != nil {
		t.Fatal(err)
	}
}
