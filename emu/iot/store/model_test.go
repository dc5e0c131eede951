package store

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"airlift/emu/iot"
	"airlift/emu/link"
)

// TestLikeMemory sends the same questions to a store on disk and to one in
// memory, which have the same things, and compares every answer, reason, log
// row and delivery.
func TestLikeMemory(t *testing.T) {
	if os.Getenv("AIRLIFT_SCALE") != "full" {
		// Each check opens a database, which waits for the disk.
		defer flag.Set("rapid.checks", flag.Lookup("rapid.checks").Value.String())
		flag.Set("rapid.checks", "12")
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, func(o *Options) {
			o.Settings.Registration = rapid.SampledFrom([]iot.Registration{iot.FirstRequest, iot.FirstSuccess, iot.Manual}).Draw(rt, "registration")
			o.Settings.Loop = iot.Loop{Count: rapid.IntRange(0, 4).Draw(rt, "loop"), Window: time.Hour,
				Counts: rapid.SampledFrom([]iot.LoopCounts{iot.CountRequests, iot.CountDeliveries, iot.CountSameTarget}).Draw(rt, "counts")}
		})
		mem := iot.NewMem(1)
		a := must[iot.Account](t)(mem.AddAccount("A"))
		b := must[iot.Account](t)(mem.AddAccount("B"))
		pa := must[iot.Project](t)(mem.AddProject(a.ID, "demo", w.pa.Key, noon))
		must[iot.Project](t)(mem.AddProject(b.ID, "foreign", w.pb.Key, noon))
		ref := must[*iot.Server](t)(iot.NewServer(mem, w.s.AnswerSet(), w.server.Settings()))
		versions := []string{"1.0.0", "1.0.1", "1.1.0", "2.0.0"}
		ids := []string{"1", "2", "abc"}
		var sent []iot.Firmware
		var late []func() // what is told of answers after the device's next requests
		ask := func(identity, key, version string, fromByte int) {
			target := fmt.Sprintf("%s?imei=%s&project_key=%s&firmware_name=f&version=%s", iot.Path, identity, key, version)
			var header link.Header
			if fromByte > 0 {
				header = link.Header{{Name: "Range", Value: fmt.Sprintf("bytes=%d-", fromByte)}}
			}
			whole, slow := rapid.Bool().Draw(rt, "whole"), rapid.Bool().Draw(rt, "slow")
			answer := func(s *iot.Server) (int, string) {
				resp := s.Serve(&link.Request{Method: "GET", Target: target, Proto: "HTTP/1.1", Header: header, Time: w.clock.now()})
				body := string(resp.Body)
				if resp.File != nil {
					p := make([]byte, resp.Length)
					if _, err := resp.File.ReadAt(p, resp.Offset); err != nil {
						rt.Fatal(err)
					}
					body = string(p)
				}
				switch {
				case resp.Done != nil && slow:
					late = append(late, func() { resp.Done(link.Outcome{Whole: whole, Time: w.clock.now()}) })
				case resp.Done != nil:
					resp.Done(link.Outcome{Whole: whole, Time: w.clock.now()})
				}
				return resp.Status, body
			}
			s1, b1 := answer(w.server)
			s2, b2 := answer(ref)
			if s1 != s2 || b1 != b2 {
				rt.Fatalf("%s: stored %d %q, in memory %d %q", target, s1, b1, s2, b2)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"ask": func(rt *rapid.T) {
				ask(rapid.SampledFrom(ids).Draw(rt, "id"), rapid.SampledFrom([]string{w.pa.Key, w.pa.Key, w.pb.Key, "123"}).Draw(rt, "key"),
					rapid.SampledFrom(versions).Draw(rt, "version"), rapid.SampledFrom([]int{0, 0, 3}).Draw(rt, "from"))
			},
			"upload": func(rt *rapid.T) {
				if len(sent) > 5 {
					rt.Skip()
				}
				d := iot.FirmwareDraft{Name: "f", Version: rapid.SampledFrom(versions).Draw(rt, "version"), FileName: "f.bin",
					Allow: rapid.Bool().Draw(rt, "allow"), All: rapid.Bool().Draw(rt, "all")}
				if rapid.Bool().Draw(rt, "listed") {
					d.Devices = []string{"ABC"}
				}
				f := w.upload(d)
				content := must[iot.Content](t)(contentOf(w, f))
				m := f
				m.ID, m.Project, m.Devices = 0, pa.ID, d.Devices
				must[iot.Firmware](t)(mem.AddFirmware(m, content.Bytes))
				sent = append(sent, f)
			},
			"late": func(rt *rapid.T) {
				for _, done := range late {
					done()
				}
				late = nil
			},
			"wait": func(rt *rapid.T) { w.clock.add(time.Duration(rapid.IntRange(1, 90).Draw(rt, "minutes")) * time.Minute) },
			"allow": func(rt *rapid.T) {
				id, forbid := rapid.SampledFrom(ids).Draw(rt, "id"), rapid.Bool().Draw(rt, "forbid")
				l := must[iot.List[iot.Device]](t)(w.a.Devices(w.pa.ID, iot.DeviceFilter{}, iot.Page{}))
				for _, d := range l.Items {
					if iot.IdentityKey(d.Identity) == iot.IdentityKey(id) {
						must[iot.Device](t)(w.a.UpdateDevice(d.ID, iot.DeviceUpdate{Forbidden: &forbid}))
						if err := mem.SetForbidden(id, forbid); err != nil {
							rt.Fatal(err)
						}
					}
				}
			},
			"": func(rt *rapid.T) {
				log := mem.Log()
				l := must[iot.List[iot.LogEntry]](t)(w.a.Log(iot.LogFilter{}, iot.Page{Limit: 1}))
				if len(log) == 0 || l.Total == 0 {
					return
				}
				last := log[len(log)-1]
				got := l.Items[0]
				if last.Project == pa.ID && (got.Reason != last.Reason || got.Result != last.Result || got.ServerVersion != last.ServerVersion || got.URL != last.URL) {
					rt.Fatalf("log: stored %+v, in memory %+v", got, last)
				}
				for _, id := range ids {
					d, ok := mem.Device(id)
					if !ok || d.Project != pa.ID {
						continue
					}
					have := must[iot.List[iot.Device]](t)(w.a.Devices(w.pa.ID, iot.DeviceFilter{Search: d.Identity}, iot.Page{}))
					if have.Total != 1 || have.Items[0].Banned != d.Banned || have.Items[0].Version != d.Version || !have.Items[0].LastOnline.Equal(d.LastOnline) {
						rt.Fatalf("device: stored %+v, in memory %+v", have.Items, d)
					}
				}
			},
		})
	})
}

