package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"airlift/emu/iot"
)

// texts are strings that decision paths have in common. They are kept once and
// a path refers to them by number, or it would be most of the database.
type texts struct {
	ids   map[string]int64
	once  map[string]bool // seen once, and not kept yet
	added []string        // within the transaction
}

const (
	textsMax      = 10_000 // that are kept; others are written out
	textsOnceMax  = 4096
	textBytesMin  = 8 // shorter ones are not worth it
	textBytesMax  = 512
	pathBytesHint = 512
)

// loadTexts reads the texts, once.
func (t *tx) loadTexts() error {
	t.texts = texts{ids: map[string]int64{}, once: map[string]bool{}}
	rows, err := t.query("select id, text from texts")
	_, err = all(rows, err, func(r scanner) (_ struct{}, err error) {
		var id int64
		var s string
		if err = r.Scan(&id, &s); err == nil {
			t.texts.ids[s] = id
		}
		return struct{}{}, err
	})
	return err
}

// textID is the number of a text, or 0 if it is to be written out. A text is
// kept when it is seen the second time, unless it is about one device.
func (t *tx) textID(s, identity string) (int64, error) {
	if id := t.texts.ids[s]; id != 0 {
		return id, nil
	}
	if len(s) < textBytesMin || len(s) > textBytesMax || len(t.texts.ids) >= textsMax || strings.Contains(s, identity) {
		return 0, nil
	}
	if !t.texts.once[s] {
		if len(t.texts.once) >= textsOnceMax {
			clear(t.texts.once)
		}
		t.texts.once[s] = true
		return 0, nil
	}
	id, err := t.insert("insert into texts(text) values(?)", s)
	if err != nil {
		return 0, err
	}
	delete(t.texts.once, s)
	t.texts.ids[s], t.texts.added = id, append(t.texts.added, s)
	return id, nil
}

// forgetTexts undoes what was added after the first n.
func (t *tx) forgetTexts(n int) {
	for _, s := range t.texts.added[n:] {
		delete(t.texts.ids, s)
	}
	t.texts.added = t.texts.added[:n]
}

// encodePath keeps a decision path without the names of its fields: a list of
// steps, each a list of number, passed, rule, compared, conclusion and fix, and
// a list of notes. A number in a text's place is that of a kept one, which textID
// finds.
func encodePath(l *iot.LogEntry, textID func(s, identity string) (int64, error)) (string, error) {
	b := append(make([]byte, 0, pathBytesHint), "[["...)
	for i, s := range l.Steps {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), int64(s.N), 10)
		if s.Passed {
			b = append(b, ",1"...)
		} else {
			b = append(b, ",0"...)
		}
		for _, field := range [...]string{s.Rule, s.Compared, s.Conclusion, s.Fix} {
			id, err := textID(field, l.Identity)
			if err != nil {
				return "", err
			}
			if b = append(b, ','); id != 0 {
				b = strconv.AppendInt(b, id, 10)
			} else {
				b = appendText(b, field)
			}
		}
		b = append(b, ']')
	}
	b = append(b, "],["...)
	for i, note := range l.Notes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, note)
	}
	return string(append(b, "]]"...)), nil
}

// appendText adds a string as JSON. Nearly all are printable ASCII and need no
// more than quotes around them and before their own.
func appendText(b []byte, s string) []byte {
	start := len(b)
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c >= 0x7F {
			return append(b[:start], text(s)...)
		}
		if c == '"' || c == '\\' {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return append(b, '"')
}

// decodePath reads a path; kept finds a kept text.
func decodePath(path string, kept func(id int64) (string, error)) (steps []iot.Step, notes []string, err error) {
	var parts [2]json.RawMessage
	if err := json.Unmarshal([]byte(path), &parts); err != nil {
		return nil, nil, fmt.Errorf("decision path: %w", err)
	}
	var rows [][6]json.RawMessage
	if err := json.Unmarshal(parts[0], &rows); err != nil {
		return nil, nil, fmt.Errorf("decision path: %w", err)
	}
	for _, r := range rows {
		var s iot.Step
		var passed int
		for i, to := range []any{&s.N, &passed, &s.Rule, &s.Compared, &s.Conclusion, &s.Fix} {
			if err := decodeField(r[i], to, kept); err != nil {
				return nil, nil, fmt.Errorf("decision path: %w", err)
			}
		}
		s.Passed = passed == 1
		steps = append(steps, s)
	}
	return steps, notes, json.Unmarshal(parts[1], &notes)
}

func decodeField(raw json.RawMessage, to any, kept func(id int64) (string, error)) error {
	s, isText := to.(*string)
	if !isText || len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, to)
	}
	var id int64
	err := json.Unmarshal(raw, &id)
	if err == nil {
		*s, err = kept(id)
	}
	return err
}

// keptText finds a kept text.
func (s *Store) keptText(id int64) (string, error) {
	return one(s, scanText, "select text from texts where id = ?", id)
}
