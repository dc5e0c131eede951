package iot

import (
	"fmt"
	"strings"
	"time"
)

// 7. Which of them may this device get? A firmware that lists the device wins
// over those for all devices, even if it is older (iot-platform.md 3.3).
func (r *run) policy() bool {
	const rule = "policy: firmware that lists the device, else firmware for all devices"
	if back, ok := r.rollback(); ok {
		r.back, r.cand = true, []Firmware{back}
		return r.pass("roll-back: what the device runs was withdrawn", "device "+quote(r.q.Version), "it is sent back to "+back.Version)
	}
	for _, f := range r.names {
		if r.v.Lists(f.ID, r.q.Identity) {
			r.cand = append(r.cand, f)
		}
	}
	if len(r.cand) > 0 {
		return r.pass(rule, fmt.Sprintf("listed in %s", versions(r.cand)), "only these count, even if they are older")
	}
	for _, f := range r.names {
		if f.All {
			r.cand = append(r.cand, f)
		}
	}
	if len(r.cand) == 0 {
		return r.stop(NotListed, rule, fmt.Sprintf("%s: no list has the device, none is for all devices", versions(r.names)),
			"the device is not in the list of devices to upgrade", "add the device to 指定设备, or switch 升级全部设备 on")
	}
	return r.pass(rule, fmt.Sprintf("for all devices: %s", versions(r.cand)), "these count")
}

