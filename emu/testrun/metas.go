package testrun

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"airlift/flash/explain"
)

// Metas is what metas.json says of a case (luatos-runtime.md 12).
type Metas struct {
	Timeout time.Duration // virtual; 0 if the file names none
	// Models are the models that the case is for, in the order of the file,
	// with the numbers of the firmware builds: 1.. are 32-bit, 101.. 64-bit.
	Models      []ModelBuilds
	Description string
	ScriptsDir  string // "testcase_dir", empty if the file names none
}

// ModelBuilds is a model with the numbers of firmware builds.
type ModelBuilds struct {
	Model  string // as the file spells it: "air780epm"
	Builds []int
}

// Wide reports whether the first build of 64 bits comes with the model.
func (b ModelBuilds) Wide() bool {
	for _, n := range b.Builds {
		if n > 100 {
			return true
		}
	}
	return false
}

// Limits of a metas.json.
const (
	metasBytesMax = 64 << 10
	modelsMax     = 100
	buildsMax     = 1000
	timeoutMax    = 24 * time.Hour
)

// ParseMetas reads a metas.json. Fields that it does not know are left out of
// account: upstream's files differ in them. The error is *explain.FormatError.
func ParseMetas(data []byte) (Metas, error) {
	var m Metas
	if len(data) > metasBytesMax {
		return m, &explain.FormatError{What: "metas.json", Want: fmt.Sprintf("at most %d bytes", metasBytesMax), Got: fmt.Sprintf("%d bytes", len(data))}
	}
	text := bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	p := metasParser{dec: json.NewDecoder(bytes.NewReader(text)), skipped: int64(len(data) - len(text))}
	err := p.object(func(key string) error { return p.field(&m, key) })
	if err == nil {
		if _, e := p.dec.Token(); e != io.EOF {
			err = p.fault("end of file", "nothing behind the object", "more text")
		}
	}
	return m, err
}

// metasParser reads tokens, because the order of the models counts.
type metasParser struct {
	dec     *json.Decoder
	skipped int64
}

func (p *metasParser) fault(what, want, got string) error {
	return &explain.FormatError{Off: p.skipped + p.dec.InputOffset(), What: what, Want: want, Got: got}
}

// wanted are the types of fields in words.
var wanted = map[string]string{"float64": "a number", "string": "a string", "int": "a whole number", "[]int": "a list of whole numbers"}

// wrap turns an error of package json into ours.
func (p *metasParser) wrap(what string, err error) error {
	var format *explain.FormatError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil || errors.As(err, &format):
		return err
	case errors.As(err, &kind):
		return p.fault(what, wanted[kind.Type.String()], kind.Value)
	}
	return p.fault(what, "JSON", strings.TrimPrefix(err.Error(), "json: "))
}

// object reads an object whose values fn reads.
func (p *metasParser) object(fn func(key string) error) error {
	if err := p.delim("{"); err != nil {
		return err
	}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return p.wrap("name of a field", err)
		}
		key, _ := t.(string)
		if err := fn(key); err != nil {
			return err
		}
	}
	return p.delim("}")
}

func (p *metasParser) delim(want string) error {
	t, err := p.dec.Token()
	if err != nil {
		return p.wrap("object", err)
	}
	if d, ok := t.(json.Delim); !ok || d.String() != want {
		return p.fault("object", want, fmt.Sprintf("%v", t))
	}
	return nil
}

func (p *metasParser) field(m *Metas, key string) error {
	value := func(v any) error { return p.wrap(key, p.dec.Decode(v)) }
	switch key {
	case "timeout":
		var seconds float64
		if err := value(&seconds); err != nil {
			return err
		}
		if !(seconds > 0 && seconds <= timeoutMax.Seconds()) {
			return p.fault(key, fmt.Sprintf("seconds, more than 0, at most %.0f", timeoutMax.Seconds()), fmt.Sprint(seconds))
		}
		m.Timeout = time.Duration(math.Round(seconds*1000)) * time.Millisecond
		return nil
	case "model":
		return p.object(func(model string) error { return p.model(m, model) })
	case "platform":
		return p.platform(m)
	case "description", "summary", "desc":
		if m.Description != "" {
			return value(new(json.RawMessage))
		}
		return value(&m.Description)
	case "testcase_dir":
		return value(&m.ScriptsDir)
	}
	return value(new(json.RawMessage))
}

func (p *metasParser) model(m *Metas, model string) error {
	b := ModelBuilds{Model: model}
	if err := p.wrap("builds of "+model, p.dec.Decode(&b.Builds)); err != nil {
		return err
	}
	if len(b.Builds) > buildsMax || len(m.Models) == modelsMax {
		return p.fault("model", fmt.Sprintf("at most %d models of %d builds", modelsMax, buildsMax), "more")
	}
	m.Models = append(m.Models, b)
	return nil
}

// platform reads the other form of "model": a name or a list of names.
func (p *metasParser) platform(m *Metas) error {
	var raw json.RawMessage
	if err := p.wrap("platform", p.dec.Decode(&raw)); err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		var one string
		if err := json.Unmarshal(raw, &one); err != nil {
			return p.fault("platform", "a name or a list of names", string(raw[:min(len(raw), 20)]))
		}
		names = []string{one}
	}
	for _, name := range names {
		if len(m.Models) == modelsMax {
			return p.fault("platform", fmt.Sprintf("at most %d models", modelsMax), "more")
		}
		m.Models = append(m.Models, ModelBuilds{Model: name})
	}
	return nil
}
