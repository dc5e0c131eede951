package guest

import (
	"fmt"
	"maps"
	"slices"

	"airlift/chips/guest/meter"
	"airlift/flash/explain"
)

// HostModule is the module from which guests import. Its name carries the
// version of the interface: what is in it does not change.
const HostModule = "airlift_v1"

// What boot returns, besides the address of the image to start.
const (
	bootFailed   = -1
	bootDownload = -2
	bootHang     = -3
)

// What host functions return.
const (
	errRange  = -1 // outside the chip or the partition, or off the erase grid
	errChip   = -2 // the chip reports that the operation failed
	errAbsent = -3 // there is no such thing
)

// Chip numbers that are no flash.
const (
	chipRAM = 0xFFFFFFFF // the guest's own memory
	chipOTP = 0xFFFFFFFE
)

// Questions of geometry.
const (
	askChips = iota
	askSize
	askSector
	askPage
	askRetained
	askRAM
	askOTP
)

// Kinds of a guest's messages.
const (
	sayPrint = iota // raw output on the boot console
	sayRead
	sayDecide
	sayDo
	sayFinding
)

// Keys of what boot code hands over.
const (
	resultUpgraded = iota
	resultStatus
	resultParam // and more for further words
	paramsMax   = 16
)

var (
	i32 = []meter.ValType{meter.I32}
	i64 = []meter.ValType{meter.I64}
)

func ints(n int) (ts []meter.ValType) {
	for range n {
		ts = append(ts, meter.I32)
	}
	return ts
}

// hostTypes are the host functions with their types.
var hostTypes = map[string]meter.FuncType{
	"geometry":      {Params: ints(2), Results: i32},
	"partition":     {Params: ints(3), Results: i32},
	"read":          {Params: ints(4), Results: i32},
	"program":       {Params: ints(4), Results: i32},
	"erase":         {Params: ints(3), Results: i32},
	"crc32":         {Params: ints(4), Results: i32},
	"sha256":        {Params: ints(4), Results: i32},
	"retained_get":  {Params: ints(1), Results: i32},
	"retained_set":  {Params: ints(2)},
	"reset_cause":   {Results: i32},
	"reset":         {},
	"time_us":       {Results: i64},
	"sleep_us":      {Params: ints(1)},
	"watchdog_feed": {},
	"random":        {Results: i32},
	"console_read":  {Params: ints(2), Results: i32},
	"say":           {Params: ints(3)},
	"result":        {Params: ints(2)},
}

// exportTypes are the exports that mean something.
var exportTypes = map[string]meter.FuncType{
	"_initialize":    {},
	"describe":       {Results: i32},
	"boot":           {Results: i32},
	"updater_buffer": {Params: ints(1), Results: i32},
	"updater_init":   {Params: ints(2), Results: i32},
	"updater_write":  {Params: ints(2), Results: i32},
	"updater_done":   {Results: i32},
	"updater_end":    {Params: ints(1), Results: i32},
	"confirm":        {},
}

// Role is what a guest is used for.
type Role string

// The roles.
const (
	RoleBoot    Role = "boot code"
	RoleUpdater Role = "update agent"
)

// roleExports are the exports that a role cannot do without.
var roleExports = map[Role][]string{
	RoleBoot:    {"boot"},
	RoleUpdater: {"updater_buffer", "updater_init", "updater_write", "updater_done", "updater_end"},
}

// checkABI checks a module's imports and exports against the interface.
func checkABI(m *meter.Module, wasi bool) error {
	for _, im := range m.Imports {
		t, ok := hostTypes[im.Name]
		if im.Module == wasiModule && wasi {
			t, ok = wasiTypes[im.Name]
		}
		switch {
		case im.Module == wasiModule && !wasi:
			return &explain.FormatError{What: "import " + quote(im.Module+" "+im.Name), Want: "functions of " + HostModule, Got: "one of WASI", Hint: "a guest has no WASI unless its board file says wasi: true, see docs/GUESTS.md"}
		case im.Module != HostModule && im.Module != wasiModule:
			return &explain.FormatError{What: "import " + quote(im.Module+" "+im.Name), Want: "functions of " + HostModule, Got: "module " + quote(im.Module), Hint: "see docs/GUESTS.md"}
		case !ok:
			return &explain.FormatError{What: "import " + quote(im.Name), Want: "a function of " + im.Module, Got: "an unknown one", Hint: "see docs/GUESTS.md"}
		case !t.Equal(im.Type):
			return &explain.FormatError{What: "import " + quote(im.Name), Want: "type " + t.String(), Got: im.Type.String()}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exportTypes)) {
		t := exportTypes[name]
		if got, ok := m.Exports[name]; ok && !t.Equal(got) {
			return &explain.FormatError{What: "export " + name, Want: "type " + t.String(), Got: got.String()}
		}
	}
	return nil
}

// checkRole reports the first export that is missing for a role.
func checkRole(m *meter.Module, r Role) error {
	for _, name := range roleExports[r] {
		if _, ok := m.Exports[name]; !ok {
			return fmt.Errorf("no export %q: %s needs %v", name, r, roleExports[r])
		}
	}
	return nil
}

func quote(s string) string { return fmt.Sprintf("%.80q", s) }
