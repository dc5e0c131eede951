package xt804

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/synth"
	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/luadb"
	"airlift/flash/mount"
)

// version replaces the app by a core with a descriptor of the given version.
func (m *module) version(v string) *module {
	m.t.Helper()
	m.install(m.app(SyntheticCore(m.info(v), 3000, 1)))
	return m
}

func (m *module) info(v string) synth.Info {
	p := m.core.Profile
	return synth.Info{
		Model: m.core.Model.Name, BSP: m.core.Model.BSP, Profile: p.Name, Version: v, Base: "23.11",
		BuildDate: "Apr 10 2024", BuildTime: "12:34:56", FlashSize: m.l.FlashSize, Bits: p.Bits,
		Features: p.Features, Partitions: m.l.Table,
	}
}

// luadbImage returns a script image of about n bytes that says who.
func luadbImage(t testing.TB, who string, n int) []byte {
	t.Helper()
	data := []byte("-- " + who + strings.Repeat(" x", n/2) + "\n")
	img, err := luadb.Build([]luadb.File{{Name: "main.lua", Data: data}}, luadb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// putFile writes a file to the module's file system, which the core's first
// start has made.
func (m *module) putFile(name string, data []byte) {
	m.t.Helper()
	region, err := m.dev.Partition(m.l.Part(PartFS))
	if err != nil {
		m.t.Fatal(err)
	}
	cfg := littlefs.LuatOS(region.Size())
	cfg.DiskVersion = littlefs.DiskVersion20 // what any core can mount
	fs, err := littlefs.Mount(region, cfg)
	if errors.Is(err, littlefs.ErrVersion) {
		cfg.DiskVersion = littlefs.DiskVersion21
		fs, err = littlefs.Mount(region, cfg)
	}
	if err != nil {
		if err = littlefs.Format(region, cfg); err != nil {
			m.t.Fatal(err)
		}
		if fs, err = littlefs.Mount(region, cfg); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := afero.WriteFile(fs, name, data, 0o666); err != nil {
		m.t.Fatal(err)
	}
}

func fileExists(t *testing.T, fs *mount.Table, name string) bool {
	t.Helper()
	_, err := fs.Stat(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCoreStart(t *testing.T) {
	m := newModule(t, "Air601", "g2").version("V1025")
	m.put(m.l.ScriptAddr(), luadbImage(t, "hello", 100))
	m.cause = chips.ResetSoftware
	run := m.start()
	want := []string{
		"D/main poweron: reset by software",
		"I/main LuatOS@Air601 base 23.11 bsp V1025 32bit",
		"I/main ROM Build: Apr 10 2024 12:34:56",
		"I/lfs lfs mount fail ret=-84 , exec format",
	}
	if got := m.logs(); !reflect.DeepEqual(got, want) {
		t.Errorf("log\n%q, want\n%q", got, want)
	}
	if m.slept != 100*time.Millisecond {
		t.Errorf("slept %v", m.slept)
	}
	var mounts []string
	for _, x := range run.Mounts.Mounts() {
		mounts = append(mounts, x.Path+" "+x.Type)
	}
	if want := []string{"/ lfs", "/ram/ ram", "/luadb/ luadb"}; !reflect.DeepEqual(mounts, want) {
		t.Errorf("mounts %q", mounts)
	}
	if run.Updater != nil || run.Reboot {
		t.Errorf("%+v", run)
	}
	if u, kind, err := run.Mounts.Usage("/luadb/"); err != nil || kind != "luadb" || u.BlockSize != 512 || u.Blocks != 128 {
		t.Errorf("usage of /luadb/: %+v %q %v", u, kind, err)
	}
	data, err := afero.ReadFile(run.Mounts, "/luadb/main.lua")
	if err != nil || !bytes.HasPrefix(data, []byte("-- hello")) {
		t.Errorf("main.lua: %q, %v", data, err)
	}
	if !run.Identity.Synthetic || run.Identity.BSP != "AIR601" || run.Identity.Profile != m.core.Profile {
		t.Errorf("identity %+v", run.Identity)
	}
	m.steps = nil
	m.slept = 0
	m.start()
	m.checkLogs(t, "lfs", nil)
}

func TestPoweronText(t *testing.T) {
	for cause, want := range map[chips.ResetCause]string{
		chips.ResetPower: "power or reset", chips.ResetSoftware: "reset by software", chips.ResetWatchdog: "reset by watchdog",
		chips.ResetException: "reboot by exception", chips.ResetWakeup: "wakeup by rtc",
	} {
		if got := poweronText(cause); got != want {
			t.Errorf("%v: %q", cause, got)
		}
	}
}

// A device is what its flash says, not what its chip's profile says.
func TestIdentityFromFlash(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	other := newModule(t, "Air601", "g3")
	other.version("V2001")
	m.dev, m.l = other.dev, other.l
	run := m.start()
	if run.Identity.Version != "V2001" || run.Identity.Profile.Name != "g3" || run.Updater == nil {
		t.Errorf("%+v", run.Identity)
	}
	m.checkLogs(t, "fs", []string{"D/fs 可读写文件系统大小 40kb flash偏移量 000F0000"})

	// Without a descriptor the profile speaks.
	m = newModule(t, "Air601", "g2")
	run = m.start()
	if run.Identity.Version != "V1025" || run.Identity.Synthetic || run.Identity.Model != "Air601" {
		t.Errorf("%+v", run.Identity)
	}
}

func TestBrokenCores(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(m *module) (image int64)
		why  string
	}{
		{"RAM", func(m *module) int64 { return -1 }, "RAM"},
		{"no header", func(m *module) int64 { return 0x100000 }, "no image header"},
		{"script", func(m *module) int64 { m.put(0x08100000, m.script(TypeScript, newScript)); return 0x100000 }, "type 2"},
		{"other address", func(m *module) int64 {
			m.version("V1025")
			h := DecodeHeader(m.get(m.l.Header, HeaderSize))
			m.put(0x08100400, m.get(m.l.CodeAddr(), int(h.ImgLen)))
			h.ImgAddr = 0x08100400
			m.put(0x08100000, h.Encode())
			return 0x100000
		}, "linked for 0x08011400 and lies at 0x08100400"},
		{"damaged descriptor", func(m *module) int64 {
			m.version("V1025")
			m.flip(m.l.CodeAddr() + synth.Offset + 40)
			return Off(m.l.Header)
		}, "core descriptor CRC"},
		{"other chip's core", func(m *module) int64 {
			info := m.info("V2001")
			info.FlashSize = 8 << 20
			m.install(m.app(SyntheticCore(info, 3000, 1)))
			return Off(m.l.Header)
		}, "built for a flash of 8192 KiB"},
		{"code off the flash", func(m *module) int64 {
			h := m.l.AppHeader()
			h.ImgAddr, h.ImgLen = 0x20000000, 100
			m.put(m.l.Header, h.Encode())
			return Off(m.l.Header)
		}, "not on the flash"},
	} {
		m := newModule(t, "Air101", "g2")
		image := c.edit(m)
		_, err := m.core.Start(m.env(), chips.BootResult{Outcome: chips.BootCore, Image: image})
		var broken *chips.CoreError
		if !errors.As(err, &broken) || !strings.Contains(broken.Why, c.why) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A script partition that is no luadb is not mounted; the reader's own words
// say why.
func TestBadScripts(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	run := m.start()
	m.checkLogs(t, "luadb", []string{"W/luadb Bad LuaDB"})
	if len(run.Mounts.Mounts()) != 2 {
		t.Errorf("%v", run.Mounts.Mounts())
	}
	for v, want := range map[string][]string{
		"V1022": {"W/fs Legacy non-LuaDB download, please upgrade your LuatIDE or LuatTools 0x80e0000"},
		"V0010": {"W/fs Legacy non-LuaDB download, please upgrade your LuatIDE or LuatTools 0x80e0000"},
	} {
		m := newModule(t, "Air601", "g1").version(v)
		run := m.start()
		m.checkLogs(t, "fs", want)
		u, _, err := run.Mounts.Usage("/")
		if blocks := map[string]int64{"V1022": 12, "V0010": 28}[v]; err != nil || u.Blocks != blocks {
			t.Errorf("%s: %+v, %v", v, u, err)
		}
	}
}

// P23: firmware of another generation cannot mount a newer disk version, and
// formats.
func TestP23DiskVersions(t *testing.T) {
	for _, c := range []struct {
		from, fromVersion, to, toVersion string
		kept                             bool
	}{
		{"g1", "V0017", "g2", "V1025", true},
		{"g2", "V1025", "g1", "V0017", false},
		{"g1", "V0017", "g1", "V1022", true},
	} {
		m := newModule(t, "Air101", c.from).version(c.fromVersion)
		run := m.start()
		if err := afero.WriteFile(run.Mounts, "/a.txt", []byte("a"), 0o666); err != nil {
			t.Fatal(err)
		}
		next := newModule(t, "Air101", c.to).version(c.toVersion)
		fs := m.l.Part(PartFS)
		next.put(Addr(fs.Off), m.get(Addr(fs.Off), int(fs.Size)))
		run = next.start()
		if got := fileExists(t, run.Mounts, "/a.txt"); got != c.kept {
			t.Errorf("%s to %s: file kept %v", c.fromVersion, c.toVersion, got)
		}
	}
}

// otaCase is a /update.bin and what becomes of it.
type otaCase struct {
	name    string
	version string // of the core; empty for the profile's
	file    string // empty means /update.bin
	data    func(t testing.TB) []byte
	logs    []string
	applied bool
	stays   bool
	reboot  bool
}

func withMD5(p []byte) []byte {
	sum := md5.Sum(p)
	return append(append([]byte(nil), p...), sum[:]...)
}

func TestFileOTA(t *testing.T) {
	good := func(n int) func(t testing.TB) []byte {
		return func(t testing.TB) []byte { return luadbImage(t, "new", n) }
	}
	bytesOf := func(n int) func(testing.TB) []byte {
		return func(testing.TB) []byte { return withMD5(bytes.Repeat([]byte{7}, n-16)) }
	}
	ok := func(more ...string) []string {
		return append([]string{"I/ota found update.bin, checking", "D/ota ota file MD5 ok"}, more...)
	}
	bad := func(more ...string) []string {
		return append(append([]string{"I/ota found update.bin, checking"}, more...), "W/ota update.bin NOT ok, skip")
	}
	const updating = "I/ota update.bin ok, updating... 000E0000"
	run := func(profile string, cases []otaCase) {
		for _, c := range cases {
			t.Run(profile+" "+c.name, func(t *testing.T) {
				m := newModule(t, "Air601", profile)
				m.t = t
				if c.version != "" {
					m.version(c.version)
				}
				old := luadbImage(t, "old", 9000)
				m.put(m.l.ScriptAddr(), old)
				m.start()
				name := c.file
				if name == "" {
					name = updateBin
				}
				data := c.data(t)
				m.putFile(name, data)
				run := m.start()
				m.checkLogs(t, "ota", c.logs)
				if fileExists(t, run.Mounts, name) != c.stays {
					t.Errorf("%s stays: %v", name, !c.stays)
				}
				if run.Reboot != c.reboot {
					t.Errorf("reboot %v", run.Reboot)
				}
				script := m.get(m.l.ScriptAddr(), 64<<10)
				want := old
				if c.applied { // padded to whole blocks, the rest as it was
					n := (len(data) + 4095) &^ 4095
					want = append(padTo(data, 4096), old[min(n, len(old)):]...)
				}
				if !bytes.HasPrefix(script, want) {
					t.Errorf("script partition starts %q", script[60:90])
				}
			})
		}
	}
	run("g2", []otaCase{
		{"good", "", "", good(2000), ok(updating), true, false, true},
		{"longer", "", "", good(12000), ok(updating), true, false, true},
		{"P15 no luadb at all, right MD5", "", "", bytesOf(700), ok(updating), true, false, true},
		{"smallest", "", "", bytesOf(512), ok(updating), true, false, true},
		{"P16 too small", "", "", bytesOf(511), bad("E/ota /update.bin is too small/big 511"), false, false, false},
		{"MD5 wrong", "", "", func(t testing.TB) []byte { p := good(2000)(t); p[100] ^= 1; return p }, bad("E/ota ota file MD5 FAIL"), false, false, false},
		{"P13 truncated", "", "", func(t testing.TB) []byte { return good(2000)(t)[:1500] }, bad("E/ota ota file MD5 FAIL"), false, false, false},
		{"padded", "", "", func(t testing.TB) []byte { return padTo(good(2000)(t), 1024) }, bad("E/ota ota file MD5 FAIL"), false, false, false},
		{"P10 a .fota", "", "", func(t testing.TB) []byte {
			m := newModule(t, "Air601", "g2-fota")
			return m.pack(m.app(newCode()), packOptions{})
		}, bad("E/ota ota file MD5 FAIL"), false, false, false},
		{"P14 wrong name", "", "/update1.bin", good(2000), nil, false, true, false},
	})
	run("g1", []otaCase{
		{"good", "V1022", "", good(2000), ok(updating), true, false, true},
		{"V0014 reboots", "V0014", "", good(2000), ok(updating), true, false, true},
		{"V0013 does not", "V0013", "", good(2000), ok("I/ota update.bin ok, updating..."), true, false, false},
		{"V0011, no luadb", "V0011", "", bytesOf(700), ok("I/ota update.bin ok, updating..."), true, false, false},
		{"V0010", "V0010", "", good(2000), ok("I/ota update.bin ok, updating..."), true, false, false},
		{"V0010, no luadb", "V0010", "", bytesOf(2000), bad("E/ota ota file MD5 FAIL"), false, false, false},
		{"P16 V0010, too small", "V0010", "", good(700), bad("E/ota /update.bin is too small/big 811"), false, false, false},
	})
	run("g3", []otaCase{{"not looked at", "", "", good(2000), nil, false, true, false}})
}

func TestUpdateTGZ(t *testing.T) {
	img := luadbImage(t, "new", 2000)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(img)
	w.Close()
	found := "I/ota found update.tgz, decompress ..."
	applied := []string{found, "I/ota found update.bin, checking", "D/ota ota file MD5 ok", "I/ota update.bin ok, updating... 000E0000"}
	for _, c := range []struct {
		name    string
		date    string // of the core
		data    []byte
		logs    []string
		applied bool
		stays   bool
	}{
		{"zlib compiled in", "2024-04-26", z.Bytes(), applied, true, false},
		{"zlib removed", "2024-04-27", z.Bytes(), nil, false, true},
		{"not compressed", "2024-04-26", img, []string{found, "E/ota decompress file error!",
			"I/ota found update.bin, checking", "E/ota /update.bin is too small/big 0", "W/ota update.bin NOT ok, skip"}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newModule(t, "Air601", "g2")
			p := *m.core.Profile
			p.CoreDate = c.date
			m.core.Profile = &p
			m.start()
			m.putFile(updateTGZ, c.data)
			run := m.start()
			m.checkLogs(t, "ota", c.logs)
			if fileExists(t, run.Mounts, updateTGZ) != c.stays || fileExists(t, run.Mounts, updateBin) {
				t.Error("wrong files are left")
			}
			if got := bytes.Equal(m.get(m.l.ScriptAddr(), len(img)), img); got != c.applied {
				t.Errorf("applied: %v", got)
			}
		})
	}
}

// Two erases a sector, in order, and the file is deleted last.
func TestFileOTAOperations(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	m.start()
	m.putFile(updateBin, luadbImage(t, "new", 6000))
	log := new(opLog)
	m.dev.Power().SetTap(log)
	m.start()
	var want []string
	for _, sector := range []int{0xE0000, 0xE1000} {
		want = append(want, fmt.Sprintf("erase 0x%X", sector), fmt.Sprintf("erase 0x%X", sector))
		for page := range 16 {
			want = append(want, fmt.Sprintf("program 0x%X", sector+page*256))
		}
	}
	if len(log.ops) <= len(want) || !reflect.DeepEqual(log.ops[:len(want)], want) {
		t.Errorf("operations\n%q, want\n%q", log.ops, want)
	}
}

// P17: a file longer than the script partition overwrites what follows, which
// is the file system that the file lies on.
func TestP17ScriptTooLarge(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	l, err := ComputeG2(MapInput{FlashSize: 1 << 20, FSKiB: 96, ScriptKiB: 32, KV: true})
	if err != nil {
		t.Fatal(err)
	}
	m.l, m.core.Layout = l, l
	m.install(l.SecbootImage())
	m.install(m.app(oldCode()))
	m.start()
	m.putFile(updateBin, luadbImage(t, "new", 40_000))
	fs := Addr(l.Part(PartFS).Off)
	before := m.get(fs, 4096)
	boot := m.boot()
	m.steps = nil
	if _, err := m.core.Start(m.env(), boot); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(m.get(fs, 4096), before) {
		t.Error("the file system was not overwritten")
	}
	m.start()
	m.checkLogs(t, "lfs", []string{"I/lfs lfs mount fail ret=-84 , exec format"})
}

// P24: the file system of G1 and G2 shares its last sectors with the SDK.
func TestP24Overlap(t *testing.T) {
	m := newModule(t, "Air601", "g2")
	fs := m.l.Part(PartFS)
	mesh, ok := m.l.Table.Lookup("mesh_param")
	if !ok || !fs.Contains(mesh.Off) {
		t.Errorf("fs %+v, mesh %+v", fs, mesh)
	}
}

// A cut anywhere in a file-system OTA and another boot or two: the new script
// runs, and no file is left.
func TestFileOTACuts(t *testing.T) {
	base := newModule(t, "Air601", "g2")
	old := luadbImage(t, "old", 9000)
	base.put(base.l.ScriptAddr(), old)
	base.start()
	img := luadbImage(t, "new", 9000)
	base.putFile(updateBin, img)
	total := base.countOps(func(m *module) { m.start() })
	for n := range total {
		for _, how := range []flash.FateKind{flash.FateCutBefore, flash.FateCutAfter} {
			m := base.fork()
			m.dev.Power().SetTap(&cutTap{at: n, how: how})
			boot, err := new(Secboot).Boot(m.env())
			if err == nil {
				_, err = m.core.Start(m.env(), boot)
			}
			if !errors.Is(err, flash.ErrPowerLost) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			if m.slept > 0 {
				t.Fatalf("cut at %d: the file system was formatted", n)
			}
			m.dev.Power().SetTap(nil)
			m.dev.Power().Restore()
			for m.start().Reboot {
			}
			run := m.start()
			if !bytes.Equal(m.get(m.l.ScriptAddr(), len(img)), img) || fileExists(t, run.Mounts, updateBin) {
				t.Fatalf("cut at %d of %d: old script or file left", n, total)
			}
		}
	}
	t.Logf("%d operations, each cut before and after", total)
}
