package firmware

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits of the text forms.
const (
	maxText    = 1 << 20 // bytes of a file
	maxMembers = 1 << 14 // of a library
	maxName    = 64      // bytes
)

// LineError says what is wrong in a data file, and where.
type LineError struct {
	File string
	Line int
	Why  string
}

func (e *LineError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Why) }

// Kind is what a member of a library is.
type Kind uint8

const (
	Func   Kind = iota + 1 // a function
	Int                    // an integer constant
	Str                    // a string constant
	Handle                 // light userdata that scripts hand back
	Own                    // a value that the language or the port knows
)

var kindNames = map[string]Kind{"func": Func, "int": Int, "str": Str, "handle": Handle, "own": Own}

// Member is a function or constant of a library.
type Member struct {
	Name string
	Kind Kind
	Int  int64  // of an Int
	Str  string // of a Str
	// Since and Until bound the core dates that have the member, "2024-05-08";
	// empty means without bound. Until is the first day without it.
	Since, Until string
	// Special members are only there where a firmware names them.
	Special bool
}

// at reports whether a core of the given date has the member.
func (m *Member) at(date string) bool {
	return !m.Special && m.Since <= date && (m.Until == "" || date < m.Until)
}

// eachLine splits text into statements.
func eachLine(file, text string, visit func(words []string, rest string) string) error {
	if len(text) > maxText {
		return &LineError{file, 0, fmt.Sprintf("%d bytes, expected at most %d", len(text), maxText)}
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		_, rest, _ := strings.Cut(strings.TrimSpace(line), words[0])
		if why := visit(words, strings.TrimSpace(rest)); why != "" {
			return &LineError{file, n, why}
		}
	}
	return nil
}

// validName returns why name is none, or "".
func validName(name string) string {
	if name == "" || len(name) > maxName {
		return fmt.Sprintf("name %q: expected 1 to %d letters, digits and _", name, maxName)
	}
	for _, c := range []byte(name) { // lcd["8080_MODE"] begins with a digit
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return fmt.Sprintf("name %q: expected letters, digits and _", name)
		}
	}
	return ""
}

// validDate wants the form alone: time.Parse is half of the work of reading a
// firmware.
func validDate(date string) string {
	const form = "0000-00-00"
	ok := len(date) == len(form)
	for i := 0; ok && i < len(form); i++ {
		ok = date[i] == form[i] || form[i] == '0' && date[i] >= '0' && date[i] <= '9'
	}
	if !ok {
		return fmt.Sprintf("date %q: expected the form 2024-05-08", date)
	}
	return ""
}

// ParseLibrary reads the members of a library. The error is a *[LineError].
func ParseLibrary(file, text string) ([]Member, error) {
	var members []Member
	seen := map[string]bool{}
	err := eachLine(file, text, func(words []string, rest string) string {
		m, why := parseMember(words, rest)
		switch {
		case why != "":
			return why
		case seen[m.Name]:
			return fmt.Sprintf("%s is there twice", m.Name)
		case len(members) == maxMembers:
			return fmt.Sprintf("more than %d members", maxMembers)
		}
		seen[m.Name] = true
		members = append(members, m)
		return ""
	})
	return members, err
}

func parseMember(words []string, rest string) (m Member, why string) {
	m.Kind = kindNames[words[0]]
	if m.Kind == 0 {
		return m, fmt.Sprintf("%q: expected func, int, str, handle or own", words[0])
	}
	if len(words) < 2 {
		return m, "the name is missing"
	}
	m.Name = words[1]
	if why := validName(m.Name); why != "" {
		return m, why
	}
	words = words[2:]
	switch m.Kind {
	case Int:
		if len(words) == 0 {
			return m, "the value is missing"
		}
		n, err := strconv.ParseInt(words[0], 10, 64)
		if err != nil {
			return m, fmt.Sprintf("value %q: expected an integer", words[0])
		}
		m.Int, words = n, words[1:]
	case Str:
		_, quoted, _ := strings.Cut(rest, m.Name)
		quoted = strings.TrimSpace(quoted)
		prefix, err := strconv.QuotedPrefix(quoted)
		if err != nil || prefix[0] != '"' {
			return m, "expected a string in double quotes"
		}
		if m.Str, err = strconv.Unquote(prefix); err != nil {
			return m, err.Error()
		}
		words = strings.Fields(quoted[len(prefix):])
	}
	return m, m.parseBounds(words)
}

