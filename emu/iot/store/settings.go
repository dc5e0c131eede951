package store

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"airlift/emu/iot"
)

// kept is how the platform was last served, so that a look into the folder
// decides as its server did.
type kept struct {
	Answers  string       `json:"answers"`
	Settings iot.Settings `json:"settings"`
}

// keepSettings keeps the settings, or for a look takes those that were kept. A
// folder that an older program served has none.
func (s *Store) keepSettings() error {
	if !s.opt.Look {
		body := text(kept{s.opt.Answers.Name, s.opt.Settings})
		return s.t.exec("insert into settings(id, body) values(1, ?) on conflict do update set body = excluded.body where body <> excluded.body", body)
	}
	var body string
	err := s.t.row("select body from settings").Scan(&body)
	if err == sql.ErrNoRows {
		return nil
	}
	if err != nil {
		return err
	}
	var k kept
	if err := json.Unmarshal([]byte(body), &k); err != nil {
		return fmt.Errorf("the settings that were kept: %w", err)
	}
	if err := k.Settings.Check(); err != nil {
		return fmt.Errorf("the settings that were kept: %w", err)
	}
	answers, err := iot.AnswersByName(k.Answers)
	if err != nil {
		return fmt.Errorf("the settings that were kept: %w", err)
	}
	s.opt.Settings, s.opt.Answers = k.Settings, answers
	return nil
}

// Settings are those of the server that the platform is for.
func (s *Store) Settings() iot.Settings { return s.opt.Settings }
