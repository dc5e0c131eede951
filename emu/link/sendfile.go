package link

import (
	"io"
	"os"
	"time"
)

// sendFile sends a body that is a file on disk without copying it through this
// process, where the system can do that. It reports whether it took the answer
// on, and whether all of it went out.
func (c *serverConn) sendFile(x *exchange) (took, ok bool) {
	s := x.out
	file, isFile := s.resp.File.(*os.File)
	to, can := c.conn.(io.ReaderFrom)
	// A small body goes out in one piece with the head.
	if !isFile || !can || s.resp.Chunked || s.size <= writeBlock || s.off > 0 {
		return false, false
	}
	if _, err := file.Seek(s.resp.Offset, io.SeekStart); err != nil {
		return false, false
	}
	c.conn.SetWriteDeadline(time.Now().Add(c.server.opt.Write))
	if _, err := c.conn.Write(s.take(len(s.cur))); err != nil {
		return true, false
	}
	s.inBody = true
	x.delivered()
	for s.off < s.size {
		c.conn.SetWriteDeadline(time.Now().Add(c.server.opt.Write))
		n, err := to.ReadFrom(io.LimitReader(file, min(writeBlock, s.size-s.off)))
		s.off += n
		s.sent += n
		x.delivered()
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
			c.server.opt.Error(c.conn.RemoteAddr().String(), err)
		}
		if err != nil {
			return true, false
		}
	}
	return true, true
}
