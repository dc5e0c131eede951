package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"airlift/emu"
	"airlift/emu/scene"
	"airlift/lua"
)

// sceneFlags describe what surrounds a module.
type sceneFlags struct {
	scene, devices string
}

func (f *sceneFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.scene, "scene", "", "YAML `file` that describes what surrounds the module: SIM card, cells, Wi-Fi, pins, buses, messages, calls")
	f.addDevices(cmd)
}

func (f *sceneFlags) addDevices(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.devices, "devices", "refuse", "functions of screens, cameras, sound ...: `way` is refuse (by name) or noop (do nothing)")
}

// apply puts the scene into cfg.
func (f *sceneFlags) apply(cfg *emu.Config) error {
	mode, err := f.mode()
	if err != nil {
		return err
	}
	cfg.Script.Devices = mode
	if f.scene == "" {
		return nil
	}
	text, err := readFile(f.scene)
	if err != nil {
		return err
	}
	s, err := scene.ParseWith(text, func(name string) ([]byte, error) {
		return readFile(filepath.Join(filepath.Dir(f.scene), filepath.FromSlash(name)))
	})
	if err != nil {
		return withCode(exitBadInput, fmt.Errorf("%s: %w", f.scene, err))
	}
	cfg.Scene = s
	return nil
}

// mode is what --devices means.
func (f *sceneFlags) mode() (lua.DeviceMode, error) {
	switch f.devices {
	case "refuse", "":
		return lua.DevicesRefuse, nil
	case "noop":
		return lua.DevicesNoop, nil
	}
	return 0, usagef("--devices %q: expected refuse or noop", f.devices)
}
