package web

import (
	"net/http"
	"time"

	"airlift/emu/iot"
)

// log is the page 升级日志.
func (c *ctx) log() error {
	f := iot.LogFilter{Project: c.number("project"), Identity: c.value("imei"), Reason: iot.Reason(c.value("reason"))}
	if f.Project != 0 {
		if _, err := c.tenant.Project(f.Project); err != nil {
			return err
		}
	}
	if day := c.value("date"); day != "" {
		from, err := time.ParseInLocation(time.DateOnly, day, time.Local)
		if err != nil {
			return c.fail(http.StatusUnprocessableEntity, "A date looks like 2026-01-31.")
		}
		f.From, f.To = from, from.AddDate(0, 0, 1)
	}
	list, err := c.tenant.Log(f, c.pageOf())
	if err != nil {
		return err
	}
	return c.render("log", view{Title: c.t("Upgrade log"), Nav: "log", Wide: true, Data: map[string]any{
		"List": list, "Reasons": iot.Reasons,
		"Filtered": f != iot.LogFilter{}, "Live": c.number("page") <= 1,
	}})
}

// logEntry is one row with its decision path.
func (c *ctx) logEntry() error {
	e, err := c.tenant.LogEntry(c.id())
	if err != nil {
		return err
	}
	return c.render("logentry", view{Title: c.t("Why this answer?"), Nav: "log", Data: map[string]any{"Entry": e}})
}

// explain decides about a URL without any effect.
func (c *ctx) explain() error {
	data := map[string]any{"URL": c.value("url")}
	if c.value("url") != "" {
		e, err := c.tenant.Explain(c.value("url"))
		if err != nil {
			f := c.explainError(err)
			if f.status == http.StatusInternalServerError {
				return err
			}
			c.w.WriteHeader(f.status)
			data["Problem"] = f
		} else {
			data["Explanation"] = e
		}
	}
	return c.render("explain", view{Title: c.t("Explain a request"), Nav: "explain", Data: data})
}

// statistics is the page 升级统计.
func (c *ctx) statistics() error {
	return c.inProject("statistics", view{Title: c.t("Upgrade statistics"), Nav: "statistics", Wide: true}, func(p iot.ProjectInfo) (any, error) {
		list, err := c.tenant.Statistics(p.ID)
		return map[string]any{"List": list, "Outcomes": iot.Outcomes}, err
	})
}