func contentOf(w *world, f iot.Firmware) (iot.Content, error) {
	p, err := w.s.files.read(f.SHA256)
	return iot.Content{Bytes: p}, err
}

// TestFailures are what happens when the disk is full or somebody else has
// locked the database: devices get 500 without a body, people an error they
// can act on, nothing stays of it, and afterwards all is well.
func TestFailures(t *testing.T) {
	w := newWorld(t)
	w.upload(iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true})
	ask := func() int {
		resp, _ := w.ask("1", w.pa.Key, "f", "1.0.0")
		return resp.Status
	}
	other := func(query string) {
		t.Helper()
		if _, err := w.s.back.Exec(query); err != nil {
			t.Fatal(err)
		}
	}
	// Locked by another connection.
	if err := w.s.tryExec("pragma busy_timeout = 50"); err != nil {
		t.Fatal(err)
	}
	other("begin immediate")
	if status := ask(); status != 500 {
		t.Errorf("locked: status %d", status)
	}
	if _, err := w.a.CreateProject("x", ""); !errors.Is(err, iot.ErrBusy) {
		t.Errorf("locked: %v", err)
	}
	other("rollback")
	if _, err := w.a.CreateProject("x", ""); err != nil {
		t.Errorf("free again: %v", err)
	}
	// Full: the database may not grow by a page.
	pages := must[int](t)(one(w.s, func(r scanner) (n int, err error) { return n, r.Scan(&n) }, "pragma page_count"))
	if err := w.s.tryExec(fmt.Sprintf("pragma max_page_count = %d", pages)); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; i < 200 && err == nil; i++ {
		_, err = w.a.CreateProject(fmt.Sprintf("%d %0200d", i, i), "")
	}
	if !errors.Is(err, iot.ErrFull) {
		t.Errorf("full: %v", err)
	}
	status := 0
	for i := 0; i < 200 && status != 500; i++ {
		status = ask()
	}
	if status != 500 {
		t.Errorf("full: status %d", status)
	}
	if err := w.s.tryExec("pragma max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.a.CreateProject("y", ""); err != nil {
		t.Errorf("room again: %v", err)
	}
	before := must[iot.List[iot.LogEntry]](t)(w.a.Log(iot.LogFilter{}, iot.Page{})).Total
	resp, _ := w.ask("new", w.pa.Key, "f", "1.0.0")
	if after := must[iot.List[iot.LogEntry]](t)(w.a.Log(iot.LogFilter{}, iot.Page{})).Total; resp.Status != 200 || after != before+1 {
		t.Errorf("room again: status %d, %d log rows, had %d", resp.Status, after, before)
	}
}

// tryExec runs a statement on the writer's connection, outside of transactions.
// Nothing else may be going on.
func (s *Store) tryExec(query string) error {
	_, err := s.conn.ExecContext(s.ctx, query)
	return err
}
