package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"airlift/chips/guest"
	"airlift/chips/guest/guests"
)

func (a *app) guestCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guest",
		Short: "Write and check boot code of your own, as WebAssembly",
		Long: `Boot code and update agents of your own run as WebAssembly modules: see
docs/GUESTS.md for the interface and docs/GUEST-TUTORIAL.md for a start.`,
		Args: operands(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	fresh := &cobra.Command{
		Use:     "new DIR",
		Short:   "Write a folder to begin with: header, boot code in C, board file",
		Example: `  airlift guest new myboot`,
		Args:    operands("DIR"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.newGuest(args[0]) },
	}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the guests that are shipped",
		Args:  operands(),
		RunE:  func(*cobra.Command, []string) error { return a.listGuests() },
	}
	var ram int64
	var wasi bool
	check := &cobra.Command{
		Use:   "check GUEST",
		Short: "Check a .wasm file, or a guest that is shipped, and say what it can be used for",
		Example: `  airlift guest check my.wasm
  airlift guest check ab`,
		Args: operands("GUEST"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.checkGuest(args[0], guest.Limits{RAM: ram, WASI: wasi})
		},
	}
	check.Flags().Int64Var(&ram, "ram", guest.DefaultRAM, "`bytes` of RAM that the chip has")
	check.Flags().BoolVar(&wasi, "wasi", false, "the board file says wasi: true")
	cmd.AddCommand(fresh, list, check)
	return cmd
}

// newGuest writes the files of a new guest. It overwrites nothing.
func (a *app) newGuest(dir string) error {
	defer a.flush()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return withCode(exitEnv, err)
	}
	var names []string
	for _, f := range guest.Template() {
		name := filepath.Join(dir, f.Name)
		if _, err := os.Lstat(name); err == nil {
			return usagef("%s is there already: choose another folder", name)
		} else if !errors.Is(err, os.ErrNotExist) {
			return withCode(exitEnv, err)
		}
	}
	for _, f := range guest.Template() {
		name := filepath.Join(dir, f.Name)
		if err := writeBytes(name, f.Data); err != nil {
			return err
		}
		names = append(names, name)
	}
	if !a.text() {
		return a.json(map[string]any{"files": names})
	}
	a.printf("wrote %s\n", strings.Join(names, ", "))
	return nil
}

// shownGuest is the JSON form of a guest.
type shownGuest struct {
	Name    string   `json:"name"`
	Title   string   `json:"title,omitempty"`
	Board   string   `json:"board,omitempty"`
	Mistake string   `json:"mistake,omitempty"`
	Expect  string   `json:"expect,omitempty"`
	Bytes   int      `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Roles   []string `json:"roles"`
	Exports []string `json:"exports"`
	Imports []string `json:"imports"`
}

// showGuest looks at a guest.
func showGuest(name string, wasm []byte, l guest.Limits) (shownGuest, error) {
	s := shownGuest{Name: name, Bytes: len(wasm), Roles: []string{}}
	m, err := guest.Load(name, wasm, l)
	if err != nil {
		return s, err
	}
	defer func() { _ = m.Close() }()
	d, err := m.Describe()
	if err != nil {
		return s, err
	}
	s.Title, s.Board, s.Mistake, s.Expect = d.Title, d.Board, d.Mistake, d.Expect
	s.SHA256 = fmt.Sprintf("%x", m.Sum)
	s.Exports, s.Imports = m.Exports(), m.Imports()
	for _, r := range []guest.Role{guest.RoleBoot, guest.RoleUpdater} {
		if m.Has(r) == nil {
			s.Roles = append(s.Roles, string(r))
		}
	}
	return s, nil
}

func (a *app) listGuests() error {
	defer a.flush()
	rows := []shownGuest{}
	for _, name := range guests.Names() {
		wasm, err := guests.Wasm(name)
		if err != nil {
			return err
		}
		s, err := showGuest(name, wasm, guest.Limits{})
		if err != nil {
			return err
		}
		rows = append(rows, s)
	}
	if !a.text() {
		return list(a, rows)
	}
	for _, s := range rows {
		title := strings.TrimPrefix(s.Title, s.Name+": ")
		if s.Mistake != "" {
			title += ": " + s.Mistake
		}
		a.printf("%s %-9s %s\n", a.c(bold, fmt.Sprintf("%-18s", s.Name)), s.Board, title)
	}
	return nil
}

func (a *app) checkGuest(name string, l guest.Limits) error {
	defer a.flush()
	f := chipFlags{boot: name}
	wasm, err := f.bootWasm()
	if err != nil {
		return err
	}
	s, err := showGuest(filepath.Base(name), wasm, l)
	if err != nil {
		return badInput(err)
	}
	if len(s.Roles) == 0 {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(s)
	}
	a.printf("%s  %s\n", a.c(bold, s.Name), s.Title)
	a.printf("  %d bytes, sha256 %s\n", s.Bytes, s.SHA256)
	roles := strings.Join(s.Roles, " and ")
	if roles == "" {
		roles = a.c(red, "nothing: neither boot nor the updater_ functions are exported")
	}
	a.printf("  can be used as %s\n", roles)
	if s.Board != "" {
		a.printf("  made for %s\n", s.Board)
	}
	if s.Mistake != "" {
		a.printf("  wrong on purpose: %s\n", s.Mistake)
	}
	slices.Sort(s.Imports)
	a.printf("  exports %s\n  imports %s\n", strings.Join(s.Exports, ", "), strings.Join(s.Imports, ", "))
	return nil
}
