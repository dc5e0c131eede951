package protobuf

import (
	"encoding/binary"
	"strings"
	"testing"
)

// field appends a field with bytes, number one with a number.
func field(b []byte, tag int, data string) []byte {
	b = binary.AppendUvarint(b, uint64(tag)<<3|WireBytes)
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

func number(b []byte, tag int, n uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(tag)<<3), n)
}

// sample is: package p; enum E { A = 0; B = 1; } message M { string s = 1;
// repeated int32 n = 2; E e = 3; M m = 4; } in proto3.
func sample() []byte {
	value := func(name string, n uint64) string { return string(number(field(nil, 1, name), 2, n)) }
	enum := field(field(field(nil, 1, "E"), 2, value("A", 0)), 2, value("B", 1))
	f := func(name string, n, label, kind uint64, typeName string) string {
		b := number(number(number(field(nil, 1, name), 3, n), 4, label), 5, kind)
		if typeName != "" {
			b = field(b, 6, typeName)
		}
		return string(b)
	}
	m := field(nil, 1, "M")
	m = field(m, 2, f("s", 1, 1, String, ""))
	m = field(m, 2, f("n", 2, 3, Int32, ""))
	m = field(m, 2, f("e", 3, 1, Enum, ".p.E"))
	m = field(m, 2, f("m", 4, 1, Message, ".p.M"))
	file := field(field(field(field(nil, 2, "p"), 5, string(enum)), 4, string(m)), 12, "proto3")
	return field(nil, 1, string(file))
}

func TestLoad(t *testing.T) {
	s := NewSchema()
	data := sample()
	if n, err := s.Load(data); err != nil || n != len(data) {
		t.Fatalf("read %d of %d bytes: %v", n, len(data), err)
	}
	m, e := s.Lookup(".p.M"), s.Lookup("p.E")
	if m == nil || e == nil || s.Lookup("M") != nil {
		t.Fatal("types are missing or have wrong names")
	}
	n := m.Field(2)
	if !m.Proto3 || !n.Repeated || !n.Packed || m.Field(1).Packed || m.FieldNamed("e").Type != e || m.Field(4).Type != m || e.Field(1).Name != "B" {
		t.Errorf("fields are wrong: %+v", n)
	}
	s.Remove("p.M")
	if s.Lookup("p.M") != nil {
		t.Error("the type is still there")
	}
}

func TestLoadRefuses(t *testing.T) {
	deep := field(nil, 1, "M")
	for range depthMax + 2 {
		deep = field(field(nil, 1, "M"), 3, string(deep))
	}
	for name, data := range map[string]string{
		"text":     "syntax = \"proto3\";",
		"cut":      string(sample()[:20]),
		"kind":     string(field(nil, 1, string(field(nil, 4, string(field(field(nil, 1, "M"), 2, string(number(nil, 5, 99)))))))),
		"too deep": string(field(nil, 1, string(field(nil, 4, string(deep))))),
		"varint":   strings.Repeat("\xFF", 11),
	} {
		if _, err := NewSchema().Load([]byte(data)); err == nil {
			t.Errorf("%s was loaded", name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(sample())
	f.Add([]byte("\x0a\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := NewSchema()
		if n, _ := s.Load(data); n > len(data) {
			t.Errorf("read %d of %d bytes", n, len(data))
		}
		r := NewReader(data)
		for !r.Done() {
			n, w, err := r.Tag()
			if err != nil || r.Skip(n, w) != nil {
				break
			}
		}
	})
}
