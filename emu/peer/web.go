package peer

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"time"

	"airlift/emu/link"
)

// Bounds of what [Web] makes.
const (
	webBytesMax = 1 << 20
	webDelayMax = 60 // seconds
	webLinesMax = 100
)

// Web is a set of pages to try HTTP clients out, in the manner of httpbin:
//
//	/get /post /put /patch /delete /anything   what was asked, as JSON
//	/headers /ip /user-agent /json /html
//	/status/N  /delay/SECONDS  /bytes/N  /stream-bytes/N  /stream/LINES
//	/redirect/N  /redirect-to?url=URL  /base64/TEXT  /basic-auth/USER/PASSWORD
//	/response-headers?NAME=VALUE  /drip?numbytes=N&duration=SECONDS
//	/resolve?name=HOST  /d?dn=HOST             DNS over HTTP
//
// Every path is a websocket echo for who asks for a websocket. resolve, if not
// nil, answers the questions about hosts.
func Web(resolve func(host string) (ip string, ok bool)) link.Handler {
	w := &web{resolve: resolve, socket: WebsocketEcho()}
	return link.HandlerFunc(w.serve)
}

type web struct {
	resolve func(string) (string, bool)
	socket  link.Handler
}

func (w *web) serve(r *link.Request) *link.Response {
	if wantsWebsocket(r) {
		return w.socket.Serve(r)
	}
	path, rest, _ := strings.Cut(strings.TrimPrefix(r.Path(), "/"), "/")
	if page := w.page(r, path, rest); page != nil {
		return page
	}
	return link.Text(404, "no such page\n")
}

// methodPages are pages for one method.
var methodPages = map[string]string{"get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE"}

func (w *web) page(r *link.Request, path, rest string) *link.Response {
	if method, ok := methodPages[path]; ok && rest == "" {
		if r.Method != method && r.Method != "HEAD" {
			return link.Text(405, "this page is for "+method+"\n")
		}
		return about(r)
	}
	query, _ := url.ParseQuery(r.RawQuery()) // what is wrong is left out
	switch path {
	case "":
		return html("<html><head><title>lab</title></head><body><h1>It works</h1></body></html>\n")
	case "html":
		return html("<!DOCTYPE html><html><body><p>A page.</p></body></html>\n")
	case "anything":
		return about(r)
	case "headers":
		return answer(map[string]any{"headers": headers(r)})
	case "ip":
		return answer(map[string]any{"origin": origin(r)})
	case "user-agent":
		return answer(map[string]any{"user-agent": r.Header.Get("User-Agent")})
	case "json":
		return answer(map[string]any{"lab": map[string]any{"title": "sample", "list": []any{1, 2.5, "three", true, nil}}})
	case "base64":
		b, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return link.Text(400, "this is no base64\n")
		}
		return link.Text(200, string(b))
	case "response-headers":
		resp := answer(map[string]any{})
		for _, pair := range strings.Split(r.RawQuery(), "&") {
			name, value, _ := strings.Cut(pair, "=")
			if v, err := url.QueryUnescape(value); err == nil && name != "" && !strings.ContainsAny(name+v, "\r\n:% ") {
				resp.Header = append(resp.Header, link.Field{Name: name, Value: v})
			}
		}
		return resp
	case "basic-auth":
		return basicAuth(r, rest)
	case "drip":
		return drip(query)
	case "redirect-to":
		return redirect(query.Get("url"))
	case "resolve", "d":
		return w.lookUp(path, query)
	}
	return counted(r, path, rest)
}

// counted are the pages with a number.
func counted(r *link.Request, path, rest string) *link.Response {
	n, err := strconv.Atoi(rest)
	if err != nil || n < 0 {
		return nil
	}
	switch path {
	case "status":
		if n < 200 || n > 599 {
			return link.Text(400, "a status is from 200 to 599\n")
		}
		return link.Text(n, "")
	case "delay":
		resp := about(r)
		resp.Delay = time.Duration(min(n, webDelayMax)) * time.Second
		return resp
	case "bytes", "stream-bytes":
		resp := &link.Response{Status: 200, Body: pattern(min(n, webBytesMax)), Chunked: path == "stream-bytes"}
		resp.Header = link.Header{{Name: "Content-Type", Value: "application/octet-stream"}}
		return resp
	case "stream":
		var b []byte
		page := summary(r)
		for i := range min(n, webLinesMax) {
			page["id"] = i
			line, err := json.Marshal(page)
			if err != nil {
				return link.Text(500, "the answer cannot be written as JSON\n")
			}
			b = append(append(b, line...), '\n')
		}
		return &link.Response{Status: 200, Body: b, Chunked: true}
	case "redirect":
		if n > 1 {
			return redirect("/redirect/" + strconv.Itoa(n-1))
		}
		return redirect("/get")
	}
	return nil
}