func versions(list []Firmware) string {
	const most = 8
	var b strings.Builder
	for i, f := range list {
		if i == most {
			b.WriteString(" ...")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(f.Version)
	}
	return b.String()
}

// 8. Are they switched on?
func (r *run) switched() bool {
	const rule = "upgrade switch: 允许升级"
	all := r.cand
	r.cand = nil
	for _, f := range all {
		if f.Allow {
			r.cand = append(r.cand, f)
		}
	}
	if len(r.cand) == 0 {
		return r.stop(FirmwareDisabled, rule, fmt.Sprintf("%s: off", versions(all)), "no firmware is switched on", "switch 允许升级 on")
	}
	r.pass(rule, fmt.Sprintf("%s: on", versions(r.cand)), fmt.Sprintf("%d candidates", len(r.cand)))
	return r.staged()
}

// staged leaves what the roll-outs allow (not on the platform). It is part of
// the switch, and says nothing where nothing is rolled out.
func (r *run) staged() bool {
	const rule = "roll-out: a firmware that is rolled out goes to the released groups"
	all, said, last := r.cand, false, ""
	r.cand = nil
	for _, f := range all {
		ro, ok := r.v.Rollout(f.ID)
		if !ok || r.back {
			r.cand = append(r.cand, f)
			continue
		}
		group, allowed, why := ro.Allows(r.q.Identity)
		said, last = true, f.Version+": "+why
		if allowed {
			if r.groups == nil {
				r.groups = map[int64]Delivery{}
			}
			r.groups[f.ID] = Delivery{Rollout: ro.ID, Group: group}
			r.cand = append(r.cand, f)
		}
	}
	switch {
	case len(r.cand) == 0:
		return r.stop(NotRolledOut, rule, last, "no firmware has been rolled out to this device yet", "wait, release the next group, or delete the roll-out")
	case said:
		return r.pass(rule, last, fmt.Sprintf("%d candidates", len(r.cand)))
	}
	return true
}

// rollback finds what the device is sent back to: the version that it runs was
// rolled back.
func (r *run) rollback() (Firmware, bool) {
	device := r.release()
	for _, f := range r.names {
		ro, ok := r.v.Rollout(f.ID)
		if !ok || ro.State != RolloutRolledBack || ro.RollbackTo == 0 {
			continue
		}
		if (&Delivery{To: f.Version, ToCore: f.Core, From: "\x00"}).Settle(device) != OutcomeNew || risen(f.Version, device.Version) {
			continue
		}
		for _, to := range r.names {
			if to.ID == ro.RollbackTo {
				return to, true
			}
		}
	}
	return Firmware{}, false
}

// 9. Is the highest one newer than what the device runs?
func (r *run) newest() bool {
	best := highest(r.cand)
	r.d.Firmware = &best
	c := r.comparator(best)
	rule := "version: the highest one must be newer (" + string(c) + ")"
	device := r.release()
	if r.back {
		return r.pass("version: a roll-back goes to an older one", fmt.Sprintf("device %s, server %s", describe(device), describe(r.released(best))), "sent although it is not newer")
	}
	compared := fmt.Sprintf("device %s, server %s", describe(device), describe(r.released(best)))
	order, why := c.compare(device, r.released(best))
	switch order {
	case newer:
		return r.pass(rule, compared, "newer: "+why)
	case same:
		return r.stop(UpToDate, rule, compared, "the device has it already: "+why,
			"raise the first or the last part of VERSION; the middle one is never sent by LuatOS")
	case older:
		return r.stop(Downgrade, rule, compared, "not newer: "+why,
			"there is no downgrade: publish the old content with a higher version")
	}
	return r.stop(UpToDate, rule, compared, why, "versions are three numbers, such as 1025.1.0")
}

// release is what the device runs.
func (r *run) release() Release {
	if r.q.Turnkey {
		return Release{r.q.ScriptVersion, r.q.CoreVersion}
	}
	return Release{r.q.Version, r.q.CoreVersion}
}

// released is what the device will run with a firmware.
func (r *run) released(f Firmware) Release {
	if r.q.Turnkey {
		return f.turnkey()
	}
	return Release{f.Version, f.Core}
}

func describe(r Release) string {
	if r.Core == "" {
		return quote(r.Version)
	}
	return quote(r.Version) + " on core " + quote(r.Core)
}

// comparator chooses the rule: the project's, the server's, or one that fits.
func (r *run) comparator(best Firmware) Comparator {
	switch {
	case r.d.Project.Comparator != Auto:
		return r.d.Project.Comparator
	case r.s.Comparator != Auto:
		return r.s.Comparator
	case r.q.CoreVersion != "" || isAT(best.Name):
		return CoreThenVersion
	}
	return Tuple
}

// highest returns the firmware with the highest version, then core; among
// equals the one created last.
func highest(list []Firmware) Firmware {
	best := list[0]
	for _, f := range list[1:] {
		if compareFirmware(f, best) >= 0 {
			best = f
		}
	}
	return best
}

func compareFirmware(a, b Firmware) int {
	va, _ := ParseVersion(a.Version)
	vb, _ := ParseVersion(b.Version)
	if n := va.Compare(vb); n != 0 {
		return n
	}
	ca, _ := ParseCore(a.Core)
	cb, _ := ParseCore(b.Core)
	return ca.Compare(cb)
}

// 10. RDA8910 devices cannot cross from one baseline to another.
func (r *run) baseline() bool {
	const rule = "baseline: RDA8910 cores of different baselines do not upgrade into each other"
	from, to := r.baselineOf(r.q.CoreVersion), r.baselineOf(r.d.Firmware.Core)
	if from == "" || to == "" {
		return r.pass(rule, "baseline of device or firmware not known", "does not apply")
	}
	compared := fmt.Sprintf("device %s, firmware %s", from, to)
	if from != to {
		return r.stop(BaselineForbidden, rule, compared, "crossing the baseline is not allowed", "stay on the baseline, or flash by cable")
	}
	return r.pass(rule, compared, "same baseline")
}

func (r *run) baselineOf(core string) string {
	v, err := ParseCore(core)
	if err != nil {
		return ""
	}
	for _, b := range r.s.Baselines {
		if v.Compare(b.From) >= 0 && v.Compare(b.To) <= 0 {
			return b.Name
		}
	}
	return ""
}

func isAT(name string) bool { return strings.HasPrefix(name, "AirM2M_") }

// 11. Must the platform build a difference package first?
func (r *run) difference() bool {
	const rule = "difference package: built by the platform for RDA8910, AT and dfota=1"
	f := r.d.Firmware
	if r.q.Turnkey {
		return r.pass(rule, "the turnkey API has none", "the uploaded file is sent")
	}
	if !r.q.Dfota && !isAT(f.Name) && !strings.Contains(f.Name, "RDA8910") {
		return r.pass(rule, "dfota is not 1, "+quote(f.Name)+" is neither RDA8910 nor AT", "the uploaded file is sent")
	}
	core, err := ParseCore(r.q.CoreVersion)
	compared := "core_version=" + quote(r.q.CoreVersion)
	base, known := int64(0), false
	if err == nil {
		base, known = r.v.KnowsCore(r.d.Project.ID, r.q.FirmwareName, core)
	}
	if !known {
		return r.stop(BaseUnknown, rule, compared, "the platform does not know this core", "register the core; custom cores have to be sent to support")
	}
	job, ok := r.v.Job(core, f.ID)
	if !ok {
		job = Job{Core: core, Base: base, Firmware: f.ID, Started: r.now, Ready: r.now.Add(r.s.DiffDelay), State: JobReady}
		if base != 0 {
			job.State = JobBuilding
		}
		r.d.Effects.Job = &job
	}
	switch {
	case job.State == JobFailed:
		return r.stop(BaseUnknown, rule, compared, "the package could not be built: "+job.Error, "upload what fits to each other as base and as firmware")
	case r.now.Before(job.Ready):
		return r.stop(BuildingDiff, rule, compared, fmt.Sprintf("being built, ready in %v", job.Ready.Sub(r.now)), "ask again after one to three minutes")
	case job.State == JobBuilding:
		return r.stop(BuildingDiff, rule, compared, "still being built", "ask again after one to three minutes")
	}
	r.d.Job = &job
	return r.pass(rule, compared, "built")
}

// 12. Has the device been sent this too often without effect?
func (r *run) loopGuard() bool {
	const rule = "loop guard"
	loop := r.s.Loop
	if loop.Count == 0 || loop.Counts == CountRequests {
		return r.pass(rule, "deliveries are not counted", "does not apply")
	}
	n := 0
	if r.d.Device != nil {
		n = r.deliveries(r.d.Device.Deliveries, r.now.Add(-loop.Window))
	}
	compared := fmt.Sprintf("%d %s in %v, %d are allowed", n, strings.ReplaceAll(string(loop.Counts), "_", " "), loop.Window, loop.Count)
	if n >= loop.Count {
		r.d.Effects.Ban = true
		return r.stop(LoopBan, rule, compared, "the device is banned", fixLoop)
	}
	return r.pass(rule, compared, "within the limit")
}

// deliveries counts what the loop guard looks at: with same-target counting,
// only deliveries of this firmware since which the version has not risen.
func (r *run) deliveries(list []Delivery, since time.Time) int {
	n := 0
	for _, v := range list {
		if v.At.Before(since) {
			continue
		}
		if r.s.Loop.Counts == CountSameTarget && (v.Firmware != r.d.Firmware.ID || risen(v.From, r.release().Version)) {
			continue
		}
		n++
	}
	return n
}

func risen(from, to string) bool {
	a, err1 := ParseVersion(from)
	b, err2 := ParseVersion(to)
	return err1 == nil && err2 == nil && b.Compare(a) > 0
}

// 13. Send it.
func (r *run) deliver() bool {
	const rule = "delivery"
	f := r.d.Firmware
	if r.q.RangeFrom == 0 {
		r.d.Delivered.FinishAt = r.now
		device := r.release()
		v := r.groups[f.ID]
		v.Identity, v.Firmware, v.At, v.Outcome = r.q.Identity, f.ID, r.now, OutcomeOpen
		v.From, v.FromCore = clip(device.Version), clip(device.Core)
		to := r.released(*f)
		v.To, v.ToCore = to.Version, to.Core
		if r.q.Turnkey {
			v.Serial = r.q.serial(f, r.now)
		}
		if r.d.Delivered.Register != 0 {
			r.d.Delivered.Delivery = &v
		} else {
			r.d.Effects.Delivery = &v
		}
	}
	r.d.Delivered.Finish = f.ID
	r.d.Reason, r.d.Step = Deliver, r.n
	how := fmt.Sprintf("the file is sent, %d bytes", f.Size)
	if r.q.NeedOSSURL && r.s.Redirect {
		r.d.Redirect = true
		how = "the file's address is sent (302), because need_oss_url=1"
	}
	return r.pass(rule, "firmware "+quote(f.Name)+" "+f.Version, how)
}

// finish fills in the effects that depend on how it ended.
func (r *run) finish() {
	counted := r.s.Loop.Counts == CountRequests && r.s.Loop.Count > 0
	r.d.Effects.Request = counted && r.d.Step > 4 && r.d.Reason != BuildingDiff
	if r.d.Reason != Deliver {
		r.d.Delivered = Effects{}
	}
	log := &LogEntry{
		Time: r.now, Identity: r.q.Identity, FirmwareName: clip(r.q.FirmwareName), DeviceVersion: clip(r.release().Version),
		ServerVersion: "unknown", URL: r.q.URL, Reason: r.d.Reason, Steps: r.d.Steps, Notes: r.d.Notes,
	}
	if r.d.Project != nil {
		log.Project = r.d.Project.ID
	} else if r.d.Reason == NoIdentity { // the key's owner wants to know
		p, _ := r.v.ProjectByKey(r.q.ProjectKey)
		log.Project = p.ID
	}
	switch {
	case r.d.Firmware != nil:
		log.ServerVersion = r.d.Firmware.Version
	case len(r.names) > 0:
		log.ServerVersion = highest(r.names).Version
	}
	r.d.Effects.Log = log
}
