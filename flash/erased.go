package flash

// Erased reports whether p holds nothing but erased bytes, 0xFF. (The bytes
// package's Trim functions do not tell: to them every byte that is not UTF-8 is
// alike.)
func Erased(p []byte) bool { return isErased(p) }

// TrimErased returns p without the erased bytes at its end.
func TrimErased(p []byte) []byte {
	n := len(p)
	for n > 0 && p[n-1] == 0xFF {
		n--
	}
	return p[:n]
}
