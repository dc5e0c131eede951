package fuzz

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"airlift/chips/all"
	"airlift/emu/sweep"
	"airlift/flash/flashtest"
)

const fileRuns = 32 * roundRuns

// file runs a fuzzer into a file and returns the file.
func file(t *testing.T, w *sweep.Sweep, name string, opt Options) []byte {
	t.Helper()
	f := New(w, 7)
	log, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Run(context.Background(), opt, log); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name + partSuffix); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the part of a round is left: %v", err)
	}
	return contents(t, name)
}

func contents(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestSameFile wants the same file from any number of workers, in one go or in
// pieces, and after what a kill can leave.
func TestSameFile(t *testing.T) {
	w := prepare(t, "naive")
	dir := t.TempDir()
	want := file(t, w, filepath.Join(dir, "one"), Options{Runs: fileRuns, Workers: 1})
	for _, kind := range []string{"found", "alike", "corpus"} {
		if !bytes.Contains(want, []byte(`{"`+kind+`"`)) {
			t.Fatalf("the file has no line of %s: the test shows too little", kind)
		}
	}
	if got := file(t, w, filepath.Join(dir, "four"), Options{Runs: fileRuns, Workers: 4}); !bytes.Equal(got, want) {
		t.Error("four workers come to another file")
	}
	pieces := filepath.Join(dir, "pieces")
	file(t, w, pieces, Options{Runs: fileRuns / 2})
	if got := file(t, w, pieces, Options{Runs: fileRuns}); !bytes.Equal(got, want) {
		t.Error("two pieces come to another file")
	}
	for _, n := range []int{len(want) / 3, 20} {
		name := filepath.Join(dir, "torn-off")
		if err := os.WriteFile(name, want[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		if got := file(t, w, name, Options{Runs: fileRuns}); !bytes.Equal(got, want) {
			t.Errorf("gone on with after %d bytes, the file is another", n)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		torn := filepath.Join(dir, "torn")
		n := rapid.IntRange(0, len(want)).Draw(r, "bytes")
		if err := os.WriteFile(torn, want[:n], 0o644); err != nil {
			r.Fatal(err)
		}
		f := New(w, 7)
		log, err := f.Open(torn)
		if err != nil {
			r.Fatal(err)
		}
		if err := log.Close(); err != nil {
			r.Fatal(err)
		}
		got := contents(t, torn)
		if !bytes.HasPrefix(want, got) || f.Stats.Runs%roundRuns != 0 {
			r.Fatalf("of %d bytes %d are left, after %d runs", n, len(got), f.Stats.Runs)
		}
	})
}

// stopped is a log that fails after some pieces of work, as if the fuzzer were
// killed: what it has then is in the files.
type stopped struct {
	*Writer
	left int
}

var errStopped = errors.New("stopped")

func (s *stopped) Work(w *Work) error {
	if s.left--; s.left < 0 {
		return errStopped
	}
	if err := s.Writer.Work(w); err != nil {
		return err
	}
	return s.part.flush()
}

// TestPart stops a fuzzer at any piece of work of a round in which findings are
// minimised, again and again: what was done is not done again, and the file comes
// out the same.
func TestPart(t *testing.T) {
	w := prepare(t, "broken-flag-first")
	dir := t.TempDir()
	const runs = 2 * roundRuns
	all := &counted{Writer: &Writer{w: io.Discard}}
	if err := New(w, 7).Run(context.Background(), Options{Runs: runs}, all); err != nil {
		t.Fatal(err)
	}
	want := file(t, w, filepath.Join(dir, "want"), Options{Runs: runs})
	if all.tries < 20 {
		t.Fatalf("%d tries: the test shows too little", all.tries)
	}
	n := 6
	if flashtest.Full() {
		n = 200
	}
	for seed := range n {
		name := filepath.Join(dir, fmt.Sprint(seed))
		if work := stopAndGo(t, w, name, runs, all.work, rand.New(rand.NewPCG(uint64(seed), 0))); work != all.work {
			t.Errorf("seed %d: %d pieces of work, in one go %d: something was done again", seed, work, all.work)
		}
		if got := contents(t, name); !bytes.Equal(got, want) {
			t.Errorf("seed %d: the file has %d bytes, in one go %d", seed, len(got), len(want))
		}
	}
}

// stopAndGo runs a fuzzer that is stopped every now and then, and returns how many
// pieces of work it did.
func stopAndGo(t *testing.T, w *sweep.Sweep, name string, runs uint64, work int, r *rand.Rand) (done int) {
	t.Helper()
	for {
		f := New(w, 7)
		log, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		n := 1 + r.IntN(work/2)
		s := &stopped{Writer: log, left: n}
		err = f.Run(context.Background(), Options{Runs: runs, Workers: 1}, s)
		if err := errors.Join(log.file.Close(), log.part.file.Close()); err != nil {
			t.Fatal(err)
		}
		switch {
		case err == nil:
			return done + n - s.left
		case !errors.Is(err, errStopped):
			t.Fatal(err)
		}
		done += n
		if r.IntN(3) == 0 { // the last line in half
			data := contents(t, name+partSuffix)
			if err := os.WriteFile(name+partSuffix, append(data, `{"run":1,"tri`...), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// counted counts work.
type counted struct {
	*Writer
	work, tries int
}

func (c *counted) Work(w *Work) error {
	c.work++
	c.tries += len(w.Tried)
	return nil
}

// TestPartOfSomethingElse wants a part of another seed thrown away.
func TestPartOfSomethingElse(t *testing.T) {
	w := prepare(t, "naive")
	name := filepath.Join(t.TempDir(), "x")
	other := strings.Replace(headerText(t, w), `"seed":7`, `"seed":8`, 1) + `{"run":3,"tried":"1111"}` + "\n"
	for _, text := range []string{other, "hello\n", headerText(t, w) + "hello\n", headerText(t, w) + `{"run":3,"tri`} {
		if err := os.WriteFile(name+partSuffix, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		f := New(w, 7)
		log, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(f.part.ran)+len(f.part.tried) > 0 {
			t.Errorf("%.40q: work was taken out of it", text)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// slow prepares an upgrade of the module that takes longest.
func slow(t *testing.T) *sweep.Sweep {
	t.Helper()
	c, err := all.Chip("Air724UG", "")
	if err != nil {
		t.Fatal(err)
	}
	w, err := sweep.New(&sweep.Scenario{Name: "slow", Chip: "Air724UG", Mode: sweep.ModeUpdate, WearMax: 4 * FaultsMax, Old: sweep.Version{CoreBytes: 16 << 10}, New: sweep.Version{ScriptBytes: 1000}}, c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// told is a log that tells on a pipe what is done.
type told struct {
	*Writer
	out io.Writer
}

func (t *told) Work(w *Work) error {
	fmt.Fprintln(t.out, "work")
	return t.Writer.Work(w)
}

// TestKilled kills a fuzzer in another process, several times in one file, the
// first time while it minimises, and goes on: the file comes out as in one go.
func TestKilled(t *testing.T) {
	const env = "AIRLIFT_FUZZ_CHILD"
	w := slow(t)
	if name := os.Getenv(env); name != "" {
		f := New(w, 7)
		log, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Run(context.Background(), Options{}, &told{log, os.Stdout}); err != nil { // until it is killed
			t.Fatal(err)
		}
		return
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "killed")
	kills := 2
	if flashtest.Full() {
		kills = 5
	}
	for k := range kills {
		work := 30 + 17*k
		child := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
		child.Env = append(os.Environ(), env+"="+name)
		pipe, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(pipe); work > 0 && in.Scan(); {
			if in.Text() == "work" {
				work--
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := child.Wait(); err == nil || work > 0 {
			t.Fatalf("the child ended by itself, %d pieces of work before its time: %v", work, err)
		}
	}
	rounds := uint64(bytes.Count(contents(t, name), []byte("\n{\"round\":")))
	runs := (rounds + 1) * roundRuns
	if got, want := file(t, w, name, Options{Runs: runs}), file(t, w, filepath.Join(dir, "whole"), Options{Runs: runs}); !bytes.Equal(got, want) {
		t.Errorf("killed %d times, the last time after %d rounds, the file has %d bytes, in one go %d", kills, rounds, len(got), len(want))
	}
}

// TestOpenBeginning: a header that was not whole when the fuzzer was killed is
// written again; a file of something else, though it has no line, is left alone.
func TestOpenBeginning(t *testing.T) {
	w := prepare(t, "naive")
	head := headerText(t, w)
	name := filepath.Join(t.TempDir(), "fuzz")
	for text, good := range map[string]bool{
		"": true, head[:1]: true, head[:len(head)/2]: true, head[:len(head)-1]: true, head: true,
		"x": false, `{"my": "precious"}`: false, head[:len(head)-1] + "x": false,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		log, err := New(w, 7).Open(name)
		if (err == nil) != good {
			t.Fatalf("%.30q: %v", text, err)
		}
		want := text
		if good {
			want = head
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if got := contents(t, name); string(got) != want {
			t.Errorf("%.30q is now %.30q", text, got)
		}
	}
}

// TestOneFuzzer: the file of a fuzzer at work is not another's; it can be read, and
// stays as it is.
func TestOneFuzzer(t *testing.T) {
	w := prepare(t, "naive")
	name := filepath.Join(t.TempDir(), "fuzz")
	f := New(w, 7)
	log, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := f.Run(context.Background(), Options{Runs: 16}, log); err != nil {
		t.Fatal(err)
	}
	if _, err := New(w, 7).Open(name); !errors.Is(err, sweep.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	before := contents(t, name)
	reader := New(w, 7)
	if err := reader.Load(name); err != nil || reader.Stats.Runs != 16 {
		t.Errorf("%d runs read (%v)", reader.Stats.Runs, err)
	}
	if !bytes.Equal(contents(t, name), before) {
		t.Error("reading it has changed it")
	}
	if err := New(w, 7).Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestOpenRefuses wants an error for files of something else.
func TestOpenRefuses(t *testing.T) {
	w := prepare(t, "naive")
	for name, text := range map[string]string{
		"no JSON":      "hello\n",
		"another seed": strings.Replace(headerText(t, w), `"seed":7`, `"seed":8`, 1),
		"no line":      headerText(t, w) + "{}\n{\"round\":{}}\n",
		"counts":       headerText(t, w) + "{\"round\":{\"runs\":64,\"corpus\":3,\"outcomes\":{}}}\n",
	} {
		f := New(w, 7)
		if _, err := f.read(name, strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func headerText(t *testing.T, w *sweep.Sweep) string {
	t.Helper()
	text, err := json.Marshal(New(w, 7).Header())
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

// FuzzFile feeds any bytes as a fuzz file, and as the part of a round.
func FuzzFile(f *testing.F) {
	w := prepare(f, "naive")
	head, err := json.Marshal(New(w, 7).Header())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(head, "\n{\"round\":{\"runs\":64,\"outcomes\":{}}}\n"...))
	f.Add(append(head, "\n{\"run\":3,\"tried\":\"01\"}\n"...))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		keep, err := New(w, 7).read("file", bytes.NewReader(data))
		if err == nil && (keep < 0 || keep > int64(len(data))) {
			t.Errorf("keep %d of %d bytes", keep, len(data))
		}
		if keep := New(w, 7).readPart(bytes.NewReader(data)); keep < 0 || keep > int64(len(data)) {
			t.Errorf("keep %d of a part of %d bytes", keep, len(data))
		}
	})
}
