package lua_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/afero"

	"airlift/flash"
	"airlift/flash/littlefs"
	"airlift/flash/mount"
	"airlift/lua/luatest"
)

// unitSuites are upstream's unit suites of the data, crypto and file
// libraries. Those that fail are told in TestUpstreamUnits, with the lines that
// say so.
var unitSuites = []string{
	"crypto/crypto", "crypto/gmssl", "crypto/iotauth", "crypto/rsa", "crypto/xxtea", "fs/fs", "fs/fskv", "fs/ramfs",
	"fs/vfs_lfs2_ops", "io/io", "json/json", "middleware/libgnss", "middleware/protobuf", "perf/fastlz", "perf/fft",
	"perf/miniz", "perf/pack", "system/bit64", "system/iconv", "system/os", "system/print_boundary", "system/string",
	"system/zbuff",
}

// TestUpstreamUnits runs upstream's unit suites with upstream's own runner.
func TestUpstreamUnits(t *testing.T) {
	opts := upstream(t)
	root := testcases(t)
	for _, suite := range unitSuites {
		for _, bits := range []int{32, 64} {
			t.Run(suite+map[int]string{32: "/32", 64: "/64"}[bits], func(t *testing.T) {
				b := luatest.New("")
				b.FW.Bits, b.FW.LuaMemory, b.FW.SysMemory, b.FW.CoreDate, b.FW.LibDate = bits, 4<<20, 4<<20, "2026-08-03", "2026-08-03"
				littleRoot(t, b)
				b.Limit = 20 * time.Minute
				folder(t, b, filepath.Join(root, "common", "scripts"))
				folder(t, b, filepath.Join(root, "unit", filepath.FromSlash(suite), "scripts"))
				exit := run(t, b, opts)
				text := b.Text()
				if !strings.Contains(text, "### OVERALL_PASS ###") {
					t.Errorf("%s did not pass: exit %v\n%s", suite, exit, strings.Join(failures(b.Lines), "\n"))
				}
			})
		}
	}
}

// littleRoot gives a board the real file system at "/": folders have to be made
// there before files.
func littleRoot(t *testing.T, b *luatest.Board) {
	t.Helper()
	dev, err := flash.New(flash.NOR(1 << 20))
	if err != nil {
		t.Fatal(err)
	}
	region, err := dev.Region("fs", 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	cfg := littlefs.LuatOS(region.Size())
	if err := littlefs.Format(region, cfg); err != nil {
		t.Fatal(err)
	}
	root, err := littlefs.Mount(region, cfg)
	if err != nil {
		t.Fatal(err)
	}
	b.Tree = new(mount.Table)
	if err := b.Tree.Add(mount.Mount{Path: "/", Type: "lfs", Fs: root, Usage: func() (mount.Usage, error) {
		return mount.Usage{BlockSize: 4096, Blocks: 256, Used: 2}, nil
	}}); err != nil {
		t.Fatal(err)
	}
	b.Mount("/ram/", "ram", mount.RAM())
	b.Mount("/luadb/", "luadb", afero.NewMemMapFs())
}

// testcases is the folder of upstream's test cases.
func testcases(t *testing.T) string {
	for _, dir := range []string{"testcase", filepath.Join("..", "testcase")} {
		dir = filepath.Join(os.Getenv("LUATOS_SRC"), dir)
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	t.Skip("LUATOS_SRC has no folder testcase: upstream's unit suites were NOT tried")
	return ""
}

// folder puts a folder's files into the script image.
func folder(t *testing.T, b *luatest.Board, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Skipf("%v: the suite was NOT tried", err)
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b.Write("/luadb/"+f.Name(), string(data))
	}
}

// failures are the lines of a log that say what went wrong.
func failures(lines []string) []string {
	var out []string
	for i, line := range lines {
		if strings.HasPrefix(line, "E/") || strings.Contains(line, "✗") {
			out = append(out, lines[i:min(i+2, len(lines))]...)
		}
	}
	return slices.Compact(out[:min(len(out), 60)])
}
