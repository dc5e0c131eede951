package sweep

import (
	"bytes"
	"fmt"

	"github.com/spf13/afero"

	"airlift/chips"
	"airlift/emu"
	"airlift/flash"
	"airlift/flash/luadb"
)

// match says which version something is.
type match uint8

const (
	matchNone match = 0
	matchOld  match = 1
	matchNew  match = 2
	matchBoth       = matchOld | matchNew
)

func (m match) String() string {
	return [...]string{"neither", "old", "new", "the same in both"}[m]
}

// judge says what a device that has settled is.
func (s *Sweep) judge(b *board, r *boot) (*verdict, error) {
	v := new(verdict)
	core, where := s.core(b, r)
	scripts, err := s.scripts(r)
	if err != nil {
		return nil, err
	}
	switch both := core & scripts; {
	case core == matchNone:
		v.outcome = emu.OutcomeStuck
		v.breaks(Boots, "the core that boot code starts is neither version: %s", where)
		v.breaks(Exact, "")
	case scripts == matchNone:
		v.outcome = emu.OutcomeStuck
		v.breaks(Boots, "%s core starts, but its scripts are neither version's: they fail, and it restarts for ever", core)
		v.breaks(Exact, "")
	case both&matchNew != 0:
		v.outcome = emu.OutcomeNew
	case both&matchOld != 0:
		v.outcome = emu.OutcomeOld
	default:
		v.outcome = emu.OutcomeMixed
		v.breaks(Exact, "%s core with %s scripts", core, scripts)
	}
	if where := s.outside(b); where != "" {
		v.breaks(Outside, "%s", where)
	}
	if err := readUserFiles(&boot{running: r.running, env: s.machine.env(b, nil, nil, nil)}); err != nil {
		v.breaks(Files, "user data: %v", err)
	}
	if s.asksAgain() {
		return v, s.askAgain(b, v)
	}
	return v, nil
}

// core compares the code in flash, byte for byte, or where it has no fixed
// place what the core says it is.
func (s *Sweep) core(b *board, r *boot) (match, string) {
	if code := r.running.Code; code != [32]byte{} {
		m := matchNone
		if s.fresh.flashes == nil || code == s.fresh.code {
			m |= matchNew
		}
		if code == s.old.code {
			m |= matchOld
		}
		return m, "it is whole all the same"
	}
	all, where := s.volumesMatch(b)
	for _, g := range s.regions {
		m := matchNone
		if s.fresh.flashes == nil || sameBytes(b, s.fresh.flashes, g, g.new) {
			m |= matchNew // before the rehearsal nobody knows what new is
		}
		if sameBytes(b, s.old.flashes, g, g.old) {
			m |= matchOld
		}
		if m == matchNone {
			where = fmt.Sprintf("%s at 0x%06X", g.name, g.off+firstDifference(b, s.fresh.flashes, g))
		} else if all&m == 0 {
			where = "one part of the code is old, another new"
		}
		all &= m
	}
	return all, where
}

func read(d *flash.Device, off, n int64) []byte {
	p := make([]byte, n)
	if _, err := d.ReadAt(p, off); err != nil {
		panic("sweep: " + err.Error()) // regions lie on the flash, and its power is on
	}
	return p
}

func sameBytes(b *board, want []*flash.Device, g region, n int64) bool {
	return bytes.Equal(read(b.flashes[g.chip], g.off, n), read(want[g.chip], g.off, n))
}

// firstDifference is where the region begins to differ from the new version.
func firstDifference(b *board, want []*flash.Device, g region) int64 {
	p, q := read(b.flashes[g.chip], g.off, g.new), read(want[g.chip], g.off, g.new)
	for i := range p {
		if p[i] != q[i] {
			return int64(i)
		}
	}
	return g.new
}

// scripts compares the mounted scripts.
func (s *Sweep) scripts(r *boot) (match, error) {
	got, err := mountedScripts(r.running)
	if err != nil {
		return 0, err
	}
	m := matchNone
	if sameScripts(got, s.fresh.scripts) {
		m |= matchNew
	}
	if sameScripts(got, s.old.scripts) {
		m |= matchOld
	}
	return m, nil
}

func sameScripts(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, data := range a {
		if other, ok := b[name]; !ok || other != data {
			return false
		}
	}
	return true
}

// mountedScripts reads the script image that a core mounted; nil if there is
// none.
func mountedScripts(r *chips.Running) (map[string]string, error) {
	for _, m := range r.Mounts.Mounts() {
		if m.Type != "luadb" {
			continue
		}
		infos, err := afero.ReadDir(m.Fs, "/")
		if err != nil {
			return nil, fmt.Errorf("scripts: %w", err)
		}
		files := make(map[string]string, len(infos))
		for _, info := range infos {
			if info.Name() == luadb.TrailerName {
				continue
			}
			data, err := afero.ReadFile(m.Fs, "/"+info.Name())
			if err != nil {
				return nil, fmt.Errorf("scripts: %w", err)
			}
			files[info.Name()] = string(data)
		}
		return files, nil
	}
	return nil, nil
}

// outside looks for a partition that the upgrade without a fault leaves alone
// and that is not as it was. File systems are compared by their files.
func (s *Sweep) outside(b *board) string {
	if s.fresh.flashes == nil {
		return ""
	}
	for i, table := range s.Chip.Partitions {
		for _, p := range table {
			if p.Overlay || p.Kind == fsKind && s.Scenario.Mode == ModeSystem || s.touched[[2]int64{int64(i), p.Off}] || sameRange(b.flashes[i], s.old.flashes[i], p) {
				continue
			}
			return fmt.Sprintf("partition %s changed, which the upgrade leaves alone", p.Name)
		}
	}
	return ""
}

// sameRange compares a partition of two chips, sector by sector.
func sameRange(a, b *flash.Device, p flash.Partition) bool {
	return a.SameRange(b, p.Off, p.Size)
}
