package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"airlift/emu/iot"
	"airlift/emu/link"
)

const (
	crashDir  = "AIRLIFT_CRASH_DIR" // set in the process that is killed
	crashSeed = "AIRLIFT_CRASH_ROUND"
)

// TestCrashVictim is not a test of its own: it is the process that
// TestKillUnderLoad kills. It writes a line for everything that was
// acknowledged.
func TestCrashVictim(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("only as the process that TestKillUnderLoad kills")
	}
	s := must[*Store](t)(Open(dir, Options{Every: 20 * time.Millisecond, Error: func(err error) { fmt.Println("error", err) }}))
	round := os.Getenv(crashSeed)
	account, err := s.AccountByName("crash")
	if err != nil {
		account = must[iot.Account](t)(s.SignUp("crash", "a password"))
	}
	tenant := s.Tenant(account.ID, "crash")
	p := must[iot.ProjectInfo](t)(tenant.CreateProject("round "+round, ""))
	must[iot.Firmware](t)(tenant.CreateFirmware(p.ID, iot.FirmwareDraft{Name: "f", Version: "1.0.1", FileName: "f.bin", Allow: true, All: true}, strings.NewReader("firmware "+round)))
	server := must[*iot.Server](t)(iot.NewServerOn(s, s.AnswerSet(), iot.DefaultSettings()))
	var mu sync.Mutex
	acknowledged := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("ack "+format+"\n", args...)
	}
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() { // devices
			for i := 0; ; i++ {
				id := fmt.Sprintf("r%s-w%d-%d", round, worker, i)
				ask := func(version string) (*link.Response, time.Time) {
					req := &link.Request{Method: "GET", Time: s.Now(),
						Target: iot.Path + "?imei=" + id + "&project_key=" + p.Key + "&firmware_name=f&version=" + version}
					return server.Serve(req), req.Time
				}
				resp, at := ask("1.0.0")
				if resp.Status == 200 {
					resp.Done(link.Outcome{Whole: true, Time: s.Now()})
					acknowledged("device %s %d", id, at.UnixNano())
				}
				if i%2 == 0 { // it tells nothing new, and comes again
					if resp, at = ask("1.0.0"); resp.Status == 200 {
						resp.Done(link.Outcome{Time: s.Now()})
						acknowledged("device %s %d", id, at.UnixNano())
					}
				}
			}
		})
	}
	group.Go(func() { // a person
		for i := 0; ; i++ {
			content := fmt.Sprintf("content %s %d", round, i)
			f, err := tenant.CreateFirmware(p.ID, iot.FirmwareDraft{Name: "g" + strconv.Itoa(i), Version: "1.0.0", FileName: "g.bin"}, strings.NewReader(content))
			if err == nil {
				acknowledged("firmware %d %s", f.ID, content)
			}
			if i%3 == 2 {
				acknowledged("deleting %d", f.ID) // from here on it may be gone
				if err := tenant.DeleteFirmware(f.ID); err != nil {
					fmt.Println("error", err)
				}
			}
		}
	})
	group.Wait()
}

// TestKillUnderLoad kills a loaded platform again and again. Nothing that was
// acknowledged may be lost, and the database must be whole. The full count is
// 200 rounds.
func TestKillUnderLoad(t *testing.T) {
	rounds := 2
	if os.Getenv("AIRLIFT_SCALE") == "full" {
		rounds = 200
	}
	dir := t.TempDir()
	devices := map[string]*asked{}
	firmware := map[int64]string{}
	acks := 0
	for round := range rounds {
		// A different moment each time, by what was done, not by the clock.
		acks += crash(t, dir, round, 20+round*7%150, devices, firmware)
	}
	t.Logf("%d rounds, %d acknowledged", rounds, acks)
	s := must[*Store](t)(Open(dir, Options{Every: -1}))
	defer s.Close()
	checkAfterCrash(t, s, devices, firmware)
}

// asked is what a device was acknowledged.
type asked struct {
	times int
	last  int64
}

