package xt804

import "airlift/chips"

type assumption struct {
	chips.Assumption
	applies func(s *spec, g Generation) bool // nil: always
}

func only(gs ...Generation) func(*spec, Generation) bool {
	return func(_ *spec, g Generation) bool {
		for _, want := range gs {
			if g == want {
				return true
			}
		}
		return false
	}
}

func onlyModel(name string) func(*spec, Generation) bool {
	return func(s *spec, _ Generation) bool { return s.name == name }
}

// assumptions is everything about these chips that the sources do not settle,
// in the order of the reference's own list, and what we added to it.
var assumptions = []assumption{
	{chips.Assumption{Name: "rom-check", Source: "xt804.md 9.1, 3.1",
		Text: "The ROM code is unknown. Assumed: it applies secboot's own rules to secboot's header and code, otherwise waits for a serial download, and no watchdog stops an upgrade that never ends."}, nil},
	{chips.Assumption{Name: "flash-timing", Source: "xt804.md 9.2",
		Text: "The sources only say that one flash write takes about 100 ms. Assumed are typical values of SPI NOR data sheets: 0.7 ms for a page program, 45 ms for a sector erase, so 56 ms for a rewritten sector."}, nil},
	{chips.Assumption{Name: "boot-timing", Source: "xt804.md 9.2",
		Text: "Nothing is known. Assumed: 100 ms from reset to the core, which covers the wait for ESC and the CRC over the core, and 150 ms more to the scripts."}, nil},
	{chips.Assumption{Name: "package-contents", Source: "xt804.md 9.3",
		Text: "LuaTools is closed. The bytes of .bin, .fota and .sota follow from what firmware and boot code accept. That LuaTools lets sizes through that are multiples of 8192 is assumed; that .ota and production .bin are the same file, too."}, nil},
	{chips.Assumption{Name: "gzip-8192", Source: "xt804.md 9.4, 6 P1",
		Text: "That secboot fails on packages whose length is a multiple of 8192 was seen by running its code in an interpreter, not on a module."}, only(G2Fota, G3)},
	{chips.Assumption{Name: "sota-discarded", Source: "xt804.md 9.5, 6 P7",
		Text: "V2001 accepts a script-only package and throws it away at the next start. Its change log says that it works; the emulator follows the code."}, only(G3)},
	{chips.Assumption{Name: "fota-recipe", Source: "xt804.md 9.6, 4.7",
		Text: "The one public tool that builds .fota files contradicts itself, so the recipe is reconstructed from both readers: gzip of app image and script image (type 2), under a type 1 header."}, only(G2Fota, G3)},
	{chips.Assumption{Name: "air6208-fs-size", Source: "xt804.md 9.7",
		Text: "A comment says 3392 KiB, partition file and info.json say 3328 KiB. The latter is used."}, onlyModel("Air6208")},
	{chips.Assumption{Name: "air6208-ram", Source: "xt804.md 9.8",
		Text: "288 KiB as info.json says, although the configuration also enables 2 MiB of PSRAM, which is not emulated."}, onlyModel("Air6208")},
	{chips.Assumption{Name: "core-inflate", Source: "xt804.md 4.5",
		Text: "The core unpacks scripts with miniz, the emulator with Go's inflate. They agree on whole streams. On a stream that breaks off, V2001, which does not check the package's CRC at the start, may keep a few more or fewer bytes of a damaged script than is shown."}, only(G2Fota, G3)},
	{chips.Assumption{Name: "soc-name", Source: "xt804.md 9.9",
		Text: "Firmware archives are named by the build script (LuatOS-SoC_V2001_Air6208_101.soc); the upload script expects another form."}, only(G3)},
	{chips.Assumption{Name: "script-img", Source: "xt804.md 9.10",
		Text: "The script in a firmware archive is script.img with an image header, as the BSP says, not script.bin, as tools' documents say."}, nil},
	{chips.Assumption{Name: "lua-bits", Source: "xt804.md 9.11, luatos-runtime.md 11.3",
		Text: "V1xxx firmware has 32-bit Lua. Of V2001, Air101 and Air6208 are taken for 64-bit, the others for 32-bit, although one tool's default is 64 for all; both widths exist as builds."}, nil},
	{chips.Assumption{Name: "sdk-fwup", Source: "xt804.md 9.12",
		Text: "The SDK's own update path (tls_fwup) has limits of older maps and is not called by LuatOS. It is not emulated."}, nil},
	{chips.Assumption{Name: "signatures-off", Source: "xt804.md 9.13, 3.3",
		Text: "OTP is empty: no image signatures, no code encryption. No evidence that any module ships otherwise. A board whose OTP switches signatures on is refused."}, nil},
	{chips.Assumption{Name: "secboot-v1.1", Source: "xt804.md 9.14",
		Text: "Secboot is V1.1, shipped since V0016. V0.6, in firmware up to V0015, was not analysed and is not emulated."}, nil},
	{chips.Assumption{Name: "partial-sector-on-error", Source: "xt804.md 3.6",
		Text: "What secboot had unpacked before its inflate failed is written, the last partial sector too."}, nil},
	{chips.Assumption{Name: "plain-copy-rewrite", Source: "xt804.md 3.6",
		Text: "Copying a package that is not zipped rewrites each sector that a block of 4096 bytes touches, so that a block off the sector grid erases two."}, nil},
	{chips.Assumption{Name: "write-past-end", Source: "xt804.md 3.6, 6 P1",
		Text: "What secboot unpacks for addresses behind the flash is dropped."}, nil},
	{chips.Assumption{Name: "window-zero", Source: "xt804.md 3.1, 3.6",
		Text: "Secboot's inflate window holds zeros at first; a stream that reaches back before its start would otherwise see what is left in RAM."}, nil},
	{chips.Assumption{Name: "gzip-refill", Source: "xt804.md 6 P1",
		Text: "Which sizes secboot's input refill fails on is known, not its code. Assumed: the first piece is cut to what there is, later ones to the remainder of the whole length by 8192; behind its end the input reads 0xFF for ever."}, nil},
	{chips.Assumption{Name: "flash-driver", Source: "xt804.md 1.1",
		Text: "The flash driver checks where an access begins, not where it ends, and does not look at the chip's error bits: bytes behind the end are dropped, failed operations go unnoticed."}, nil},
	{chips.Assumption{Name: "fota-header-check", Source: "xt804.md 4.4",
		Text: "Of a package that arrives, G2 looks at the header in every call from byte 64 on, V2001 once, in the call that completes it."}, only(G2Fota, G3)},
	{chips.Assumption{Name: "attr-bits", Source: "xt804.md 9.15, 9.17",
		Text: "Attribute bits 17 (psram_io), 18 (erase_block_en) and 19 (erase_always) have no effect: this secboot never tests them and the packer never sets them."}, nil},
	{chips.Assumption{Name: "update-bin-room", Source: "xt804.md 9.16, 6 P13",
		Text: "How large /update.bin may get follows from the emulated littlefs; documents say below 40 KiB for a file system of 48 KiB."}, only(G1, G2, G2Fota)},
	{chips.Assumption{Name: "air690-maps", Source: "xt804.md 9.19",
		Text: "No released firmware of Air690 was found. Its maps come from the partition file and the build script's formula; Wi-Fi is assumed from the module's name."}, onlyModel("Air690")},
	{chips.Assumption{Name: "dates", Source: "xt804.md 0",
		Text: "Firmware of a generation spans years. g1 stands for V1022 of December 2023, g2 for V1025 with the Lua libraries of 2024-04-10 (when a log of it was published), g3 for V2001 of 2026-04-18. Days and core numbers (23.12, 24.04, 26.04) are assumed."}, nil},
	{chips.Assumption{Name: "update-tgz", Source: "xt804.md 4.2",
		Text: "The core of 2024-04-10 is older than the removal of zlib on 2024-04-27, so that it still looks for /update.tgz."}, only(G1, G2, G2Fota)},
	{chips.Assumption{Name: "core-log", Source: "luatos-runtime.md 1.4",
		Text: "Lines about MAC addresses and the flash chip, which firmware logs before its banner, are left out."}, nil},
	{chips.Assumption{Name: "memory", Source: "xt804.md 5",
		Text: "Totals follow info.json: 176 KiB for Lua, of which 8 bytes are lost as seen on other chips, and 64 KiB for the system."}, nil},
	{chips.Assumption{Name: "csv-order", Source: "xt804.md 1.3",
		Text: "Lines of a partition file that are not sorted by offset are refused; the build may sort them instead."}, only(G3)},
	{chips.Assumption{Name: "fskv-volume", Source: "xt804.md 1.7, luatos-runtime.md 9.8",
		Text: "The littlefs of fskv has the disk version that / has. It is formatted when fskv.init() cannot mount it, without the pause that / has, and with the log lines of newer firmware of another chip whose driver is the same. fskv.clear removes one file after the other."}, nil},
}
