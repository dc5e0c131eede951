package guest

import (
	"context"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"airlift/chips"
	"airlift/chips/guest/meter"
	"airlift/flash/explain"
)

// wasiModule is what code imports that was built with a C library or another
// language's runtime for WASI. A board file has to allow it. It is no host's
// WASI: output goes into the account of the boot, time is virtual, random
// numbers come from the boot's seed, and there are no files, arguments,
// environment or network.
const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI preview 1.
const (
	wasiSuccess    = 0
	wasiBadFile    = 8
	wasiInval      = 28
	wasiNoSys      = 52
	wasiSeekPipe   = 70
	wasiNotCapable = 76
)

// wasiDescriptors is how many descriptors are open: stdin, stdout and stderr.
const wasiDescriptors = 3

// params makes a type of letters: i is 32 bits wide, I is 64.
func params(letters string) (t meter.FuncType) {
	for _, c := range letters {
		v := meter.ValType(meter.I32)
		if c == 'I' {
			v = meter.I64
		}
		t.Params = append(t.Params, v)
	}
	t.Results = i32
	return t
}

// wasiTypes are all functions of WASI preview 1 with their types. Those without
// an entry in wasiCalls answer that they are not there.
var wasiTypes = map[string]meter.FuncType{
	"args_get": params("ii"), "args_sizes_get": params("ii"), "environ_get": params("ii"), "environ_sizes_get": params("ii"),
	"clock_res_get": params("ii"), "clock_time_get": params("iIi"), "random_get": params("ii"), "sched_yield": params(""),
	"poll_oneoff": params("iiii"), "proc_exit": {Params: i32}, "proc_raise": params("i"),
	"fd_advise": params("iIIi"), "fd_allocate": params("iII"), "fd_close": params("i"), "fd_datasync": params("i"),
	"fd_fdstat_get": params("ii"), "fd_fdstat_set_flags": params("ii"), "fd_fdstat_set_rights": params("iII"),
	"fd_filestat_get": params("ii"), "fd_filestat_set_size": params("iI"), "fd_filestat_set_times": params("iIIi"),
	"fd_pread": params("iiiIi"), "fd_prestat_get": params("ii"), "fd_prestat_dir_name": params("iii"), "fd_pwrite": params("iiiIi"),
	"fd_read": params("iiii"), "fd_readdir": params("iiiIi"), "fd_renumber": params("ii"), "fd_seek": params("iIii"),
	"fd_sync": params("i"), "fd_tell": params("ii"), "fd_write": params("iiii"),
	"path_create_directory": params("iii"), "path_filestat_get": params("iiiii"), "path_filestat_set_times": params("iiiiIIi"),
	"path_link": params("iiiiiii"), "path_open": params("iiiiiIIii"), "path_readlink": params("iiiiii"),
	"path_remove_directory": params("iii"), "path_rename": params("iiiiii"), "path_symlink": params("iiiii"), "path_unlink_file": params("iii"),
	"sock_accept": params("iii"), "sock_recv": params("iiiiii"), "sock_send": params("iiiii"), "sock_shutdown": params("ii"),
}

// wasiCalls are the functions that do something.
var wasiCalls = map[string]func(r *run, a []uint64) uint32{
	"args_get":          func(*run, []uint64) uint32 { return wasiSuccess },
	"environ_get":       func(*run, []uint64) uint32 { return wasiSuccess },
	"args_sizes_get":    func(r *run, a []uint64) uint32 { return r.wasiNone(a) },
	"environ_sizes_get": func(r *run, a []uint64) uint32 { return r.wasiNone(a) },
	"clock_res_get":     func(r *run, a []uint64) uint32 { return r.wasiClock(a[0], a[1], 1000) },
	"clock_time_get":    func(r *run, a []uint64) uint32 { return r.wasiClock(a[0], a[2], uint64(r.now())) },
	"random_get":        func(r *run, a []uint64) uint32 { return r.wasiRandom(uint32(a[0]), uint32(a[1])) },
	"sched_yield":       func(*run, []uint64) uint32 { return wasiSuccess },
	"proc_exit":         func(r *run, a []uint64) uint32 { r.fault("the guest exits with code %d", uint32(a[0])); return 0 },
	"fd_write": func(r *run, a []uint64) uint32 {
		return r.wasiWrite(uint32(a[0]), uint32(a[1]), uint32(a[2]), uint32(a[3]))
	},
	"fd_close":            func(_ *run, a []uint64) uint32 { return onDescriptor(a, wasiSuccess) },
	"fd_seek":             func(_ *run, a []uint64) uint32 { return onDescriptor(a, wasiSeekPipe) },
	"fd_fdstat_get":       func(r *run, a []uint64) uint32 { return r.wasiStat(a) },
	"fd_prestat_get":      func(*run, []uint64) uint32 { return wasiBadFile }, // that is how the list of folders ends
	"fd_prestat_dir_name": func(*run, []uint64) uint32 { return wasiBadFile },
}

