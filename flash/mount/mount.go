// Package mount joins several file systems into one tree, as the VFS of
// LuatOS does.
package mount

import "github.com/spf13/afero"

// Usage is how full a file system is, in blocks.
type Usage struct {
	BlockSize int64 // bytes
	Blocks    int64
	Used      int64
}

// Mount is one file system in the tree.
type Mount struct {
	Path  string // prefix: "/", "/luadb/", "/ram/"
	Type  string // what io.lsmount and io.fsstat call it: "lfs", "luadb", "ram"
	Fs    afero.Fs
	Usage func() (Usage, error) // nil if the file system cannot tell
}

// Table is a list of mounts and itself an afero.Fs.
type Table struct {
	mounts []Mount
}
