package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A sweep that is killed goes on to the file that it would have written in one
// go, however often and wherever that happens.
func TestSweepKilled(t *testing.T) {
	dir := t.TempDir()
	scenario := filepath.Join(dir, "small.yaml")
	text := "name: small\nchip: Air6208\nmode: update\nold: {core_bytes: 6144}\nnew: {core_bytes: 7168, script_bytes: 5000}\ncuts: 2\nsample: 6000\n"
	if err := os.WriteFile(scenario, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	sweep := func(out string) *exec.Cmd { return exec.Command("airlift", "sweep", scenario, "-o", out) }
	ends := func(c *exec.Cmd) {
		t.Helper()
		if text, err := c.CombinedOutput(); c.ProcessState.ExitCode() != exitFindings {
			t.Fatalf("%v: %s", err, text)
		}
	}
	whole, killed := filepath.Join(dir, "whole"), filepath.Join(dir, "killed")
	ends(sweep(whole))
	want, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	r, kills := rand.New(rand.NewPCG(1, 2)), 0
	for at := 0; ; {
		at += 1 + r.IntN(len(want)/4)
		if at >= len(want) {
			break
		}
		c := sweep(killed)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { c.Wait(); close(ended) }()
		for grown := false; !grown; {
			select {
			case <-ended:
				grown = true // faster than we
			case <-time.After(time.Millisecond):
				st, err := os.Stat(killed)
				grown = err == nil && st.Size() >= int64(at)
			}
		}
		c.Process.Kill()
		<-ended
		if !c.ProcessState.Success() && c.ProcessState.ExitCode() != exitFindings {
			kills++
		}
		got, err := os.ReadFile(killed)
		if err != nil || !bytes.HasPrefix(want, got) {
			t.Fatalf("killed at %d of %d bytes: the file is no beginning of the whole one (%v)", len(got), len(want), err)
		}
	}
	ends(sweep(killed))
	got, err := os.ReadFile(killed)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("killed %d times: %d bytes, in one go %d (%v)", kills, len(got), len(want), err)
	}
	if kills == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("killed %d times, %d bytes", kills, len(want))
}
