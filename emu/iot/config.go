package iot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"airlift/emu/link"
	"airlift/flash/explain"
)

// Config describes a server in JSON, for airlift serve and for tests. See
// [LoadConfig].
type Config struct {
	Answers      string          `json:"answers"`      // answer set, default cloud
	Registration Registration    `json:"registration"` // default first_request
	Comparator   Comparator      `json:"comparator"`   // default: what fits the request
	Loop         *LoopConfig     `json:"loop"`
	DiffDelayS   *int64          `json:"diff_delay_s"` // default 90
	Redirect     *bool           `json:"redirect"`     // default true
	IgnoreRange  bool            `json:"ignore_range"`
	Headers      string          `json:"headers"` // fidelity (default) or minimal
	Baselines    []BaseConfig    `json:"baselines"`
	Cores        []CoreConfig    `json:"cores"`
	Accounts     []AccountConfig `json:"accounts"`
	Static       []StaticConfig  `json:"static"`
}

// LoopConfig is the loop guard.
type LoopConfig struct {
	Count   int        `json:"count"`
	WindowS int64      `json:"window_s"`
	Counts  LoopCounts `json:"counts"`
}

// BaseConfig is a baseline of RDA8910 cores.
type BaseConfig struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

// CoreConfig is a core from which difference packages can be built.
type CoreConfig struct {
	Name    string `json:"name"` // end of the firmware names, or empty for all
	Version string `json:"version"`
}

// AccountConfig is an account with its projects.
type AccountConfig struct {
	Name     string          `json:"name"`
	Projects []ProjectConfig `json:"projects"`
}

// ProjectConfig is a project with its devices and firmware.
type ProjectConfig struct {
	Name       string           `json:"name"`
	Key        string           `json:"key"` // default: drawn from the seed
	Comparator Comparator       `json:"comparator"`
	Devices    []DeviceConfig   `json:"devices"`
	Firmware   []FirmwareConfig `json:"firmware"`
}

// DeviceConfig is a device that is registered from the start.
type DeviceConfig struct {
	ID        string `json:"id"`
	Forbidden bool   `json:"forbidden"`
}

// FirmwareConfig is an uploaded file. Name, version and core default to what
// its file name says.
type FirmwareConfig struct {
	File    string   `json:"file"`
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Core    string   `json:"core"`
	Remark  string   `json:"remark"`
	Allow   *bool    `json:"allow"` // default true, as in the dialog
	All     bool     `json:"all"`   // default false, as in the dialog
	Devices []string `json:"devices"`
	Created string   `json:"created"` // RFC 3339, default the epoch of links
	// CoreID and ScriptVersion are for the turnkey API.
	CoreID        int64  `json:"core_id"`
	ScriptVersion string `json:"script_version"`
}

// StaticConfig is a path of the self-made server.
type StaticConfig struct {
	Path        string     `json:"path"`
	File        string     `json:"file"`
	Status      int        `json:"status"`
	Version     string     `json:"version"`
	Comparator  Comparator `json:"comparator"`
	NotModified bool       `json:"not_modified"`
}

const configBytesMax = 4 << 20

// LoadConfig reads a configuration. Unknown fields are refused, so that a
// misspelt one does not go unnoticed.
func LoadConfig(data []byte) (*Config, error) {
	if len(data) > configBytesMax {
		return nil, &explain.FormatError{What: "server configuration", Want: fmt.Sprintf("at most %d bytes", configBytesMax), Got: fmt.Sprintf("%d bytes", len(data))}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	c := new(Config)
	if err := d.Decode(c); err != nil {
		return nil, configError(err, d.InputOffset(), len(data))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &explain.FormatError{Off: d.InputOffset(), What: "server configuration", Want: "one JSON object", Got: "more after it"}
	}
	return c, nil
}

func configError(err error, off int64, size int) error {
	fe := &explain.FormatError{Off: off, What: "server configuration", Want: "a JSON object", Got: strings.TrimPrefix(err.Error(), "json: ")}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		fe.Off = syntax.Offset
	case errors.As(err, &kind):
		fe.Off, fe.What, fe.Want, fe.Got = kind.Offset, "server configuration, field "+kind.Field, kind.Type.String(), kind.Value
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		fe.Off, fe.Got = int64(size), "the end"
	}
	return fe
}

// Build makes the server. Files are read with open, whose errors are passed
// on; seed draws the keys of projects that have none.
func (c *Config) Build(seed uint64, open func(name string) ([]byte, error)) (*Server, *Mem, error) {
	answers, err := AnswersByName(c.Answers)
	if err != nil {
		return nil, nil, err
	}
	settings, err := c.settings()
	if err != nil {
		return nil, nil, err
	}
	m := NewMem(seed)
	for i, k := range c.Cores {
		v, err := ParseCore(k.Version)
		if err != nil {
			return nil, nil, fmt.Errorf("cores[%d]: %w", i, err)
		}
		m.AddCore(k.Name, v)
	}
	for i := range c.Accounts {
		if err := c.Accounts[i].build(m, open); err != nil {
			return nil, nil, fmt.Errorf("accounts[%d]: %w", i, err)
		}
	}
	s, err := NewServer(m, answers, settings)
	if err != nil {
		return nil, nil, err
	}
	s.Static, err = c.static(open)
	return s, m, err
}

