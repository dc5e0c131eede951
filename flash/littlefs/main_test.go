package littlefs

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	flag.Parse()
	set := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { set[f.Name] = true })
	for name, value := range map[string]int{"rapid.checks": scaled(300, 20000), "rapid.steps": 100} {
		if !set[name] {
			flag.Set(name, fmt.Sprint(value))
		}
	}
	os.Exit(m.Run())
}
