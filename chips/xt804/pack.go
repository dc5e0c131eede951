package xt804

import (
	"bytes"
	"fmt"

	"airlift/chips"
	"airlift/flash"
)

// Limits of /update.bin in bytes (xt804.md 4.2).
const (
	minUpdateBin = 512
	maxUpdateBin = 1048576
)

// Kinds of files that [chips.Maker] makes for this family.
const (
	KindBin       = "bin"        // bare script image: /update.bin
	KindFota      = "fota"       // core and script for the FOTA area
	KindSota      = "sota"       // script alone for the FOTA area
	KindScriptImg = "script.img" // script image for serial flashing
	KindAppImg    = "app.img"    // core alone
	KindFls       = "fls"        // secboot, core and script for serial flashing
	KindFlash     = "flash"      // whole flash
)

// Refusal is the error for a file that the module would choke on. Force in
// [chips.MakeInput] makes it all the same.
type Refusal struct {
	Pitfall string // number in the reference, "P1", or empty
	Text    string
	Hint    string
}

func (r *Refusal) Error() string {
	s := r.Text
	if r.Pitfall != "" {
		s += " (pitfall " + r.Pitfall + ")"
	}
	if r.Hint != "" {
		s += ": " + r.Hint
	}
	return s
}

// maker makes files for one chip.
type maker struct {
	model   *chips.Model
	profile *chips.Profile
	layout  Layout
}

// Kinds lists the family's kinds and which the profile's firmware can take.
func (m *maker) Kinds() []chips.PackageKind {
	kinds := []chips.PackageKind{
		{Name: KindBin, Ext: ".bin", Summary: "script for the file system (/update.bin)", Upgrade: true},
		{Name: KindFota, Ext: ".fota", Summary: "core and script for the FOTA area", Upgrade: true, Core: true},
		{Name: KindSota, Ext: ".sota", Summary: "script alone for the FOTA area", Upgrade: true},
		{Name: KindScriptImg, Ext: ".script.img", Summary: "script image for serial flashing"},
		{Name: KindAppImg, Ext: ".app.img", Summary: "core image"},
		{Name: KindFls, Ext: ".fls", Summary: "boot code, core and script for serial flashing"},
		{Name: KindFlash, Ext: ".flash", Summary: "contents of the whole flash"},
	}
	for i := range kinds {
		k := &kinds[i]
		if k.Upgrade {
			if r := m.unfit(k.Name); r != nil {
				k.Why = r.Error()
			}
		}
		k.Fits = k.Why == ""
	}
	return kinds
}

// unfit says why the firmware cannot take an upgrade package (xt804.md 1.6).
func (m *maker) unfit(kind string) *Refusal {
	g, fota := m.layout.Generation, m.profile.Features.Fota
	switch {
	case kind == KindBin && !m.profile.Features.FileOTA:
		return &Refusal{"P11", fmt.Sprintf("firmware %s has no file-system OTA", g), "send a .fota package"}
	case kind == KindBin && fota:
		return &Refusal{"P12", fmt.Sprintf("firmware %s has both kinds of OTA, and the libraries then choose the FOTA area", g), "send a .fota or .sota package"}
	case kind == KindBin:
		return nil
	case !fota:
		return &Refusal{"P10", fmt.Sprintf("firmware %s has no FOTA area", g), "send a .bin package"}
	case m.layout.FotaRoom() <= flash.DefaultSectorSize:
		return &Refusal{"P9", fmt.Sprintf("the FOTA area has %d bytes", m.layout.FotaRoom()), "use a partition file with a larger fota partition"}
	case kind == KindSota && g == G3:
		return &Refusal{"P7", "firmware g3 accepts a script-only package and throws it away at the next start", "send a .fota package"}
	}
	return nil
}

// Make makes one file. The error is a *[Refusal] where Force would help.
func (m *maker) Make(kind string, in chips.MakeInput) ([]byte, error) {
	j := job{maker: m, in: in}
	makers := map[string]func() ([]byte, error){
		KindBin: j.bin, KindFota: j.fota, KindSota: j.sota, KindScriptImg: j.scriptImg,
		KindAppImg: j.appImg, KindFls: j.fls, KindFlash: j.flash,
	}
	f, ok := makers[kind]
	if !ok {
		return nil, fmt.Errorf("%s has no packages or images of kind %q", m.model.Name, kind)
	}
	data, err := f()
	if err = j.verdict(kind, err); err != nil {
		return nil, err
	}
	return data, nil
}

// MakeFlash implements [chips.FlashMaker].
func (m *maker) MakeFlash(in chips.MakeInput) ([]*flash.Device, error) {
	j := job{maker: m, in: in}
	d, err := j.flashDevice()
	if err = j.verdict(KindFlash, err); err != nil {
		return nil, err
	}
	return []*flash.Device{d}, nil
}

// verdict is how a job ended: its error, or what was refused on the way.
func (j *job) verdict(kind string, err error) error {
	if err == nil && j.refusal != nil && !j.in.Force {
		err = j.refusal
	}
	if err != nil {
		return fmt.Errorf("make %s for %s %s: %w", kind, j.model.Name, j.profile.Name, err)
	}
	return nil
}

// job is one call of Make. The first refusal is kept while work goes on, so
// that Force needs no second way through the code.
type job struct {
	*maker
	in      chips.MakeInput
	refusal *Refusal
}

func (j *job) refuse(r *Refusal) {
	if j.refusal == nil {
		j.refusal = r
	}
}

