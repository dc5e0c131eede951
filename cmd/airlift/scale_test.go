package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// docBlocks are the code blocks of a document in a language.
func docBlocks(t *testing.T, doc, language string) []string {
	t.Helper()
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(readText(t, filepath.Join("..", "..", "docs", doc)), -1) {
		out = append(out, m[1])
	}
	return out
}

// indexedJob is what the recipe for Kubernetes uses of batch/v1 Job.
type indexedJob struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   map[string]string `yaml:"metadata"`
	Spec       struct {
		CompletionMode       string `yaml:"completionMode"`
		Completions          int    `yaml:"completions"`
		Parallelism          int    `yaml:"parallelism"`
		BackoffLimitPerIndex *int   `yaml:"backoffLimitPerIndex"`
		MaxFailedIndexes     *int   `yaml:"maxFailedIndexes"`
		Template             struct {
			Spec struct {
				RestartPolicy string `yaml:"restartPolicy"`
				Containers    []struct {
					Name         string           `yaml:"name"`
					Image        string           `yaml:"image"`
					Command      []string         `yaml:"command"`
					Args         []string         `yaml:"args"`
					VolumeMounts []map[string]any `yaml:"volumeMounts"`
				} `yaml:"containers"`
				Volumes []map[string]any `yaml:"volumes"`
			} `yaml:"spec"`
		} `yaml:"template"`
	} `yaml:"spec"`
}

// shardOf is the number behind the slash of --shard in a command.
func shardOf(t *testing.T, text string) string {
	t.Helper()
	m := regexp.MustCompile(`--shard \S*/(\d+)|--shard \$\{\{[^}]*\}\}/(\d+)`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no --shard in %q", text)
	}
	return m[1] + m[2]
}

func TestScaleKubernetes(t *testing.T) {
	var job indexedJob
	d := yaml.NewDecoder(strings.NewReader(docBlocks(t, "SCALE.md", "yaml")[0]))
	d.KnownFields(true)
	if err := d.Decode(&job); err != nil {
		t.Fatal(err)
	}
	s, pod := &job.Spec, &job.Spec.Template.Spec
	if job.APIVersion != "batch/v1" || job.Kind != "Job" || job.Metadata["name"] == "" || s.CompletionMode != "Indexed" {
		t.Errorf("it is no Indexed Job: %+v", job)
	}
	// A limit for each index asks for Never, a bound of failed indexes for the limit.
	if s.BackoffLimitPerIndex == nil || s.MaxFailedIndexes == nil || pod.RestartPolicy != "Never" || s.Parallelism > s.Completions {
		t.Errorf("the job would be refused: %+v", *s)
	}
	if len(pod.Containers) != 1 || len(pod.Volumes) != 1 || pod.Containers[0].VolumeMounts[0]["name"] != pod.Volumes[0]["name"] {
		t.Fatalf("containers and volumes do not fit: %+v", *pod)
	}
	c := &pod.Containers[0]
	script := c.Args[len(c.Args)-1]
	if got := shardOf(t, script); got != fmt.Sprint(s.Completions) {
		t.Errorf("--shard /%s of %d completions", got, s.Completions)
	}
	if !slices.Equal(c.Command, []string{"sh", "-c"}) || len(c.Args) != 1 {
		t.Fatalf("command %q, arguments %q", c.Command, c.Args)
	}
	runShards(t, "JOB_COMPLETION_INDEX", strings.NewReplacer("ec618-delta --cuts 2 --sample 1000000", "scenario.yaml", "/results/", "results/").Replace(script))
}

func TestScaleSlurm(t *testing.T) {
	script := docBlocks(t, "SCALE.md", "sh")[0]
	m := regexp.MustCompile(`(?m)^#SBATCH .*--array=0-(\d+)\b`).FindStringSubmatch(script)
	var last int
	if m == nil || !strings.HasPrefix(script, "#!/bin/sh\n") {
		t.Fatalf("no array job:\n%s", script)
	}
	if _, err := fmt.Sscan(m[1], &last); err != nil || shardOf(t, script) != fmt.Sprint(last+1) {
		t.Errorf("--array=0-%d and --shard /%s", last, shardOf(t, script))
	}
	runShards(t, "SLURM_ARRAY_TASK_ID", script)
}

// TestScaleMatrix wants every shard of the matrix of a CI server.
func TestScaleMatrix(t *testing.T) {
	var job struct {
		Strategy struct {
			Matrix struct {
				Shard []int `yaml:"shard"`
			} `yaml:"matrix"`
		} `yaml:"strategy"`
		Steps []struct {
			Run  string            `yaml:"run"`
			Uses string            `yaml:"uses"`
			With map[string]string `yaml:"with"`
		} `yaml:"steps"`
	}
	d := yaml.NewDecoder(strings.NewReader(docBlocks(t, "SCALE.md", "yaml")[1]))
	d.KnownFields(true)
	if err := d.Decode(&job); err != nil {
		t.Fatal(err)
	}
	shards := job.Strategy.Matrix.Shard
	for i, n := range shards {
		if i != n {
			t.Errorf("shards %v", shards)
		}
	}
	run := job.Steps[0].Run
	if shardOf(t, run) != fmt.Sprint(len(shards)) {
		t.Errorf("--shard of %s, and %d shards", shardOf(t, run), len(shards))
	}
	runShards(t, "MATRIX", strings.ReplaceAll(run, "${{ matrix.shard }}", "$MATRIX"))
}

// runShards runs a recipe's script for two shards of a small sweep, merges what comes
// out, and wants a shard that was not run to fail.
func runShards(t *testing.T, index, script string) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("no sh: the recipe is not run")
	}
	script = regexp.MustCompile(`(--shard \S*/)\d+`).ReplaceAllString(script, "${1}2")
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o755); err != nil {
		t.Fatal(err)
	}
	small := "{name: small, chip: Air6208, mode: update, old: {core_bytes: 6144}, new: {core_bytes: 7168, script_bytes: 5000}, sample: 200}\n"
	if err := os.WriteFile(filepath.Join(dir, "scenario.yaml"), []byte(small), 0o644); err != nil {
		t.Fatal(err)
	}
	sh := func(line string, env ...string) (string, int) {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if _, exited := err.(*exec.ExitError); err != nil && !exited {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	for i := range 2 {
		if out, code := sh(script, fmt.Sprintf("%s=%d", index, i)); code != 0 || !strings.Contains(out, "cases in") {
			t.Fatalf("shard %d: exit code %d\n%s", i, code, out)
		}
	}
	if out, code := sh("airlift sweep scenario.yaml -o whole.jsonl; airlift merge $(find . -name '*.jsonl' ! -name whole.jsonl) -o all.jsonl; code=$?; cmp all.jsonl whole.jsonl && exit $code"); code != 1 {
		t.Errorf("merged: exit code %d\n%s", code, out)
	}
	broken := strings.ReplaceAll(script, "scenario.yaml", "nothing")
	if out, code := sh(broken, index+"=0"); code == 0 {
		t.Errorf("a shard that was not run passes:\n%s", out)
	}
}
