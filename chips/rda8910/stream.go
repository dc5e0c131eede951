package rda8910

import (
	"fmt"

	"airlift/flash/explain"
)

// Tags of the files in a stream (8910.md 2.3).
const (
	TagApp  = 0x7C // script image or C program: becomes /fota/app
	TagCore = 0x7D // core pack: becomes /fota/fota.pack
)

const (
	streamMagic    = 0x7E
	streamHead     = 5 // magic and number of files
	streamFileHead = 5 // tag and length
	maxStreamFiles = 2
)

// Stream is what a server sends (8910.md 2.3). There is no checksum in it.
type Stream struct{ Files []StreamFile }

// StreamFile is one file of a stream.
type StreamFile struct {
	Tag  byte  // TagApp or TagCore
	Off  int64 // of the data, bytes from the start of the stream; set by [ParseStream]
	Data []byte
}

// Encode returns the stream.
func (s *Stream) Encode() []byte {
	b := be.AppendUint32([]byte{streamMagic}, uint32(len(s.Files)))
	for _, f := range s.Files {
		b = be.AppendUint32(append(b, f.Tag), uint32(len(f.Data)))
		b = append(b, f.Data...)
	}
	return b
}

// ParseStream reads a whole stream by the rules of the device's parser. The
// data share memory with b. The error is a *explain.FormatError; the files
// before it are returned all the same, the last of them as far as it goes.
func ParseStream(b []byte) (*Stream, error) {
	s := new(Stream)
	r := StreamReader{
		Begin: func(tag byte, off int64, size uint32) error {
			end := min(int64(len(b)), off+int64(size))
			s.Files = append(s.Files, StreamFile{Tag: tag, Off: off, Data: b[off:end:end]})
			return nil
		},
		Data: func(byte, []byte) error { return nil },
	}
	if _, err := r.Write(b); err != nil {
		return s, err
	}
	return s, r.Close()
}

// StreamReader is the device's parser: it takes a stream in pieces of any size
// (8910.md 2.3). Its zero value with both functions set is ready.
type StreamReader struct {
	// Begin is called at the head of a file: off is where its data begin in the
	// stream, size their announced length.
	Begin func(tag byte, off int64, size uint32) error
	// Data is called with the data of the file as they come, never empty.
	Data func(tag byte, p []byte) error

	pos     int64
	head    []byte // of stream or file, as far as it came
	started bool   // the stream's head is complete
	count   uint32 // of files, as announced
	files   uint32 // still to come
	tag     byte
	left    uint32 // bytes of the current file
	err     error
}

// Consumed returns how many bytes were taken so far.
func (r *StreamReader) Consumed() int64 { return r.pos }

// Write takes the next piece. Its error is what the device answers
// [CodeVerify] to, a *explain.FormatError, or that of a function; there is no
// way on behind it.
func (r *StreamReader) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.err == nil {
		var k int
		switch {
		case r.left > 0:
			k = int(min(int64(r.left), int64(len(p)-n)))
			r.err = r.Data(r.tag, p[n:n+k])
			r.left -= uint32(k)
			r.pos += int64(k)
		case !r.started || r.files > 0:
			k = 1
			r.headByte(p[n])
		default:
			r.err = wrong(r.pos, "stream", "its end behind the last file", fmt.Sprintf("%d bytes more", len(p)-n))
			return n, r.err
		}
		n += k
	}
	return n, r.err
}

// headByte takes a byte of the head of the stream or of a file, and judges it
// as soon as the device does.
func (r *StreamReader) headByte(c byte) {
	off := r.pos
	r.pos++
	r.head = append(r.head, c)
	switch {
	case !r.started && off == 0 && c != streamMagic:
		r.err = &explain.FormatError{What: "first byte of the stream", Want: "0x7E", Got: fmt.Sprintf("0x%02X", c), Hint: "a core pack or script without the head around it is no upgrade file"}
	case r.started && len(r.head) == 1 && c != TagApp && c != TagCore:
		r.err = wrong(off, "tag of a file", "0x7C (application) or 0x7D (core)", fmt.Sprintf("0x%02X", c))
	case len(r.head) < streamHead: // a file's head is as long
	case !r.started:
		r.started, r.files = true, be.Uint32(r.head[1:])
		r.count = r.files
		r.head = r.head[:0]
		if r.files > maxStreamFiles {
			r.err = wrong(1, "number of files", "at most 2", r.files)
		}
	default:
		r.tag, r.left = r.head[0], be.Uint32(r.head[1:])
		r.head = r.head[:0]
		r.files--
		r.err = r.Begin(r.tag, r.pos, r.left)
	}
}

// Close says whether the stream is whole. If it is not the device finds out
// in rtos.fota_end.
func (r *StreamReader) Close() error {
	switch {
	case r.err != nil:
		return r.err
	case !r.started:
		return wrong(r.pos, "head of the stream", "5 bytes", r.pos)
	case r.left > 0:
		return wrong(r.pos, "data of a file", fmt.Sprintf("%d bytes more", r.left), "the end of the stream")
	case r.files > 0:
		return wrong(r.pos, "stream", fmt.Sprintf("%d files more", r.files), "its end")
	}
	return nil
}