func (j *job) bin() ([]byte, error) {
	if r := j.unfit(KindBin); r != nil {
		j.refuse(r)
	}
	if err := j.checkScript(); err != nil {
		return nil, err
	}
	n := int64(len(j.in.Script))
	if n < minUpdateBin || n > maxUpdateBin {
		j.refuse(&Refusal{"P16", fmt.Sprintf("script image of %d bytes: the firmware takes %d to %d", n, minUpdateBin, maxUpdateBin), "add a file to the script if it is too small"})
	}
	if fs := j.layout.Part(PartFS).Size; n > fs-2*flash.DefaultSectorSize {
		j.refuse(&Refusal{"P13", fmt.Sprintf("script image of %d bytes does not fit the file system of %d, two sectors of which hold its directory", n, fs), "make the script smaller"})
	}
	return append([]byte(nil), j.in.Script...), nil
}

func (j *job) scriptImg() ([]byte, error) { return j.script(TypeApp) }

// script makes a script image: type 1 for serial flashing, type 2 for
// packages, which the firmware tells apart by nothing else (pitfall P18).
func (j *job) script(typ uint32) ([]byte, error) {
	if err := j.checkScript(); err != nil {
		return nil, err
	}
	return NewImage(j.layout.ScriptHeader(typ), j.in.Script, ImagePad), nil
}

func (j *job) appImg() ([]byte, error) {
	c, err := j.core()
	if err != nil {
		return nil, err
	}
	return c.app, nil
}

func (j *job) fls() ([]byte, error) {
	images, err := j.images()
	if err != nil {
		return nil, err
	}
	return bytes.Join(images, nil), nil
}

// images are secboot, app and, if there is one, script.
func (j *job) images() ([][]byte, error) {
	c, err := j.core()
	if err != nil {
		return nil, err
	}
	if j.in.Script == nil {
		return [][]byte{c.secboot, c.app}, nil
	}
	script, err := j.script(TypeApp)
	if err != nil {
		return nil, err
	}
	return [][]byte{c.secboot, c.app, script}, nil
}

func (j *job) flash() ([]byte, error) {
	d, err := j.flashDevice()
	if err != nil {
		return nil, err
	}
	return d.Bytes(), nil
}

func (j *job) flashDevice() (*flash.Device, error) {
	images, err := j.images()
	if err != nil {
		return nil, err
	}
	d, err := flash.New(j.model.Flash[0])
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		if err := BurnImages(d, img); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// fota makes gzip(app image || script image) under a type 1 header
// (xt804.md 4.7).
func (j *job) fota() ([]byte, error) {
	c, err := j.core()
	if err != nil {
		return nil, err
	}
	payload := append([]byte(nil), c.app...)
	if j.in.Script != nil {
		script, err := j.script(TypeScript)
		if err != nil {
			return nil, err
		}
		payload = append(payload, script...)
	}
	if n, room := int64(len(payload)-HeaderSize), j.layout.CodeRoom(); n > room {
		j.refuse(&Refusal{"P6", fmt.Sprintf("core and script together have %d bytes, the app partition takes %d: the boot code would write on into the next partition", n, room), "make core or script smaller"})
	}
	h := j.layout.AppHeader()
	h.Attr |= AttrZipped
	h.Ver = [16]byte{} // the packer is called without a version here
	return j.zip(KindFota, h, payload)
}

// sota makes gzip(script image) under a type 2 header (xt804.md 4.7).
func (j *job) sota() ([]byte, error) {
	payload, err := j.script(TypeScript)
	if err != nil {
		return nil, err
	}
	addr := j.layout.ScriptAddr()
	h := Header{Attr: TypeScript | AttrZipped, ImgAddr: addr, ImgHeaderAddr: addr, UpgradeImgAddr: j.layout.FotaAddr()}
	return j.zip(KindSota, h, payload)
}

// zip wraps a payload and checks what boot code and firmware do to packages.
func (j *job) zip(kind string, h Header, payload []byte) ([]byte, error) {
	if r := j.unfit(kind); r != nil {
		j.refuse(r)
	}
	if h.UpgradeImgAddr != UpgradeAddr {
		j.refuse(&Refusal{"P3", fmt.Sprintf("the fota partition is at 0x%08X, the boot code looks at 0x%08X", h.UpgradeImgAddr, uint32(UpgradeAddr)), "move the fota partition to 0x010000"})
	}
	body := padTo(Gzip(payload), ImagePad)
	if HitsRefillBug(int64(len(body))) {
		if j.in.Pad {
			body = append(body, make([]byte, ImagePad)...)
		} else {
			j.refuse(&Refusal{"P1", fmt.Sprintf("the package has %d bytes of compressed data, a multiple of 8192: the boot code loses the last 8192 and wrecks the module", len(body)), "pad it by 1024 bytes, or make it anyway by force"})
		}
	}
	if n, room := int64(HeaderSize+len(body)), j.layout.FotaRoom(); n > room {
		j.refuse(&Refusal{"P9", fmt.Sprintf("the package has %d bytes, the FOTA area %d", n, room), "make core or script smaller, or the fota partition larger"})
	}
	return NewImage(h, body, ImagePad), nil
}

// HitsRefillBug reports whether secboot fails on a zipped image with so many
// bytes of body: its input refill takes a multiple of 8192 for the end of the
// data one buffer too early (xt804.md 6, P1).
func HitsRefillBug(imgLen int64) bool { return imgLen > 8192 && imgLen%8192 == 0 }

// PackageName implements [chips.PackageNamer].
func (m *maker) PackageName(project, coreVersion, version string) (string, error) {
	return chips.PackageName(project, coreVersion, version, m.model.BSP)
}
