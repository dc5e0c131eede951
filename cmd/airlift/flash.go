package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"

	"github.com/spf13/afero"
	"github.com/spf13/cobra"

	"airlift/chips"
	"airlift/flash"
	"airlift/flash/mount"
)

func (a *app) flashCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "flash",
		Short: "Look into flash images and change files in them",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
		DisableFlagsInUseLine: true,
	}
	cmd.AddCommand(a.flashMapCmd(), a.flashLsCmd(), a.flashCatCmd(), a.flashPutCmd(), a.flashDumpCmd(), a.flashDiffCmd())
	return cmd
}

func (a *app) flashMapCmd() *cobra.Command {
	var f chipFlags
	cmd := &cobra.Command{
		Use:     "map FLASH",
		Short:   "Draw the partitions to scale and how full they are",
		Example: `  airlift flash map module.img --chip air601`,
		Args:    operands("FLASH"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withFlash(args[0], f, a.flashMap)
		},
	}
	f.add(cmd, "")
	return cmd
}

// withFlash runs fn on a flash image.
func (a *app) withFlash(file string, f chipFlags, fn func(*chips.Chip, []*flash.Device) error) error {
	defer a.flush()
	chip, err := f.chip()
	if err != nil {
		return err
	}
	flashes, err := loadFlash(file, chip)
	if err != nil {
		return err
	}
	return fn(chip, flashes)
}

// usedBytes counts the bytes of a range that are in sectors not fully erased.
func usedBytes(d *flash.Device, off, size int64) int64 {
	sector := make([]byte, d.Geometry().SectorSize)
	var used int64
	for at := off; at < off+size; at += int64(len(sector)) {
		if _, err := d.ReadAt(sector, at); err != nil {
			return used
		}
		if !flash.Erased(sector) {
			used += int64(len(sector))
		}
	}
	return used
}

func (a *app) flashMap(chip *chips.Chip, flashes []*flash.Device) error {
	type part struct {
		shownPart
		Chip int   `json:"chip"`
		Used int64 `json:"used_bytes"`
	}
	var parts []part
	for i, d := range flashes {
		table := chip.Partitions[i]
		used := func(p flash.Partition) int64 { return usedBytes(d, p.Off, p.Size) }
		if a.text() {
			a.printf("%s\n", a.c(bold, fmt.Sprintf("%s profile %s, flash %d: %d KiB", chip.Model.Name, chip.Profile.Name, i, d.Size()/1024)))
			a.drawMap(table, d.Size(), used)
			continue
		}
		for _, p := range table.Sorted() {
			parts = append(parts, part{shownPart{p.Name, p.Kind, p.Off, p.Size, p.Note}, i, used(p)})
		}
	}
	if a.text() {
		return nil
	}
	return list(a, parts)
}

// mountImage mounts the file systems of a flash image. What cannot be mounted
// is said on stderr.
func (a *app) mountImage(chip *chips.Chip, flashes []*flash.Device, mkfs bool) (*mount.Table, error) {
	m, ok := chip.Core.(chips.Mounter)
	if !ok {
		return nil, fmt.Errorf("%s: the file systems of flash images are not supported for family %s", chip.Model.Name, chip.Model.Family)
	}
	table, problems := m.MountFiles(flashes, mkfs)
	for _, err := range problems {
		a.note("not mounted: %v", err)
	}
	if len(table.Mounts()) == 0 {
		return nil, withCode(exitBadInput, errors.New("no file system of the image can be mounted"))
	}
	return table, nil
}

type listed struct {
	Path string `json:"path"`
	Dir  bool   `json:"dir,omitempty"`
	Size int64  `json:"size"`
	Fs   string `json:"fs"`
}

func (a *app) flashLsCmd() *cobra.Command {
	var f chipFlags
	cmd := &cobra.Command{
		Use:   "ls FLASH [PATH]",
		Short: "List the files of all file systems in a flash image",
		Example: `  airlift flash ls module.img --chip air601
  airlift flash ls module.img /luadb --chip air601`,
		Args: operands("FLASH", "[PATH]"),
		RunE: func(_ *cobra.Command, args []string) error {
			root := ""
			if len(args) == 2 {
				root = args[1]
			}
			return a.withFlash(args[0], f, func(c *chips.Chip, d []*flash.Device) error { return a.flashLs(c, d, root) })
		},
	}
	f.add(cmd, "")
	return cmd
}

// below reports whether the path name is root or lies in it.
func below(name, root string) bool {
	folder := "/"
	if root = strings.Trim(root, "/"); root != "" {
		folder = "/" + root + "/"
	}
	return strings.HasPrefix(strings.TrimSuffix(name, "/")+"/", folder)
}

