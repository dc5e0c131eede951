package host_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// rateConns is how many connections ask at a fixed rate.
const rateConns = 64

// rate asks a given number of times a second, however long the answers take, and
// logs how late they are: each is measured from the moment at which it was due
// to be asked. (wrk asks again when it has been answered, so a server that
// stands still is asked less.)
func (s *loadServer) rate(t *testing.T, perSecond int) {
	t.Helper()
	total := int(loadFor.Seconds() * float64(perSecond))
	s.measure(t, fmt.Sprintf("checks, %d a second, due at fixed times, %d connections", perSecond, rateConns), func() (string, int) {
		late := make([]time.Duration, total)
		var next atomic.Int64
		var group sync.WaitGroup
		start := time.Now()
		for range rateConns {
			group.Go(func() {
				c, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				answers := textproto.NewReader(bufio.NewReader(c))
				for i := next.Add(1) - 1; i < int64(total); i = next.Add(1) - 1 {
					due := start.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
					time.Sleep(time.Until(due))
					if err := askOnce(c, answers, checkTarget(rand.IntN(loadDevices), s.key)); err != nil {
						t.Error(err)
						return
					}
					late[i] = time.Since(due)
				}
			})
		}
		group.Wait()
		took := time.Since(start)
		slices.Sort(late)
		part := func(percent float64) time.Duration {
			return late[int(float64(total-1)*percent/100)].Round(10 * time.Microsecond)
		}
		return fmt.Sprintf("%.0f a second were answered, 50%% within %v, 99%% %v, 99.9%% %v, all %v",
			float64(total)/took.Seconds(), part(50), part(99), part(99.9), part(100)), total
	})
}

// askOnce asks on a connection that stays open, and reads the answer that a
// device with the newest version gets.
func askOnce(c net.Conn, answers *textproto.Reader, target string) error {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target); err != nil {
		return err
	}
	length := -1
	for first := true; ; first = false {
		line, err := answers.ReadLine()
		switch {
		case err != nil:
			return err
		case first && !strings.HasPrefix(line, "HTTP/1.1 400 "):
			return errors.New(line)
		case line == "" && length < 0:
			return errors.New("an answer without its length")
		case line == "":
			_, err := io.CopyN(io.Discard, answers.R, int64(length))
			return err
		}
		if digits, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(digits); err != nil {
				return err
			}
		}
	}
}
