package lua

import (
	"crypto/md5"
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"

	"airlift/lua/lua53"
)

//go:embed scripts/luatask/*.lua
var taskScripts embed.FS

// taskBuiltinFs are our own libraries for LuaTask.
var taskBuiltinFs = sync.OnceValue(func() afero.Fs {
	fs, err := embedded(taskScripts, "scripts/luatask")
	if err != nil {
		panic(err)
	}
	return afero.NewReadOnlyFs(fs)
})

// TaskLibs are our own libraries for LuaTask: files at its root, "sys.lua".
// Machines have them behind those of the script image; on a module they are
// part of it.
func TaskLibs() afero.Fs { return taskBuiltinFs() }

// bytecode begins the output of luac. The core wants that of 5.1, which is not
// emulated, and takes no other.
const bytecode = "\x1bLua"

// taskLoad makes a function of a file. Chunks are named by their whole path.
func (m *Machine) taskLoad(file string) (*glua.LFunction, error) {
	src, _, err := m.files.readAll(file, sourceMax)
	m.checkPower()
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", file, err)
	}
	if strings.HasPrefix(src, bytecode) {
		return nil, fmt.Errorf("%s is bytecode, which is not emulated on this core: use its source", file)
	}
	return m.compile("@"+file, src)
}

// openTaskPackage installs require, module, package, dofile and loadfile as
// Lua 5.1 has them.
func (m *Machine) openTaskPackage() {
	m.task.loading = &glua.LUserData{Metatable: glua.LNil}
	p := m.lib("package", native("seeall", m.taskSeeall))
	p.RawSetString("loaded", m.loaded())
	p.RawSetString("preload", m.l.NewTable())
	p.RawSetString("path", glua.LString("/lua/?.lua;/lua/?.luac"))
	p.RawSetString("cpath", glua.LString(""))
	m.fill(m.vm.Globals(),
		native("require", m.taskRequire), native("module", m.taskModule),
		native("loadfile", func(a lua53.Args) int {
			f, err := m.taskLoad(a.Str(0))
			if err != nil {
				a.PushNil()
				a.PushString(err.Error())
				return 2
			}
			a.Push(f)
			return 1
		}),
		native("dofile", func(a lua53.Args) int {
			f, err := m.taskLoad(a.Str(0))
			if err != nil {
				m.vm.Throw(glua.LString(err.Error()))
			}
			out := a.Call(f)
			for _, v := range out {
				a.Push(v)
			}
			return len(out)
		}),
	)
}

func (m *Machine) taskRequire(a lua53.Args) int {
	name := a.Str(0)
	loaded := m.loaded()
	if v := loaded.RawGetString(name); glua.LVAsBool(v) {
		if v == glua.LValue(m.task.loading) {
			m.raise("loop or previous error loading module '%s'", name)
		}
		a.Push(v)
		return 1
	}
	f := m.taskFindLoader(name)
	loaded.RawSetString(name, m.task.loading)
	v := m.call1(m.l, f, glua.LString(name))
	if v != glua.LNil {
		loaded.RawSetString(name, v)
	} else if loaded.RawGetString(name) == glua.LValue(m.task.loading) {
		loaded.RawSetString(name, glua.LTrue)
	}
	a.Push(loaded.RawGetString(name))
	return 1
}

// taskFindLoader is what package.preload has for a module, or its file.
func (m *Machine) taskFindLoader(name string) glua.LValue {
	p, ok := m.loaded().RawGetString("package").(*glua.LTable)
	if !ok {
		m.raise("package.loaded.package must be a table")
	}
	if pre, ok := p.RawGetString("preload").(*glua.LTable); ok {
		if f := pre.RawGetString(name); f != glua.LNil {
			return f
		}
	}
	path, ok := m.text(p.RawGetString("path"))
	if !ok {
		m.raise("'package.path' must be a string")
	}
	msg := "\n\tno field package.preload['" + name + "']"
	const pathsMax = 20
	for _, pattern := range strings.SplitN(path, ";", pathsMax) {
		file := strings.ReplaceAll(pattern, "?", strings.ReplaceAll(name, ".", "/"))
		if !m.files.exists(file) {
			m.checkPower()
			msg += "\n\tno file '" + file + "'"
			continue
		}
		f, err := m.taskLoad(file)
		if err != nil {
			m.raise("error loading module '%s' from file '%s':\n\t%s", name, file, err.Error())
		}
		return f
	}
	if m.opts.Libs == nil {
		msg += "\n\t(the image has not the libraries of the Luat core, and no folder with them was given)"
	}
	m.raise("module '%s' not found:%s", name, msg)
	return nil
}

