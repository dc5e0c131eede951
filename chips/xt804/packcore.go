package xt804

import (
	"encoding/binary"
	"errors"
	"fmt"

	archive "airlift/chips/soc"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/luadb"
)

// coreImages are the images of a core, as they are in a .fls.
type coreImages struct{ secboot, app []byte }

// core returns the images of the core that the job was given, or makes a
// synthetic one.
func (j *job) core() (coreImages, error) {
	if j.in.Core != nil {
		return j.givenCore()
	}
	info := j.coreInfo()
	if err := info.Check(); err != nil {
		return coreImages{}, err
	}
	room := j.layout.CodeRoom()
	size := j.in.CoreSize
	if size == 0 {
		size = min(defaultCoreBytes, room/8*7)
	}
	if size < 0 || size > j.layout.FlashSize {
		return coreImages{}, fmt.Errorf("core of %d bytes: expected at most %d", size, room)
	}
	app := j.layout.AppImage(SyntheticCore(info, size, j.in.CoreSeed))
	j.checkRoom(int64(len(app) - HeaderSize))
	return coreImages{j.layout.SecbootImage(), app}, nil
}

// coreInfo describes the synthetic core of the chip.
func (j *job) coreInfo() synth.Info {
	p := j.profile
	info := synth.Info{
		Model: j.model.Name, BSP: j.model.BSP, Profile: p.Name, Version: p.CoreVersion, Base: p.Base,
		BuildDate: buildDate(p.CoreDate), BuildTime: "12:00:00", FlashSize: j.layout.FlashSize,
		Bits: p.Bits, Features: p.Features, Partitions: append(flash.Table(nil), j.layout.Table...),
	}
	if j.in.CoreVersion != "" {
		info.Version = j.in.CoreVersion
	}
	return info
}

func (j *job) checkRoom(n int64) {
	if room := j.layout.CodeRoom(); n > room {
		j.refuse(&Refusal{"P6", fmt.Sprintf("the core has %d bytes, the app partition takes %d", n, room), "use a smaller core or a larger app partition"})
	}
}

// givenCore takes app image and secboot image from a .fls or an app.img, or
// from the .fls in a .soc archive.
func (j *job) givenCore() (coreImages, error) {
	core := j.in.Core
	if archive.Is(core) {
		a, err := archive.Open(core)
		if err == nil {
			_, core, err = a.ROM()
		}
		if err != nil {
			return coreImages{}, fmt.Errorf("core: %w", err)
		}
	}
	images, err := ParseImages(core)
	if err != nil {
		return coreImages{}, fmt.Errorf("core: %w", err)
	}
	c := coreImages{secboot: j.layout.SecbootImage()}
	for i := range images {
		m := &images[i]
		raw := core[m.Off : m.Off+m.Len()]
		switch {
		case m.Type() == TypeSecboot:
			c.secboot = raw
			j.checkAddr("secboot's next header", m.Next, j.layout.Header)
			j.checkAddr("secboot header", m.ImgHeaderAddr, SecbootHeaderAddr)
			j.checkAddr("secboot code", m.ImgAddr, SecbootCodeAddr)
		case m.Type() == TypeApp && m.ImgHeaderAddr != RAMHeader && c.app == nil:
			if m.Zipped() {
				return coreImages{}, &explain.FormatError{Off: m.Off + 4, What: "core image", Want: "an image that is not zipped", Got: "a package", Hint: "take the .fls or app.img that it was made from"}
			}
			c.app = raw
			j.checkAddr("app header", m.ImgHeaderAddr, j.layout.Header)
			j.checkAddr("app code", m.ImgAddr, j.layout.CodeAddr())
			j.checkRoom(int64(len(m.Body) + len(m.Signature)))
		}
	}
	if c.app == nil {
		return coreImages{}, &explain.FormatError{What: "core", Want: "an app image (type 1)", Got: fmt.Sprintf("%d images, none of them", len(images))}
	}
	return c, nil
}

// checkAddr refuses a core that was built for another layout.
func (j *job) checkAddr(what string, got, want uint32) {
	if got != want {
		j.refuse(&Refusal{"P4", fmt.Sprintf("the core was built for another flash map: %s is 0x%08X, here it is 0x%08X", what, got, want),
			fmt.Sprintf("use the core of %s %s, or its partition file", j.model.Name, j.profile.Name)})
	}
}

// checkScript wants a script image that the module can use: readable, ending
// with the right trailer, for the core's width of numbers, and no larger than
// its partition.
func (j *job) checkScript() error {
	if j.in.Script == nil {
		return errors.New("a script image is needed")
	}
	img, err := luadb.Parse(j.in.Script)
	if err != nil {
		return fmt.Errorf("script image: %w", err)
	}
	if t, ok := img.Trailer(); !ok || !t.Good {
		return &explain.FormatError{Off: img.End, What: "script image", Want: "a file " + luadb.TrailerName + " with the MD5 of what precedes it at the end", Got: "none or a wrong one", Hint: "the firmware deletes such an /update.bin unread"}
	}
	if img.End != int64(len(j.in.Script)) {
		return &explain.FormatError{Off: img.End, What: "script image", Want: "no padding", Got: fmt.Sprintf("%d bytes behind the last file", int64(len(j.in.Script))-img.End)}
	}
	j.checkBits(img)
	if n, room := int64(len(padTo(j.in.Script, ImagePad))), j.layout.Part(PartScript).Size; n > room {
		j.refuse(&Refusal{"P17", fmt.Sprintf("the script image has %d bytes, the script partition %d: the firmware would write on into the next partition", n, room), "make the script smaller"})
	}
	return nil
}

// checkBits compares the compiled files' width of numbers with the core's.
func (j *job) checkBits(img *luadb.Image) {
	if j.in.Core != nil {
		return // what a given core can run is not known
	}
	for _, f := range img.Files {
		if bits := luacBits(f.Data); bits != 0 && bits != j.profile.Bits {
			j.refuse(&Refusal{"P15", fmt.Sprintf("%s is compiled for %d-bit Lua, the firmware has %d-bit", f.Name, bits, j.profile.Bits), "compile it for this firmware, or pack the source"})
		}
	}
}

// luacBits returns the width of Lua integers that a compiled file is for, or
// 0 if it is none (luatos-runtime.md 11.5).
func luacBits(p []byte) int {
	if len(p) < 17 || binary.BigEndian.Uint32(p) != 0x1B4C7561 || p[4] != 0x53 {
		return 0
	}
	return int(p[15]) * 8
}
