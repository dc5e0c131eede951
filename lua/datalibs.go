package lua

// dataLibs is what the libraries that work on data alone keep.
type dataLibs struct {
	gnss *gnss
}

// openDataLibs installs the libraries that work on data alone.
func (m *Machine) openDataLibs() {
	m.openGmssl()
	m.openRsa()
	m.openXxtea()
	m.openIotauth()
	m.openLibgnss()
}
