package littlefs

// window is the block allocator: a bitmap of the blocks that follow start, of
// which those before next have been looked at. It is never stored; it is
// found again by walking the volume.
type window struct {
	start, next, size uint32
	// left is how many blocks may still be looked at before the volume counts
	// as full. Whenever everything allocated is reachable from the volume again
	// it goes back to the whole volume.
	left uint32
	used []byte // a bit a block
}

func (w *window) isUsed(i uint32) bool { return w.used[i/8]&(1<<(i%8)) != 0 }

func (w *window) step() { w.next++; w.left-- }

// checkpoint says that every block allocated so far is either reachable from
// the volume or from an open file, or no longer needed.
func (fs *FS) checkpoint() { fs.window.left = fs.blocks }

// resetWindow makes the next allocation walk the volume.
func (fs *FS) resetWindow() {
	fs.window.size, fs.window.next = 0, 0
	fs.checkpoint()
}

// alloc returns a free block.
func (fs *FS) alloc() (uint32, error) {
	w := &fs.window
	for {
		for w.next < w.size {
			if w.isUsed(w.next) {
				w.step()
				continue
			}
			block := (w.start + w.next) % fs.blocks
			// Go on to the next free block at once, so that the checkpoint opens
			// as many blocks as it can.
			for w.step(); w.next < w.size && w.isUsed(w.next); {
				w.step()
			}
			return block, nil
		}
		if w.left == 0 {
			return 0, ErrNoSpace
		}
		if err := fs.slide(); err != nil {
			return 0, err
		}
	}
}

// slide moves the window behind what was looked at and marks the used blocks
// in it.
func (fs *FS) slide() error {
	w := &fs.window
	w.start = uint32((uint64(w.start) + uint64(w.next)) % uint64(fs.blocks))
	w.next = 0
	w.size = min(8*fs.cfg.LookaheadSize, w.left)
	clear(w.used)
	err := fs.eachBlock(true, func(block uint32) error {
		if i := uint32((uint64(block) + uint64(fs.blocks) - uint64(w.start)) % uint64(fs.blocks)); i < w.size {
			w.used[i/8] |= 1 << (i % 8)
		}
		return nil
	})
	if err != nil {
		fs.resetWindow()
	}
	return err
}

// eachPair calls visit for every metadata pair, in the order of the tail list.
// A list longer than the volume is a loop.
func (fs *FS) eachPair(visit func(m *mdir) (more bool, err error)) error {
	next := rootPair
	for n := uint32(0); !next.null(); n++ {
		if n > fs.blocks {
			return fs.loop("tail list", next)
		}
		m, err := fs.fetch(next)
		if err != nil {
			return err
		}
		if more, err := visit(m); err != nil || !more {
			return err
		}
		next = m.tail
	}
	return nil
}

func (fs *FS) loop(what string, p pair) error {
	return corrupt(0, what, "an end after at most one pair a block", "a loop through pair {%d, %d}", p[0], p[1])
}

// eachBlock calls visit for every block in use, some of them more than once.
// With children it also names the pairs that directories point to, which the
// tail list does not have while a power loss is not repaired.
func (fs *FS) eachBlock(children bool, visit func(block uint32) error) error {
	both := func(p pair) error {
		if err := visit(p[0]); err != nil {
			return err
		}
		return visit(p[1])
	}
	err := fs.eachPair(func(m *mdir) (bool, error) {
		if err := both(m.pair); err != nil {
			return false, err
		}
		for _, r := range m.log {
			switch {
			case r.tag.typ() == typeCTZ:
				list, err := decodeSkipList(r.data)
				if err == nil {
					err = fs.eachSkipBlock(nil, list, visit)
				}
				if err != nil {
					return false, err
				}
			case r.tag.typ() == typeDirStruct && children:
				if err := both(decodePair(r.data)); err != nil {
					return false, err
				}
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, c := range fs.open {
		if c.file != nil {
			if err := c.file.eachBlock(visit); err != nil {
				return err
			}
		}
	}
	return nil
}
