// Package protobuf reads schemas of Protocol Buffers in their compiled form
// (a FileDescriptorSet, what protoc --descriptor_set_out writes) and the wire
// format.
package protobuf

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Types of fields, as descriptor.proto numbers them.
const (
	Double = iota + 1
	Float
	Int64
	Uint64
	Int32
	Fixed64
	Fixed32
	Bool
	String
	Group
	Message
	Bytes
	Uint32
	Enum
	Sfixed32
	Sfixed64
	Sint32
	Sint64
)

// Bounds of a schema.
const (
	depthMax = 32
	typesMax = 10_000
)

// Schema is the types that were loaded, by full name without the first dot.
type Schema struct{ types map[string]*Type }

// Type is a message or an enumeration.
type Type struct {
	Name    string
	Proto3  bool
	Map     bool     // an entry of a map
	Fields  []*Field // in the order of their numbers
	Oneofs  []string
	byTag   map[int32]*Field
	byName  map[string]*Field
	defined bool
}

// Field is a field of a message, or a value of an enumeration.
type Field struct {
	Name             string
	Number           int32
	Kind             int
	Type             *Type // of a message or enumeration
	Repeated, Packed bool
	Default          string // "" if there is none
	Oneof            int    // index into Type.Oneofs, -1 for none
}

// NewSchema is an empty schema.
func NewSchema() *Schema { return &Schema{map[string]*Type{}} }

// Lookup finds a defined type.
func (s *Schema) Lookup(name string) *Type {
	if t := s.types[strings.TrimPrefix(name, ".")]; t != nil && t.defined {
		return t
	}
	return nil
}

// Remove forgets a type. Fields of others that have it stay as they are.
func (s *Schema) Remove(name string) { delete(s.types, strings.TrimPrefix(name, ".")) }

// Field finds a field by its number, or returns nil.
func (t *Type) Field(number int32) *Field { return t.byTag[number] }

// FieldNamed finds a field by its name, or returns nil.
func (t *Type) FieldNamed(name string) *Field { return t.byName[name] }

func (s *Schema) get(name string) *Type {
	name = strings.TrimPrefix(name, ".")
	t := s.types[name]
	if t == nil {
		t = &Type{Name: name, byTag: map[int32]*Field{}, byName: map[string]*Field{}}
		s.types[name] = t
	}
	return t
}

func (t *Type) add(f *Field) {
	t.defined = true
	if old := t.byTag[f.Number]; old != nil && old.Name != f.Name {
		delete(t.byName, old.Name)
	}
	t.byTag[f.Number], t.byName[f.Name] = f, f
}

func (t *Type) finish() {
	t.defined = true
	t.Fields = t.Fields[:0]
	for _, f := range t.byTag {
		t.Fields = append(t.Fields, f)
	}
	sort.Slice(t.Fields, func(i, j int) bool { return t.Fields[i].Number < t.Fields[j].Number })
}

var errSchema = errors.New("no compiled schema")

// Load adds the types of a compiled schema. What was loaded before a mistake
// stays. It returns how far it came, in bytes.
func (s *Schema) Load(data []byte) (n int, err error) {
	r := NewReader(data)
	for !r.Done() {
		tag, wire, err := r.Tag()
		if err != nil {
			return r.Offset(), err
		}
		if tag != 1 || wire != WireBytes {
			return r.Offset(), fmt.Errorf("%w: field %d at offset %d, expected a file", errSchema, tag, r.Offset())
		}
		file, err := r.Bytes()
		if err != nil {
			return r.Offset(), err
		}
		if err := s.loadFile(file); err != nil {
			return r.Offset(), err
		}
	}
	return r.Offset(), nil
}

