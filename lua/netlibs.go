package lua

// openNetLibs installs the libraries on top of the sockets.
func (m *Machine) openNetLibs() {
	m.openMqtt()
	m.openWebsocket()
	m.openFtp()
	m.openNetdrv()
	m.openIcmp()
	m.openHttpsrv()
	m.openErrDump()
	m.openAirlink()
	m.openErcoap()
	m.openIperf()
}