func (a *app) flashLs(chip *chips.Chip, flashes []*flash.Device, root string) error {
	table, err := a.mountImage(chip, flashes, false)
	if err != nil {
		return err
	}
	files := []listed{}
	for _, m := range table.Mounts() {
		if m.Type == "ram" {
			continue
		}
		err := afero.Walk(m.Fs, "/", func(name string, info fs.FileInfo, err error) error {
			if err != nil {
				return fmt.Errorf("%s: %w", path.Join(m.Path, name), err)
			}
			full := path.Join("/", m.Path, name)
			if name != "/" && name != "" && below(full, root) && !(info.IsDir() && below(root, full)) {
				files = append(files, listed{full, info.IsDir(), info.Size(), m.Type})
			}
			return nil
		})
		if err != nil {
			return withCode(exitBadInput, err)
		}
	}
	if !a.text() {
		return list(a, files)
	}
	for _, l := range files {
		name := oneLine(l.Path)
		if l.Dir {
			name += "/"
		}
		a.printf("%9d  %-6s %s\n", l.Size, l.Fs, name)
	}
	for _, m := range table.Mounts() {
		if m.Usage == nil || m.Type == "ram" || !below(m.Path, root) {
			continue
		}
		if u, err := m.Usage(); err == nil {
			a.printf("%s\n", a.c(dim, fmt.Sprintf("%s (%s): %d of %d blocks of %d bytes used", m.Path, m.Type, u.Used, u.Blocks, u.BlockSize)))
		}
	}
	return nil
}

func (a *app) flashCatCmd() *cobra.Command {
	var f chipFlags
	var out string
	cmd := &cobra.Command{
		Use:     "cat FLASH PATH",
		Short:   "Write a file of a flash image to stdout",
		Example: `  airlift flash cat module.img /luadb/main.lua --chip air601`,
		Args:    operands("FLASH", "PATH"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withFlash(args[0], f, func(c *chips.Chip, d []*flash.Device) error {
				table, err := a.mountImage(c, d, false)
				if err != nil {
					return err
				}
				data, err := afero.ReadFile(table, path.Join("/", args[1]))
				if err != nil {
					return inImage(args[0], err)
				}
				if out != "" {
					return writeBytes(out, data)
				}
				_, err = a.buf.Write(data)
				return err
			})
		},
	}
	f.add(cmd, "")
	cmd.Flags().StringVarP(&out, "out", "o", "", "write to this `file` instead")
	return cmd
}

// inImage tags an error about a file inside an image.
func inImage(image string, err error) error {
	var coded *exitError
	code := exitBadInput
	switch {
	case errors.As(err, &coded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		code = exitFindings
	}
	return withCode(code, fmt.Errorf("%s: %w", image, err))
}

func (a *app) flashPutCmd() *cobra.Command {
	var f chipFlags
	var out string
	var mkfs bool
	cmd := &cobra.Command{
		Use:   "put FLASH PATH FILE",
		Short: "Write a host file into a file system of a flash image",
		Long: `Write a host file into a file system of a flash image, over a file of that name
if there is one. Folders on the way to it are made. The image is changed in
place unless --out is given; no program on the module takes part.`,
		Example: `  airlift flash put module.img /update.bin update.bin --chip air601 --mkfs -o updated.img`,
		Args:    operands("FLASH", "PATH", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				out = args[0]
			}
			data, err := readFile(args[2])
			if err != nil {
				return err
			}
			name, err := devicePath(args[1])
			if err != nil {
				return err
			}
			if strings.HasPrefix(name, "/luadb/") {
				return withCode(exitBadInput, fmt.Errorf("%s is in the script image, which cannot be changed: make another with airlift pack", name))
			}
			return a.withFlash(args[0], f, func(c *chips.Chip, d []*flash.Device) error {
				table, err := a.mountImage(c, d, mkfs)
				if err != nil {
					return err
				}
				if err := putFile(table, name, data); err != nil {
					return inImage(args[0], err)
				}
				a.note("%s: %d bytes written to %s", out, len(data), name)
				return saveFlash(out, d)
			})
		},
	}
	f.add(cmd, "")
	cmd.Flags().StringVarP(&out, "out", "o", "", "write the changed image to this `file` instead of in place")
	cmd.Flags().BoolVar(&mkfs, "mkfs", false, "make the file system first if its partition is erased")
	return cmd
}

// windowsPath matches what begins with a drive.
var windowsPath = regexp.MustCompile(`^[A-Za-z]:[/\\]`)

