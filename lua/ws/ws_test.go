package ws

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"airlift/flash/explain"
)

// The examples of 5.7 and one of each length.
var vectors = []struct {
	hex string
	f   Frame
}{
	{"810548656c6c6f", Frame{Fin: true, Op: Text, Payload: []byte("Hello")}},
	{"818537fa213d7f9f4d5158", Frame{Fin: true, Op: Text, Payload: []byte("Hello"), Masked: true}},
	{"010348656c", Frame{Op: Text, Payload: []byte("Hel")}},
	{"80026c6f", Frame{Fin: true, Op: Continuation, Payload: []byte("lo")}},
	{"890548656c6c6f", Frame{Fin: true, Op: Ping, Payload: []byte("Hello")}},
	{"827e0100" + hex.EncodeToString(make([]byte, 256)), Frame{Fin: true, Op: Binary, Payload: make([]byte, 256)}},
	{"827f0000000000010000" + hex.EncodeToString(make([]byte, 65536)), Frame{Fin: true, Op: Binary, Payload: make([]byte, 65536)}},
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		b, err := hex.DecodeString(v.hex)
		if err != nil {
			t.Fatal(err)
		}
		f, n, err := Parse(b, 1<<17)
		if err != nil || n != len(b) || !reflect.DeepEqual(*f, v.f) {
			t.Fatalf("%.40s: %+v %d %v", v.hex, f, n, err)
		}
		var key *[4]byte
		if v.f.Masked {
			key = (*[4]byte)(b[2:6])
		}
		if got := Append(nil, v.f, key); !bytes.Equal(got, b) {
			t.Errorf("%.40s: %x", v.hex, got)
		}
		for i := range min(len(b), 20) {
			if f, _, err := Parse(b[:i], 1<<17); f != nil || err != nil {
				t.Errorf("%.40s cut at %d: %v %v", v.hex, i, f, err)
			}
		}
	}
	if got := AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Error(got) // the RFC's example, 1.3
	}
}

func TestBad(t *testing.T) {
	for _, h := range []string{"c100", "8300", "8b00", "0900", "897e", "82ff7fffffffffffffff", "827e0101"} {
		b, _ := hex.DecodeString(h)
		_, _, err := Parse(b, 256)
		var fe *explain.FormatError
		if !errors.As(err, &fe) {
			t.Errorf("%s: %v", h, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors[:6] {
		b, _ := hex.DecodeString(v.hex)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, n, err := Parse(b, 4096)
		if err != nil || frame == nil {
			return
		}
		if n > len(b) || len(frame.Payload) > n {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		again, _, err := Parse(Append(nil, *frame, &[4]byte{1, 2, 3, 4}), 4096)
		if err != nil || again.Fin != frame.Fin || again.Op != frame.Op || !bytes.Equal(again.Payload, frame.Payload) {
			t.Fatalf("%+v, then %+v, %v", frame, again, err)
		}
	})
}
