package sffs

// cache holds blocks in RAM that are not written yet, in the order in which
// they will be: a block that changes again goes to the end.
type cache struct {
	dev   *device
	dirty map[int][]byte
	order []int
	// readOnly keeps everything in RAM.
	readOnly bool
}

// get returns a copy of a block.
func (c *cache) get(n int) ([]byte, error) {
	b := make([]byte, c.dev.g.payload())
	if have, ok := c.dirty[n]; ok {
		copy(b, have)
		return b, nil
	}
	return b, c.dev.read(n, b)
}

// put changes a block in RAM.
func (c *cache) put(n int, b []byte) error {
	if _, ok := c.dirty[n]; ok {
		c.drop(n)
	} else if len(c.order) >= cacheBlocks && !c.readOnly {
		if err := c.flush(); err != nil {
			return err
		}
	}
	c.dirty[n] = b
	c.order = append(c.order, n)
	return nil
}

// putNow writes a block at once.
func (c *cache) putNow(n int, b []byte) error {
	c.drop(n)
	return c.dev.write(n, b)
}

func (c *cache) drop(n int) {
	if _, ok := c.dirty[n]; !ok {
		return
	}
	delete(c.dirty, n)
	for i, m := range c.order {
		if m == n {
			c.order = append(c.order[:i], c.order[i+1:]...)
			return
		}
	}
}

// flush writes what is in RAM.
func (c *cache) flush() error {
	for len(c.order) > 0 && !c.readOnly {
		n := c.order[0]
		if err := c.dev.write(n, c.dirty[n]); err != nil {
			return err
		}
		delete(c.dirty, n)
		c.order = c.order[1:]
	}
	return nil
}
