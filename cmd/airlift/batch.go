package main

import (
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu"
	"airlift/emu/link"
	"airlift/lua"
)

// batchFlags are what verbs share that run many projects.
type batchFlags struct {
	chip         chipFlags
	libs         string
	out          string
	link         string
	net          string
	surroundings sceneFlags
	seed         uint64
	limit        time.Duration
	jobs         int
}

// batchDefaults are the defaults that differ between the verbs.
type batchDefaults struct {
	chip, chipUsage  string
	devices          string
	limit            time.Duration
	limitUsage, each string
}

func (f *batchFlags) add(cmd *cobra.Command, d batchDefaults) {
	f.chip.add(cmd, d.chip)
	fl := cmd.Flags()
	fl.Lookup("chip").Usage = d.chipUsage
	fl.StringVar(&f.libs, "libs", "", "LuatOS script `folder`: its corelib and libs replace ours")
	fl.StringVar(&f.out, "out", "", "write the report to this `file`, and the table to stdout")
	fl.StringVar(&f.link, "link", "wifi", "link model: ideal, wifi, cat1 or nbiot")
	addNetFlag(cmd, &f.net, "lab")
	f.surroundings.add(cmd)
	f.surroundings.devices = d.devices
	fl.Lookup("devices").DefValue = d.devices
	fl.Uint64Var(&f.seed, "seed", 1, "seed of everything random")
	fl.DurationVar(&f.limit, "for", d.limit, d.limitUsage)
	fl.IntVarP(&f.jobs, "jobs", "j", 0, d.each+" that run side by side (default: one a processor)")
}

// resolve checks the flags and makes what they stand for.
func (f *batchFlags) resolve() (script lua.Options, model link.Model, err error) {
	switch {
	case f.limit <= 0:
		return script, model, usagef("--for %v: expected a positive time", f.limit)
	case f.jobs < 0:
		return script, model, usagef("--jobs %d: expected a number, or 0 for one a processor", f.jobs)
	}
	if script.Devices, err = f.surroundings.mode(); err != nil {
		return script, model, err
	}
	if model, err = link.Preset(f.link); err != nil {
		return script, model, withCode(exitUsage, err)
	}
	if f.libs != "" {
		if script.Libs, err = anyLibs(f.libs); err != nil {
			return script, model, withCode(exitEnv, err)
		}
	}
	return script, model, nil
}

// world returns what completes the world of each project. It is called once,
// so that a bad file or flag is told before anything runs.
func (f *batchFlags) world() (func(*emu.World, *emu.Config) error, error) {
	if err := chooseNet(emu.NewWorld(0, 0), f.net); err != nil {
		return nil, err
	}
	if err := f.surroundings.apply(new(emu.Config)); err != nil {
		return nil, err
	}
	return func(w *emu.World, cfg *emu.Config) error {
		if err := f.surroundings.apply(cfg); err != nil {
			return err
		}
		return chooseNet(w, f.net)
	}, nil
}

// redirect opens this computer's network with some hosts moved elsewhere.
func redirect(w *emu.World, network string, moves []string) error {
	if network != "real" {
		return usagef("--redirect needs --net real: with --net %s, --platform, --site and --route say who is there", network)
	}
	opt := link.RealOptions{Redirect: map[string]string{}}
	for _, m := range moves {
		from, to, ok := strings.Cut(m, "=")
		host, port, err := net.SplitHostPort(from)
		if _, _, err2 := net.SplitHostPort(to); !ok || err != nil || err2 != nil || host == "" || port == "" {
			return usagef("--redirect %q: expected HOST:PORT=ADDRESS, for example iot.openluat.com:80=127.0.0.1:8080", m)
		}
		opt.Redirect[strings.ToLower(from)] = to
	}
	w.UseRealNet(opt)
	return nil
}

// addNetFlag adds --net.
func addNetFlag(cmd *cobra.Command, network *string, def string) {
	cmd.Flags().StringVar(network, "net", def, "what is behind unknown `hosts`: none, lab (a server for the protocol of each port) or real (this computer's network)")
}

// chooseNet puts behind unknown hosts what --net says.
func chooseNet(w *emu.World, network string) error {
	switch network {
	case "", "none":
	case "lab":
		w.UseLab()
	case "real":
		w.UseRealNet(link.RealOptions{})
	default:
		return usagef("--net %q: expected none, lab or real", network)
	}
	return nil
}
