package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/flash/explain"
)

// serverFlags describe the servers on a module's network.
type serverFlags struct {
	platform, answers string
	sites, routes     []string
}

func (s *serverFlags) add(cmd *cobra.Command) {
	s.addPlatform(cmd)
	cmd.Flags().StringArrayVar(&s.sites, "site", nil, "`URL=FOLDER`: serve a folder's files below http://host[:port]/prefix/")
	cmd.Flags().StringArrayVar(&s.routes, "route", nil, "`URL=FILE`: answer http://host[:port]/path with a file, or with a bare status: URL=404")
}

func (s *serverFlags) addPlatform(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.platform, "platform", "", "JSON `file` that describes the IoT platform: accounts, projects, devices, firmware")
	cmd.Flags().StringVar(&s.answers, "answers", "", "answer set of the platform: "+strings.Join(iot.AnswerSetNames, ", ")+" (default cloud)")
}

// server makes the platform, or nil if none is described.
func (s *serverFlags) server(seed uint64) (*iot.Server, error) {
	cfg, err := s.config()
	if cfg == nil || err != nil {
		return nil, err
	}
	server, _, err := s.build(cfg, seed)
	return server, err
}

// config reads the description, or returns nil if there is none.
func (s *serverFlags) config() (*iot.Config, error) {
	if _, err := iot.AnswersByName(s.answers); err != nil {
		return nil, withCode(exitUsage, err)
	}
	if s.platform == "" {
		return nil, nil
	}
	text, err := readFile(s.platform)
	if err != nil {
		return nil, err
	}
	cfg, err := iot.LoadConfig(text)
	if err != nil {
		return nil, withCode(exitBadInput, explain.InFile(err, s.platform))
	}
	return cfg, nil
}

// build makes the platform of a description. Files are looked for beside it.
func (s *serverFlags) build(cfg *iot.Config, seed uint64) (*iot.Server, *iot.Mem, error) {
	if s.answers != "" {
		cfg.Answers = s.answers
	}
	server, store, err := cfg.Build(seed, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(s.platform), name)
		}
		return readFile(name)
	})
	if err != nil && s.platform != "" {
		err = fmt.Errorf("%s: %w", s.platform, err)
	}
	return server, store, withCode(exitBadInput, err)
}

// mount puts the described servers on the network of w.
func (s *serverFlags) mount(w *emu.World) error {
	server, err := s.server(w.Seed)
	if err != nil {
		return err
	}
	if server != nil {
		if err := w.Platform(server); err != nil {
			return err
		}
	}
	statics := map[string]*iot.Static{}
	for _, v := range s.sites {
		u, folder, err := splitServer("--site", v)
		if err != nil {
			return err
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return withCode(exitEnv, err)
		}
		st, err := static(w, statics, u)
		if err != nil {
			return err
		}
		if err := st.AddDir(strings.TrimSuffix(u.EscapedPath(), "/")+"/", root.FS()); err != nil {
			return withCode(exitUsage, err)
		}
	}
	for _, v := range s.routes {
		u, what, err := splitServer("--route", v)
		if err != nil {
			return err
		}
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		route, err := newRoute(path, what)
		if err != nil {
			return err
		}
		st, err := static(w, statics, u)
		if err != nil {
			return err
		}
		if err := st.Add(route); err != nil {
			return withCode(exitUsage, err)
		}
	}
	return nil
}

// newRoute makes a route that answers with a file or a bare status.
func newRoute(path, what string) (iot.Route, error) {
	if n, err := strconv.Atoi(what); err == nil && n >= 100 && n <= 599 {
		return iot.Route{Path: path, Status: n}, nil
	}
	content, err := readFile(what)
	return iot.Route{Path: path, Content: content}, err
}

// splitServer splits URL=VALUE.
func splitServer(flag, v string) (*url.URL, string, error) {
	at := strings.LastIndex(v, "=")
	if at < 0 {
		return nil, "", usagef("%s %q: expected URL=FILE", flag, v)
	}
	u, err := url.Parse(v[:at])
	if err != nil || u.Scheme != "http" || u.Host == "" || u.RawQuery != "" {
		return nil, "", usagef("%s %q: expected http://host[:port]/path before the =", flag, v)
	}
	return u, v[at+1:], nil
}

// static returns the web server of a host and port, made on first use.
func static(w *emu.World, statics map[string]*iot.Static, u *url.URL) (*iot.Static, error) {
	port := 80
	if p := u.Port(); p != "" {
		n, err := strconv.Atoi(p)
		if err != nil {
			return nil, usagef("%s: no port %q", u, p)
		}
		port = n
	}
	key := fmt.Sprintf("%s:%d", u.Hostname(), port)
	if st := statics[key]; st != nil {
		return st, nil
	}
	st := &iot.Static{}
	statics[key] = st
	return st, withCode(exitUsage, w.Network.Handle(u.Hostname(), port, st, link.HostOptions{}))
}
