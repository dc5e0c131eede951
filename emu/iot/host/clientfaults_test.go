package host_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// Hosts besides the platform.
const (
	ownHost  = "ota.invalid" // somebody's own server
	deadHost = "dead.invalid"
)

// own asks somebody's own server, which has a file.
func (tr *trial) own(name string, file []byte) ask {
	tr.g.hook(func(req *link.Request) *link.Response { return ownServer(req, file) })
	return ask{url: "http://" + ownHost + "/own/" + name}
}

// ownServer answers as servers that people make do, or returns nil.
func ownServer(req *link.Request, file []byte) *link.Response {
	name, ok := strings.CutPrefix(req.Path(), "/own/")
	if !ok {
		return nil
	}
	length := link.Field{Name: "Content-Length"}
	switch name {
	case "file":
		return &link.Response{Status: 200, Header: link.Header{length}, Body: file, Close: true}
	case "part":
		return &link.Response{Status: 206, Header: link.Header{length}, Body: file, Close: true}
	case "empty":
		return &link.Response{Status: 200, Header: link.Header{length}, Close: true}
	case "page":
		return &link.Response{Status: 200, Header: link.Header{length}, Body: []byte("<html>" + strings.Repeat("please log in ", 100)), Close: true}
	case "moved":
		return &link.Response{Status: 301, Header: link.Header{{Name: "Location", Value: "http://" + ownHost + "/own/file"}, length}, Close: true}
	case "long-header":
		return &link.Response{Status: 200, Header: link.Header{{Name: "Set-Cookie", Value: strings.Repeat("x", 9000)}, length}, Body: file, Close: true}
	}
	return &link.Response{Status: 404, Header: link.Header{length}, Close: true}
}

// onlyKinds says that a case is of other kinds of clients.
func onlyKinds(why string, kinds ...kind) func(*client) string {
	return func(c *client) string {
		if slices.Contains(kinds, c.kind) {
			return ""
		}
		return why
	}
}

