package luadb

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// imageL is the 113-byte image of xt804.md 7.3.
const imageL = "01045aa55aa50202020003041800000004020200fe02300301045aa55aa502086d61696e2e6c7561030409000000fe023206" +
	"7072696e742831290a01045aa55aa502142e6169726d326d5f616c6c5f637263232e62696e030410000000fe025f0abb362d65b7c35005f73395729975c26a"

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustBuild(t testing.TB, files []File, opts Options) []byte {
	t.Helper()
	img, err := Build(files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestBuildImageL(t *testing.T) {
	img := mustBuild(t, []File{{"main.lua", []byte("print(1)\n")}}, Options{})
	if want := unhex(t, imageL); !bytes.Equal(img, want) {
		t.Fatalf("got  %x\nwant %x", img, want)
	}
	sum := sha256.Sum256(img)
	if got, want := hex.EncodeToString(sum[:]), "5f0bd6e1978f224a0b85bf1ae886994abe95b13e622d8332dad3be3f2d3e44f6"; got != want {
		t.Errorf("sha256 %s, want %s", got, want)
	}
}

func TestBuild708(t *testing.T) {
	img := mustBuild(t, []File{{"main.lua", []byte("-- " + strings.Repeat("x", 600) + "\n")}}, Options{})
	if len(img) != 708 {
		t.Fatalf("%d bytes, want 708", len(img))
	}
	if got, want := hex.EncodeToString(img[708-md5.Size:]), "374c44db1aadc6c1ecbda222c59c6c98"; got != want {
		t.Errorf("trailer %s, want %s", got, want)
	}
}
