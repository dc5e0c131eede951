package ec

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

// Cores are core images that a user registered, by their SHA-256. The payload
// of the vendor's EC7xx deltas is not known (ec618.md 2.6): what they lead to
// is looked up here.
type Cores struct {
	mu     sync.Mutex
	images map[[32]byte][]byte
}

// Add registers an image.
func (c *Cores) Add(image []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.images == nil {
		c.images = map[[32]byte][]byte{}
	}
	c.images[sha256.Sum256(image)] = image
}

func (c *Cores) find(sum *[32]byte) []byte {
	if c == nil || sum == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.images[*sum]
}

// MissingCoreError reports a vendor's EC7xx delta whose new image nobody
// registered: what the module would become cannot be known.
type MissingCoreError struct {
	Image string    // "AP"
	Hash  *[32]byte // of the new image, or nil
}

// NotKnown reports that nobody knows what a module does then.
func (e *MissingCoreError) NotKnown() bool { return true }

func (e *MissingCoreError) Error() string {
	sum := "unknown SHA-256"
	if e.Hash != nil {
		sum = fmt.Sprintf("SHA-256 %x", *e.Hash)
	}
	return fmt.Sprintf("the delta leads to an %s image of %s, and how such a delta is applied is known to the vendor only: give the new core as well (--core NEW.soc)", e.Image, sum)
}
