package scriptonly

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"airlift/flash/luadb"
)

// packageKind is what a download turns out to be.
type packageKind uint8

const (
	kindUnknown   packageKind = iota
	kindScript                // scripts of an Air8101
	kindFirmware              // core of an Air8101, encrypted
	kindContainer             // of an Air1601 or Air1602
)

func (k packageKind) String() string {
	return [...]string{"unknown", "script package", "core package (RBL)", "package of sections"}[k]
}

// Heads (luadb-and-packages.md 5.1, 6.1, 6.2).
const (
	rblMark       = "RBL\x00"
	rblHead       = 96
	rblSize       = 88
	rblCRC        = 76
	rblHeadCRC    = 92
	containerHead = 92
	headMost      = frameStart // bytes after which a head is known
)

// packageHead finds out what a download is from its first bytes, and how long
// it is. more says that there are too few of them.
func packageHead(soc string, p []byte) (kind packageKind, length int64, more bool) {
	if soc == ccm4211.Name {
		if len(p) < containerHead {
			return 0, 0, true
		}
		// The magic number is that of the build, which is not public.
		sum := ^crc32.ChecksumIEEE(p[8:containerHead])
		if binary.LittleEndian.Uint32(p[4:]) != sum {
			return kindUnknown, 0, false
		}
		common, sdk := binary.LittleEndian.Uint32(p[52:]), binary.LittleEndian.Uint32(p[56:])
		return kindContainer, containerHead + int64(common) + int64(sdk), false
	}
	if len(p) >= rblHead && string(p[:4]) == rblMark {
		if crc32.ChecksumIEEE(p[:rblHeadCRC]) != binary.LittleEndian.Uint32(p[rblHeadCRC:]) {
			return kindUnknown, 0, false
		}
		return kindFirmware, rblHead + int64(binary.LittleEndian.Uint32(p[rblSize:])), false
	}
	if len(p) < headMost {
		return 0, 0, true
	}
	if string(p[frameHead:frameHead+4]) != frameMark {
		return kindUnknown, 0, false
	}
	return kindScript, frameStart + int64(binary.LittleEndian.Uint32(p[frameHead+4:])), false
}

// checkPackage says what is wrong with a whole package; nil: nothing that can
// be seen.
func checkPackage(kind packageKind, p []byte) error {
	switch kind {
	case kindScript:
		image, err := unpackFrames(p)
		if err != nil {
			return err
		}
		_, err = luadb.Parse(image)
		return err
	case kindFirmware:
		if got, want := crc32.ChecksumIEEE(p[rblHead:]), binary.LittleEndian.Uint32(p[rblCRC:]); got != want {
			return fmt.Errorf("CRC-32 of the payload is 0x%08X, expected 0x%08X", got, want)
		}
	case kindContainer:
		common := int64(binary.LittleEndian.Uint32(p[52:]))
		if common == 0 || common > int64(len(p)-containerHead) {
			return nil // the delta's sum is the vendor's
		}
		if sum := md5.Sum(p[containerHead : containerHead+common]); !bytes.Equal(sum[:], p[60:76]) {
			return fmt.Errorf("MD5 of the common data is %x, expected %x", sum, p[60:76])
		}
	}
	return nil
}
