package chips

import (
	"fmt"
	"regexp"
	"strings"
)

var versionPattern = regexp.MustCompile(`(?s)(\d+).(\d+).(\d+)`)

// PackageName returns what LuaTools calls the upgrade package of PROJECT with
// core version ("V1025"), VERSION ("1.0.2") and rtos.bsp(), which is also what
// the IoT platform expects: "fotademo_1025.1.2_LuatOS-SoC_AIR601.bin", the
// core's digits, and the first and third part of VERSION
// (luadb-and-packages.md 8, ec618.md 6).
func PackageName(project, coreVersion, version, bsp string) (string, error) {
	parts := versionPattern.FindStringSubmatch(version)
	if parts == nil {
		return "", fmt.Errorf("VERSION %q: expected three numbers such as 1.0.2", version)
	}
	return fmt.Sprintf("%s_%s.%s.%s_LuatOS-SoC_%s.bin", project, strings.TrimPrefix(coreVersion, "V"), parts[1], parts[3], bsp), nil
}
