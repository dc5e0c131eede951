package ec

import "airlift/chips"

type assumption struct {
	chips.Assumption
	series *Series // nil: both
}

var (
	onlyEC618 = EC618
	onlyEC7xx = EC7xx
)

// assumptions is what the sources do not settle.
var assumptions = []assumption{
	{chips.Assumption{Name: "ec7xx-boot", Source: "ec618.md 4, 9.1",
		Text: "The main routine of EC7xx' boot code is in a library that nobody has. Its order of work, its marks and its messages are taken to be those of EC618, whose boot code was executed."}, &onlyEC7xx},
	{chips.Assumption{Name: "ec7xx-delta", Source: "ec618.md 2.6, 9.2",
		Text: "How a vendor's EC7xx delta rebuilds an image is not known. The result is looked up by its SHA-256 among cores that the user gives; without them the emulator refuses. Deltas that airlift makes for these modules have a payload of its own and are of no use to a real one."}, &onlyEC7xx},
	{chips.Assumption{Name: "core-integrity", Source: "ec618.md 4.1",
		Text: "The boot code starts whatever lies at the core's place. Cores made by airlift carry a SHA-256, and do not run when it is wrong; a real core is let run, since nobody can say whether it would."}, nil},
	{chips.Assumption{Name: "flash-timing", Source: "ec618.md 3.6, 9.16",
		Text: "One log shows 40 ms for a sector that is erased, written and checked. Assumed: 33 ms for the erase and 0.4 ms a page. Times of patching are not known."}, nil},
	{chips.Assumption{Name: "littlefs-geometry", Source: "ec618.md 1.7, 9.4",
		Text: "The geometry of the file system is in a closed library; that of the vendor's image tool is used, with disk version 2.0."}, nil},
	{chips.Assumption{Name: "fskv-form", Source: "ec618.md 1.7",
		Text: "fskv is a littlefs in its own 64 KiB with one file a key."}, nil},
	{chips.Assumption{Name: "flash-end", Source: "ec618.md 3.3",
		Text: "The updater does not check lengths. What would go behind the end of the flash is dropped."}, nil},
	{chips.Assumption{Name: "erase-32k", Source: "ec618.md 10.1",
		Text: "One erase command of 32 KiB on the CP flash is emulated as eight erases of 4 KiB: the power can be cut in more places than on the module."}, &onlyEC618},
	{chips.Assumption{Name: "info-params", Source: "ec618.md 3.1, 7.21",
		Text: "Two bytes of the info record are uninitialised memory on a module; here they are zero."}, &onlyEC618},
	{chips.Assumption{Name: "decoder-rest", Source: "ec618.md 10.1",
		Text: "What damaged compressed data leaves in the boot code's memory is what the block before it left, or zeros."}, nil},
	{chips.Assumption{Name: "maps-8m", Source: "ec618.md 1.5, 9.5",
		Text: "Packages in the field are for script areas at 0x52E000 and 0x54E000, which the public SDK's map does not have. 256 KiB more file system gives both, with OTA areas of 384 and 256 KiB."}, &onlyEC7xx},
	{chips.Assumption{Name: "spi-flash", Source: "ec618.md 3.2, 4.3, 9.11",
		Text: "Which published firmware can apply an upgrade from an SPI flash is not known; here every one of EC7xx can. The download follows the SDK's source, the boot code the library that the SDK links into it (BL_Fota, BL_SpiFlash*). The flash is a W25Q that is always powered and never busy; a block of 64 KiB is erased as 16 sectors, and what runs over its end goes on at its start."}, &onlyEC7xx},
}
