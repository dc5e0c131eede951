package main

import (
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/link"
	"airlift/lua"
)

// batchFlags are what verbs share that run many projects.
type batchFlags struct {
	chip    chipFlags
	libs    string
	out     string
	link    string
	devices string
	seed    uint64
	limit   time.Duration
	jobs    int
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
	fl.StringVar(&f.devices, "devices", d.devices, "screens, cameras and other devices that are not emulated: refuse, or noop for calls that do nothing")
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
	if script.Devices, err = deviceMode(f.devices); err != nil {
		return script, model, err
	}
	if model, err = link.Preset(f.link); err != nil {
		return script, model, withCode(exitUsage, err)
	}
	if f.libs != "" {
		if script.Libs, err = lua.LibsFromDir(f.libs); err != nil {
			return script, model, withCode(exitEnv, err)
		}
	}
	return script, model, nil
}

// deviceMode reads --devices.
func deviceMode(s string) (lua.DeviceMode, error) {
	switch s {
	case "refuse":
		return lua.DevicesRefuse, nil
	case "noop":
		return lua.DevicesNoop, nil
	}
	return 0, usagef("--devices %q: expected refuse or noop", s)
}
