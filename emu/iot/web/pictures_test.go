package web

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPictures makes the pictures of docs/PAGES.md, and nothing else, in the
// folder that AIRLIFT_SHOTS names.
func TestPictures(t *testing.T) {
	if shots() == "" {
		t.Skip("AIRLIFT_SHOTS names no folder")
	}
	b := member(t)
	made := 0
	picture := func(name string) {
		if !slices.Contains(documented(t), name) {
			t.Errorf("docs/PAGES.md does not show %s", name)
		}
		b.picture(name)
		made++
	}
	e := b.play(func() {
		b.look(1440, "light")
		picture("pages-bench")
	})
	b.look(1280, "light")
	b.open(pathOf("/rollouts", e.ids["rollouts"]))
	picture("pages-rollout")
	b.look(1280, "dark")
	b.open("/choose?language=zh&back=" + pathOf("/log", e.ids["log"]))
	picture("pages-why")
	if want := len(documented(t)); made != want {
		t.Errorf("%d pictures were made, docs/PAGES.md shows %d", made, want)
	}
}

// documented are the pictures that docs/PAGES.md shows.
func documented(t testing.TB) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../../docs/PAGES.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\(images/([a-z-]+)\.png\)`).FindAllSubmatch(text, -1) {
		names = append(names, string(m[1]))
	}
	return names
}

// picture writes a picture of the page with few colours.
func (b *browser) picture(name string) {
	b.t.Helper()
	full, err := png.Decode(bytes.NewReader(b.screenshot()))
	if err != nil {
		b.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewColours(full, 64)); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shots(), name+".png"), small.Bytes(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// screenshot is the whole page as it is shown.
func (b *browser) screenshot() []byte {
	b.t.Helper()
	b.until("document.fonts.status === 'loaded'")
	data, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.fatal(err)
	}
	return data
}

// fewColours is a picture in the n colours that it has most of.
func fewColours(full image.Image, n int) *image.Paletted {
	area := full.Bounds()
	count := map[color.Color]int{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[full.At(x, y)]++
		}
	}
	brightness := func(c color.Color) uint32 { r, g, b, _ := c.RGBA(); return r<<2 + g<<1 + b }
	palette := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(brightness(a), brightness(b)))
	})
	p := image.NewPaletted(area, color.Palette(palette[:min(n, len(palette))]))
	nearest := map[color.Color]uint8{}
	for c := range count {
		nearest[c] = uint8(p.Palette.Index(c))
	}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			p.SetColorIndex(x, y, nearest[full.At(x, y)])
		}
	}
	return p
}
