package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"
	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"airlift/emu/iot"
)

// Builder makes the difference package that leads from a base core to an
// uploaded firmware. It runs on a goroutine of its own and may take a while.
type Builder func(ctx context.Context, base iot.Base, from []byte, f iot.Firmware, to []byte) ([]byte, error)

// Options are how a store behaves. Zero fields mean the defaults.
type Options struct {
	Settings iot.Settings // of the server that it is for; zero: iot.DefaultSettings
	Answers  *iot.AnswerSet
	Now      func() time.Time
	Build    Builder // nil: difference packages are the uploaded files
	// LogRows is how many rows of the upgrade log are kept, default 2,000,000.
	LogRows int64
	// StrayRows is how many requests without identity are kept for an account,
	// and how many that nobody owns, default 1000. They push out no others.
	StrayRows int64
	// CallRows is how many calls of a webhook are kept, made or not, default
	// 10,000.
	CallRows int64
	// AccountBytes is how many bytes an account may upload, default 4 GiB.
	AccountBytes int64
	// SilentAfter is when a device that got a file and is in no roll-out counts
	// as one that never came back, default a day.
	SilentAfter time.Duration
	// Every is how often what is overdue is looked for, default 5 s; below 0:
	// never, Sweep has to be called.
	Every time.Duration
	// Busy is how long a database that another process has locked is waited for,
	// default 5 s.
	Busy time.Duration
	// PrivateWebhooks allows webhooks on this host and in private networks.
	PrivateWebhooks bool
	// Look does nothing in the background: for a look into a folder that another
	// process may be serving. Settings and Answers are those of that process,
	// if they were kept.
	Look bool
	// Error, if not nil, is told what fails in the background.
	Error func(error)
}

func (o Options) withDefaults() (Options, error) {
	if o.Settings.Registration == "" {
		o.Settings = iot.DefaultSettings()
	}
	if o.Answers == nil {
		set, err := iot.AnswersByName("")
		if err != nil {
			return o, err
		}
		o.Answers = set
	}
	if o.Now == nil {
		o.Now = func() time.Time { return time.Now().UTC() }
	}
	if o.LogRows <= 0 {
		o.LogRows = 2_000_000
	}
	if o.StrayRows <= 0 {
		o.StrayRows = 1000
	}
	if o.CallRows <= 0 {
		o.CallRows = 10_000
	}
	if o.AccountBytes <= 0 {
		o.AccountBytes = 4 << 30
	}
	if o.SilentAfter <= 0 {
		o.SilentAfter = 24 * time.Hour
	}
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Busy <= 0 {
		o.Busy = 5 * time.Second
	}
	if o.Error == nil {
		o.Error = func(error) {}
	}
	return o, nil
}

// Store is the platform in a folder.
type Store struct {
	opt   Options
	dir   string
	files files
	write *sql.DB
	conn  *sql.Conn // the writer's only connection
	read  *sql.DB
	back  *sql.DB // moves what was written from the journal into the database

	work    chan *work
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	closing sync.RWMutex // held for writing by Close
	closed  bool
	group   sync.WaitGroup // of the goroutines

	t      *tx // of the writer's goroutine
	online online
	// longJournal asks the writer to begin the journal anew.
	longJournal atomic.Bool
	operator    atomic.Int64 // account; see SetOperator
	hub         hub
	guess       throttle
	hashes      chan struct{} // slots for hashing passwords, which takes memory
	// There is a package to build, a call to make.
	building, calling chan struct{}
}

var (
	_ iot.Platform = (*Store)(nil)
	_ iot.Database = (*Store)(nil)
)

// readers is how many connections read.
const readers = 4

// Open opens the folder, which is made if it does not exist.
func Open(dir string, opt Options) (*Store, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := opt.Settings.Check(); err != nil {
		return nil, err
	}
	s := &Store{opt: opt, dir: dir, files: files{dir}, work: make(chan *work, queueMax), hashes: make(chan struct{}, 2),
		building: make(chan struct{}, 1), calling: make(chan struct{}, 1)}
	if err := s.files.prepare(opt.Now()); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	if err := s.openDatabase(); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w", dir, wrap(err))
	}
	s.start()
	return s, nil
}