// taskModule is module: the caller's globals become a table of their own.
func (m *Machine) taskModule(a lua53.Args) int {
	name := a.Str(0)
	loaded := m.loaded()
	t, ok := loaded.RawGetString(name).(*glua.LTable)
	if !ok {
		t = m.taskModuleTable(name)
		loaded.RawSetString(name, t)
	}
	if t.RawGetString("_NAME") == glua.LNil {
		at := strings.LastIndexByte(name, '.') + 1
		t.RawSetString("_M", t)
		t.RawSetString("_NAME", glua.LString(name))
		t.RawSetString("_PACKAGE", glua.LString(name[:at]))
	}
	if !a.SetCallerEnv(t) {
		m.raise("'module' not called from a Lua function")
	}
	for i := 1; i < a.N(); i++ {
		a.Call(a.Get(i), t)
	}
	return 0
}

// taskModuleTable finds or makes the table of a dotted name among the globals.
func (m *Machine) taskModuleTable(name string) *glua.LTable {
	t := m.vm.Globals()
	for _, part := range strings.Split(name, ".") {
		switch v := t.RawGetString(part).(type) {
		case *glua.LTable:
			t = v
		case *glua.LNilType:
			next := m.l.NewTable()
			t.RawSetString(part, next)
			t = next
		default:
			m.raise("name conflict for module '%s'", name)
		}
	}
	return t
}

func (m *Machine) taskSeeall(a lua53.Args) int {
	t := a.LTable(0)
	mt, ok := t.Metatable.(*glua.LTable)
	if !ok {
		mt = m.l.NewTable()
		t.Metatable = mt
	}
	mt.RawSetString("__index", m.vm.Globals())
	return 0
}

// openTaskJSON installs json.*; decode raises errors, as cjson does.
func (m *Machine) openTaskJSON() {
	m.openJson()
	t := m.lib("json")
	decode := t.RawGetString("decode")
	encode := t.RawGetString("encode")
	raising := func(f glua.LValue) lua53.Native {
		return func(a lua53.Args) int {
			out := a.Call(f, a.Get(0))
			if len(out) > 1 && out[0] == glua.LNil {
				m.raise("%s", m.vm.ToString(out[len(out)-1]))
			}
			if len(out) == 0 {
				return 0
			}
			a.Push(out[0])
			return 1
		}
	}
	m.fill(t, native("decode", raising(decode)), native("encode", raising(encode)))
}

// openTaskCrypto installs crypto.*: text comes with its length, which is not
// looked at, keys behind it.
func (m *Machine) openTaskCrypto() {
	m.openCrypto()
	have := m.lib("crypto")
	m.setGlobal("crypto", glua.LNil)
	t := m.lib("crypto")
	for _, name := range []string{"md5", "sha1", "sha256"} {
		sum := have.RawGetString(name)
		file := have.RawGetString("md_file")
		m.fill(t, native(name, func(a lua53.Args) int {
			if s, ok := a.Get(1).(glua.LString); ok && s == "file" {
				a.Push(first(a.Call(file, glua.LString(strings.ToUpper(name)), a.Get(0))))
				return 1
			}
			a.Push(first(a.Call(sum, a.Get(0))))
			return 1
		}))
		hmac := have.RawGetString("hmac_" + name)
		m.fill(t, native("hmac_"+name, func(a lua53.Args) int {
			a.Push(first(a.Call(hmac, a.Get(0), a.Get(2))))
			return 1
		}))
	}
	one := func(name string) {
		f := have.RawGetString(name)
		m.fill(t, native(name, func(a lua53.Args) int {
			a.Push(first(a.Call(f, a.Get(0))))
			return 1
		}))
	}
	one("crc32")
	one("crc16_modbus")
	one("base64_encode")
	one("base64_decode")
	t.RawSetString("crc16", have.RawGetString("crc16"))
	m.fill(t, fn("flow_md5", m.taskFlowMD5))
	m.fill(t, fn("aes_encrypt", func(l *glua.LState) int { return m.taskAES(l, true) }),
		fn("aes_decrypt", func(l *glua.LState) int { return m.taskAES(l, false) }))
	m.fill(t, m.refused("crypto", "xxtea_encrypt", "xxtea_decrypt", "des_encrypt", "des_decrypt", "des3_encrypt", "des3_decrypt",
		"rsa_encrypt", "rsa_decrypt", "rsa_sha256_sign", "rsa_sha256_verify", "sm3start")...)
}

