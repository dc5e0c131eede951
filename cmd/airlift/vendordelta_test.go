package main

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"airlift/chips/ec"
)

// TestVendorDelta runs an upgrade whose delta has the vendor's EC7xx payload,
// which airlift cannot read: it leads to a core that --core names, and without
// one the run says so. No such file is published, so airlift's own delta gets a
// payload with the vendor's head and noise.
func TestVendorDelta(t *testing.T) {
	oneByOne(t)
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	airlift := func(args ...string) (string, error) {
		cmd := exec.Command("airlift", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := airlift(args...)
		if err != nil {
			t.Fatalf("airlift %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return out
	}
	write("v1/main.lua", `PROJECT = "demo"
VERSION = "1.0.0"
sys = require "sys"
sys.taskInit(function()
	sys.waitUntil("IP_READY")
	log.info("http", http.request("GET", "http://files.example.com/update.bin", nil, nil, {fota = true}).wait())
	rtos.reboot()
end)
sys.run()
`)
	write("v2/main.lua", `PROJECT = "demo"
VERSION = "1.0.1"
log.info("new", VERSION, rtos.version())
`)
	must("pack", "v1", "--chip", "air780epm", "--kind", "soc", "--core-version", "V3001", "--core-size", "300000", "-o", "old.soc")
	must("pack", "v2", "--chip", "air780epm", "--kind", "soc", "--core-version", "V3002", "--core-size", "310000", "-o", "new.soc")
	must("delta", "old.soc", "new.soc", "--project", "v2", "-o", "own.bin")
	own, err := os.ReadFile(filepath.Join(dir, "own.bin"))
	if err != nil {
		t.Fatal(err)
	}
	write("vendor.bin", string(vendorPayload(t, own)))

	if out := must("inspect", "vendor.bin"); !strings.Contains(out, "EC PSH") || !strings.Contains(out, "--core NEW.soc") {
		t.Errorf("inspect: %s", out)
	}
	run := []string{"run", "old.soc", "--route", "http://files.example.com/update.bin=vendor.bin", "--boots", "2"}
	if out := must(append(run, "--core", "new.soc")...); !strings.Contains(out, "new\t1.0.1\tV3002") && !strings.Contains(out, "new 1.0.1 V3002") {
		t.Errorf("with --core: %s", out)
	}
	write("like.yaml", "format: airlift-board/1\nmodel: Mine\nlike: {model: Air780EPM, layout: old.soc}\n")
	if out := must(append(run, "--core", "new.soc", "--chip-file", "like.yaml")...); !strings.Contains(out, "new\t1.0.1\tV3002") && !strings.Contains(out, "new 1.0.1 V3002") {
		t.Errorf("with --core on a board of one's own: %s", out)
	}
	out, err := airlift(run...)
	if err == nil || !strings.Contains(out, "--core") || strings.Contains(out, "1.0.1") {
		t.Errorf("without --core: %v\n%s", err, out)
	}
}

// vendorPayload puts payloads of the vendor's form into an EC7xx package
// (ec618.md 2.6): the head is known, what follows is not.
func vendorPayload(t *testing.T, file []byte) []byte {
	p, err := ec.ParsePackage(file)
	if err != nil {
		t.Fatal(err)
	}
	par, err := ec.ParsePar(p.SDK)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range par.Packages {
		head := []byte("\xECPSH\x01\x00")
		head = binary.LittleEndian.AppendUint16(head, uint16(k.Segments))
		for _, v := range []uint32{k.BaseSize, k.NewSize, k.BaseSize, k.NewSize} {
			head = binary.LittleEndian.AppendUint32(head, v)
		}
		for i := range uint32(k.Segments) {
			for _, v := range []uint32{0x4800 + 8*i, 0x12800, 0x18000} {
				head = binary.LittleEndian.AppendUint32(head, v)
			}
		}
		k.Payload = append(head, "ECHEADERT"+strings.Repeat("?", 5000)...)
	}
	return ec.NewPackage(p.Series, p.Common, par.Encode()).Encode()
}
