package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu/iot"
)

// deltaModels are the models for which there is a creator of difference
// packages.
var deltaModels = sync.OnceValue(func() []*chips.Model {
	var list []*chips.Model
	for _, f := range all.Families() {
		for _, m := range f.Models() {
			chip, err := all.Chip(m.Name, "")
			if err != nil {
				continue
			}
			if _, ok := chip.Maker.(chips.DeltaMaker); ok {
				list = append(list, m)
			}
		}
	}
	return list
})

// difference is a job with the names of what it leads from and to.
type difference struct {
	iot.Job
	From, To string
}

// CoreText is the core as devices send it: one number, or three.
func (d difference) CoreText() string {
	if d.Core[0] == 0 && d.Core[1] == 0 {
		return fmt.Sprint(d.Core[2])
	}
	return fmt.Sprintf("%d.%d.%d", d.Core[0], d.Core[1], d.Core[2])
}

// differences is the page of base cores, and of the packages that lead from
// them to uploaded firmware.
func (c *ctx) differences() error {
	return c.inProject("differences", view{Title: c.t("Difference packages"), Nav: "differences", Wide: true}, func(p iot.ProjectInfo) (any, error) {
		bases, err := c.tenant.Bases(p.ID)
		if err != nil {
			return nil, err
		}
		jobs, err := c.tenant.Jobs(p.ID)
		if err != nil {
			return nil, err
		}
		list, err := c.named(jobs, bases)
		return map[string]any{"Bases": bases, "Jobs": list, "Models": deltaModels()}, err
	})
}

// named adds the names of base and firmware to jobs.
func (c *ctx) named(jobs []iot.Job, bases []iot.Base) ([]difference, error) {
	names := map[int64]string{}
	var list []difference
	for _, j := range jobs {
		d := difference{Job: j}
		if i := slices.IndexFunc(bases, func(b iot.Base) bool { return b.ID == j.Base }); i >= 0 {
			d.From = bases[i].FileName
		}
		if _, ok := names[j.Firmware]; !ok {
			f, err := c.tenant.FirmwareByID(j.Firmware)
			if err != nil && !errors.Is(err, iot.ErrNotFound) { // deleted meanwhile
				return nil, err
			}
			names[j.Firmware] = f.Name + " " + f.Version
		}
		d.To = names[j.Firmware]
		list = append(list, d)
	}
	return list, nil
}

// createBase takes a core that packages can be made from. Without a model the
// platform builds nothing, and no file is needed.
func (c *ctx) createBase() error {
	d := iot.BaseDraft{Name: c.value("name"), Core: c.value("core"), Chip: c.value("chip")}
	if d.Chip != "" && !slices.ContainsFunc(deltaModels(), func(m *chips.Model) bool { return m.Name == d.Chip }) {
		return c.failed(http.StatusUnprocessableEntity, c.t("Please check what you entered."), fmt.Errorf("there are no difference packages for model %q", d.Chip))
	}
	var content io.Reader
	switch file, name, err := c.upload(); {
	case err == nil:
		defer file.Close()
		content, d.FileName = file, name
	case !errors.Is(err, errNoFile):
		return err
	case d.Chip != "":
		return c.fail(http.StatusUnprocessableEntity, "Choose a file first.")
	}
	b, err := c.tenant.CreateBase(c.number("project"), d, content)
	if err != nil {
		return err
	}
	return c.done(inPath("/differences", b.Project), c.t("Base core %s added.", b.Core))
}

func (c *ctx) deleteBase() error {
	if err := c.tenant.DeleteBase(c.id()); err != nil {
		return err
	}
	return c.done("/differences", c.t("Base core deleted, with the packages that were made from it."))
}

func (c *ctx) retryJob() error {
	if _, err := c.tenant.RetryJob(c.id()); err != nil {
		return err
	}
	return c.done("/differences", c.t("The package is built again."))
}
