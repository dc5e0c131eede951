package store

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"airlift/emu/iot"
)

// Passwords are hashed with argon2id, with the parameters that OWASP recommends
// first where memory is scarce: 19 MiB, two passes.
const (
	argonTime    = 2
	argonKiB     = 19 << 10
	argonThreads = 1
	argonBytes   = 32
	saltBytes    = 16

	passwordRunesMin = 8
	passwordBytesMax = 256
	sessionLife      = 14 * 24 * time.Hour
	tokensMax        = 100
	accountsMax      = 100_000
)

func (s *Store) hash(password string, salt []byte) []byte {
	s.hashes <- struct{}{}
	defer func() { <-s.hashes }()
	return argon2.IDKey([]byte(password), salt, argonTime, argonKiB, argonThreads, argonBytes)
}

// hashPassword returns the hash in the usual text form.
func (s *Store) hashPassword(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	enc := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonKiB, argonTime, argonThreads, enc(salt), enc(s.hash(password, salt)))
}

// checkPassword compares in constant time. A hash that cannot be read, as that
// of an account without a password, fits nothing.
func (s *Store) checkPassword(hash, password string) bool {
	var salt, want []byte
	parts := strings.Split(hash, "$")
	prefix := fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$", argon2.Version, argonKiB, argonTime, argonThreads)
	if len(parts) == 6 && strings.HasPrefix(hash, prefix) {
		salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
		want, _ = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if len(salt) == 0 {
		salt = make([]byte, saltBytes) // takes as long as a real one
	}
	return subtle.ConstantTimeCompare(s.hash(password, salt), want) == 1
}

func checkCredentials(name, password string) error {
	if err := checkName("account name", name); err != nil {
		return err
	}
	return checkNewPassword(password)
}

func checkNewPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < passwordRunesMin || len(password) > passwordBytesMax {
		return fmt.Errorf("%w: a password has at least %d characters and at most %d bytes", iot.ErrInvalid, passwordRunesMin, passwordBytesMax)
	}
	return nil
}

const nameBytesMax = 255

// checkName refuses what cannot be shown on a line.
func checkName(what, s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("%w: %s is empty", iot.ErrInvalid, what)
	}
	return checkLine(what, s)
}

func checkLine(what, s string) error {
	if len(s) > nameBytesMax || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7F }) {
		return fmt.Errorf("%w: %s is no line of at most %d bytes", iot.ErrInvalid, what, nameBytesMax)
	}
	return nil
}

// SignUp makes an account.
func (s *Store) SignUp(name, password string) (iot.Account, error) {
	a := iot.Account{Name: name}
	if err := checkCredentials(name, password); err != nil {
		return a, err
	}
	hash := s.hashPassword(password)
	err := s.do(func(t *tx) (err error) {
		a.ID, err = t.addAccount(name, hash)
		return err
	})
	return a, err
}

func (t *tx) addAccount(name, hash string) (id int64, err error) {
	var n int
	if err := t.row("select count(*) from accounts").Scan(&n); err != nil {
		return 0, err
	}
	if n >= accountsMax {
		return 0, fmt.Errorf("%w: the platform holds %d accounts", iot.ErrLimit, n)
	}
	id, err = t.insert("insert into accounts(name, password, created) values(?, ?, ?)", name, hash, nano(t.s.opt.Now()))
	if err != nil {
		return 0, err
	}
	return id, t.audit(id, "sign-up", "account.create", id, "")
}

// LogIn opens a session.
func (s *Store) LogIn(name, password string) (iot.Session, error) {
	if len(name) > nameBytesMax { // nobody is called so, and failures are kept by name
		return iot.Session{}, iot.ErrCredentials
	}
	if !s.guess.allow(name, s.Now()) {
		return iot.Session{}, iot.ErrTooMany
	}
	var a iot.Account
	var hash string
	err := s.read.QueryRow("select id, name, password from accounts where name = ?", name).Scan(&a.ID, &a.Name, &hash)
	if err := wrap(err); err != nil && err != iot.ErrNotFound {
		return iot.Session{}, err
	}
	if len(password) > passwordBytesMax || !s.checkPassword(hash, password) || a.ID == 0 {
		s.guess.failed(name, s.Now())
		return iot.Session{}, iot.ErrCredentials
	}
	s.guess.passed(name)
	return s.OpenSession(a)
}

