// Package firmware knows which libraries each firmware has: their functions
// and constants, as data.
//
// The data are text files, embedded, one statement a line; # starts a comment.
//
// data/models.txt says which firmware a profile of a model runs:
//
//	Air780EPM 101 air780epm
//
// data/fw/NAME.txt is a firmware:
//
//	date 2026-07-07              of the LuatOS core: decides which members there are
//	assumed TEXT                 what the sources do not settle; at most once
//	lib gpio uart ...            its libraries
//	alias fs io                  fs is another name of io
//	without gpio.count ...       members that its build leaves out
//	with gpio.WAKEUP7 ...        members that only it has
//	value socket.ETH0 15         a constant with another value
//
// data/lib/NAME.txt is a library. Its lines are in the order of the firmware's
// own table, which is what pairs() shows:
//
//	func setup
//	int LOW 0
//	str SYMBOL_OK "\xef\x80\x8c"   with \x escapes
//	handle font_opposansm12        light userdata that scripts hand back
//	own pi                         a value that the language or port knows
//	func count since 2024-05-08 until 2025-01-01
//	int WAKEUP7 71 special         only where the firmware says with
//
// Since is the first day on which the core had a member, until the day on
// which it lost it; members without since are older than any firmware here.
//
// Facts are those of the public sources: the lists of libraries that each port
// opens (soc-air101 at V1022, V1025 and V2001, soc-2022 at V1114, soc-2024 at
// V2005), the table of each library in LuatOS at the firmware's date, and its
// history. Where a port is closed, assumed says what stands in.
package firmware
