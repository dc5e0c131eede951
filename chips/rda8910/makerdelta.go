package rda8910

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"

	"airlift/chips"
)

var _ chips.DeltaMaker = (*maker)(nil)

// ErrSameCore is the error for a core pack between cores that are the same.
var ErrSameCore = errors.New("the cores are identical: the script alone is all that is needed")

// corePack makes the pack from in.Base to in. It is nil if nothing changes.
func (m *maker) corePack(in chips.MakeInput) ([]byte, error) {
	if in.Base == nil {
		return nil, errors.New("a core pack needs the core that the module has now: a server makes it of the two")
	}
	from, to, err := m.pair(in)
	if err != nil {
		return nil, err
	}
	files, err := m.modemChanges(from, to)
	if err != nil {
		return nil, err
	}
	return MakePack(PackInput{
		OldVersion: from.version, NewVersion: to.version,
		Flash: []FlashChange{{Base: uint32(m.layout.Part(PartAP).Off), Old: from.ap, New: to.ap}},
		Files: files,
	})
}

func (m *maker) pair(in chips.MakeInput) (from, to *firmware, err error) {
	if from, err = m.firmware(*in.Base); err != nil {
		return nil, nil, fmt.Errorf("old core: %w", err)
	}
	to, err = m.firmware(in)
	return from, to, err
}

// runningNV are files of the modem whose running copy the vendor's rules clear
// with every change (8910.md 2.5).
var runningNV = []string{"static_nv.bin", "rf_nv.bin"}

// modemChanges are the changes of the modem's files. Where an NV item changes
// its running copy is removed.
func (m *maker) modemChanges(from, to *firmware) (list []FileChange, err error) {
	old, err := from.modemFiles(&m.layout)
	if err != nil {
		return nil, err
	}
	now, err := to.modemFiles(&m.layout)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range now {
		names = append(names, name)
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	seen := map[string]bool{}
	for _, name := range names {
		if stem, ok := blockedStem(name); ok {
			if !seen[stem] {
				seen[stem] = true
				if list, err = blockedChange(list, stem, old, now); err != nil {
					return nil, err
				}
			}
			continue
		}
		if bytes.Equal(old[name], now[name]) {
			continue
		}
		list = append(list, FileChange{Name: name, Old: old[name], New: now[name]})
		for _, nv := range runningNV {
			if path.Base(name) == nv {
				list = append(list, FileChange{Name: "/modemnvm/" + nv, Old: []byte{}})
			}
		}
	}
	return list, nil
}

// blockedStem returns the name of a file in pieces.
func blockedStem(name string) (string, bool) {
	ext := path.Ext(name)
	if len(ext) != 4 || strings.Trim(ext[1:], "0123456789") != "" {
		return "", false
	}
	return strings.TrimSuffix(name, ext), true
}

func blockedChange(list []FileChange, stem string, old, now map[string][]byte) ([]FileChange, error) {
	was, _, err := joinPieces(stem, old)
	if err != nil {
		return nil, err
	}
	_, is, err := joinPieces(stem, now)
	switch {
	case err != nil:
		return nil, err
	case len(was) == 0 || len(is) == 0:
		return nil, fmt.Errorf("%s is in one of the modem images only: such a change is not made", stem)
	}
	return append(list, FileChange{Name: stem, Pieces: was, New: is}), nil
}

// joinPieces returns the pieces of a file as they are stored, and their plain
// content.
func joinPieces(stem string, files map[string][]byte) (stored [][]byte, plain []byte, err error) {
	for n := 0; ; n++ {
		b, ok := files[pieceName(stem, n)]
		if !ok {
			return stored, plain, nil
		}
		p, err := unpackLZMAR(b)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", pieceName(stem, n), err)
		}
		stored, plain = append(stored, b), append(plain, p...)
	}
}

// CompareCores compares the cores of in.Base and in.
func (m *maker) CompareCores(in chips.MakeInput) (chips.CoreDiff, error) {
	if in.Base == nil {
		return chips.CoreDiff{}, errors.New("there is nothing to compare the core with")
	}
	from, to, err := m.pair(in)
	if err != nil {
		return chips.CoreDiff{}, err
	}
	d := chips.CoreDiff{Old: from.version, New: to.version}
	add := func(name string, a, b []byte) {
		d.Images = append(d.Images, chips.ImageDiff{Name: name, OldBytes: int64(len(a)), NewBytes: int64(len(b)), OldSum: sha256.Sum256(a), NewSum: sha256.Sum256(b)})
	}
	add("AP", from.ap, to.ap)
	var sums [2][]byte
	for i, fw := range []*firmware{from, to} {
		files, err := fw.modemFiles(&m.layout)
		if err != nil {
			return d, err
		}
		sums[i] = listing(files)
	}
	add("modem", sums[0], sums[1])
	if a, b := suffix(d.Old), suffix(d.New); a != "" && b != "" && a != b {
		d.Warnings = append(d.Warnings, fmt.Sprintf("the cores have different features (%s and %s): the platform makes no pack between them", a, b))
	}
	return d, nil
}

// listing is all files behind one another, with their names.
func listing(files map[string][]byte) (b []byte) {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		b = append(append(b, name...), 0)
		b = append(b, files[name]...)
	}
	return b
}

// suffix returns what a version says about features: "RDA8910_TTS" of
// "Luat_V3103_RDA8910_TTS".
func suffix(version string) string {
	i := strings.Index(version, "_V")
	if i < 0 {
		return ""
	}
	return strings.TrimLeft(strings.TrimLeft(version[i+2:], "0123456789"), "_")
}

// DeltaKind is the kind that takes a module from one core to the other.
func (m *maker) DeltaKind(d chips.CoreDiff, scripts bool) string {
	switch {
	case m.gen() == GenD:
		return ""
	case d.Same() && scripts:
		return KindScriptStream
	case d.Same():
		return ""
	case scripts:
		return KindAllStream
	}
	return KindCoreStream
}