// taskFlowMD5 is an object with update(data) and hexdigest().
func (m *Machine) taskFlowMD5(l *glua.LState) int {
	sum := md5.New()
	t := l.NewTable()
	m.fill(t,
		fn("update", func(l *glua.LState) int {
			s := m.str(l, 2)
			m.charge(len(s) / 16)
			sum.Write([]byte(s))
			return 0
		}),
		fn("hexdigest", func(l *glua.LState) int { return pushStr(l, upperHexSum(sum)) }),
	)
	l.Push(t)
	return 1
}

func first(values []glua.LValue) glua.LValue {
	if len(values) == 0 {
		return glua.LNil
	}
	return values[0]
}

// taskAES is aes_encrypt(mode, padding, data, key, iv).
func (m *Machine) taskAES(l *glua.LState, encrypt bool) int {
	mode, padding := strings.ToUpper(m.str(l, 1)), strings.ToUpper(m.str(l, 2))
	data, key, iv := []byte(m.str(l, 3)), []byte(m.str(l, 4)), []byte(m.optStr(l, 5, ""))
	m.allocate(int64(len(data)) + 16)
	m.charge(len(data) / 8)
	block, mode := m.openCipher(l, fmt.Sprintf("AES-%d-%s", 8*len(key), mode), key)
	if block == nil {
		m.raise("crypto: AES with a key of %d bytes in this mode is not emulated", len(key))
	}
	out, ok := runCipher(block, mode, padding, data, iv, encrypt)
	if !ok {
		l.Push(glua.LNil)
		return 1
	}
	return pushStr(l, string(out))
}

// taskRefused are libraries of devices that are not emulated, with their
// functions.
var taskRefused = []struct{ lib, names string }{
	{"audiocore", "play stop pause resume getchannel streamplay playdata record stoprecord deleterecord streamrecord openTTS ttsplay rtmpopen rtmpclose"},
	{"disp", "new init clear puttext putimage update close sleep setcolor setbkcolor setfont drawrect putqrcode preload camerainit camerapreview"},
	{"i2c", "setup write read send recv close"},
	{"spi", "setup setup_1 send recv send_recv close"},
	{"adc", "open read close"},
	{"pwm", "open set close"},
	{"wifi", "getinfo"},
	{"qrencode", "encode"},
	{"rtmp", "open close"},
	{"btcore", "open close"},
}

// openTaskRefused installs them. What only sets up sound is recorded.
func (m *Machine) openTaskRefused() {
	audio := m.lib("audiocore")
	for _, name := range []string{"setchannel", "setvol", "setsphvol", "setmicvol", "setpa", "pa", "headsetinit"} {
		m.fill(audio, fn(name, func(l *glua.LState) int { m.hardware(l, "audiocore", name); return pushInt(l, 1) }))
	}
	constants(audio, "LOUDSPEAKER", 2, "PCM", 0, "AMR", 1, "SPX", 2, "PLAY_VOLTE", 1, "CLASS_AB", 0, "CLASS_D", 1)
	for _, r := range taskRefused {
		m.fill(m.lib(r.lib), m.refused(r.lib, strings.Fields(r.names)...)...)
	}
}
