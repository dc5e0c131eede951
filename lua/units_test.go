package lua_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
// libraries. Not among them is middleware/libgnss, which wants a receiver.
var unitSuites = []string{
	"crypto/crypto", "crypto/gmssl", "crypto/iotauth", "crypto/rsa", "crypto/xxtea", "fs/fs", "fs/fskv", "fs/ramfs",
	"io/io", "json/json", "middleware/protobuf", "perf/fastlz", "perf/fft", "perf/miniz", "perf/pack", "system/bit64",
	"system/iconv", "system/os", "system/print_boundary", "system/string", "system/zbuff",
}

// unitFailures are the tests that fail, by suite and width, and why.
var unitFailures = map[string][]string{
	// The RAM disk of the emulator has no folders, as older cores; newer ones
	// have them.
	"fs/ramfs/32": ramFolders, "fs/ramfs/64": ramFolders,
	"perf/miniz/32": {"test_unzip_nested_directories"}, "perf/miniz/64": {"test_unzip_nested_directories"},
	// It needs tonumber("4282621618") to be an integer of 32 bits: so it is in
	// cores that are built with __USER_CODE__ (EC618, EC7xx), not in others.
	"system/bit64/32": {"test_show_signed"},
}

var ramFolders = []string{
	"test_ioRamLsdirFileSize", "test_ioRamNestedDirectoryOps", "test_ioRamRecursiveMkdirAndDirRename", "test_ioRamRenameDirectoryOverwriteEmptyTarget",
}

// TestUpstreamUnits runs upstream's unit suites with upstream's own runner:
// all tests pass but those in unitFailures, which fail.
func TestUpstreamUnits(t *testing.T) {
	opts := upstream(t)
	root := testcases(t)
	for _, suite := range unitSuites {
		for _, bits := range []int{32, 64} {
			name := fmt.Sprintf("%s/%d", suite, bits)
			t.Run(name, func(t *testing.T) {
				b := luatest.New("")
				b.FW.Bits, b.FW.LuaMemory, b.FW.SysMemory, b.FW.CoreDate, b.FW.LibDate = bits, 4<<20, 4<<20, "2026-08-03", "2026-08-03"
				littleRoot(t, b)
				b.Limit = 20 * time.Minute
				folder(t, b, filepath.Join(root, "common", "scripts"))
				folder(t, b, filepath.Join(root, "unit", filepath.FromSlash(suite), "scripts"))
				exit := run(t, b, opts)
				text, got := b.Text(), failedTests(b.Lines)
				if !slices.Equal(got, unitFailures[name]) {
					t.Errorf("these tests fail: %v, expected %v: exit %v\n%s", got, unitFailures[name], exit, strings.Join(failures(b.Lines), "\n"))
				}
				if passed := strings.Contains(text, "### OVERALL_PASS ###"); passed != (len(got) == 0) {
					t.Errorf("the suite says pass: %v, with %d failed tests: exit %v", passed, len(got), exit)
				}
			})
		}
	}
}

var failedTest = regexp.MustCompile(`✗ (test_\w+) failed`)

// failedTests are the names of the tests that a log calls failed, sorted.
func failedTests(lines []string) []string {
	var out []string
	for _, line := range lines {
		if m := failedTest.FindStringSubmatch(line); m != nil {
			out = append(out, m[1])
		}
	}
	slices.Sort(out)
	return out
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
