package lua

// openDataLibs installs the libraries that work on data alone.
func (m *Machine) openDataLibs() {
	m.openGmssl()
	m.openRsa()
	m.openXxtea()
	m.openIotauth()
}
