package iot

import (
	"fmt"
	"strings"
	"time"
)

// Decision is the answer to a query, and how it came about.
type Decision struct {
	Reason   Reason
	Step     int      // number of the rule that decided, 1 to 13
	Steps    []Step   // the rules that were tried, in order
	Notes    []string // what is odd about the query
	Project  *Project
	Device   *Device // as it was before the request; nil if unknown
	Firmware *Firmware
	Job      *Job // whose package is sent instead of the firmware's file
	Redirect bool // answer with the file's address instead of the file
	Effects  Effects
	// Delivered are effects for the moment at which the file has arrived.
	Delivered Effects
}

// Step is one rule that was tried, for people (iot-platform.md 3.8).
type Step struct {
	N          int    `json:"step"`
	Rule       string `json:"rule"`
	Compared   string `json:"compared"`
	Conclusion string `json:"conclusion"`
	Fix        string `json:"fix,omitempty"`
	Passed     bool   `json:"passed"`
}

// Decide answers a query by the 13 steps of iot-platform.md 3.8. It changes
// nothing and depends on nothing but its arguments.
func Decide(q Query, v View, s Settings, now time.Time) Decision {
	r := &run{q: q, v: v, s: s, now: now}
	r.d.Effects = Effects{Identity: q.Identity, At: now, Forget: now.Add(-s.Loop.Window)}
	r.d.Delivered = r.d.Effects
	r.d.Notes = q.Notes
	for i, step := range []func(*run) bool{
		(*run).identity, (*run).project, (*run).ownership, (*run).touch, (*run).allowed, (*run).named, (*run).policy,
		(*run).switched, (*run).newest, (*run).baseline, (*run).difference, (*run).loopGuard, (*run).deliver,
	} {
		r.n = i + 1
		if !step(r) {
			break
		}
	}
	r.finish()
	return r.d
}

// run is one decision in the making. A rule returns false when it decided.
type run struct {
	q     Query
	v     View
	s     Settings
	now   time.Time
	n     int // number of the current rule
	d     Decision
	names []Firmware // with the name that the device sent
	cand  []Firmware // of these, what the device may get
	back  bool       // it is sent back by a roll-back
	// groups are the roll-outs that allow candidates.
	groups map[int64]Delivery
}

// pass notes a rule that let the query through.
func (r *run) pass(rule, compared, conclusion string) bool {
	r.d.Steps = append(r.d.Steps, Step{N: r.n, Rule: rule, Compared: compared, Conclusion: conclusion, Passed: true})
	return true
}

// stop notes the rule that decided.
func (r *run) stop(reason Reason, rule, compared, conclusion, fix string) bool {
	r.d.Reason, r.d.Step = reason, r.n
	r.d.Steps = append(r.d.Steps, Step{N: r.n, Rule: rule, Compared: compared, Conclusion: conclusion, Fix: fix})
	return false
}

// 1. Who asks?
func (r *run) identity() bool {
	const rule = "identity: first non-empty of imei, mac, uid"
	if r.q.Identity == "" {
		fix := "send imei= (lower case) with something unique"
		if len(r.q.Notes) > 0 {
			fix += "; " + strings.Join(r.q.Notes, "; ")
		}
		return r.stop(NoIdentity, rule, "none of them is there", "nobody says who asks; the platform itself logs nothing then", fix)
	}
	return r.pass(rule, r.q.Param+"="+quote(r.q.Identity), "the device is "+quote(r.q.Identity))
}

// 2. Which project?
func (r *run) project() bool {
	const rule = "project: project_key must be a project's key, exactly"
	compared := "project_key=" + quote(r.q.ProjectKey)
	p, ok := r.v.ProjectByKey(r.q.ProjectKey)
	if !ok {
		return r.stop(UnknownProject, rule, compared, "no project has this key",
			"copy PRODUCT_KEY from the project list (项目Key); 123 is the placeholder of the demos")
	}
	r.d.Project = &p
	return r.pass(rule, compared, "project "+quote(p.Name))
}

// 3. Whose device is it?
func (r *run) ownership() bool {
	const rule = "ownership: a device belongs to one project of one account"
	d, ok := r.v.Device(r.q.Identity)
	if !ok {
		return r.register(rule)
	}
	r.d.Device = &d
	owner, _ := r.v.Project(d.Project)
	if owner.Account != r.d.Project.Account {
		// The other account is not named: this one may read the explanation.
		return r.stop(ForeignAccount, rule, fmt.Sprintf("key of project %s of account %s", quote(r.d.Project.Name), r.account(r.d.Project.Account)),
			"the device belongs to another account",
			"let its owner transfer or reset the device; new modules sit in their buyer's default project")
	}
	compared := fmt.Sprintf("device in project %s, key of project %s", quote(owner.Name), quote(r.d.Project.Name))
	if owner.ID != r.d.Project.ID {
		return r.stop(ForeignProject, rule, compared, "the device belongs to another project of the account",
			"transfer the device to this project, or use the key of its project")
	}
	return r.pass(rule, compared, "the device is in this project")
}

