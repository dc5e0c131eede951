package web

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"airlift/emu/iot"
)

// logFilter is what the form above the upgrade log asks for.
func (c *ctx) logFilter() (iot.LogFilter, error) {
	f := iot.LogFilter{Project: c.number("project"), Identity: c.value("imei"), Reason: iot.Reason(c.value("reason"))}
	if f.Project != 0 {
		if _, err := c.tenant.Project(f.Project); err != nil {
			return f, err
		}
	}
	if day := c.value("date"); day != "" {
		from, err := time.ParseInLocation(time.DateOnly, day, time.Local)
		if err != nil {
			return f, c.fail(http.StatusUnprocessableEntity, "A date looks like 2026-01-31.")
		}
		f.From, f.To = from, from.AddDate(0, 0, 1)
	}
	return f, nil
}

// log is the page 升级日志.
func (c *ctx) log() error {
	f, err := c.logFilter()
	if err != nil {
		return err
	}
	list, err := c.tenant.Log(f, c.pageOf())
	if err != nil {
		return err
	}
	return c.render("log", view{Title: c.t("Upgrade log"), Nav: "log", Wide: true, Data: map[string]any{
		"List": list, "Reasons": iot.Reasons,
		"Export":   (&url.URL{Path: "/log/export", RawQuery: c.r.URL.RawQuery}).String(),
		"Filtered": f != iot.LogFilter{}, "Live": c.number("page") <= 1,
	}})
}

// exportMax is how many rows of the log one file has.
const exportMax = 10_000

// exportLog sends the rows that the page shows, all pages of them, as a table
// for a spreadsheet.
func (c *ctx) exportLog() error {
	if !c.p.exports.take(c.session.Account.ID) {
		return iot.ErrTooMany
	}
	defer c.p.exports.give(c.session.Account.ID)
	f, err := c.logFilter()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("\uFEFF") // spreadsheets know by it that this is UTF-8
	w := csv.NewWriter(&b)
	row := func(fields ...string) {
		for i, s := range fields {
			fields[i] = plainCell(s)
		}
		w.Write(fields) // a buffer takes everything
	}
	row(c.t("Time"), "IMEI", c.t("Firmware name"), c.t("Device version"), c.t("Server version"), c.t("Result"), "HTTP", c.t("Reason"), c.t("Request URL"))
	for n := 0; n < c.p.exportMax; n += iot.PageMax {
		list, err := c.tenant.Log(f, iot.Page{Offset: n, Limit: iot.PageMax})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			row(e.Time.UTC().Format(time.RFC3339), e.Identity, e.FirmwareName, e.DeviceVersion, e.ServerVersion, e.Result,
				strconv.Itoa(e.Status), reasonIn(c.lang, e.Reason).Title, e.URL)
		}
		if len(list.Items) < iot.PageMax {
			break
		}
	}
	w.Flush()
	c.attachment("upgrade-log.csv", int64(b.Len()))
	c.w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	c.send(b.Bytes())
	return nil
}

// plainCell keeps a spreadsheet from taking what a device sent for a formula.
func plainCell(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + s
	}
	return s
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
	data, status := map[string]any{"URL": c.value("url")}, http.StatusOK
	if c.value("url") != "" {
		e, err := c.tenant.Explain(c.value("url"))
		if err != nil {
			f := c.explainError(err)
			if f.status == http.StatusInternalServerError {
				return err
			}
			status = f.status
			data["Problem"] = f
		} else {
			data["Explanation"] = e
		}
	}
	return c.render("explain", view{Title: c.t("Explain a request"), Nav: "explain", Status: status, Data: data})
}

// statistics is the page 升级统计.
func (c *ctx) statistics() error {
	return c.inProject("statistics", view{Title: c.t("Upgrade statistics"), Nav: "statistics", Wide: true}, func(p iot.ProjectInfo) (any, error) {
		list, err := c.tenant.Statistics(p.ID)
		return map[string]any{"List": list, "Outcomes": iot.Outcomes}, err
	})
}
