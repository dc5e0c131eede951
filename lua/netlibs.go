package lua

// openNetLibs installs the libraries on top of the sockets.
func (m *Machine) openNetLibs() {
	m.openMqtt()
	m.openWebsocket()
	m.openFtp()
}
