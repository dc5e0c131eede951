// Package luatest is a board for tests of script machines: virtual time, file
// systems in memory, a network whose server is a function, and an updater that
// writes down what it is told.
package luatest

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/afero"

	"airlift/flash/mount"
	"airlift/lua"
)

// Board implements lua.Board. The zero value is not ready: see [New].
type Board struct {
	FW      lua.Firmware
	ID      lua.Identity
	Tree    *mount.Table
	Network *Net     // nil: the firmware has no network
	Link    lua.Net  // instead of Network, if not nil
	Updater lua.Fota // nil: no fota library
	// KVFs is the file system of fskv, KVErr why there is none, KVMounts how
	// often it was mounted. NoKV means that the firmware has no fskv.
	KVFs     afero.Fs
	KVErr    error
	KVMounts int
	NoKV     bool
	// Lines are the log, Times when each line came.
	Lines []string
	Times []time.Duration
	// Events are the hardware events.
	Events []lua.HardwareEvent
	Reason [4]int
	// Surroundings are the scene; Timers the deep-sleep timers.
	Surroundings lua.Scene
	Registers    lua.OTP
	Timers       lua.Alarms
	Unix         int64
	// Limit ends the run; 0 means no limit.
	Limit time.Duration
	// Lost is the state of the power.
	Lost bool
	// AfterLoss counts what reached the board after the power went.
	AfterLoss int

	now   time.Duration
	seq   int
	queue queue
}

// New returns a board of an Air601 that runs main.
func New(main string) *Board {
	b := &Board{
		FW: lua.Firmware{
			Model: "Air601", BSP: "AIR601", Version: "V1025", Base: "24.01", BuildDate: "Apr 20 2024", BuildTime: "12:00:00",
			Bits: 32, CoreDate: "2024-04-08", LibDate: "2024-04-10", FileOTA: true, Wlan: true,
			LuaMemory: 176 << 10, SysMemory: 64 << 10, HTTPHeaderLimit: 8192,
		},
		ID:   lua.Identity{MAC: "C81234567830", MUID: "\x01\x02\x03\x04\x05\x06\x07\x08"},
		Unix: 1712727886,
	}
	b.KVFs = afero.NewMemMapFs()
	b.Tree = new(mount.Table)
	b.Mount("/", "lfs", afero.NewMemMapFs())
	b.Mount("/ram/", "ram", mount.RAM())
	luadb := afero.NewMemMapFs()
	b.Mount("/luadb/", "luadb", luadb)
	if main != "" {
		if err := afero.WriteFile(luadb, "/main.lua", []byte(main), 0o444); err != nil {
			panic(err)
		}
	}
	b.Network = &Net{board: b, IP: "192.168.1.23", Latency: 10 * time.Millisecond}
	return b
}

// Mount adds a file system.
func (b *Board) Mount(path, kind string, fs afero.Fs) {
	if err := b.Tree.Add(mount.Mount{Path: path, Type: kind, Fs: fs}); err != nil {
		panic(err)
	}
}

// Write puts a file into the tree, past the machine.
func (b *Board) Write(name, text string) {
	if err := afero.WriteFile(b.Tree, name, []byte(text), 0o666); err != nil {
		panic(err)
	}
}

// Log text as one string.
func (b *Board) Text() string { return strings.Join(b.Lines, "\n") }

// Now implements lua.Clock.
func (b *Board) Now() time.Duration { return b.now }

// After implements lua.Clock.
func (b *Board) After(delay time.Duration, fn func()) func() {
	e := &event{at: b.now + delay, seq: b.seq, fn: fn}
	b.seq++
	heap.Push(&b.queue, e)
	return func() { e.fn = nil }
}

// Step implements lua.Clock.
func (b *Board) Step() lua.StepResult {
	for {
		if len(b.queue) == 0 {
			return lua.Idle
		}
		e := b.queue[0]
		if e.fn == nil {
			heap.Pop(&b.queue)
			continue
		}
		if b.Limit > 0 && max(e.at, b.now) >= b.Limit {
			b.now = max(b.now, b.Limit)
			return lua.TimeUp
		}
		heap.Pop(&b.queue)
		b.now = max(b.now, e.at)
		e.fn()
		return lua.Stepped
	}
}

// Sleep implements lua.Clock.
func (b *Board) Sleep(d time.Duration) { b.now += d }

// Firmware implements lua.Board.
func (b *Board) Firmware() lua.Firmware { return b.FW }

// Identity implements lua.Board.
func (b *Board) Identity() lua.Identity { return b.ID }

// Files implements lua.Board.
func (b *Board) Files() *mount.Table { return b.Tree }

// PowerLost implements lua.Board.
func (b *Board) PowerLost() bool { return b.Lost }

// Log implements lua.Board.
func (b *Board) Log(line string) {
	if b.Lost {
		b.AfterLoss++
	}
	b.Lines = append(b.Lines, line)
	b.Times = append(b.Times, b.now)
}

// Net implements lua.Board.
func (b *Board) Net() lua.Net {
	if b.Link != nil {
		return b.Link
	}
	if b.Network == nil {
		return nil
	}
	return b.Network
}

// Fota implements lua.Board.
func (b *Board) Fota() lua.Fota { return b.Updater }

// KV implements lua.Board.
func (b *Board) KV() func() (*mount.Mount, error) {
	if b.NoKV {
		return nil
	}
	return func() (*mount.Mount, error) {
		b.KVMounts++
		if b.KVErr != nil {
			return nil, b.KVErr
		}
		usage := func() (mount.Usage, error) { return mount.Usage{BlockSize: 4096, Blocks: 16, Used: 2}, nil }
		return &mount.Mount{Type: "lfs", Fs: b.KVFs, Usage: usage}, nil
	}
}

