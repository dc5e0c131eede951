package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what all verbs share: where output goes and in which form.
type app struct {
	out, err io.Writer
	format   string
	colour   string
	code     int // exit code when nothing failed: exitFine or exitFindings
	paint    bool
	buf      *bufio.Writer
}

// moreFormats is the annotation of verbs with forms of output of their own.
const moreFormats = "formats"

// allowFormats lets a verb write other forms than all verbs do.
func (a *app) allowFormats(cmd *cobra.Command, names ...string) {
	cmd.Annotations = map[string]string{moreFormats: strings.Join(names, " ")}
}

// prepare checks the persistent flags before a verb runs.
func (a *app) prepare(cmd *cobra.Command) error {
	formats := append([]string{"text", "json", "jsonl"}, strings.Fields(cmd.Annotations[moreFormats])...)
	if !slices.Contains(formats, a.format) {
		last := len(formats) - 1
		return usagef("--format %q: expected %s or %s", a.format, strings.Join(formats[:last], ", "), formats[last])
	}
	switch a.colour {
	case "auto":
		f, ok := a.out.(*os.File)
		a.paint = ok && a.format == "text" && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(f.Fd()))
	case "always", "never":
		a.paint = a.colour == "always"
	default:
		return usagef("--color %q: expected auto, always or never", a.colour)
	}
	a.buf = bufio.NewWriter(a.out)
	return nil
}

func (a *app) text() bool { return a.format == "text" }

func (a *app) flush() {
	if a.buf != nil {
		a.buf.Flush()
	}
}

// printf writes to stdout.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.buf, format, args...) }

// note writes progress for people to stderr.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// json writes one value: indented for json, on one line for jsonl.
func (a *app) json(v any) error {
	return a.jsonTo(a.buf, v)
}

func (a *app) jsonTo(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if a.format == "json" {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// list writes values: one array for json, one line each for jsonl.
func list[T any](a *app, values []T) error { return listTo(a, a.buf, values) }

func listTo[T any](a *app, w io.Writer, values []T) error {
	if a.format == "json" {
		return a.jsonTo(w, values)
	}
	for _, v := range values {
		if err := a.jsonTo(w, v); err != nil {
			return err
		}
	}
	return nil
}

// plural is n with the name of what is counted.
func plural[N int | int64](n N, one string) string {
	if n != 1 {
		one += "s"
	}
	return fmt.Sprintf("%d %s", n, one)
}

// wrap breaks text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// Colours, as SGR codes.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	blue    = "34"
	magenta = "35"
	cyan    = "36"
)

func (a *app) c(code, s string) string {
	if !a.paint || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// writeFile writes a file so that it is either complete or not there: to a
// temporary file in the same folder first, then by rename.
func writeFile(name string, write func(io.Writer) error) (err error) {
	if st, err := os.Stat(name); err == nil && st.IsDir() {
		return usagef("%s is a folder, expected the name of a file", name)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	var path *os.PathError
	if errors.As(err, &path) {
		path.Path = name // not that of the temporary file
	}
	if err != nil {
		return withCode(exitEnv, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return withCode(exitEnv, err)
	}
	if err := f.Chmod(0o644); err != nil && !errorsIsUnsupported(err) {
		return withCode(exitEnv, err)
	}
	if err := f.Close(); err != nil {
		return withCode(exitEnv, err)
	}
	return withCode(exitEnv, os.Rename(f.Name(), name))
}

func errorsIsUnsupported(err error) bool { return os.IsPermission(err) }

// writeBytes is writeFile for contents that are already there.
func writeBytes(name string, p []byte) error {
	return writeFile(name, func(w io.Writer) error {
		_, err := w.Write(p)
		return err
	})
}

// readMax bounds the files that are read whole, in bytes.
const readMax = 256 << 20

// readFile reads a host file of bounded size.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, withCode(exitEnv, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, withCode(exitEnv, err)
	}
	if st.IsDir() {
		return nil, usagef("%s is a folder, expected a file", name)
	}
	if st.Size() > readMax {
		return nil, withCode(exitBadInput, fmt.Errorf("%s: %d bytes, expected at most %d", name, st.Size(), readMax))
	}
	p, err := io.ReadAll(io.LimitReader(f, readMax+1))
	if err != nil {
		return nil, withCode(exitEnv, err)
	}
	return p, nil
}

// unquote expands Go escapes in a flag's value.
func unquote(s string) ([]byte, error) {
	out, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	return []byte(out), err
}
