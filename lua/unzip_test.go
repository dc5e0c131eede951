package lua_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"airlift/lua/luatest"
)

// archive makes a ZIP file of pairs of names and texts. Every second file is
// stored, the others are compressed.
func archive(t *testing.T, pairs ...string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for i := 0; i < len(pairs); i += 2 {
		h := &zip.FileHeader{Name: pairs[i], Method: zip.Deflate}
		if i%4 == 0 {
			h.Method = zip.Store
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// TestFileOddities unpacks archives on the real file system, and tries what
// io.open, io.mkfs and seeking in the firmware's files say.
func TestFileOddities(t *testing.T) {
	b := luatest.New("")
	littleRoot(t, b)
	big := strings.Repeat("0123456789", 1000)
	good := archive(t, "a.txt", "one", "dir/b.txt", big, "dir/sub/", "", "dir/sub/deep/c.txt", "three")
	b.Write("/good.zip", good)
	b.Write("/escape.zip", archive(t, "x.txt", "x", "../y.txt", "y"))
	b.Write("/bad.zip", strings.Replace(good, "one", "two", 1))
	b.Write("/cut.zip", good[:len(good)/2])
	b.Write("/luadb/main.lua", oddityScript)
	run(t, b)
	if text := b.Text(); !strings.Contains(text, "all done") || strings.Contains(text, "check failed") {
		t.Error(text)
	}
}

const oddityScript = `
local function check(what, ok) if not ok then print("check failed", what) end end
check("unzip", miniz.unzip("/good.zip", "/out/") == true)
check("files", io.readFile("/out/a.txt") == "one" and io.fileSize("/out/dir/b.txt") == 10000 and io.readFile("/out/dir/sub/deep/c.txt") == "three")
check("folder", io.dexist("/out/dir/sub"))
check("over it", miniz.unzip("/good.zip", "/out/") == true)
check("escape", miniz.unzip("/escape.zip", "/out2/") == false and not io.exists("/y.txt"))
check("wrong sum", miniz.unzip("/bad.zip", "/out3/") == false)
check("cut", miniz.unzip("/cut.zip", "/out4/") == false)
check("no slash", miniz.unzip("/good.zip", "/out5") == false)
check("no file", miniz.unzip("/none.zip", "/out6/") == false)
check("no time", miniz.unzip("/good.zip", "/out7/", false, 0) == true)
for _, mode in ipairs {"r", "rb", "w+", "ab", "rb+"} do check("mode " .. mode, pcall(io.open, "/m.txt", mode) == (mode ~= "rb+")) end
local ok, e = pcall(io.open, "/m.txt", "read")
check("bad mode: " .. tostring(e), not ok and e:find("invalid mode", 1, true))
local f = io.open("/lua/sys.lua")
check("clamped", f:seek("set", -5) == 0 and f:seek("end", 99) == io.fileSize("/lua/sys.lua") and f:seek("cur", -1e7 // 1 | 0) == 0)
f:close()
check("fs", fs.fsize("/good.zip") > 0 and fs == io)
check("mkfs", select("#", io.mkfs("/ram/")) == 2 and io.mkfs("/ram/") == false and select(2, io.mkfs("/sd")) == -1)
check("mkfs of the libraries", select(2, io.mkfs("/lua/")) == -1)
local buff = zbuff.create(4, 7)
check("zbuff get", buff:get(1) == 7 and buff:get(4) == nil and buff:get("len") == buff.len)
print("all done")
`
