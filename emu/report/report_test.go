package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"airlift/chips/all"
	"airlift/chips/guest/guesttest"
	"airlift/emu/junit/junittest"
	"airlift/emu/report"
	"airlift/emu/sweep"
)

// unsafeSweep sweeps a guest that writes its flag before its data.
func unsafeSweep(t *testing.T) *report.Sweep {
	t.Helper()
	c := guesttest.Chip(t, "broken-flag-first")
	s := &sweep.Scenario{Name: "<unsafe> & \"sweep\"", Summary: "A flag & no data <b>", Chip: c.Model.Name, Mode: sweep.ModeUpdate, Sample: 300, Old: sweep.Version{CoreBytes: 6 << 10}, New: sweep.Version{CoreBytes: 7 << 10, ScriptBytes: 1000}}
	return gather(t, s, func() (*sweep.Sweep, error) { return sweep.New(s, c) })
}

func gather(t *testing.T, s *sweep.Scenario, prepare func() (*sweep.Sweep, error)) *report.Sweep {
	t.Helper()
	w, err := prepare()
	if err != nil {
		t.Fatal(err)
	}
	sum := sweep.NewSummary(s, len(w.Clean.Ops))
	if err := w.Run(context.Background(), sweep.Options{}, func(r *sweep.Result) error { sum.Add(r); return nil }); err != nil {
		t.Fatal(err)
	}
	sum.Close()
	r, err := report.Gather(context.Background(), w.Header(sweep.Options{}), sum, w, " --scenario f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r.Took, r.File = 1500*time.Millisecond, "dir/f 1.yaml"
	return r
}

func safeSweep(t *testing.T) *report.Sweep {
	t.Helper()
	s, err := sweep.FindBuiltin("xt804-file")
	if err != nil {
		t.Fatal(err)
	}
	s.Sample = 200
	c, err := all.Chip(s.Chip, s.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return gather(t, s, func() (*sweep.Sweep, error) { return sweep.New(s, c) })
}

func write(t *testing.T, f func(io.Writer, []*report.Sweep) error, sweeps []*report.Sweep) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b, sweeps); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReports(t *testing.T) {
	sweeps := []*report.Sweep{unsafeSweep(t), safeSweep(t)}
	if len(sweeps[0].Findings) == 0 {
		t.Fatal("the unsafe boot code has no findings")
	}
	t.Run("evidence", func(t *testing.T) { checkEvidence(t, sweeps[0]) })
	t.Run("junit", func(t *testing.T) { checkJUnit(t, write(t, report.WriteJUnit, sweeps), sweeps) })
	t.Run("sarif", func(t *testing.T) { checkSARIF(t, write(t, report.WriteSARIF, sweeps), sweeps) })
	t.Run("html", func(t *testing.T) { checkHTML(t, string(write(t, report.WriteHTML, sweeps)), sweeps) })
	t.Run("empty", func(t *testing.T) {
		for _, f := range []func(io.Writer, []*report.Sweep) error{report.WriteJUnit, report.WriteSARIF, report.WriteHTML} {
			write(t, f, nil)
		}
	})
}

// checkEvidence wants each finding to have an account that ends in its verdict,
// and a flash that says why.
func checkEvidence(t *testing.T, s *report.Sweep) {
	other := 0
	for _, f := range s.Findings {
		if f.Account == nil || f.Account.Lines[len(f.Account.Lines)-1].Kind != "verdict" {
			t.Errorf("%s: no account to the verdict", f.ID)
		}
		for _, p := range f.Parts {
			if int64(len(p.Sectors)) != p.Size/4096 {
				t.Errorf("%s: %s has %d sectors of %d bytes", f.ID, p.Name, len(p.Sectors), p.Size)
			}
			other += strings.Count(p.Sectors, string(report.SectorOther)) + strings.Count(p.Sectors, string(report.SectorMissing))
		}
		if b := f.Bytes; b != nil && bytes.Equal(b.After, b.Meant) {
			t.Errorf("%s: the bytes shown at 0x%X are as meant", f.ID, b.Off)
		}
	}
	if other == 0 {
		t.Error("no finding shows a sector that is not as meant")
	}
}

// checkJUnit holds the file against the schemas of JUnit, and wants a failure with
// its replay command for each finding.
func checkJUnit(t *testing.T, data []byte, sweeps []*report.Sweep) {
	if err := junittest.Check(data); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	var got struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
					Text    string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(data, &got); err != nil || len(got.Suites) != len(sweeps) {
		t.Fatalf("%d suites of %d sweeps, %v", len(got.Suites), len(sweeps), err)
	}
	for i, s := range got.Suites {
		failed, names := 0, map[string]bool{}
		for _, c := range s.Cases {
			if c.Name == "" || c.Class != s.Name || names[c.Name] {
				t.Errorf("%s: test case %q of class %q: empty, of another class or there twice", s.Name, c.Name, c.Class)
			}
			names[c.Name] = true
			if f := c.Failure; f != nil {
				failed++
				if f.Message == "" || !strings.Contains(f.Text, "airlift replay ") {
					t.Errorf("%s: a failure without message or replay command", c.Name)
				}
			}
		}
		if failed != len(sweeps[i].Findings) || s.Name != sweeps[i].Header.Scenario.Name {
			t.Errorf("%s: %d failures of %d findings", s.Name, failed, len(sweeps[i].Findings))
		}
	}
}

// checkSARIF holds the file against the rules that code scanning has, against a
// schema of the members that it uses, and against that of OASIS if SARIF_SCHEMA
// names it.
func checkSARIF(t *testing.T, data []byte, sweeps []*report.Sweep) {
	var got struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct{ ID string }
				}
			}
			Results []struct {
				RuleID              string
				RuleIndex           int
				Level               string
				Message             struct{ Text string }
				PartialFingerprints map[string]string
				Locations           []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "2.1.0" || len(got.Runs) != len(sweeps) {
		t.Fatalf("version %s, %d runs", got.Version, len(got.Runs))
	}
	for i, run := range got.Runs {
		if len(run.Results) != len(sweeps[i].Findings) {
			t.Errorf("%d results of %d findings", len(run.Results), len(sweeps[i].Findings))
		}
		prints := map[string]bool{}
		for _, r := range run.Results {
			if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
				t.Errorf("rule %d is not %s", r.RuleIndex, r.RuleID)
			}
			p := r.PartialFingerprints["airliftSignature/v1"]
			if p == "" || prints[p] || len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.ArtifactLocation.URI != "dir/f%201.yaml" {
				t.Errorf("result %q: fingerprint %q, locations %v", r.Message.Text, p, r.Locations)
			}
			prints[p] = true
		}
	}
	t.Run("structure", func(t *testing.T) {
		validate(t, "testdata/sarif.schema.json", data)
		if broken := bytes.Replace(data, []byte(`"ruleIndex": `), []byte(`"ruleIndex": -1`), 1); compile(t, "testdata/sarif.schema.json").Validate(unmarshal(t, broken)) == nil {
			t.Error("a negative ruleIndex passes: the check shows nothing")
		}
	})
	t.Run("schema", func(t *testing.T) {
		name := os.Getenv("SARIF_SCHEMA")
		if name == "" {
			t.Skip("SARIF_SCHEMA does not name sarif-schema-2.1.0.json of OASIS: the file is held against the schema of this project alone")
		}
		validate(t, name, data)
	})
}

func validate(t *testing.T, schema string, data []byte) {
	t.Helper()
	if err := compile(t, schema).Validate(unmarshal(t, data)); err != nil {
		t.Error(err)
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func unmarshal(t *testing.T, data []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
