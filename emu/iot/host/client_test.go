package host_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/project"
	"airlift/flash/luadb"
	"airlift/lua"
)

// ground is a stored platform on a real port. Clients try it one after the
// other, each with a project and a device of its own. Its time is that of the
// device that tries it: waiting takes none.
type ground struct {
	t      testing.TB
	folder string
	store  *store.Store
	server *iot.Server
	addr   string
	dead   string // where nobody listens
	a, b   iot.Tenant
	clock  atomic.Int64  // since link.Epoch, ns
	began  time.Duration // when the current trial did
	cuts   *cuttingListener
	under  sync.WaitGroup // answers on their way

	mu   sync.Mutex
	seen []link.Request
	// hooks answer before the platform; the first one that does counts.
	hooks []func(*link.Request) *link.Response
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newGround(t testing.TB, answers string, settings iot.Settings) *ground {
	t.Helper()
	g := &ground{t: t, folder: t.TempDir()}
	set := must[*iot.AnswerSet](t)(iot.AnswersByName(answers))
	g.store = must[*store.Store](t)(store.Open(g.folder, store.Options{
		Settings: settings, Answers: set, Every: -1, Now: g.now, Error: func(err error) { t.Error(err) },
		Build: func(_ context.Context, _ iot.Base, _ []byte, _ iot.Firmware, to []byte) ([]byte, error) {
			return to, nil
		},
	}))
	g.server = must[*iot.Server](t)(iot.NewServerOn(g.store, set, settings))
	g.cuts = &cuttingListener{Listener: must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))}
	ctx, stop := context.WithCancel(context.Background())
	var group sync.WaitGroup
	group.Go(func() { host.Serve(ctx, g.cuts, host.Options{Devices: link.HandlerFunc(g.serve)}) })
	t.Cleanup(func() {
		stop()
		group.Wait()
		g.store.Close()
	})
	g.addr = g.cuts.Addr().String()
	nobody := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	g.dead = nobody.Addr().String()
	nobody.Close()
	g.a = g.store.Tenant(must[iot.Account](t)(g.store.SignUp("13800000001", "a password")).ID, "test")
	g.b = g.store.Tenant(must[iot.Account](t)(g.store.SignUp("13800000002", "a password")).ID, "test")
	return g
}

func (g *ground) now() time.Time { return link.Epoch.Add(time.Duration(g.clock.Load())) }

// at is told the time of the device that tries the platform.
func (g *ground) at(virtual time.Duration) { g.clock.Store(int64(g.began + virtual)) }

// hook lets something answer before the platform until the trial is over.
func (g *ground) hook(answer func(*link.Request) *link.Response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks = append(g.hooks, answer)
}

// hooked is what the hooks answer, or nil.
func (g *ground) hooked(req *link.Request) *link.Response {
	g.mu.Lock()
	hooks := slices.Clone(g.hooks)
	g.mu.Unlock()
	for _, answer := range hooks {
		if resp := answer(req); resp != nil {
			return resp
		}
	}
	return nil
}

// serve notes what comes and lets the platform answer it in the device's time.
func (g *ground) serve(req *link.Request) *link.Response {
	req.Time = g.now()
	g.mu.Lock()
	g.seen = append(g.seen, link.Request{Method: req.Method, Target: req.Target, Header: slices.Clone(req.Header), Body: slices.Clone(req.Body)})
	g.mu.Unlock()
	resp := g.hooked(req)
	if resp == nil {
		resp = g.server.Serve(req)
	}
	if done := resp.Done; done != nil {
		g.under.Add(1)
		resp.Done = func(o link.Outcome) {
			o.Time = g.now()
			defer g.under.Done()
			done(o)
		}
	}
	return resp
}

// requests are those of the current trial.
func (g *ground) requests() []link.Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

// next begins another trial.
func (g *ground) next() {
	g.began = time.Duration(g.clock.Load()) + time.Minute
	g.at(0)
	g.cuts.cut(0, 0)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen, g.hooks = nil, nil
}

// cuttingListener closes connections in the middle of an answer, or says nothing
// more.
type cuttingListener struct {
	net.Listener
	after atomic.Int64                  // that many bytes
	times atomic.Int64                  // so many connections more
	until atomic.Pointer[chan struct{}] // what is silent ends with this; nil: it is closed at once
}

func (l *cuttingListener) cut(after, times int64) {
	l.until.Store(nil)
	l.after.Store(after)
	l.times.Store(times)
}

// hold is cut for connections that stay open until over is closed.
func (l *cuttingListener) hold(after, times int64, over chan struct{}) {
	l.until.Store(&over)
	l.after.Store(after)
	l.times.Store(times)
}

func (l *cuttingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &cuttingConn{Conn: c, l: l}, err
}

type cuttingConn struct {
	net.Conn
	l    *cuttingListener
	sent int64
}

