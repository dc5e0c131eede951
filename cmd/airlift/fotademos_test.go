package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFotaDemos runs every demo of the upgrade that a LuatOS checkout has for
// EC618 and EC7xx modules, as it is, from its version into the next one, with
// the packages that airlift makes and a server in a process of its own. What a
// demo does over the network goes through real sockets; a program for the PC
// or the phone is played by a scene, which gets the package from the server.
func TestFotaDemos(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's FOTA demos were NOT tried; set it to a LuatOS checkout")
	}
	found := fotaFolders(t, src)
	if len(found) < 20 {
		t.Errorf("only %d demos of the upgrade below %s: is it a LuatOS checkout?", len(found), src)
	}
	for _, folder := range found {
		if !slices.ContainsFunc(servedDemos, func(d servedDemo) bool { return d.folder == folder }) {
			t.Errorf("%s: no case for this demo", folder)
		}
	}
	shown := make([]string, len(servedDemos))
	t.Cleanup(func() { t.Logf("what the log shows in the end:\n%s", strings.Join(shown, "\n")) })
	for i, d := range servedDemos {
		t.Run(d.name(), func(t *testing.T) {
			t.Parallel()
			shown[i] = fmt.Sprintf("%-12s %-100s NOT tried", d.chip, d.folder)
			if !slices.Contains(found, d.folder) {
				t.Skip("NOT tried: not in this checkout")
			}
			shown[i] = fmt.Sprintf("%-12s %-100s %s", d.chip, d.folder, d.run(t, src))
		})
	}
}

// otherChips are the modules of upstream's demos that are not of these series.
var otherChips = regexp.MustCompile(`(?i)air8101|air1601|air101|air103|air601|air6208|air8300`)

