package host_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"airlift/emu/iot"
	"airlift/emu/iot/host"
	"airlift/emu/iot/store"
	"airlift/emu/link"
)

// loadFor is how long each part of TestLoad lasts. It is measuring, not
// testing: nothing is asserted about speed, and without the flag it is skipped.
var loadFor = flag.Duration("load", 0, "measure the platform under load, each part for this `time`; needs wrk")

const (
	loadDir       = "AIRLIFT_LOAD_DIR" // set in the process that serves
	loadDevices   = 100_000
	loadFileBytes = 32 << 20
	slowDownloads = 10_000
	slowBytes     = 1 << 10 // that each reads in a second
)

// TestLoadServer is not a test of its own: it is the platform that TestLoad
// measures, in a process of its own. It ends with its standard input.
func TestLoadServer(t *testing.T) {
	dir := os.Getenv(loadDir)
	if dir == "" {
		t.Skip("only as the process that TestLoad measures")
	}
	s := must[*store.Store](t)(store.Open(dir, store.Options{Error: func(err error) { fmt.Println("error", err) }}))
	defer s.Close()
	account := must[iot.Account](t)(s.SignUp("load", "a password"))
	tenant := s.Tenant(account.ID, "load")
	p := must[iot.ProjectInfo](t)(tenant.CreateProject("load", ""))
	f := must[iot.Firmware](t)(tenant.CreateFirmware(p.ID,
		iot.FirmwareDraft{FileName: "demo_1025.1.1_LuatOS-SoC_AIR601.bin", Allow: true, All: true}, bytes.NewReader(make([]byte, loadFileBytes))))
	server := must[*iot.Server](t)(iot.NewServerOn(s, s.AnswerSet(), iot.DefaultSettings()))
	register(t, server, p.Key)
	host.UseMoreThreads()
	ln := must[net.Listener](t)(net.Listen("tcp", "127.0.0.1:0"))
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Println("serving", ln.Addr(), p.Key, f.SHA256)
	if err := host.Serve(ctx, ln, host.Options{Devices: server}); err != nil {
		t.Error(err)
	}
}

// register lets every device ask for the first time.
func register(t *testing.T, server *iot.Server, key string) {
	const clients = 64
	var group sync.WaitGroup
	for first := range clients {
		group.Go(func() {
			for i := first; i < loadDevices; i += clients {
				if resp := server.Serve(&link.Request{Method: "GET", Target: checkTarget(i, key), Proto: "HTTP/1.1", Time: time.Now()}); resp.Status != 400 {
					t.Errorf("device %d: status %d", i, resp.Status)
				}
			}
		})
	}
	group.Wait()
}

// checkTarget is the question of a device that has the newest version.
func checkTarget(device int, key string) string {
	return fmt.Sprintf("%s?imei=86%013d&project_key=%s&firmware_name=demo_LuatOS-SoC_AIR601&version=1025.1.1", iot.Path, device, key)
}

// TestLoad measures checks, downloads and slow downloads (docs/BENCHMARKS.md).
func TestLoad(t *testing.T) {
	if *loadFor <= 0 {
		t.Skip("measures only with -load 30s")
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		t.Skip("needs wrk: ", err)
	}
	dir := t.TempDir()
	s := startLoadServer(t, dir)
	t.Logf("%d devices registered, log with decision paths on; load of the machine %s", loadDevices, firstField(t, "/proc/loadavg"))
	script := filepath.Join(dir, "check.lua")
	if err := os.WriteFile(script, []byte(checkScript(s.key)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, conns := range []int{16, 32, 64} {
		s.wrk(t, fmt.Sprintf("checks, %d connections", conns), exec.Command(wrk, "-t1", "-c", strconv.Itoa(conns), "-d", seconds(*loadFor), "--latency", "-s", script, "http://"+s.addr))
	}
	for _, rate := range []int{5000, 6000} {
		s.rate(t, rate)
	}
	s.wrk(t, "downloads of 32 MiB, 8 connections", exec.Command(wrk, "-t1", "-c8", "-d", seconds(*loadFor), "http://"+s.addr+s.file))
	s.slow(t)
}

func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(d.Seconds()))) }

// checkScript lets wrk ask for devices in an order of its own.
func checkScript(key string) string {
	return fmt.Sprintf(`math.randomseed(1)
request = function()
  return wrk.format("GET", string.format(%q, math.random(0, %d)))
end
`, strings.Replace(checkTarget(0, key), "imei=860000000000000", "imei=86%013d", 1), loadDevices-1)
}

