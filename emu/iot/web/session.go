package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/text/language"

	"airlift/emu/iot"
)

// languages are those of the pages; the first is the default.
var languages = []string{"en", "zh"}

var languageMatcher = language.NewMatcher([]language.Tag{language.English, language.Chinese})

// pageLanguage is what a person chose, or what the browser prefers.
func pageLanguage(r *http.Request) string {
	switch k := cookie(r, cookieLanguage); k {
	case "en", "zh":
		return k
	}
	_, i := language.MatchStrings(languageMatcher, r.Header.Get("Accept-Language"))
	return languages[i]
}

// theme is the colour scheme that a person chose: light, dark, or "" for the
// browser's.
func theme(r *http.Request) string {
	switch k := cookie(r, cookieTheme); k {
	case "light", "dark":
		return k
	}
	return ""
}

// choose sets language and colour scheme.
func (c *ctx) choose() error {
	const year = 365 * 24 * time.Hour
	switch lang := c.value("language"); lang {
	case "en", "zh":
		c.setCookie(cookieLanguage, lang, year)
	}
	switch scheme := c.value("theme"); scheme {
	case "light", "dark":
		c.setCookie(cookieTheme, scheme, year)
	case "auto":
		c.setCookie(cookieTheme, "", 0)
	}
	return c.to(ownPath(c.value("back")))
}

// ownPath lets nothing through that would lead away from these pages.
func ownPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return u.RequestURI()
}

// needLogIn sends a person to the log-in page, and back afterwards.
func (c *ctx) needLogIn() error {
	to := "/login"
	if c.r.Method == http.MethodGet && c.r.URL.Path != "/" && !c.partial() {
		to += "?back=" + url.QueryEscape(c.r.URL.RequestURI())
	}
	if strings.HasSuffix(c.r.URL.Path, "/events") { // a stream cannot follow
		return c.fail(http.StatusUnauthorized, "Log in first.")
	}
	return c.to(to)
}

// entry is what the pages for logging in and signing up show.
type entry struct {
	Name, Back string
	Problem    *failure
}

func (c *ctx) loginPage() error  { return c.entryPage("login", entry{Back: c.value("back")}) }
func (c *ctx) signUpPage() error { return c.entryPage("signup", entry{}) }

func (c *ctx) entryPage(name string, e entry) error {
	if c.session != nil {
		return c.to("/")
	}
	title := c.t("Log in")
	if name == "signup" {
		title = c.t("Sign up")
	}
	v := view{Title: title, Nav: name, Data: e}
	if e.Problem != nil {
		v.Status = e.Problem.status
	}
	return c.render(name, v)
}

func (c *ctx) logIn() error {
	name := c.value("name")
	s, err := c.p.opt.Platform.LogIn(name, c.r.PostFormValue("password"))
	if err != nil {
		return c.entryPage("login", entry{name, c.value("back"), c.explainError(err)})
	}
	c.setCookie(cookieSession, s.Token, time.Until(s.Expires))
	return c.to(ownPath(c.value("back")))
}

func (c *ctx) signUp() error {
	name, password := c.value("name"), c.r.PostFormValue("password")
	if password != c.r.PostFormValue("again") {
		return c.entryPage("signup", entry{name, "", c.failed(http.StatusUnprocessableEntity, c.t("The two passwords differ."), nil)})
	}
	if !c.p.signUps.Allow(c.address()) {
		return c.entryPage("signup", entry{name, "", c.explainError(iot.ErrTooMany)})
	}
	if _, err := c.p.opt.Platform.SignUp(name, password); err != nil {
		return c.entryPage("signup", entry{name, "", c.explainError(err)})
	}
	return c.logIn()
}

func (c *ctx) logOut() error {
	if token := cookie(c.r, cookieSession); token != "" {
		if err := c.p.opt.Platform.LogOut(token); err != nil {
			return err
		}
	}
	c.setCookie(cookieSession, "", 0)
	return c.to("/login")
}

// home is the list of projects.
func (c *ctx) home() error { return c.to("/projects") }
