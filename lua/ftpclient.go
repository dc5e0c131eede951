package lua

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

const (
	ftpWait     = 30 * time.Second // for an answer
	ftpReplyMax = 1024             // bytes of an answer
	ftpPiece    = 4096             // bytes that are sent at once
)

// ftpClient is the one connection that ftp.* has.
type ftpClient struct {
	m                    *Machine
	adapter              int
	host                 string
	port                 int
	user, password       string
	tls                  *TLS
	ctrl                 *adapterConn
	buf                  []byte
	answer               func(code int, text string) // nil: nobody waits
	timer                func()
	data                 *adapterConn
	file                 afero.File
	done                 func(v glua.LValue) // completes the function that is under way
	transferred, replied bool                // both ends of a transfer
}

// login connects and says who we are.
func (c *ftpClient) login() {
	c.ctrl = c.m.dial(c.adapter, "ftp", c.host, c.port, c.tls, ConnEvents{
		Connected: func(err error) {
			if err != nil {
				c.m.logf(levelError, "ftp", "ftp connect error")
				c.loginFailed()
			}
		},
		Data:   c.received,
		Closed: func(error) { c.gone() },
	})
	c.expect(func(code int, _ string) {
		if code != 220 {
			c.loginFailed()
			return
		}
		c.ask("USER "+c.user, func(code int, _ string) {
			if code != 331 {
				c.m.logf(levelError, "ftp", "ftp username wrong")
				c.loginFailed()
				return
			}
			c.ask("PASS "+c.password, func(code int, _ string) {
				if code != 230 {
					c.m.logf(levelError, "ftp", "ftp login wrong")
					c.loginFailed()
					return
				}
				c.done(glua.LTrue)
			})
		})
	})
}

func (c *ftpClient) loginFailed() {
	c.m.logf(levelError, "ftp", "ftp login fail")
	c.release()
	c.done(glua.LFalse)
}

// release forgets the connection: login may be called again.
func (c *ftpClient) release() {
	c.stopTimer()
	c.answer = nil
	c.dropData()
	if c.ctrl != nil {
		c.ctrl.Close()
	}
	if c.m.ftp == c {
		c.m.ftp = nil
	}
}

func (c *ftpClient) dropData() {
	if c.data != nil {
		c.data.Close()
		c.data = nil
	}
	if c.file != nil {
		c.file.Close()
		c.file = nil
	}
}

// gone is called when the server has closed the connection.
func (c *ftpClient) gone() {
	c.m.logf(levelError, "ftp", "ftp network error")
	c.release()
	c.done(glua.LFalse)
}

func (c *ftpClient) failed() {
	c.m.logf(levelError, "ftp", "ftp operation failed")
	c.stopTimer()
	c.answer = nil
	c.dropData()
	c.done(glua.LFalse)
}

func (c *ftpClient) stopTimer() {
	if c.timer != nil {
		c.timer()
		c.timer = nil
	}
}

// expect waits for the next answer.
func (c *ftpClient) expect(fn func(code int, text string)) {
	c.stopTimer()
	c.timer = c.m.after(ftpWait, func() {
		c.timer = nil
		c.failed()
	})
	c.answer = fn
}

func (c *ftpClient) ask(command string, fn func(code int, text string)) {
	c.expect(fn)
	c.ctrl.Send([]byte(command + "\r\n"))
}

// received takes answers from the server.
func (c *ftpClient) received(p []byte) {
	c.buf = append(c.buf, p...)
	for {
		code, n, err := parseFtpReply(c.buf)
		if err != nil || len(c.buf) > ftpReplyMax && n == 0 {
			c.gone()
			return
		}
		if n == 0 {
			return
		}
		text := string(c.buf[:n])
		c.buf = c.buf[n:]
		if fn := c.answer; fn != nil {
			c.answer = nil
			c.stopTimer()
			fn(code, text)
		}
	}
}

var errFtpReply = errors.New("this is no answer of an FTP server")

// parseFtpReply reads one answer, which may have several lines (RFC 959 4.2).
// n is 0 if it is not complete.
func parseFtpReply(b []byte) (code, n int, err error) {
	for {
		i := bytes.IndexByte(b[n:], '\n')
		if i < 0 {
			return 0, 0, nil
		}
		line := b[n : n+i]
		first := n == 0
		n += i + 1
		number, err := strconv.ParseUint(string(line[:min(len(line), 3)]), 10, 16)
		last := err == nil && len(line) >= 3 && (len(line) == 3 || line[3] == ' ' || line[3] == '\r')
		if first {
			if err != nil || number < 100 || number > 599 || !last && (len(line) < 4 || line[3] != '-') {
				return 0, 0, fmt.Errorf("%w: %.40q", errFtpReply, line)
			}
			code = int(number)
		}
		if last && int(number) == code {
			return code, n, nil
		}
	}
}

