package scene

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Bounds of a scene file.
const (
	fileMost   = 1 << 20  // bytes
	eventsMost = 10_000   // events, repetitions counted
	listMost   = 1_000    // entries of any other list
	dataMost   = 64 << 10 // bytes of one answer or event
	filesMost  = 16 << 20 // bytes of all files that a scene names
	timeMost   = 100 * 365 * 24 * time.Hour
)

// Error is a fault in a scene file.
type Error struct {
	Line int // from 1
	What string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// Parse reads a scene file (docs/SCENE.md) that names no other files. What it
// does not mention is as in [Default]. The error is an *Error, or what the
// YAML reader says.
func Parse(text []byte) (*Scene, error) { return ParseWith(text, nil) }

// ParseWith is Parse of a scene whose other files read opens.
func ParseWith(text []byte, read func(name string) ([]byte, error)) (s *Scene, err error) {
	if len(text) > fileMost {
		return nil, fmt.Errorf("%d bytes, a scene file may have %d", len(text), fileMost)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return Default(), nil
	case err != nil:
		return nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{1, "more than one YAML document"}
	}
	defer func() {
		if r := recover(); r != nil {
			bad, ok := r.(*Error)
			if !ok {
				panic(r)
			}
			s, err = nil, bad
		}
	}()
	contents := &fileLoader{read: read}
	contents.load(doc.Content[0])
	s = readScene(doc.Content[0])
	s.Source = append(bytes.Clone(text), contents.all...)
	return s, nil
}

// fail ends the reading of a file. Parse recovers from it.
func fail(n *yaml.Node, format string, args ...any) {
	panic(&Error{n.Line, fmt.Sprintf(format, args...)})
}

// fields is what may stand in a mapping: how each key is read.
type fields map[string]func(*yaml.Node)

// readMapping reads every key of a mapping, and refuses what is not known.
func readMapping(n *yaml.Node, what string, f fields) {
	if n.Kind != yaml.MappingNode {
		fail(n, "%s: %s, expected keys and values", what, kindName(n))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := f[key.Value]
		if key.Kind != yaml.ScalarNode || read == nil {
			fail(key, "%s has no %q: it has %s", what, key.Value, strings.Join(names(f), ", "))
		}
		if seen[key.Value] {
			fail(key, "%s: %s is given twice", what, key.Value)
		}
		seen[key.Value] = true
		read(value)
	}
}

func names(f fields) []string {
	var list []string
	for k := range f {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias, which scene files do not have"
	}
	return fmt.Sprintf("%q", n.Value)
}

// readList calls read for every entry.
func readList(n *yaml.Node, what string, read func(*yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		fail(n, "%s: %s, expected a list", what, kindName(n))
	}
	if len(n.Content) > listMost && what != "events" {
		fail(n, "%s: %d entries, at most %d", what, len(n.Content), listMost)
	}
	for _, e := range n.Content {
		read(e)
	}
}

// text reads a scalar.
func text(n *yaml.Node, what string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		fail(n, "%s: %s, expected a text", what, kindName(n))
	}
	if len(n.Value) > dataMost {
		fail(n, "%s: %d bytes, at most %d", what, len(n.Value), dataMost)
	}
	return n.Value
}

// number reads an integer of a range, decimal or with 0x.
func number(n *yaml.Node, what string, least, most int64) int {
	v, err := strconv.ParseInt(text(n, what), 0, 64)
	if err != nil {
		fail(n, "%s: %s, expected a whole number", what, kindName(n))
	}
	if v < least || v > most {
		fail(n, "%s: %d, expected %d to %d", what, v, least, most)
	}
	return int(v)
}

// millis reads a decimal number and returns thousandths of it.
func millis(n *yaml.Node, what string, least, most float64) int {
	v, err := strconv.ParseFloat(text(n, what), 64)
	if err != nil || !(v >= least && v <= most) {
		fail(n, "%s: %s, expected %v to %v", what, kindName(n), least, most)
	}
	if v < 0 {
		return int(v*1000 - 0.5)
	}
	return int(v*1000 + 0.5)
}

func boolean(n *yaml.Node, what string) bool {
	switch text(n, what) {
	case "true", "yes":
		return true
	case "false", "no":
		return false
	}
	fail(n, "%s: %q, expected true or false", what, n.Value)
	return false
}

// duration reads "1.5s", "200ms".
func duration(n *yaml.Node, what string) time.Duration {
	d, err := time.ParseDuration(text(n, what))
	if err != nil || d < 0 || d > timeMost {
		fail(n, "%s: %q, expected a time such as 200ms, 1.5s or 2h", what, n.Value)
	}
	return d
}

// hexBytes reads bytes in hex; blanks do not count.
func hexBytes(n *yaml.Node, what string) []byte {
	p, err := hex.DecodeString(strings.Join(strings.Fields(text(n, what)), ""))
	if err != nil {
		fail(n, "%s: %q, expected bytes in hex", what, n.Value)
	}
	return p
}

// digits reads a text of so many decimal digits.
func digits(n *yaml.Node, what string, least, most int) string {
	s := text(n, what)
	if len(s) < least || len(s) > most || strings.Trim(s, "0123456789") != "" {
		fail(n, "%s: %q, expected %d to %d digits", what, s, least, most)
	}
	return s
}

// telephone reads a telephone number.
func telephone(n *yaml.Node, what string) string {
	s := text(n, what)
	if len(s) < 3 || len(s) > 20 || strings.Trim(s, "+*#0123456789") != "" {
		fail(n, "%s: %q, expected a telephone number", what, s)
	}
	return s
}

// mac reads six bytes, 02:a1:4c:00:00:01.
func mac(n *yaml.Node, what string) string {
	p, err := hex.DecodeString(strings.NewReplacer(":", "", "-", "").Replace(text(n, what)))
	if err != nil || len(p) != 6 {
		fail(n, "%s: %q, expected a MAC address", what, n.Value)
	}
	return string(p)
}

// pinName reads the number of a GPIO, or the name of another pin's constant.
func pinName(n *yaml.Node, what string) string {
	s := text(n, what)
	if v, err := strconv.ParseUint(s, 10, 8); err == nil {
		return strconv.FormatUint(v, 10)
	}
	if !slices.Contains(pinNames, s) {
		fail(n, "%s: %q, expected the number of a GPIO, or one of %s", what, s, strings.Join(pinNames, ", "))
	}
	return s
}

// pinNames are the pins that are no GPIO.
var pinNames = []string{"PWR_KEY", "CHG_DET", "WAKEUP0", "WAKEUP1", "WAKEUP2", "WAKEUP3", "WAKEUP4", "WAKEUP5", "WAKEUP6"}
