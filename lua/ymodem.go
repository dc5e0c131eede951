package lua

import (
	"os"
	"strings"

	"github.com/spf13/afero"
	glua "github.com/yuin/gopher-lua"
)

// Bytes of the protocol.
const (
	ymodemSOH = 0x01 // a block of 128 bytes follows
	ymodemSTX = 0x02 // a block of 1024 bytes follows
	ymodemEOT = 0x04
	ymodemACK = 0x06
	ymodemNAK = 0x15
	ymodemCAN = 0x18
	ymodemC   = 'C'
)

// ymodemFrame is what a block has besides its data: kind, number, its
// complement, and a CRC of two bytes.
const ymodemFrame = 5

// What a receiver waits for.
const (
	ymodemHeader = iota
	ymodemData
	ymodemEnd
	ymodemEndAgain
)

// ymodemReceiver is one transfer.
type ymodemReceiver struct {
	dir, path     string // path, if set, is where every file goes
	file          afero.File
	size, written int64
	packet        []byte
	want          int // bytes of the packet that is coming
	state         int
	number        byte // of the next block
}

// ymodemReply is what receive returns besides success.
type ymodemReply struct {
	ack, flag         byte
	fileDone, allDone bool
}

// openYmodem installs the receiver of files by YMODEM. Its data come in
// zbuffs: of a string the firmware takes the wrong argument, so that it sees
// no data (luat_lib_ymodem.c of the inspected core; older ones unknown).
func (m *Machine) openYmodem() {
	m.lib("ymodem",
		fn("create", func(l *glua.LState) int {
			y := &ymodemReceiver{dir: "/"}
			if s, ok := m.text(l.Get(1)); ok {
				y.dir = strings.TrimSuffix(s, "/") + "/"
			}
			y.path, _ = m.text(l.Get(2))
			ud := l.NewUserData()
			ud.Value = y
			l.Push(ud)
			return 1
		}),
		fn("receive", func(l *glua.LState) int {
			y := ymodemOf(l)
			if y == nil {
				m.logf(levelError, "ymodem", "handler is nil!!!")
				for _, v := range []glua.LValue{glua.LFalse, glua.LNil, glua.LNil, glua.LFalse, glua.LFalse} {
					l.Push(v)
				}
				return 5
			}
			var data []byte
			if b := asZbuff(l.Get(2)); b != nil {
				data = b.data[:b.used]
			}
			m.charge(len(data))
			var r ymodemReply
			good := m.ymodemFeed(y, data, &r)
			l.Push(glua.LBool(good))
			l.Push(glua.LNumber(r.ack))
			if r.flag != 0 {
				l.Push(glua.LNumber(r.flag))
			} else {
				l.Push(glua.LNil)
			}
			l.Push(glua.LBool(r.fileDone))
			l.Push(glua.LBool(r.allDone))
			return 5
		}),
		fn("reset", func(l *glua.LState) int {
			if y := ymodemOf(l); y != nil {
				m.ymodemReset(y)
			}
			return 0
		}),
		fn("release", func(l *glua.LState) int {
			if ud, ok := l.Get(1).(*glua.LUserData); ok {
				if y := ymodemOf(l); y != nil {
					m.ymodemReset(y)
					ud.Value = nil
				}
			}
			return 0
		}))
}

func ymodemOf(l *glua.LState) *ymodemReceiver {
	if ud, ok := l.Get(1).(*glua.LUserData); ok {
		y, _ := ud.Value.(*ymodemReceiver)
		return y
	}
	return nil
}

func (m *Machine) ymodemReset(y *ymodemReceiver) {
	y.state, y.number, y.size = ymodemHeader, 0, 0
	m.ymodemClose(y)
}

func (m *Machine) ymodemClose(y *ymodemReceiver) {
	if y.file != nil {
		_ = y.file.Close()
		y.file = nil
		m.checkPower()
	}
}

