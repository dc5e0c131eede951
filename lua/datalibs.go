package lua

import "airlift/lua/protobuf"

// dataLibs is what the libraries that work on data alone keep.
type dataLibs struct {
	gnss *gnss
	pb   *protobuf.Schema
	// pbBytes is how much was loaded into pb.
	pbBytes int64
}

// openDataLibs installs the libraries that work on data alone.
func (m *Machine) openDataLibs() {
	m.openGmssl()
	m.openRsa()
	m.openXxtea()
	m.openIotauth()
	m.openLibgnss()
	m.openProtobuf()
	m.openFft()
	m.openYmodem()
}
