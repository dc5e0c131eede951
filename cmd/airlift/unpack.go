package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/chips/all"
	"airlift/flash/explain"
	"airlift/flash/mount"
)

func (a *app) unpackCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "unpack FILE",
		Short: "Take a package, image or flash dump apart",
		Long: `Write the parts of a file into a folder: inner images, scripts, the files of its
file systems. Names that are not safe on every host are escaped with %XX.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.unpack(args[0], out) },
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "`folder` to write to (default: the file's name without its ending); must not exist")
	return cmd
}

func (a *app) unpack(name, out string) error {
	defer a.flush()
	data, err := readFile(name)
	if err != nil {
		return err
	}
	parts, err := all.Unpack(data)
	if err != nil {
		return withCode(exitBadInput, explain.InFile(err, name))
	}
	if out == "" {
		out = strings.TrimSuffix(name, filepath.Ext(name))
		if out == name {
			out += ".unpacked"
		}
	}
	if _, err := os.Lstat(out); err == nil {
		return withCode(exitEnv, fmt.Errorf("%s exists already: choose another folder with --out", out))
	}
	tmp, err := os.MkdirTemp(filepath.Dir(out), "."+filepath.Base(out)+".*")
	if err != nil {
		return withCode(exitEnv, err)
	}
	defer os.RemoveAll(tmp)
	written, err := writeParts(tmp, parts)
	if err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return withCode(exitEnv, err)
	}
	if err := os.Rename(tmp, out); err != nil {
		return withCode(exitEnv, err)
	}
	if !a.text() {
		return a.json(written)
	}
	for _, w := range written {
		a.printf("%9d  %s\n", w.Size, filepath.Join(out, filepath.FromSlash(w.File)))
	}
	return nil
}

type writtenPart struct {
	Name string `json:"name"` // as in the file
	File string `json:"file"` // below the output folder
	Size int    `json:"size"`
}

// writeParts writes parts below dir under names that are safe on any host.
func writeParts(dir string, parts []chips.Part) ([]writtenPart, error) {
	names := mount.NewHostNames()
	written := []writtenPart{}
	for _, p := range parts {
		file, err := names.Path(p.Name)
		if err != nil {
			return nil, withCode(exitBadInput, err)
		}
		host := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(host), 0o755); err != nil {
			return nil, withCode(exitEnv, err)
		}
		if err := writeBytes(host, p.Data); err != nil {
			return nil, err
		}
		written = append(written, writtenPart{p.Name, path.Clean(file), len(p.Data)})
	}
	return written, nil
}
