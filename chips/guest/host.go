package guest

import (
	"context"
	"crypto/sha256"
	"hash/crc32"
	"time"
	"unicode/utf8"

	"github.com/tetratelabs/wazero/api"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/explain"
)

// Bounds on what a guest may say in one run.
const (
	sayMax   = 4096 // messages
	textMax  = 240  // bytes of one
	sleepMax = time.Hour
)

// What host functions cost in steps, besides a step for 8 bytes.
const (
	stepsCall  = 16
	stepsErase = 512 // a sector
	stepsPage  = 64
	stepsSay   = 512
)

// hostCalls are the host functions. Arguments are 32 bits wide; what the
// runtime hands over carries anything in the upper half, so they are cut. The
// result, if there is one, is what the function returns.
var hostCalls = map[string]func(r *run, a []uint64) int64{
	"geometry":  func(r *run, a []uint64) int64 { return int64(r.geometry(uint32(a[0]), uint32(a[1]))) },
	"partition": func(r *run, a []uint64) int64 { return int64(r.partition(uint32(a[0]), uint32(a[1]), uint32(a[2]))) },
	"read": func(r *run, a []uint64) int64 {
		return int64(r.read(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])))
	},
	"program": func(r *run, a []uint64) int64 {
		return int64(r.program(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])))
	},
	"erase": func(r *run, a []uint64) int64 { return int64(r.erase(uint32(a[0]), uint32(a[1]), uint32(a[2]))) },
	"crc32": func(r *run, a []uint64) int64 {
		return int64(r.crc32(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])))
	},
	"sha256": func(r *run, a []uint64) int64 {
		return int64(r.sha256(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3])))
	},
	"retained_get":  func(r *run, a []uint64) int64 { return int64(int32(*r.retained(uint32(a[0])))) },
	"retained_set":  func(r *run, a []uint64) int64 { *r.retained(uint32(a[0])) = uint32(a[1]); return 0 },
	"reset_cause":   func(r *run, _ []uint64) int64 { return int64(r.env.Board.Reset) },
	"reset":         func(r *run, _ []uint64) int64 { r.halt(&stop{why: stopReset, text: "reset"}); return 0 },
	"time_us":       func(r *run, _ []uint64) int64 { return r.now().Microseconds() },
	"sleep_us":      func(r *run, a []uint64) int64 { r.sleep(time.Duration(uint32(a[0])) * time.Microsecond); return 0 },
	"watchdog_feed": func(r *run, _ []uint64) int64 { r.fed = r.now(); return 0 },
	"random":        func(r *run, _ []uint64) int64 { return int64(int32(r.random.Uint64())) },
	"console_read":  func(r *run, a []uint64) int64 { return int64(r.consoleRead(uint32(a[0]), uint32(a[1]))) },
	"say":           func(r *run, a []uint64) int64 { r.say(uint32(a[0]), uint32(a[1]), uint32(a[2])); return 0 },
	"result":        func(r *run, a []uint64) int64 { r.result(uint32(a[0]), uint32(a[1])); return 0 },
}

// hostFunc wraps a host function for the runtime.
func hostFunc(name string) api.GoModuleFunction {
	f, results := hostCalls[name], hostTypes[name].Results
	wide := len(results) > 0 && byte(results[0]) == api.ValueTypeI64
	return api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
		r := ctx.(*run)
		r.charge(stepsCall)
		v := f(r, stack)
		switch {
		case wide:
			stack[0] = uint64(v)
		case len(results) > 0:
			stack[0] = uint64(uint32(v))
		}
	})
}

// bytes returns a part of the guest's memory, not a copy.
func (r *run) bytes(ptr, n uint32) []byte {
	if r.mem == nil {
		r.fault("%v", errNoMemory)
	}
	p, ok := r.mem.Read(ptr, n)
	if !ok || int64(ptr)+int64(n) > r.m.Limits.RAM {
		r.fault("pointer 0x%X with %d bytes is outside the RAM of %d bytes", ptr, n, r.m.Limits.RAM)
	}
	return p
}

// chip returns a flash chip, or nil.
func (r *run) chip(i uint32) *flash.Device {
	if int64(i) >= int64(len(r.env.Board.Flash)) {
		return nil
	}
	return r.env.Board.Flash[i]
}

func (r *run) geometry(i, ask uint32) int32 {
	switch ask {
	case askChips:
		return int32(len(r.env.Board.Flash))
	case askRetained:
		return int32(len(r.env.Board.Retained))
	case askRAM:
		return int32(r.m.Limits.RAM)
	case askOTP:
		return int32(len(r.env.Board.OTP))
	}
	d := r.chip(i)
	if d == nil {
		return errAbsent
	}
	switch g := d.Geometry(); ask {
	case askSize:
		return int32(g.Size)
	case askSector:
		return int32(g.SectorSize)
	case askPage:
		return int32(g.PageSize)
	}
	return errAbsent
}

// partition looks a partition up and writes chip, offset and size to out, as
// three words.
func (r *run) partition(name, n, out uint32) int32 {
	want := string(r.bytes(name, min(n, textMax)))
	for i, t := range r.tables {
		if p, ok := t.Lookup(want); ok {
			words := r.bytes(out, 12)
			putWord(words, uint32(i))
			putWord(words[4:], uint32(p.Off))
			putWord(words[8:], uint32(p.Size))
			return 0
		}
	}
	return errAbsent
}

