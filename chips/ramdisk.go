package chips

import (
	"github.com/spf13/afero"

	"airlift/flash/mount"
)

// RAMDisk returns what a core of this date ("2026-07-01") mounts at /ram/:
// newer ones have folders there. Since when is not known; 2026 is assumed.
func RAMDisk(coreDate string) afero.Fs {
	if coreDate >= "2026-01-01" {
		return mount.RAMWithFolders()
	}
	return mount.RAM()
}
