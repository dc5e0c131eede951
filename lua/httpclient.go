package lua

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/afero"
)

// Result codes of http.request (luatos-runtime.md 5.3).
const (
	httpConnect  = -4
	httpClose    = -5
	httpRx       = -6
	httpDownload = -7
	httpTimeout  = -8
	httpFota     = -9
)

// httpTimeLimit is HTTP_TIMEOUT of the C client (luatos-runtime.md 5.1).
const httpTimeLimit = 300 * time.Second

// bodyPiece is how much of a request body is sent at once, in bytes.
const bodyPiece = 4096

// httpRetries is how often cores before 2025-01-27 connected again, asking for
// the rest with Range (iot-platform.md 1.13).
const httpRetries = 3

// httpClient carries out one request.
type httpClient struct {
	m      *Machine
	req    *httpRequest
	conn   Conn
	parser *responseParser
	cancel func() // of the transaction timer

	head     *responseHead
	body     []byte // collected, unless it goes elsewhere
	got      int64  // bytes of body so far
	file     afero.File
	fotaOpen bool // luat_fota_init was called
	recorded int  // an error that is only reported later
	retries  int
	complete bool // the body is complete
	finished bool
}

// startHTTP begins the transaction; everything else happens in callbacks from
// the clock.
func (m *Machine) startHTTP(req *httpRequest) {
	c := &httpClient{m: m, req: req}
	limit := req.timeout
	if limit < time.Second {
		switch {
		case req.fota:
			limit = 2 * httpTimeLimit
		case req.dst != "":
			limit = httpTimeLimit
		default:
			limit = 60 * time.Second
		}
	}
	c.cancel = m.after(limit, c.timeUp)
	c.connect()
}

func (c *httpClient) debugf(format string, args ...any) {
	if c.req.debug {
		c.m.logf(levelDebug, "http", format, args...)
	}
}

func (c *httpClient) errorf(format string, args ...any) {
	c.m.logf(levelError, "http", format, args...)
}

func (c *httpClient) connect() {
	c.parser = &responseParser{headLimit: c.headLimit(), head: c.onHead, body: c.onBody}
	conn := c.m.dial(c.req.adapter, "http", strings.Trim(c.req.host, "[]"), c.req.port, c.req.tls, ConnEvents{
		Connected: c.guard1(c.onConnected),
		Data: func(p []byte) {
			if !c.finished {
				c.onData(p)
				c.m.checkPower()
			}
		},
		Closed: c.guard1(c.onClosed),
	})
	c.conn = conn
}

// guard1 drops events that come after the end and looks at the power.
func (c *httpClient) guard1(fn func(error)) func(error) {
	return func(err error) {
		if !c.finished {
			fn(err)
			c.m.checkPower()
		}
	}
}

// headLimit is the size of the response buffer: 8192 bytes, 2048 on some
// models (luatos-runtime.md 5.3).
func (c *httpClient) headLimit() int {
	if n := c.m.fw.HTTPHeaderLimit; n > 0 {
		return n
	}
	return 8192
}

func (c *httpClient) onConnected(err error) {
	if err != nil {
		c.debugf("connect: %v", err)
		code := httpConnect
		if errors.Is(err, ErrResolve) && !c.m.core("2025-02-09") {
			code = httpClose
		}
		c.fail(code)
		return
	}
	c.send()
}

func (c *httpClient) send() {
	c.debugf("%s %s", c.req.method, c.req.path)
	c.conn.Send([]byte(c.requestHead()))
	for body := c.req.body; body != ""; {
		n := min(bodyPiece, len(body))
		c.conn.Send([]byte(body[:n]))
		body = body[n:]
	}
}

func (c *httpClient) onData(p []byte) {
	if c.recorded != 0 {
		return
	}
	if err := c.parser.feed(p); err != nil && !c.finished {
		if errors.Is(err, errHeadTooLong) {
			c.errorf("resp buff full!!!")
			c.fail(httpRx)
			return
		}
		c.debugf("%v", err)
		// A malformed answer: the documented -2 is never raised, the parser's
		// error ends as a receive error (luatos-runtime.md 5.3).
		c.fail(httpRx)
		return
	}
	if c.parser.complete() {
		c.bodyComplete()
	}
}

