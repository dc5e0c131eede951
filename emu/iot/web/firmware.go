package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"

	"airlift/emu/iot"
)

// firmwareList is the page 我的固件.
func (c *ctx) firmwareList() error {
	return c.inProject("firmware", view{Title: c.t("My firmware"), Nav: "firmware", Wide: true}, func(p iot.ProjectInfo) (any, error) {
		list, err := c.tenant.Firmware(p.ID, c.value("q"), c.pageOf())
		return list, err
	})
}

// recognise reads name and version from a file's name, for the dialog.
func (c *ctx) recognise() error {
	name, err := iot.RecogniseFileName(c.value("file"))
	data := map[string]any{"File": c.value("file"), "Name": name, "Failed": err != nil}
	if err == nil {
		data["Warning"] = iot.VersionWarning(name.Version)
	}
	return c.part("recognised", data)
}

// createFirmware is the dialog 创建固件.
func (c *ctx) createFirmware() error {
	file, name, err := c.upload()
	if errors.Is(err, errNoFile) {
		return c.fail(http.StatusUnprocessableEntity, "Choose a file first.")
	}
	if err != nil {
		return err
	}
	defer file.Close()
	f, err := c.tenant.CreateFirmware(c.number("project"), iot.FirmwareDraft{
		FileName: name, Name: c.value("name"), Version: c.value("version"), Core: c.value("core"),
		Remark: c.value("remark"), Allow: c.on("allow"), All: c.on("all"), Devices: lines(c.r.FormValue("identities")),
	}, file)
	if err != nil {
		return err
	}
	return c.done(pathOf("/firmware", f.ID), c.t("Firmware %s %s created.", f.Name, f.Version))
}

// errNoFile says that a form has no file.
var errNoFile = errors.New("no file was chosen")

// upload opens the file of a form.
func (c *ctx) upload() (multipart.File, string, error) {
	file, head, err := c.r.FormFile("file")
	switch {
	case errors.Is(err, http.ErrMissingFile), errors.Is(err, http.ErrNotMultipart):
		return nil, "", errNoFile
	case err != nil:
		return nil, "", err
	case head.Size > c.p.opt.UploadMax:
		file.Close()
		return nil, "", iot.ErrTooLarge
	}
	return file, head.Filename, nil
}

// readUpload reads a text file, which is not larger than its form may be.
func readUpload(h *multipart.FileHeader) (string, error) {
	f, err := h.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	return string(text), err
}

// firmware is one firmware with its list of devices.
func (c *ctx) firmware() error {
	f, err := c.tenant.FirmwareByID(c.id())
	if err != nil {
		return err
	}
	p, err := c.tenant.Project(f.Project)
	if err != nil {
		return err
	}
	c.remember(p.ID)
	listed, err := c.tenant.FirmwareDevices(f.ID, c.value("q"), c.pageOf())
	if err != nil {
		return err
	}
	sent, err := c.tenant.Deliveries(iot.DeliveryFilter{Firmware: f.ID}, iot.Page{Limit: 20})
	if err != nil {
		return err
	}
	return c.render("firmwareone", view{Title: f.Name + " " + f.Version, Nav: "firmware", Data: map[string]any{
		"Firmware": f, "Project": p, "Listed": listed, "Deliveries": sent, "Warning": iot.VersionWarning(f.Version),
	}})
}

func (c *ctx) updateFirmware() error {
	name, version, core, remark := c.value("name"), c.value("version"), c.value("core"), c.value("remark")
	allow, all, coreID, script := c.on("allow"), c.on("all"), c.number("core_id"), c.value("script_version")
	_, err := c.tenant.UpdateFirmware(c.id(), iot.FirmwareUpdate{
		Name: &name, Version: &version, Core: &core, Remark: &remark, Allow: &allow, All: &all, CoreID: &coreID, ScriptVersion: &script,
	})
	if err != nil {
		return err
	}
	return c.done(pathOf("/firmware", c.id()), c.t("Saved."))
}

// switchFirmware flips one of the switches in the list.
func (c *ctx) switchFirmware() error {
	on := c.value("to") == "on"
	u := iot.FirmwareUpdate{}
	switch c.value("which") {
	case "allow":
		u.Allow = &on
	case "all":
		u.All = &on
	default:
		return c.fail(http.StatusBadRequest, "The form did not arrive whole.")
	}
	f, err := c.tenant.UpdateFirmware(c.id(), u)
	if err != nil {
		return err
	}
	if c.partial() {
		return c.part("firmware-switch", map[string]any{"Firmware": f, "Which": c.value("which")})
	}
	return c.done(inPath("/firmware", f.Project), c.t("Saved."))
}

func (c *ctx) deleteFirmware() error {
	f, err := c.tenant.FirmwareByID(c.id())
	if err != nil {
		return err
	}
	if err := c.tenant.DeleteFirmware(f.ID); err != nil {
		return err
	}
	return c.done(inPath("/firmware", f.Project), c.t("Firmware deleted."))
}

// firmwareFile downloads the uploaded file.
func (c *ctx) firmwareFile() error {
	file, f, err := c.tenant.OpenFirmware(c.id())
	if err != nil {
		return err
	}
	defer file.Close()
	c.attachment(f.FileName, f.Size)
	_, err = io.Copy(c.w, file)
	if bad := (*fs.PathError)(nil); errors.As(err, &bad) { // too late for a page
		c.p.report(err)
	}
	return nil
}

// attachment sets the header of a download.
func (c *ctx) attachment(name string, size int64) {
	h := c.w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Length", fmt.Sprint(size))
	h.Set("Cache-Control", "no-store")
}

// listDevices adds to the list 指定设备.
func (c *ctx) listDevices() error {
	list, err := c.identities()
	if err != nil {
		return err
	}
	added, err := c.tenant.AddFirmwareDevices(c.id(), list)
	if err != nil {
		return err
	}
	return c.done(pathOf("/firmware", c.id()), c.counted("Devices added: %d", added, nil))
}

func (c *ctx) unlistDevices() error {
	n, err := c.tenant.RemoveFirmwareDevices(c.id(), c.r.PostForm["identity"])
	if err != nil {
		return err
	}
	return c.done(pathOf("/firmware", c.id()), c.counted("Devices removed: %d", n, nil))
}
