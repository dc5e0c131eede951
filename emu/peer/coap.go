package peer

import (
	"bytes"

	"airlift/emu/link"
)

// The parts of CoAP (RFC 7252 3) that a server needs to answer a client.
const (
	coapHead        = 4 // bytes
	coapConfirmable = 0
	coapReset       = 3
	coapRequests    = 31   // the highest code of a request
	coapCreated     = 0x41 // 2.01
	coapChanged     = 0x44 // 2.04
	coapContent     = 0x45 // 2.05
	coapGET         = 1
	coapPOST        = 2
	coapUriPath     = 11
	coapPayload     = 0xFF
)

// coapToken is what a device gets that logs in, as it does at OneNET.
var coapToken = []byte("token of the lab")

// CoAP answers requests: GET with content that says who answers, others with
// "changed". A POST to a path that ends in login is answered with "created" and
// a token, as the platform OneNET does.
func CoAP() link.PacketPeer {
	return link.PacketFunc(func(in *link.Packet) {
		if p := coapAnswer(in.Data); p != nil {
			in.Reply(p)
		}
	})
}

// coapAnswer answers a request, or returns nil for what is none.
func coapAnswer(q []byte) []byte {
	if len(q) < coapHead || q[0]>>6 != 1 || q[0]>>4&3 == coapReset || q[1] == 0 || q[1] > coapRequests {
		return nil
	}
	token := int(q[0] & 15)
	if token > 8 || len(q) < coapHead+token {
		return nil
	}
	path, ok := coapPath(q[coapHead+token:])
	if !ok {
		return nil
	}
	kind := byte(1) // not confirmable, as the request
	if q[0]>>4&3 == coapConfirmable {
		kind = 2 // an acknowledgement that carries the answer
	}
	code, payload := byte(coapChanged), []byte(nil)
	switch {
	case q[1] == coapGET:
		code, payload = coapContent, []byte("lab")
	case q[1] == coapPOST && path == "login":
		code, payload = coapCreated, coapToken
	}
	p := append([]byte{1<<6 | kind<<4 | byte(token), code}, q[2:coapHead+token]...)
	if payload != nil {
		p = append(append(p, coapPayload), payload...)
	}
	return p
}

// coapPath is the last segment of the path among options.
func coapPath(p []byte) (last string, ok bool) {
	// extended reads the rest of a length or difference.
	extended := func(n int) (int, bool) {
		switch {
		case n < 13:
			return n, true
		case n == 13 && len(p) >= 1:
			n, p = 13+int(p[0]), p[1:]
			return n, true
		case n == 14 && len(p) >= 2:
			n, p = 269+int(p[0])<<8+int(p[1]), p[2:]
			return n, true
		}
		return 0, false
	}
	number := 0
	for len(p) > 0 && p[0] != coapPayload {
		head := p[0]
		p = p[1:]
		delta, ok1 := extended(int(head >> 4))
		size, ok2 := extended(int(head & 15))
		if !ok1 || !ok2 || len(p) < size {
			return "", false
		}
		if number += delta; number == coapUriPath {
			last = string(bytes.Clone(p[:size]))
		}
		p = p[size:]
	}
	return last, true
}
