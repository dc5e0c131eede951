package play_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/link"
	"airlift/emu/play"
	"airlift/lua"
)

// upstreamNet are original network projects, with what their log has to show
// within two virtual minutes.
var upstreamNet = []struct {
	project, chip string
	shows         []string
}{
	{"Air780EPM/demo/mqtt", "Air780EPM", []string{"mqtt_client_event_cbfunc", "conack", "recv"}},
	{"Air780EPM/demo/websocket", "Air780EPM", []string{"conack", "sent"}},
	{"Air780EPM/demo/socket/client/long_connection", "Air780EPM", []string{"libnet.connect success"}},
	{"Air780EPM/demo/socket/server", "Air780EPM", nil},
	{"Air780EPM/demo/ntp", "Air780EPM", []string{"时间同步成功", "query ntp.aliyun.com"}},
	{"Air780EPM/demo/http", "Air780EPM", []string{" 200 "}},
	{"Air780EPM/demo/httpdns", "Air780EPM", []string{"198.19."}},
	{"Air780EPM/demo/ftp", "Air780EPM", []string{"Goodbye"}},
	{"Air780EPM/demo/netdrv", "Air780EPM", []string{"ipv4 192.168.5.1"}},
	{"Air780EPM/demo/httpsrv", "Air780EPM", []string{"http listen at"}},
	{"Air8000/demo/network_routing/4g_out_ethernet_in_wifi_in", "Air8000", []string{"以太网就绪", "exnetif setproxy success"}},
	{"Air8101/demo/mqtt", "Air8101", []string{"conack"}},
	{"Air8101/demo/netdrv", "Air8101", []string{"IP_READY"}},
	{"Air8101/demo/network_routing/ethernet_out_ethernet_in_wifi_in", "Air8101", []string{"以太网就绪", "exnetif setproxy success"}},
}

// TestUpstreamNetwork runs them with the original sys, libnet, exnetif and
// what those require, in a lab.
func TestUpstreamNetwork(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: original libnet, exnetif and network demos were NOT tried; set it to a LuatOS checkout")
	}
	libs, err := lua.LibsFromDir(filepath.Join(src, "script"))
	if err != nil {
		t.Fatal(err)
	}
	wifi, err := link.Preset("wifi")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range upstreamNet {
		t.Run(c.project, func(t *testing.T) {
			dir := filepath.Join(src, "module", filepath.FromSlash(c.project))
			if _, err := os.Stat(dir); err != nil {
				t.Skip("NOT tried: not in this checkout:", dir)
			}
			files, err := play.Folder(dir)
			if err != nil {
				t.Fatal(err)
			}
			chip, err := all.Chip(c.chip, "")
			if err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			r, err := play.Run(play.Job{
				Files: files, Chip: chip, Seed: 1, Limit: 2 * time.Minute, Boots: 5, Link: wifi,
				Script: lua.Options{Libs: libs, Steps: 1 << 28, Devices: lua.DevicesNoop},
				World: func(w *emu.World, _ *emu.Config) error {
					w.UseLab()
					return nil
				},
				Line: func(l play.Line) bool {
					log.WriteString(l.Text + "\n")
					return false
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.End != emu.EndTime && r.End != emu.EndIdle || len(r.Refused) > 0 || len(r.Errors) > 0 {
				t.Errorf("%s %s, refused %v, errors %q\n%s", r.End, r.Detail, r.Refused, r.Errors, log.String())
			}
			for _, s := range c.shows {
				if !strings.Contains(log.String(), s) {
					t.Errorf("no %q in\n%s", s, log.String())
				}
			}
		})
	}
}
