package iot

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"airlift/emu/link"
)

// httpDate formats a time as headers want it.
func httpDate(t time.Time) string { return t.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") }

// reasonPhrase returns the text of a status in the style of the platform's
// framework, which writes errors in capitals (assumed, iot-platform.md 8.2).
func reasonPhrase(status int) string { return strings.ToUpper(link.StatusText(status)) }

// plain is an answer without a body.
func plain(req *link.Request, status int, more ...link.Field) *link.Response {
	return &link.Response{
		Status: status,
		Reason: reasonPhrase(status),
		Header: append(append(link.Header{{Name: "Date", Value: httpDate(req.Time)}}, more...),
			link.Field{Name: "Content-Type", Value: "text/html; charset=utf-8"},
			link.Field{Name: "Content-Length"},
			link.Field{Name: "Connection"}),
	}
}

// applyRange cuts resp's body to what the request's Range header asks for and
// returns the header lines that go with it. On false resp is the complete
// answer 416.
func applyRange(req *link.Request, resp *link.Response) ([]link.Field, bool) {
	size := int64(len(resp.Body))
	if resp.File != nil {
		size = resp.Length
	}
	kind, off, n := link.ParseRange(req.Header.Get("Range"), size)
	switch kind {
	case link.RangeBad:
		*resp = *plain(req, 416, link.Field{Name: "Content-Range", Value: fmt.Sprintf("bytes */%d", size)})
		return nil, false
	case link.RangePart:
		resp.Status = 206
		if resp.File != nil {
			resp.Offset, resp.Length = resp.Offset+off, n
		} else {
			resp.Body = resp.Body[off : off+n]
		}
		return []link.Field{{Name: "Content-Range", Value: fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, size)}}, true
	}
	return nil, true
}

// bareFile is a file with the headers that devices need (iot-platform.md 4.1).
// Servers for devices close after every answer, unless keep.
func bareFile(req *link.Request, content []byte, keep bool) *link.Response {
	return bareReader(req, bytes.NewReader(content), int64(len(content)), content, keep)
}

// bareReader is bareFile for a body that is in memory (content) or in a file.
func bareReader(req *link.Request, r io.ReaderAt, size int64, content []byte, keep bool) *link.Response {
	resp := &link.Response{Status: 200, Body: content, Close: !keep}
	if content == nil {
		resp.File, resp.Length = r, size
	}
	partial, ok := applyRange(req, resp)
	if !ok {
		resp.Close = !keep
		return resp
	}
	resp.Reason = link.StatusText(resp.Status)
	resp.Header = append(link.Header{{Name: "Content-Type", Value: "application/octet-stream"}, {Name: "Content-Length"}}, partial...)
	resp.Header = append(resp.Header, link.Field{Name: "Connection"})
	return resp
}
