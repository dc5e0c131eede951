// Package gm has the Chinese commercial algorithms of the library gmssl: the
// hash SM3 (GB/T 32905), the block cipher SM4 (GB/T 32907) and the public-key
// algorithms SM2 (GB/T 32918).
package gm
