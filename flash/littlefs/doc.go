// Package littlefs implements littlefs v2, the file system of LuatOS and of
// many other small systems, in pure Go: reading and writing, disk versions 2.0
// and 2.1, as an afero.Fs on a flash.Region.
//
// # The idea of the format
//
// All metadata is in pairs of blocks (SPEC.md of littlefs calls them metadata
// pairs). Each block of a pair is a log: a revision count, then commits, each
// ended by a CRC. A commit that the power cut short has a wrong CRC and does
// not count, so every commit is atomic. When a block is full, what is still
// live of it is written to the other block as one commit under the next
// revision: it is compacted. A pair with too much in it is split; a directory
// is a chain of pairs. All pairs of the volume hang in one list, so that used
// blocks can be found without a map. Files of up to an eighth of a block live
// in the metadata (inline); longer ones are a list of blocks linked backwards,
// a skip list, of which appending changes only the end. Nothing that is live
// is ever overwritten.
//
// What needs two commits, in two pairs, is announced in the global state: the
// XOR of small deltas in all pairs, so that it can be changed by a commit to
// any of them. A rename between two directories writes "the old entry is void"
// with the new entry; removing a directory writes "look for orphans" with the
// removal. Mount only reads; the first operation that writes repairs what the
// state says.
//
// # How the package is built
//
// Read from the top: volume.go (Format, Mount), fs.go, tree.go, file.go and
// dir.go hold what users call. Below is update.go, which brings a change to a
// pair and to those that have to learn of it; commit.go writes it, and mdir.go
// reads it back. A pair in memory is an mdir: the live records of its log, in
// the order in which they were written. It never changes; a commit makes a new
// one and hands it to all cursors that stand in the old. The same function,
// fold, applies tags when a log is read and changes when one is written.
// alloc.go finds free blocks, skiplist.go knows files of more than one block,
// repair.go what to do after a power loss.
//
// # Power
//
// After a cut at any moment, whatever became of the page or sector in hand,
// the volume mounts and every file has the contents of its last or of its
// previous Sync or Close. A new file exists, empty, from OpenFile on. A file
// opened with O_TRUNC keeps its contents until Sync or Close.
//
// flash.ErrPowerLost ends every operation at once and is passed on;
// flash.ErrOpFailed, or data that reads back wrong, makes the block a bad one,
// and littlefs takes another. Only blocks 0 and 1 cannot be replaced.
//
// The program and erase operations are those of the original (version 2.11),
// one by one and byte for byte, and so are the allocator's choices, since what
// a cut leaves behind depends on them. The tests compare images after every
// operation if they are given the original to run.
//
// # Caveats
//
// Where the package differs from the original on purpose:
//
//   - While a rename between two pairs is half done (cut between its commits),
//     the original hides not only the void old entry but also the one behind
//     it, for readers, until the first write. Here it is visible.
//   - If a rename fails for want of space, the original keeps the move in
//     memory, the next successful commit writes it, and the next write deletes
//     the file under its old name. Here a failed operation leaves nothing
//     behind.
//   - Creating a file on a full volume is ErrNoSpace; the original says "name
//     too long" (-36).
//   - Sync and Close of a file after a failed write report that failure; the
//     original returns 0. Both commit nothing.
//   - SetAttr and RemoveAttr repair the volume first, as all others do.
//   - Moving a directory into itself is refused. A skip list with more blocks
//     than the volume, loops, and pointers out of range are ErrCorrupt.
//
// What is as in the original and may surprise: a name sorts behind those it is
// the start of; a handle loses its file if that is renamed; RemoveAll and
// MkdirAll are not atomic; there are no times, owners or permissions, and the
// calls to set them are refused.
//
// # Disk version 2.0
//
// It has no forward CRC: whether the rest of a block is erased is told by one
// bit. After a program torn so that this bit is still set, the next commit goes
// over cells that are not erased. The commit is read back, found to be wrong,
// and the pair compacted, so that no contents are lost as long as programming
// twice leaves the AND of both, as flash.Device does; a real chip need not
// keep such bits. TestCuts counts these cases; the original does the same
// operations there. With 2.1 there are none.
package littlefs
