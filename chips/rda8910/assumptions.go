package rda8910

import (
	"slices"

	"airlift/chips"
)

type assumption struct {
	chips.Assumption
	gens []Generation // nil: all
}

func (a *assumption) has(g Generation) bool { return slices.Contains(a.gens, g) }

var (
	onlyA  = []Generation{GenA}
	onlyD  = []Generation{GenD}
	onlyAB = []Generation{GenA, GenB}
)

// assumptions is what the sources do not settle about these modules.
var assumptions = []assumption{
	{chips.Assumption{Name: "versions", Source: "8910.md 10.2, 10.14",
		Text: "Which release of the Luat script core has which boot code is not public. V3036 stands for the time of V302043 (January 2021), V3103 for that of V302340 (May 2021). Which boot code a module has is read from its image in flash."}, onlyA},
	{chips.Assumption{Name: "script-map", Source: "8910.md 1.3, 10.2",
		Text: "Partition tables of released script cores are not public: 416 KiB below the file system, as the CSDK builds its Lua variant."}, onlyA},
	{chips.Assumption{Name: "lua-check", Source: "8910.md 10.3",
		Text: "How V302340 checks a script was not seen in a binary: the MD5 as in V302043, and -96 where that has -95."}, onlyA},
	{chips.Assumption{Name: "sffs-layout", Source: "8910.md 1.8",
		Text: "The reference leaves parts of SFFS open. They are read out of a real modem image, which mounts, and of the vendor's objects: lists of children and blocks, files within their heads, table blocks, order of writes, repair at mount. Not known are the device's number of cached blocks (8 here) and its time stamps (0 here)."}, nil},
	{chips.Assumption{Name: "sffs-first-format", Source: "8910.md 1.8, 2.11",
		Text: "Nothing is formatted when a mount fails. The downloader does it at production: the flash that airlift makes has formatted file systems."}, nil},
	{chips.Assumption{Name: "mount-failure", Source: "8910.md 1.8, 4.4",
		Text: "Boot code that cannot mount / or /modem goes on without looking for upgrades. What the core does without / is not known: here it cannot run."}, nil},
	{chips.Assumption{Name: "flash-timing", Source: "8910.md 6.3, 10.15",
		Text: "The only figure is 3 minutes for a delta of 600 KB. Assumed are typical values of SPI NOR data sheets: 0.4 ms for a page program, 40 ms for a sector erase; 0.5 s from reset to the core and 1.5 s more to the scripts. The time that boot code computes is not counted."}, nil},
	{chips.Assumption{Name: "core-integrity", Source: "8910.md 2.12",
		Text: "Boot code jumps into a core whatever its CRC is. Here a core runs if its image's CRC is right and its address is the one it was built for; any other is a brick."}, nil},
	{chips.Assumption{Name: "boot-integrity", Source: "8910.md 4.4",
		Text: "ROM code starts boot code whose image head and CRC are right; what the real one checks is not known."}, nil},
	{chips.Assumption{Name: "tmp-file", Source: "8910.md 4.5",
		Text: "fota.tmp and rebuilt files are written with the normal write of a whole file, the stage with the safe one: so do the vendor's objects."}, onlyAB},
	{chips.Assumption{Name: "fupdate-v302043", Source: "8910.md 4.4, 4.6",
		Text: "How boot code V302043 differs in applying a pack is not described, only that it asks for no flag: it is taken to be like V302340, its weakness with cut pieces of modem files included."}, onlyAB},
	{chips.Assumption{Name: "short-file", Source: "8910.md 2.5",
		Text: "Whether pieces of a modem file that became shorter are removed is not known: they stay."}, onlyAB},
	{chips.Assumption{Name: "pack-memory", Source: "8910.md 7.21",
		Text: "Boot code loads the whole pack into RAM. One that does not fit 8 MiB counts as damaged."}, onlyAB},
	{chips.Assumption{Name: "app-first-write", Source: "8910.md 5.2",
		Text: "How much of a write that finds the file system full reaches the file is not known: as many whole blocks as there is room for."}, onlyAB},
	{chips.Assumption{Name: "package-contents", Source: "8910.md 2.2, 10.1",
		Text: "The layout of LuaTools' production .bin is unpublished. A ZIP is made as the CSDK's build does: the .pac of the core, and the script with its MD5. What a server sends, the stream, is known."}, onlyA},
	{chips.Assumption{Name: "lua-folders", Source: "8910.md 1.3",
		Text: "The core makes /ldata at its start if it is missing."}, onlyA},
	{chips.Assumption{Name: "modem-image", Source: "8910.md 2.5",
		Text: "A synthetic core comes with a small made-up modem image: a file in pieces, the index, NV. The modem itself is not emulated."}, nil},
	{chips.Assumption{Name: "generation-d", Source: "8910.md 1.5, 10.9",
		Text: "The map is that of V1009; that / is an SFFS and where it ends is inferred; the libraries' date is assumed. The device side of upgrades is closed: the fota library refuses. A script package asks for the modem version 0x8910A002 of the one example."}, onlyD},
}
