package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// referred counts what refers to a file.
func (t *tx) referred(sum string) (n int, err error) {
	return n, t.row("select (select count(*) from firmware where sha256 = ?1) + (select count(*) from bases where sha256 = ?1) + (select count(*) from jobs where sha256 = ?1)", sum).Scan(&n)
}

// unused puts the files that nothing refers to any more on the list of what is
// removed after the commit.
func (t *tx) unused(sums []string) {
	for _, sum := range sums {
		if n, err := t.referred(sum); t.fail(err) && n == 0 {
			t.orphans = append(t.orphans, sum)
		}
	}
}

// checkOrphans takes those off the list that a later piece of the transaction
// refers to.
func (t *tx) checkOrphans() error {
	list := t.orphans
	t.orphans = nil
	for _, sum := range list {
		n, err := t.referred(sum)
		if err != nil {
			return err
		}
		if n == 0 {
			t.orphans = append(t.orphans, sum)
		}
	}
	return nil
}

// there checks that a file that was put is still there: deleting the same content
// elsewhere may have taken it along before anything referred to it.
func (f files) there(sum string) error {
	r, err := f.open(sum)
	if err != nil {
		return fmt.Errorf("the file went away while it was uploaded, try again: %w", err)
	}
	return r.Close()
}

// discard removes an upload that was refused, unless something refers to the same
// content. If that fails, the next start removes it.
func (s *Store) discard(sum string) {
	if sum == "" {
		return
	}
	_ = s.hand(quickly(func(t *tx) error {
		t.unused([]string{sum})
		return nil
	}))
}

// removeOrphans removes files that nothing refers to and that are old: a crash
// left them behind between their arrival and their acknowledgement.
func (s *Store) removeOrphans() error {
	dirs, err := os.ReadDir(filepath.Join(s.dir, "files"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !d.IsDir() || s.ctx.Err() != nil {
			continue
		}
		sums, err := s.files.oldIn(d.Name(), s.Now())
		if err != nil {
			return err
		}
		if len(sums) == 0 {
			continue
		}
		if err := s.hand(quickly(func(t *tx) error { t.unused(sums); return nil })); err != nil {
			return err
		}
	}
	return nil
}

// orphanAge is how old a file is before it is taken for one that nobody will
// refer to.
const orphanAge = time.Hour

// oldIn are the sums of the files of one folder that are old.
func (f files) oldIn(dir string, now time.Time) (sums []string, err error) {
	list, err := os.ReadDir(filepath.Join(f.dir, "files", dir))
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		sum := e.Name()
		if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size || sum[:2] != dir {
			continue // not ours
		}
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > orphanAge {
			sums = append(sums, sum)
		}
	}
	return sums, nil
}

// uploaded makes a change that needs an upload, which is discarded if the change
// is refused.
func (v *tenant) uploaded(sum string, change func(*tx) error) error {
	err := v.do(change)
	if err != nil {
		v.s.discard(sum)
	}
	return err
}
