package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/iot"
	"airlift/emu/link"
)

type serveFlags struct {
	serverFlags
	listen   string
	firmware []string
	seed     uint64
	limit    time.Duration
}

func (a *app) serveCmd() *cobra.Command {
	var s serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the IoT platform's upgrade address to real modules and scripts",
		Long: `Serve /api/site/firmware_upgrade on a real port, with the platform's rules and
exact answers. Without --platform there is one account with one project, whose
key is printed; --firmware puts packages into it.

Firmware name and version are read from a package's file name, as the
platform's upload dialog does: fotademo_1025.1.1_LuatOS-SoC_AIR601.bin.`,
		Example: `  airlift serve --firmware fotademo_1025.1.1_LuatOS-SoC_AIR601.bin
  airlift serve --platform platform.json --answers wiki2024 --listen :8080
  airlift serve --route /fota/v2.bin=v2.bin --site /files/=packages`,
		Args: operands(),
		RunE: func(*cobra.Command, []string) error { return a.serve(s) },
	}
	fl := cmd.Flags()
	s.addPlatform(cmd)
	fl.StringVar(&s.listen, "listen", "127.0.0.1:8000", "`address` to listen on")
	fl.StringArrayVar(&s.firmware, "firmware", nil, "put this package `file` into the first project, for all its devices")
	fl.StringArrayVar(&s.sites, "site", nil, "`/PREFIX/=FOLDER`: serve a folder's files")
	fl.StringArrayVar(&s.routes, "route", nil, "`/PATH=FILE`: answer a path with a file, or with a bare status: /PATH=404")
	fl.Uint64Var(&s.seed, "seed", 1, "seed of the project's key")
	fl.DurationVar(&s.limit, "for", 0, "stop after this `time`, 0 for never")
	return cmd
}

func (a *app) serve(s serveFlags) error {
	defer a.flush()
	server, err := s.prepare(a)
	if err != nil {
		return err
	}
	server.OnAccess = a.access
	ln, err := net.Listen("tcp", s.listen)
	if err != nil {
		return withCode(exitEnv, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if s.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.limit)
		defer cancel()
	}
	a.note("listening on http://%s, answers %s", ln.Addr(), server.Answers().Name)
	err = link.Serve(ctx, ln, server, link.ServeOptions{Error: func(remote string, err error) {
		a.note("%s: %v", remote, err)
	}})
	return withCode(exitEnv, err)
}

// prepare makes the server and what is on it.
func (s *serveFlags) prepare(a *app) (*iot.Server, error) {
	server, err := s.server(s.seed)
	if err != nil {
		return nil, err
	}
	if server == nil {
		if server, err = s.plain(a); err != nil {
			return nil, err
		}
	}
	for _, file := range s.firmware {
		if err := addFirmware(server, file, a); err != nil {
			return nil, err
		}
	}
	if server.Static == nil {
		server.Static = &iot.Static{}
	}
	st := server.Static
	for _, v := range s.sites {
		prefix, folder, ok := strings.Cut(v, "=")
		if !ok {
			return nil, usagef("--site %q: expected /PREFIX/=FOLDER", v)
		}
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, withCode(exitEnv, err)
		}
		if err := st.AddDir(prefix, root.FS()); err != nil {
			return nil, withCode(exitUsage, err)
		}
	}
	for _, v := range s.routes {
		path, what, ok := strings.Cut(v, "=")
		if !ok {
			return nil, usagef("--route %q: expected /PATH=FILE", v)
		}
		route, err := newRoute(path, what)
		if err != nil {
			return nil, err
		}
		if err := st.Add(route); err != nil {
			return nil, withCode(exitUsage, err)
		}
	}
	return server, nil
}

// plain is the platform without a description: one account, one project.
func (s *serveFlags) plain(a *app) (*iot.Server, error) {
	server, store, err := s.build(&iot.Config{Accounts: []iot.AccountConfig{{
		Name: "13800000000", Projects: []iot.ProjectConfig{{Name: "default"}},
	}}}, s.seed)
	if err == nil {
		a.note("project key %s", store.Projects()[0].Key)
	}
	return server, err
}

// addFirmware uploads a package to the first project.
func addFirmware(server *iot.Server, file string, a *app) error {
	data, err := readFile(file)
	if err != nil {
		return err
	}
	name, err := iot.RecogniseFileName(filepath.Base(file))
	if err != nil {
		return withCode(exitBadInput, fmt.Errorf("%s: %w", file, err))
	}
	server.Store(func(st iot.Store) {
		mem, ok := st.(*iot.Mem)
		if !ok || len(mem.Projects()) == 0 {
			err = errors.New("the platform has no project to put firmware into")
			return
		}
		_, err = mem.AddFirmware(iot.Firmware{
			Project: mem.Projects()[0].ID, Name: name.Name, Version: name.Version, Core: name.Core,
			FileName: filepath.Base(file), Allow: true, All: true, Created: link.Epoch,
		}, data)
	})
	if err != nil {
		return withCode(exitBadInput, fmt.Errorf("%s: %w", file, err))
	}
	a.note("firmware %s version %s, %d bytes", name.Name, name.Version, len(data))
	if why := iot.VersionWarning(name.Version); why != "" {
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
