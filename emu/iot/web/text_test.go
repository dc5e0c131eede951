package web

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"airlift/emu/iot"
)

var (
	inTemplates = regexp.MustCompile(`\bt "((?:[^"\\]|\\.)*)"`)
	inCode      = regexp.MustCompile(`c\.(?:t|fail|counted)\((?:[A-Za-z.0-9]+, )?"((?:[^"\\]|\\.)*)"`)
	inTables    = regexp.MustCompile(`http\.Status\w+, "([^"]*)"\}`)
	verbs       = regexp.MustCompile(`%[sd%]`)
)

// Every text has a Chinese form with the same values in the same order, and
// every Chinese text is used.
func TestTranslations(t *testing.T) {
	used := map[string]bool{}
	collect := func(text string, patterns ...*regexp.Regexp) {
		for _, p := range patterns {
			for _, m := range p.FindAllStringSubmatch(text, -1) {
				used[m[1]] = true
			}
		}
	}
	err := fs.WalkDir(templateFiles, "templates", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			text, _ := templateFiles.ReadFile(name)
			collect(string(text), inTemplates)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
			text, err := os.ReadFile(f.Name())
			if err != nil {
				t.Fatal(err)
			}
			collect(string(text), inCode, inTables)
		}
	}
	if len(used) < 250 {
		t.Fatalf("only %d texts found", len(used))
	}
	for text := range used {
		zh, ok := chinese[text]
		if !ok {
			t.Errorf("no Chinese for %q", text)
		} else if a, b := verbs.FindAllString(text, -1), verbs.FindAllString(zh, -1); strings.Join(a, "") != strings.Join(b, "") {
			t.Errorf("%q has values %v, %q has %v", text, a, zh, b)
		}
	}
	for text := range chinese {
		if !used[text] {
			t.Errorf("nothing says %q", text)
		}
	}
}

// Every reason is explained in both languages.
func TestReasons(t *testing.T) {
	for _, r := range iot.Reasons {
		for _, lang := range languages {
			x := reasonIn(lang, r)
			if x.Title == "" || x.Title == string(r) || x.Meaning == "" {
				t.Errorf("%s in %s: %+v", r, lang, x)
			}
		}
		if en, zh := reasonIn("en", r), reasonIn("zh", r); (en.Fix == "") != (zh.Fix == "") || en.Mood != zh.Mood {
			t.Errorf("%s: %+v and %+v", r, en, zh)
		}
	}
	if n := len(reasons); n != len(iot.Reasons) {
		t.Errorf("%d reasons are explained, there are %d", n, len(iot.Reasons))
	}
}

// Every rule that decisions name has a Chinese name, and the other way round.
func TestRules(t *testing.T) {
	named := regexp.MustCompile(`(?:const rule = |r\.(?:pass|stop)\(|rule := )"([^"]+)"`)
	seen := map[string]bool{}
	for _, file := range []string{"../decide.go", "../decide_policy.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			seen[m[1]] = true
			if ruleIn("zh", iot.Step{Rule: m[1]}) == m[1] {
				t.Errorf("no Chinese for the rule %q", m[1])
			}
		}
	}
	for rule := range rulesChinese {
		if !seen[rule] {
			t.Errorf("no decision names the rule %q", rule)
		}
	}
}

// What decisions say is said in Chinese too: every text in their code is, but
// for parameters as they were sent.
func TestPhrases(t *testing.T) {
	literal := regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	fixed := regexp.MustCompile(`%[sdv]`)
	lines, missing := 0, 0
	for _, file := range []string{"../decide.go", "../decide_policy.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "r.pass(") && !strings.Contains(line, "r.stop(") {
				continue
			}
			lines++
			for _, m := range literal.FindAllStringSubmatch(line, -1) {
				english := fixed.ReplaceAllString(m[1], "0")
				if len(english) < 8 || strings.HasSuffix(english, "=") || strings.HasSuffix(english, " ") || strings.HasPrefix(english, " ") || ruleIn("zh", iot.Step{Rule: m[1]}) != m[1] {
					continue // a part of a text
				}
				if sayIn("zh", english) == english {
					t.Errorf("%s: no Chinese for %q", file, m[1])
					missing++
				}
			}
		}
	}
	// A text that says nothing but itself is not taken for another with values.
	for _, p := range phrases {
		if p.english.NumSubexp() > 0 {
			continue
		}
		english := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(p.english.String(), "(?s)^"), "$"), `\`, "")
		if got := sayIn("zh", english); got != p.chinese {
			t.Errorf("%q became %q, want %q", english, got, p.chinese)
		}
	}
	if lines < 30 {
		t.Errorf("only %d decisions found", lines)
	}
	for english, want := range map[string]string{
		`"8600" is in no project; registration is first_request`:               `"8600" 不在任何项目里；登记方式为 first_request`,
		`newer: numbers compared from left to right`:                           `更新：从左到右逐段比较数字`,
		`the device's version "x" is not three numbers with dots between them`: `设备的 版本 "x" 不是用点分隔的三个数字`,
		`7 same target deliveries in 24h0m0s, 6 are allowed`:                   `24h0m0s 内下发同一固件 7 次，允许 6 次`,
		`imei="8600"`: `imei="8600"`,
	} {
		if got := sayIn("zh", english); got != want {
			t.Errorf("%s: %s, want %s", english, got, want)
		}
	}
}
