package lua53

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestShape(t *testing.T) {
	root := os.Getenv("LUATOS_SRC")
	luac, err := exec.LookPath("luac5.3")
	if root == "" || err != nil {
		t.Skip("SKIPPED: needs LUATOS_SRC and luac5.3")
	}
	out := filepath.Join(t.TempDir(), "out")
	n, funcs, code, lines, names := 0, 0, 0, 0, 0
	cat := map[string]int{}
	ex := map[string]string{}
	var cmp func(name string, a, b *Proto)
	cmp = func(name string, a, b *Proto) {
		funcs++
		if !slices.Equal(a.Code, b.Code) {
			code++
			k := "len"
			for i := range a.Code {
				if i >= len(b.Code) {
					break
				}
				if a.Code[i] != b.Code[i] {
					k = fmt.Sprintf("%s vs %s", opName(a.Code[i]), opName(b.Code[i]))
					ex[k] = fmt.Sprintf("%s:%d", name, a.LineInfo[i])
					break
				}
			}
			cat["code "+k]++
		} else if !slices.Equal(a.LineInfo, b.LineInfo) {
			lines++
			for i := range a.Code {
				if a.LineInfo[i] != b.LineInfo[i] {
					k := "line " + opName(a.Code[i])
					cat[k]++
					ex[k] = fmt.Sprintf("%s:%d we %d", name, a.LineInfo[i], b.LineInfo[i])
				}
			}
		} else if !slices.Equal(a.LocVars, b.LocVars) {
			names++
			ex["locvars"] = name + ":" + fmt.Sprint(a.LineDefined)
		}
		for i := range a.Protos {
			if i < len(b.Protos) {
				cmp(name, a.Protos[i], b.Protos[i])
			}
		}
	}
	filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".lua") {
			return err
		}
		if n++; n%10 != 0 {
			return nil
		}
		src, _ := os.ReadFile(name)
		if exec.Command(luac, "-o", out, name).Run() != nil {
			return nil
		}
		b, _ := os.ReadFile(out)
		want, err := Undump(b, "@x", 64)
		if err != nil {
			return nil
		}
		got, err := Compile(string(SkipPrefix(src)), "@x", 64)
		if err != nil {
			t.Error(err)
			return nil
		}
		cmp(name, want, got)
		return nil
	})
	t.Logf("%d functions, %d differ in code, %d in lines only, %d in local names only", funcs, code, lines, names)
	// What luac does otherwise (order of constants, jumps to jumps) is known;
	// lines and names of locals show in error texts.
	if funcs == 0 || lines*200 > funcs || names > 0 || code*3 > funcs {
		t.Errorf("of %d functions %d differ in lines, %d in local names, %d in code: expected at most one in 200, none, a third", funcs, lines, names, code)
	}
	for k, v := range cat {
		t.Logf("%s %d e.g. %s", k, v, ex[k])
	}
	t.Log(ex["locvars"])
}