// faultCases is what goes wrong on the way, and what other servers answer
// (iot-platform.md 1.15, 2.4, 2.5, 4.1).
var faultCases = []clientCase{
	{name: "redirect", run: (*trial).redirect},
	{name: "Range", not: onlyKinds("libfota lets scripts send no headers, and asks for a range only after a break", kindFota2, kindTask), run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.installs(ask{ranged: true})
		seen := tr.g.requests()
		if got := seen[0].Header.Get("Range"); got != "bytes=0-" {
			tr.t.Errorf("Range: %s", got)
		}
		if tr.c.kind == kindTask && !tr.c.own() {
			tr.expect("update.waitUntil UPDATE_DOWNLOAD true 206 nil")
		}
	}},
	{name: "broken in the middle", run: (*trial).broken},
	{name: "closed without an answer", run: func(tr *trial) {
		tr.g.cuts.cut(0, 1000)
		tr.run(tr.script(ask{}), answered)
		tr.lost(tr.failed(3))
	}},
	{name: "nobody listens", run: func(tr *trial) {
		tr.run(tr.script(ask{url: "http://" + deadHost + "/update"}), answered)
		tr.expect(tr.failed(1))
	}},
	{name: "no answer", not: onlyKinds(waitsLong, kindSocket, kindFota, kindFota2), run: (*trial).noAnswer},
	{name: "stops in the middle", not: onlyKinds("it goes on with Range", kindFota, kindFota2), run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.silent(700, 1)
		tr.installs(ask{seconds: 1})
		tr.timesOut()
	}},
	{name: "no key", run: (*trial).noKey},
	{name: "VERSION of another form", run: (*trial).badVersion},
	{name: "asked twice", not: onlyKinds("it has no table of options that could be used again", kindFota2), run: func(tr *trial) {
		tr.askedTwice(ask{same: true}, iot.Path+"?"+tr.expand(tr.c.query, ask{}))
	}},
	{name: "own asked twice", not: onlyKinds("it has no table of options that could be used again", kindFota2), run: func(tr *trial) {
		a := tr.own("none", nil)
		a.same = true
		first := "/own/none"
		if tr.c.first {
			first += "?" + tr.expand(tr.c.query, ask{})
		}
		tr.askedTwice(a, first)
	}},
	{name: "own, with who asks", not: onlyKinds("only libfota2 adds that to addresses of others", kindFota2), run: (*trial).ownWithQuery},
	{name: "what is JSON", not: func(c *client) string {
		if !c.words {
			return "it does not look at the body, or takes what it finds in it"
		}
		return ""
	}, run: (*trial).whatIsJSON},
	{name: "500 file lost", run: func(tr *trial) {
		f := tr.upload(tr.draft(), tr.pack(next))
		if err := os.Remove(filepath.Join(tr.g.folder, "files", f.SHA256[:2], f.SHA256)); err != nil {
			tr.t.Fatal(err)
		}
		tr.run(tr.script(ask{}), answered)
		tr.complains(500, "")
	}},
	{name: "404 nothing newer", answers: "selfhost-minimal", run: func(tr *trial) { tr.bare(ask{}, 404) }},
	{name: "404 equal", answers: "selfhost-minimal", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.bare(ask{version: "1.0.1"}, 404)
	}},
	{name: "upgrade", answers: "selfhost-minimal", run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.installs(ask{})
	}},
	{name: "304 equal", answers: "selfhost-304", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.bare(ask{version: "1.0.1"}, 304)
	}},
	{name: "404 unknown", answers: "selfhost-304", run: func(tr *trial) { tr.bare(ask{}, 404) }},
	{name: "back to an older one", answers: "selfhost-304", run: func(tr *trial) {
		tr.upload(tr.draft(), tr.pack(next))
		tr.installs(ask{version: "1.0.2"})
	}},
	{name: "404 another API", answers: "turnkey", run: func(tr *trial) {
		tr.upload(tr.draft(), []byte("package"))
		tr.bare(ask{}, 404)
	}},
	{name: "own 200", run: func(tr *trial) {
		tr.installs(tr.own("file", tr.pack(next)))
	}},
	{name: "own 206 unasked", run: func(tr *trial) {
		tr.installs(tr.own("part", tr.pack(next)))
	}},
	{name: "own 404", run: func(tr *trial) {
		tr.run(tr.script(tr.own("none", nil)), answered)
		tr.expect(tr.failed(4))
	}},
	{name: "own 301", run: func(tr *trial) {
		a := tr.own("moved", tr.pack(next))
		if tr.c.kind == kindTask {
			tr.installs(a)
			return
		}
		tr.run(tr.script(a), answered)
		tr.expect(tr.failed(4))
	}},
	{name: "own 200 empty", run: func(tr *trial) {
		tr.run(tr.script(tr.own("empty", nil)), answered)
		switch tr.c.kind {
		case kindTask: // any 200 is good, there is only nothing to install
			tr.expect("answer true")
		default:
			tr.lost("answer 4")
		}
	}},
	{name: "own 200 with a page", run: func(tr *trial) {
		tr.run(tr.script(tr.own("page", nil)), answered)
		switch {
		case tr.isFile(): // nobody looks into it before the restart
			tr.expect("answer 0")
		case tr.c.kind == kindSocket:
			tr.expect("answer 1")
		default:
			tr.expect(tr.failed(4))
		}
	}},
	{name: "own long header", not: onlyKinds("it has no buffer for headers that could be too small", kindFota, kindFota2), run: func(tr *trial) {
		tr.run(tr.script(tr.own("long-header", tr.pack(next))), answered)
		tr.expect(tr.failed(4))
	}},
}

// waitsLong is why nobody wants to see a client wait.
const waitsLong = "nobody can tell it how long to wait: it is a minute, thirty times"

// noAnswer is a platform that takes the question and says nothing.
func (tr *trial) noAnswer() {
	if tr.c.kind != kindSocket {
		tr.silent(0, 1)
		tr.run(tr.script(ask{seconds: 1}), answered)
		tr.timesOut()
		return
	}
	if os.Getenv("AIRLIFT_SCALE") != "full" {
		tr.t.Skip("this client waits three times five seconds: NOT tried without AIRLIFT_SCALE=full")
	}
	tr.silent(0, 3)
	tr.run(tr.script(ask{}), answered)
	tr.expect("fota 服务器没有数据*", "fota 服务器没有数据*", "fota 服务器没有数据*", "answer 1")
}

// silent lets the platform say nothing more after so many bytes of the next
// answers. What waits ends with the trial.
func (tr *trial) silent(after, times int64) {
	over := make(chan struct{})
	tr.t.Cleanup(func() { close(over) })
	tr.g.cuts.hold(after, times, over)
}