func (r *run) account(id int64) string {
	a, _ := r.v.Account(id)
	return quote(a.Name)
}

// register decides about a device that nobody knows.
func (r *run) register(rule string) bool {
	compared := quote(r.q.Identity) + " is in no project; registration is " + string(r.s.Registration)
	switch r.s.Registration {
	case Manual:
		return r.stop(Unregistered, rule, compared, "nobody registered the device", "add the device to the project by hand")
	case FirstSuccess:
		r.d.Delivered.Register = r.d.Project.ID
		return r.pass(rule, compared, "the device joins the project when it has downloaded a file")
	}
	r.d.Effects.Register = r.d.Project.ID
	return r.pass(rule, compared, "the device joins the project now")
}

// 4. Note what the device tells about itself.
func (r *run) touch() bool {
	device := r.release()
	t := Touch{clip(device.Version), clip(r.q.FirmwareName), clip(device.Core)}
	r.settle(device)
	r.d.Effects.Touch, r.d.Delivered.Touch = &t, nil
	if r.d.Delivered.Register != 0 {
		r.d.Delivered.Touch = &t
	}
	return r.pass("device list: last online, version and firmware name", "version="+quote(r.q.Version), "noted as reported")
}

// settle concludes from the request what became of the last delivery. Going on
// with a download tells nothing.
func (r *run) settle(device Release) {
	if r.d.Device == nil || r.q.RangeFrom > 0 {
		return
	}
	for _, v := range r.d.Device.Deliveries {
		if v.Outcome == OutcomeOpen || v.Outcome == OutcomeNever { // which may be wrong in the end
			r.d.Effects.Settle = &Settlement{v, v.Settle(device)}
		}
	}
}

// 5. May the device be upgraded at all?
func (r *run) allowed() bool {
	const rule = "device switch: upgrade state 允许 or 禁止"
	d := r.d.Device
	switch {
	case d == nil:
		return r.pass(rule, "new device", "allowed")
	case d.Forbidden:
		return r.stop(DeviceForbidden, rule, "forbidden by hand", "the device may not be upgraded", "set 升级状态 to 允许 in the device list")
	case d.Banned:
		return r.stop(LoopBan, rule, "banned by the loop guard", "the device may not be upgraded", fixLoop)
	}
	if r.s.Loop.Counts == CountRequests && r.s.Loop.Count > 0 {
		if n := countSince(d.Requests, r.now.Add(-r.s.Loop.Window)); n >= r.s.Loop.Count {
			r.d.Effects.Ban = true
			return r.stop(LoopBan, rule, fmt.Sprintf("%d requests in %v, %d are allowed", n, r.s.Loop.Window, r.s.Loop.Count),
				"the device is banned", "poll less often; "+fixLoop)
		}
	}
	return r.pass(rule, "not forbidden, not banned", "allowed")
}

const fixLoop = "find out why the package does not take on the device, then set 升级状态 to 允许 in the device list"

func countSince(times []time.Time, since time.Time) int {
	n := 0
	for _, t := range times {
		if !t.Before(since) {
			n++
		}
	}
	return n
}

// 6. Is there firmware with this name?
func (r *run) named() bool {
	const rule = "firmware name: firmware_name must be equal to a firmware of the project"
	all := r.v.Firmware(r.d.Project.ID)
	compared := "firmware_name=" + quote(r.q.FirmwareName)
	for _, f := range all {
		if f.Name == r.q.FirmwareName || f.Name == r.q.RawName && f.Name != "" {
			r.names = append(r.names, f)
		}
	}
	if len(r.names) == 0 {
		return r.stop(UnknownFirmware, rule, compared, "the project has no firmware with this name",
			"make 固件名 and what the device sends equal, often PROJECT was renamed; the project has "+nameList(all))
	}
	return r.pass(rule, compared, fmt.Sprintf("%d firmware with this name", len(r.names)))
}

// nameList lists firmware names without repeating them.
func nameList(all []Firmware) string {
	const most = 8
	var list []string
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[f.Name] && len(list) < most {
			seen[f.Name] = true
			list = append(list, quote(f.Name))
		}
	}
	if list == nil {
		return "no firmware at all"
	}
	return strings.Join(list, ", ")
}

// clip bounds what a device tells about itself before it is stored.
func clip(s string) string {
	if len(s) > textBytesMax {
		s = s[:textBytesMax]
	}
	return clean(s)
}
