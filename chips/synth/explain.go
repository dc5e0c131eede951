package synth

import (
	"fmt"

	"airlift/flash/explain"
)

// Explain adds to f what a core's body says of itself. Off is where the body
// is in its file.
func Explain(f *explain.Field, body []byte, off int64) {
	info, ok, err := Find(body)
	switch {
	case !ok:
		f.Meaning = "code without airlift's descriptor: a real core"
		return
	case err != nil:
		f.Meaning, f.Verdict = "synthetic core with a damaged descriptor: "+err.Error(), explain.Bad
		return
	}
	f.Meaning = "synthetic core made by airlift"
	f.Add(info.explain(body[Offset:], off+Offset))
}

// explain shows the descriptor's fields. P begins with its bytes.
func (c *Info) explain(p []byte, off int64) explain.Field {
	n := int64(len(c.Encode()))
	d := explain.Field{Off: off, Len: n, Name: "descriptor", Value: fmt.Sprintf("%s %s", explain.Printable(c.Model), explain.Printable(c.Version)), Verdict: explain.OK}
	add := func(name string, length int, value string) {
		d.Add(explain.Field{Off: off, Len: int64(length), Name: name, Value: value})
		off += int64(length)
	}
	add("magic", len(magic), fmt.Sprintf("%+q", magic))
	add("length", 4, fmt.Sprint(n-HeadSize))
	add("CRC", 4, fmt.Sprintf("0x%08X", jamcrc(p[HeadSize:n])))
	for i, name := range [stringCount]string{"model", "bsp", "profile", "version", "base", "build date", "build time"} {
		v := *c.strings()[i]
		add(name, 1+len(v), explain.Printable(v))
	}
	add("flash size", 8, fmt.Sprint(c.FlashSize))
	add("Lua numbers", 1, fmt.Sprintf("%d bits", c.Bits))
	add("features", 1, fmt.Sprintf("fota %v, file OTA %v, mobile %v, wlan %v", c.Features.Fota, c.Features.FileOTA, c.Features.Mobile, c.Features.Wlan))
	add("partitions", 1, fmt.Sprint(len(c.Partitions)))
	for _, p := range c.Partitions {
		add("partition", 19+len(p.Name)+len(p.Kind), fmt.Sprintf("%s at 0x%06X, %d bytes", explain.Printable(p.Name), p.Off, p.Size))
	}
	return d
}
