package link

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// Model is how a link behaves. The zero value is a link without delay, limit
// or loss.
type Model struct {
	Latency      time.Duration // one way
	Jitter       time.Duration // added to the latency of a segment: 0 to Jitter, evenly
	BandwidthBps int64         // bits per second in each direction, 0: no limit
	LossPermille int           // segments lost of 1000
	MSS          int           // payload bytes of a segment, 0: 1460
}

// Names of the models that [Preset] knows, in the order of their speed.
var Presets = []string{"ideal", "wifi", "cat1", "nbiot"}

// Preset returns a model by name. The figures are assumptions of ordinary
// quality, not measurements: a local network, LTE Cat.1, NB-IoT.
func Preset(name string) (Model, error) {
	switch name {
	case "ideal":
		return Model{}, nil
	case "wifi":
		return Model{Latency: 5 * time.Millisecond, Jitter: 2 * time.Millisecond, BandwidthBps: 8_000_000}, nil
	case "cat1":
		return Model{Latency: 40 * time.Millisecond, Jitter: 20 * time.Millisecond, BandwidthBps: 2_000_000, MSS: 1400}, nil
	case "nbiot":
		return Model{Latency: 800 * time.Millisecond, Jitter: 400 * time.Millisecond, BandwidthBps: 30_000, LossPermille: 10, MSS: 1280}, nil
	}
	return Model{}, fmt.Errorf("no link model %q: known are %s", name, strings.Join(Presets, ", "))
}

// Check says what is wrong with a model.
func (m Model) Check() error {
	switch {
	case m.Latency < 0 || m.Latency > time.Minute:
		return fmt.Errorf("link latency %v is outside 0 to 1m", m.Latency)
	case m.Jitter < 0 || m.Jitter > time.Minute:
		return fmt.Errorf("link jitter %v is outside 0 to 1m", m.Jitter)
	case m.BandwidthBps < 0 || m.BandwidthBps > 0 && m.BandwidthBps < 100 || m.BandwidthBps > 1e12:
		return fmt.Errorf("link bandwidth %d bit/s is neither 0 nor from 100 to 10^12", m.BandwidthBps)
	case m.LossPermille < 0 || m.LossPermille > 1000:
		return fmt.Errorf("link loss of %d per mille is outside 0 to 1000", m.LossPermille)
	case m.MSS < 0 || m.MSS > 0 && m.MSS < 64 || m.MSS > 65535:
		return fmt.Errorf("link MSS of %d bytes is neither 0 nor from 64 to 65535", m.MSS)
	}
	return nil
}

const (
	overheadBytes = 40 // IP and TCP headers of a segment
	controlBytes  = overheadBytes
	mssDefault    = 1460
	// Retransmission time-outs as RFC 6298 has them: at least a second for the
	// handshake, at least 200 ms later (what most stacks use), doubled each time.
	rtoFirst = time.Second
	rtoLater = 200 * time.Millisecond
	rtoMost  = time.Minute
	// sendsMax is how often a segment is sent before the connection counts as
	// broken.
	sendsMax = 8
)

// serialise returns how long n bytes occupy the link.
func (m Model) serialise(n int) time.Duration {
	if m.BandwidthBps == 0 {
		return 0
	}
	return time.Duration(int64(n) * 8 * int64(time.Second) / m.BandwidthBps)
}

// transit draws how long one segment is on its way: latency, jitter, and what
// lost copies cost. sends is how often it took the link; lost says that it
// never arrived.
func (m Model) transit(r *rand.Rand, rto time.Duration) (d time.Duration, sends int, lost bool) {
	d = m.Latency
	if m.Jitter > 0 {
		d += time.Duration(r.Int64N(int64(m.Jitter) + 1))
	}
	rto = max(rto, 2*(m.Latency+m.Jitter))
	for sends = 1; m.LossPermille > 0 && r.IntN(1000) < m.LossPermille; sends++ {
		d += rto
		rto = min(2*rto, rtoMost)
		if sends == sendsMax {
			return d, sends, true
		}
	}
	return d, sends, false
}

// roundTrip draws how long a question of control segments takes there and back.
func (m Model) roundTrip(r *rand.Rand) (time.Duration, bool) {
	there, n1, lost1 := m.transit(r, rtoFirst)
	if lost1 {
		return there, true
	}
	back, n2, lost2 := m.transit(r, rtoFirst)
	return there + back + time.Duration(n1+n2)*m.serialise(controlBytes), lost2
}
