package iot

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

const keyLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// projectKey draws the n-th key of a seed: 32 letters and digits, every one
// equally likely.
func projectKey(seed uint64, n int64) string {
	key := make([]byte, 0, 32)
	for block := uint64(0); ; block++ {
		var in [24]byte
		binary.BigEndian.PutUint64(in[0:], seed)
		binary.BigEndian.PutUint64(in[8:], uint64(n))
		binary.BigEndian.PutUint64(in[16:], block)
		for _, c := range sha256.Sum256(in[:]) {
			if int(c) >= 4*len(keyLetters) {
				continue
			}
			if key = append(key, keyLetters[int(c)%len(keyLetters)]); len(key) == 32 {
				return string(key)
			}
		}
	}
}

// CheckKey refuses project keys that are not 1 to 64 letters and digits.
// Platform keys have 32; demos use 123.
func CheckKey(key string) error {
	if key == "" || len(key) > 64 || strings.Trim(key, keyLetters) != "" {
		return fmt.Errorf("project key %s is not 1 to 64 letters and digits", quote(key))
	}
	return nil
}