// loadFile reads a FileDescriptorProto.
func (s *Schema) loadFile(data []byte) error {
	var pkg string
	proto3 := false
	var messages, enums [][]byte
	err := each(data, func(tag int, v value) {
		switch tag {
		case 2:
			pkg = string(v.bytes) + "."
		case 4:
			messages = append(messages, v.bytes)
		case 5:
			enums = append(enums, v.bytes)
		case 12:
			proto3 = string(v.bytes) == "proto3"
		}
	})
	for i := 0; i < len(enums) && err == nil; i++ {
		err = s.loadEnum(pkg, enums[i])
	}
	for i := 0; i < len(messages) && err == nil; i++ {
		err = s.loadMessage(pkg, messages[i], proto3, 0)
	}
	return err
}

func (s *Schema) loadMessage(scope string, data []byte, proto3 bool, depth int) error {
	if depth > depthMax || len(s.types) > typesMax {
		return fmt.Errorf("%w: nested deeper than %d or more than %d types", errSchema, depthMax, typesMax)
	}
	var name string
	var fields, nested, enums [][]byte
	var oneofs []string
	isMap := false
	err := each(data, func(tag int, v value) {
		switch tag {
		case 1:
			name = string(v.bytes)
		case 2:
			fields = append(fields, v.bytes)
		case 3:
			nested = append(nested, v.bytes)
		case 4:
			enums = append(enums, v.bytes)
		case 7:
			_ = each(v.bytes, func(tag int, v value) { isMap = isMap || tag == 7 && v.number != 0 })
		case 8:
			oneof := ""
			_ = each(v.bytes, func(tag int, v value) {
				if tag == 1 {
					oneof = string(v.bytes)
				}
			})
			oneofs = append(oneofs, oneof)
		}
	})
	if err != nil {
		return err
	}
	t := s.get(scope + name)
	t.Proto3, t.Map, t.Oneofs = proto3, isMap, oneofs
	for _, f := range fields {
		field, err := s.loadField(f, proto3)
		if err != nil {
			return err
		}
		if field.Oneof >= len(oneofs) {
			field.Oneof = -1
		}
		t.add(field)
	}
	t.finish()
	for _, e := range enums {
		if err := s.loadEnum(scope+name+".", e); err != nil {
			return err
		}
	}
	for _, n := range nested {
		if err := s.loadMessage(scope+name+".", n, proto3, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (s *Schema) loadField(data []byte, proto3 bool) (*Field, error) {
	f := &Field{Oneof: -1}
	typeName, packed := "", proto3
	err := each(data, func(tag int, v value) {
		switch tag {
		case 1:
			f.Name = string(v.bytes)
		case 3:
			f.Number = int32(v.number)
		case 4:
			f.Repeated = v.number == 3
		case 5:
			f.Kind = int(v.number)
		case 6:
			typeName = string(v.bytes)
		case 7:
			f.Default = string(v.bytes)
		case 8:
			_ = each(v.bytes, func(tag int, v value) {
				if tag == 2 {
					packed = v.number != 0
				}
			})
		case 9:
			f.Oneof = int(int32(v.number))
		}
	})
	if err != nil {
		return nil, err
	}
	if f.Kind < Double || f.Kind > Sint64 {
		return nil, fmt.Errorf("%w: field %q has type %d, expected 1..%d", errSchema, f.Name, f.Kind, Sint64)
	}
	if f.Kind == Message || f.Kind == Enum || f.Kind == Group {
		f.Type = s.get(typeName)
	}
	f.Packed = packed && f.Repeated && WireOf(f.Kind) != WireBytes && f.Kind != Group
	return f, nil
}

func (s *Schema) loadEnum(scope string, data []byte) error {
	var name string
	var values [][]byte
	err := each(data, func(tag int, v value) {
		switch tag {
		case 1:
			name = string(v.bytes)
		case 2:
			values = append(values, v.bytes)
		}
	})
	if err != nil {
		return err
	}
	t := s.get(scope + name)
	for _, data := range values {
		f := &Field{Oneof: -1}
		if err := each(data, func(tag int, v value) {
			switch tag {
			case 1:
				f.Name = string(v.bytes)
			case 2:
				f.Number = int32(v.number)
			}
		}); err != nil {
			return err
		}
		t.add(f)
	}
	t.finish()
	return nil
}