func (m *Member) parseBounds(words []string) (why string) {
	for len(words) > 0 {
		var field *string
		switch words[0] {
		case "special":
			m.Special, words = true, words[1:]
			continue
		case "since":
			field = &m.Since
		case "until":
			field = &m.Until
		default:
			return fmt.Sprintf("%q: expected since, until or special", words[0])
		}
		if len(words) < 2 {
			return "a date is missing behind " + words[0]
		}
		if *field != "" {
			return words[0] + " is there twice"
		}
		if why := validDate(words[1]); why != "" {
			return why
		}
		*field, words = words[1], words[2:]
	}
	if m.Until != "" && m.Until <= m.Since {
		return "until is not later than since"
	}
	return ""
}

// build is a parsed firmware file.
type build struct {
	date, assumed string
	libs          []string
	aliases       [][2]string
	without, with map[string]bool
	values        map[string]int64
}

// parseBuild reads a firmware file. The error is a *[LineError].
func parseBuild(file, text string) (*build, error) {
	b := &build{without: map[string]bool{}, with: map[string]bool{}, values: map[string]int64{}}
	seen := map[string]bool{}
	err := eachLine(file, text, func(words []string, rest string) string {
		args := words[1:]
		if len(args) == 0 {
			return words[0] + ": something is missing behind it"
		}
		switch words[0] {
		case "date":
			b.date = args[0]
			return validDate(rest)
		case "assumed":
			b.assumed = rest
			return ""
		case "lib":
			for _, name := range args {
				if why := validName(name); why != "" {
					return why
				}
				if seen[name] {
					return fmt.Sprintf("library %s is there twice", name)
				}
				seen[name] = true
				b.libs = append(b.libs, name)
			}
			return ""
		case "alias":
			return b.alias(args, seen)
		case "without", "with":
			set := b.without
			if words[0] == "with" {
				set = b.with
			}
			for _, name := range args {
				if why := validMember(name, seen); why != "" {
					return why
				}
				set[name] = true
			}
			return ""
		case "value":
			return b.value(args, seen)
		}
		return fmt.Sprintf("%q: expected date, assumed, lib, alias, without, with or value", words[0])
	})
	if err == nil && b.date == "" {
		err = &LineError{file, 0, "the date is missing"}
	}
	return b, err
}

func (b *build) alias(args []string, seen map[string]bool) string {
	if len(args) != 2 {
		return "expected alias NAME LIBRARY"
	}
	if why := validName(args[0]); why != "" {
		return why
	}
	if seen[args[0]] || !seen[args[1]] {
		return fmt.Sprintf("alias %s of %s: expected a new name of a library above", args[0], args[1])
	}
	b.aliases = append(b.aliases, [2]string{args[0], args[1]})
	return ""
}

func (b *build) value(args []string, seen map[string]bool) string {
	if len(args) != 2 {
		return "expected value LIBRARY.NAME INTEGER"
	}
	if why := validMember(args[0], seen); why != "" {
		return why
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Sprintf("value %q: expected an integer", args[1])
	}
	b.values[args[0]] = n
	return ""
}

// validMember wants a member of one of the libraries above.
func validMember(name string, libs map[string]bool) string {
	lib, member, ok := strings.Cut(name, ".")
	if !ok || !libs[lib] {
		return fmt.Sprintf("%q: expected LIBRARY.NAME of a library above", name)
	}
	return validName(member)
}
