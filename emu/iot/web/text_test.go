package web

import (
	"fmt"
	"html"
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

// What is wrong with what a person entered is said in their language. Values
// stay as they were entered.
func TestProblemsInChinese(t *testing.T) {
	s := newSite(t)
	p := s.signUp("13800000000")
	e := s.settle(p.account)
	p.get("/choose?language=zh")
	english := regexp.MustCompile(`[a-z]{2,} [a-z]{2,} [a-z]{2,}`)
	problem := regexp.MustCompile(`(?s)<p class="problem">(.*?)</p>`)
	project, firmware := fmt.Sprint(e.ids["projects"]), fmt.Sprint(e.ids["firmware"])
	long := strings.Repeat("n", 256)
	for _, c := range []struct {
		path, says string
		fields     []string
	}{
		{"/projects", "项目名称不能为空", []string{"name", " "}},
		{"/projects", "项目名称必须是单行文本，最多 255 字节", []string{"name", long}},
		{"/projects", "描述最多", []string{"name", "x", "description", strings.Repeat("n", 5000)}},
		{"/devices", "不是有效的设备标识", []string{"project", project, "identities", strings.Repeat("9", 65)}},
		{pathOf("/firmware", e.ids["firmware"]), "版本号 \"1.1\" 不是用点分隔的三个数字", []string{"name", "x", "version", "1.1"}},
		{pathOf("/firmware", e.ids["firmware"]), "固件名必须是 1 到 255 字节的文本", []string{"name", "", "version", "1.1.1"}},
		{"/rollouts", "分批发布的名称必须是", []string{"project", project, "firmware", firmware, "name", "", "percent", "100"}},
		{"/rollouts", "分批发布有 1 到 32 个阶段，现有 0 个", []string{"project", project, "firmware", firmware, "name", "x", "percent", ""}},
		{"/rollouts", "阶段填写百分比", []string{"project", project, "firmware", firmware, "name", "x", "percent", "all"}},
		{"/rollouts", "百分比为 0 到 100", []string{"project", project, "firmware", firmware, "name", "x", "percent", "NaN"}},
		{"/rollouts", "百分比是累计的：5 小于前一阶段的 50", []string{"project", project, "firmware", firmware, "name", "x", "percent", "50 5"}},
		{"/bases", "既不是一个数字", []string{"project", project, "core", "x"}},
		{"/bases", "没有差分包", []string{"project", project, "core", "1", "chip", "Air1"}},
		{"/account/webhooks", "Webhook 的 URL 必须是", []string{"url", "javascript:alert(1)"}},
		{"/account/password", "密码至少 8 个字符", []string{"old", "correct horse", "new", "short", "again", "short"}},
		{"/account/tokens", "程序名称不能为空", []string{"name", ""}},
		{"/bench", "VERSION \"1\" 必须是", []string{"project", project, "model", "Air601", "name", "x", "version", "1", "poll", "1", "speed", "1"}},
		{"/bench", "没有型号 \"Air1\"", []string{"project", project, "model", "Air1", "name", "x", "version", "1.0.0", "poll", "1", "speed", "1"}},
		{"/bench", "不是 15 位数字", []string{"project", project, "model", "Air780E", "name", "x", "version", "1.0.0", "poll", "1", "speed", "1", "imei", "1"}},
	} {
		status, body := p.post(c.path, c.fields...)
		m := problem.FindStringSubmatch(body)
		if m == nil || status != 422 {
			t.Errorf("%s %.80q: %d %v", c.path, c.fields, status, m)
			continue
		}
		if said := html.UnescapeString(m[1]); !strings.Contains(said, c.says) || english.MatchString(said) {
			t.Errorf("%s %.80q: %s, want %s", c.path, c.fields, said, c.says)
		}
	}
	for english, want := range map[string]string{
		"invalid: a roll-out has 1 to 32 groups, not 0":               "分批发布有 1 到 32 个阶段，现有 0 个",
		"switched off: nobody watched for 10m0s":                      "无人观看已达 10m0s，自动关机",
		"version 1.1000.1 has a part above 999 after the core number": "版本号 1.1000.1 中，CORE 之后的部分超过 999",
		"no more are possible: an account has at most 100 tokens":     "一个账号最多 100 个 API 令牌",
		"no more are possible: a project has at most 1000 base cores": "一个项目最多 1000 个基础 CORE",
		"something else": "something else",
		`no model is called "$2 is empty": see airlift chips`:                      `没有型号 "$2 is empty"`,
		"not possible: the package is ready":                                       "差分包的状态为 ready",
		"PROJECT \"$1\" is not 1 to 64 letters, digits, _ and -":                   "PROJECT \"$1\" 必须是 1 到 64 个字母、数字、_ 或 -",
		"make the package: main.lua is larger than 65536 bytes":                    "make the package：main.lua 超过 65536 字节",
		"invalid: groups[1]: percentages are cumulative, 5 is below the 50 before": "百分比是累计的：5 小于前一阶段的 50",
	} {
		if got := problemIn("zh", english); got != want {
			t.Errorf("%s: %s, want %s", english, got, want)
		}
	}
	if got := problemIn("en", "invalid: project name is empty"); got != "project name is empty" {
		t.Errorf("in English %q", got)
	}
}
