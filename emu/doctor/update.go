package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"airlift/lua/lua53"
)

// updaters are the libraries that bring a new firmware onto a module.
var updaters = []string{"libfota", "libfota2", "libfota3", "exfotawifi", "fota", "update"}

// Dates of the libraries from which on they behave otherwise
// (iot-platform.md 1.3.2, 1.4.2).
const (
	dateTripleHash = "2024-11-22" // ### and the trailing question mark
	dateURLOnce    = "2024-11-28" // the URL is composed once
	dateURLWhole   = "2025-02-11" // no more characters are lost
	dateTimeout    = "2025-12-15" // 180 s
	dateByModel    = "2026-06-29" // the identity follows hmeta.model
)

// knownModels are the beginnings of the models whose identity libfota2 finds
// by itself since dateByModel (iot-platform.md 1.4.1).
var knownModels = []string{"Air780E", "Air8000", "Air700", "Air8101", "Air1601", "Air1602", "Air1780"}

// pollMin is how far apart requests should at least be: six that end in the
// same failed package ban a module (iot-platform.md 3.7).
const pollMin = 10 * time.Minute

// update looks at whether, and how, a project can be upgraded at all.
func (x *exam) update() {
	found, reboots := len(x.compiled) > 0, len(x.compiled) > 0
	var init, done, finish bool
	at, file := 0, ""
	x.eachRef(func(f string, r *lua53.Ref) {
		root, _, _ := split(r.Name)
		if slices.Contains(updaters, root) && (r.Call || r.Module) {
			found = true
		}
		reboots = reboots || resets[r.Name]
		found = x.fileUpdate(f, r) || found
		switch r.Name {
		case "fota.init":
			init, at, file = true, r.Line, f
		case "fota.finish":
			finish = true
		case "fota.isDone", "fota.wait":
			done = true
		}
	})
	if !found {
		x.find("no-update", "", 0, "neither libfota, libfota2 nor another way to upgrade is used")
	}
	if init && !(done && finish) {
		missing := "fota.finish"
		if !done {
			missing = "fota.isDone"
		}
		x.find("fota-incomplete", file, at, "fota.init, but nothing calls %s", missing)
	}
	if len(x.requests) > 0 && !reboots {
		q := x.requests[0]
		x.find("reboot-missing", q.file, q.ref.Line, "%s.request, but nothing calls rtos.reboot", q.lib)
	}
}

// fileUpdate looks at downloads that scripts make themselves.
func (x *exam) fileUpdate(file string, r *lua53.Ref) (found bool) {
	for _, a := range r.Args {
		dst := a.Fields["dst"].Text
		if a.Text == "/update.bin" && a.Kind == lua53.ArgString || dst == "/update.bin" {
			found = true
			if !x.Chip.Profile.Features.FileOTA && r.Name != "os.remove" && r.Name != "io.exists" && !r.Guarded {
				x.find("update-file", file, r.Line, "/update.bin is written; %s never looks at it", x.module())
			}
		}
		if r.Name == "http.request" && a.Fields["fota"].Kind == lua53.ArgTrue {
			found = true
			if !x.Chip.Profile.Features.Fota && !r.Guarded {
				x.find("fota-missing", file, r.Line, "http.request with fota = true; %s has no fota library", x.module())
			}
		}
	}
	return found
}

// since reports whether the libraries are of a date or later.
func (x *exam) since(date string) bool { return x.Chip.Profile.LibDate >= date }

// eachRequest looks at where requests go and how often.
func (x *exam) eachRequest() {
	asksOnce := len(x.requests) > 0
	for i := range x.requests {
		q := &x.requests[i]
		asksOnce = asksOnce && !q.repeats
		x.address(q)
		if q.lib == "libfota2" {
			x.whoAmI(q)
		}
		if q.lib == "libfota" && q.arg(6) == nil && !x.since(dateTimeout) {
			x.find("short-timeout", q.file, q.ref.Line, "no time limit is given; these libraries give up after 30 s")
		}
		if q.repeats && q.period > 0 && q.period < pollMin {
			x.find("poll-often", q.file, q.ref.Line, "a request every %v", q.period)
		}
	}
	if asksOnce {
		q := x.requests[0]
		x.find("poll-once", q.file, q.ref.Line, "%s.request once in each run", q.lib)
	}
}