// pattern returns n bytes that count up.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func html(text string) *link.Response {
	return &link.Response{Status: 200, Body: []byte(text), Header: link.Header{{Name: "Content-Type", Value: "text/html; charset=utf-8"}}}
}

// answer is a page of JSON.
func answer(v any) *link.Response {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return link.Text(500, "the answer cannot be written as JSON\n")
	}
	return &link.Response{Status: 200, Body: append(b, '\n'), Header: link.Header{{Name: "Content-Type", Value: "application/json"}}}
}

func redirect(to string) *link.Response {
	if to == "" || strings.ContainsAny(to, "\r\n") {
		return link.Text(400, "where to?\n")
	}
	resp := link.Text(302, "")
	resp.Header = append(resp.Header, link.Field{Name: "Location", Value: to})
	return resp
}

func headers(r *link.Request) map[string]string {
	h := map[string]string{}
	for _, f := range r.Header {
		h[f.Name] = f.Value
	}
	return h
}

func origin(r *link.Request) string {
	host, _, _ := strings.Cut(r.Remote, ":")
	return host
}

// summary is what every page about the request has.
func summary(r *link.Request) map[string]any {
	scheme := "http"
	if r.TLS {
		scheme = "https"
	}
	query, _ := url.ParseQuery(r.RawQuery()) // what is wrong is left out
	return map[string]any{
		"args": first(query), "headers": headers(r), "method": r.Method, "origin": origin(r), "url": scheme + "://" + r.Host() + r.Target,
	}
}

// first keeps the first value of each name.
func first(values url.Values) map[string]string {
	m := map[string]string{}
	for name := range values {
		m[name] = values.Get(name)
	}
	return m
}

// about tells what was asked.
func about(r *link.Request) *link.Response {
	page := summary(r)
	if r.Method == "GET" {
		return answer(page)
	}
	data, form, files := string(r.Body), map[string]string{}, map[string]string{}
	kind, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/x-www-form-urlencoded":
		values, _ := url.ParseQuery(data) // what is wrong is left out
		form, data = first(values), ""
	case "multipart/form-data":
		parts, err := multipart.NewReader(bytes.NewReader(r.Body), params["boundary"]).ReadForm(int64(len(r.Body)) + 1)
		if err != nil {
			return link.Text(400, "bad multipart body\n")
		}
		form, data = first(parts.Value), ""
		for name, list := range parts.File {
			if content, err := partContent(list[0]); err == nil {
				files[name] = content
			}
		}
	}
	var parsed any
	if json.Unmarshal(r.Body, &parsed) != nil {
		parsed = nil
	}
	page["data"], page["form"], page["json"], page["files"] = data, form, parsed, files
	return answer(page)
}

func partContent(h *multipart.FileHeader) (string, error) {
	f, err := h.Open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	return string(b), err
}

// drip sends bytes late; it does not spread them.
func drip(query url.Values) *link.Response {
	number := func(name string, def, most int) int {
		n, err := strconv.Atoi(query.Get(name))
		if err != nil || n < 0 {
			return def
		}
		return min(n, most)
	}
	return &link.Response{
		Status: 200, Body: bytes.Repeat([]byte("*"), number("numbytes", 10, webBytesMax)),
		Delay: time.Duration(number("duration", 2, webDelayMax)) * time.Second,
	}
}

func basicAuth(r *link.Request, want string) *link.Response {
	user, password, _ := strings.Cut(want, "/")
	token := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	if r.Header.Get("Authorization") != "Basic "+token {
		resp := link.Text(401, "")
		resp.Header = append(resp.Header, link.Field{Name: "WWW-Authenticate", Value: `Basic realm="lab"`})
		return resp
	}
	return answer(map[string]any{"authenticated": true, "user": user})
}

// lookUp answers a question of DNS over HTTP, in the forms of two providers.
func (w *web) lookUp(path string, query url.Values) *link.Response {
	name := query.Get("name")
	if path == "d" {
		name = query.Get("dn")
	}
	var ip string
	ok := false
	if w.resolve != nil {
		ip, ok = w.resolve(name)
	}
	switch {
	case path == "d":
		return link.Text(200, ip)
	case !ok:
		return answer([]string{})
	case query.Get("short") != "":
		return answer([]string{ip})
	}
	return answer(map[string]any{"Status": 0, "Answer": []any{map[string]any{"name": name + ".", "type": 1, "TTL": 60, "data": ip}}})
}
