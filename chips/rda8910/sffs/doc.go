// Package sffs is the file system of the 8910, for /, /modem and /factory, with
// the flash block device below it.
//
// The block device ("FBD2") keeps numbered logical blocks. Each write of one
// goes to a fresh place with the next sequence number and a CRC, and then the
// old place is struck out: whatever happens to the power, a block has its old
// or its new content, never a mix (8910.md 1.7). SFFS keeps files and folders
// in such blocks: one for the head of each, which also holds the content of
// tiny files or the numbers of the blocks of larger ones (8910.md 1.8).
//
// A normal write is not safe: a cut in the middle of it leaves a file that is
// neither the old nor the new one. [FS.WriteSafe] replaces a whole file so that
// it is; that is how the stage of an upgrade is written. Renaming is safe too,
// by notes in the head of the file.
//
// # Where the layout is from
//
// What 8910.md leaves open was read out of the modem image of a real .pac
// (where the children of a folder and the blocks of a file are listed, what a
// tiny file is) and out of the vendor's objects that the reference names (what
// a table block is, which order things are written in, what a mount repairs).
// This package mounts that image and finds every file in it, and an upgrade from
// one real firmware to the next ends with the next one's files: see
// TestRealUpgrade of package rda8910. Whether a real module reads what this
// package writes was not tried.
//
// Left open: how many blocks the device keeps in RAM until it writes them (8
// here) and which of them it drops first, what a time stamp counts (0 here, and
// not shown), how the chip's driver erases 32 KiB (sector by sector here). Small
// differences in the order of operations follow from the first.
package sffs