// ymodemFeed takes what came. It is false for what the sender has to repeat.
func (m *Machine) ymodemFeed(y *ymodemReceiver, data []byte, r *ymodemReply) bool {
	if len(data) == 0 {
		if y.state == ymodemHeader {
			r.ack = ymodemC
		}
		return true
	}
	good := true
	switch y.state {
	case ymodemEnd:
		switch data[0] {
		case ymodemEOT:
			m.ymodemClose(y)
			y.state, y.packet, r.ack = ymodemEndAgain, nil, ymodemNAK
		case ymodemCAN:
			m.ymodemCancelled(y, r)
		default:
			good = false
		}
	case ymodemEndAgain:
		if good = data[0] == ymodemEOT; good {
			y.state, r.flag, r.ack = ymodemHeader, ymodemC, ymodemACK
		}
	default:
		good = m.ymodemBlock(y, data, r)
	}
	if !good {
		y.packet = nil
		*r = ymodemReply{ack: ymodemNAK}
	}
	return good
}

func (m *Machine) ymodemCancelled(y *ymodemReceiver, r *ymodemReply) {
	m.ymodemReset(y)
	y.packet = nil
	r.ack, r.allDone = ymodemACK, true
}

// ymodemBlock collects a block. What comes behind its end is lost.
func (m *Machine) ymodemBlock(y *ymodemReceiver, data []byte, r *ymodemReply) bool {
	if len(y.packet) == 0 {
		switch data[0] {
		case ymodemSOH:
			y.want = 128 + ymodemFrame
		case ymodemSTX:
			y.want = 1024 + ymodemFrame
		case ymodemCAN:
			m.ymodemCancelled(y, r)
			return true
		default:
			return false
		}
	}
	y.packet = append(y.packet, data[:min(len(data), y.want-len(y.packet))]...)
	if len(y.packet) < y.want {
		return true
	}
	p, body := y.packet, y.packet[3:y.want-2]
	crc := newCrc(16, 0x1021, 0, false)
	crc.write(body)
	number := y.number
	if y.state == ymodemHeader {
		number = 0
	}
	if p[1] != number || p[2] != ^number || uint16(crc.value()) != uint16(p[y.want-2])<<8|uint16(p[y.want-1]) {
		return false
	}
	y.packet = nil
	if y.state == ymodemHeader {
		return m.ymodemStart(y, body, r)
	}
	n := min(int64(len(body)), y.size-y.written)
	if y.file != nil {
		_, _ = y.file.Write(body[:n])
		m.checkPower()
	}
	y.written += n
	m.ymodemNext(y, r)
	return true
}

// ymodemStart reads the header: a name and a length, each ended by a zero or a
// blank. An empty name ends the transfer.
func (m *Machine) ymodemStart(y *ymodemReceiver, body []byte, r *ymodemReply) bool {
	if body[0] == 0 {
		m.ymodemReset(y)
		r.ack, r.allDone = ymodemACK, true
		return true
	}
	name, rest, ok := strings.Cut(string(body), "\x00")
	length, _, more := strings.Cut(rest, "\x00")
	if !ok || !more {
		return false
	}
	y.size, y.written = max(0, int64(leadingInt(length))), 0
	to := y.path
	if to == "" {
		to = y.dir + name
	}
	m.ymodemClose(y)
	f, err := m.files.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	m.checkPower()
	if err == nil {
		y.file = f
	}
	m.logf(levelDebug, "ymodem", "%s,%d", to, y.size)
	y.state, y.number, r.flag = ymodemData, 0, ymodemC
	m.ymodemNext(y, r)
	return true
}

func (m *Machine) ymodemNext(y *ymodemReceiver, r *ymodemReply) {
	y.number++
	r.ack = ymodemACK
	if y.size > 0 && y.written >= y.size {
		m.ymodemClose(y)
		y.state, r.fileDone = ymodemEnd, true
	}
}
