package host_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/afero"

	"airlift/lua"
)

// Where upstream's libraries come from. Generations that a checkout has no more
// come from the history of LuatOS, a git repository.
const (
	envSource  = "LUATOS_SRC"
	envHistory = "LUATOS_GIT"
	env8910    = "LUAT_8910_SRC"
)

// kind is how a client speaks, and what about.
type kind int

const (
	kindSocket kind = iota // libfota with a socket of its own, 2023-02 to 2023-05
	kindFota               // libfota
	kindFota2
	kindTask     // update.lua of the Luat core
	kindTurnkey1 // libfota3 whose callers check, download and report
	kindTurnkey2 // libfota3 that does all of it
	kindWifi     // exfotawifi
)

// The queries of the generations (iot-platform.md 1.3, 1.4, 1.7).
const (
	query2023     = "project_key={key}&imei={id}&device_key=&firmware_name={name}&version={version}"
	queryModel    = query2023 + "&model=Air780E_A11"
	queryFota     = "project_key={key}&firmware_name={name}&version={version}&imei={id}"
	queryFotaMac  = "project_key={key}&firmware_name={name}&version={version}&mac={id}"
	queryFota2    = "imei={id}&project_key={key}&firmware_name={name}&version={version}"
	queryFota2Mac = "mac={id}&project_key={key}&firmware_name={name}&version={version}"
	queryTask     = "project_key={key}&imei={id}&firmware_name={name}&core_version={core}&dfota=1&version={version}"
)

// Core strings that are split (iot-platform.md 8.3), and the names that they
// become.
const (
	luatOSAir = "LuatOS-Air_V3103_RDA8910_BT_TTS_FLOAT"
	core22    = "Luat_V0022_RDA8910"
)

var splitNames = map[string]string{luatOSAir: "LuatOS-Air_RDA8910_BT_TTS_FLOAT", core22: "Luat_RDA8910", "Luat_V3103_RDA8910": "Luat_RDA8910"}

// e1Clients are the generations that ask firmware_upgrade
// (iot-platform.md 1.3.2, 1.4.2): a date, the commit of that day, and a core of
// the time.
var e1Clients = []*client{
	{name: "libfota 2023-02-01", kind: kindSocket, chip: "Air780E", core: "2023-02-01", commit: "98d85fd3a", query: query2023, twoGroups: true},
	{name: "libfota 2023-02-06", kind: kindSocket, chip: "Air780E", core: "2023-02-06", commit: "6647b4bf4", query: query2023},
	{name: "libfota 2023-05-22", kind: kindFota, chip: "Air780E", core: "2023-05-22", commit: "8722993c2", query: query2023, tag: "http.get"},
	{name: "libfota 2023-06-13", kind: kindFota, chip: "Air780E", core: "2023-06-13", commit: "7336e785a", query: query2023},
	{name: "libfota 2024-03-20", kind: kindFota, chip: "Air780E", core: "2024-03-20", commit: "19bbe4096", query: query2023},
	{name: "libfota 2024-04-09 Air601", kind: kindFota, chip: "Air601", profile: "g2", core: "2024-04-09", commit: "b6aaa58a5", query: query2023},
	{name: "libfota 2024-09-09", kind: kindFota, chip: "Air780E", core: "2024-09-09", commit: "df555a963", query: queryModel},
	{name: "libfota 2024-12-27", kind: kindFota, chip: "Air780E", core: "2024-12-27", commit: "75b0e59f8", query: queryFota},
	{name: "libfota 2024-12-27 Air601", kind: kindFota, chip: "Air601", profile: "g2", core: "2024-12-27", commit: "75b0e59f8", query: queryFotaMac, rawName: true},
	{name: "libfota 2025-12-15", kind: kindFota, chip: "Air780EPM", core: "2025-12-15", commit: "0008c8e4f", query: queryFota},
	{name: "libfota", kind: kindFota, chip: "Air780EPM", source: envSource, query: queryFota},
	{name: "libfota Air601", kind: kindFota, chip: "Air601", profile: "g2", core: "2026-07-02", source: envSource, query: queryFotaMac},

	{name: "libfota2 2024-04-09", kind: kindFota2, chip: "Air780E", core: "2024-04-09", commit: "776831c49", query: queryFota2, first: true, tag: "http fota", shown: "fota.imei {id}"},
	{name: "libfota2 2024-04-09 Air601", kind: kindFota2, chip: "Air601", profile: "g2", core: "2024-04-09", commit: "776831c49", query: queryFota2, first: true, tag: "http fota", shown: "fota.imei {id}"},
	{name: "libfota2 2024-09-09", kind: kindFota2, chip: "Air780E", core: "2024-09-09", commit: "df555a963", query: queryFota2 + "&model=Air780E_A11", first: true, shown: "fota.imei {id}"},
	{name: "libfota2 2024-11-22", kind: kindFota2, chip: "Air780E", core: "2024-11-22", commit: "4d7484126", query: queryFota2 + "&model=Air780E_A11", words: true, shown: "fota.imei {id}"},
	{name: "libfota2 2024-11-28", kind: kindFota2, chip: "Air780E", core: "2024-11-28", commit: "5405ded32", query: queryFota2 + "&model=Air780E_A11", words: true, shown: "fota.imei {id}"},
	{name: "libfota2 2025-01-10", kind: kindFota2, chip: "Air780E", core: "2025-01-10", commit: "172b8da8f", query: queryFota2, words: true, shown: "fota.imei nil"},
	{name: "libfota2 2025-01-10 Air601", kind: kindFota2, chip: "Air601", profile: "g2", core: "2025-01-10", commit: "172b8da8f", query: queryFota2Mac, words: true, rawName: true, shown: "fota.imei nil"},
	{name: "libfota2 2025-03-07", kind: kindFota2, chip: "Air780E", core: "2025-03-07", commit: "d8441493a", query: queryFota2, words: true, shown: "fota.imei nil"},
	{name: "libfota2 2025-11-27", kind: kindFota2, chip: "Air780EPM", core: "2025-11-27", commit: "a77e1b932", query: queryFota2, words: true, tag: "libfota2", shown: "libfota2.imei/mac/uid imei={id}"},
	{name: "libfota2", kind: kindFota2, chip: "Air780EPM", source: envSource, query: queryFota2, words: true, tag: "libfota2", shown: "libfota2.imei/mac imei={id}"},
	{name: "libfota2 on a core of 2024", kind: kindFota2, chip: "Air780E", source: envSource, query: queryFota2, words: true, tag: "libfota2", shown: "libfota2.imei/mac imei={id}"},
	{name: "libfota2 of iRTU", kind: kindFota2, chip: "Air780EPM", source: envSource, over: "module/iRTU/lib/libfota2.lua", query: queryFota2, words: true, shown: "fota.imei/mac imei={id}"},

	{name: "update", kind: kindTask, chip: "Air724UG", source: env8910, query: queryTask},
	{name: "update on LuatOS-Air", kind: kindTask, chip: "Air724UG", version: luatOSAir, source: env8910, query: queryTask},
	{name: "update on core 22", kind: kindTask, chip: "Air724UG", version: core22, source: env8910, query: queryTask},
}