type loadServer struct {
	pid             int
	addr, key, file string
}

func startLoadServer(t *testing.T, dir string) *loadServer {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadServer$", "-test.v")
	cmd.Env = append(os.Environ(), loadDir+"="+filepath.Join(dir, "platform"))
	in := must[io.WriteCloser](t)(cmd.StdinPipe())
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if w := strings.Fields(lines.Text()); len(w) == 4 && w[0] == "serving" {
			go io.Copy(io.Discard, out)
			return &loadServer{cmd.Process.Pid, w[1], w[2], "/download/" + w[3] + "/x.bin"}
		}
	}
	t.Fatal("the server did not start")
	return nil
}

var (
	wrkRequests = regexp.MustCompile(`(\d+) requests in`)
	wrkKept     = regexp.MustCompile(`(?m)^\s+(50%|99%)\s+\S+|^Requests/sec:.*|^Transfer/sec:.*|^\s+Socket errors:.*`)
)

// wrk runs wrk and logs its figures.
func (s *loadServer) wrk(t *testing.T, what string, wrk *exec.Cmd) {
	t.Helper()
	s.measure(t, what, func() (string, int) {
		out, err := wrk.Output()
		if err != nil {
			t.Fatalf("wrk: %v\n%s", err, out)
		}
		var kept []string
		for _, m := range wrkKept.FindAllString(string(out), -1) {
			kept = append(kept, strings.Join(strings.Fields(m), " "))
		}
		n := 0
		if m := wrkRequests.FindSubmatch(out); m != nil {
			n, _ = strconv.Atoi(string(m[1]))
		}
		return strings.Join(kept, ", "), n
	})
}

// measure logs figures and what each request took of the server's processor and
// made it write.
func (s *loadServer) measure(t *testing.T, what string, run func() (figures string, requests int)) {
	t.Helper()
	used, written := s.processor(t), s.written(t)
	figures, n := run()
	used, written = s.processor(t)-used, s.written(t)-written
	if n > 0 {
		figures += fmt.Sprintf(", each %v of the server's processor and %d bytes written", (used / time.Duration(n)).Round(time.Microsecond), written/n)
	}
	t.Logf("%s: %s", what, figures)
}

// slow opens many downloads that take a little at a time, and logs the server's
// memory before, when all are open, and after a while.
func (s *loadServer) slow(t *testing.T) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	// The server needs a connection and a file for each, and some besides.
	count := min(slowDownloads, int(limit.Max-100)/2)
	before := s.memory(t)
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	var got, failed atomic.Int64
	var group sync.WaitGroup
	opened := make(chan struct{}, count)
	for range count {
		group.Go(func() {
			err := slowDownload(ctx, s.addr, s.file, &got, opened)
			if err != nil && ctx.Err() == nil {
				failed.Add(1)
			}
		})
	}
	for range count {
		<-opened
	}
	open, at := s.memory(t), got.Load()
	time.Sleep(*loadFor)
	after, more := s.memory(t), got.Load()-at
	stop()
	group.Wait()
	t.Logf("%d slow downloads: %d MB before, %d MB with all open, %d MB after %d MB more; %d failed", count, before, open, after, more/1e6, failed.Load())
}

// slowDownload says on opened when the answer begins, or will not.
func slowDownload(ctx context.Context, addr, file string, got *atomic.Int64, opened chan<- struct{}) error {
	said := sync.OnceFunc(func() { opened <- struct{}{} })
	defer said()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.(*net.TCPConn).SetReadBuffer(4 << 10)
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", file); err != nil {
		return err
	}
	buf := make([]byte, slowBytes)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		got.Add(int64(n))
		said()
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// processor is the processor time that the server has used.
func (s *loadServer) processor(t *testing.T) time.Duration {
	t.Helper()
	stat := string(must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid))))
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}

// written is what the server has written to files, in bytes.
func (s *loadServer) written(t *testing.T) int {
	t.Helper()
	io := string(must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/io", s.pid))))
	_, rest, _ := strings.Cut(io, "\nwrite_bytes:")
	n, _ := strconv.Atoi(strings.Fields(rest)[0])
	return n
}

// memory is the server's resident memory in MB.
func (s *loadServer) memory(t *testing.T) int {
	t.Helper()
	status := string(must[[]byte](t)(os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))))
	_, rest, _ := strings.Cut(status, "VmRSS:")
	kB, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kB / 1000
}

func firstField(t *testing.T, file string) string {
	t.Helper()
	return strings.Fields(string(must[[]byte](t)(os.ReadFile(file))))[0]
}
