package play_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/emu/project"
	"airlift/emu/trace"
	"airlift/flash"
	"airlift/flash/luadb"
	"airlift/lua"
)

// breaking is a network that loses one connection to the platform in the
// middle of a package.
type breaking struct {
	emu.Network
	after int64 // bytes of one connection
	broke *bool
	sent  *strings.Builder // all requests
}

// listening is a connection of it.
type listening struct {
	lua.Conn
	sent *strings.Builder
}

func (c listening) Send(p []byte) {
	c.sent.Write(p)
	c.Conn.Send(p)
}

func (n breaking) Dial(host string, port int, tls *lua.TLS, ev lua.ConnEvents) lua.Conn {
	var got int64
	var c lua.Conn
	data := ev.Data
	ev.Data = func(p []byte) {
		if got += int64(len(p)); got > n.after && !*n.broke {
			*n.broke = true
			c.Close()
			ev.Closed(errors.New("broken by the test"))
			return
		}
		data(p)
	}
	c = listening{n.Network.Dial(host, port, tls, ev), n.sent}
	return c
}

// taskProject is a project for the Luat core that asks for an upgrade, with a
// resource that makes its package span many segments.
func taskProject() []luadb.File {
	return []luadb.File{{Name: "main.lua", Data: []byte(`PROJECT = "TASK"
VERSION = "1.0.0"
PRODUCT_KEY = "` + demoKey + `"
require "log"
require "sys"
require "net"
require "update"
log.info("version", VERSION)
update.request()
sys.init(0, 0)
sys.run()`)}, {Name: "tone.amr", Data: bytes.Repeat([]byte("0123456789abcdef"), 1000)}}
}

// TestLuaTaskFota carries upgrades of the Luat core through: the platform lets
// the module wait with code 43, sends it to another address, and the download
// breaks in the middle.
func TestLuaTaskFota(t *testing.T) {
	redirect := [][2]string{{"update.request()", "update.request(nil, nil, nil, true)"}}
	for _, kind := range []string{"script-stream", "all-stream"} {
		t.Run("ours "+kind, func(t *testing.T) {
			runTaskFota(t, taskProject(), redirect, nil, kind)
		})
	}
	src := os.Getenv("LUAT_8910_SRC")
	if src == "" {
		t.Skip("LUAT_8910_SRC is not set: upstream's update demo for the 8910 was NOT tried; set it to a Luat_4G_RDA_8910 checkout")
	}
	libs, err := lua.TaskLibsFromDir(src)
	if err != nil {
		t.Fatal(err)
	}
	files, err := play.Folder(filepath.Join(src, "script_LuaTask", "demo", "update", "LuatIotServer"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, luadb.File{Name: "tone.amr", Data: bytes.Repeat([]byte("0123456789abcdef"), 1000)})
	for _, kind := range []string{"script-stream", "all-stream"} {
		t.Run("original "+kind, func(t *testing.T) { runTaskFota(t, files, nil, libs, kind) })
		t.Run("original redirected "+kind, func(t *testing.T) { runTaskFota(t, files, redirect, libs, kind) })
	}
}

func runTaskFota(t *testing.T, files []luadb.File, edits [][2]string, libs afero.Fs, kind string) {
	u := taskUpgrade(t, edited(t, files, edits), kind)
	var flashes []*flash.Device
	var log, net strings.Builder
	broke := false
	r, err := play.Run(play.Job{
		Files: u.old.Files, Chip: u.chip, Seed: 1, Limit: 10 * time.Minute, Boots: 4,
		Script: lua.Options{Libs: libs, Steps: 1 << 28},
		World: func(w *emu.World, cfg *emu.Config) error {
			flashes = cfg.Flash
			inner := cfg.Net
			cfg.Net = func(boot int) (emu.Network, error) {
				n, err := inner(boot)
				return breaking{Network: n, after: 6000, broke: &broke, sent: &net}, err
			}
			w.Trace.Sink(func(e *trace.Event) {
				if e.Kind == trace.Net || e.Kind == trace.Server {
					net.WriteString(e.Text + "\n")
				}
			})
			return taskPlatform(w, u)
		},
		Line: func(l play.Line) bool {
			log.WriteString(l.Text + "\n")
			return l.Boot > 0 && strings.Contains(l.Text, u.new.Version)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	core, main := installed(t, u.chip, flashes)
	if core != u.core || !bytes.Equal(main, mainLua(t, u.new)) || len(r.Refused) > 0 || len(r.Errors) > 0 {
		t.Errorf("core %s, new scripts %v, %s %s, refused %q, errors %q\n%s%s",
			core, bytes.Equal(main, mainLua(t, u.new)), r.End, r.Detail, r.Refused, r.Errors, log.String(), net.String())
	}
	if !broke {
		t.Error("no connection broke")
	}
	want := []string{"building_diff, status 400", "Range: bytes=0-", "HTTP/1.1 206", "Range: bytes=5"}
	if edits != nil {
		want = append(want, "302")
	}
	for _, w := range want {
		if !strings.Contains(net.String(), w) {
			t.Errorf("the network saw no %q:\n%s", w, net.String())
		}
	}
}

// taskUpgrade makes the next version of a project and its package.
func taskUpgrade(t *testing.T, old *project.Project, kind string) upgrade {
	t.Helper()
	u := upgrade{old: old}
	var err error
	if u.chip, err = all.Chip("Air724UG", ""); err != nil {
		t.Fatal(err)
	}
	u.new = edited(t, old.Files, [][2]string{{`VERSION = "1.0.0"`, `VERSION = "1.0.1"`}})
	image, err := u.new.Image()
	if err != nil {
		t.Fatal(err)
	}
	u.core = u.chip.Profile.CoreVersion
	in := chips.MakeInput{Script: image, CoreSeed: 1}
	if kind == "all-stream" {
		in.Base = &chips.MakeInput{CoreVersion: u.core, CoreSeed: 1}
		u.core = strings.Replace(u.core, "V3103", "V3104", 1)
		in.CoreVersion = u.core
	}
	if u.pkg, err = u.chip.Maker.Make(kind, in); err != nil {
		t.Fatal(err)
	}
	u.file, err = u.chip.Maker.(chips.PackageNamer).PackageName(u.new.Name, u.core, u.new.Version)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// taskPlatform offers the package; the platform knows the core.
func taskPlatform(w *emu.World, u upgrade) error {
	store := iot.NewMem(1)
	account, err := store.AddAccount("13800000000")
	if err != nil {
		return err
	}
	p, err := store.AddProject(account.ID, "task", mainText(u.old, "PRODUCT_KEY"), link.Epoch)
	if err != nil {
		return err
	}
	name, err := iot.RecogniseFileName(u.file)
	if err != nil {
		return err
	}
	if _, err := store.AddFirmware(iot.Firmware{
		Project: p.ID, Name: name.Name, Version: name.Version, Core: name.Core, FileName: u.file, Allow: true, All: true, Created: link.Epoch,
	}, u.pkg); err != nil {
		return err
	}
	core, err := iot.ParseCore("3103")
	if err != nil {
		return err
	}
	store.AddCore("", core)
	set, err := iot.AnswersByName("")
	if err != nil {
		return err
	}
	server, err := iot.NewServer(store, set, iot.DefaultSettings())
	if err != nil {
		return err
	}
	return w.Platform(server)
}
