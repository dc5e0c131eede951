// Package chips describes the modules that airlift emulates, and the three
// things a chip family must bring along: boot code, core stage and updater.
//
// A [Family] is one folder below this one (xt804, ec, rda8910). It offers
// [Model]s; a model has [Profile]s, one for each generation of firmware that
// behaves differently. [Family.Chip] joins the two into a [Chip]: partitions,
// boot code and core, ready to be put on a [Board]. The registry of families
// is chips/all. Nothing outside a family's folder knows a chip's name.
package chips

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"airlift/flash"
	"airlift/flash/explain"
	"airlift/flash/mount"
)

// Family is one chip family.
type Family interface {
	// Name returns the folder's name, "xt804".
	Name() string
	// Models returns the family's models in the order in which they are listed.
	Models() []*Model
	// Chip joins a model and one of its profiles. layout is the text of a
	// user's partition file in the family's own form, or nil for the profile's.
	Chip(m *Model, profile string, layout []byte) (*Chip, error)
	// Inspect explains a file if it is one of the family's formats; ok tells.
	Inspect(data []byte) (f *explain.Field, ok bool)
}

// Model is a module that people buy.
type Model struct {
	Name    string // "Air601", as printed on the module
	Family  string
	BSP     string // what rtos.bsp() says, "AIR601"
	Summary string // one line for the list of models
	SoC     SoC
	Flash   []flash.Geometry
	RAM     int64 // bytes
	// RetainedWords is how many words of 32 bits survive a reset.
	RetainedWords int
	Profiles      []*Profile
	Default       string // name of the profile used unless another is asked for
	// ScriptOnly says that only the scripts of the model run: its flash map,
	// boot code, packages and upgrades are not emulated. See [Model.NeedsMap].
	ScriptOnly bool
}

// SoC is what scripts can find out about the chip itself.
type SoC struct {
	Name      string // hmeta.chip(): "XT806"
	HWVersion string // hmeta.hwver(): "A10"
	ClockMHz  int    // mcu.getClk() after a reset
	TickMHz   int    // ticks of mcu.tick64() a microsecond
	IDBytes   int    // length of mcu.unique_id()
}

// Profile is one generation of a model's firmware.
type Profile struct {
	Name    string // "g2"
	Summary string
	// CoreVersion is the firmware's version, "V1025": what rtos.version() says
	// when the core in flash carries no version of its own.
	CoreVersion string
	// Base is the version of the LuatOS core that the firmware is built on,
	// "24.04".
	Base string
	// CoreDate and LibDate decide between documented behaviours of the core
	// and of the Lua libraries that changed over time. Form: "2025-11-14".
	CoreDate, LibDate string
	// FirmwareNumber is the number in the firmware file's name, 101 in
	// LuatOS-SoC_V2046_Air780EPM_101.soc: what rtos.version(true) says second.
	// 0 where the files have none.
	FirmwareNumber int
	// Bits is the width of Lua numbers, 32 or 64.
	Bits int
	// Scripts says which script machine runs the firmware's scripts.
	Scripts ScriptSystem
	// Features says which optional libraries the firmware has.
	Features Features
	// FotaRefusal is why the fota library refuses to work; empty if it works.
	FotaRefusal string
	// Memory totals in bytes as rtos.meminfo reports them.
	LuaMemory, SysMemory, PSRAMMemory int64
	Timing                            Timing
	Assumptions                       []Assumption
}

// ScriptSystem is the kind of scripts that a firmware runs.
type ScriptSystem string

const (
	ScriptsLuatOS  ScriptSystem = ""        // LuatOS: Lua 5.3
	ScriptsLuaTask ScriptSystem = "luatask" // Luat script core of the 8910: Lua 5.1
	ScriptsNone    ScriptSystem = "none"    // a C program instead of scripts
)

// Features are the optional parts of a firmware that scripts can see.
type Features struct {
	Fota    bool // the dedicated FOTA area and the fota library
	FileOTA bool // /update.bin is applied before the scripts start
	Mobile  bool // cellular radio and the mobile library
	Wlan    bool // Wi-Fi and the wlan library
	// ScanOnly: the wlan library only scans, there is no Wi-Fi adapter.
	ScanOnly bool
}