// fotaFolders finds the demos of the upgrade: folders with a main.lua whose
// path says so.
func fotaFolders(t *testing.T, src string) []string {
	var found []string
	for _, top := range []string{"module", "oldmodule", "olddemo"} {
		err := filepath.WalkDir(filepath.Join(src, top), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.Name() != "main.lua" {
				return err
			}
			folder, err := filepath.Rel(src, filepath.Dir(path))
			folder = filepath.ToSlash(folder)
			_, demo, ok := strings.Cut(folder, "/demo/")
			if ok && (strings.Contains(demo, "fota") || strings.Contains(demo, "远程升级")) && !otherChips.MatchString(folder) {
				found = append(found, folder)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// servedDemo is a demo, the way in which its package comes, and how it ends.
type servedDemo struct {
	folder, chip string
	kind         string         // of the package, "bin" unless it says otherwise
	answers      string         // answer set of the platform
	via          func(*demoRun) // what brings the package
	edits        []string       // what the demo tells its reader to change: old, new ...
	files        map[string]int // files that the reader puts into the project, with their sizes
	layout       string         // flash map, "" for the profile's
	ends         string         // what the log shows in the end, "" for the next version
}

func (d *servedDemo) name() string {
	name := strings.NewReplacer("/", "_").Replace(d.folder) + " " + d.chip
	for _, s := range []string{d.kind, d.answers} {
		if s != "" {
			name += " " + s
		}
	}
	if len(d.edits) > 0 {
		name += " edited"
	}
	return name
}

const (
	demoEPM  = "module/Air780EPM/demo/fota/"
	demoEHM  = "module/Air780EHM_Air780EHV_Air780EGH/demo/fota/"
	demo8000 = "module/Air8000/demo/fota/"
	demoKey  = "b0wlT3yrmIpTSPLi3e7Fob5nvBJxO6pM"
)

var (
	editKey  = []string{`PRODUCT_KEY = "123"`, `PRODUCT_KEY = "` + demoKey + `"`}
	editFile = []string{`-- require("fota_file")`, `require("fota_file")`, `require("fota_uart")`, `-- require("fota_uart")`}
)

var servedDemos = []servedDemo{
	{folder: "oldmodule/Air780E/demo/fota", chip: "air780e", via: byPlatform},
	{folder: "oldmodule/Air780E/demo/fota", chip: "air780e", kind: "combined", via: byPlatform},
	{folder: "oldmodule/Air780E/demo/fota", chip: "air780ep", kind: "combined", via: byPlatform},
	{folder: "oldmodule/Air780E/demo/fota", chip: "air780e", answers: "selfhost-minimal", via: byPlatform},
	{folder: "oldmodule/Air780E/demo/fota", chip: "air780e", answers: "selfhost-304", via: byPlatform},
	// Its options stand in a comment, so the demo ends as it does on a module.
	{folder: "oldmodule/Air780E/demo/fota2", chip: "air780e", via: byPlatform, ends: "attempt to index a nil value (global 'ota_opts')"},
	{folder: "oldmodule/Air780E/demo/fota_uart", chip: "air780e", via: byUART},
	{folder: "oldmodule/Air780E/demo/Air780E的LuatOS开发快速入门文档适配demo/5.Air780E固件的远程升级", chip: "air780e", via: byPlatform},
	{folder: "olddemo/demo/fota", chip: "air780e", via: byPlatform},
	{folder: "olddemo/demo/fota2", chip: "air780e", via: byPlatform, edits: editKey},
	{folder: demoEPM + "fota(使用fota核心库)", chip: "air780epm", via: byUART},
	{folder: demoEPM + "fota(使用fota核心库)", chip: "air780epm", via: byFile, edits: editFile},
	{folder: demoEPM + "fota2(使用libfota2扩展库)/iot_server", chip: "air780epm", via: byPlatform, edits: editKey},
	{folder: demoEPM + "fota2(使用libfota2扩展库)/self_server", chip: "air780epm", via: bySite},
	{folder: demoEPM + "ble_5101_fota", chip: "air780epm", via: byAir5101},
	{folder: demoEHM + "fota(使用fota核心库)", chip: "air780ehm", via: byUART},
	{folder: demoEHM + "fota(使用fota核心库)", chip: "air780ehm", via: byFile, edits: editFile},
	{folder: demoEHM + "fota2(使用libfota2扩展库)/iot_server", chip: "air780ehm", via: byPlatform, edits: editKey},
	{folder: demoEHM + "fota2(使用libfota2扩展库)/self_server", chip: "air780ehm", via: bySite},
	// Air8201's own folder has no program and sends its reader to this one.
	{folder: demoEHM + "fota2(使用libfota2扩展库)/self_server", chip: "air8201", via: bySite},
	{folder: demoEHM + "ble_fota_5101", chip: "air780ehm", via: byAir5101},
	{folder: demo8000 + "fota(使用fota核心库)", chip: "air8000", via: byUART},
	{folder: demo8000 + "fota(使用fota核心库)", chip: "air8000", via: byFile, edits: editFile},
	{folder: demo8000 + "fota2(使用libfota2扩展库)/iot_server", chip: "air8000", via: byPlatform, edits: editKey},
	{folder: demo8000 + "fota2(使用libfota2扩展库)/self_server", chip: "air8000", via: bySite},
	{folder: demo8000 + "ble_5101_fota", chip: "air8000", via: byAir5101},
	{folder: demo8000 + "ble_fota", chip: "air8000", via: byBluetooth},
	// These upgrade the module's Wi-Fi chip, not the module.
	{folder: "module/Air8000/demo/fota_wifi", chip: "air8000", via: byWifiServer, ends: "WIFI升级完毕，开始重启"},
	{folder: "olddemo/demo/airlink/air8000_airlink_fota", chip: "air8000", via: byNothing, files: map[string]int{"air8000s_v10.bin": 100000}, ends: "FOTA执行完毕"},
	// Its Wi-Fi firmware of 809,248 bytes fits into no public map; the one that
	// luatos-cli documents for Air8000 has room for it.
	{folder: "olddemo/demo/air8000_airlink_fota", chip: "air8000", via: byNothing, layout: wideMap, ends: "FOTA执行完毕"},
}

// wideMap is the map of Air8000 with its script area at 0x48E000.
const wideMap = `{"chip": {"type": "ec7xx"}, "download": {"script_addr": "0048e000"}, "fota": {"full_addr": "005ae000", "fota_len": "00106000", "fs_addr": "00714000"}}`

// demoRun is one run of a demo.
type demoRun struct {
	*servedDemo
	t           *testing.T
	dir         string // of this run
	pkg         string // file
	key         string
	server      *demoServer
	serverArgs  []string
	commandArgs []string
	module      string // what runs, if not the project
	scene       func(pkg string) string
}

// nextMark is what the next version logs first.
const nextMark = "the next version runs"

// run returns the line of the log that shows how it went.
func (d *servedDemo) run(t *testing.T, src string) string {
	r := &demoRun{servedDemo: d, t: t, dir: t.TempDir()}
	r.copy(filepath.Join(src, filepath.FromSlash(d.folder)))
	if d.layout != "" {
		r.write("layout.json", []byte(d.layout))
		r.commandArgs = append(r.commandArgs, "--layout", "layout.json")
	}
	r.pack()
	d.via(r)
	r.server = startServer(t, r.dir, r.serverArgs)
	if r.scene != nil {
		r.write("got.bin", r.server.get(t, "/package.bin"))
		r.write("scene.yaml", []byte(r.scene("got.bin")))
		r.commandArgs = append(r.commandArgs, "--scene", "scene.yaml")
	}
	for i, a := range r.commandArgs {
		r.commandArgs[i] = strings.ReplaceAll(a, "SERVED", r.server.addr)
	}
	if r.module == "" {
		r.module = "demo"
	}
	ends := d.ends
	if ends == "" {
		ends = nextMark
	}
	args := append([]string{"run", r.module, "--libs", filepath.Join(src, "script"), "--chip", d.chip}, r.commandArgs...)
	line, log, ok := r.until(ends, args...)
	if !ok {
		t.Errorf("airlift %s\n%s\nthe log shows no %q", strings.Join(args, " "), log, ends)
	}
	return line
}

func (r *demoRun) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *demoRun) write(name string, data []byte) {
	r.t.Helper()
	path := filepath.Join(r.dir, filepath.FromSlash(name))
	r.check(os.MkdirAll(filepath.Dir(path), 0o755))
	r.check(os.WriteFile(path, data, 0o644))
}

// airlift runs a command to its end.
func (r *demoRun) airlift(args ...string) {
	r.t.Helper()
	cmd := exec.Command("airlift", args...)
	cmd.Dir = r.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("airlift %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

var (
	versionLine = regexp.MustCompile(`(?m)^VERSION *= *"([^"]*)(.)"`)
	keyLine     = regexp.MustCompile(`PRODUCT_KEY *= *"([^"]*)"`)
)

// copy makes the demo, and its next version, in the run's folder.
func (r *demoRun) copy(dir string) {
	r.check(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || r.stays(rel) {
			return err
		}
		data = []byte(strings.NewReplacer(r.edits...).Replace(string(data)))
		r.write("demo/"+filepath.ToSlash(rel), data)
		if m := keyLine.FindSubmatch(data); m != nil && r.key == "" {
			r.key = string(m[1])
		}
		if rel == "main.lua" {
			data = versionLine.ReplaceAllFunc(data, func(line []byte) []byte {
				line[len(line)-2]++
				return line
			})
			data = append([]byte("log.info(\"demo\", \""+nextMark+"\")\n"), data...)
		}
		r.write("next/"+filepath.ToSlash(rel), data)
		return nil
	}))
	for name, size := range r.files {
		r.write("demo/"+name, bytes.Repeat([]byte{0x5A}, size))
	}
}

// stays tells which files of a demo are not for the module: the package that
// its maker tried it with.
func (r *demoRun) stays(rel string) bool {
	return filepath.Ext(rel) != ".lua" && r.layout == ""
}

// pack makes the package that leads to the next version.
func (r *demoRun) pack() {
	if r.ends != "" {
		return
	}
	if r.kind == "combined" {
		from, to := "V1114", "V1119"
		if r.chip == "air780ep" {
			from, to = "V2005", "V2009"
		}
		r.airlift("delta", "--chip", r.chip, "--from", from, "--to", to, "--project", "next")
	} else {
		r.airlift("pack", "next", "--chip", r.chip, "--kind", "bin")
	}
	made, err := filepath.Glob(filepath.Join(r.dir, "*.bin"))
	r.check(err)
	if len(made) != 1 {
		r.t.Fatalf("packages %q", made)
	}
	r.pkg = filepath.Base(made[0])
}

// The ways in which a package comes.

// byPlatform puts the package on the platform, for the project whose key the
// demo has.
func byPlatform(r *demoRun) {
	firmware := ""
	if r.pkg != "" {
		firmware = fmt.Sprintf(`{"file": %q, "all": true}`, r.pkg)
	}
	r.write("platform.json", []byte(fmt.Sprintf(`{"accounts": [{"name": "AAA", "projects": [{"name": "PPP", "key": %q, "firmware": [%s]}]}]}`, r.key, firmware)))
	r.serverArgs = []string{"--platform", "platform.json"}
	if r.answers != "" {
		r.serverArgs = append(r.serverArgs, "--answers", r.answers)
	}
	r.real("iot.openluat.com:80")
}

// real sends what the module asks a host for to the server.
func (r *demoRun) real(host string) {
	r.commandArgs = append(r.commandArgs, "--net", "real", "--redirect", host+"=SERVED")
}

// bySite puts the package where the demo that names no server asks for it.
func bySite(r *demoRun) {
	r.serverArgs = []string{"--route", "/=" + r.pkg}
	r.real("your_fota_packet_url.bin:80")
}

// byUART plays the demo's program for the PC: somebody presses the power key,
// a greeting comes in at the USB port, then the package in pieces of 256 bytes.
func byUART(r *demoRun) {
	r.played(func(pkg string) string {
		return "events:\n  - {at: 8s, key: PWR_KEY, for: 1s}\n  - {at: 10s, uart: {port: 32, text: \"#FOTA\\n\"}}\n" +
			"  - {at: 12s, uart: {port: 32, file: " + pkg + ", gap: 1s}}\n"
	})
}

// played lets a scene bring the package, which it gets from the server.
func (r *demoRun) played(scene func(pkg string) string) {
	r.serverArgs = []string{"--route", "/package.bin=" + r.pkg}
	r.scene = scene
	r.commandArgs = append(r.commandArgs, "--for", "20m")
}

// byFile puts the package into the module's file system.
func byFile(r *demoRun) {
	r.serverArgs = []string{"--route", "/package.bin=" + r.pkg}
	r.scene = func(pkg string) string {
		r.airlift("pack", "demo", "--chip", r.chip, "--kind", "flash", "-o", "module.img")
		r.airlift("flash", "put", "module.img", "/update.bin", pkg, "--chip", r.chip, "--mkfs")
		return "events: []\n"
	}
	r.module = "module.img"
	r.commandArgs = append(r.commandArgs, "--for", "5m")
}

// byAir5101 is a Bluetooth module at the first serial port that takes every
// command, and a phone behind it with the demos' program: begin and length,
// pieces, end.
func byAir5101(r *demoRun) {
	r.played(func(pkg string) string {
		data := r.read(pkg)
		var b strings.Builder
		b.WriteString("uart:\n  1: {answers: [{say: \"AT:OK\\r\\n\", after: 20ms}]}\nevents:\n")
		at := 10
		send := func(p []byte) {
			fmt.Fprintf(&b, "  - {at: %ds, uart: {port: 1, hex: \"%X\"}}\n", at, p)
			at++
		}
		send([]byte("UT:CONNECTED"))
		send(binary.LittleEndian.AppendUint32([]byte{1, 1}, uint32(len(data))))
		for piece := range slices.Chunk(data, 200) {
			send(append([]byte{2}, piece...))
		}
		send([]byte{1, 2})
		return b.String()
	})
}

func (r *demoRun) read(name string) []byte {
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	r.check(err)
	return data
}

// byBluetooth is a phone with the demo's program.
func byBluetooth(r *demoRun) {
	r.played(func(pkg string) string {
		size := len(r.read(pkg))
		begin := binary.LittleEndian.AppendUint32([]byte{1}, uint32(size))
		done := 9*time.Second + time.Duration(1+size/20)*50*time.Millisecond
		return fmt.Sprintf("events:\n  - {at: 5s, ble: connect}\n  - {at: 6s, ble: {to: F000/F001, hex: \"%X\"}}\n"+
			"  - {at: 8s, ble: {to: F000/F002, file: %s, chunk: 20, gap: 50ms}}\n  - {at: %v, ble: {to: F000/F001, hex: \"02\"}}\n", begin, pkg, done)
	})
}

// byWifiServer is the vendor's server for firmware of the Wi-Fi chip.
func byWifiServer(r *demoRun) {
	r.write("wifi.bin", bytes.Repeat([]byte{0x5A}, 300<<10))
	r.write("update.json", []byte(`{"version": "16", "url": "http://wififota.openluat.com:8300/wifi.bin"}`))
	r.serverArgs = []string{"--route", "/air8000/update2.json=update.json", "--route", "/wifi.bin=wifi.bin"}
	r.real("wififota.openluat.com:8300")
}

// byNothing is for demos that bring what they need.
func byNothing(r *demoRun) { r.commandArgs = append(r.commandArgs, "--for", "10m") }

// demoMax bounds one run, in real time.
const demoMax = 4 * time.Minute

// until runs a command until its output shows a text. It returns that line and
// what came before.
func (r *demoRun) until(text string, args ...string) (line, log string, ok bool) {
	cmd := exec.Command("airlift", args...)
	cmd.Dir = r.dir
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	r.check(cmd.Start())
	go func() {
		_ = cmd.Wait()
		in.Close()
	}()
	timer := time.AfterFunc(demoMax, func() { cmd.Process.Kill() })
	defer timer.Stop()
	var b strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		b.WriteString(lines.Text() + "\n")
		if !ok && strings.Contains(lines.Text(), text) {
			line, ok = lines.Text(), true
			cmd.Process.Kill()
		}
	}
	return line, b.String(), ok
}

// demoServer is an airlift serve.
type demoServer struct{ addr string }

func startServer(t *testing.T, dir string, args []string) *demoServer {
	cmd := exec.Command("airlift", append([]string{"serve", "--listen", "127.0.0.1:0", "--for", demoMax.String()}, args...)...)
	cmd.Dir = dir
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens := make(chan string, 1)
	ended := make(chan error, 1)
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if _, rest, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
				addr, _, _ := strings.Cut(rest, ",")
				listens <- addr
			}
		}
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	select {
	case addr := <-listens:
		return &demoServer{addr}
	case <-time.After(startMax):
		t.Fatalf("airlift serve %s does not listen after %v", strings.Join(args, " "), startMax)
	}
	return nil
}

// get asks the server for a file.
func (s *demoServer) get(t *testing.T, path string) []byte {
	resp, err := http.Get("http://" + s.addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return data
}
