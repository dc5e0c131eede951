package doctor

import (
	"strings"
	"time"

	"airlift/lua/lua53"
)

// request is a place where a script asks for an upgrade.
type request struct {
	file string
	lib  string // "libfota" or "libfota2"
	ref  *lua53.Ref
	args []lua53.Arg // of the library's request
	// repeats says that it is asked again and again, period how often, 0 if
	// that does not show.
	repeats bool
	period  time.Duration
}

// starters call a function with arguments that follow: how many come before
// them, the function included.
var starters = map[string]int{
	"sys.timerLoopStart": 2, "sys.timerStart": 2, "sys.taskInit": 1, "pcall": 1,
}

// findRequests lists the requests of libfota and libfota2, direct ones and
// those that timers make.
func (x *exam) findRequests() (all []request) {
	x.eachRef(func(file string, r *lua53.Ref) {
		if !r.Call {
			return
		}
		name, args, period := r.Name, r.Args, time.Duration(0)
		repeats := false
		if n, ok := starters[r.Name]; ok && len(args) > 0 && args[0].Kind == lua53.ArgName {
			name = args[0].Text
			if n == 2 && len(args) > 1 && args[1].Kind == lua53.ArgNumber {
				period = milliseconds(args[1].Number)
			}
			repeats = r.Name == "sys.timerLoopStart"
			args = args[min(n, len(args)):]
		}
		lib, ok := strings.CutSuffix(name, ".request")
		if !ok || lib != "libfota" && lib != "libfota2" {
			return
		}
		q := request{file: file, lib: lib, ref: r, args: args, repeats: repeats, period: period}
		if !repeats {
			q.period = 0
			x.repetition(&q)
		}
		all = append(all, q)
	})
	return all
}

// repetition finds out whether a request stands in a loop with waits, or in a
// function that a timer repeats.
func (x *exam) repetition(q *request) {
	fn := lua53.Function(q.ref.Within)
	var loop *lua53.Frame
	for _, f := range q.ref.Within {
		if f.Kind == lua53.FrameLoop {
			loop = f
		}
	}
	if loop != nil {
		q.repeats = true
		q.period = x.waitsIn(q.file, loop)
		return
	}
	if fn == nil {
		return
	}
	x.eachRef(func(file string, r *lua53.Ref) {
		if file != q.file || r.Name != "sys.timerLoopStart" || len(r.Args) < 2 {
			return
		}
		a := r.Args[0]
		if a.Frame == fn || a.Kind == lua53.ArgName && fn.Name != "" && a.Text == fn.Name {
			q.repeats = true
			if r.Args[1].Kind == lua53.ArgNumber {
				q.period = milliseconds(r.Args[1].Number)
			}
		}
	})
}

// waitsIn adds up the waits of a loop. It is 0 if one of them is of unknown
// length.
func (x *exam) waitsIn(file string, loop *lua53.Frame) time.Duration {
	total, known := time.Duration(0), true
	x.eachRef(func(f string, r *lua53.Ref) {
		if f != file || !within(r, loop) || !waits[r.Name] {
			return
		}
		if r.Name != "sys.wait" || len(r.Args) != 1 || r.Args[0].Kind != lua53.ArgNumber {
			known = false
			return
		}
		total += milliseconds(r.Args[0].Number)
	})
	if !known {
		return 0
	}
	return total
}

// milliseconds is 0 for what is no sensible time.
func milliseconds(n float64) time.Duration {
	if !(n >= 0 && n < 1e11) {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

func within(r *lua53.Ref, f *lua53.Frame) bool {
	for _, g := range r.Within {
		if g == f {
			return true
		}
	}
	return false
}

// arg returns an argument of the request, nil if it is not given.
func (q *request) arg(n int) *lua53.Arg {
	if n >= len(q.args) || q.args[n].Kind == lua53.ArgNil {
		return nil
	}
	return &q.args[n]
}

// options is the table of options of libfota2; known says that it shows.
func (q *request) options() (fields map[string]lua53.Arg, known bool) {
	o := q.arg(1)
	if o == nil {
		return nil, true
	}
	return o.Fields, o.Kind == lua53.ArgTable
}

// url returns the server's address as the script gives it. Own says that one
// is given, known that its text shows.
func (q *request) url() (url string, own, known bool) {
	var a *lua53.Arg
	if q.lib == "libfota" {
		a = q.arg(1)
	} else {
		fields, ok := q.options()
		if !ok {
			return "", true, false
		}
		if f, given := fields["url"]; given && f.Kind != lua53.ArgNil {
			a = &f
		}
	}
	if a == nil {
		return "", false, true
	}
	return a.Text, true, a.Kind == lua53.ArgString
}
