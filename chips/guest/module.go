package guest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"airlift/chips/guest/meter"
)

// Defaults of [Limits].
const (
	DefaultRAM   = 64 << 10    // bytes
	DefaultSteps = 200_000_000 // of one boot, or one call of the update agent
	callsMax     = 500         // calls within calls
	ramMax       = 16 << 20    // bytes
)

// Limits are what the chip gives a guest. The zero value means the defaults.
type Limits struct {
	RAM   int64 // bytes of memory
	Steps int64 // instructions, counted in whole loops, of one run
	// StepTime is how long a step takes. It makes nothing slower but the
	// virtual clock.
	StepTime time.Duration
	// Watchdog resets the chip when the guest does not feed it for so long,
	// in virtual time. 0 means that there is none, and a guest that never ends
	// hangs.
	Watchdog time.Duration
	// OpTime is what flash operations cost on the guest's clock.
	PageProgram, SectorErase time.Duration
	// WASI lets the guest import wasi_snapshot_preview1: the few functions of it
	// that make sense on a chip.
	WASI bool
}

func (l Limits) filled() Limits {
	if l.RAM == 0 {
		l.RAM = DefaultRAM
	}
	if l.Steps == 0 {
		l.Steps = DefaultSteps
	}
	if l.StepTime == 0 {
		l.StepTime = 10 * time.Nanosecond
	}
	return l
}

// check reports limits that nobody can have.
func (l Limits) check() error {
	switch {
	case l.RAM < 1024 || l.RAM > ramMax:
		return fmt.Errorf("RAM of %d bytes: expected 1024..%d", l.RAM, int64(ramMax))
	case l.Steps < 1000 || l.Steps > 1e11:
		return fmt.Errorf("%d steps: expected 1000..100000000000", l.Steps)
	case l.StepTime < 0 || l.StepTime > time.Second:
		return fmt.Errorf("step time %v: expected 1ns..1s", l.StepTime)
	case l.Watchdog < 0 || l.Watchdog > time.Hour:
		return fmt.Errorf("watchdog of %v: expected up to 1h", l.Watchdog)
	}
	return nil
}

// Module is a guest that was checked and compiled. It may be used from several
// goroutines.
type Module struct {
	Name   string // for people
	Sum    [sha256.Size]byte
	Limits Limits
	info   *meter.Module
	code   wazero.CompiledModule
}

// host is the one runtime, with the host functions in it.
var host = sync.OnceValues(func() (wazero.Runtime, error) {
	cfg := wazero.NewRuntimeConfig().WithDebugInfoEnabled(false).WithCoreFeatures(api.CoreFeaturesV2)
	rt := wazero.NewRuntimeWithConfig(context.Background(), cfg)
	b := rt.NewHostModuleBuilder(HostModule)
	for name, t := range hostTypes {
		b.NewFunctionBuilder().WithGoModuleFunction(hostFunc(name), valueTypes(t.Params), valueTypes(t.Results)).Export(name)
	}
	if _, err := b.Instantiate(context.Background()); err != nil {
		return nil, err
	}
	return rt, addWASI(rt)
})

func valueTypes(ts []meter.ValType) []api.ValueType {
	out := []api.ValueType{}
	for _, t := range ts {
		out = append(out, api.ValueType(t))
	}
	return out
}

// Load checks and compiles a guest. The error says what is wrong with it: a
// *explain.FormatError where it is about the file.
func Load(name string, wasm []byte, l Limits) (*Module, error) {
	l = l.filled()
	if err := l.check(); err != nil {
		return nil, fmt.Errorf("guest %s: %w", name, err)
	}
	m, err := load(wasm, l)
	if err != nil {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
		return nil, fmt.Errorf("guest %s: %w", name, err)
	}
	m.Name = name
	return m, nil
}

func load(wasm []byte, l Limits) (*Module, error) {
	pages := uint32((l.RAM + meter.PageSize - 1) / meter.PageSize)
	info, err := meter.Instrument(wasm, meter.Limits{Pages: pages, CallsMax: callsMax})
	if err != nil {
		return nil, err
	}
	if err := checkABI(info, l.WASI); err != nil {
		return nil, err
	}
	if info.DataEnd > l.RAM {
		return nil, fmt.Errorf("its data ends at 0x%X, and the chip has %d bytes of RAM", info.DataEnd, l.RAM)
	}
	rt, err := host()
	if err != nil {
		return nil, err
	}
	code, err := compile(rt, info.Code)
	if err != nil {
		return nil, err
	}
	m := &Module{Sum: sha256.Sum256(wasm), Limits: l, info: info, code: code}
	return m, m.try(rt)
}

// try makes an instance, so that data and elements outside of memory and table
// are found before a board starts. No code of the guest runs.
func (m *Module) try(rt wazero.Runtime) error {
	ctx := context.Background()
	inst, err := rt.InstantiateModule(ctx, m.code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return fmt.Errorf("it cannot start: %s", firstLine(err))
	}
	return inst.Close(ctx)
}

// compile turns a panic of the compiler into an error.
func compile(rt wazero.Runtime, code []byte) (c wazero.CompiledModule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the compiler fails: %v", r)
		}
	}()
	c, err = rt.CompileModule(context.Background(), code)
	if err != nil {
		return nil, fmt.Errorf("not a valid module: %s", firstLine(err))
	}
	return c, nil
}

// Close frees the compiled code. Nothing may run it any more.
func (m *Module) Close() error { return m.code.Close(context.Background()) }

// cache holds the modules of [LoadCached].
var cache struct {
	sync.Mutex
	modules map[cacheKey]*Module
}

type cacheKey struct {
	sum    [sha256.Size]byte
	limits Limits
	name   string
}

// cacheMax bounds the cache: who needs more modules than that at once loads
// them again.
const cacheMax = 64

// LoadCached is Load for modules that stay: the same bytes with the same
// limits are compiled once in a process.
func LoadCached(name string, wasm []byte, l Limits) (*Module, error) {
	if len(wasm) > meter.SizeMax {
		return Load(name, wasm, l)
	}
	key := cacheKey{sha256.Sum256(wasm), l.filled(), name}
	cache.Lock()
	defer cache.Unlock()
	if m := cache.modules[key]; m != nil {
		return m, nil
	}
	m, err := Load(name, wasm, l)
	if err != nil {
		return nil, err
	}
	if cache.modules == nil || len(cache.modules) >= cacheMax {
		cache.modules = map[cacheKey]*Module{} // those in use stay alive through their users
	}
	cache.modules[key] = m
	return m, nil
}

// Has reports whether the guest can play a role; the error says what is
// missing.
func (m *Module) Has(r Role) error {
	if err := checkRole(m.info, r); err != nil {
		return fmt.Errorf("guest %s: %w", m.Name, err)
	}
	return nil
}

// Exports lists the functions that the guest offers, in alphabetical order.
func (m *Module) Exports() []string { return slices.Sorted(maps.Keys(m.info.Exports)) }

// Imports lists the host functions that the guest wants.
func (m *Module) Imports() []string {
	var names []string
	for _, im := range m.info.Imports {
		names = append(names, im.Name)
	}
	return names
}

// exports reports whether the guest offers a function.
func (m *Module) exports(name string) bool {
	_, ok := m.info.Exports[name]
	return ok
}

// errNoMemory is for guests without a memory that hand over a pointer.
var errNoMemory = errors.New("the guest has no memory")
