package xt804

import (
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"errors"
	"io"
	"os"

	"github.com/spf13/afero"

	"airlift/flash"
	"airlift/flash/luadb"
)

// Names of file-system OTA; no other name is looked at (xt804.md 4.2).
const (
	updateBin = "/update.bin"
	updateTGZ = "/update.tgz"
)

// Limits of /update.bin in bytes (xt804.md 4.2).
const (
	updateMin      = 512
	updateMinLuadb = 1024 // V0008..V0010
	updateMax      = 1 << 20
)

// zlibRemoved is when the BSP lost zlib and with it /update.tgz
// (xt804.md 4.2).
const zlibRemoved = "2024-04-27"

// updateChunk is what is copied at a time.
const updateChunk = 4096

// fileOTA is luat_ota_exec: it applies /update.bin. Applied says that the
// original returns 0, on which the chip resets (xt804.md 4.2).
func (r *coreRun) fileOTA() (applied bool, err error) {
	root, ok := r.root()
	if !ok {
		return false, nil
	}
	if r.id.Profile.CoreDate < zlibRemoved {
		if err := r.unpackTGZ(root); err != nil {
			return false, err
		}
	}
	if _, err := root.Stat(updateBin); err != nil {
		return false, onlyPowerLost(err)
	}
	r.ota("I", "found update.bin, checking")
	check := r.checkMD5
	if r.before(bspMD5Check) {
		check = r.checkLuadb
	}
	good, err := check(root)
	if err != nil {
		return false, err
	}
	if !good {
		r.ota("W", "update.bin NOT ok, skip")
		return false, r.remove(root, updateBin)
	}
	if r.before(bspOTAReboot) {
		r.ota("I", "update.bin ok, updating...")
	} else {
		r.ota("I", "update.bin ok, updating... %08X", r.layout.Part(PartScript).Off)
	}
	if err := r.applyUpdate(root); err != nil {
		return false, err
	}
	return true, r.remove(root, updateBin)
}

func (r *coreRun) ota(level, format string, args ...any) { r.env.Log(level, "ota", format, args...) }

// root returns the file system at "/".
func (r *coreRun) root() (afero.Fs, bool) {
	for _, m := range r.mounts.Mounts() {
		if m.Path == "/" {
			return m.Fs, true
		}
	}
	return nil, false
}

// onlyPowerLost drops every error that the firmware drops too.
func onlyPowerLost(err error) error {
	if errors.Is(err, flash.ErrPowerLost) {
		return err
	}
	return nil
}

// remove removes a file and ignores if that fails, as the firmware does.
func (r *coreRun) remove(root afero.Fs, name string) error { return onlyPowerLost(root.Remove(name)) }

// open opens /update.bin and checks its size. A nil file means that the check
// has failed and said so.
func (r *coreRun) open(root afero.Fs, least int64) (afero.File, int64, error) {
	f, err := root.Open(updateBin)
	if err != nil {
		r.ota("E", "no such file")
		return nil, 0, onlyPowerLost(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, onlyPowerLost(err)
	}
	if info.Size() < least || info.Size() > updateMax {
		r.ota("E", "%s is too small/big %d", updateBin, info.Size())
		f.Close()
		return nil, 0, nil
	}
	return f, info.Size(), nil
}

// checkMD5 is the check of V0011 and later: the last 16 bytes are the MD5 of
// the others, whatever these are.
func (r *coreRun) checkMD5(root afero.Fs) (bool, error) {
	f, size, err := r.open(root, updateMin)
	if f == nil {
		return false, err
	}
	defer f.Close()
	sum := md5.New()
	if _, err := io.CopyN(sum, f, size-md5.Size); err != nil {
		r.ota("E", "read file fail")
		return false, onlyPowerLost(err)
	}
	var want [md5.Size]byte
	if _, err := io.ReadFull(f, want[:]); err != nil {
		r.ota("E", "read file fail")
		return false, onlyPowerLost(err)
	}
	return r.verdict(string(sum.Sum(nil)) == string(want[:])), nil
}

// checkLuadb is the check of V0008..V0010: an image with a right trailer.
// Assumed: its verdict is logged as the later check's, and long entry names,
// which overran a buffer there, do no harm (xt804.md 9.18).
func (r *coreRun) checkLuadb(root afero.Fs) (bool, error) {
	f, size, err := r.open(root, updateMinLuadb)
	if f == nil {
		return false, err
	}
	defer f.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data); err != nil {
		r.ota("E", "read file fail")
		return false, onlyPowerLost(err)
	}
	img, err := luadb.Parse(data)
	if err != nil {
		return r.verdict(false), nil
	}
	t, ok := img.Trailer()
	return r.verdict(ok && t.Good), nil
}

func (r *coreRun) verdict(good bool) bool {
	if good {
		r.ota("D", "ota file MD5 ok")
	} else {
		r.ota("E", "ota file MD5 FAIL")
	}
	return good
}

// applyUpdate copies /update.bin over the script partition and whatever
// follows it: the partition's size is not looked at. Each sector is erased
// twice, since the driver's write erases too.
func (r *coreRun) applyUpdate(root afero.Fs) error {
	f, err := root.Open(updateBin)
	if err != nil {
		r.ota("W", "update.bin open error")
		return onlyPowerLost(err)
	}
	defer f.Close()
	addr := r.layout.ScriptAddr()
	for {
		var chunk [updateChunk]byte
		n, err := io.ReadFull(f, chunk[:])
		if errors.Is(err, flash.ErrPowerLost) {
			return err
		}
		if n == 0 {
			return nil
		}
		if _, err := r.fls.erase(addr); err != nil {
			return err
		}
		if _, err := r.fls.write(addr, chunk[:]); err != nil {
			return err
		}
		addr += uint32(n)
	}
}

// unpackTGZ turns /update.tgz into /update.bin (xt804.md 4.2 step 1). Assumed:
// a gzip or a zlib stream, told apart by its first byte.
func (r *coreRun) unpackTGZ(root afero.Fs) error {
	if _, err := root.Stat(updateTGZ); err != nil {
		return onlyPowerLost(err)
	}
	r.ota("I", "found update.tgz, decompress ...")
	if err := r.remove(root, updateBin); err != nil {
		return err
	}
	if err := r.gunzip(root); err != nil {
		return err
	}
	return r.remove(root, updateTGZ)
}

func (r *coreRun) gunzip(root afero.Fs) error {
	in, err := root.Open(updateTGZ)
	if err != nil {
		r.ota("E", "open the input file : %s error!", updateTGZ)
		return onlyPowerLost(err)
	}
	defer in.Close()
	out, err := root.OpenFile(updateBin, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		r.ota("E", "open the output file : %s error!", updateBin)
		return onlyPowerLost(err)
	}
	err = inflateFile(out, in)
	if closeErr := out.Close(); err == nil || errors.Is(closeErr, flash.ErrPowerLost) {
		err = closeErr
	}
	if err != nil && !errors.Is(err, flash.ErrPowerLost) {
		r.ota("E", "decompress file error!")
	}
	return onlyPowerLost(err)
}

// inflateFile unpacks in to out; a full file system ends it.
func inflateFile(out io.Writer, in afero.File) error {
	var first [1]byte
	if _, err := in.ReadAt(first[:], 0); err != nil {
		return err
	}
	var z io.Reader
	var err error
	if first[0] == 0x1F {
		z, err = gzip.NewReader(in)
	} else {
		z, err = zlib.NewReader(in)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, z)
	return err
}
