package lua

import (
	"errors"
	"io"
	"os"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"airlift/flash/mount"
	"airlift/lua/lua53"
)

// The library fskv: values under names, one file each on a file system of its
// own, which no upgrade touches (luatos-runtime.md 9.8, xt804.md 1.7).
//
// A file is a type byte, which is Lua's number of the type or 21 for an
// integer, and the value: a byte, the VM's integer in little endian, a float
// of four bytes in big endian, a string, or a table as JSON. All together are
// at most 4096 bytes. A file of fewer than two bytes reads as nil, so an empty
// string does.
//
// Assumed: before init every function logs and returns nothing; del of what is
// not there is false; clear removes one file after the other; get with a
// second key returns values that are no tables whole; an iterator shows the
// names that there were when it was made.

// Type bytes. All but the integer's are Lua's own.
const (
	kvBool    = 1
	kvFloat   = 3
	kvString  = 4
	kvTable   = 5
	kvInteger = 21
)

const kvMax = 4096 // bytes of a file

// openFskv installs fskv.* if the firmware has it.
func (m *Machine) openFskv() {
	if m.board.KV() == nil {
		return
	}
	ready := func(f glua.LGFunction) glua.LGFunction {
		return func(l *glua.LState) int {
			if m.kv == nil {
				m.logf(levelError, "fskv", "call fskv.init() first!!!")
				return 0
			}
			return f(l)
		}
	}
	set, get, del, clr := ready(m.fskvSet), ready(m.fskvGet), ready(m.fskvDel), ready(m.fskvClear)
	iter, next, stat := ready(m.fskvIter), ready(m.fskvNext), ready(m.fskvStatus)
	m.lib("fskv",
		fn("init", m.fskvInit), fn("set", set), fn("sett", ready(m.fskvSett)), fn("get", get), fn("del", del),
		fn("clear", clr), fn("clr", clr), fn("iter", iter), fn("next", next), fn("status", stat), fn("stat", stat),
		// The names that FlashDB had.
		fn("kvdb_init", m.fskvInit), fn("kv_set", set), fn("kv_get", get), fn("kv_del", del), fn("kv_clr", clr),
		fn("kv_iter", iter), fn("kv_next", next), fn("kv_stat", stat),
	)
}

func (m *Machine) fskvInit(l *glua.LState) int {
	if m.kv != nil {
		return pushBool(l, true)
	}
	kv, err := m.board.KV()()
	m.checkPower()
	if err == nil {
		m.kv = kv
	}
	return pushBool(l, err == nil)
}

// kvFile is the file of a key, as C sees the key: up to a zero byte. Keys that
// cannot be a file's name have none.
func kvFile(key string) (name string, ok bool) {
	key, _, _ = strings.Cut(key, "\x00")
	return "/" + key, key != "" && key != "." && key != ".." && !strings.Contains(key, "/")
}

// kvRead returns a key's bytes; nil if there are none.
func (m *Machine) kvRead(key string) []byte {
	name, ok := kvFile(key)
	if !ok {
		return nil
	}
	f, err := m.kv.Fs.Open(name)
	m.checkPower()
	if err != nil {
		return nil
	}
	defer f.Close()
	p, err := io.ReadAll(io.LimitReader(f, kvMax))
	m.checkPower()
	if err != nil {
		return nil
	}
	return p
}

// kvWrite stores a key's bytes.
func (m *Machine) kvWrite(key string, p []byte) bool {
	name, ok := kvFile(key)
	if !ok || len(p) > kvMax {
		return false
	}
	f, err := m.kv.Fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	m.checkPower()
	if err != nil {
		return false
	}
	_, err = f.Write(p)
	m.checkPower()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	m.checkPower()
	return err == nil
}

// kvEncode is the stored form of a value; false if there is none.
func (m *Machine) kvEncode(l *glua.LState, v glua.LValue) ([]byte, bool) {
	switch v := v.(type) {
	case glua.LBool:
		if v {
			return []byte{kvBool, 1}, true
		}
		return []byte{kvBool, 0}, true
	case glua.LNumber, lua53.Int, lua53.Float:
		if n, ok := anInteger(v); ok {
			return append([]byte{kvInteger}, intBytes(n, m.fw.Bits/8, false)...), true
		}
		f, _ := m.vm.ToNumber(v)
		return append([]byte{kvFloat}, floatBytes(f, 4, true)...), true
	case glua.LString:
		return append([]byte{kvString}, v...), len(v) < kvMax
	case *glua.LTable:
		text, ok := m.call1(l, m.vm.NewNative("encode", m.jsonEncode), v).(glua.LString)
		return append([]byte{kvTable}, text...), ok && len(text) < kvMax
	}
	return nil, false
}

