package web

import (
	"net/http"

	"airlift/emu/iot"
)

// devices is the page 我的设备.
func (c *ctx) devices() error {
	return c.inProject("devices", view{Title: c.t("My devices"), Nav: "devices", Wide: true}, func(p iot.ProjectInfo) (any, error) {
		list, err := c.tenant.Devices(p.ID, iot.DeviceFilter{Search: c.value("q")}, c.pageOf())
		return list, err
	})
}

func (c *ctx) addDevices() error {
	list, err := c.identities()
	if err != nil {
		return err
	}
	added, skipped, err := c.tenant.AddDevices(c.number("project"), list)
	if err != nil {
		return err
	}
	return c.done(inPath("/devices", c.number("project")), c.counted("Devices added: %d", added, skipped))
}

// identities are those in the field or the file of a form, one a line.
func (c *ctx) identities() ([]string, error) {
	list := lines(c.r.FormValue("identities"))
	if c.r.MultipartForm != nil {
		for _, h := range c.r.MultipartForm.File["file"] {
			if h.Size == 0 {
				continue
			}
			text, err := readUpload(h)
			if err != nil {
				return nil, err
			}
			list = append(list, lines(text)...)
		}
	}
	if len(list) == 0 {
		return nil, c.fail(http.StatusUnprocessableEntity, "Enter at least one IMEI, one a line.")
	}
	return list, nil
}

// counted says how many of something were done, and what was left out.
func (c *ctx) counted(text string, n int, skipped []string) string {
	text = c.t(text, n)
	if len(skipped) > 0 {
		text += c.t(", skipped: %d", len(skipped))
	}
	return text
}

func (c *ctx) transferDevices() error {
	var only []string // all
	if c.value("which") == "some" {
		var err error
		if only, err = c.identities(); err != nil {
			return err
		}
	}
	moved, skipped, err := c.tenant.TransferDevices(c.number("project"), only, c.value("account"), c.value("to"))
	if err != nil {
		return err
	}
	return c.done(inPath("/devices", c.number("project")), c.t("Done.")+" "+c.counted("Devices transferred: %d", moved, skipped))
}

func (c *ctx) resetDevices() error {
	n, err := c.tenant.ResetDevices(c.number("project"))
	if err != nil {
		return err
	}
	return c.done(inPath("/devices", c.number("project")), c.t("Done.")+" "+c.counted("Devices reset: %d", n, nil))
}

// device is one device with what was sent to it and what it asked.
func (c *ctx) device() error {
	d, err := c.tenant.Device(c.id())
	if err != nil {
		return err
	}
	p, err := c.tenant.Project(d.Project)
	if err != nil {
		return err
	}
	sent, err := c.tenant.Deliveries(iot.DeliveryFilter{Device: d.ID}, iot.Page{Limit: 20})
	if err != nil {
		return err
	}
	asked, err := c.tenant.Log(iot.LogFilter{Identity: d.Identity}, iot.Page{Limit: 20})
	if err != nil {
		return err
	}
	return c.render("device", view{Title: d.Identity, Nav: "devices", Data: map[string]any{
		"Device": d, "Project": p, "Deliveries": sent, "Log": asked,
	}})
}

func (c *ctx) updateDevice() error {
	name := c.value("name")
	if _, err := c.tenant.UpdateDevice(c.id(), iot.DeviceUpdate{Name: &name}); err != nil {
		return err
	}
	return c.done(pathOf("/devices", c.id()), c.t("Saved."))
}

// switchDevice sets the upgrade state. Allowing also lifts a ban.
func (c *ctx) switchDevice() error {
	forbidden := c.value("state") == "forbid"
	d, err := c.tenant.UpdateDevice(c.id(), iot.DeviceUpdate{Forbidden: &forbidden})
	if err != nil {
		return err
	}
	if c.partial() {
		return c.part("device-state", d)
	}
	return c.done(pathOf("/devices", d.ID), c.t("Saved."))
}

func (c *ctx) deleteDevice() error {
	d, err := c.tenant.Device(c.id())
	if err != nil {
		return err
	}
	if err := c.tenant.DeleteDevice(d.ID); err != nil {
		return err
	}
	return c.done(inPath("/devices", d.Project), c.t("Device deleted. It registers again at its next request."))
}
