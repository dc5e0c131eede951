package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"airlift/emu/iot"
)

// rollouts lists the roll-outs of a project.
func (c *ctx) rollouts() error {
	return c.inProject("rollouts", view{Title: c.t("Roll-outs"), Nav: "rollouts"}, func(p iot.ProjectInfo) (any, error) {
		list, err := c.tenant.Rollouts(p.ID)
		if err != nil {
			return nil, err
		}
		firmware, err := c.tenant.Firmware(p.ID, "", iot.Page{Limit: iot.PageMax})
		if err != nil {
			return nil, err
		}
		return map[string]any{"List": list, "Firmware": firmware.Items}, nil
	})
}

// groups reads the stages of a form: percentages "5 25 100", and the devices
// of a first group.
func (c *ctx) groups() ([]iot.Group, error) {
	var list []iot.Group
	if first := lines(c.r.FormValue("identities")); len(first) > 0 {
		list = append(list, iot.Group{Name: c.t("chosen devices"), Devices: first})
	}
	fields := strings.FieldsFunc(c.value("percent"), func(r rune) bool { return strings.ContainsRune(" ,;/%，、", r) })
	for _, f := range fields {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return nil, c.fail(http.StatusUnprocessableEntity, "Stages are percentages like 5 25 100.")
		}
		list = append(list, iot.Group{Name: c.t("up to %s %%", fmt.Sprint(n)), Percent: n})
	}
	return list, nil
}

func (c *ctx) createRollout() error {
	groups, err := c.groups()
	if err != nil {
		return err
	}
	n, err := c.counts("advance", "errors", "least", "silent")
	if err != nil {
		return err
	}
	r, err := c.tenant.CreateRollout(c.number("project"), iot.RolloutDraft{
		Firmware: c.number("firmware"), Name: c.value("name"), Groups: groups,
		AdvancePercent: n[0], ErrorPercent: n[1], MinOutcomes: n[2], SilentAfterS: int64(n[3]) * 60,
	})
	if err != nil {
		return err
	}
	return c.done(pathOf("/rollouts", r.ID), c.t("Roll-out created. Nobody gets anything before you start it."))
}

// stage is one group of a roll-out, for its page.
type stage struct {
	iot.Group
	N        int
	Released bool
	Bars     []bar
	Total    int
}

// bar is a share of a stage.
type bar struct {
	Outcome iot.Outcome
	N       int
	From    string // where it begins, percent
	Percent string // how wide it is
}

// stageName is the name of a group: in the language of who looks, if the pages
// gave it, whatever the language was then.
func stageName(lang string, g iot.Group) string {
	for _, l := range languages {
		percent := fmt.Sprint(g.Percent)
		switch g.Name {
		case translate(l, "chosen devices"):
			return translate(lang, "chosen devices")
		case translate(l, "up to %s %%", percent):
			return translate(lang, "up to %s %%", percent)
		}
	}
	return g.Name
}

func stagesOf(lang string, r iot.Rollout) []stage {
	var list []stage
	for i, g := range r.Groups {
		g.Name = stageName(lang, g)
		s := stage{Group: g, N: i + 1, Released: i < r.Released && r.State != iot.RolloutDraftState || r.State == iot.RolloutFinished}
		for _, n := range g.Counts {
			s.Total += n
		}
		before := 0
		for _, o := range iot.Outcomes {
			if n := g.Counts[o]; n > 0 {
				share := func(n int) string { return fmt.Sprintf("%.2f", 100*float64(n)/float64(s.Total)) }
				s.Bars = append(s.Bars, bar{o, n, share(before), share(n)})
				before += n
			}
		}
		list = append(list, s)
	}
	return list
}

// actions are what a person can do to a roll-out now.
func actions(r iot.Rollout) []string {
	var list []string
	for _, a := range iot.RolloutActions {
		if _, err := r.Act(iot.RolloutAction{Action: a}, r.Changed); err == nil {
			list = append(list, a)
		}
	}
	return list
}

func (c *ctx) rollout() error {
	r, err := c.tenant.Rollout(c.id())
	if err != nil {
		return err
	}
	f, err := c.tenant.FirmwareByID(r.Firmware)
	if err != nil {
		return err
	}
	p, err := c.tenant.Project(r.Project)
	if err != nil {
		return err
	}
	all, err := c.tenant.Firmware(p.ID, "", iot.Page{Limit: iot.PageMax})
	if err != nil {
		return err
	}
	var others []iot.Firmware // that one could go back to
	for _, o := range all.Items {
		if o.ID != f.ID && o.Name == f.Name {
			others = append(others, o)
		}
	}
	sent, err := c.tenant.Deliveries(iot.DeliveryFilter{Rollout: r.ID}, iot.Page{Limit: 50})
	if err != nil {
		return err
	}
	return c.render("rollout", view{Title: r.Name, Nav: "rollouts", Data: map[string]any{
		"Rollout": r, "Firmware": f, "Project": p, "Stages": stagesOf(c.lang, r), "Actions": actions(r), "Others": others, "Deliveries": sent,
	}})
}

func (c *ctx) actRollout() error {
	if _, err := c.tenant.ActRollout(c.id(), iot.RolloutAction{Action: c.value("action"), RollbackTo: c.number("to")}); err != nil {
		return err
	}
	return c.done(pathOf("/rollouts", c.id()), "")
}

func (c *ctx) deleteRollout() error {
	r, err := c.tenant.Rollout(c.id())
	if err != nil {
		return err
	}
	if err := c.tenant.DeleteRollout(r.ID); err != nil {
		return err
	}
	return c.done(inPath("/rollouts", r.Project), c.t("Roll-out deleted."))
}