// devicePath cleans a path inside the device and refuses what would be
// another file on the module than it looks like.
func devicePath(name string) (string, error) {
	if windowsPath.MatchString(name) {
		return "", usagef("%s is a path of this computer: expected one of the module, like /update.bin (Git Bash changes those: set MSYS_NO_PATHCONV=1)", name)
	}
	for _, part := range strings.Split(strings.Trim(name, "/"), "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return "", usagef("%q is no path of a file in the device", name)
		case strings.ContainsAny(part, "\x00\\"):
			return "", usagef("%q: a name in the device must not contain NUL or a backslash", name)
		}
	}
	name = path.Join("/", name)
	for _, prefix := range notOnFlash {
		if strings.HasPrefix(name, prefix) {
			return "", usagef("%s is not on the flash: the firmware mounts something else at %s", name, prefix)
		}
	}
	return name, nil
}

// notOnFlash are the mounts of LuatOS that hide what a file system on flash
// has under the same name: the RAM disk and the built-in libraries.
var notOnFlash = []string{"/ram/", "/lua/"}

func putFile(table *mount.Table, name string, data []byte) (err error) {
	if err := table.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	file, err := table.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	defer func() {
		if e := file.Close(); err == nil {
			err = e
		}
	}()
	_, err = file.Write(data)
	return err
}

func (a *app) flashDumpCmd() *cobra.Command {
	var f chipFlags
	cmd := &cobra.Command{
		Use:     "dump FLASH PARTITION FILE",
		Short:   "Write one partition of a flash image to a file",
		Example: `  airlift flash dump module.img script script.img --chip air601`,
		Args:    operands("FLASH", "PARTITION", "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withFlash(args[0], f, func(c *chips.Chip, d []*flash.Device) error {
				var names []string
				for i, table := range c.Partitions {
					parts, err := flash.NewFs(d[i], table)
					if err != nil {
						return err
					}
					if data, err := afero.ReadFile(parts, args[1]); err == nil {
						return writeBytes(args[2], data)
					} else if !errors.Is(err, fs.ErrNotExist) {
						return err
					}
					for _, p := range table.Sorted() {
						names = append(names, p.Name)
					}
				}
				return usagef("no partition is called %q: %s has %s", args[1], c.Model.Name, strings.Join(names, ", "))
			})
		},
	}
	f.add(cmd, "")
	return cmd
}

func (a *app) flashDiffCmd() *cobra.Command {
	var f chipFlags
	cmd := &cobra.Command{
		Use:     "diff FLASH FLASH",
		Short:   "Show which sectors of two flash images differ, by partition",
		Long:    "Show which sectors of two flash images differ, by partition. The exit code is 1 if any does.",
		Example: `  airlift flash diff module.img updated.img --chip air601`,
		Args:    operands("FLASH", "FLASH"),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withFlash(args[0], f, func(c *chips.Chip, d []*flash.Device) error {
				other, err := loadFlash(args[1], c)
				if err != nil {
					return err
				}
				return a.flashDiff(c, d, other)
			})
		},
	}
	f.add(cmd, "")
	return cmd
}

// difference is a run of differing sectors in one partition.
type difference struct {
	Chip      int    `json:"chip"`
	Partition string `json:"partition"`
	Off       int64  `json:"off"`
	Len       int64  `json:"len"`
	Bytes     int64  `json:"differing_bytes"`
}

func (a *app) flashDiff(chip *chips.Chip, left, right []*flash.Device) error {
	diffs := []difference{}
	for i := range left {
		size := left[i].Geometry().SectorSize
		l, r := make([]byte, size), make([]byte, size)
		for off := int64(0); off < left[i].Size(); off += size {
			if _, err := left[i].ReadAt(l, off); err != nil {
				return err
			}
			if _, err := right[i].ReadAt(r, off); err != nil {
				return err
			}
			if bytes.Equal(l, r) {
				continue
			}
			part := "(none)"
			if p, ok := chip.Partitions[i].At(off); ok {
				part = p.Name
			}
			var n int64
			for j := range l {
				if l[j] != r[j] {
					n++
				}
			}
			if k := len(diffs) - 1; k >= 0 && diffs[k].Chip == i && diffs[k].Partition == part && diffs[k].Off+diffs[k].Len == off {
				diffs[k].Len += size
				diffs[k].Bytes += n
				continue
			}
			diffs = append(diffs, difference{i, part, off, size, n})
		}
	}
	if len(diffs) > 0 {
		a.code = exitFindings
	}
	if !a.text() {
		return list(a, diffs)
	}
	if len(diffs) == 0 {
		a.printf("no differences\n")
	}
	for _, d := range diffs {
		a.printf("%-12s 0x%06X..0x%06X  %s, %s differing\n", d.Partition, d.Off, d.Off+d.Len,
			plural(d.Len/left[d.Chip].Geometry().SectorSize, "sector"), plural(d.Bytes, "byte"))
	}
	return nil
}