// timesOut checks what the client logs when the answer took too long
// (iot-platform.md 1.13): nothing but the code has come.
func (tr *trial) timesOut() {
	tr.t.Helper()
	if tr.c.kind == kindFota || tr.c.tag == "http fota" {
		tr.expect(orElse(tr.c.tag, "http fota")+" -8 nil nil", "answer 4")
		return
	}
	lines := []string{orElse(tr.c.tag, "fota") + " -8 nil"}
	if tr.c.words {
		lines = append(lines, "使用合宙服务器,接下来解析body里的code", notJSON+" 我看看body是个什么东西 nil nil")
	}
	tr.expect(append(lines, "answer 4")...)
}

// lost checks the answer to a connection that ended. To a client with a socket
// of its own it is 1 or 3: whether it was still reading is chance.
func (tr *trial) lost(want string) {
	tr.t.Helper()
	if tr.c.kind == kindSocket && plain(tr.log[len(tr.log)-1]) == "answer 1" {
		return
	}
	if tr.c.kind == kindSocket {
		want = "answer 3"
	}
	tr.expect(want)
}

// bare is refused without JSON.
func (tr *trial) bare(a ask, status int) {
	tr.t.Helper()
	tr.run(tr.script(a), answered)
	tr.complains(status, "")
}

// redirect is sent to the file's address, which only update.lua follows
// (iot-platform.md 1.7.1, 1.13).
func (tr *trial) redirect() {
	t := tr.t
	f := tr.upload(tr.draft(), tr.pack(next))
	a := ask{redirect: true}
	if tr.c.kind != kindTask {
		tr.run(tr.script(a), answered)
		tr.complains(302, "")
		return
	}
	tr.installs(a)
	want := "/download/" + f.SHA256 + "/f.bin"
	for _, r := range tr.g.requests() {
		if r.Target == want {
			return
		}
	}
	t.Errorf("nobody asked for %s: %+v", want, tr.g.requests())
}

// resumes reports whether the client goes on where a connection broke
// (iot-platform.md 1.3.2, 1.7.1, 1.13).
func (tr *trial) resumes() bool {
	return tr.c.kind == kindSocket || tr.c.kind == kindTask || tr.chip.Profile.CoreDate < "2025-01-27"
}

// broken loses a connection in the middle of the package.
func (tr *trial) broken() {
	t := tr.t
	tr.upload(tr.draft(), tr.pack(next))
	tr.g.cuts.cut(700, 1)
	tr.installs(ask{})
	tr.g.under.Wait()
	resumed := 0
	for _, r := range tr.g.requests() {
		if v := r.Header.Get("Range"); v != "" && v != "bytes=0-" {
			resumed++
		}
	}
	// A socket of the client's own may lose what came shortly before the end.
	if tr.c.kind != kindSocket && tr.resumes() != (resumed == 1) {
		t.Errorf("%d requests for the rest: %+v", resumed, tr.g.requests())
	}
	switch {
	case tr.resumes():
	case tr.isFile() && tr.chip.Profile.CoreDate >= "2025-12-19": // a file that is too short counts as whole
		tr.expect("answer 0", "answer 0")
	default:
		tr.expect(tr.failed(4), tr.took())
	}
	v := must[iot.List[iot.Delivery]](t)(tr.g.a.Deliveries(iot.DeliveryFilter{Project: tr.project.ID}, iot.Page{}))
	if want := map[bool]int{true: 1, false: 2}[tr.resumes()]; tr.c.kind != kindSocket && (v.Total != want || v.Items[want-1].Whole != tr.resumes()) {
		t.Errorf("deliveries %+v", v)
	}
}

// noKey asks without PRODUCT_KEY: no request leaves (iot-platform.md 1.3.1).
func (tr *trial) noKey() {
	t := tr.t
	const says = "iot.openluat.com need PRODUCT_KEY!!!"
	enough := answered
	if tr.c.kind == kindSocket { // it does not call back
		enough = func(line string) bool { return strings.HasSuffix(line, says) }
	}
	tr.raises = tr.c.kind == kindTask
	tr.run(tr.script(ask{key: "none"}), enough)
	switch tr.c.kind {
	case kindTask:
		if !strings.Contains(strings.Join(tr.log, "\n"), "PRODUCT_KEY") {
			t.Errorf("errors %q\n%s", tr.errors, strings.Join(tr.log, "\n"))
		}
	case kindSocket:
		tr.expect("fota " + says)
	default:
		tag := "fota"
		if tr.c.tag == "libfota2" {
			tag = tr.c.tag
		}
		tr.expect(tag+" "+says, "answer 5")
	}
	if len(tr.g.requests()) != 0 {
		t.Errorf("requests %+v", tr.g.requests())
	}
}

