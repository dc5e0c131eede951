package bench

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"airlift/chips"
	"airlift/emu/iot"
	"airlift/emu/link"
	"airlift/emu/trace"
	"airlift/flash"
)

// Phase is what a unit is doing.
type Phase string

const (
	PhaseOff     Phase = "off"
	PhaseBoot    Phase = "boot"    // boot code, or the core before the scripts
	PhaseUpgrade Phase = "upgrade" // the same, and it changes core or scripts
	PhaseRun     Phase = "run"     // scripts run
	PhaseDown    Phase = "down"    // scripts run, and an upgrade is being downloaded
)

// Status is what a unit is and does at one moment.
type Status struct {
	Phase Phase `json:"phase"`
	// End and Detail say why it is off: one of package emu's ends, or "fault".
	End       string `json:"end,omitempty"`
	Detail    string `json:"detail,omitempty"`
	VirtualMS int64  `json:"virtual_ms"`
	Boots     int    `json:"boots"` // of this life
	Core      string `json:"core"`
	// Identity, Name and Version are what it last told the platform.
	Identity string `json:"identity"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	// Got of Total bytes of the last download; Total is 0 if there was none.
	Got    int64 `json:"got"`
	Total  int64 `json:"total"`
	Writes int   `json:"writes"` // flash operations so far
}

// Line is one line of a unit's log.
type Line struct {
	N    uint64 `json:"n"` // from 1
	MS   int64  `json:"ms"`
	Boot int    `json:"boot"`
	Who  string `json:"who"`  // log, net, server, power, or a stage of the boot code
	Mood string `json:"mood"` // "", bad, warn, dim or head
	Text string `json:"text"`
}

// Sector is the state of one flash sector after a change.
type Sector struct {
	Chip    int  `json:"c,omitempty"`
	Index   int  `json:"i,omitempty"`
	Data    bool `json:"d,omitempty"` // holds data; otherwise it is blank
	Touched bool `json:"t,omitempty"` // since the unit was made
	Erased  bool `json:"e,omitempty"` // the last operation was an erase
}

// Moment is when a unit began to do something.
type Moment struct {
	Phase Phase `json:"phase"`
	MS    int64 `json:"ms"` // its time
}

// Update is what is new since a moment.
type Update struct {
	Next    Cursor   `json:"-"` // for the next call of Since
	Status  Status   `json:"status"`
	Story   []Moment `json:"story,omitempty"` // every phase since, however short
	Lines   []Line   `json:"lines,omitempty"`
	Missed  uint64   `json:"missed,omitempty"` // lines that are no longer kept
	Sectors []Sector `json:"sectors,omitempty"`
}

// Cursor is how far a watcher has seen. The zero value is the beginning.
type Cursor struct{ line, change, moment uint64 }

const (
	linesMax     = 2_000 // kept for watchers
	lineBytesMax = 2_000
	momentsMax   = 200
)

// state is what watchers see of a unit.
type state struct {
	mu      sync.Mutex
	parts   []flash.Table
	sectors [][]sector // of every flash chip
	change  uint64     // number of the last change of a sector
	status  Status
	lines   []Line
	last    uint64 // number of the last line
	story   []Moment
	moments uint64 // number of the last one
	since   time.Time
	watched time.Time
	news    chan struct{} // closed when there is something new
}

type sector struct {
	change       uint64
	data, erased bool
}

func (s *state) init(chip *chips.Chip, flashes []*flash.Device, now time.Time) {
	s.parts, s.watched, s.news = chip.Partitions, now, make(chan struct{})
	buf := make([]byte, flash.DefaultSectorSize)
	for _, f := range flashes {
		list := make([]sector, f.Size()/flash.DefaultSectorSize)
		for i := range list {
			if n, err := f.ReadAt(buf, int64(i)*flash.DefaultSectorSize); err == nil && n == len(buf) {
				list[i].data = !blank(buf)
			}
			list[i].change = 1 // a new watcher gets them all
		}
		s.sectors = append(s.sectors, list)
	}
	s.change = 1
	s.status.Phase = PhaseOff
}

func blank(p []byte) bool {
	for _, b := range p {
		if b != 0xFF {
			return false
		}
	}
	return true
}

// Changed returns a channel that is closed when there is more to see than now.
func (u *Unit) Changed() <-chan struct{} {
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	return u.state.news
}

// Status returns what the unit does now.
func (u *Unit) Status() Status {
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	return u.state.status
}

// Since returns what is new after a cursor. Asking counts as watching.
func (u *Unit) Since(c Cursor) Update {
	s := &u.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watched = u.bench.opt.Now()
	up := Update{Status: s.status, Next: Cursor{s.last, s.change, s.moments}}
	if n := s.moments - c.moment; n > 0 {
		up.Story = append(up.Story, s.story[len(s.story)-int(min(n, uint64(len(s.story)))):]...)
	}
	first := s.last - uint64(len(s.lines)) // number of the last line that is gone
	if c.line < first {
		up.Missed, c.line = first-c.line, first
	}
	up.Lines = append(up.Lines, s.lines[c.line-first:]...)
	for chip, list := range s.sectors {
		for i, x := range list {
			if x.change > c.change {
				up.Sectors = append(up.Sectors, Sector{chip, i, x.data, x.change > 1, x.erased})
			}
		}
	}
	return up
}

// overdue says which limit is passed, or "".
func (s *state) overdue(now time.Time, l Limits) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Sub(s.watched) > l.Unwatched:
		return fmt.Sprintf("switched off: nobody watched for %v", l.Unwatched)
	case now.Sub(s.since) > l.Run:
		return fmt.Sprintf("switched off: it ran for %v", l.Run)
	case s.status.Boots > l.Boots:
		return fmt.Sprintf("switched off after %d boots", l.Boots)
	}
	return ""
}

// changed tells watchers; s.mu is held.
func (s *state) changed() {
	close(s.news)
	s.news = make(chan struct{})
}

// enter begins a phase; s.mu is held.
func (s *state) enter(p Phase) {
	if s.status.Phase == p {
		return
	}
	s.status.Phase = p
	s.moments++
	if len(s.story) >= momentsMax {
		s.story = append(s.story[:0:0], s.story[momentsMax/4:]...)
	}
	s.story = append(s.story, Moment{p, s.status.VirtualMS})
}

// on begins a life; s.mu is held.
func (s *state) on(now time.Time) {
	s.since, s.status.Boots = now, 0
	s.status.End, s.status.Detail = "", ""
	s.enter(PhaseBoot)
	s.changed()
}

func (s *state) off(end, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.End, s.status.Detail = end, detail
	s.enter(PhaseOff)
	text := "off: " + end
	if detail != "" {
		text += ", " + detail
	}
	s.line(Line{Who: "power", Mood: "head", Text: text})
	s.changed()
}

// scripts notes that the scripts begin.
func (s *state) scripts(r *chips.Running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Core = r.Identity.Version
	s.enter(PhaseRun)
	s.changed()
}

// answered notes what the unit asked and what it will get.
func (s *state) answered(req *link.Request, resp *link.Response) {
	q := iot.ParseQuery(req.Target)
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.Identity != "" && q.Version != "" {
		s.status.Identity, s.status.Name, s.status.Version = q.Identity, q.FirmwareName, q.Version
	}
	size := int64(len(resp.Body))
	if resp.File != nil {
		size = resp.Length
	}
	if resp.Status == 200 || resp.Status == 206 {
		s.status.Got, s.status.Total = 0, size
		s.enter(PhaseDown)
	}
	s.changed()
}

// received is called with the bytes that came on one connection so far.
func (s *state) received(_ string, got int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status.Phase != PhaseDown {
		return
	}
	// The head of the answer is among them; it does not show in a bar.
	if s.status.Got = min(got, s.status.Total); s.status.Got == s.status.Total {
		s.enter(PhaseRun)
	}
	s.changed()
}

// event takes one event of the trace.
func (s *state) event(e *trace.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.VirtualMS = e.Time.Milliseconds()
	l := Line{Boot: e.Boot, Who: string(e.Kind), Text: e.Text}
	switch e.Kind {
	case trace.Flash:
		s.flashOp(e)
		s.changed()
		return
	case trace.Power:
		s.enter(PhaseBoot)
		s.status.Boots++
		l.Mood = "head"
	case trace.Log:
		l.Mood = logMood(e.Text)
	case trace.Step:
		l.Who, l.Text, l.Mood = e.Step.Stage, e.Step.Text, stepMood(&e.Step)
	case trace.Exit:
		l.Who, l.Mood = "scripts", "warn"
	}
	s.line(l)
	s.changed()
}

// logMood tells errors, warnings, and what the firmware says of itself from what
// the scripts say.
func logMood(line string) string {
	switch {
	case strings.HasPrefix(line, "E/"):
		return "bad"
	case strings.HasPrefix(line, "W/"):
		return "warn"
	case len(line) > 2 && line[1] == '/' && !strings.HasPrefix(line[2:], "user."):
		return "dim"
	}
	return ""
}

func stepMood(s *chips.Step) string {
	switch {
	case s.IsFinding():
		return "bad"
	case s.Kind == chips.KindRead:
		return "dim"
	}
	return ""
}

// flashOp notes a flash operation; s.mu is held.
func (s *state) flashOp(e *trace.Event) {
	s.status.Writes++
	if e.Chip >= len(s.sectors) {
		return
	}
	if p, ok := s.parts[e.Chip].At(e.Off); ok && s.status.Phase == PhaseBoot && isFirmware(p.Kind) {
		s.enter(PhaseUpgrade)
	}
	s.change++
	list := s.sectors[e.Chip]
	erase := e.Op == flash.OpErase
	for i := e.Off / flash.DefaultSectorSize; i < int64(len(list)) && i*flash.DefaultSectorSize < e.Off+e.Len; i++ {
		list[i] = sector{change: s.change, data: !erase, erased: erase}
	}
}

// isFirmware tells the kinds of partitions that hold what a module runs.
func isFirmware(kind string) bool { return kind == "core" || kind == "app" || kind == "script" }

// line adds a line; s.mu is held.
func (s *state) line(l Line) {
	s.last++
	l.N, l.MS = s.last, s.status.VirtualMS
	l.Text = strings.TrimRight(strings.ToValidUTF8(l.Text, "\uFFFD"), "\r\n")
	if len(l.Text) > lineBytesMax {
		l.Text = strings.ToValidUTF8(l.Text[:lineBytesMax], "") + " ..."
	}
	if len(s.lines) >= linesMax {
		s.lines = append(s.lines[:0:0], s.lines[linesMax/4:]...)
	}
	s.lines = append(s.lines, l)
}
