package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"airlift/emu/iot/api/apitest"
)

// served is an airlift serve that a script has started.
type served struct {
	addr   string
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr []string
	done   chan error
}

// startMax bounds how long a server may take to listen.
const startMax = 2 * time.Minute

type servedKey struct{}

// cmdServe is `serve FILE flags...`: it starts airlift serve on a free port,
// waits until it listens and writes its address to FILE.
func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: serve FILE flags...")
	}
	program := filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], "airlift"+ts.Getenv("exe"))
	s := &served{done: make(chan error, 1)}
	s.cmd = exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--for", "10m"}, args[1:]...)...)
	s.cmd.Dir, s.cmd.Stdout = ts.Getenv("WORK"), &s.stdout
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "SYSTEMROOT", "USERPROFILE", "TESTSCRIPT_COMMAND_DIR", answersVar} {
		s.cmd.Env = append(s.cmd.Env, name+"="+ts.Getenv(name))
	}
	stderr, err := s.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ts.Defer(func() { s.cmd.Process.Kill() })
	listens := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			s.stderr = append(s.stderr, lines.Text())
			if _, rest, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
				addr, _, _ := strings.Cut(rest, ",")
				listens <- addr
			}
		}
		s.done <- s.cmd.Wait()
	}()
	select {
	case s.addr = <-listens:
	case err := <-s.done:
		ts.Fatalf("airlift serve ended: %v\n%s", err, strings.Join(s.stderr, "\n"))
	case <-time.After(startMax):
		ts.Fatalf("airlift serve does not listen after %v", startMax)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(s.addr), 0o644))
	ts.Setenv("SERVED", s.addr)
	for _, line := range s.stderr { // these come before
		if _, addr, ok := strings.Cut(line, " on https://"); ok {
			ts.Setenv("SERVED_TLS", addr)
		}
	}
	*ts.Value(servedKey{}).(**served) = s
}

// cmdServed is `served OUT ERR`: it stops the server and keeps what it wrote.
func cmdServed(ts *testscript.TestScript, neg bool, args []string) {
	s := *ts.Value(servedKey{}).(**served)
	if neg || len(args) != 2 || s == nil {
		ts.Fatalf("usage: served OUT ERR, after serve")
	}
	if runtime.GOOS == "windows" { // which has no interrupts for other processes
		ts.Check(s.cmd.Process.Kill())
		<-s.done
	} else {
		ts.Check(s.cmd.Process.Signal(os.Interrupt))
		if err := <-s.done; err != nil {
			ts.Fatalf("airlift serve: %v\n%s", err, strings.Join(s.stderr, "\n"))
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), s.stdout.Bytes(), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.Join(s.stderr, "\n")+"\n"), 0o644))
}

// cmdGet is `get FILE PATH`: it asks the server and keeps status and body. An
// address that begins with https:// is asked as it is, trusting cert.pem.
func cmdGet(ts *testscript.TestScript, neg bool, args []string) {
	s := *ts.Value(servedKey{}).(**served)
	if neg || len(args) != 2 || s == nil {
		ts.Fatalf("usage: get FILE PATH, after serve")
	}
	transport, address := &http.Transport{DisableKeepAlives: true}, "http://"+s.addr+args[1]
	if strings.HasPrefix(args[1], "https://") {
		address, transport.TLSClientConfig = args[1], &tls.Config{RootCAs: x509.NewCertPool()}
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(ts.ReadFile("cert.pem")))
	}
	client := http.Client{Timeout: startMax, Transport: transport}
	r, err := client.Get(address)
	ts.Check(err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), fmt.Appendf(nil, "%s\n%s\n", r.Status, bytes.TrimSuffix(body, []byte("\n"))), 0o644))
}

// cmdDescribed is `described PATH...`: it checks that answers for these paths are
// kept, and so compared with the description at the end of all scripts.
func cmdDescribed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: described PATH...")
	}
	for _, path := range args {
		has, err := apitest.Has(ts.Getenv(answersVar), path)
		ts.Check(err)
		if !has {
			ts.Fatalf("no answer for %s was kept", path)
		}
	}
}

// cmdCertificate is `certificate CERT KEY`: it makes a certificate for
// 127.0.0.1 that is signed with its own key, both PEM.
func cmdCertificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o644))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
