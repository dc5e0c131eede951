package web

import (
	"errors"
	"strconv"
	"time"

	"airlift/emu/iot"
)

// projects is the page 我的项目.
func (c *ctx) projects() error {
	list, err := c.tenant.Projects()
	if err != nil {
		return err
	}
	all, hidden := c.value("all") == "1", 0
	shown := list[:0:0]
	for _, p := range list {
		if p.Hidden {
			hidden++
		}
		if all || !p.Hidden {
			shown = append(shown, p)
		}
	}
	return c.render("projects", view{Title: c.t("My projects"), Nav: "projects", Data: map[string]any{
		"List": shown, "All": all, "Hidden": hidden,
	}})
}

func (c *ctx) createProject() error {
	p, err := c.tenant.CreateProject(c.value("name"), c.value("description"))
	if err != nil {
		return err
	}
	return c.done(pathOf("/projects", p.ID), c.t("Project created. Copy its key into your script."))
}

// project is the page 项目详情.
func (c *ctx) project() error {
	p, err := c.tenant.Project(c.id())
	if err != nil {
		return err
	}
	c.remember(p.ID)
	return c.render("project", view{Title: p.Name, Nav: "projects", Data: map[string]any{
		"Project": p, "Comparators": iot.Comparators,
	}})
}

func (c *ctx) updateProject() error {
	name, description, comparator := c.value("name"), c.value("description"), iot.Comparator(c.value("comparator"))
	if _, err := c.tenant.UpdateProject(c.id(), iot.ProjectUpdate{Name: &name, Description: &description, Comparator: &comparator}); err != nil {
		return err
	}
	return c.done(pathOf("/projects", c.id()), c.t("Saved."))
}

func (c *ctx) hideProject() error {
	hidden := c.on("hidden")
	if _, err := c.tenant.UpdateProject(c.id(), iot.ProjectUpdate{Hidden: &hidden}); err != nil {
		return err
	}
	return c.done("/projects", c.t("Saved."))
}

func (c *ctx) deleteProject() error {
	if err := c.tenant.DeleteProject(c.id()); err != nil {
		return err
	}
	return c.done("/projects", c.t("Project deleted, with its devices and firmware."))
}

// remember makes a project the current one.
func (c *ctx) remember(id int64) {
	c.setCookie(cookieProject, strconv.FormatInt(id, 10), 365*24*time.Hour)
}

// current is the project that a page is about: the one that the request names,
// the one that was looked at last, or the first. It is nil for an account
// without any.
func (c *ctx) current() (*iot.ProjectInfo, error) {
	if id := c.number("project"); id != 0 {
		p, err := c.tenant.Project(id)
		if err != nil {
			return nil, err
		}
		c.remember(id)
		return &p, nil
	}
	if id, err := strconv.ParseInt(cookie(c.r, cookieProject), 10, 64); err == nil {
		switch p, err := c.tenant.Project(id); {
		case err == nil:
			return &p, nil
		case !errors.Is(err, iot.ErrNotFound): // deleted, or of another account
			return nil, err
		}
	}
	list, err := c.tenant.Projects()
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// inProject renders a page about the current project. Without a project the
// page says how to get one.
func (c *ctx) inProject(name string, v view, fill func(p iot.ProjectInfo) (any, error)) error {
	p, err := c.current()
	if err != nil {
		return err
	}
	if p == nil {
		return c.render("noproject", v)
	}
	v.Project = p
	if v.Data, err = fill(*p); err != nil {
		return err
	}
	return c.render(name, v)
}

// pathOf is the page of one thing.
func pathOf(folder string, id int64) string { return folder + "/" + strconv.FormatInt(id, 10) }

// inPath is a list's page for a project.
func inPath(list string, project int64) string {
	return list + "?project=" + strconv.FormatInt(project, 10)
}