// crash runs the victim until it has acknowledged n things, and kills it.
func crash(t *testing.T, dir string, round, n int, devices map[string]*asked, firmware map[int64]string) int {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashVictim$", "-test.v")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, crashSeed+"="+strconv.Itoa(round))
	out := must[interface{ Read([]byte) (int, error) }](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got, killed := 0, false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.Fields(lines.Text())
		if len(line) > 0 && (line[0] == "error" || line[0] == "panic:" || line[0] == "---") {
			t.Errorf("round %d: %s", round, lines.Text())
		}
		if len(line) < 3 || line[0] != "ack" {
			continue
		}
		got++
		id, _ := strconv.ParseInt(line[2], 10, 64)
		switch line[1] {
		case "device":
			d := devices[line[2]]
			if d == nil {
				d = &asked{}
				devices[line[2]] = d
			}
			d.times++
			d.last, _ = strconv.ParseInt(line[3], 10, 64)
		case "firmware":
			firmware[id] = strings.Join(line[3:], " ")
		case "deleting":
			delete(firmware, id)
		}
		if got >= n && !killed {
			killed = true
			cmd.Process.Kill() // what was written before still comes
		}
	}
	if err := cmd.Wait(); err == nil || !killed {
		t.Fatalf("round %d: the victim ended by itself after %d acknowledgements: %v", round, got, err)
	}
	return got
}

func checkAfterCrash(t *testing.T, s *Store, devices map[string]*asked, firmware map[int64]string) {
	t.Helper()
	var integrity string
	if err := s.read.QueryRow("pragma integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		t.Fatalf("integrity %q: %v", integrity, err)
	}
	account := must[iot.Account](t)(s.AccountByName("crash"))
	tenant := s.Tenant(account.ID, "check")
	for id, was := range devices {
		// An answer that was on its way when the process was killed may be in the
		// log, too.
		l := must[iot.List[iot.LogEntry]](t)(tenant.Log(iot.LogFilter{Identity: id}, iot.Page{}))
		if l.Total < was.times || l.Total > was.times+1 || l.Items[0].Reason != iot.Deliver {
			t.Fatalf("device %s was answered %d times, the log has %d rows", id, was.times, l.Total)
		}
		d := must[iot.List[iot.Device]](t)(tenant.Devices(l.Items[0].Project, iot.DeviceFilter{Search: id}, iot.Page{})).Items
		if i := slices.IndexFunc(d, func(d iot.Device) bool { return d.Identity == id }); i < 0 || d[i].LastOnline.UnixNano() < was.last || !d[i].LastOnline.Equal(l.Items[0].Time) {
			t.Fatalf("device %s was last answered at %d: %+v", id, was.last, d)
		}
	}
	var delivered, whole, times int
	for _, was := range devices {
		times += was.times
	}
	if err := s.read.QueryRow("select count(*), sum(whole) from deliveries").Scan(&delivered, &whole); err != nil || delivered < times || whole < len(devices) {
		t.Errorf("%d deliveries, %d whole, %d acknowledged: %v", delivered, whole, times, err)
	}
	for id, content := range firmware {
		r, f, err := tenant.OpenFirmware(id)
		if err != nil {
			t.Fatalf("firmware %d was acknowledged: %v", id, err)
		}
		got := make([]byte, f.Size)
		if _, err := r.Read(got); err != nil || string(got) != content {
			t.Errorf("firmware %d: %q, want %q: %v", id, got, content, err)
		}
		r.Close()
	}
	// What the database refers to is there.
	sums := must[[]string](t)(many(s, scanText, "select distinct sha256 from firmware"))
	for _, sum := range sums {
		if _, err := os.Stat(s.files.path(sum)); err != nil {
			t.Error(err)
		}
	}
}

// TestStrayFilesGo checks that what a crash left half done is removed, but not
// what may still be being uploaded.
func TestStrayFilesGo(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"tmp", "files"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	old, fresh := filepath.Join(dir, "tmp", "old"), filepath.Join(dir, "tmp", "fresh")
	for _, name := range []string{old, fresh} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * orphanAge)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	s := must[*Store](t)(Open(dir, Options{Every: -1}))
	defer s.Close()
	if _, err := os.Stat(old); err == nil {
		t.Error("an old upload is still there")
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Error("a fresh upload was removed")
	}
}
