package testrun_test

import (
	"os"
	"path/filepath"
	"testing"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/emu"
	"airlift/emu/scene"
	"airlift/emu/testrun"
	"airlift/flash/luadb"
	"airlift/lua"
)

// TestUpstreamCases runs upstream's own test cases. At least nine in ten of
// those in scope must pass; docs/TESTCASES.md explains the others.
func TestUpstreamCases(t *testing.T) {
	src := os.Getenv("LUATOS_SRC")
	if src == "" {
		t.Skip("LUATOS_SRC is not set: upstream's test cases were NOT tried; set it to a LuatOS checkout")
	}
	libs, err := lua.LibsFromDir(filepath.Join(src, "script"))
	if err != nil {
		t.Fatal(err)
	}
	f, m, err := chips.FindModel(all.Families(), "air8000")
	if err != nil {
		t.Fatal(err)
	}
	fallback, err := f.Chip(m, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	bench, err := os.ReadFile(filepath.Join("testdata", "bench.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	o := testrun.Options{
		Chip: func(c testrun.Case, files []luadb.File) (*chips.Chip, error) {
			return testrun.ChipFor(c, files, all.Families(), fallback)
		},
		World: func(w *emu.World, cfg *emu.Config) (err error) {
			w.UseLab()
			cfg.Scene, err = scene.Parse(bench)
			return err
		},
		Seed: 1, Script: lua.Options{Libs: libs},
	}
	common, err := testrun.FindCommon(filepath.Join(src, "testcase"))
	if err != nil || common == "" {
		t.Fatalf("common scripts %q, %v", common, err)
	}
	o.Common = []string{common, filepath.Join(src, "testcase", "utest", "fs", "vfs_uniform", "scripts")}
	passed, scope := 0, 0
	for _, part := range []string{"unit", "func", "utest"} {
		cases, err := testrun.Find(filepath.Join(src, "testcase", part))
		if err != nil {
			t.Fatal(err)
		}
		results := testrun.RunAll(cases, o, 0, nil)
		n := testrun.Count(results)
		t.Logf("%-6s %3d pass, %3d fail, %3d time-out, %3d excluded", part, n[testrun.Pass], n[testrun.Fail], n[testrun.TimedOut], n[testrun.Excluded])
		passed += n[testrun.Pass]
		scope += len(results) - n[testrun.Excluded]
		for _, r := range results {
			if r.Verdict == testrun.Fail || r.Verdict == testrun.TimedOut {
				t.Logf("%s %s: %s", r.Verdict, r.Case.Name, r.Detail)
			}
		}
	}
	if 10*passed < 9*scope {
		t.Errorf("%d of %d cases in scope pass, expected nine in ten", passed, scope)
	}
}