// parsePassive reads address and port of a 227 answer.
func parsePassive(text string) (host string, port int, ok bool) {
	i := strings.IndexByte(text, '(')
	j := strings.IndexByte(text, ')')
	if i < 0 || j < i {
		return "", 0, false
	}
	fields := strings.Split(text[i+1:j], ",")
	if len(fields) != 6 {
		return "", 0, false
	}
	var n [6]int
	for k, f := range fields {
		v, err := strconv.ParseUint(strings.TrimSpace(f), 10, 8)
		if err != nil {
			return "", 0, false
		}
		n[k] = int(v)
	}
	return fmt.Sprintf("%d.%d.%d.%d", n[0], n[1], n[2], n[3]), n[4]<<8 | n[5], true
}

// unreachable are beginnings of addresses that the firmware replaces by the
// server's, as behind a router.
var unreachable = []string{"172.", "192.", "10.", "127.0.0.1", "169.254.0.0", "169.254.0.16", "0."}

// passive opens the data connection; then is called when it is there.
func (c *ftpClient) passive(ev ConnEvents, then func()) {
	c.dropConn()
	c.ask("PASV", func(code int, text string) {
		host, port, ok := parsePassive(text)
		if code != 227 || !ok {
			c.m.logf(levelWarn, "ftp", "ftp pasv_connect wrong %s", strings.TrimSpace(text))
			c.failed()
			return
		}
		for _, p := range unreachable {
			if strings.HasPrefix(host, p) {
				c.m.logf(levelWarn, "ftp", "服务器回应不可路由的地址(%s)。使用服务器地址代替 %s", host, c.host)
				host = c.host
				break
			}
		}
		ev.Connected = func(err error) {
			if err != nil {
				c.m.logf(levelError, "ftp", "ftp data network connect fail")
				c.data = nil
				c.failed()
				return
			}
			then()
		}
		c.data = c.m.dial(c.adapter, "ftp", host, port, nil, ev)
	})
}

func (c *ftpClient) dropConn() {
	if c.data != nil {
		c.data.Close()
		c.data = nil
	}
}

// receive runs a command whose result comes on a data connection; take gets
// the pieces and returns false if it cannot.
func (c *ftpClient) receive(command string, take func(p []byte) bool, finished func()) {
	c.transferred, c.replied = false, false
	both := func() {
		if c.transferred && c.replied {
			c.dropData()
			finished()
		}
	}
	ev := ConnEvents{
		Data: func(p []byte) {
			if !take(p) {
				c.failed()
			}
		},
		Closed: func(err error) {
			c.data = nil
			if err != nil {
				c.failed()
				return
			}
			c.transferred = true
			both()
		},
	}
	c.passive(ev, func() {
		c.ask(command, func(code int, _ string) {
			if code != 150 && code != 125 {
				c.failed()
				return
			}
			c.expect(func(code int, _ string) {
				if code != 226 {
					c.failed()
					return
				}
				c.replied = true
				both()
			})
		})
	})
}

// pull copies a file of the server to f.
func (c *ftpClient) pull(f afero.File, remote string) {
	c.file = f
	c.ask("SIZE "+remote, func(int, string) {
		c.receive("RETR "+remote, func(p []byte) bool {
			_, err := f.Write(p)
			c.m.checkPower()
			return err == nil
		}, func() {
			c.m.checkPower() // the file was closed
			c.done(glua.LTrue)
		})
	})
}

// push copies f to a file of the server. Closing the data connection says that
// this was all.
func (c *ftpClient) push(f afero.File, remote string) {
	content, ok := c.m.readAll(f)
	if !ok {
		c.failed()
		return
	}
	left := len(content)
	sent := func(n int) {
		if left -= n; left <= 0 {
			c.dropConn()
		}
	}
	c.passive(ConnEvents{Data: func([]byte) {}, Closed: func(error) { c.data = nil }, Sent: sent}, func() {
		c.ask("STOR "+remote, func(code int, _ string) {
			if code != 150 && code != 125 {
				c.failed()
				return
			}
			c.expect(func(code int, _ string) {
				c.dropConn()
				if code != 226 {
					c.failed()
					return
				}
				c.done(glua.LTrue)
			})
			for p := content; len(p) > 0 && c.data != nil; {
				n := min(ftpPiece, len(p))
				c.data.Send(p[:n])
				p = p[n:]
			}
			if len(content) == 0 {
				c.dropConn()
			}
		})
	})
}
