package store

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"airlift/emu/iot"
)

const (
	queueMax = 4096 // pieces of work that wait
	batchMax = 128  // in one transaction
)

// work is something to do within a transaction.
type work struct {
	fn    func(*tx) error
	quick bool // need not survive the loss of power
	err   error
	done  chan struct{}
}

// errClosed is returned after Close.
var errClosed = errors.New("the platform's store is closed")

// do runs fn on the writer's goroutine, and returns after the commit has reached
// the disk.
func (s *Store) do(fn func(*tx) error) error {
	return s.hand(&work{fn: fn, done: make(chan struct{})})
}

// Update runs fn on the store, for questions of devices. It returns after the
// commit, which is safe from the end of this process, but not from a loss of
// power in the next moments.
func (s *Store) Update(fn func(iot.Store) error) error {
	return s.hand(quickly(func(t *tx) error { return fn(t) }))
}

func quickly(fn func(*tx) error) *work { return &work{fn: fn, quick: true, done: make(chan struct{})} }

func (s *Store) hand(w *work) error {
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		return errClosed
	}
	s.work <- w
	s.closing.RUnlock()
	<-w.done
	return w.err
}

// writer does the work.
func (s *Store) writer() {
	batch := make([]*work, 0, batchMax)
	for first := range s.work {
		batch = append(batch[:0], first)
		runtime.Gosched() // whoever can run now may have more to do
		for more := true; more && len(batch) < batchMax; {
			select {
			case w, ok := <-s.work:
				if more = ok; ok {
					batch = append(batch, w)
				}
			default:
				more = false
			}
		}
		s.t.commit(batch)
		for _, w := range batch {
			close(w.done)
		}
		if s.longJournal.CompareAndSwap(true, false) {
			s.shorten()
		}
	}
}

// commit does a batch in one transaction. Pieces that fail are undone one by
// one; if the transaction fails, all of them do.
func (t *tx) commit(batch []*work) {
	t.reset()
	err := t.exec(syncOf(batch))
	if err == nil {
		err = t.exec("begin immediate")
	}
	for i := 0; err == nil && i < len(batch); i++ {
		err = t.piece(batch[i])
	}
	if err == nil {
		err = t.checkOrphans()
	}
	if err == nil {
		err = t.exec("commit")
	}
	if err == nil {
		t.publish()
		return
	}
	// After some errors there is no transaction any more: that is fine, too.
	_ = t.exec("rollback")
	t.forget()
	t.forgetTexts(0)
	err = t.s.wrapWritten(err)
	for _, w := range batch {
		w.err = err
	}
}

// syncOf says how far a commit has to get: one that acknowledges something to
// people is written through to the disk.
func syncOf(batch []*work) string {
	for _, w := range batch {
		if !w.quick {
			return "pragma synchronous = full"
		}
	}
	return "pragma synchronous = normal"
}

// piece does one piece. An error is one of the whole transaction.
func (t *tx) piece(w *work) error {
	if err := t.exec("savepoint piece"); err != nil {
		return err
	}
	marks := t.marks()
	t.err, t.device = nil, nil
	w.err = t.s.wrapWritten(t.guard(w.fn))
	if w.err != nil {
		t.undo(marks)
		if err := t.exec("rollback to piece"); err != nil {
			return errors.Join(w.err, err) // a full disk ends the whole transaction at once
		}
	}
	return t.exec("release piece")
}

// guard calls fn. A panic is an error of this piece only.
func (t *tx) guard(fn func(*tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the platform has a bug: %v", p)
			t.s.opt.Error(err)
		}
	}()
	return errors.Join(fn(t), t.err)
}

// publish tells everybody what a commit has made true.
func (t *tx) publish() {
	if len(t.orphans) > 0 {
		t.s.files.remove(t.orphans)
	}
	t.s.online.note(t.touched)
	for _, e := range t.events {
		t.s.hub.send(e.account, e.event)
	}
	if t.kick {
		t.s.kick()
	}
}

// kick wakes the goroutines that build packages and call webhooks.
func (s *Store) kick() {
	for _, ch := range []chan struct{}{s.building, s.calling} {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// sweeper looks for what is overdue.
func (s *Store) sweeper() {
	tick := time.NewTicker(s.opt.Every)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
			if err := s.Sweep(); err != nil && !errors.Is(err, errClosed) {
				s.opt.Error(err)
			}
		}
	}
}

// overdueMax is how many deliveries one piece of work settles.
const overdueMax = 500

// Sweep settles deliveries whose devices never came back, writes when devices
// were last online, and drops what is too old to be kept. It does so in small
// pieces, between which devices are answered.
func (s *Store) Sweep() error {
	if err := s.keepOnline(s.hand); err != nil {
		return err
	}
	for _, piece := range []func(*tx) (bool, error){(*tx).overdue, (*tx).trim, (*tx).trimCalls} {
		for more := true; more; {
			err := s.hand(quickly(func(t *tx) (err error) {
				more, err = piece(t)
				return err
			}))
			if err != nil {
				return err
			}
		}
	}
	return s.hand(quickly(func(t *tx) error { return t.exec("delete from sessions where expires < ?", nano(s.opt.Now())) }))
}

// hub hands events to those who watch.
type hub struct {
	mu       sync.Mutex
	closed   bool
	watchers map[*watcher]bool
}

type watcher struct {
	account int64
	ch      chan iot.Event
	lost    bool
}

// watchBuffer is how many events a slow reader may leave unread.
const watchBuffer = 256

func (h *hub) add(account int64) *watcher {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := &watcher{account: account, ch: make(chan iot.Event, watchBuffer)}
	if h.closed {
		close(w.ch)
		return w
	}
	if h.watchers == nil {
		h.watchers = map[*watcher]bool{}
	}
	h.watchers[w] = true
	return w
}

func (h *hub) remove(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[w] {
		delete(h.watchers, w)
		close(w.ch)
	}
}

// watched reports whether anybody watches: otherwise events need not be made.
func (h *hub) watched() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watchers) > 0
}

func (h *hub) send(account int64, e iot.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.account != account {
			continue
		}
		e.Lost = w.lost
		select {
		case w.ch <- e:
			w.lost = false
		default:
			w.lost = true
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for w := range h.watchers {
		delete(h.watchers, w)
		close(w.ch)
	}
}
