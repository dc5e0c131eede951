package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/bench"
	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/iot/web"
)

type serveFlags struct {
	serverFlags
	listen, admin, tlsListen string
	cert, key                string
	data, wifi               string
	firmware                 []string
	demo, quiet              bool
	seed                     uint64
	limit                    time.Duration
}

func (a *app) serveCmd() *cobra.Command {
	var s serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the IoT platform to real modules, scripts and people",
		Long: `Serve the platform on a real port: for devices /api/site/firmware_upgrade with
the platform's rules and exact answers, and the turnkey API; for programs the
REST API below /api/v1/; for people pages at /.

Everything is kept in the --data folder, in a temporary one without it. Without
--platform there is one account with one project, whose key is printed;
--firmware puts packages into it. Accounts that are new get a password, which is
printed once.

Firmware name and version are read from a package's file name, as the
platform's upload dialog does: fotademo_1025.1.1_LuatOS-SoC_AIR601.bin.`,
		Example: `  airlift serve --demo --firmware fotademo_1025.1.1_LuatOS-SoC_AIR601.bin
  airlift serve --data platform --listen :8000 --admin 127.0.0.1:8001
  airlift serve --platform platform.json --answers wiki2024
  airlift serve --route /fota/v2.bin=v2.bin --site /files/=packages`,
		Args: operands(),
		RunE: func(*cobra.Command, []string) error { return a.serve(s) },
	}
	fl := cmd.Flags()
	s.addPlatform(cmd)
	fl.StringVar(&s.listen, "listen", "127.0.0.1:8000", "`address` to listen on")
	fl.StringVar(&s.admin, "admin", "", "`address` for people and programs; then --listen is for devices only")
	fl.StringVar(&s.tlsListen, "tls-listen", "", "`address` for the same as --listen, encrypted")
	fl.StringVar(&s.cert, "tls-cert", "", "`file` with the certificate, PEM; also encrypts --admin")
	fl.StringVar(&s.key, "tls-key", "", "`file` with its key, PEM")
	fl.StringVar(&s.data, "data", "", "`folder` that keeps everything; made if it does not exist")
	fl.BoolVar(&s.demo, "demo", false, "no password for people on this host; refuses to listen for others")
	fl.BoolVar(&s.quiet, "quiet", false, "do not print every request")
	fl.StringVar(&s.wifi, "wifi", "", "`VERSION=FILE`: firmware for the Wi-Fi co-processor of the Air8000")
	fl.StringArrayVar(&s.firmware, "firmware", nil, "put this package `file` into the first project, for all its devices")
	fl.StringArrayVar(&s.sites, "site", nil, "`/PREFIX/=FOLDER`: serve a folder's files")
	fl.StringArrayVar(&s.routes, "route", nil, "`/PATH=FILE`: answer a path with a file, or with a bare status: /PATH=404")
	fl.Uint64Var(&s.seed, "seed", 1, "seed of the project's key")
	fl.DurationVar(&s.limit, "for", 0, "stop after this `time`, 0 for never")
	return cmd
}

