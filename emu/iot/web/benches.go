package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"

	"airlift/chips"
	"airlift/emu/bench"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/flash"
)

// speeds are those that the form offers.
var speeds = []int{1, 5, 20, 100, bench.SpeedMax}

// bench lists the virtual devices of the account, and starts more.
func (c *ctx) bench() error {
	return c.inProject("bench", view{Title: c.t("Device bench"), Nav: "bench"}, func(p iot.ProjectInfo) (any, error) {
		spec := bench.Spec{Project: bench.Project{Name: "fotademo", Version: "1.0.0", Key: p.Key, PollS: 60}}
		main, err := spec.Project.Main()
		if err != nil {
			return nil, err
		}
		models := bench.Models()
		return map[string]any{
			"Units": c.p.opt.Bench.Units(c.session.Account.ID), "Models": models, "Model": "Air780EPM",
			"Profiles": profilesOf(models, "Air780EPM"), "Links": link.Presets, "Speeds": speeds, "Main": main,
		}, nil
	})
}

// profilesOf are the firmware profiles of a model.
func profilesOf(models []*chips.Model, name string) map[string]any {
	i := slices.IndexFunc(models, func(m *chips.Model) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return map[string]any{"List": models[i].Profiles, "Default": models[i].Default}
}

// profiles are the choices for a model, for the form.
func (c *ctx) profiles() error {
	return c.part("profiles", profilesOf(bench.Models(), c.value("model")))
}

func (c *ctx) startUnit() error {
	p, err := c.tenant.Project(c.number("project"))
	if err != nil {
		return err
	}
	n, err := c.counts("speed", "poll")
	if err != nil {
		return err
	}
	var seed [8]byte
	rand.Read(seed[:])
	spec := bench.Spec{
		Model: c.value("model"), Profile: c.value("profile"), Link: c.value("link"), Speed: n[0], IMEI: c.value("imei"),
		Seed:    binary.LittleEndian.Uint64(seed[:]),
		Project: bench.Project{Name: c.value("name"), Version: c.value("version"), Key: p.Key, PollS: n[1]},
	}
	if c.on("own") {
		spec.Main = c.r.PostFormValue("main")
	}
	u, err := c.p.opt.Bench.Start(c.session.Account.ID, spec)
	if err != nil {
		return c.benchError(err)
	}
	return c.done(pathOf("/bench", u.ID), "")
}

// benchError tells a person what is wrong with what was asked of the bench.
func (c *ctx) benchError(err error) error {
	for _, known := range []error{bench.ErrFull, bench.ErrClosed, bench.ErrNotFound, iot.ErrTooMany, context.Canceled} {
		if errors.Is(err, known) {
			return err
		}
	}
	return c.failed(http.StatusUnprocessableEntity, c.t("Please check what you entered."), err)
}

// part is one partition on the flash map.
type part struct {
	flash.Partition
	Chip    int
	First   int64 // sector
	Sectors int64
}

// partsOf are the partitions of a chip by their place, without overlays, and
// with what lies between them.
func partsOf(chip *chips.Chip) [][]part {
	var all [][]part
	for n, table := range chip.Partitions {
		var list []part
		at := int64(0)
		add := func(p flash.Partition) {
			list = append(list, part{p, n, p.Off / flash.DefaultSectorSize, p.Size / flash.DefaultSectorSize})
			at = p.End()
		}
		for _, p := range table.Sorted() {
			if p.Overlay {
				continue
			}
			if p.Off > at {
				add(flash.Partition{Name: "–", Off: at, Size: p.Off - at})
			}
			add(p)
		}
		if size := chip.Model.Flash[n].Size; size > at {
			add(flash.Partition{Name: "–", Off: at, Size: size - at})
		}
		all = append(all, list)
	}
	return all
}

// unit is the page of one virtual device.
func (c *ctx) unit() error {
	u, err := c.p.opt.Bench.Unit(c.session.Account.ID, c.id())
	if err != nil {
		return err
	}
	kinds, err := u.Spec.Kinds()
	if err != nil {
		return err
	}
	name, version := u.Spec.Release()
	return c.render("unit", view{Title: u.Spec.Model, Nav: "bench", Wide: true, Data: map[string]any{
		"Unit": u, "Parts": partsOf(u.Chip), "Kinds": kinds, "Core": bench.NextCore(u.Spec.Core),
		"Name": name, "Version": version, "Next": bench.NextVersion(version),
	}})
}

func (c *ctx) unitPower() error {
	u, err := c.p.opt.Bench.Unit(c.session.Account.ID, c.id())
	if err != nil {
		return err
	}
	if c.value("to") == "off" {
		u.PowerOff()
	} else {
		u.PowerOn()
	}
	if c.partial() {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return c.to(pathOf("/bench", u.ID))
}

func (c *ctx) deleteUnit() error {
	if err := c.p.opt.Bench.Remove(c.session.Account.ID, c.id()); err != nil {
		return err
	}
	return c.done("/bench", c.t("Virtual device removed."))
}

// unitPackage makes an upgrade for a virtual device, and publishes or downloads
// it.
func (c *ctx) unitPackage() error {
	u, err := c.p.opt.Bench.Unit(c.session.Account.ID, c.id())
	if err != nil {
		return err
	}
	p, err := c.makePackage(u)
	if err != nil {
		return c.benchError(err)
	}
	if c.value("do") == "download" {
		c.attachment(p.FileName, int64(len(p.Data)))
		c.send(p.Data)
		return nil
	}
	project, err := c.projectOf(u)
	if err != nil {
		return err
	}
	remark := c.t("made on the bench")
	if c.on("damaged") {
		remark = c.t("made on the bench, damaged on purpose")
	}
	f, err := c.tenant.CreateFirmware(project, iot.FirmwareDraft{FileName: p.FileName, Remark: remark, Allow: true, All: c.on("all")}, bytes.NewReader(p.Data))
	if err != nil {
		return err
	}
	return c.done(pathOf("/bench", u.ID), c.t("Firmware %s %s created.", f.Name, f.Version))
}

// makePackage makes what the form asks for. A delta takes a second or more of a
// processor, so people wait for one another, and nobody stands in the queue with
// many.
func (c *ctx) makePackage(u *bench.Unit) (bench.Package, error) {
	if !c.p.makers.take(c.session.Account.ID) {
		return bench.Package{}, iot.ErrTooMany
	}
	defer c.p.makers.give(c.session.Account.ID)
	select {
	case c.p.making <- struct{}{}:
		defer func() { <-c.p.making }()
	case <-c.r.Context().Done():
		return bench.Package{}, c.r.Context().Err()
	}
	return u.Spec.Package(bench.Draft{Kind: c.value("kind"), Version: c.value("version"), Core: c.value("core"), Damaged: c.on("damaged")})
}

// projectOf is the project whose key a unit was started with.
func (c *ctx) projectOf(u *bench.Unit) (int64, error) {
	list, err := c.tenant.Projects()
	if err != nil {
		return 0, err
	}
	for _, p := range list {
		if p.Key == u.Spec.Project.Key {
			return p.ID, nil
		}
	}
	return 0, c.fail(http.StatusConflict, "The project of this virtual device is gone.")
}
