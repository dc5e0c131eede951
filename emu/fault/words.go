package fault

import "fmt"

// chipWords says in words what a fault of the flash does; "" for other kinds.
func (f *Fault) chipWords() string {
	text := ""
	switch f.Kind {
	case Flips:
		text = fmt.Sprintf("%s of %s %s over at rest", count(f.Count, "bit"), f.Part, verb(f.Count, "turn"))
	case Stuck:
		text = fmt.Sprintf("%s of %s always %s %d", count(f.Count, "cell"), f.Part, verb(f.Count, "read"), f.Value)
	case Unstable:
		text = "cells of a torn operation read differently each time"
		if f.Count > 0 {
			text = fmt.Sprintf("up to %s of a torn operation %s differently each time", count(f.Count, "cell"), verb(f.Count, "read"))
		}
	case ProgramDisturb, ReadDisturb:
		op, what := "programs", "another page"
		if f.Kind == ReadDisturb {
			op, what = "reads", "the sector"
		}
		if text = fmt.Sprintf("one in %d %s clears a bit of %s", f.Count, op, what); f.Part != "" {
			text += ", in " + f.Part
		}
	case BadProgram, BadErase, DeafProgram, DeafErase:
		text = f.opWords()
	default:
		return ""
	}
	if f.Seed != 0 {
		text += fmt.Sprintf(" (seed %d)", f.Seed)
	}
	return text
}

// opWords are those of a fault that operations of a partition run into.
func (f *Fault) opWords() string {
	what, ends, one := "program", "fail with an error", "fails with an error"
	if f.Kind == BadErase || f.Kind == DeafErase {
		what = "erase"
	}
	if f.Kind == DeafProgram || f.Kind == DeafErase {
		ends, one = "do nothing, silently", "does nothing, silently"
	}
	times := uint64(max(1, f.Times))
	where := f.Part
	if f.Count > 0 {
		where = fmt.Sprintf("%s of %s", count(f.Count, "sector"), f.Part)
	}
	switch {
	case f.Op == 0 && f.Times == 0:
		return fmt.Sprintf("all %ss in %s %s", what, where, ends)
	case times == 1:
		return fmt.Sprintf("%s number %d in %s %s", what, f.Op, where, one)
	}
	return fmt.Sprintf("%ss number %d to %d in %s %s", what, f.Op, f.Op+times-1, where, ends)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// verb is a verb of n things.
func verb(n int, v string) string {
	if n == 1 {
		return v + "s"
	}
	return v
}
