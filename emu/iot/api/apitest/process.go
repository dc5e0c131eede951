package apitest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"airlift/emu/iot/internal/tap"
)

// Run runs a package's tests, and checks every answer of the platform in this
// process, and what others have kept in folders with [Record]. It returns the
// exit code: 1 also if an answer was not as described. The caller is TestMain;
// describe is api.Description.
func Run(m interface{ Run() int }, describe func() ([]byte, error), folders ...string) int {
	return run(os.Stderr, m, describe, folders...)
}

func run(out io.Writer, m interface{ Run() int }, describe func() ([]byte, error), folders ...string) int {
	spec, err := describe()
	if err != nil {
		fmt.Fprintln(out, "apitest:", err)
		return 1
	}
	p := &process{spec: spec, out: out}
	see := once(p.check)
	tap.See = see
	code := m.Run()
	for _, folder := range folders {
		if _, err := recorded(folder, see); err != nil {
			fmt.Fprintln(out, "apitest:", err)
			return 1
		}
	}
	if code == 0 && p.failed() {
		return 1
	}
	return code
}

// process checks the answers of a process. The description is read when there is
// the first one.
type process struct {
	spec []byte
	out  io.Writer

	mu      sync.Mutex
	checker *Checker
	wrong   int
}

func (p *process) check(a tap.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.checker == nil {
		var err error
		if p.checker, err = newChecker(p, p.spec); err != nil {
			panic(err)
		}
	}
	p.checker.seen(a)
}

// Errorf says what is wrong at once: the output of the test that did it is near.
func (p *process) Errorf(format string, args ...any) {
	p.wrong++
	fmt.Fprintf(p.out, "apitest: "+format+"\n", args...)
}

func (p *process) failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wrong > 0
}

// once lets each answer through the first time.
func once(see func(tap.Answer)) func(tap.Answer) {
	var mu sync.Mutex
	had := map[[sha256.Size]byte]bool{}
	return func(a tap.Answer) {
		sum := a.Sum()
		mu.Lock()
		again := had[sum]
		had[sum] = true
		mu.Unlock()
		if !again {
			see(a)
		}
	}
}

// Record keeps each answer of the platform in this process as a file of a
// folder, whatever becomes of the process.
func Record(folder string) {
	tap.See = once(func(a tap.Answer) {
		if err := keep(folder, a); err != nil {
			fmt.Fprintln(os.Stderr, "apitest:", err)
			os.Exit(1)
		}
	})
}

// keep writes an answer. Who reads the folder finds all of it or nothing.
func keep(folder string, a tap.Answer) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, "*.part")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	sum := a.Sum()
	return os.Rename(f.Name(), filepath.Join(folder, hex.EncodeToString(sum[:])+recordExt))
}

const recordExt = ".json"

// recorded reads what was kept in a folder, and returns how many answers it is.
func recorded(folder string, see func(tap.Answer)) (int, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*"+recordExt))
	if err != nil {
		return 0, err
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		var a tap.Answer
		if err := json.Unmarshal(body, &a); err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		see(a)
	}
	return len(files), nil
}

// Has reports whether an answer for a path was kept in a folder.
func Has(folder, path string) (found bool, err error) {
	_, err = recorded(folder, func(a tap.Answer) { found = found || a.Path == path })
	return found, err
}