// onHead handles the complete headers.
func (c *httpClient) onHead(h *responseHead) bool {
	resumed := c.head != nil
	c.head = h
	total := max(0, h.Length)
	if resumed {
		// Cores with automatic retries go on where the first answer ended.
		return true
	}
	switch {
	case c.req.fota:
		if !c.fotaHead(h) {
			return false
		}
	case c.req.dst != "":
		if !c.openFile() {
			return false
		}
	}
	c.report(total, 0)
	if h.Length < 0 && !h.Chunked {
		// No length counts as length 0: complete now, and over with the first
		// piece of body (luatos-runtime.md 5.6).
		c.complete = true
	}
	return !c.finished
}

func (c *httpClient) report(total, have int64) {
	if c.req.progress != nil {
		c.req.progress(total, have)
	}
}

// fotaHead decides what a fota-mode request does with the answer
// (luatos-runtime.md 5.7).
func (c *httpClient) fotaHead(h *responseHead) bool {
	ok := h.Status == 200 || h.Status == 206
	if !ok && c.m.core("2025-12-02") {
		c.errorf("fota http code error %d", h.Status)
		c.later(httpFota)
		return false
	}
	c.m.board.Fota().Init(c.req.fotaStart, c.req.fotaLength)
	c.m.checkPower()
	c.fotaOpen = true
	return true
}

// later notes a fota error. Cores since 2026-02-02 only tell the script when
// the server closes, or when the transaction's time is up.
func (c *httpClient) later(code int) {
	if c.m.core("2026-02-02") {
		c.recorded = code
		return
	}
	c.fail(code)
}

