package main

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

var (
	wrongValue = regexp.MustCompile(`^(invalid argument .* flag: )(time: .*|strconv\.Parse(?:Uint|Int).*)$`)
	oneDash    = regexp.MustCompile(`^unknown shorthand flag: '.' in -(\w\w.*)$`)
)

// flagError says what the flag package means.
func flagError(_ *cobra.Command, err error) error {
	text := err.Error()
	if m := wrongValue.FindStringSubmatch(text); m != nil {
		want := "expected a duration with its unit, like 90s, 5m or 1h30m"
		switch {
		case strings.HasPrefix(m[2], "strconv.ParseUint"):
			want = "expected a whole number from 0 on"
		case strings.HasPrefix(m[2], "strconv.ParseInt"):
			want = "expected a whole number"
		}
		return usagef("%s%s", m[1], want)
	}
	if m := oneDash.FindStringSubmatch(text); m != nil {
		return usagef("%w: long flags have two dashes: --%s", err, m[1])
	}
	return withCode(exitUsage, err)
}

// checkAddress refuses what is no address to listen on. An empty one is not
// listened on; a port may have a name that the host knows.
func checkAddress(flag, addr string) error {
	if addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usagef("--%s %q: expected HOST:PORT, like 127.0.0.1:8000 or :8000", flag, addr)
	}
	if n, err := strconv.Atoi(port); err == nil && (n < 0 || n > 65535) {
		return usagef("--%s %q: expected HOST:PORT, with a port up to 65535", flag, addr)
	}
	return nil
}

// listen listens on the address of a flag.
func listen(flag, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, withCode(exitEnv, fmt.Errorf("--%s %s: %w: choose another address; port 0 is any that is free", flag, addr, err))
	}
	return ln, nil
}