// ownE1Clients are our own libraries, which every airlift has.
var ownE1Clients = []*client{
	{name: "own libfota 2024", kind: kindFota, chip: "Air780E", libDate: "2024-11-15", query: queryModel},
	{name: "own libfota", kind: kindFota, chip: "Air780EPM", query: queryFota},
	{name: "own libfota2 2024-04-09", kind: kindFota2, chip: "Air780E", core: "2024-04-09", libDate: "2024-04-09", query: queryFota2, first: true, tag: "http fota", shown: "fota.imei {id}"},
	{name: "own libfota2 2024-04", kind: kindFota2, chip: "Air780E", core: "2024-04-10", libDate: "2024-04-12", query: queryFota2, first: true, shown: "fota.imei {id}"},
	{name: "own libfota2 2025-01 Air601", kind: kindFota2, chip: "Air601", profile: "g2", core: "2025-01-10", libDate: "2025-01-10", query: queryFota2Mac, words: true, rawName: true, shown: "fota.imei nil"},
	{name: "own libfota2 2025-03", kind: kindFota2, chip: "Air780E", core: "2025-03-07", libDate: "2025-03-07", query: queryFota2, words: true, shown: "fota.imei nil"},
	{name: "own libfota2", kind: kindFota2, chip: "Air780EPM", query: queryFota2, words: true, tag: "libfota2", shown: "libfota2.imei/mac imei={id}"},
	{name: "own update", kind: kindTask, chip: "Air724UG", query: queryTask},
	{name: "own update on LuatOS-Air", kind: kindTask, chip: "Air724UG", version: luatOSAir, query: queryTask},
	{name: "own update on core 22", kind: kindTask, chip: "Air724UG", version: core22, query: queryTask},
}

// own reports whether the library is ours.
func (c *client) own() bool { return c.commit == "" && c.source == "" }

// libs are the libraries of the client's days, nil for our own.
func (c *client) libs(t testing.TB) afero.Fs {
	t.Helper()
	switch {
	case c.own():
		return nil
	case c.commit != "":
		return fromHistory(t, c.commit, c.over)
	case c.source == env8910:
		return must[afero.Fs](t)(lua.TaskLibsFromDir(checkout(t, c.source)))
	}
	src := checkout(t, c.source)
	libs := must[afero.Fs](t)(lua.LibsFromDir(filepath.Join(src, "script")))
	if c.over == "" {
		return libs
	}
	text, err := os.ReadFile(filepath.Join(src, filepath.FromSlash(c.over)))
	if err != nil {
		t.Skip("NOT tried: this checkout has none:", err)
	}
	libs = afero.NewCopyOnWriteFs(libs, afero.NewMemMapFs())
	if err := afero.WriteFile(libs, "/"+path.Base(c.over), text, 0o444); err != nil {
		t.Fatal(err)
	}
	return libs
}

// checkout is the folder that an environment variable names.
func checkout(t testing.TB, env string) string {
	t.Helper()
	src := os.Getenv(env)
	if src == "" {
		t.Skipf("%s is not set: this client of upstream's was NOT tried; set it to a checkout", env)
	}
	return src
}

// fromHistory are the libraries as they were at a commit, with one more file.
func fromHistory(t testing.TB, commit, over string) afero.Fs {
	t.Helper()
	repo := os.Getenv(envHistory)
	if repo == "" {
		t.Skipf("%s is not set: this older client of upstream's was NOT tried; set it to a git repository of LuatOS", envHistory)
	}
	args := []string{"-C", repo, "archive", commit, "script/corelib", "script/libs"}
	if over != "" {
		args = append(args, over)
	}
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		t.Fatalf("commit %s of %s: %v", commit, repo, err)
	}
	fs := afero.NewMemMapFs()
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fs
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(h.Name, ".lua") {
			if err := afero.WriteFile(fs, "/"+path.Base(h.Name), must[[]byte](t)(io.ReadAll(r)), 0o444); err != nil {
				t.Fatal(err)
			}
		}
	}
}
