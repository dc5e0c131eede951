package lua

// openBase installs the language's own libraries: Lua 5.3 with the names of
// 5.1 and 5.2 that the firmware's build keeps (luatos-runtime.md 11.3).
func (m *Machine) openBase() {
	m.vm.OpenLibs()
	m.fill(m.lib("string"), m.stringExtensions()...)
}
