package sweep

import (
	"os"
	"runtime/debug"
)

// CollectSeldom tells the garbage collector that a process does little but
// sweep: cases make much garbage, and little of it lives. Whoever sets GOGC or
// GOMEMLIMIT knows better.
func CollectSeldom() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(memoryBytes)
	}
}

const (
	gcPercent   = 800
	memoryBytes = 512 << 20 // from there on it collects more often
)
