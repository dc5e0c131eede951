package lua

import (
	glua "github.com/yuin/gopher-lua"
)

// Library is a global library of a firmware, in the firmware's own order.
type Library struct {
	Name    string
	Aliases []string // other global names of the same table
	Members []Member
}

// Member is a function or constant of a library.
type Member struct {
	Name string
	Kind MemberKind
	Int  int64  // of a MemberInt
	Str  string // of a MemberStr
}

// MemberKind is what a member is.
type MemberKind uint8

const (
	MemberFunc   MemberKind = iota + 1
	MemberInt               // an integer
	MemberStr               // a string
	MemberHandle            // light userdata that scripts only hand back
	MemberOwn               // a value that the machine knows: math.pi, json.null
)

// languageLibs stay the tables that the VM made: strings find their methods in
// one of them.
var languageLibs = map[string]bool{"string": true, "table": true, "math": true, "coroutine": true, "debug": true, "utf8": true}

// fitFirmware makes the libraries exactly those of the firmware: what it lacks
// becomes nil, what only it has becomes a refusal, constants get its values.
// Without a list of libraries everything stays as it was opened.
func (m *Machine) fitFirmware() {
	if m.fw.Libraries == nil {
		return
	}
	opened := m.takeLibraries()
	for i := range m.fw.Libraries {
		lib := &m.fw.Libraries[i]
		sources := []*glua.LTable{opened[lib.Name]}
		for _, a := range lib.Aliases {
			sources = append(sources, opened[a])
		}
		t := m.fitLibrary(lib, sources)
		for _, name := range append([]string{lib.Name}, lib.Aliases...) {
			m.setGlobal(name, t)
			m.loaded().RawSetString(name, t)
		}
	}
}

// takeLibraries removes all libraries from the globals and returns them.
func (m *Machine) takeLibraries() map[string]*glua.LTable {
	g := m.vm.Globals()
	opened := map[string]*glua.LTable{}
	var names []string
	eachName(m, g, func(name string, v glua.LValue) {
		if t, ok := v.(*glua.LTable); ok && t != g && name != "package" {
			opened[name] = t
			names = append(names, name)
		}
	})
	for _, name := range names {
		g.RawSetString(name, glua.LNil)
		m.loaded().RawSetString(name, glua.LNil)
	}
	return opened
}

// fitLibrary makes the table of a library out of what was opened, which may
// be nothing.
func (m *Machine) fitLibrary(lib *Library, sources []*glua.LTable) *glua.LTable {
	t := m.l.CreateTable(0, len(lib.Members))
	for i := range lib.Members {
		member := &lib.Members[i]
		if v := m.memberValue(lib.Name, member, sources); v != glua.LNil {
			t.RawSetString(member.Name, v)
		}
	}
	if own := sources[0]; own != nil && languageLibs[lib.Name] {
		m.replaceFields(own, t)
		return own
	}
	return t
}

func (m *Machine) memberValue(lib string, member *Member, sources []*glua.LTable) glua.LValue {
	switch member.Kind {
	case MemberInt:
		return integerValue(m.wrap(member.Int))
	case MemberStr:
		return glua.LString(member.Str)
	case MemberHandle:
		return &glua.LUserData{Value: lib + "." + member.Name, Metatable: glua.LNil}
	}
	for _, s := range sources {
		if s == nil {
			continue
		}
		if v := s.RawGetString(member.Name); v != glua.LNil {
			return v
		}
	}
	if member.Kind == MemberFunc {
		return m.l.NewFunction(m.refuse(lib + "." + member.Name))
	}
	return glua.LNil
}

// replaceFields gives t the named fields of with, and no others.
func (m *Machine) replaceFields(t, with *glua.LTable) {
	var gone []string
	eachName(m, t, func(name string, _ glua.LValue) {
		if with.RawGetString(name) == glua.LNil {
			gone = append(gone, name)
		}
	})
	for _, name := range gone {
		t.RawSetString(name, glua.LNil)
	}
	eachName(m, with, func(name string, v glua.LValue) { t.RawSetString(name, v) })
}

// recordedLibs are the libraries of hardware that is not emulated but
// recorded: their calls succeed and show in the trace, and a scene may answer.
var recordedLibs = map[string]bool{
	"adc": true, "airlink": true, "ble": true, "bluetooth": true, "can": true, "cc": true, "gpio": true, "i2c": true, "ioqueue": true, "ir": true, "mobile": true, "lf": true, "netdrv": true, "onewire": true, "otp": true, "pins": true,
	"pm": true, "pwm": true, "sensor": true, "sfud": true, "sms": true, "spi": true, "uart": true, "usb": true, "w5500": true, "wdt": true, "wlan": true,
}

// Recorded reports whether a library's hardware is recorded.
func Recorded(library string) bool { return recordedLibs[library] }
