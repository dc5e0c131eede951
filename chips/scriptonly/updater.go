package scriptonly

import (
	"encoding/binary"
	"fmt"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/luadb"
)

// updater is luat_fota_* of a script-only model: it takes a package into the
// partition ota and checks what can be checked. What happens after the reset
// is done by applyUpdate.
//
// The ports are closed: results are those that upstream's logs and demos show,
// the form of the record is our own.
type updater struct {
	soc    string
	region *flash.Region
	state  updateState
	buf    []byte // the head, until it is known; then what does not fill a sector
	kind   packageKind
	length int64
	done   int64 // bytes in flash
}

type updateState uint8

const (
	updateIdle updateState = iota
	updateTaking
	updateComplete
	updateFailed
)

// Results of luat_fota_write and luat_fota_done.
const (
	fotaFailed  = -1
	fotaDone    = 0
	fotaOngoing = 1
)

const sector = 4096

// record says, in the last sector of the partition, that a package waits.
const (
	recordMark = "waiting\x00"
	recordSize = 24 // mark, kind, length
)

func newUpdater(d *flash.Device, soc string) (*updater, error) {
	r, err := region(d, partOTA)
	return &updater{soc: soc, region: r}, err
}

func info(env *chips.Env, format string, args ...any) { env.Log("I", "fota", format, args...) }
func fail(env *chips.Env, format string, args ...any) { env.Log("E", "fota", format, args...) }

// Init starts anew.
func (u *updater) Init(*chips.Env, int64, int64) (int, error) {
	u.state, u.buf, u.kind, u.length, u.done = updateTaking, nil, kindUnknown, 0, 0
	return 0, u.region.Erase(u.room(), sector)
}

// room is how long a package may be.
func (u *updater) room() int64 { return u.region.Size() - sector }

// WaitReady reports that there is nothing to wait for.
func (u *updater) WaitReady(*chips.Env) (bool, error) { return u.state != updateIdle, nil }

// Write takes a piece: more to come, all there, or refused.
func (u *updater) Write(env *chips.Env, p []byte) (int, error) {
	switch u.state {
	case updateIdle, updateFailed:
		return fotaFailed, nil
	case updateComplete:
		return fotaDone, nil
	}
	u.buf = append(u.buf, p...)
	if u.length == 0 {
		kind, length, more := packageHead(u.soc, u.buf)
		if more {
			return fotaOngoing, nil
		}
		if kind == kindUnknown || length > u.room() {
			fail(env, "not a package, or one of %d bytes for an area of %d", length, u.room())
			u.state = updateFailed
			return fotaFailed, nil
		}
		u.kind, u.length = kind, length
		info(env, "升级包类型: type=%d, expected_len=%d", kind, length)
	}
	if left := u.length - u.done; int64(len(u.buf)) > left {
		u.buf = u.buf[:left] // what comes behind the package is dropped
	}
	for len(u.buf) >= sector || len(u.buf) > 0 && u.done+int64(len(u.buf)) == u.length {
		n := min(sector, len(u.buf))
		if err := u.store(u.buf[:n]); err != nil {
			return fotaFailed, err
		}
		u.buf = u.buf[n:]
	}
	if u.done < u.length {
		return fotaOngoing, nil
	}
	return u.complete(env)
}

// store writes the next sector.
func (u *updater) store(p []byte) error {
	if err := u.region.Erase(u.done, sector); err != nil {
		return err
	}
	if err := u.region.Program(u.done, p); err != nil {
		return err
	}
	u.done += int64(len(p))
	return nil
}

// complete checks the package as it is in flash.
func (u *updater) complete(env *chips.Env) (int, error) {
	p := make([]byte, u.length)
	if _, err := u.region.ReadAt(p, 0); err != nil {
		return fotaFailed, err
	}
	if err := checkPackage(u.kind, p); err != nil {
		fail(env, "%s is damaged: %v", u.kind, err)
		u.state = updateFailed
		return fotaFailed, nil
	}
	u.state = updateComplete
	return fotaDone, nil
}

// Done says whether the package is complete.
func (u *updater) Done(env *chips.Env) (int, error) {
	switch u.state {
	case updateComplete:
		info(env, "fota done, write %d bytes", u.done)
		return fotaDone, nil
	case updateTaking:
		return fotaOngoing, nil
	}
	return fotaFailed, nil
}

// End lets a complete package wait for the reset, or gives up.
func (u *updater) End(_ *chips.Env, ok bool) (int, error) {
	complete := u.state == updateComplete
	u.state = updateIdle
	if !ok || !complete {
		return result(ok == complete), nil
	}
	p := append([]byte(recordMark), make([]byte, recordSize-len(recordMark))...)
	binary.LittleEndian.PutUint64(p[8:], uint64(u.kind))
	binary.LittleEndian.PutUint64(p[16:], uint64(u.length))
	err := u.region.Program(u.room(), p)
	return 0, err
}

func result(ok bool) int {
	if ok {
		return 0
	}
	return fotaFailed
}

// applyUpdate does what becomes of a waiting package before the scripts start:
// scripts of an Air8101 replace the old ones, everything else is said to be
// left alone, by name.
func applyUpdate(env *chips.Env) error {
	d := env.Board.Flash[0]
	ota, err := region(d, partOTA)
	if err != nil {
		return err
	}
	at := ota.Size() - sector
	p := make([]byte, recordSize)
	if _, err := ota.ReadAt(p, at); err != nil || string(p[:8]) != recordMark {
		return err
	}
	kind := packageKind(min(binary.LittleEndian.Uint64(p[8:]), uint64(kindContainer)))
	pkg := make([]byte, min(binary.LittleEndian.Uint64(p[16:]), uint64(at)))
	if _, err := ota.ReadAt(pkg, 0); err != nil {
		return err
	}
	if kind == kindScript {
		err = applyScript(env, d, pkg)
	} else {
		env.Step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: fmt.Sprintf(
			"%s of %d bytes is complete: that it is applied after the reset is not emulated, the old firmware goes on", kind, len(pkg))})
	}
	if err != nil {
		return err
	}
	return ota.Erase(at, sector)
}

// applyScript replaces the script image.
func applyScript(env *chips.Env, d *flash.Device, pkg []byte) error {
	script, err := region(d, partScript)
	if err != nil {
		return err
	}
	image, err := unpackFrames(pkg)
	if err == nil {
		_, err = luadb.Parse(image)
	}
	if err != nil || int64(len(image)) > script.Size() {
		env.Step(chips.Step{Stage: "updater", Kind: chips.KindDecide, Text: fmt.Sprintf("the waiting script package is dropped: %d bytes of scripts, %v", len(image), err)})
		return nil
	}
	size := (int64(len(image)) + sector - 1) / sector * sector
	if err := script.Erase(0, size); err != nil {
		return err
	}
	if err := script.Program(0, image); err != nil {
		return err
	}
	env.Step(chips.Step{Stage: "updater", Kind: chips.KindDo, Text: fmt.Sprintf("scripts replaced: %d bytes", len(image))})
	return nil
}
