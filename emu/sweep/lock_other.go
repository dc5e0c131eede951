//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package sweep

import "os"

func busy(*os.File) bool { return false }