func (a *app) serve(s serveFlags) (err error) {
	defer a.flush()
	encrypted, err := s.check()
	if err != nil {
		return err
	}
	cfg, mem, server, err := s.describe(a)
	if err != nil {
		return err
	}
	host.UseMoreThreads()
	dir, remove, err := s.folder()
	if err != nil {
		return err
	}
	defer remove()
	st, err := store.Open(dir, store.Options{
		Settings: server.Settings(), Answers: server.Answers(), Build: host.Build, PrivateWebhooks: s.local(),
		Error: func(err error) { a.note("platform: %v", err) },
	})
	if err != nil {
		return withCode(exitEnv, err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	first, err := a.accounts(st, mem)
	if err != nil {
		return withCode(exitEnv, err)
	}
	if s.demo { // there is nobody else
		st.SetOperator(first.ID)
	}
	if err := s.offer(a, st, first); err != nil {
		return err
	}
	static, wifi := server.Static, server.Wifi
	if server, err = iot.NewServerOn(st, server.Answers(), server.Settings()); err != nil {
		return withCode(exitBadInput, fmt.Errorf("%s: %w", cmp.Or(s.platform, cfg.Answers), err))
	}
	server.Static, server.Wifi = static, wifi
	if !s.quiet {
		server.OnAccess = a.access
	}
	modules := bench.New(bench.Options{Server: server, Host: iot.Host, Port: 80})
	defer modules.Close()
	people, err := s.people(a, st, first, modules)
	if err != nil {
		return err
	}
	return withCode(exitEnv, s.run(a, server, people, encrypted))
}

// check refuses flags that make no sense together, and reads the certificate.
func (s *serveFlags) check() (encrypted *tls.Config, err error) {
	if err := errors.Join(checkAddress("listen", s.listen), checkAddress("admin", s.admin), checkAddress("tls-listen", s.tlsListen)); err != nil {
		return nil, err
	}
	if s.demo && !s.local() {
		return nil, usagef("--demo is without passwords, so it listens on this host only: use 127.0.0.1 with --listen, --admin and --tls-listen")
	}
	if s.cert != "" || s.key != "" {
		c, err := tls.LoadX509KeyPair(s.cert, s.key)
		if err != nil {
			return nil, withCode(exitBadInput, fmt.Errorf("--tls-cert and --tls-key: %w", err))
		}
		encrypted = &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}
	}
	if s.tlsListen != "" && encrypted == nil {
		return nil, usagef("--tls-listen needs --tls-cert and --tls-key")
	}
	return encrypted, nil
}

// describe makes what is served out of the flags.
func (s *serveFlags) describe(a *app) (*iot.Config, *iot.Mem, *iot.Server, error) {
	cfg, err := s.config()
	if err != nil {
		return nil, nil, nil, err
	}
	if cfg == nil {
		cfg = &iot.Config{Accounts: []iot.AccountConfig{{Name: "13800000000", Projects: []iot.ProjectConfig{{Name: "default"}}}}}
	}
	server, mem, err := s.build(cfg, s.seed)
	if err != nil {
		return nil, nil, nil, err
	}
	if server.Static == nil {
		server.Static = &iot.Static{}
	}
	if err := s.addStatic(server.Static); err != nil {
		return nil, nil, nil, err
	}
	if s.wifi != "" {
		version, file, ok := strings.Cut(s.wifi, "=")
		if !ok {
			return nil, nil, nil, usagef("--wifi %q: expected VERSION=FILE", s.wifi)
		}
		content, err := readFile(file)
		if err != nil {
			return nil, nil, nil, err
		}
		server.Wifi = &iot.Wifi{Version: version, Content: content}
	}
	return cfg, mem, server, nil
}

// addStatic adds the paths of a server of one's own.
func (s *serveFlags) addStatic(st *iot.Static) error {
	for _, v := range s.sites {
		prefix, folder, ok := strings.Cut(v, "=")
		if !ok {
			return usagef("--site %q: expected /PREFIX/=FOLDER", v)
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return withCode(exitEnv, err)
		}
		if err := st.AddDir(prefix, root.FS()); err != nil {
			return withCode(exitUsage, err)
		}
	}
	for _, v := range s.routes {
		path, what, ok := strings.Cut(v, "=")
		if !ok {
			return usagef("--route %q: expected /PATH=FILE", v)
		}
		route, err := newRoute(path, what)
		if err != nil {
			return err
		}
		if err := st.Add(route); err != nil {
			return withCode(exitUsage, err)
		}
	}
	return nil
}

// folder is where everything is kept.
func (s *serveFlags) folder() (dir string, remove func(), err error) {
	if s.data != "" {
		return s.data, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "airlift-platform-")
	return dir, func() { os.RemoveAll(dir) }, withCode(exitEnv, err)
}

// accounts adds what the description has, and gives new accounts a password. It
// returns the first account.
func (a *app) accounts(st *store.Store, mem *iot.Mem) (first iot.Account, err error) {
	var fresh []string
	for _, acc := range mem.Accounts() {
		if _, err := st.AccountByName(acc.Name); errors.Is(err, iot.ErrNotFound) {
			fresh = append(fresh, acc.Name)
		} else if err != nil {
			return first, err
		}
	}
	if err := st.Load(mem); err != nil {
		return first, err
	}
	for _, name := range fresh {
		password := strings.ToLower(rand.Text()[:16])
		if err := st.SetPassword(name, password); err != nil {
			a.note("account %s has no password: %v", name, err)
			continue
		}
		a.note("account %s password %s", name, password)
	}
	if all := mem.Accounts(); len(all) > 0 {
		return st.AccountByName(all[0].Name)
	}
	return first, nil
}

// people is the handler of API and pages.
func (s *serveFlags) people(a *app, st *store.Store, first iot.Account, modules *bench.Bench) (http.Handler, error) {
	report := func(err error) { a.note("platform: %v", err) }
	opt, pagesOpt := api.Options{Error: report}, web.Options{Platform: st, Bench: modules, Error: report}
	if s.demo {
		opt.Demo, pagesOpt.Demo = &first, first.ID
	}
	rest, err := api.New(st, opt)
	if err != nil {
		return nil, err
	}
	pages, err := web.New(pagesOpt)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(api.Prefix+"/", rest)
	mux.Handle("/", pages)
	if s.demo {
		return host.LocalOnly(mux), nil
	}
	return mux, nil
}

// local reports whether nobody but this host is listened to.
func (s *serveFlags) local() bool {
	for _, addr := range []string{s.listen, s.admin, s.tlsListen} {
		if addr == "" {
			continue
		}
		name, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(name); err != nil || name != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// run listens and serves.
func (s *serveFlags) run(a *app, server *iot.Server, people http.Handler, encrypted *tls.Config) (err error) {
	opt := host.Options{Devices: server, People: people, IsDevice: server.IsDevice, Error: func(remote string, err error) { a.note("%s: %v", remote, err) }}
	type place struct {
		flag, addr, what string
		opt              host.Options
	}
	places := []place{{"listen", s.listen, "listening on http://", opt}}
	if s.admin != "" {
		admin := opt
		places[0].opt.People, admin.Devices, admin.TLS = nil, nil, encrypted
		what := "people on http://"
		if encrypted != nil {
			what = "people on https://"
		}
		places = append(places, place{"admin", s.admin, what, admin})
	}
	if s.tlsListen != "" {
		tlsOpt := places[0].opt
		tlsOpt.TLS = encrypted
		places = append(places, place{"tls-listen", s.tlsListen, "encrypted on https://", tlsOpt})
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var listeners []net.Listener
	for _, p := range places {
		ln, err := listen(p.flag, p.addr)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return err
		}
		listeners = append(listeners, ln)
	}
	ended := make(chan error, len(places))
	for i, p := range places[1:] {
		a.note("%s%s", p.what, listeners[i+1].Addr())
		go func() { ended <- host.Serve(ctx, listeners[i+1], p.opt) }()
	}
	a.note("%s%s, answers %s", places[0].what, listeners[0].Addr(), server.Answers().Name)
	go func() { ended <- host.Serve(ctx, listeners[0], places[0].opt) }()
	for range places {
		err = errors.Join(err, <-ended)
		cancel() // one that ends early ends the others
	}
	return err
}

// offer puts the packages of --firmware into the first project.
func (s *serveFlags) offer(a *app, st *store.Store, first iot.Account) error {
	tenant := st.Tenant(first.ID, "serve")
	projects, err := tenant.Projects()
	if err != nil {
		return withCode(exitEnv, err)
	}
	if s.platform == "" && len(projects) > 0 {
		a.note("project key %s", projects[0].Key)
	}
	if len(s.firmware) > 0 && len(projects) == 0 {
		return withCode(exitBadInput, errors.New("the platform has no project to put --firmware into"))
	}
	for _, file := range s.firmware {
		if err := offerFile(a, tenant, projects[0].ID, file); err != nil {
			return err
		}
	}
	return nil
}

// offerFile uploads a package, unless it is there since an earlier start.
func offerFile(a *app, tenant iot.Tenant, project int64, file string) error {
	data, err := readFile(file)
	if err != nil {
		return err
	}
	d := iot.FirmwareDraft{FileName: filepath.Base(file), Allow: true, All: true}
	f, err := d.Firmware(project, time.Time{})
	if errors.Is(err, iot.ErrFileName) {
		return withCode(exitBadInput, fmt.Errorf("%s: %w: expected a name like fotademo_1025.1.1_LuatOS-SoC_AIR601.bin", file, err))
	}
	if err != nil {
		return withCode(exitBadInput, fmt.Errorf("%s: %w", file, err))
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	have, err := tenant.Firmware(project, f.Name, iot.Page{Limit: iot.PageMax})
	if err != nil {
		return withCode(exitEnv, err)
	}
	if !slices.ContainsFunc(have.Items, func(h iot.Firmware) bool { return h.Name == f.Name && h.Version == f.Version && h.SHA256 == sum }) {
		if _, err := tenant.CreateFirmware(project, d, bytes.NewReader(data)); err != nil {
			return withCode(exitBadInput, fmt.Errorf("%s: %w", file, err))
		}
	}
	a.note("firmware %s version %s, %d bytes", f.Name, f.Version, len(data))
	if why := iot.VersionWarning(f.Version); why != "" {
		a.note("warning: %s", why)
	}
	return nil
}

// access prints one line of the access log.
func (a *app) access(e iot.Access) {
	reason := ""
	if e.Decision != nil {
		reason = string(e.Decision.Reason)
	}
	if !a.text() {
		a.json(map[string]any{
			"time": e.Time.UTC().Format(time.RFC3339Nano), "remote": e.Remote, "method": e.Method, "target": e.Target,
			"status": e.Status, "bytes": e.Bytes, "reason": reason, "result": e.Result,
		})
	} else {
		a.printf("%s %s %s %s -> %d, %d bytes %s %s\n", e.Time.Format(time.TimeOnly), e.Remote, e.Method, oneLine(e.Target), e.Status, e.Bytes, reason, e.Result)
	}
	a.flush()
}
