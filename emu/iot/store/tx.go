package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"airlift/emu/iot"
)

// tx is the writer's view of the database, within a transaction. It belongs to
// the writer's goroutine.
type tx struct {
	s       *Store
	stmts   map[string]*sql.Stmt
	cache   cache
	devices int64 // registered
	err     error // of a method that cannot return one; sticky within a piece
	device  *iot.Device
	texts   texts
	// newCalls counts by webhook what was added since its calls were trimmed. It
	// may be too much, after a failure.
	newCalls map[int64]int64

	// What follows from the transaction once it is committed.
	events  []accountEvent
	orphans []string // files that nothing refers to
	kick    bool
	added   int64 // devices
	touched []touch
}

type accountEvent struct {
	account int64
	event   iot.Event
}

// cache is what many questions need and few pieces of work change. It holds
// what the transaction sees.
type cache struct {
	accounts map[int64]iot.Account
	projects map[int64]iot.Project
	keys     map[string]int64
	firmware map[int64][]iot.Firmware // by project
	listed   map[int64]bool           // firmware with a device list
	rollouts map[int64]*iot.Rollout   // by firmware; nil: none
	hooks    map[int64][]iot.Webhook  // by account
}

func newTx(s *Store) *tx {
	t := &tx{s: s, stmts: map[string]*sql.Stmt{}, newCalls: map[int64]int64{}}
	t.forget()
	return t
}

// forget empties the cache.
func (t *tx) forget() {
	t.cache = cache{map[int64]iot.Account{}, map[int64]iot.Project{}, map[string]int64{}, map[int64][]iot.Firmware{}, map[int64]bool{},
		map[int64]*iot.Rollout{}, map[int64][]iot.Webhook{}}
	t.devices -= t.added
	t.added = 0
}

// reset begins a transaction.
func (t *tx) reset() {
	t.events, t.orphans, t.kick, t.added, t.touched, t.texts.added = t.events[:0], nil, false, 0, t.touched[:0], t.texts.added[:0]
}

// marks are where undo goes back to.
type marks struct {
	events, orphans, touched, texts int
	kick                            bool
	added                           int64
}

func (t *tx) marks() marks {
	return marks{len(t.events), len(t.orphans), len(t.touched), len(t.texts.added), t.kick, t.added}
}

func (t *tx) undo(m marks) {
	t.events, t.orphans, t.touched, t.kick = t.events[:m.events], t.orphans[:m.orphans], t.touched[:m.touched], m.kick
	t.forgetTexts(m.texts)
	keep := m.added
	t.devices -= t.added - keep
	t.added = 0
	t.forget()
	t.added = keep
}

// count counts the devices, once.
func (t *tx) count() error { return t.row("select count(*) from devices").Scan(&t.devices) }

func (t *tx) close() {
	for _, st := range t.stmts {
		st.Close()
	}
}

// statement prepares a statement once. The texts are constants of this package,
// so there are not many.
func (t *tx) statement(query string) (*sql.Stmt, error) {
	if st := t.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.s.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", firstWords(query), err)
	}
	t.stmts[query] = st
	return st, nil
}

func firstWords(query string) string {
	words := strings.Fields(query)
	return strings.Join(words[:min(4, len(words))], " ")
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.run(query, args...)
	return err
}

func (t *tx) run(query string, args ...any) (sql.Result, error) {
	st, err := t.statement(query)
	if err != nil {
		return nil, err
	}
	return st.Exec(args...)
}

// insert returns the new row's id.
func (t *tx) insert(query string, args ...any) (int64, error) {
	r, err := t.run(query, args...)
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// affect returns how many rows were changed.
func (t *tx) affect(query string, args ...any) (int, error) {
	r, err := t.run(query, args...)
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

// scanner is a row, or the error that kept it from being read.
type scanner interface{ Scan(dest ...any) error }

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

func (t *tx) row(query string, args ...any) scanner {
	st, err := t.statement(query)
	if err != nil {
		return failed{err}
	}
	return st.QueryRow(args...)
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	st, err := t.statement(query)
	if err != nil {
		return nil, err
	}
	return st.Query(args...)
}

// all reads rows into a list.
func all[T any](rows *sql.Rows, err error, read func(scanner) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		v, err := read(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// fail remembers an error where none can be returned. It reports whether there
// is none.
func (t *tx) fail(err error) bool {
	if err == nil {
		return true
	}
	if t.err == nil {
		t.err = err
	}
	return false
}

// found is fail for a row that may not be there.
func (t *tx) found(err error) bool {
	if err == sql.ErrNoRows {
		return false
	}
	return t.fail(err)
}

// cachedMax bounds each part of the cache.
const cachedMax = 20_000

func keep[K comparable, V any](m map[K]V, k K, v V) {
	if len(m) >= cachedMax {
		clear(m)
	}
	m[k] = v
}

// nano is a time in the database.
func nano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func moment(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// text is a value as JSON. The types that are kept so cannot fail.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
