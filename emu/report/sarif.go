package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"slices"

	"airlift/emu"
	"airlift/emu/sweep"
)

// The parts of SARIF 2.1.0 (OASIS) that a sweep has something to say in. Rules
// are the invariants; a result is a finding, its place the operation that the
// last fault hit.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool       `json:"tool"`
		Results    []sarifResult   `json:"results"`
		Automation sarifAutomation `json:"automationDetails"`
		ColumnKind string          `json:"columnKind"`
		Properties map[string]any  `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Name    string       `json:"name"`
		Short   sarifText    `json:"shortDescription"`
		Default sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		RuleIndex    int               `json:"ruleIndex"`
		Level        string            `json:"level"`
		Message      sarifText         `json:"message"`
		Locations    []sarifLocation   `json:"locations"`
		Count        uint64            `json:"occurrenceCount"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Flows        []sarifFlow       `json:"codeFlows,omitempty"`
		Properties   map[string]any    `json:"properties"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"name"`
		Full string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifFlow struct {
		Threads []sarifThread `json:"threadFlows"`
	}
	sarifThread struct {
		Locations []sarifStep `json:"locations"`
	}
	sarifStep struct {
		Location sarifLocation `json:"location"`
	}
)

const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// flowStepsMax bounds the steps of an account that a result holds.
const flowStepsMax = 100

// WriteSARIF writes sweeps in the form of SARIF 2.1.0, a run each.
func WriteSARIF(w io.Writer, sweeps []*Sweep) error {
	log := sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{}}
	for _, s := range sweeps {
		log.Runs = append(log.Runs, sarifOf(s))
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(&log)
}

func sarifOf(s *Sweep) sarifRun {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{Name: "airlift"}}, Results: []sarifResult{}, ColumnKind: "unicodeCodePoints",
		Automation: sarifAutomation{ID: "airlift-sweep/" + s.Header.Scenario.Name + "/"},
		Properties: map[string]any{"digest": s.Header.Digest, "cases": s.Summary.Cases, "chip": s.Header.Scenario.Chip, "seed": s.Header.Scenario.Seed},
	}
	for _, i := range sweep.Invariants {
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{"airlift/" + string(i), string(i), sarifText{i.Words()}, sarifDefault{levelOf(i)}})
	}
	for i := range s.Findings {
		run.Results = append(run.Results, s.sarifResult(&s.Findings[i]))
	}
	return run
}

// levelOf is how bad it is that an invariant does not hold.
func levelOf(i sweep.Invariant) string {
	if i == sweep.Wear || i == sweep.Converges {
		return "warning"
	}
	return "error"
}

func (s *Sweep) sarifResult(f *Finding) sarifResult {
	rule := sweep.Exact
	if len(f.Broken) > 0 {
		rule = f.Broken[0]
	}
	level := levelOf(rule)
	if f.Outcome != emu.OutcomeNew && f.Outcome != emu.OutcomeOld {
		level = "error"
	}
	r := sarifResult{
		RuleID: "airlift/" + string(rule), RuleIndex: slices.Index(sweep.Invariants[:], rule), Level: level,
		Message:      sarifText{f.Title() + "\n" + f.Faults() + "\nRun it again: " + f.Replay},
		Count:        max(1, f.Cases),
		Fingerprints: map[string]string{"airliftSignature/v1": f.Fingerprint(s.Header.Scenario.Name)},
		Properties:   map[string]any{"outcome": f.Outcome, "broken": append([]sweep.Invariant{}, f.Broken...), "replay": f.Replay, "signature": f.Signature},
	}
	at := sarifLocation{Physical: s.artifact()}
	if n := len(f.First.Places); n > 0 {
		p := &f.First.Places[n-1]
		at.Message = &sarifText{p.String()}
		at.Logical = []sarifLogical{{p.Part, s.Header.Scenario.Chip + "/" + p.Part, "resource"}}
	}
	r.Locations = []sarifLocation{at}
	r.Flows = f.flow()
	return r
}

// artifact is the file that a finding is shown at: code scanning wants one.
func (s *Sweep) artifact() *sarifPhysical {
	name := s.File
	if name == "" {
		name = "airlift/" + s.Header.Scenario.Name + ".yaml"
	}
	u := url.URL{Path: filepath.ToSlash(name)}
	if filepath.IsAbs(name) {
		u.Scheme = "file"
		if u.Path[0] != '/' {
			u.Path = "/" + u.Path
		}
	}
	return &sarifPhysical{sarifArtifact{u.String()}, sarifRegion{1}}
}

// flow is the account, without its logs.
func (f *Finding) flow() []sarifFlow {
	if f.Account == nil {
		return nil
	}
	var steps []sarifStep
	for i := range f.Account.Lines {
		if l := &f.Account.Lines[i]; l.Kind != "log" && l.Kind != "print" {
			steps = append(steps, sarifStep{sarifLocation{Message: &sarifText{lineText(l)}}})
		}
	}
	if skip := len(steps) - flowStepsMax; skip > 0 {
		steps = steps[skip:]
	}
	if len(steps) == 0 {
		return nil
	}
	return []sarifFlow{{[]sarifThread{{steps}}}}
}
