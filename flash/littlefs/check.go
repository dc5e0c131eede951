package littlefs

// Check is a stub.
func (fs *FS) Check() []error { return nil }
