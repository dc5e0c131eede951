package store

import (
	"fmt"
	"time"
)

const (
	// journalPagesMax is how many pages of the journal make the writer begin it
	// anew: 128 MiB.
	journalPagesMax = 128 << 20 / 4096
	checkpointEvery = 500 * time.Millisecond
)

// checkpointer moves what was written from the journal into the database besides
// the writer, who then does not wait for the disk. Besides a writer that never
// rests it cannot come to the journal's end, so that the journal would grow for
// ever: when it is long, the writer is asked to begin it anew, just after a
// second pass, which leaves little to move.
func (s *Store) checkpointer() {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			pages, err := s.checkpoint()
			if err == nil && pages > journalPagesMax {
				if _, err = s.checkpoint(); err == nil {
					s.longJournal.Store(true)
				}
			}
			if err != nil && s.ctx.Err() == nil {
				s.opt.Error(fmt.Errorf("checkpoint: %w", err))
			}
		}
	}
}

// checkpoint moves what it can without waiting for anybody, and returns how many
// pages the journal has.
func (s *Store) checkpoint() (pages int, err error) {
	var busy, moved int
	err = s.back.QueryRowContext(s.ctx, "pragma wal_checkpoint(passive)").Scan(&busy, &pages, &moved)
	return pages, err
}

// shorten begins the journal anew, on the writer's goroutine. Its file keeps its
// length, since giving the space back takes a file system longer than all else.
// Readers may be in the way: devices do not wait for them, the checkpointer asks
// again.
func (s *Store) shorten() {
	err := s.t.exec("pragma busy_timeout = 0")
	if err == nil {
		_ = s.t.exec("pragma wal_checkpoint(restart)")
		err = s.t.exec(fmt.Sprintf("pragma busy_timeout = %d", s.opt.Busy.Milliseconds()))
	}
	if err != nil {
		s.opt.Error(fmt.Errorf("checkpoint: %w", err))
	}
}
