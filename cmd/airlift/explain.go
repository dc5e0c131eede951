package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"airlift/emu/iot"
	"airlift/emu/iot/api"
	"airlift/emu/iot/store"
)

type explainFlags struct {
	serverFlags
	data, server, token string
	seed                uint64
}

func (a *app) explainCmd() *cobra.Command {
	var e explainFlags
	cmd := &cobra.Command{
		Use:   "explain URL",
		Short: "Tell why the platform answers a request as it does",
		Long: `Decide about a request as the platform would, and show each rule: what it
compared, what it concluded, and how to put it right. Nothing changes.

URL is what the device sent: the whole address, path and query, or the query
alone. The platform is a running one (--server), the folder of one (--data), or
one that is described (--platform).

The exit code is 1 if the device would not get a file.`,
		Example: `  airlift explain --server http://127.0.0.1:8000 'imei=C81234567830&project_key=123'
  airlift explain --data platform '/api/site/firmware_upgrade?imei=C81234567830&project_key=123'
  airlift explain --platform platform.json --answers wiki2024 'imei=1&project_key=123'`,
		Args: operands("URL"),
		RunE: func(_ *cobra.Command, args []string) error { return a.explain(e, args[0]) },
	}
	e.addPlatform(cmd)
	fl := cmd.Flags()
	fl.StringVar(&e.data, "data", "", "`folder` of a platform")
	fl.StringVar(&e.server, "server", "", "`URL` of a running platform: http://127.0.0.1:8000")
	fl.StringVar(&e.token, "token", "", "API `token` for --server (default: AIRLIFT_TOKEN of the environment)")
	fl.Uint64Var(&e.seed, "seed", 1, "seed of the keys of a described platform")
	return cmd
}

func (a *app) explain(e explainFlags, target string) error {
	defer a.flush()
	given := 0
	for _, v := range []string{e.platform, e.data, e.server} {
		if v != "" {
			given++
		}
	}
	if given != 1 {
		return usagef("which platform? give one of --server, --data and --platform")
	}
	var x iot.Explanation
	var err error
	if e.server != "" {
		x, err = e.ask(target)
	} else {
		x, err = e.decide(a, target)
	}
	if err != nil {
		return err
	}
	if x.Reason != iot.Deliver {
		a.code = exitFindings
	}
	if !a.text() {
		return a.json(x)
	}
	a.explanation(x)
	return nil
}

// decide asks a folder or a description.
func (e *explainFlags) decide(a *app, target string) (x iot.Explanation, err error) {
	answers, err := iot.AnswersByName(e.answers)
	if err != nil {
		return x, withCode(exitUsage, err)
	}
	server, err := e.serverFlags.server(e.seed)
	if err != nil {
		return x, err
	}
	if server == nil {
		// A folder is looked at, not made.
		if _, err := os.Stat(filepath.Join(e.data, store.DatabaseName)); err != nil {
			return x, withCode(exitEnv, err)
		}
		st, err := store.Open(e.data, store.Options{Look: true, Answers: answers, Error: func(err error) { a.note("%v", err) }})
		if err != nil {
			return x, withCode(exitEnv, err)
		}
		defer st.Close()
		if e.answers == "" {
			answers = st.AnswerSet()
		}
		if server, err = iot.NewServerOn(st, answers, st.Settings()); err != nil {
			return x, err
		}
	}
	q, d, err := server.Explain(iot.TargetOf(target), time.Now().UTC())
	if err != nil {
		return x, withCode(exitEnv, err)
	}
	return iot.NewExplanation(q, &d, server.Answers()), nil
}

// ask asks a running platform.
func (e *explainFlags) ask(target string) (x iot.Explanation, err error) {
	body, err := json.Marshal(api.Question{URL: target})
	if err != nil {
		return x, err
	}
	req, err := http.NewRequest(http.MethodPost, strings.TrimSuffix(e.server, "/")+api.Prefix+"/explain", bytes.NewReader(body))
	if err != nil {
		return x, usagef("--server %q: %v", e.server, err)
	}
	req.Header.Set("Content-Type", "application/json")
	token := e.token
	if token == "" {
		token = os.Getenv("AIRLIFT_TOKEN")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return x, withCode(exitEnv, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return x, withCode(exitEnv, err)
	}
	if resp.StatusCode != http.StatusOK {
		var failure api.Error
		if json.Unmarshal(answer, &failure) != nil || failure.Error == "" {
			failure.Error = "no platform of ours"
		}
		return x, withCode(exitEnv, fmt.Errorf("%s: status %d: %s", e.server, resp.StatusCode, failure.Error))
	}
	if err := json.Unmarshal(answer, &x); err != nil {
		return x, withCode(exitEnv, fmt.Errorf("%s: the answer is no explanation: %w", e.server, err))
	}
	return x, nil
}

// explanation prints the rules that were tried.
func (a *app) explanation(x iot.Explanation) {
	a.printf("%s %s\n\n", a.c(bold, "asked   "), oneLine(x.URL))
	for _, s := range x.Steps {
		mark := a.c(green, "pass")
		if !s.Passed {
			mark = a.c(red, "stop")
		}
		a.printf("%2d  %s  %s\n", s.N, mark, s.Rule)
		a.printf("          %s: %s\n", oneLine(s.Compared), oneLine(s.Conclusion))
		if s.Fix != "" {
			a.printf("          %s %s\n", a.c(yellow, "fix:"), oneLine(s.Fix))
		}
	}
	for _, n := range x.Notes {
		a.printf("\n%s %s\n", a.c(yellow, "note"), oneLine(n))
	}
	a.printf("\n%s %s, status %d", a.c(bold, "answer  "), x.Reason, x.Status)
	if x.Body != "" {
		a.printf(", body %s", x.Body)
	}
	if x.Result != "" {
		a.printf(", log %s", x.Result)
	}
	a.printf("\n")
}
