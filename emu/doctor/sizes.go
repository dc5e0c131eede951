package doctor

import (
	"fmt"
	"regexp"
	"strings"
)

// sizes looks at whether the scripts fit into the module.
func (x *exam) sizes() {
	image, err := x.Project.Image()
	if err != nil {
		x.find("image", "", 0, "%v", err)
		return
	}
	x.report.ImageBytes = len(image)
	if len(x.Chip.Partitions) == 0 {
		return
	}
	parts := x.Chip.Partitions[0]
	script, ok := parts.Lookup("script")
	if !ok {
		return
	}
	x.report.ScriptBytes = script.Size
	if int64(len(image)) > script.Size {
		x.find("script-size", "", 0, "the script image has %d bytes, the partition of %s %d", len(image), x.module(), script.Size)
		return
	}
	fs, ok := parts.Lookup("fs")
	// A littlefs needs blocks for its folders and for changing them.
	const folders = 4 * 4096
	if ok && x.Chip.Profile.Features.FileOTA && int64(len(image))+folders > fs.Size {
		x.find("update-size", "", 0, "the upgrade, %d bytes, goes through the file system of %d bytes", len(image), fs.Size)
	}
}

var (
	fotaVersion = regexp.MustCompile(`version *= *["'](\d{12})["']`)
	sysVersion  = regexp.MustCompile(`SCRIPT_LIB_VER *= *["']([0-9.]+)["']`)
)

// coreLibraries come with a firmware and belong to its date.
var coreLibraries = []string{"sys.lua", "sysplus.lua", "libfota.lua", "libfota2.lua", "libnet.lua"}

// libraries looks for libraries of other times than the core.
func (x *exam) libraries() {
	for _, f := range x.Project.Files {
		for _, name := range coreLibraries {
			if f.Name == name {
				x.find("library-copy", f.Name, 0, "the project's own %s replaces that of the firmware%s", name, dated(f.Data))
			}
		}
	}
	for _, name := range coreLibraries {
		if d := libraryDate(x.Libs[name]); d != "" && d[:7] > x.Chip.Profile.CoreDate[:min(7, len(x.Chip.Profile.CoreDate))] {
			x.find("library-newer", "", 0, "%s is of %s, the core of %s", name, d, x.Chip.Profile.CoreDate)
		}
	}
}

// libraryDate reads the date off a library's version string, 202607021200.
func libraryDate(text []byte) string {
	if m := fotaVersion.FindSubmatch(text); m != nil {
		v := string(m[1])
		return v[:4] + "-" + v[4:6] + "-" + v[6:8]
	}
	return ""
}

func dated(text []byte) string {
	if d := libraryDate(text); d != "" {
		return ", it is of " + d
	}
	return ""
}

// LibsVersion describes library files for people: which versions they carry.
func LibsVersion(libs map[string][]byte) string {
	var parts []string
	if m := sysVersion.FindSubmatch(libs["sys.lua"]); m != nil {
		parts = append(parts, "sys "+string(m[1]))
	}
	for _, name := range []string{"libfota", "libfota2"} {
		if d := libraryDate(libs[name+".lua"]); d != "" {
			parts = append(parts, name+" of "+d)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("%d files without known versions", len(libs))
	}
	return strings.Join(parts, ", ")
}