func (c *cuttingConn) Write(p []byte) (int, error) {
	after, times := c.l.after.Load(), c.l.times.Load()
	if times > 0 && c.sent+int64(len(p)) > after && c.l.times.CompareAndSwap(times, times-1) {
		n, _ := c.Conn.Write(p[:max(0, after-c.sent)])
		if until := c.l.until.Load(); until != nil {
			<-*until
		}
		c.Conn.Close()
		return n, net.ErrClosed
	}
	n, err := c.Conn.Write(p)
	c.sent += int64(n)
	return n, err
}

// client is one generation of a library that asks for upgrades, on a core of
// its days.
type client struct {
	name          string // the library's, and what tells it from others
	kind          kind
	chip, profile string
	core          string // date of the core; empty: the profile's
	version       string // of the core; empty: the profile's
	libDate       string // of our own libraries; empty: the profile's
	commit        string // of LuatOS, for upstream's older libraries
	source        string // the variable that names the checkout, for its newest
	over          string // file of the checkout that lies over its libraries
	query         string // what it sends
	shown         string // its line about who it is
	report        string // how libfota3 reports
	tag           string // of its line about an error, unless it is that of its kind
	twoGroups     bool   // VERSION has two groups of digits
	rawName       bool   // name and version are those of the firmware file
	first         bool   // libfota2 1.0: it always appends a question mark
	badHash       bool   // libfota3 whose hash is never right
	words         bool   // libfota2 that explains codes
}

// firmware is the chip with a core of the client's days.
func (c *client) firmware(t testing.TB) *chips.Chip {
	t.Helper()
	f, m, err := chips.FindModel(all.Families(), c.chip)
	if err != nil {
		t.Fatal(err)
	}
	dated := *m
	dated.Profiles = slices.Clone(m.Profiles)
	for i, p := range m.Profiles {
		q := *p
		if c.core != "" {
			q.CoreDate = c.core
		}
		if c.version != "" {
			q.CoreVersion = c.version
		}
		if c.libDate != "" {
			q.LibDate = c.libDate
		}
		dated.Profiles[i] = &q
	}
	return must[*chips.Chip](t)(f.Chip(&dated, c.profile, nil))
}

// trial is one run of one client against the platform.
type trial struct {
	t       testing.TB
	g       *ground
	c       *client
	chip    *chips.Chip
	libs    afero.Fs
	project iot.ProjectInfo // whose key the script has
	id      lua.Identity
	log     []string
	errors  []string // what ended the scripts
	raises  bool     // they may end so
}

var trials atomic.Int64

func newTrial(t testing.TB, g *ground, c *client) *trial {
	t.Helper()
	libs := c.libs(t)
	g.next()
	n := trials.Add(1)
	id := lua.Identity{IMEI: fmt.Sprintf("86%013d", n), MAC: fmt.Sprintf("C8%010X", n), MUID: fmt.Sprintf("%08d", n)}
	return &trial{t: t, g: g, c: c, chip: c.firmware(t), libs: libs, id: id, project: must[iot.ProjectInfo](t)(g.a.CreateProject(fmt.Sprint("project ", n), ""))}
}

// linesMax ends a trial that gets nowhere.
const linesMax = 2000

// run runs a module with a script. seen is called for each line of its log and
// may change the platform meanwhile; the run is over when it returns true.
func (tr *trial) run(files []luadb.File, seen func(line string) bool) {
	t := tr.t
	t.Helper()
	proj := must[*project.Project](t)(project.FromFiles(files))
	opts := lua.Options{Steps: 1 << 28, Libs: tr.libs}
	r, err := play.Run(play.Job{
		Files: proj.Files, Chip: tr.chip, Seed: 1, Limit: 1000 * time.Hour, Boots: 6, Script: opts,
		World: func(w *emu.World, cfg *emu.Config) error {
			cfg.Identity = tr.id
			w.UseRealNet(link.RealOptions{Redirect: map[string]string{"iot.openluat.com:80": tr.g.addr, ownHost + ":80": tr.g.addr, deadHost + ":80": tr.g.dead,
				fmt.Sprintf("%s:%d", iot.WifiHost, iot.WifiPort): tr.g.addr, iot.WifiHost + ":80": tr.g.addr}})
			w.Shape = func(_ string, ev lua.ConnEvents) lua.ConnEvents {
				tr.g.at(w.Clock.Now())
				return ev
			}
			return nil
		},
		Line: func(l play.Line) bool {
			tr.log = append(tr.log, l.Text)
			tr.g.at(l.Time)
			return seen(l.Text) || len(tr.log) > linesMax
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr.errors = r.Errors
	if len(r.Errors) > 0 && !tr.raises || len(r.Refused) > 0 {
		t.Errorf("errors %q, refused %q\n%s", r.Errors, r.Refused, strings.Join(tr.log, "\n"))
	}
}
