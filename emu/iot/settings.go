package iot

import (
	"fmt"
	"time"
)

// Registration says when an unknown device joins the project whose key it
// sends (iot-platform.md 3.2).
type Registration string

const (
	FirstRequest Registration = "first_request" // at its first request
	FirstSuccess Registration = "first_success" // when it has downloaded a file
	Manual       Registration = "manual"        // never: somebody adds it
)

// LoopCounts says what the loop guard counts (iot-platform.md 3.7).
type LoopCounts string

const (
	CountRequests   LoopCounts = "requests"
	CountDeliveries LoopCounts = "deliveries"
	CountSameTarget LoopCounts = "same_target_deliveries"
)

// Loop is the loop guard: Count events within Window are allowed.
type Loop struct {
	Count  int // 0: no guard
	Window time.Duration
	Counts LoopCounts
}

// Baseline is a range of RDA8910 cores between which a device may be upgraded.
type Baseline struct {
	Name     string // "1.2"
	From, To Version
}

// Settings are the switches of a server.
type Settings struct {
	Registration Registration
	Comparator   Comparator // of projects that choose none
	Loop         Loop
	DiffDelay    time.Duration // how long building a difference package takes
	Redirect     bool          // honour need_oss_url=1
	IgnoreRange  bool          // answer 200 with the whole file to a Range request
	Minimal      bool          // only the headers that devices need
	Baselines    []Baseline
}

// DefaultSettings returns the platform's settings.
func DefaultSettings() Settings {
	return Settings{
		Registration: FirstRequest,
		Loop:         Loop{Count: 6, Window: 24 * time.Hour, Counts: CountSameTarget},
		DiffDelay:    90 * time.Second,
		Redirect:     true,
	}
}

// Check refuses settings that make no sense.
func (s Settings) Check() error {
	switch s.Registration {
	case FirstRequest, FirstSuccess, Manual:
	default:
		return fmt.Errorf("no registration %s: known are first_request, first_success, manual", quote(string(s.Registration)))
	}
	switch s.Loop.Counts {
	case CountRequests, CountDeliveries, CountSameTarget:
	default:
		return fmt.Errorf("the loop guard cannot count %s: known are requests, deliveries, same_target_deliveries", quote(string(s.Loop.Counts)))
	}
	if s.Loop.Count < 0 || s.Loop.Count >= recentMax || s.Loop.Window < 0 {
		return fmt.Errorf("loop guard of %d in %v: the count is 0 to %d and the window not negative", s.Loop.Count, s.Loop.Window, recentMax-1)
	}
	if s.DiffDelay < 0 {
		return fmt.Errorf("difference packages cannot take %v", s.DiffDelay)
	}
	return s.Comparator.Check()
}
