package main

import (
	"fmt"
	"os"
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
		Long: `Write the parts of a file into a folder: the images in it with their scripts, the
files of a script image or of a littlefs volume, or the partitions of a flash
dump with the scripts and the files of file systems in them. Names that are not
safe on every host are escaped with %XX.`,
		Example: `  airlift unpack update.bin
  airlift unpack module.img -o parts`,
		Args: operands("FILE"),
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
		return list(a, written)
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
	names := hostNames{}
	written := []writtenPart{}
	for _, p := range parts {
		file, err := names.path(p.Name)
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
		written = append(written, writtenPart{p.Name, file, len(p.Data)})
	}
	return written, nil
}

// hostNames gives device paths safe host paths. It remembers the host name of
// every folder and, for each folder, what is in it.
type hostNames map[string]*hostFolder

type hostFolder struct {
	host string
	seen map[string]string
}

// folder returns the folder of a device path.
func (n hostNames) folder(dir string) (*hostFolder, error) {
	if f := n[dir]; f != nil {
		return f, nil
	}
	f := &hostFolder{seen: map[string]string{}}
	if dir != "" {
		host, err := n.path(dir)
		if err != nil {
			return nil, err
		}
		f.host = host + "/"
	}
	n[dir] = f
	return f, nil
}

// path returns the host path, with slashes, of a device path.
func (n hostNames) path(name string) (string, error) {
	dir, base := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, base = name[:i], name[i+1:]
	}
	f, err := n.folder(dir)
	if err != nil {
		return "", err
	}
	host, err := mount.HostName(base, f.seen)
	return f.host + host, err
}