func (s *Store) openDatabase() (err error) {
	name := filepath.Join(s.dir, DatabaseName)
	if s.write, err = sql.Open("sqlite3", dsn(name, s.opt.Busy, "journal_mode(wal)", "synchronous(normal)", "foreign_keys(on)", "wal_autocheckpoint(0)", cacheSize)); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.write.Close()
		}
	}()
	s.write.SetMaxOpenConns(1)
	if s.conn, err = s.write.Conn(s.ctx); err != nil {
		return err
	}
	if err := migrate(s.ctx, s.conn); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite3", dsn(name, s.opt.Busy, "query_only(on)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if s.back, err = sql.Open("sqlite3", dsn(name, s.opt.Busy, "synchronous(normal)", "wal_autocheckpoint(0)")); err != nil {
		return err
	}
	s.back.SetMaxOpenConns(1)
	s.t = newTx(s)
	if err := s.keepSettings(); err != nil {
		return err
	}
	return errors.Join(s.t.count(), s.t.loadTexts(), s.t.loadHooks(), s.recoverOnline())
}

// DatabaseName is the database in the folder.
const DatabaseName = "platform.db"

// cacheSize is how much of the database the writer keeps in memory, in KiB: the rows
// of some 100,000 devices.
const cacheSize = "cache_size(-32768)"

func dsn(name string, busy time.Duration, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds())}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(name)}).EscapedPath(), RawQuery: q.Encode()}
	return u.String()
}

func (s *Store) start() {
	s.group.Go(s.writer)
	if s.opt.Look {
		return
	}
	s.group.Go(s.checkpointer)
	s.group.Go(s.tidy)
	s.group.Go(s.builder)
	s.group.Go(s.caller)
	if s.opt.Every > 0 {
		s.group.Go(s.sweeper)
	}
}

// tidy removes what a crash left behind.
func (s *Store) tidy() {
	if err := s.removeOrphans(); err != nil && s.ctx.Err() == nil && !errors.Is(err, errClosed) {
		s.opt.Error(fmt.Errorf("files that nothing refers to: %w", err))
	}
}

// Close finishes what was taken on and closes the database.
func (s *Store) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	close(s.work)
	s.closing.Unlock()
	s.stop()
	s.group.Wait()
	s.hub.close()
	var err error
	if !s.opt.Look {
		err = s.keepOnline(func(w *work) error { // the writer has ended
			s.t.commit([]*work{w})
			return w.err
		})
	}
	s.t.close()
	return errors.Join(err, s.read.Close(), s.back.Close(), s.conn.Close(), s.write.Close())
}

// Now is the platform's time.
func (s *Store) Now() time.Time { return s.opt.Now() }

// AnswerSet is how the platform answers devices.
func (s *Store) AnswerSet() *iot.AnswerSet { return s.opt.Answers }

// Dir is the folder.
func (s *Store) Dir() string { return s.dir }

// wrap turns the database's errors into those that callers decide on.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return iot.ErrNotFound
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return fmt.Errorf("%w: %w", iot.ErrBusy, err)
	case errors.Is(err, sqlite3.FULL), isFull(err):
		return fmt.Errorf("%w: %w", iot.ErrFull, err)
	case errors.Is(err, sqlite3.CONSTRAINT_UNIQUE):
		return fmt.Errorf("%w: %w", iot.ErrExists, err)
	}
	return err
}

// wrapWritten is wrap for what was to be written. The driver reports a full disk
// as a failed write, like any other, and does not say why: so it is tried again.
func (s *Store) wrapWritten(err error) error {
	if errors.Is(err, sqlite3.IOERR) && s.files.full() {
		return fmt.Errorf("%w: %w", iot.ErrFull, err)
	}
	return wrap(err)
}

// makeDirs makes folders that only this user may read: there are password
// hashes in the database.
func makeDirs(names ...string) error {
	for _, n := range names {
		if err := os.MkdirAll(n, 0o700); err != nil {
			return err
		}
	}
	return nil
}
