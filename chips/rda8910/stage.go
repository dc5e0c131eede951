package rda8910

import "fmt"

// StageSize is the length of /fota/fota.stage in bytes (8910.md 4.2).
const StageSize = 8

// Indicators of a stage (8910.md 4.2).
const (
	StageNotReady  = 0
	StageReady     = 1 // armed by the core
	StageStarted   = 2 // boot code works; Block is the next to build
	StageBackReady = 3 // the new content of Block is in fota.tmp
	StageFinished  = 4
)

// Stage is the journal of an upgrade (8910.md 4.2).
type Stage struct {
	Indicator byte
	Block     uint32 // counted through all bulks of the pack
}

// ParseStage reads the file. The error is a *explain.FormatError.
func ParseStage(b []byte) (Stage, error) {
	switch {
	case len(b) != StageSize:
		return Stage{}, wrong(0, "fota.stage", "8 bytes", len(b))
	case b[0] > StageFinished:
		return Stage{}, wrong(0, "indicator", "0..4", b[0])
	case b[1]|b[2]|b[3] != 0:
		return Stage{}, wrong(1, "bytes behind the indicator", "00 00 00", fmt.Sprintf("% X", b[1:4]))
	}
	return Stage{Indicator: b[0], Block: le.Uint32(b[4:])}, nil
}

// Encode returns the file.
func (s Stage) Encode() []byte {
	return le.AppendUint32([]byte{s.Indicator, 0, 0, 0}, s.Block)
}

func (s Stage) String() string {
	switch s.Indicator {
	case StageReady:
		return "READY"
	case StageStarted:
		return fmt.Sprintf("STARTED, block %d is next", s.Block)
	case StageBackReady:
		return fmt.Sprintf("BACK_READY, block %d is in fota.tmp", s.Block)
	case StageFinished:
		return "FINISHED"
	}
	return "NOT_READY"
}
