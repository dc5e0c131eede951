package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
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
	unowned             bool
}

func (a *app) explainCmd() *cobra.Command {
	var e explainFlags
	cmd := &cobra.Command{
		Use:   "explain [URL]",
		Short: "Tell why the platform answers a request as it does",
		Long: `Decide about a request as the platform would, and show each rule: what it
compared, what it concluded, and how to put it right. Nothing changes.

URL is what the device sent: the whole address, path and query, or the query
alone. The platform is a running one (--server), the folder of one (--data), or
one that is described (--platform).

The exit code is 1 if the device would not get a file.

--unowned lists what was asked and is in nobody's log, because neither its key
nor its device is anybody's. For whoever runs the platform: it needs the folder.`,
		Example: `  airlift explain --server http://127.0.0.1:8000 "imei=C81234567830&project_key=123"
  airlift explain --data platform "/api/site/firmware_upgrade?imei=C81234567830&project_key=123"
  airlift explain --platform platform.json --answers wiki2024 "imei=1&project_key=123"
  airlift explain --data platform --unowned`,
		Args: func(cmd *cobra.Command, args []string) error {
			if e.unowned {
				return operands()(cmd, args)
			}
			return operands("URL")(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if e.unowned {
				return a.unowned(e)
			}
			return a.explain(e, args[0])
		},
	}
	e.addPlatform(cmd)
	fl := cmd.Flags()
	fl.StringVar(&e.data, "data", "", "`folder` of a platform")
	fl.StringVar(&e.server, "server", "", "`URL` of a running platform: http://127.0.0.1:8000")
	fl.StringVar(&e.token, "token", "", "API `token` for --server (default: AIRLIFT_TOKEN of the environment)")
	fl.BoolVar(&e.unowned, "unowned", false, "list the requests that are in nobody's log")
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
		st, err := e.look(a, answers)
		if err != nil {
			return x, err
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

// look opens the folder, which is looked at, not made.
func (e *explainFlags) look(a *app, answers *iot.AnswerSet) (*store.Store, error) {
	if _, err := os.Stat(filepath.Join(e.data, store.DatabaseName)); err != nil {
		return nil, withCode(exitEnv, fmt.Errorf("%s: no platform is kept here (no %s): airlift serve --data %s makes one", e.data, store.DatabaseName, e.data))
	}
	st, err := store.Open(e.data, store.Options{Look: true, Answers: answers, Error: func(err error) { a.note("%v", err) }})
	return st, withCode(exitEnv, err)
}

// unowned lists the requests that nobody owns, the newest first.
func (a *app) unowned(e explainFlags) error {
	defer a.flush()
	if e.data == "" || e.server != "" || e.platform != "" {
		return usagef("--unowned needs the folder of a platform: --data")
	}
	st, err := e.look(a, nil)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Unowned(iot.Page{Limit: iot.PageMax})
	if err != nil {
		return withCode(exitEnv, err)
	}
	if list.Total > 0 {
		a.code = exitFindings
	}
	for _, l := range list.Items {
		if !a.text() {
			if err := a.json(l); err != nil {
				return err
			}
			continue
		}
		a.printf("%s  %s  %s\n", l.Time.UTC().Format(time.RFC3339), a.c(bold, string(l.Reason)), oneLine(l.URL))
		if n := len(l.Steps); n > 0 {
			a.step(l.Steps[n-1])
		}
	}
	return nil
}

// ask asks a running platform.
func (e *explainFlags) ask(target string) (x iot.Explanation, err error) {
	body, err := json.Marshal(api.Question{URL: target})
	if err != nil {
		return x, err
	}
	if u, err := url.Parse(e.server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return x, usagef("--server %q: expected http://HOST:PORT", e.server)
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
		a.step(s)
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

// step prints one rule that was tried.
func (a *app) step(s iot.Step) {
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
