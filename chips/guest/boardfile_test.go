package guest

import (
	"strings"
	"testing"
	"time"

	"airlift/chips"
	"airlift/chips/xt804"
)

// wholeBoard uses every field of a board of its own.
const wholeBoard = `format: airlift-board/1
model: My-Board
summary: for tests
bsp: MYBOARD
ram: 512KiB
retained_words: 8
soc: {name: S, hw_version: B1, clock_mhz: 240, tick_mhz: 2, id_bytes: 12}
flash:
  - size: 2MiB
    sector: 0x2000
    page: 512
    partitions:
      - {name: slot0, kind: app, offset: 0x10000, size: 640KiB, note: runs}
      - {name: state, kind: data, offset: 0x8000, size: 8192}
  - size: 65536
timing: {page_program: 1ms, sector_erase: 50ms, boot: 10ms, core_start: 100ms}
firmware: {version: V1234, base: "25.01", date: 2025-01-02, lua_bits: 64, have: [wlan], memory: {lua: 100KiB, sys: 64KiB}}
package: image
boot: {guest: naive, ram: 32KiB, steps: 5000000, step_time: 20ns, watchdog: 3s}
updater: {guest: naive, watchdog: 0s}
`

func parse(text string) (*board, error) {
	return parseBoard([]byte(text), shipped, []chips.Family{xt804.New()})
}

func TestBoardFile(t *testing.T) {
	b, err := parse(wholeBoard)
	if err != nil {
		t.Fatal(err)
	}
	m, p := b.model, b.model.Profiles[0]
	if m.Name != "My-Board" || m.BSP != "MYBOARD" || m.RAM != 512<<10 || m.RetainedWords != 8 || m.SoC != (chips.SoC{Name: "S", HWVersion: "B1", ClockMHz: 240, TickMHz: 2, IDBytes: 12}) {
		t.Errorf("model %+v", m)
	}
	if g := m.Flash[0]; len(m.Flash) != 2 || g.Size != 2<<20 || g.SectorSize != 0x2000 || g.PageSize != 512 || m.Flash[1].Size != 65536 || m.Flash[1].SectorSize != 4096 {
		t.Errorf("flash %+v", m.Flash)
	}
	if s := b.tables[0][0]; s.Name != "slot0" || s.Off != 0x10000 || s.Size != 640<<10 || s.Note != "runs" || len(b.tables[1]) != 0 {
		t.Errorf("partitions %+v", b.tables)
	}
	if b.timing != (chips.Timing{PageProgram: time.Millisecond, SectorErase: 50 * time.Millisecond, Boot: 10 * time.Millisecond, CoreStart: 100 * time.Millisecond}) {
		t.Errorf("timing %+v", b.timing)
	}
	if p.CoreVersion != "V1234" || p.CoreDate != "2025-01-02" || p.Bits != 64 || !p.Features.Wlan || p.Features.Mobile || !p.Features.Fota || p.LuaMemory != 100<<10 || p.SysMemory != 64<<10 {
		t.Errorf("profile %+v", p)
	}
	if b.boot.limits != (Limits{RAM: 32 << 10, Steps: 5_000_000, StepTime: 20 * time.Nanosecond, Watchdog: 3 * time.Second}) || b.updater.limits != (Limits{}) {
		t.Errorf("limits %+v, %+v", b.boot.limits, b.updater.limits)
	}
}

// TestBoardRefusals changes one thing of a board that is fine.
func TestBoardRefusals(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"airlift-board/1", "airlift-board/2", "format"},
		{"model: My-Board", "model: \"a b\"", "model"},
		{"bsp: MYBOARD", "bsp: MY-BOARD", "bsp"},
		{"ram: 512KiB", "ram: 1025MiB", "ram"},
		{"ram: 512KiB", "ram: 17592186044416MiB", "too large"},
		{"ram: 512KiB", "ram: 281474976710656", "too large"},
		{"ram: 512KiB", "ram: lots", "size"},
		{"retained_words: 8", "retained_words: 1025", "retained_words"},
		{"retained_words: 8", "retained_words: -1", "retained_words"},
		{"id_bytes: 12", "id_bytes: 65", "soc"},
		{"id_bytes: 12", "id_bytes: 0", "soc"},
		{"tick_mhz: 2", "tick_mhz: 0", "soc"},
		{"clock_mhz: 240", "clock_mhz: 0", "soc"},
		{"size: 2MiB", "size: 65MiB", "flash 0"},
		{"sector: 0x2000", "sector: 3000", "flash 0"},
		{"kind: app", "kind: data", "flash 0"},
		{"offset: 0x8000", "offset: 0x10000", "flash 0"},
		{"size: 640KiB", "size: 4MiB", "flash 0"},
		{"page_program: 1ms", "page_program: 2h", "time"},
		{"page_program: 1ms", "page_program: -1ms", "time"},
		{"page_program: 1ms", "page_program: soon", "time"},
		{"V1234", "1.2", "version"},
		{"2025-01-02", "2025-13-02", "date"},
		{"lua_bits: 64", "lua_bits: 16", "lua_bits"},
		{"have: [wlan]", "have: [rocket]", "have"},
		{"lua: 100KiB", "lua: 65MiB", "memory"},
		{"sys: 64KiB", "sys: 65MiB", "memory"},
		{"package: image", "package: soup", "package"},
		{"guest: naive, ram", "guest: nobody, ram", "boot"},
		{"guest: naive, watchdog: 0s", "watchdog: 0s", "updater: guest is missing"},
		{"steps: 5000000", "steps: 1", "boot"},
		{"ram: 32KiB", "ram: 17MiB", "boot"},
		{"watchdog: 3s", "watchdog: 61m", "time"},
		{"summary: for tests", "sumary: for tests", "sumary"},
		{"summary: for tests", "like: {model: air6208}", "leave them out"},
	} {
		if _, err := parse(strings.Replace(wholeBoard, c.old, c.new, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
	const like = "format: airlift-board/1\nmodel: X\nlike: {model: air6208}\n"
	if b, err := parse(like + "retained_words: 20\n"); err != nil || b.model.RetainedWords != 20 {
		t.Errorf("like air6208: %v", err)
	}
	for _, more := range []string{"retained_words: 1000000000000", "bsp: X", "ram: 1KiB", "package: image", "timing: {boot: 1s}", "soc: {name: x}", "flash: [{size: 1MiB}]",
		"firmware: {version: V1000}", "firmware: {date: 2025-01-02}", "firmware: {lua_bits: 64}", "firmware: {have: [wlan]}", "firmware: {memory: {lua: 1MiB}}"} {
		if _, err := parse(like + more + "\n"); err == nil {
			t.Errorf("like air6208 with %s is taken", more)
		}
	}
}

// TestSleepPasses: what a guest computes and sleeps passes for the world, too.
func TestSleepPasses(t *testing.T) {
	a := &asm{}
	a.pages(1)
	sleep := a.use("sleep_us")
	a.fn("boot", bootType, iI32Const, 0x88, 0x27, iCall, sleep, iI32Const, 0)
	w := bootOnly(t, a.bytes(), Limits{StepTime: time.Microsecond})
	if _, err := w.boot(); err != nil {
		t.Fatal(err)
	}
	if want := 5000*time.Microsecond + 5*time.Microsecond; w.slept < want-2*time.Microsecond || w.slept > want {
		t.Errorf("the world slept %v, want %v", w.slept, want)
	}
}
