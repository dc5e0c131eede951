package store

import (
	"database/sql"
	"testing"
	"time"
)

// TestSyncFollowsTheBatch checks that what is acknowledged to people is written
// through to the disk each time, not only the first time.
func TestSyncFollowsTheBatch(t *testing.T) {
	w := newWorld(t)
	const full, normal = 2, 1
	for round := range 3 {
		for _, c := range []struct {
			quick bool
			want  int
		}{{true, normal}, {false, full}} {
			var got int
			if err := w.s.hand(&work{quick: c.quick, done: make(chan struct{}), fn: func(t *tx) error {
				return t.s.conn.QueryRowContext(t.s.ctx, "pragma synchronous").Scan(&got)
			}}); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("round %d, quick %v: synchronous %d, want %d", round, c.quick, got, c.want)
			}
		}
	}
}

// TestShortenWaitsForNobody begins the journal anew while somebody reads, with a
// patience that outlasts the test.
func TestShortenWaitsForNobody(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Busy = time.Hour })
	reader := must[*sql.Rows](t)(w.s.read.Query("select 1 from accounts"))
	defer reader.Close()
	if !reader.Next() { // there is another row: the reader stays where it is
		t.Fatal("no account")
	}
	if _, err := w.a.CreateProject("x", ""); err != nil { // which the reader does not see
		t.Fatal(err)
	}
	for range 2 {
		w.s.longJournal.Store(true)
		if _, err := w.a.CreateProject("y", ""); err != nil {
			t.Fatal(err)
		}
	}
	var patience int64
	if err := w.s.hand(quickly(func(t *tx) error {
		return t.s.conn.QueryRowContext(t.s.ctx, "pragma busy_timeout").Scan(&patience)
	})); err != nil || patience != time.Hour.Milliseconds() {
		t.Errorf("the writer waits %d ms, %v", patience, err)
	}
}