// Rand implements lua.Board.
func (b *Board) Rand(component string) *rand.Rand {
	return rand.New(rand.NewPCG(1, uint64(len(component))))
}

// Hardware implements lua.Board.
func (b *Board) Hardware(ev lua.HardwareEvent) {
	if b.Lost {
		b.AfterLoss++
	}
	b.Events = append(b.Events, ev)
}

// Poweron implements lua.Board.
func (b *Board) Poweron() [4]int { return b.Reason }

// Scene implements lua.Board.
func (b *Board) Scene() lua.Scene { return b.Surroundings }

// Alarms implements lua.Board.
func (b *Board) Alarms() lua.Alarms { return b.Timers }

// OTP implements lua.Board.
func (b *Board) OTP() *lua.OTP { return &b.Registers }

// UnixTime implements lua.Board.
func (b *Board) UnixTime() int64 { return b.Unix + int64(b.now/time.Second) }

// SetUnixTime implements lua.Board.
func (b *Board) SetUnixTime(sec int64) { b.Unix = sec - int64(b.now/time.Second) }

type event struct {
	at  time.Duration
	seq int
	fn  func()
}

type queue []*event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].seq < q[j].seq
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*event)) }
func (q *queue) Pop() any {
	e := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return e
}

// Net is a network with one server, a function.
type Net struct {
	board   *Board
	IP      string // "" means that there is no address
	Latency time.Duration
	// Serve answers a request as it came so far; more than one piece is sent
	// one after the other. Nil Pieces mean: wait for more of the request.
	Serve func(c *Call) Reply
	// Dialled are "host:port" of all connections, Requests what was sent on
	// each.
	Dialled  []string
	Requests []string
	TLS      []*lua.TLS
}

// Call is a connection on the server's side.
type Call struct {
	Number  int // of the connection, from 0
	Request string
}

// Reply is what the server does.
type Reply struct {
	Refuse error // of the connection, asked for with an empty Request
	Pieces []string
	Gap    time.Duration // between pieces
	Close  bool          // after the last piece
	Broken error         // close with an error
}

// Ready implements lua.Net.
func (n *Net) Ready() bool { return n.IP != "" }

// LocalIP implements lua.Net.
func (n *Net) LocalIP() (ip, mask, gateway string) { return n.IP, "255.255.255.0", "192.168.1.1" }

// Dial implements lua.Net.
func (n *Net) Dial(host string, port int, tls *lua.TLS, ev lua.ConnEvents) lua.Conn {
	if n.board.Lost {
		n.board.AfterLoss++
	}
	c := &conn{net: n, ev: ev, number: len(n.Dialled)}
	n.Dialled = append(n.Dialled, fmt.Sprintf("%s:%d", host, port))
	n.Requests = append(n.Requests, "")
	n.TLS = append(n.TLS, tls)
	n.board.After(n.Latency, func() {
		if c.closed {
			return
		}
		r := n.Serve(&Call{Number: c.number})
		ev.Connected(r.Refuse)
	})
	return c
}

type conn struct {
	net     *Net
	ev      lua.ConnEvents
	number  int
	request string
	replied bool
	closed  bool
}

// Send implements lua.Conn.
func (c *conn) Send(p []byte) {
	if c.net.board.Lost {
		c.net.board.AfterLoss++
	}
	c.request += string(p)
	c.net.Requests[c.number] = c.request
	c.net.board.After(c.net.Latency, c.answer)
}

func (c *conn) answer() {
	if c.closed || c.replied {
		return
	}
	r := c.net.Serve(&Call{Number: c.number, Request: c.request})
	if r.Pieces == nil && !r.Close && r.Broken == nil {
		return
	}
	c.replied = true
	c.piece(r, 0)
}

func (c *conn) piece(r Reply, i int) {
	if c.closed {
		return
	}
	if i < len(r.Pieces) {
		p := []byte(r.Pieces[i])
		c.ev.Data(p)
		for j := range p {
			p[j] = 0xEE // only valid during the call
		}
		c.net.board.After(r.Gap, func() { c.piece(r, i+1) })
		return
	}
	if r.Close || r.Broken != nil {
		c.closed = true
		c.ev.Closed(r.Broken)
	}
}

// Close implements lua.Conn.
func (c *conn) Close() { c.closed = true }

// Fota is an updater that writes down what it is told.
type Fota struct {
	Calls                   []string
	Data                    []byte
	InitResult, WriteResult int
	DoneResult, EndResult   int
	DoneAfter               int // Done returns 1 so often before DoneResult
	Ready                   bool
	OnWrite                 func()
}

func (f *Fota) note(format string, args ...any) {
	f.Calls = append(f.Calls, fmt.Sprintf(format, args...))
}

// Init implements lua.Fota.
func (f *Fota) Init(start, length int64) int {
	f.note("init %d %d", start, length)
	return f.InitResult
}

// Write implements lua.Fota.
func (f *Fota) Write(p []byte) int {
	f.note("write %d", len(p))
	f.Data = append(f.Data, p...)
	if f.OnWrite != nil {
		f.OnWrite()
	}
	return f.WriteResult
}

// Done implements lua.Fota.
func (f *Fota) Done() int {
	f.note("done")
	if f.DoneAfter > 0 {
		f.DoneAfter--
		return 1
	}
	return f.DoneResult
}

// End implements lua.Fota.
func (f *Fota) End(ok bool) int {
	f.note("end %v", ok)
	return f.EndResult
}

// WaitReady implements lua.Fota.
func (f *Fota) WaitReady() bool { return f.Ready }
