package lua

// radioUp reports whether a radio has connected an adapter; known is false if
// there is no radio that decides it.
func (m *Machine) radioUp(int) (up, known bool) { return false, false }