func (c *Config) settings() (Settings, error) {
	s := DefaultSettings()
	s.Comparator, s.IgnoreRange = c.Comparator, c.IgnoreRange
	if c.Registration != "" {
		s.Registration = c.Registration
	}
	if l := c.Loop; l != nil {
		s.Loop.Count = l.Count
		if l.WindowS != 0 {
			w, err := seconds(l.WindowS)
			if err != nil {
				return s, fmt.Errorf("loop.window_s: %w", err)
			}
			s.Loop.Window = w
		}
		if l.Counts != "" {
			s.Loop.Counts = l.Counts
		}
	}
	if c.DiffDelayS != nil {
		d, err := seconds(*c.DiffDelayS)
		if err != nil {
			return s, fmt.Errorf("diff_delay_s: %w", err)
		}
		s.DiffDelay = d
	}
	if c.Redirect != nil {
		s.Redirect = *c.Redirect
	}
	switch c.Headers {
	case "", "fidelity":
	case "minimal":
		s.Minimal = true
	default:
		return s, fmt.Errorf("headers %s: known are fidelity and minimal", quote(c.Headers))
	}
	for i, b := range c.Baselines {
		from, err1 := ParseCore(b.From)
		to, err2 := ParseCore(b.To)
		if err := errors.Join(err1, err2); err != nil || b.Name == "" {
			return s, fmt.Errorf("baselines[%d]: name, from and to are needed: %w", i, err)
		}
		s.Baselines = append(s.Baselines, Baseline{b.Name, from, to})
	}
	return s, s.Check()
}

// secondsMax is a hundred years; a time.Duration ends at 292.
const secondsMax = 100 * 366 * 24 * 3600

func seconds(n int64) (time.Duration, error) {
	if n < 0 || n > secondsMax {
		return 0, fmt.Errorf("%d s is not from 0 to %d", n, int64(secondsMax))
	}
	return time.Duration(n) * time.Second, nil
}

func (a *AccountConfig) build(m *Mem, open func(string) ([]byte, error)) error {
	account, err := m.AddAccount(a.Name)
	if err != nil {
		return err
	}
	for i := range a.Projects {
		if err := a.Projects[i].build(m, account.ID, open); err != nil {
			return fmt.Errorf("projects[%d]: %w", i, err)
		}
	}
	return nil
}

func (c *ProjectConfig) build(m *Mem, account int64, open func(string) ([]byte, error)) error {
	p, err := m.AddProject(account, c.Name, c.Key, link.Epoch)
	if err != nil {
		return err
	}
	if err := m.SetComparator(p.ID, c.Comparator); err != nil {
		return err
	}
	for i, d := range c.Devices {
		if _, err := m.AddDevice(p.ID, d.ID, link.Epoch); err != nil {
			return fmt.Errorf("devices[%d]: %w", i, err)
		}
		if d.Forbidden {
			if err := m.SetForbidden(d.ID, true); err != nil {
				return fmt.Errorf("devices[%d]: %w", i, err)
			}
		}
	}
	for i := range c.Firmware {
		if err := c.Firmware[i].build(m, p.ID, open); err != nil {
			return fmt.Errorf("firmware[%d]: %w", i, err)
		}
	}
	return nil
}

func (c *FirmwareConfig) build(m *Mem, project int64, open func(string) ([]byte, error)) error {
	f := Firmware{Project: project, Name: c.Name, Version: c.Version, Core: c.Core, Remark: c.Remark,
		Allow: c.Allow == nil || *c.Allow, All: c.All, Devices: c.Devices, Created: link.Epoch, CoreID: c.CoreID, ScriptVersion: c.ScriptVersion}
	if err := f.recognise(c.File); err != nil {
		return fmt.Errorf("file %s: %w", quote(c.File), err)
	}
	if c.Created != "" {
		var err error
		if f.Created, err = time.Parse(time.RFC3339, c.Created); err != nil {
			return fmt.Errorf("created: %w", err)
		}
	}
	f.FileName = c.File[strings.LastIndexAny(c.File, `/\`)+1:]
	content, err := open(c.File)
	if err != nil {
		return err
	}
	_, err = m.AddFirmware(f, content)
	return err
}

func (c *Config) static(open func(string) ([]byte, error)) (*Static, error) {
	if len(c.Static) == 0 {
		return nil, nil
	}
	s := new(Static)
	for i, r := range c.Static {
		route := Route{Path: r.Path, Status: r.Status, Version: r.Version, Comparator: r.Comparator, NotModified: r.NotModified}
		if r.File != "" {
			content, err := open(r.File)
			if err != nil {
				return nil, fmt.Errorf("static[%d]: %w", i, err)
			}
			route.Content = content
		}
		if err := s.Add(route); err != nil {
			return nil, fmt.Errorf("static[%d]: %w", i, err)
		}
	}
	return s, nil
}
