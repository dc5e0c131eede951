package luadb

import (
	"crypto/md5"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// csdkEnv names a checkout of the 8910's CSDK, which is not part of the
// project. It holds the two images that 8910.md 8.6 describes.
const csdkEnv = "AIRLIFT_8910_CSDK"

func csdkFile(t *testing.T, name, sum string) []byte {
	root := os.Getenv(csdkEnv)
	if root == "" {
		t.Skip(csdkEnv + " does not name a checkout of the CSDK: its script images are not read")
	}
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	if got := md5.Sum(b); hex.EncodeToString(got[:]) != sum {
		t.Fatalf("%s is not the file of 8910.md 8.6: MD5 %x", name, got)
	}
	return b
}

// TestLibraryImage reads an image of version 1.
func TestLibraryImage(t *testing.T) {
	b := csdkFile(t, "components/lib/lua.img", "cef3b36ac171f7d0765effd467f5a4b3")
	img, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if img.Version != 1 || len(img.Files) != 37 || img.Files[0].Name != "amcfg.ini" || len(img.Files[0].Data) != 27 {
		t.Errorf("version %d, %d files, first %q", img.Version, len(img.Files), img.Files[0].Name)
	}
	for _, w := range img.Warnings {
		if !strings.Contains(w.Text, "version") {
			t.Errorf("warning: %+v", w)
		}
	}
}

// TestSimulatorImage reads an image of version 0, which devices reject.
func TestSimulatorImage(t *testing.T) {
	b := csdkFile(t, "app/elua/platform/win32/workspace/elua_simulator/luadb.bin", "24510e5a1831bdcd74ac3cbaa84c1269")
	if _, err := Parse(b); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("error %v", err)
	}
}