// address looks at the key and at the server's address.
func (x *exam) address(q *request) {
	url, own, known := q.url()
	key := x.sets["PRODUCT_KEY"] != nil
	if q.lib == "libfota2" {
		o, _ := q.options()
		_, given := o["project_key"]
		key = key || given
	}
	asIs := own && (q.lib == "libfota" || strings.HasPrefix(url, "###") || !known)
	if !key && !asIs {
		why := "the IoT platform"
		if own {
			why = "an address without ### in front"
		}
		x.find("key-missing", q.file, q.ref.Line, "%s.request to %s, and PRODUCT_KEY is never set", q.lib, why)
	}
	if !own || !known {
		return
	}
	switch {
	case strings.Contains(url, "IMEI="):
		x.find("imei-case", q.file, q.ref.Line, "%q", url)
	case q.lib == "libfota":
		if !strings.Contains(url, "?") && !strings.Contains(url, "version") {
			x.find("url-bare", q.file, q.ref.Line, "%q goes out without a version", url)
		}
	case strings.HasPrefix(url, "###"):
		if !x.since(dateTripleHash) {
			x.find("url-hash", q.file, q.ref.Line, "%q with libraries of %s", url, x.Chip.Profile.LibDate)
		}
	case x.since(dateTripleHash) && !strings.HasSuffix(url, "?") && !strings.HasSuffix(url, "&"):
		x.find("url-question", q.file, q.ref.Line, "%q", url)
	}
	if q.lib == "libfota2" && q.repeats && !strings.HasPrefix(url, "###") {
		switch {
		case !x.since(dateURLOnce):
			x.find("options-reused", q.file, q.ref.Line, "libraries of %s add the parameters again at every call", x.Chip.Profile.LibDate)
		case !x.since(dateURLWhole):
			x.find("options-reused", q.file, q.ref.Line, "libraries of %s cut three characters off at every call", x.Chip.Profile.LibDate)
		}
	}
}

// whoAmI looks at what libfota2 sends as the module's identity.
func (x *exam) whoAmI(q *request) {
	o, known := q.options()
	if _, wrong := o["IMEI"]; wrong {
		x.find("imei-case", q.file, q.ref.Line, "the option is called imei, not IMEI")
		return
	}
	if _, given := o["imei"]; given || !known {
		return
	}
	url, own, _ := q.url()
	if own && strings.HasPrefix(url, "###") || !x.byModel() {
		return
	}
	for _, m := range knownModels {
		if strings.HasPrefix(x.Chip.Model.Name, m) {
			return
		}
	}
	x.find("identity-nil", q.file, q.ref.Line, "libfota2 does not know %s and sends the word nil", x.Chip.Model.Name)
}

// byModel reports whether libfota2 chooses the identity by hmeta.model.
func (x *exam) byModel() bool {
	for _, f := range x.Project.Files {
		if f.Name == "libfota2.lua" {
			return strings.Contains(string(f.Data), "hmeta.model")
		}
	}
	if text, ok := x.Libs["libfota2.lua"]; ok {
		return strings.Contains(string(text), "hmeta.model")
	}
	return x.since(dateByModel)
}

// callbacks looks at resets in the functions that requests call back.
func (x *exam) callbacks() {
	for i := range x.requests {
		q := &x.requests[i]
		cb := q.arg(0)
		if cb == nil {
			continue
		}
		x.eachRef(func(file string, r *lua53.Ref) {
			if file != q.file || !r.Call || !resets[r.Name] {
				return
			}
			if f := lua53.Function(r.Within); f == nil || !isCallback(f, cb) || len(f.Names) > 0 && slices.Contains(r.Under, f.Names[0]) {
				return
			}
			name := fmt.Sprint(r.Line)
			x.findOnce("reboot-unchecked", file, r.Line, name, "%s whatever the result of %s.request in line %d", r.Name, q.lib, q.ref.Line)
		})
	}
}

func isCallback(f *lua53.Frame, cb *lua53.Arg) bool {
	return cb.Frame == f || cb.Kind == lua53.ArgName && f.Name != "" && cb.Text == f.Name
}
