package web

import (
	"net/http"

	"airlift/emu/iot"
)

// account is the page of password, tokens and webhooks.
func (c *ctx) account() error { return c.accountPage("") }

// accountPage shows the page, with a secret that is shown this once.
func (c *ctx) accountPage(secret string) error {
	tokens, err := c.tenant.Tokens()
	if err != nil {
		return err
	}
	hooks, err := c.tenant.Webhooks()
	if err != nil {
		return err
	}
	calls := map[int64][]iot.WebhookCall{}
	for _, h := range hooks {
		list, err := c.tenant.WebhookCalls(h.ID, iot.Page{Limit: 5})
		if err != nil {
			return err
		}
		calls[h.ID] = list.Items
	}
	return c.render("account", view{Title: c.t("Account"), Nav: "account", Data: map[string]any{
		"Tokens": tokens, "Webhooks": hooks, "Calls": calls, "Secret": secret, "Events": iot.WebhookEvents,
	}})
}

func (c *ctx) setPassword() error {
	next := c.r.PostFormValue("new")
	if next != c.r.PostFormValue("again") {
		return c.fail(http.StatusUnprocessableEntity, "The two passwords differ.")
	}
	if !c.p.passwords.Allow(c.asker()) { // who has a session only must not find the password out
		return iot.ErrTooMany
	}
	if err := c.tenant.SetPassword(c.r.PostFormValue("old"), next); err != nil {
		return err
	}
	return c.done("/account", c.t("Password changed."))
}

// createToken shows the page at once: a secret goes through no cookie.
func (c *ctx) createToken() error {
	_, secret, err := c.tenant.CreateToken(c.value("name"))
	if err != nil {
		return err
	}
	return c.accountPage(secret)
}

func (c *ctx) deleteToken() error {
	if err := c.tenant.DeleteToken(c.id()); err != nil {
		return err
	}
	return c.done("/account", c.t("Token deleted."))
}

func (c *ctx) createWebhook() error {
	var events []iot.EventKind
	for _, e := range c.r.PostForm["event"] {
		events = append(events, iot.EventKind(e))
	}
	if _, err := c.tenant.CreateWebhook(iot.WebhookDraft{URL: c.value("url"), Events: events, Secret: c.value("secret")}); err != nil {
		return err
	}
	return c.done("/account", c.t("Webhook created."))
}

func (c *ctx) deleteWebhook() error {
	if err := c.tenant.DeleteWebhook(c.id()); err != nil {
		return err
	}
	return c.done("/account", c.t("Webhook deleted."))
}

// audit lists what was done in the account.
func (c *ctx) audit() error {
	list, err := c.tenant.Audit(c.pageOf())
	if err != nil {
		return err
	}
	return c.render("audit", view{Title: c.t("Audit log"), Nav: "account", Data: list})
}