// OpenSession opens a session without a password: for --demo.
func (s *Store) OpenSession(a iot.Account) (iot.Session, error) {
	v := iot.Session{Token: rand.Text() + rand.Text(), CSRF: rand.Text(), Account: a, Expires: s.Now().Add(sessionLife)}
	err := s.do(func(t *tx) error {
		if err := t.exec("insert into sessions(hash, account, csrf, expires) values(?, ?, ?, ?)", secretHash(v.Token), a.ID, v.CSRF, nano(v.Expires)); err != nil {
			return err
		}
		return t.audit(a.ID, "page", "session.open", a.ID, "")
	})
	return v, err
}

// secretHash is how secrets are kept. They are random, so a quick hash will do.
func secretHash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// Session finds a session that is not over.
func (s *Store) Session(token string) (iot.Session, error) {
	v := iot.Session{Token: token}
	var expires int64
	err := s.read.QueryRow("select s.csrf, s.expires, a.id, a.name from sessions s join accounts a on a.id = s.account where s.hash = ?", secretHash(token)).
		Scan(&v.CSRF, &expires, &v.Account.ID, &v.Account.Name)
	if err != nil {
		return iot.Session{}, wrap(err)
	}
	if v.Expires = moment(expires); !s.Now().Before(v.Expires) {
		return iot.Session{}, iot.ErrNotFound
	}
	return v, nil
}

// LogOut ends a session.
func (s *Store) LogOut(token string) error {
	return s.do(func(t *tx) error { return t.exec("delete from sessions where hash = ?", secretHash(token)) })
}

// tokenPrefix lets people and scanners see what a secret is for.
const tokenPrefix = "airlift_"

// TokenAccount finds the account of an API token's secret.
func (s *Store) TokenAccount(secret string) (iot.Account, error) {
	var a iot.Account
	var id, used int64
	err := s.read.QueryRow("select t.id, t.last_used, a.id, a.name from tokens t join accounts a on a.id = t.account where t.hash = ?", secretHash(secret)).
		Scan(&id, &used, &a.ID, &a.Name)
	if err != nil {
		return a, wrap(err)
	}
	if now := s.Now(); now.Sub(moment(used)) > time.Minute { // not for each request
		err := s.hand(quickly(func(t *tx) error { return t.exec("update tokens set last_used = ? where id = ?", nano(now), id) }))
		if err != nil { // reading goes on when nothing can be written
			s.opt.Error(fmt.Errorf("when a token was used: %w", err))
		}
	}
	return a, nil
}

// throttle slows the guessing of passwords down: after some failures for a
// name, each further one costs a pause.
type throttle struct {
	mu    sync.Mutex
	names map[string]*guesses
}

type guesses struct {
	failures int
	until    time.Time
}

const (
	freeGuesses   = 5
	guessPause    = 30 * time.Second
	throttledMax  = 10_000
	guessForgotIn = time.Hour
)

func (g *throttle) allow(name string, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	v := g.names[name]
	return v == nil || v.failures < freeGuesses || !now.Before(v.until)
}

func (g *throttle) failed(name string, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.names == nil || len(g.names) >= throttledMax {
		g.names = map[string]*guesses{}
	}
	v := g.names[name]
	if v == nil || now.Sub(v.until) > guessForgotIn {
		v = new(guesses)
		g.names[name] = v
	}
	v.failures++
	v.until = now.Add(guessPause)
}

func (g *throttle) passed(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.names, name)
}
