package iot

import "time"

// Outcome is what became of a delivery. There is no report: the platform
// concludes it from the next request, or from silence (iot-platform.md 7.3).
type Outcome string

const (
	OutcomeOpen        Outcome = "open"        // sent, the device has not asked again
	OutcomeNew         Outcome = "new"         // it came back with the new version
	OutcomeOld         Outcome = "old"         // it had the whole file and came back with the old version
	OutcomeInterrupted Outcome = "interrupted" // it asked again without having had the whole file
	OutcomeNever       Outcome = "never"       // it did not come back in time
)

// Outcomes lists all outcomes.
var Outcomes = []Outcome{OutcomeOpen, OutcomeNew, OutcomeOld, OutcomeInterrupted, OutcomeNever}

// Delivery is one time that a firmware was sent to a device.
type Delivery struct {
	ID       int64     `json:"id"`
	Device   int64     `json:"device"`
	Identity string    `json:"identity"`
	Firmware int64     `json:"firmware"`
	From     string    `json:"from"`                // version that the device reported
	FromCore string    `json:"from_core,omitempty"` // core that it reported on its own
	To       string    `json:"to"`                  // version of the firmware
	ToCore   string    `json:"to_core,omitempty"`
	At       time.Time `json:"at"`
	Whole    bool      `json:"whole"` // the last byte has been sent
	Outcome  Outcome   `json:"outcome"`
	Settled  time.Time `json:"settled,omitzero"`
	Rollout  int64     `json:"rollout,omitempty"`
	Group    int       `json:"group,omitempty"`  // of the roll-out, from 0
	Serial   string    `json:"serial,omitempty"` // fota_sn of the turnkey API
}

// Settle says what a request with this release tells about an open delivery.
func (d *Delivery) Settle(now Release) Outcome {
	is := func(version, core string) bool {
		return sameVersion(now.Version, version) && (core == "" || now.Core == "" || sameCore(now.Core, core))
	}
	switch {
	case is(d.To, d.ToCore):
		return OutcomeNew
	case is(d.From, d.FromCore):
		if d.Whole {
			return OutcomeOld
		}
		return OutcomeInterrupted
	case risen(d.To, now.Version):
		return OutcomeNew // something still newer, by cable perhaps
	case d.Whole:
		return OutcomeOld
	}
	return OutcomeInterrupted
}

func sameVersion(a, b string) bool {
	va, err1 := ParseVersion(a)
	vb, err2 := ParseVersion(b)
	if err1 != nil || err2 != nil {
		return a == b
	}
	return va == vb
}

func sameCore(a, b string) bool {
	va, err1 := ParseCore(a)
	vb, err2 := ParseCore(b)
	if err1 != nil || err2 != nil {
		return a == b
	}
	return va == vb
}
