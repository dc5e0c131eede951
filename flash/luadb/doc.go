// Package luadb writes and reads the script image of LuatOS, the file that
// tools call script.bin and the device mounts at /luadb/.
//
// An image is a flat row of elements, each a type byte, a length byte and a
// value, all little-endian (luadb-and-packages.md 1). It starts with a header
// block that says how many files follow; each file is a block of four elements
// (magic, name, size, check) with the file's data right behind, not aligned:
//
//	01 04 5A A5 5A A5  02 02 02 00  03 04 18 00 00 00  04 02 nn nn  FE 02 cc cc
//	01 04 5A A5 5A A5  02 n name    03 04 ss ss ss ss  FE 02 cc cc  data ...
//
// The check is called a CRC everywhere and is none: it is the 16-bit sum of the
// block's bytes from the magic up to and with FE 02. No firmware looks at it.
//
// LuaTools appends a file .airm2m_all_crc#.bin that holds the MD5 of every byte
// before it: the trailer. It is an ordinary file to the reader, but an image
// that ends exactly with it is also an update package of old firmware
// (luadb-and-packages.md 3).
//
// [Build] makes images, [Parse] reads them by the rules of the device's reader,
// which is lenient about some things and rejects the whole image for others,
// and [Explain] shows every field of a sound or damaged one. [Image.Fs] is the
// file system that scripts see.
package luadb
