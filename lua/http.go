package lua

import (
	"encoding/binary"
	"strings"

	glua "github.com/yuin/gopher-lua"
)

// methods are the ones that http.request takes (luatos-runtime.md 5.1).
var httpMethods = map[string]bool{"GET": true, "POST": true, "PUT": true, "DELETE": true, "PATCH": true}

func (m *Machine) openHTTP() {
	if m.board.Net() == nil {
		return
	}
	m.lib("http", fn("request", m.httpRequest))
}

// cwait makes an awaitable: an object from the script's own sys_cw, and the
// function that completes it (luatos-runtime.md 2.5).
func (m *Machine) cwait(l *glua.LState) (object glua.LValue, complete func(l *glua.LState, results ...glua.LValue)) {
	m.cwaits++
	var topic [9]byte
	topic[0] = 1
	binary.LittleEndian.PutUint64(topic[1:], m.cwaits)
	name := glua.LString(topic[:])
	object = m.call1(l, l.G.Global.RawGetString("sys_cw"), name)
	return object, func(l *glua.LState, results ...glua.LValue) {
		m.call(l, l.G.Global.RawGetString("sys_pub"), 0, append([]glua.LValue{name}, results...)...)
	}
}

// immediate is an awaitable that is complete already.
func (m *Machine) immediate(l *glua.LState, results ...glua.LValue) int {
	l.Push(m.call1(l, l.G.Global.RawGetString("sys_cw"), append([]glua.LValue{glua.LNil}, results...)...))
	return 1
}

func (m *Machine) httpRequest(l *glua.LState) int {
	req, ok := m.httpArguments(l)
	if !ok {
		return m.immediate(l, glua.LNumber(httpConnect))
	}
	object, complete := m.cwait(l)
	release := m.hold(l.Get(5))
	req.done = func(code int, head *responseHead, body httpBody) {
		release()
		m.post(func(l *glua.LState) int {
			if code >= 100 && req.receive != nil && !body.isNumber {
				code, body = m.httpReceive(req.receive, code, body)
			}
			complete(l, httpResults(l, code, head, body)...)
			return 0
		})
	}
	m.startHTTP(req)
	l.Push(object)
	return 1
}

// httpReceive puts a body into the script's buffer, behind what is used
// (where, is an assumption): the result is the number of bytes, or -7 without
// memory (luatos-runtime.md 5.3, 5.6).
func (m *Machine) httpReceive(b *zbuff, code int, body httpBody) (int, httpBody) {
	if body.text != "" && !m.put(b, int64(b.used), []byte(body.text)) {
		return httpDownload, httpBody{}
	}
	return code, httpBody{count: int64(len(body.text)), isNumber: true}
}

// httpResults are what wait() returns: an error code alone, or three values.
func httpResults(l *glua.LState, code int, head *responseHead, body httpBody) []glua.LValue {
	if code < 0 && code != httpFota {
		return []glua.LValue{glua.LNumber(code)}
	}
	headers := l.NewTable()
	if head != nil {
		for _, h := range head.Headers {
			headers.RawSetString(h.name, glua.LString(h.value))
		}
	}
	var third glua.LValue = glua.LString(body.text)
	if body.isNumber {
		third = glua.LNumber(body.count)
	}
	return []glua.LValue{glua.LNumber(code), headers, third}
}

// httpArguments reads the nine arguments of http.request; false means that the
// request fails at once with -4 (luatos-runtime.md 5.1, 5.2).
func (m *Machine) httpArguments(l *glua.LState) (*httpRequest, bool) {
	req := &httpRequest{method: m.optStr(l, 1, "GET"), url: m.str(l, 2), adapter: m.defaultAdapter()}
	if t, ok := l.Get(3).(*glua.LTable); ok {
		m.eachPair(t, func(k, v glua.LValue) {
			req.headers = append(req.headers, header{m.vm.ToString(k), m.vm.ToString(v)})
		})
	}
	if s, ok := m.text(l.Get(4)); ok {
		req.body = s
	} else if b := asZbuff(l.Get(4)); b != nil {
		// With other methods a zbuff is where the answer goes.
		if req.method == "POST" || req.method == "PUT" {
			req.body = string(b.filled())
		} else {
			req.receive = b
		}
	}
	if t, ok := l.Get(5).(*glua.LTable); ok && !m.httpOptions(l, t, req) {
		return nil, false
	}
	if m.net.adapters[req.adapter] == nil {
		m.logf(levelError, "http", "netc create fail")
		return nil, false
	}
	cert := func(n int) string { s, _ := m.text(l.Get(n)); return s }
	req.tls = &TLS{CACert: cert(6), ClientCert: cert(7), ClientKey: cert(8), ClientPass: cert(9)}
	if len(req.method) > 11 || !httpMethods[req.method] {
		m.logf(levelError, "http", "NOT SUPPORT %s", req.method)
		return nil, false
	}
	for _, s := range append([]header{{req.method, req.url}}, req.headers...) {
		if strings.ContainsRune(s.name+s.value, 0) {
			return nil, false
		}
	}
	return req, req.parseURL()
}

func (m *Machine) httpOptions(l *glua.LState, t *glua.LTable, req *httpRequest) bool {
	if n, ok := m.number(t.RawGetString("adapter")); ok {
		if n < 0 || int(n) >= adapterCount {
			m.logf(levelError, "http", "bad network adapter index %d", int(n))
			return false
		}
		req.adapter = int(n)
	}
	if n, ok := m.number(t.RawGetString("timeout")); ok && n >= 1000 {
		req.timeout = milliseconds(int64(n))
	}
	if s, ok := t.RawGetString("dst").(glua.LString); ok {
		req.dst = string(s)
	}
	req.debug = t.RawGetString("debug") == glua.LTrue
	if m.fw.FotaRefusal != "" && glua.LVAsBool(t.RawGetString("fota")) {
		m.raiseFota("http.request with fota")
	}
	if m.board.Fota() != nil && m.fw.Fota {
		switch v := t.RawGetString("fota").(type) {
		case glua.LBool:
			req.fota = bool(v)
		case *glua.LTable:
			req.fota = true
			if n, ok := m.number(v.RawGetString("address")); ok {
				req.fotaStart = int64(n)
			}
			if n, ok := m.number(v.RawGetString("length")); ok {
				req.fotaLength = int64(n)
			}
		}
	}
	if req.fota && req.dst != "" {
		m.logf(levelError, "http", "Only one can be selected for FOTA and Download")
		return false
	}
	if f, ok := t.RawGetString("callback").(*glua.LFunction); ok {
		data := t.RawGetString("userdata")
		req.progress = func(total, have int64) {
			m.post(func(l *glua.LState) int {
				m.call(l, f, 0, glua.LNumber(total), glua.LNumber(have), data)
				return 0
			})
		}
	}
	return true
}

// eachPair visits a table in the order of pairs().
func (m *Machine) eachPair(t *glua.LTable, fn func(k, v glua.LValue)) {
	for k, v := m.vm.Next(t, glua.LNil); k != glua.LNil; k, v = m.vm.Next(t, k) {
		fn(k, v)
	}
}