// kvDecode pushes a stored value.
func (m *Machine) kvDecode(l *glua.LState, p []byte) {
	if len(p) < 2 {
		l.Push(glua.LNil)
		return
	}
	kind, data := p[0], p[1:]
	switch {
	case kind == kvBool:
		pushBool(l, data[0] != 0)
	case kind == kvInteger:
		m.pushWrapped(l, bytesInt(data[:min(len(data), 8)], false, true))
	case kind == kvFloat && len(data) >= 4:
		m.pushFloat(l, bytesFloat(data[:4], true))
	case kind == kvString:
		pushStr(l, string(data))
	case kind == kvTable:
		l.Push(m.call1(l, m.vm.NewNative("decode", m.jsonDecode), glua.LString(data)))
	default:
		l.Push(glua.LNil)
	}
}

func (m *Machine) fskvSet(l *glua.LState) int {
	key := m.str(l, 1)
	p, ok := m.kvEncode(l, l.Get(2))
	return pushBool(l, ok && m.kvWrite(key, p))
}

func (m *Machine) fskvGet(l *glua.LState) int {
	key := m.str(l, 1)
	m.kvDecode(l, m.kvRead(key))
	if t, ok := l.Get(-1).(*glua.LTable); ok && l.GetTop() > 2 && l.Get(2) != glua.LNil {
		l.Push(t.RawGetString(m.str(l, 2)))
	}
	return 1
}

// fskvSett is sett(key, name, value): one field of the table under a key. What
// is no table is replaced by one; nil removes the field.
func (m *Machine) fskvSett(l *glua.LState) int {
	key, field, v := m.str(l, 1), m.str(l, 2), l.Get(3)
	switch v.(type) {
	case *glua.LNilType, glua.LBool, glua.LNumber, lua53.Int, lua53.Float, glua.LString, *glua.LTable:
	default:
		return pushBool(l, false)
	}
	if field == "" {
		return pushBool(l, false)
	}
	m.kvDecode(l, m.kvRead(key))
	t, ok := l.Get(-1).(*glua.LTable)
	if !ok {
		t = l.NewTable()
	}
	t.RawSetString(field, v)
	p, ok := m.kvEncode(l, t)
	return pushBool(l, ok && m.kvWrite(key, p))
}

func (m *Machine) fskvDel(l *glua.LState) int {
	name, ok := kvFile(m.str(l, 1))
	if ok {
		ok = m.kv.Fs.Remove(name) == nil
		m.checkPower()
	}
	return pushBool(l, ok)
}

// kvKeys lists all keys in the order of the file system.
func (m *Machine) kvKeys() ([]string, error) {
	dir, err := m.kv.Fs.Open("/")
	m.checkPower()
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	m.checkPower()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

func (m *Machine) fskvClear(l *glua.LState) int {
	keys, err := m.kvKeys()
	for _, k := range keys {
		if e := m.kv.Fs.Remove("/" + k); e != nil {
			err = e
		}
		m.checkPower()
	}
	return pushBool(l, err == nil)
}

// kvIter is what fskv.iter returns: the keys that next has not shown yet.
type kvIter struct{ keys []string }

func (m *Machine) fskvIter(l *glua.LState) int {
	keys, err := m.kvKeys()
	if err != nil {
		l.Push(glua.LNil)
		return 1
	}
	m.charge(len(keys))
	ud := l.NewUserData()
	ud.Value = &kvIter{keys}
	l.Push(ud)
	return 1
}

func (m *Machine) fskvNext(l *glua.LState) int {
	ud, ok := l.Get(1).(*glua.LUserData)
	if ok {
		if it, ok := ud.Value.(*kvIter); ok {
			if len(it.keys) == 0 {
				l.Push(glua.LNil)
				return 1
			}
			key := it.keys[0]
			it.keys = it.keys[1:]
			return pushStr(l, key)
		}
	}
	m.typeError(l, 1, "iterator")
	return 0
}

// fskvStatus returns bytes used, bytes in total, and the number of keys.
func (m *Machine) fskvStatus(l *glua.LState) int {
	keys, err := m.kvKeys()
	var u mount.Usage
	if err == nil && m.kv.Usage != nil {
		u, err = m.kv.Usage()
		m.checkPower()
	}
	if err != nil {
		return 0
	}
	l.Push(glua.LNumber(u.Used * u.BlockSize))
	l.Push(glua.LNumber(u.Blocks * u.BlockSize))
	l.Push(glua.LNumber(len(keys)))
	return 3
}
