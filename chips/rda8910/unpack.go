package rda8910

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"strings"

	"airlift/chips/volume"
	"airlift/flash/explain"
)

// unpacker takes one file apart.
type unpacker struct {
	volume.Parts
	room int64 // bytes that may still come out of LZMAR
}

// inner takes apart what lies inside another file, if it is a format of the
// family. Faults of it are no faults of the file around it; the error is that
// there is no room for more parts. A .pac holds no .pac: one that seems to may
// hold itself.
func (u *unpacker) inner(dir string, b []byte) error {
	if k, ok := find(b); ok && k.unpack != nil && !isPac(b) {
		_ = k.unpack(u, dir+"/", b)
	}
	return u.Full()
}

func (u *unpacker) stream(dir string, b []byte) error {
	s, err := ParseStream(b)
	if err != nil {
		return err
	}
	for i, f := range s.Files {
		name := fmt.Sprintf("%s%d-app", dir, i)
		if f.Tag == TagCore {
			name = fmt.Sprintf("%s%d-core", dir, i)
		}
		if err := u.Add(name+".bin", f.Data); err != nil {
			return err
		}
		if f.Tag == TagCore && isPack(f.Data) {
			if err := u.pack(name+"/", f.Data); err != nil {
				return err
			}
		} else if f.Tag == TagApp && isScript(f.Data) {
			if err := u.app(name+"/", f.Data); err != nil {
				return err
			}
		}
	}
	return nil
}

// pack unpacks the bundles of a core pack: plain, but differences all the
// same, except for inserted files.
func (u *unpacker) pack(dir string, b []byte) error {
	p, err := ParsePack(b)
	if err != nil {
		return err
	}
	for i := range p.Bulks {
		k := &p.Bulks[i]
		name := fmt.Sprintf("%s%d-%s", dir, i, strings.ToLower(k.Type.String()))
		for j, r := range k.Bundles {
			plain, err := p.unpack(r)
			if err != nil {
				return err
			}
			if err := u.Add(fmt.Sprintf("%s-%d.bin", name, j), plain); err != nil {
				return err
			}
		}
	}
	return nil
}

func (u *unpacker) upgrade(dir string, b []byte) error {
	up, err := ParseUpgrade(b)
	if err != nil {
		return err
	}
	for i := range up.Sectors {
		s := &up.Sectors[i]
		name := fmt.Sprintf("%s%d-0x%06x", dir, i, s.StartAddr)
		if u.room -= int64(s.DataLen); u.room < 0 {
			return wrong(s.File+8, "DataLen of all sectors", fmt.Sprintf("at most %d", maxUnpacked), "more")
		}
		plain, err := s.Unpack()
		if err != nil {
			return err
		}
		if err := u.Add(name+".bin", plain); err != nil {
			return err
		}
		if isScript(plain) {
			if err := u.AddFiles(name+"/", plain); err != nil {
				return err
			}
		}
	}
	if len(up.SDK) > 0 {
		return u.Add(dir+"cp.pack", up.SDK)
	}
	return nil
}

func (u *unpacker) pac(dir string, b []byte) error {
	p, err := ParsePac(b)
	if err != nil {
		return err
	}
	if !p.OK() {
		return &explain.FormatError{Off: 2120, What: "crc1 and crc2", Want: fmt.Sprintf("0x%04X and 0x%04X", p.head, p.body), Got: fmt.Sprintf("0x%04X and 0x%04X", p.CRC1, p.CRC2)}
	}
	for i, f := range p.Files {
		if len(f.Data) == 0 {
			continue
		}
		id := f.ID
		if id == "" {
			id = "xml"
		}
		name := fmt.Sprintf("%s%02d-%s", dir, i, id)
		if err := u.Add(name+".bin", f.Data); err != nil {
			return err
		}
		if err := u.inner(name, f.Data); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) uimage(dir string, b []byte) error {
	m, err := ParseUImage(b)
	if err != nil {
		return err
	}
	return u.Add(dir+"data.bin", m.Data)
}

// app takes an application file with a script apart.
func (u *unpacker) app(dir string, b []byte) error {
	body, _ := bytes.CutSuffix(b, []byte(AppTrailer))
	s := CheckLuaApp(body)
	if !s.Checked {
		return u.AddFiles(dir, body)
	}
	at := int64(max(0, len(body)-md5.Size))
	if !s.OK() {
		return wrong(at, "MD5 of the script image", fmt.Sprintf("%x", s.Computed), fmt.Sprintf("%x", s.Stated))
	}
	return u.AddFiles(dir, body[:at])
}

func (u *unpacker) lzmar(dir string, b []byte) error {
	z, err := ParseLZMAR(b)
	if err != nil {
		return err
	}
	if u.room -= int64(z.Size); u.room < 0 {
		return wrong(0, "LZMAR size", fmt.Sprintf("at most %d in all", maxUnpacked), "more")
	}
	plain, err := z.Unpack()
	if err != nil {
		return err
	}
	return u.Add(dir+"plain.bin", plain)
}
