package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is a composite action as GitHub's runner reads it.
type action struct {
	Name, Description string
	Inputs            map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []struct {
			ID, Name, Shell, Run, If string
			Env                      map[string]string
		}
	}
}

// runner runs the steps of a composite action as GitHub's runner does: bash with
// -eo pipefail on a script file, inputs and step outputs put in for expressions,
// outputs by the file that GITHUB_OUTPUT names. There is no network to it.
type runner struct {
	t       *testing.T
	action  action
	dir     string // of the action
	work    string // the workspace
	outputs map[string]string
	log     string
	summary string
}

var expression = regexp.MustCompile(`\$\{\{ *(.*?) *\}\}`)

// expand puts in what an expression stands for.
func (r *runner) expand(text string, inputs map[string]string) string {
	return expression.ReplaceAllStringFunc(text, func(m string) string {
		what := expression.FindStringSubmatch(m)[1]
		parts := strings.Split(what, ".")
		switch {
		case len(parts) == 2 && parts[0] == "inputs":
			if v, ok := inputs[parts[1]]; ok {
				return v
			}
		case len(parts) == 4 && parts[0] == "steps" && parts[2] == "outputs":
			if v, ok := r.outputs[parts[1]+"."+parts[3]]; ok {
				return v
			}
		}
		r.t.Fatalf("the runner knows nothing of ${{ %s }}", what)
		return ""
	})
}

// run runs the action and returns its outputs and exit code.
func (r *runner) run(with map[string]string) (outputs map[string]string, code int) {
	t := r.t
	t.Helper()
	inputs := map[string]string{}
	for name, in := range r.action.Inputs {
		inputs[name] = in.Default
	}
	for name, v := range with {
		if _, ok := inputs[name]; !ok {
			t.Fatalf("the action has no input %s", name)
		}
		inputs[name] = v
	}
	r.outputs, r.log = map[string]string{}, ""
	for _, step := range r.action.Runs.Steps {
		out, summary := filepath.Join(t.TempDir(), "output"), filepath.Join(t.TempDir(), "summary")
		script := filepath.Join(t.TempDir(), "step.sh")
		for name, text := range map[string]string{out: "", summary: "", script: r.expand(step.Run, inputs)} {
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if step.Shell != "bash" || step.If != "" {
			t.Fatalf("step %s: shell %q, if %q: this runner has bash alone", step.ID, step.Shell, step.If)
		}
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", script)
		cmd.Dir = r.work
		cmd.Env = append(os.Environ(), "CI=true", "GITHUB_ACTIONS=true", "GITHUB_ACTION_PATH="+r.dir, "GITHUB_WORKSPACE="+r.work, "GITHUB_OUTPUT="+out, "GITHUB_STEP_SUMMARY="+summary)
		for name, v := range step.Env {
			cmd.Env = append(cmd.Env, name+"="+r.expand(v, inputs))
		}
		text, err := cmd.CombinedOutput()
		r.log += string(text)
		r.summary = readText(t, summary)
		for line := range strings.Lines(readText(t, out)) {
			name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !ok {
				t.Fatalf("step %s: output %q", step.ID, line)
			}
			r.outputs[step.ID+"."+name] = v
		}
		if err != nil {
			code = cmd.ProcessState.ExitCode()
			break
		}
	}
	outputs = map[string]string{}
	if len(r.outputs) > 0 {
		for name, o := range r.action.Outputs {
			outputs[name] = r.expand(o.Value, inputs)
		}
	}
	return outputs, code
}

func readText(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestAction runs the composite action for a safe upgrade, for one with findings,
// for one whose findings do not fail the job, and for a wrong scenario.
func TestAction(t *testing.T) {
	oneByOne(t)
	bash, err := exec.LookPath("bash")
	if err != nil || runtime.GOOS == "windows" {
		t.Skipf("no bash (%v): the action is not run", err)
	}
	t.Logf("with %s", bash)
	dir, err := filepath.Abs(filepath.Join("..", "..", ".github", "actions", "airlift"))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, dir: dir, work: t.TempDir()}
	d := yaml.NewDecoder(strings.NewReader(readText(t, filepath.Join(dir, "action.yml"))))
	d.KnownFields(true)
	if err := d.Decode(&r.action); err != nil {
		t.Fatal(err)
	}
	if r.action.Runs.Using != "composite" || len(r.action.Runs.Steps) == 0 {
		t.Fatalf("the action runs %q with %d steps", r.action.Runs.Using, len(r.action.Runs.Steps))
	}
	airlift, err := exec.LookPath("airlift") // of this test: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	scenario := func(name, more string) string {
		name = filepath.Join(r.work, name)
		text := "{name: small, chip: Air6208, mode: update, old: {core_bytes: 6144}, new: {core_bytes: 7168, script_bytes: 5000}" + more + "}\n"
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return filepath.Base(name)
	}
	few, bad := scenario("few.yaml", ", sample: 20"), scenario("bad.yaml", "")
	if err := os.WriteFile(filepath.Join(r.work, "broken.yaml"), []byte("{name: [\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		with     map[string]string
		code     int
		findings string // "" for no outputs
		says     string
	}{
		{"safe", map[string]string{"scenario": "xt804-file", "args": "--sample 30"}, 0, "false", "30 cases in"},
		{"findings", map[string]string{"scenario": bad}, 1, "true", "::error title=airlift::small: stuck"},
		{"findings do not fail", map[string]string{"scenario": bad + " " + few, "fail": "false", "out": "two"}, 0, "true", "::warning title=airlift::small: stuck"},
		{"no such scenario", map[string]string{"scenario": "nothing"}, 2, "", "no built-in scenario"},
		{"a bad file", map[string]string{"scenario": "broken.yaml"}, 4, "", "broken.yaml"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.t = t
			c.with["airlift"] = airlift
			outputs, code := r.run(c.with)
			if code != c.code || outputs["findings"] != c.findings {
				t.Errorf("exit code %d, outputs %v\n%s", code, outputs, r.log)
			}
			if !strings.Contains(r.log, c.says) {
				t.Errorf("%q is not in\n%s", c.says, r.log)
			}
			if c.findings == "" {
				return
			}
			for _, name := range []string{"junit", "sarif", "html"} {
				if st, err := os.Stat(filepath.Join(r.work, outputs[name])); err != nil || st.Size() == 0 {
					t.Errorf("output %s: %v", name, err)
				}
			}
			if !strings.Contains(r.summary, " cases run in ") || strings.Contains(r.summary, "\x1b") {
				t.Errorf("the job's summary is\n%s", r.summary)
			}
			if (c.findings == "true") != strings.Contains(r.log, "::") {
				t.Errorf("annotations: %s", r.log)
			}
		})
	}
}