// askedTwice uses a table of options a second time: version 1.0 appends once
// more, until 2025-02-11 three characters are lost, as with "###" (iot-platform.md
// 1.4.2, 6 #29, #30).
func (tr *trial) askedTwice(a ask, first string) {
	answers := 0
	tr.run(tr.script(a), func(line string) bool {
		if answered(line) {
			answers++
		}
		return answers == 2
	})
	var got []string
	for _, r := range tr.g.requests() {
		got = append(got, r.Target)
	}
	want := []string{first, first}
	raw := a.url != "" && !tr.c.first
	switch day := tr.c.day(); {
	case tr.c.first:
		want[1] += "?" + tr.expand(tr.c.query, ask{})
	case day < "2024-11-28" && !raw:
		want[1] += tr.expand(tr.c.query, ask{})
	case day < "2025-02-11":
		want = want[:1] // what is left is no address
	}
	if !slices.Equal(got, want) {
		tr.t.Errorf("asked for %q, want %q", got, want)
	}
}

var dayInName = regexp.MustCompile(`\d{4}-\d\d-\d\d`)

// day is that of the library, "new" for the newest.
func (c *client) day() string {
	if c.libDate != "" {
		return c.libDate
	}
	return orElse(dayInName.FindString(c.name), "new")
}

// ownWithQuery are the forms of addresses to which the library adds who asks
// (iot-platform.md 4.2).
func (tr *trial) ownWithQuery() {
	query := tr.expand(tr.c.query, ask{})
	forms := map[string]string{"/own/none?": "/own/none?" + query, "/own/none?site=A&": "/own/none?site=A&" + query, "/own/none": "/own/none" + query}
	if tr.c.first {
		forms = map[string]string{"/own/none": "/own/none?" + query}
	}
	for base, want := range forms {
		tr.log = nil
		tr.g.next()
		tr.own("none", nil)
		tr.run(tr.script(ask{base: "http://" + ownHost + base}), answered)
		tr.expect("answer 4")
		if seen := tr.g.requests(); len(seen) != 1 || seen[0].Target != want {
			tr.t.Errorf("%s: asked for %+v, want %s", base, seen, want)
		}
	}
}

// whatIsJSON are the answers that libfota2 takes for JSON, and those that it
// does not (iot-platform.md 1.4.1, 8.3).
func (tr *trial) whatIsJSON() {
	for body, word := range map[string]string{
		`{"code": 27, "msg": "x"}`: bodies[27].word, `{"code": 27, "msg": "x"}` + "\n": notJSON, ` {"code": 27, "msg": "x"}`: notJSON, `code 27`: notJSON,
		`{"code": 28, "msg": "x"}`: bodies[44].word,
	} {
		if tr.isFile() || !tr.keepsBody() {
			word = notJSON
		}
		tr.log = nil
		tr.g.next()
		tr.answersAt(iot.Path, link.Response{Status: 400, Body: []byte(body)})
		tr.run(tr.script(ask{}), answered)
		tr.expect("使用合宙服务器,接下来解析body里的code", word+"*", "answer 4")
	}
}

// notJSON is what libfota2 says to other bodies.
const notJSON = "云平台下发的不是json"

// badVersion asks with a VERSION that the library cannot read: libfota says so,
// libfota2 falls over it, update.lua sends it, and the platform cannot compare
// it (iot-platform.md 1.3.1, 1.4.1).
func (tr *trial) badVersion() {
	t := tr.t
	a := ask{version: "1.0"}
	if tr.c.twoGroups {
		tr.c = &client{kind: tr.c.kind} // whose scripts may have three
		a.version = "1.0.0"
	}
	tr.raises = tr.c.kind == kindFota2
	switch tr.c.kind {
	case kindTask:
		tr.upload(tr.draft(), []byte("package"))
		tr.refused(a, bodies[27].body, iot.UpToDate)
	case kindFota2:
		if tr.c.rawName {
			tr.upload(tr.draft(), []byte("package"))
			tr.refused(a, bodies[27].body, iot.UpToDate)
			return
		}
		tr.run(tr.script(a), answered)
		if len(tr.errors) != 1 || !strings.Contains(tr.errors[0], "nil value") {
			t.Errorf("errors %q", tr.errors)
		}
	default:
		tr.run(tr.script(a), answered)
		tr.expect("answer 5")
	}
}