func (c *httpClient) openFile() bool {
	fs := c.m.files
	if fs.exists(c.req.dst) {
		if err := fs.Remove(c.req.dst); err != nil {
			c.debugf("remove %s: %v", c.req.dst, err)
		}
		c.m.checkPower()
	}
	f, err := fs.OpenFile(c.req.dst, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	c.m.checkPower()
	if err != nil {
		c.errorf("open download file fail %s", c.req.dst)
		c.fail(httpDownload)
		return false
	}
	c.file = f
	return true
}

// onBody handles a piece of the body.
func (c *httpClient) onBody(p []byte) bool {
	c.got += int64(len(p))
	switch {
	case c.req.fota && (c.head.Status == 200 || c.head.Status == 206):
		r := c.m.board.Fota().Write(p)
		c.m.checkPower()
		if r < 0 {
			c.fail(httpFota)
			return false
		}
	case c.file != nil:
		if _, err := c.file.Write(p); err != nil {
			c.m.checkPower()
			c.errorf("err when fwrite %s", c.req.dst)
			c.fail(httpDownload)
			return false
		}
		c.m.checkPower()
	default:
		if int64(len(c.body)+len(p)) > c.bodyLimit() {
			c.fail(httpDownload)
			return false
		}
		c.body = append(c.body, p...)
	}
	c.report(max(0, c.head.Length), c.got)
	if c.complete && !c.finished {
		c.finishComplete() // the body without a length
	}
	return !c.finished
}

// bodyLimit is how much body fits into the module's memory.
func (c *httpClient) bodyLimit() int64 { return c.m.fw.LuaMemory + c.m.fw.SysMemory + 64<<10 }

// bodyComplete is called when the parser has seen everything.
func (c *httpClient) bodyComplete() {
	if c.finished || c.recorded != 0 {
		return
	}
	c.complete = true
	c.finishComplete()
}

// finishComplete ends the transaction. Cores from 2025-12-02 on waited for the
// server to close, until 2026-03-10 (upstream 867e0efb7 and 568d257e0;
// luatos-runtime.md 5.6 names only the end of that time).
func (c *httpClient) finishComplete() {
	if !c.m.core("2025-12-02") || c.m.core("2026-03-10") {
		c.finish()
	}
}

// onClosed handles the end of the connection.
func (c *httpClient) onClosed(err error) {
	switch {
	case c.recorded != 0:
		c.fail(c.recorded)
	case c.complete:
		c.finish()
	case !c.m.core("2025-01-27") && c.retries < httpRetries:
		c.retry()
	case c.head == nil:
		if err != nil && !errors.Is(err, io.EOF) {
			c.fail(httpRx)
			return
		}
		c.fail(httpClose)
	case c.req.fota:
		c.errorf("fota body incomplete, %d/%d", c.got, max(0, c.head.Length))
		c.later(httpFota)
		if c.recorded != 0 {
			// The connection is gone: only the timer can report it now.
			c.conn = nil
		}
	case c.head.Chunked || c.m.core("2025-12-19"):
		c.finish() // a short body counts as success
	default:
		c.fail(httpClose)
	}
}

// retry connects again and asks for the rest.
func (c *httpClient) retry() {
	c.retries++
	c.debugf("retry %d from %d", c.retries, c.got)
	c.connect()
}

func (c *httpClient) timeUp() {
	if c.finished {
		return
	}
	if c.recorded != 0 {
		c.fail(c.recorded)
		return
	}
	c.fail(httpTimeout)
}

// finish reports a response whose body is as complete as it will get.
func (c *httpClient) finish() {
	switch {
	case c.req.fota:
		c.finishFota()
	case c.req.dst != "":
		c.closeFile()
		if c.head.Status > 299 {
			c.errorf("download fail, remove file %s", c.req.dst)
			c.removeFile()
		}
		c.end(c.head.Status, httpBody{count: c.got, isNumber: true})
	default:
		c.end(c.head.Status, httpBody{text: string(c.body)})
	}
}

// finishFota asks the updater whether it is satisfied: up to 120 times in
// steps of 100 ms (luatos-runtime.md 5.7).
func (c *httpClient) finishFota() {
	if c.head.Status != 200 && c.head.Status != 206 {
		c.fail(httpFota) // an old core: the body is the third result
		return
	}
	if c.head.Length > 0 && c.got < c.head.Length {
		c.errorf("fota body incomplete, %d/%d", c.got, c.head.Length)
		c.later(httpFota)
		return
	}
	c.closeConn()
	c.pollFota(120)
}

func (c *httpClient) pollFota(left int) {
	if c.finished {
		return
	}
	f := c.m.board.Fota()
	r := f.Done()
	c.m.checkPower()
	if r > 0 && left > 1 {
		c.m.after(100*time.Millisecond, func() { c.pollFota(left - 1) })
		return
	}
	if r == 0 {
		r = f.End(true)
		c.m.checkPower()
		if r == 0 {
			c.fotaOpen = false
			c.end(200, httpBody{count: c.got, isNumber: true})
			return
		}
		c.errorf("fota finish error")
	}
	c.later(httpFota)
}

// fail reports an error code. Only -9 comes with headers and body.
func (c *httpClient) fail(code int) {
	if c.finished {
		return
	}
	if c.file != nil {
		c.closeFile()
		c.removeFile()
	}
	if code != httpFota {
		c.head = nil
		c.end(code, httpBody{})
		return
	}
	if c.fotaOpen {
		c.m.board.Fota().End(false)
		c.m.checkPower()
		c.fotaOpen = false
	}
	body := httpBody{count: c.got, isNumber: true}
	if c.head != nil && c.head.Status != 200 && c.head.Status != 206 && !c.m.core("2025-12-02") {
		body = httpBody{text: string(c.body)}
	}
	c.end(code, body)
}

func (c *httpClient) closeFile() {
	if c.file != nil {
		c.file.Close()
		c.file = nil
		c.m.checkPower()
	}
}

func (c *httpClient) removeFile() {
	_ = c.m.files.Remove(c.req.dst) // it may never have come to be
	c.m.checkPower()
}

func (c *httpClient) closeConn() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *httpClient) end(code int, body httpBody) {
	c.finished = true
	c.cancel()
	c.closeConn()
	c.req.done(code, c.head, body)
}
