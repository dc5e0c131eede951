// Package rda8910 is the family of the 8910 chip: Air724UG, Air722UG, Air820UG
// and their relatives.
//
// It holds the files of the family. What a server sends is a [Stream] of up to
// two files: a core pack ([Pack], "RDAOTA02"), which is always a difference,
// and an application, which is always whole: a script image with its MD5
// ([LuaApp]) or a C program ([AppImage]). There is no OTA area on these modules:
// both are written to files in /fota, and boot code works the pack off block by
// block, with a [Stage] of 8 bytes as its journal.
//
// Boot code and modem data are stored as LZMAR ([LZMAR]), an LZMA of its own
// kind. LuatOS-SoC for this chip has packages of another form ([Upgrade]): the
// head of the EC618 family, with LZMAR inside. Cables take a [Pac].
//
// Modules come with three kinds of firmware: the Luat script core, the CSDK for
// C programs, LuatOS-SoC ([Generation]). Boot code and core are those of two
// states of the vendor's SDK ([Era]); which boot code runs is read from its
// image. The upgrade that boot code performs is in fupdate.go, what
// rtos.fota_process answers in updater.go, what the core does before the
// scripts in core.go; the file system is package sffs.
//
// The facts are those of 8910.md. What it leaves open is listed in
// assumptions.go and shown by "airlift chips show".
package rda8910

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"airlift/flash/explain"
)

const (
	kib = 1 << 10
	// maxPlain bounds what comes out of a compressed stream, in bytes: the
	// RAM of the modules (8910.md 1.1), where the device unpacks it.
	maxPlain = 16 << 20
	// eraseSize is the unit in which boot code erases, in bytes (8910.md 4.5).
	eraseSize = 4 * kib
	// flashBase is where the flash is mapped into the address space (8910.md 1.1).
	flashBase = 0x60000000
)

// Results of rtos.fota_process and rtos.fota_end (8910.md 5.2).
const (
	CodeSuccess      = 0
	CodeNotInit      = -94 // a file in /fota cannot be opened
	CodeWrite        = -95 // V302043: the MD5 of a script is wrong
	CodeVerify       = -96 // everything that is wrong with a package
	CodeNotEnough    = -97
	CodeFBF          = -98
	CodeNoMemory     = -99 // the first write of a file was short
	CodeNotSupported = -100
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// cstring returns a string up to its first NUL.
func cstring(b []byte) string {
	s, _, _ := bytes.Cut(b, []byte{0})
	return string(s)
}

// wrong is the error for a field that is not what it must be.
func wrong(off int64, what, want string, got any) error {
	return &explain.FormatError{Off: off, What: what, Want: want, Got: fmt.Sprint(got)}
}
