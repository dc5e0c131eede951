package lua

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// httpRequest is what http.request was asked for.
type httpRequest struct {
	method, url string
	adapter     int
	headers     []header
	body        string
	receive     *zbuff        // where the body of the answer goes, or nil
	timeout     time.Duration // 0: the default of the mode
	dst         string
	fota        bool
	fotaStart   int64
	fotaLength  int64
	debug       bool
	tls         *TLS
	progress    func(total, have int64) // nil without a callback
	done        func(code int, head *responseHead, body httpBody)
	host        string
	port        int
	path        string
	auth        string
}

// httpBody is the third result: a string or a number of bytes.
type httpBody struct {
	text     string
	count    int64
	isNumber bool
}

// parseURL splits req.url; false means that http.request refuses it.
func (r *httpRequest) parseURL() bool {
	rest, tls := strings.CutPrefix(r.url, "https://")
	if !tls {
		var ok bool
		if rest, ok = strings.CutPrefix(r.url, "http://"); !ok {
			return false
		}
		r.tls = nil
	} else if r.tls == nil {
		r.tls = &TLS{}
	}
	if len(rest) < 5 {
		return false
	}
	r.path, r.port = "/", 80
	if tls {
		r.port = 443
	}
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest, r.path = rest[:i], rest[i:]
		if r.path[0] == '?' {
			r.path = "/" + r.path
		}
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		r.auth = base64.StdEncoding.EncodeToString([]byte(rest[:i]))
		rest = rest[i+1:]
	}
	r.host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		port, err := strconv.Atoi(rest[i+1:])
		if err != nil || port < 1 || port > 65535 {
			return false
		}
		r.host, r.port = rest[:i], port
	}
	if r.tls != nil {
		r.tls.ServerName = r.host
	}
	return r.host != "" && len(r.host) <= 255
}

// requestHead is everything up to the blank line (luatos-runtime.md 5.4,
// iot-platform.md 1.13).
func (c *httpClient) requestHead() string {
	r, m := c.req, c.m
	var userHost, userConnection bool
	for _, h := range r.headers {
		userHost = userHost || h.name == "Host" || h.name == "host"
		userConnection = userConnection || len(h.name) >= 10 && strings.EqualFold(h.name[:10], "Connection")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", r.method, r.path)
	if m.core("2025-12-14") && !(userConnection && m.core("2026-06-10")) {
		b.WriteString("Connection: Close\r\n")
	}
	if !userHost {
		host := r.host
		if m.core("2023-12-01") || r.port != 80 && r.port != 443 {
			host += ":" + strconv.Itoa(r.port)
		}
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	if c.retries > 0 && c.got > 0 {
		fmt.Fprintf(&b, "Range: bytes=%d-\r\n", c.got)
	}
	if r.auth != "" {
		fmt.Fprintf(&b, "Authorization: Basic %s\r\n", r.auth)
	}
	for _, h := range r.headers {
		if h.name != "" && h.value != "" && h.name != "Content-Length" {
			fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
		}
	}
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	return b.String()
}
