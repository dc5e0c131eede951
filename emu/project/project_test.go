package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"airlift/flash/luadb"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("main.lua", "\xEF\xBB\xBFPROJECT = \"demo\"\n  VERSION='1.2.3' -- y is ignored\n")
	write("lib/util.lua", "return 1\n")
	write(".git/config", "x")
	p, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "demo" || p.Version != "1.2.3" || len(p.Files) != 2 {
		t.Fatalf("got %q %q, %d files", p.Name, p.Version, len(p.Files))
	}
	img, err := p.Image()
	if err != nil {
		t.Fatal(err)
	}
	write("script.bin", string(img))
	again, err := Load(filepath.Join(dir, "script.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if again.Name != "demo" || len(again.Files) != 2 {
		t.Fatalf("from the image: %q, %d files", again.Name, len(again.Files))
	}
	write("other/util.lua", "return 2\n")
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "same name") {
		t.Fatalf("two files of one name: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "lib")); err == nil || !strings.Contains(err.Error(), "no main.lua") {
		t.Fatalf("folder without main.lua: %v", err)
	}
	single, err := Load(filepath.Join(dir, "lib", "util.lua"))
	if err != nil || len(single.Files) != 1 || single.Files[0].Name != "main.lua" {
		t.Fatalf("single file: %v %v", single, err)
	}
	if _, err := FromFiles(make([]luadb.File, luadb.MaxFiles)); err == nil {
		t.Fatal("too many files were accepted")
	}
}
