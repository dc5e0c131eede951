// Package entropy counts information, in parts of a bit and with integers
// alone: what an encoder decides must not depend on how a platform rounds.
package entropy

import "math/bits"

// Bit is one bit of information.
const Bit = 256

// Log2 returns the logarithm of n to the base 2, in units of 1/Bit, rounded
// down. n must be positive.
func Log2(n int) int {
	k := bits.Len64(uint64(n)) - 1
	x := uint64(n) << 31
	if k <= 32 {
		x >>= k
	} else {
		x = uint64(n) >> (k - 31)
	}
	r := k // x is n/2^k, with 31 bits behind the point: 1 <= x < 2
	for range 8 {
		x = x * x >> 31
		r <<= 1
		if x >= 2<<31 {
			x >>= 1
			r++
		}
	}
	return r
}
