package scene

import (
	"time"

	"go.yaml.in/yaml/v3"

	"airlift/lua"
)

// gapMost is the longest time between two pieces of a file.
const gapMost = 10 * time.Second

// Stream is a file that arrives in pieces of Chunk bytes, one every Gap.
type Stream struct {
	Data  []byte
	Chunk int
	Gap   time.Duration
	Each  func(piece []byte) Happening
}

func (s Stream) happen(*Bench) []lua.SceneEvent { return nil } // its pieces do

func (s Stream) spread(at time.Duration) []Event {
	var list []Event
	for rest := s.Data; len(rest) > 0; at += s.Gap {
		n := min(s.Chunk, len(rest))
		list = append(list, Event{at, s.Each(rest[:n:n])})
		rest = rest[n:]
	}
	return list
}

// check refuses a file of too many pieces.
func (s Stream) check(n *yaml.Node) {
	if len(s.Data)/s.Chunk >= eventsMost {
		fail(n, "file: %d bytes in pieces of %d are more than %d events", len(s.Data), s.Chunk, eventsMost)
	}
	if s.Gap > gapMost {
		fail(n, "gap: %v, at most %v", s.Gap, gapMost)
	}
}