// addWASI puts the functions into the runtime. Only modules that may use them
// get that far.
func addWASI(rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(wasiModule)
	for _, name := range slices.Sorted(maps.Keys(wasiTypes)) {
		t, call := wasiTypes[name], wasiCalls[name]
		f := func(ctx context.Context, _ api.Module, stack []uint64) {
			r := ctx.(*run)
			r.charge(stepsCall)
			var code uint32
			if call != nil {
				code = call(r, stack)
			} else {
				code = r.wasiMissing(name)
			}
			if len(t.Results) > 0 {
				stack[0] = uint64(code)
			}
		}
		b.NewFunctionBuilder().WithGoModuleFunction(api.GoModuleFunc(f), valueTypes(t.Params), valueTypes(t.Results)).Export(name)
	}
	_, err := b.Instantiate(context.Background())
	return err
}

// onDescriptor answers code for a descriptor that is open.
func onDescriptor(a []uint64, code uint32) uint32 {
	if uint32(a[0]) >= wasiDescriptors {
		return wasiBadFile
	}
	return code
}

// wasiMissing answers for what a chip has not, and names it once.
func (r *run) wasiMissing(name string) uint32 {
	code, word := uint32(wasiNoSys), "ENOSYS"
	if strings.HasPrefix(name, "path_") {
		code, word = wasiNotCapable, "ENOTCAPABLE"
	}
	if !r.missing[name] {
		if r.missing == nil {
			r.missing = map[string]bool{}
		}
		r.missing[name] = true
		r.step(chips.KindDecide, chips.FindingMark+"WASI's "+name+" is not there: "+word)
	}
	return code
}

// wasiNone says that a list has no entries and no bytes.
func (r *run) wasiNone(a []uint64) uint32 {
	clear(r.bytes(uint32(a[0]), 4))
	clear(r.bytes(uint32(a[1]), 4))
	return wasiSuccess
}

// wasiClock writes nanoseconds. All four clocks begin at the reset: chips as
// these have no other.
func (r *run) wasiClock(id, out, ns uint64) uint32 {
	if uint32(id) > 3 {
		return wasiInval
	}
	binary.LittleEndian.PutUint64(r.bytes(uint32(out), 8), ns)
	return wasiSuccess
}

// wasiRandom fills memory from the stream of the boot's seed.
func (r *run) wasiRandom(ptr, n uint32) uint32 {
	p := r.bytes(ptr, n)
	r.charge(int64(n))
	for len(p) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], r.random.Uint64())
		p = p[copy(p, word[:]):]
	}
	return wasiSuccess
}

// wasiStat says that descriptors are character devices, so that C libraries
// write line by line, and that stdout and stderr may be written.
func (r *run) wasiStat(a []uint64) uint32 {
	if code := onDescriptor(a, wasiSuccess); code != wasiSuccess {
		return code
	}
	const characterDevice, rightWrite = 2, 1 << 6
	p := r.bytes(uint32(a[1]), 24)
	clear(p)
	p[0] = characterDevice
	if uint32(a[0]) > 0 {
		binary.LittleEndian.PutUint64(p[8:], rightWrite)
	}
	return wasiSuccess
}

// wasiVectorsMax bounds how many pieces are written at once.
const wasiVectorsMax = 1024

// wasiWrite puts output into the account of the boot, line by line.
func (r *run) wasiWrite(fd, vectors, n, out uint32) uint32 {
	if fd == 0 || fd >= wasiDescriptors {
		return wasiBadFile
	}
	if n > wasiVectorsMax {
		return wasiInval
	}
	list, written := r.bytes(vectors, 8*n), uint32(0)
	for i := range n {
		v := list[8*i:]
		p := r.bytes(binary.LittleEndian.Uint32(v), binary.LittleEndian.Uint32(v[4:]))
		r.charge(stepsSay + int64(len(p)))
		r.print(&r.lines[fd-1], p)
		written += uint32(len(p))
	}
	putWord(r.bytes(out, 4), written)
	return wasiSuccess
}

// print adds output to a line, and says lines that end or grow too long.
func (r *run) print(line *string, p []byte) {
	for len(p) > 0 {
		n := min(len(p), textMax-len(*line))
		end := slices.Index(p[:n], '\n')
		if end >= 0 {
			n = end
		}
		*line += string(p[:n])
		p = p[n:]
		switch {
		case end >= 0:
			p = p[1:]
			r.sayLine(line)
		case len(*line) >= textMax:
			r.sayLine(line)
		}
	}
}

// sayLine says a line and begins the next.
func (r *run) sayLine(line *string) {
	text := *line
	*line = ""
	if r.said++; r.said > sayMax {
		r.fault("more than %d messages", sayMax)
	}
	if !utf8.ValidString(text) || explain.Printable(text) != text {
		text = explain.Printable(text)
	}
	r.step(chips.KindPrint, text)
}

// endLines says what was written and has no end. It runs when no guest does, so
// that it cannot stop one.
func (r *run) endLines() {
	for i := range r.lines {
		if r.lines[i] != "" && r.said < sayMax {
			r.sayLine(&r.lines[i])
		}
	}
}