// Timing is what operations cost in virtual time.
type Timing struct {
	PageProgram time.Duration // one page program
	SectorErase time.Duration // one sector erase
	Boot        time.Duration // reset to the core's first instruction, without flash work
	CoreStart   time.Duration // core's first instruction to the first script
}

// Assumption is something that the sources do not settle.
type Assumption struct {
	Name   string // "flash-timing"
	Text   string // what is assumed, and why
	Source string // section of the reference
}

// Chip is a model with a profile chosen, and everything that it does.
type Chip struct {
	Model      *Model
	Profile    *Profile
	Partitions []flash.Table // one table for each flash chip
	Bootloader Bootloader
	Core       Core
	Maker      Maker
	// SPI is the board's SPI flash, or nil: see [WithSPIFlash].
	SPI *SPIFlash
	// Files are the user's own files that decide what the chip does: board file,
	// partition file, boot code, update agent. A case of a sweep is the same case
	// only with the same files.
	Files []OwnFile
}

// OwnFile is a file that the user brought along.
type OwnFile struct {
	Role string // "boot code"
	Name string // without folders
	Sum  [sha256.Size]byte
}

// WithFile returns a copy of the chip that names one more file, in place of
// others of its role.
func (c *Chip) WithFile(role, name string, data []byte) *Chip {
	d := *c
	d.Files = slices.DeleteFunc(slices.Clone(c.Files), func(f OwnFile) bool { return f.Role == role })
	d.Files = append(d.Files, OwnFile{role, name, sha256.Sum256(data)})
	return &d
}

// Board is all that boot code and core can see (rule 4 of the house): equal
// boards behave equally.
type Board struct {
	Flash    []*flash.Device
	OTP      []byte
	Retained []uint32   // words that survive a reset but not a power-off
	Reset    ResetCause // why the chip starts
	Console  []byte     // bytes that wait at the boot UART
	Seed     uint64     // of this boot
	// SPI are the flash chips on the module's SPI buses.
	SPI []BoardSPI
}

// ResetCause says why a chip starts.
type ResetCause uint8

const (
	ResetPower    ResetCause = iota // power was switched on, or came back
	ResetSoftware                   // rtos.reboot and the like
	ResetWatchdog
	ResetException
	ResetWakeup // out of deep sleep
)

