package host

import (
	"os"
	"runtime"
)

// spareThreads is how many goroutines more than there are processors may run.
const spareThreads = 2

// UseMoreThreads lets more goroutines run at a time than there are processors,
// unless the user has set GOMAXPROCS. The store's writer and its checkpointer
// wait for the disk in system calls, and for Go each then has a processor until
// its monitor takes it away, some milliseconds later. Meanwhile half of a
// machine with two of them would stand still.
func UseMoreThreads() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spareThreads)
	}
}