func putWord(p []byte, v uint32) {
	p[0], p[1], p[2], p[3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
}

func (r *run) read(chip, off, ptr, n uint32) int32 {
	p := r.bytes(ptr, n)
	r.charge(int64(n) / 8)
	if chip == chipOTP {
		otp := r.env.Board.OTP
		if int64(off)+int64(n) > int64(len(otp)) {
			return errRange
		}
		copy(p, otp[off:])
		return 0
	}
	d := r.chip(chip)
	if d == nil {
		return errAbsent
	}
	_, err := d.ReadAt(p, int64(off))
	return r.check(err)
}

// program programs page by page, as the device does; the clock follows.
func (r *run) program(chip, off, ptr, n uint32) int32 {
	p := r.bytes(ptr, n)
	d := r.chip(chip)
	if d == nil {
		return errAbsent
	}
	page := d.Geometry().PageSize
	pages := (int64(off)%page + int64(n) + page - 1) / page
	r.charge(pages*stepsPage + int64(n)/8)
	code := r.check(d.Program(int64(off), p))
	r.pass(time.Duration(pages) * r.m.Limits.PageProgram)
	r.watch()
	return code
}

// erase erases sector by sector, so that the watchdog can bite in between.
func (r *run) erase(chip, off, n uint32) int32 {
	d := r.chip(chip)
	if d == nil {
		return errAbsent
	}
	g := d.Geometry()
	if int64(off)%g.SectorSize != 0 || int64(n)%g.SectorSize != 0 || int64(off)+int64(n) > g.Size {
		return r.check(d.Erase(int64(off), int64(n)))
	}
	for end := int64(off) + int64(n); int64(off) < end; off += uint32(g.SectorSize) {
		r.charge(stepsErase)
		if code := r.check(d.Erase(int64(off), g.SectorSize)); code != 0 {
			return code
		}
		r.pass(r.m.Limits.SectorErase)
		r.watch()
	}
	return 0
}

// each hands n bytes of a chip, or of memory, to f.
func (r *run) each(chip, off, n uint32, f func(p []byte)) int32 {
	r.charge(int64(n) / 8)
	if chip == chipRAM {
		f(r.bytes(off, n))
		return 0
	}
	d := r.chip(chip)
	if d == nil {
		return errAbsent
	}
	if int64(off)+int64(n) > d.Size() {
		return errRange
	}
	var buf [4096]byte
	for at, end := int64(off), int64(off)+int64(n); at < end; {
		p := buf[:min(int64(len(buf)), end-at)]
		if _, err := d.ReadAt(p, at); err != nil {
			return r.check(err)
		}
		f(p)
		at += int64(len(p))
	}
	return 0
}

// crc32 goes on with the CRC-32 (IEEE 802.3) in the word at inout.
func (r *run) crc32(chip, off, n, inout uint32) int32 {
	word := r.bytes(inout, 4)
	sum := uint32(word[0]) | uint32(word[1])<<8 | uint32(word[2])<<16 | uint32(word[3])<<24
	code := r.each(chip, off, n, func(p []byte) { sum = crc32.Update(sum, crc32.IEEETable, p) })
	if code == 0 {
		putWord(word, sum)
	}
	return code
}

// sha256 writes the 32 bytes of the SHA-256 to out.
func (r *run) sha256(chip, off, n, out uint32) int32 {
	r.charge(int64(n) / 4)
	h := sha256.New()
	code := r.each(chip, off, n, func(p []byte) { h.Write(p) })
	if code == 0 {
		copy(r.bytes(out, sha256.Size), h.Sum(nil))
	}
	return code
}

func (r *run) retained(i uint32) *uint32 {
	if int64(i) >= int64(len(r.env.Board.Retained)) {
		r.fault("retained word %d: the chip has %d", i, len(r.env.Board.Retained))
	}
	return &r.env.Board.Retained[i]
}

func (r *run) sleep(t time.Duration) {
	if t = min(t, sleepMax); r.m.Limits.Watchdog > 0 {
		t = min(t, r.fed+r.m.Limits.Watchdog-r.now()+1) // it bites before the guest wakes up
	}
	r.env.Sleep(t)
	r.pass(t)
	r.watch()
}

func (r *run) consoleRead(ptr, n uint32) int32 {
	p := r.bytes(ptr, n)
	got := copy(p, r.env.Board.Console[min(r.console, len(r.env.Board.Console)):])
	r.console += got
	return int32(got)
}

// say puts a message into the account of the boot.
func (r *run) say(kind, ptr, n uint32) {
	r.charge(stepsSay)
	raw := r.bytes(ptr, min(n, textMax))
	if r.said++; r.said > sayMax {
		r.fault("more than %d messages", sayMax)
	}
	text := string(raw)
	if !utf8.ValidString(text) || explain.Printable(text) != text {
		text = explain.Printable(text)
	}
	kinds := [...]chips.StepKind{sayPrint: chips.KindPrint, sayRead: chips.KindRead, sayDecide: chips.KindDecide, sayDo: chips.KindDo, sayFinding: chips.KindDecide}
	if kind >= uint32(len(kinds)) {
		r.fault("message of kind %d", kind)
	}
	if kind == sayFinding {
		text = chips.FindingMark + text
	}
	r.step(kinds[kind], text)
}

// result notes what is handed over to whoever started the boot code.
func (r *run) result(key, v uint32) {
	switch {
	case key == resultUpgraded:
		r.upgraded = v != 0
	case key == resultStatus:
		r.status = byte(v)
	case key-resultParam < paramsMax:
		i := int(key - resultParam)
		r.params[i] = v
		r.paramsN = max(r.paramsN, i+1)
	default:
		r.fault("result %d", key)
	}
}