func (c ResetCause) String() string {
	names := [...]string{"power-on", "software", "watchdog", "exception", "wake-up"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("reset cause %d", c)
}

// Step is one thing that boot code, core or updater decided, did or printed.
type Step struct {
	Stage string   // "secboot", "core", "updater"
	Kind  StepKind // what sort of step
	Text  string   // one line
	// Level and Tag are set for KindLog: "I", "ota".
	Level, Tag string
}

// FindingMark begins the text of a step that reports something bad that the
// module does to itself: it overwrites what is not the package's own, say.
const FindingMark = "finding: "

// IsFinding reports whether s is a finding.
func (s *Step) IsFinding() bool {
	return strings.HasPrefix(s.Text, FindingMark) && s.Kind == KindDecide
}

// StepKind is the sort of a [Step].
type StepKind string

const (
	KindRead   StepKind = "read"   // a value was read from the board
	KindDecide StepKind = "decide" // a rule was applied
	KindDo     StepKind = "do"     // the flash was changed
	KindLog    StepKind = "log"    // a line on the device's log
	KindPrint  StepKind = "print"  // raw output on the boot console
)

// Env is how chip code reaches the outside while it runs. Both functions are
// never nil.
type Env struct {
	Board *Board
	// Step reports what was decided or done.
	Step func(Step)
	// Sleep lets virtual time pass. Flash operations take their time by
	// themselves.
	Sleep func(time.Duration)
	// Known, if not nil, is for those who boot many boards that are nearly
	// alike: see [Env.Checkpoint].
	Known func(state []byte) bool
}

// ErrKnown ends a run of which the rest is known already.
var ErrKnown = errors.New("the rest of the run is known")

// Checkpoint is called by boot code at moments from which on it depends on
// nothing but the board and state: whatever else it holds in memory follows
// from the two. If it returns ErrKnown the run must end at once, with that
// error. Chip code need not have checkpoints; they only save time. A state
// that leaves something out makes results wrong.
func (e *Env) Checkpoint(state func() []byte) error {
	if e.Known != nil && e.Known(state()) {
		return ErrKnown
	}
	return nil
}

// Log reports a line of the device's log.
func (e *Env) Log(level, tag, format string, args ...any) {
	e.Step(Step{Stage: "core", Kind: KindLog, Level: level, Tag: tag, Text: fmt.Sprintf(format, args...)})
}

// Bootloader is what runs after reset.
type Bootloader interface {
	// Boot runs the boot code to its end. The error is flash.ErrPowerLost or a
	// fault of the emulation; bad contents of the flash are no error but an
	// outcome.
	Boot(env *Env) (BootResult, error)
}

// BootOutcome is how boot code ends.
type BootOutcome string

const (
	BootCore     BootOutcome = "core"     // started the core
	BootDownload BootOutcome = "download" // waits for a serial download: someone asked for it
	BootFailed   BootOutcome = "failed"   // found nothing to start: a cable is needed
	BootReset    BootOutcome = "reset"    // resets the chip again
	BootHang     BootOutcome = "hang"     // never ends
)

// BootResult is what boot code leaves behind besides the flash.
type BootResult struct {
	Outcome  BootOutcome
	Status   string   // the family's status code, "M"; empty if there is none
	Upgraded bool     // this boot applied an update
	Image    int64    // where the started core's image header or first byte is on flash chip 0
	Params   []uint32 // words handed to the core or to ROM code
	// Cause is why the chip starts again, with BootReset. Power-on, the zero
	// value, means an ordinary reset by software.
	Cause ResetCause
}

// ResetCause is why the chip starts after a BootReset.
func (r *BootResult) ResetCause() ResetCause {
	if r.Cause == ResetPower {
		return ResetSoftware
	}
	return r.Cause
}

// Core is the firmware below the scripts: modelled, not executed.
type Core interface {
	// Start does what the core does before the scripts: it identifies itself
	// from the image that boot code started, applies waiting script updates
	// and mounts the file systems. The error is flash.ErrPowerLost, a damaged
	// core (*CoreError) or a fault of the emulation.
	Start(env *Env, boot BootResult) (*Running, error)
}

// Mounter is a Core that can mount the file systems of a flash image without
// running: for looking into dumps and editing them.
type Mounter interface {
	// MountFiles mounts what can be mounted and says what cannot. With mkfs it
	// first makes a file system where the partition is all erased, as the
	// firmware does at its first start; it never formats anything else.
	MountFiles(flashes []*flash.Device, mkfs bool) (*mount.Table, []error)
}

// RootMounter is a Mounter that can mount the file system of "/" alone: what
// its MountFiles mounts there without mkfs, and many thousand times a second.
type RootMounter interface {
	MountRoot(flashes []*flash.Device) (mount.Mount, error)
}

// Unpacker is a Family that can take its own files apart.
type Unpacker interface {
	// Unpack returns the parts of a file if it is one of the family's formats.
	// Names are slash-separated and not yet safe for the host.
	Unpack(data []byte) (parts []Part, ok bool, err error)
}

// Part is one file inside another.
type Part struct {
	Name string
	Data []byte
}

// CoreError reports an image that boot code started and that cannot run.
type CoreError struct {
	Image int64 // where, on flash chip 0
	Why   string
}

func (e *CoreError) Error() string {
	return fmt.Sprintf("core image at 0x%06X cannot run: %s", e.Image, e.Why)
}

// Running is a core that is up.
type Running struct {
	// Reboot is set when the core resets the chip instead of starting scripts.
	Reboot   bool
	Identity Identity
	Mounts   *mount.Table
	// Code tells the code that runs from other code, on chips where it may lie
	// in more than one place. Zero where it has one place.
	Code    [32]byte
	Updater Updater // nil if the firmware has no fota library
	// KV mounts the file system of the fskv library in its own partition, and
	// formats it if that fails, as the firmware does when a script calls
	// fskv.init(). Nil if the firmware has no fskv. The error is
	// flash.ErrPowerLost, or why there is no file system.
	KV func(env *Env) (*mount.Mount, error)
}

// Identity is what a core says of itself. It is read from its image in flash;
// what the image does not say comes from the profile.
type Identity struct {
	Model     string // "Air601": hmeta.model()
	BSP       string // "AIR601": rtos.bsp()
	Version   string // "V1025": rtos.version()
	Base      string // version of the LuatOS core: "23.11"
	BuildDate string // "Apr 20 2026": rtos.buildDate()
	BuildTime string
	Profile   *Profile
	Synthetic bool // made by airlift, with a descriptor in its body
}

// Updater is what luat_fota_* does while scripts run. Results are the C
// functions' own: see the family's reference. Every method may return
// flash.ErrPowerLost, after which nothing else may be called.
type Updater interface {
	Init(env *Env, start, length int64) (int, error)
	Write(env *Env, p []byte) (int, error)
	Done(env *Env) (int, error)
	End(env *Env, ok bool) (int, error)
	WaitReady(env *Env) (bool, error)
}

// FileUpdater is an Updater whose Write is told how long the whole package is:
// the module counts what comes in and refuses more than that. Write alone
// takes the length for unlimited.
type FileUpdater interface {
	Updater
	// Process is rtos.fota_process: total is the length of the whole package in
	// bytes, not that of p.
	Process(env *Env, p []byte, total int64) (int, error)
}

// Maker makes the files that LuaTools makes for a chip.
type Maker interface {
	// Kinds lists what can be made for the chip's profile.
	Kinds() []PackageKind
	// Make makes one file. It refuses what the module would choke on, unless
	// told otherwise.
	Make(kind string, in MakeInput) ([]byte, error)
}

// FlashMaker is a Maker that can hand over the flash of a finished module
// without a dump in between.
type FlashMaker interface {
	MakeFlash(in MakeInput) ([]*flash.Device, error)
}

// PackageNamer is a Maker that knows how LuaTools names upgrade packages.
type PackageNamer interface {
	// PackageName returns the file name for PROJECT, core version ("V1025")
	// and VERSION.
	PackageName(project, coreVersion, version string) (string, error)
}

// PackageKind is one kind of file.
type PackageKind struct {
	Name    string // "fota"
	Ext     string // ".fota"
	Summary string
	// Upgrade marks packages that a server sends; Core says that it brings a
	// core along, not only scripts. Fits says whether this profile's firmware
	// can take it, and why not.
	Upgrade bool
	Core    bool
	Delta   bool // is made from a firmware to another: needs MakeInput.Base
	Fits    bool
	Why     string
}

// MakeInput is what a file is made from.
type MakeInput struct {
	Script      []byte     // script image (luadb) with its trailer, not padded; may be nil where a kind needs none
	Core        []byte     // core image or .fls; nil for a synthetic core
	CoreVersion string     // version of the synthetic core; empty for the profile's
	CoreSize    int64      // bytes of code in the synthetic core; 0 for the family's default
	CoreSeed    uint64     // decides the synthetic core's code bytes
	Base        *MakeInput // firmware that a delta starts from: its core fields only
	Pad         bool       // pad a package away from sizes that the boot code fails on
	Force       bool       // make it although the module will choke on it
}

// Profile returns the profile called name, or the default one for "".
func (m *Model) Profile(name string) (*Profile, error) {
	if name == "" {
		name = m.Default
	}
	var names []string
	for _, p := range m.Profiles {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return nil, fmt.Errorf("%s has no profile %q: it has %s", m.Name, name, strings.Join(names, ", "))
}

// NeedsMap is the error for what cannot be done to a script-only model, and
// nil for other models.
func (m *Model) NeedsMap() error {
	if !m.ScriptOnly {
		return nil
	}
	return fmt.Errorf("%s: flash map not emulated: boot code, packages and upgrades of this script-only model are missing", m.Name)
}
