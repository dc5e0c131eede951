package sweep

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"airlift/emu"
	"airlift/emu/fault"
)

// Case is one way in which a scenario can go wrong. Number and scenario decide
// it; cases know nothing of one another.
type Case struct {
	// Number is the case's unit of work: cases of different numbers may be run
	// anywhere, in any order. Without a sample it is the number of the first
	// fault.
	Number uint64 `json:"n"`
	// Path are the numbers of the faults: operation times the number of ways to
	// fail there, plus the way. It is what an ID shows.
	Path []uint64 `json:"path,omitempty"`
	// Faults are what the path stands for.
	Faults []fault.Fault `json:"faults,omitempty"`
}

// PathText is the path as IDs hold it: "4711" or "4711.88".
func (c *Case) PathText() string { return pathText(c.Path) }

func pathText(path []uint64) string {
	var b strings.Builder
	for i, p := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatUint(p, 10))
	}
	return b.String()
}

// ErrNoCase is the error for a case that a scenario does not have.
var ErrNoCase = errors.New("the scenario has no such case")

// ID names a case for a replay: NAME~DIGEST/PATH. The digest tells whether the
// scenario is still the one that the case was found in.
type ID struct {
	Scenario string
	Digest   string // "" in an ID that a person typed: any will do
	Path     []uint64
}

// NewID returns the ID of a case.
func NewID(s *Scenario, c *Case) ID { return ID{Scenario: s.Name, Digest: s.Digest(), Path: c.Path} }

func (id ID) String() string {
	if id.Digest == "" {
		return id.Scenario + "/" + pathText(id.Path)
	}
	return id.Scenario + "~" + id.Digest + "/" + pathText(id.Path)
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// ParseID reads an ID.
func ParseID(text string) (ID, error) {
	bad := func() (ID, error) {
		return ID{}, fmt.Errorf("replay ID %q: expected SCENARIO~DIGEST/CASE as a sweep prints it, like xt804-zipped~0a1b2c3d/4711", text)
	}
	i := strings.LastIndexByte(text, '/')
	if i <= 0 {
		return bad()
	}
	id := ID{}
	id.Scenario, id.Digest, _ = strings.Cut(text[:i], "~")
	for part := range strings.SplitSeq(text[i+1:], ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil || len(id.Path) == pathMax {
			return bad()
		}
		id.Path = append(id.Path, n)
	}
	if id.Scenario == "" {
		return bad()
	}
	return id, nil
}

// Result is what came of a case. In a results file it is one line.
type Result struct {
	Case
	Outcome emu.Outcome `json:"outcome"`
	// Broken are the invariants that do not hold, in the order of Invariants.
	Broken []Invariant `json:"broken,omitempty"`
	Boots  int         `json:"boots,omitempty"` // from the last cut until nothing changed
	// Detail is the evidence for an outcome that is neither new nor old, or for
	// a broken invariant: one line.
	Detail string `json:"detail,omitempty"`
	// Places are where the faults struck, one for each of Faults that did. The
	// results of cases that went well leave them out, and Path and Faults too.
	Places []Place `json:"places,omitempty"`
}

// Fine reports whether nothing is wrong with the result.
func (r *Result) Fine() bool {
	return len(r.Broken) == 0 && (r.Outcome == emu.OutcomeNew || r.Outcome == emu.OutcomeOld)
}

// Place is an operation of a run.
type Place struct {
	Number uint64 `json:"op"`             // as in Fault.Op
	Boot   int    `json:"boot"`           // 0 is the run's first
	Stage  string `json:"stage"`          // updater, boot or core
	Kind   string `json:"kind"`           // program or erase
	Part   string `json:"part"`           // partition
	Chip   int    `json:"chip,omitempty"` // flash chip on the board
	Off    int64  `json:"off"`            // bytes from the start of the flash chip
	Len    int64  `json:"len"`            // bytes
}

func (p *Place) String() string {
	chip := ""
	if p.Chip > 0 {
		chip = fmt.Sprintf(" chip %d", p.Chip)
	}
	return fmt.Sprintf("#%d %s %s%s 0x%06X+0x%X (%s, boot %d)", p.Number, p.Kind, p.Part, chip, p.Off, p.Len, p.Stage, p.Boot)
}

// Finding is a group of results that went wrong in the same way.
type Finding struct {
	// Signature is what they have in common: outcome, broken invariants, the
	// partition and kind of the operation that the last fault hit, and the
	// reason, without numbers.
	Signature string      `json:"signature"`
	Outcome   emu.Outcome `json:"outcome"`
	Broken    []Invariant `json:"broken,omitempty"`
	Cases     uint64      `json:"cases"`
	First     Result      `json:"first"` // the case with the lowest number
	ID        ID          `json:"id"`    // of First: airlift replay ID
}
