// Package xt804 emulates the XT804 chips on Air101, Air103, Air601, Air690 and
// Air6208: their flash maps, their files, their boot code and what the LuatOS
// firmware on them does about updates.
//
// # Two ways to store an update
//
// A module of this family updates itself in one of two ways, and which one
// depends on how its firmware was built, not on the module. With file-system
// OTA the package is a bare script image that is saved as /update.bin; the
// core checks its MD5 at the next start and copies it over the script
// partition. With the FOTA area the package is a gzip stream between two
// XT804 image headers; the core stores it at 0x08010000 and sets a flag in the
// last flash sector, and the boot code, secboot, unpacks it over the running
// core. Firmware as released has had one or the other, so the generation of
// the firmware (see [Generation]) decides which packages a module can take.
//
// # Images
//
// Everything that is flashed or sent, except /update.bin, is a row of images: a
// 64-byte [Header] and a body. The header says where the body goes, where
// itself goes, and carries a CRC over either. Boot code follows headers from
// one to the next to find the app, and looks at 0x08010000 for an update.
// .fls files, .fota and .sota packages and script.img are such rows, nested in
// each other at most once.
//
// # Where to look
//
// layout.go and computed.go hold the flash maps, csv.go and conf.go read a
// user's own; header.go and image.go the images; pack.go makes what LuaTools
// makes and refuses what a module would choke on; inspect.go explains files.
// core.go makes cores that are no programs but have a size, a descriptor and
// believable bytes. models.go lists what people can buy, profile.go what is
// known and what is assumed about their firmware.
//
// # Caveats
//
// The core is modelled, not executed. OTP signatures and code encryption are
// off, as there is no evidence that any module ships with them. Secboot is
// version 1.1, which firmware carries since V0016; older firmware is not
// emulated.
package xt804
