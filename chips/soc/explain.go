package soc

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"airlift/flash/explain"
)

// maxExplained bounds what an explanation unpacks, in bytes of one entry.
const maxExplained = 32 << 20

// Explain shows an archive's entries. Inner explains what is in one, and
// returns nil if it knows nothing about it; its offsets count from the start of
// the entry.
func Explain(data []byte, inner func(name string, data []byte) *explain.Field) *explain.Field {
	root := &explain.Field{Len: int64(len(data)), Name: ".soc archive", Meaning: "published firmware", Verdict: explain.OK}
	a, err := Open(data)
	if err != nil {
		root.Verdict = explain.Bad
		f := explain.Field{Name: "error", Meaning: err.Error(), Verdict: explain.Bad}
		var fe *explain.FormatError
		if errors.As(err, &fe) {
			f.Off = fe.Off
		}
		root.Add(f)
		return root
	}
	root.Value = fmt.Sprintf("%s, %d entries", a.Format, len(a.Entries))
	found := false
	err = a.visit(func(e *Entry, r io.Reader, err error) error {
		f := e.explain()
		found = found || e.Name == InfoName
		switch {
		case err != nil:
			f.Verdict, f.Meaning = e.unread(err), err.Error()
		case e.Name == InfoName || e.Size <= maxExplained && isPart(e.Name):
			data, err := e.read(r)
			if err != nil {
				f.Verdict, f.Meaning = explain.Bad, err.Error()
				break
			}
			f.Verdict = explain.OK
			if e.Name == InfoName {
				f.Add(*ExplainInfo(data))
			} else if tree := inner(e.Name, data); tree != nil {
				f.Add(*tree)
			}
		}
		root.Add(f)
		return nil
	})
	if err != nil {
		root.Add(explain.Field{Name: "error", Meaning: err.Error(), Verdict: explain.Bad})
	}
	if !found {
		root.Add(explain.Field{Name: InfoName, Meaning: "missing: LuaTools does not take the archive for firmware", Verdict: explain.Bad})
	}
	return root
}

// unread judges an entry that cannot be unpacked: tools may be packed as they
// like.
func (e *Entry) unread(err error) explain.Verdict {
	var m *MethodError
	if errors.As(err, &m) && e.Name != InfoName && !isPart(e.Name) {
		return explain.Warn
	}
	return explain.Bad
}

// isPart reports entries that are firmware and not tools or notes.
func isPart(name string) bool {
	for _, end := range []string{".binpkg", ".bin", ".img", ".fls", ".soc"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return true
		}
	}
	return false
}

func (e *Entry) explain() explain.Field {
	f := explain.Field{Off: e.Off, Len: e.Packed, Name: explain.Printable(e.Name), Value: fmt.Sprintf("%d bytes", e.Size), Meaning: e.Method}
	if e.HasCRC {
		f.Meaning += fmt.Sprintf(", CRC 0x%08X", e.CRC)
	}
	return f
}

// ExplainInfo shows the values of info.json.
func ExplainInfo(data []byte) *explain.Field {
	root := &explain.Field{Len: int64(len(data)), Name: InfoName, Meaning: "what the firmware is, and where it goes; offsets count from the start of the entry", Verdict: explain.OK}
	i, err := readInfo(data)
	if err != nil {
		root.Verdict = explain.Bad
		root.Add(explain.Field{Name: "error", Meaning: err.Error(), Verdict: explain.Bad})
		return root
	}
	for _, v := range i.Values {
		root.Add(v.explain())
	}
	return root
}

func (v *Value) explain() explain.Field {
	f := explain.Field{Off: v.Off, Len: v.Len, Name: explain.Printable(v.Path), Value: v.Raw}
	if s, ok := v.V.(string); ok {
		f.Value = explain.Printable(s)
	}
	k, ok := lookup(v.Path)
	if !ok {
		f.Meaning = "not known"
		return f
	}
	f.Meaning = k.meaning
	if err := k.check(v.V); err != nil {
		f.Meaning, f.Verdict = k.meaning+": "+err.Error(), explain.Bad
		return f
	}
	f.Verdict = explain.OK
	if n, err := k.kind.number(v.V); err == nil {
		switch k.kind {
		case kindKiB:
			f.Meaning += fmt.Sprintf(", %d bytes", n)
		case kindHex:
			f.Meaning += fmt.Sprintf(", 0x%X", n)
		}
	}
	return f
}
