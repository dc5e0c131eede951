package host

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// upload is a body that ends early when nothing more of it comes: its sender may
// be gone without a word.
type upload struct {
	io.ReadCloser
	conn  *http.ResponseController
	pause time.Duration
}

func (u *upload) Read(p []byte) (int, error) {
	u.conn.SetReadDeadline(time.Now().Add(u.pause))
	n, err := u.ReadCloser.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, io.ErrUnexpectedEOF
	}
	if err != nil {
		u.conn.SetReadDeadline(time.Time{}) // pages stay connected after it
	}
	return n, err
}

// download is an answer that fails when nobody takes the next piece of it. As a
// whole it may take as long as it likes.
type download struct {
	http.ResponseWriter
	conn  *http.ResponseController
	pause time.Duration
}

// pieceBytes is how much of a file has to be taken within the pause.
const pieceBytes = 256 << 10

func (d *download) Write(p []byte) (int, error) {
	d.conn.SetWriteDeadline(time.Now().Add(d.pause))
	return d.ResponseWriter.Write(p)
}

// ReadFrom lets files go out without being copied.
func (d *download) ReadFrom(r io.Reader) (int64, error) {
	var sent int64
	for {
		d.conn.SetWriteDeadline(time.Now().Add(d.pause))
		n, err := io.CopyN(d.ResponseWriter, r, pieceBytes)
		sent += n
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}

// Flush and Unwrap are for pages that stay connected.
func (d *download) Flush() { d.conn.Flush() }

// Unwrap finds the connection.
func (d *download) Unwrap() http.ResponseWriter { return d.ResponseWriter }
