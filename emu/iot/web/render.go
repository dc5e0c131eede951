package web

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"airlift/emu/iot"
)

//go:embed templates
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// view is what a page shows.
type view struct {
	Title  string
	Nav    string // which entry of the navigation is the current one
	Wide   bool   // uses the whole width
	Status int    // of the answer, 0 for 200
	Data   any

	// Filled in by render.
	c        *ctx
	Project  *iot.ProjectInfo // the current one
	Projects []iot.ProjectInfo
	Message  string
}

// Of what templates ask a view.
func (v view) Lang() string          { return v.c.lang }
func (v view) Theme() string         { return theme(v.c.r) }
func (v view) Session() *iot.Session { return v.c.session }
func (v view) Demo() bool            { return v.c.p.opt.Demo != 0 }
func (v view) Bench() bool           { return v.c.p.opt.Bench != nil }
func (v view) Here() string          { return v.c.r.URL.RequestURI() }
func (v view) Answers() string       { return v.c.p.opt.Platform.AnswerSet().Name }

// CSRF is the token that forms send back.
func (v view) CSRF() string {
	if v.c.session == nil {
		return ""
	}
	return v.c.session.CSRF
}

// Query is a field of the query.
func (v view) Query(name string) string { return v.c.r.URL.Query().Get(name) }

// With is this page's address with other fields in its query: name, value ...
func (v view) With(fields ...any) string {
	q := v.c.r.URL.Query()
	for i := 0; i+1 < len(fields); i += 2 {
		if s := fmt.Sprint(fields[i+1]); s != "" {
			q.Set(fmt.Sprint(fields[i]), s)
		} else {
			q.Del(fmt.Sprint(fields[i]))
		}
	}
	if len(q) == 0 {
		return v.c.r.URL.Path
	}
	return v.c.r.URL.Path + "?" + q.Encode()
}

// views are the templates, one set for each page and language.
type views struct {
	pages     map[string]*template.Template // "en/projects"
	fragments map[string]*template.Template // "en"
}

// loadViews and loadAssets are the same for all.
var (
	loadViews = sync.OnceValues(func() (*views, error) {
		a, err := loadAssets()
		if err != nil {
			return nil, err
		}
		return parseViews(a)
	})
	loadAssets = sync.OnceValues(packAssets)
)

func parseViews(a *assets) (*views, error) {
	v := &views{pages: map[string]*template.Template{}, fragments: map[string]*template.Template{}}
	for _, lang := range languages {
		base, err := template.New("").Funcs(functions(lang, a)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, err
		}
		v.fragments[lang] = base
		names, err := fs.Glob(templateFiles, "templates/pages/*.html")
		if err != nil {
			return nil, err
		}
		for _, file := range names {
			t, err := base.Clone()
			if err != nil {
				return nil, err
			}
			if t, err = t.ParseFS(templateFiles, file); err != nil {
				return nil, err
			}
			v.pages[lang+"/"+strings.TrimSuffix(path.Base(file), ".html")] = t
		}
	}
	return v, nil
}

// functions are what templates can call.
func functions(lang string, a *assets) template.FuncMap {
	return template.FuncMap{
		"t":      func(s string, args ...any) string { return translate(lang, s, args...) },
		"asset":  a.url,
		"date":   func(t time.Time) string { return stamp(t, time.DateOnly) },
		"time":   func(t time.Time) string { return stamp(t, time.DateTime) },
		"zone":   func(t time.Time) string { return t.Local().Format("UTC-07:00") },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"bytes":  sizeText,
		"soft":   softBreaks,
		"reason": func(r iot.Reason) reasonText { return reasonIn(lang, r) },
		"say":    func(s string) string { return sayIn(lang, s) },
		"wrong":  func(s string) string { return problemIn(lang, s) },
		"steps":  func(s []iot.Step) []iot.Step { return stepsIn(lang, s) },
		"dict":   dict,
		"add":    func(a, b int) int { return a + b },
		"pages":  pagesOf,
		"path":   url.PathEscape,
	}
}

// stamp is a moment as people read it, or a dash.
func stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return "–"
	}
	return t.Local().Format(layout)
}

// sizeText is a number of bytes with its unit, which stay in one line.
func sizeText(n int64) string {
	switch {
	case n >= 1<<10 && n < 10<<20 && n%(1<<10) == 0:
		return fmt.Sprintf("%d\u00a0KiB", n>>10)
	case n < 10<<10:
		return fmt.Sprintf("%d\u00a0B", n)
	case n < 10<<20:
		return fmt.Sprintf("%.1f\u00a0KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f\u00a0MiB", float64(n)/(1<<20))
}

// softBreaks lets a long name go on in the next line behind its underscores.
func softBreaks(name string) template.HTML {
	return template.HTML(strings.ReplaceAll(template.HTMLEscapeString(name), "_", "_<wbr>"))
}

// dict makes a map of name, value ... for a part of a page.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict needs pairs, not %d values", len(pairs))
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m, nil
}

// pager is the line below a table.
type pager struct {
	From, To, Total int
	Prev, Next      int // page numbers, 0 for none
}

// pagesOf makes the pager of a list; page is the text of the query.
func pagesOf(total int, page string) pager {
	n := 1
	fmt.Sscanf(page, "%d", &n)
	n = max(1, min(n, 1<<20))
	p := pager{From: (n-1)*pageSize + 1, To: min(n*pageSize, total), Total: total}
	p.From = min(p.From, total)
	if n > 1 {
		p.Prev = n - 1
	}
	if n*pageSize < total {
		p.Next = n + 1
	}
	return p
}

// render writes a page.
func (c *ctx) render(name string, v view) error {
	v.c = c
	if c.session != nil {
		var err error
		if v.Projects, err = c.tenant.Projects(); err != nil {
			return err
		}
	}
	// A live part that is fetched meanwhile shows no message: it must not take it
	// from the page that is to come.
	if m := cookie(c.r, cookieFlash); m != "" && !c.partial() {
		v.Message, _ = url.QueryUnescape(m)
		c.setCookie(cookieFlash, "", 0)
	}
	var b bytes.Buffer
	if err := c.p.views.pages[c.lang+"/"+name].ExecuteTemplate(&b, "layout", v); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Cookie, Accept-Language, HX-Request")
	c.w.WriteHeader(cmp.Or(v.Status, http.StatusOK))
	c.send(b.Bytes())
	return nil
}

// send ends an answer. Who is gone meanwhile gets nothing of it, and that is no
// fault.
func (c *ctx) send(text []byte) { _, _ = c.w.Write(text) }

// part answers htmx with a part of a page.
func (c *ctx) part(name string, data any) error { return c.partWith(http.StatusOK, name, data) }

func (c *ctx) partWith(status int, name string, data any) error {
	var b bytes.Buffer
	if err := c.p.views.fragments[c.lang].ExecuteTemplate(&b, name, data); err != nil {
		return fmt.Errorf("part %s: %w", name, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.Header().Set("Cache-Control", "no-store")
	c.w.WriteHeader(status)
	c.send(b.Bytes())
	return nil
}

// assets are the static files, packed once.
type assets struct {
	files map[string]*asset // by path: "static/app.js"
}

type asset struct {
	kind         string
	plain, small []byte // small is gzip
	hash         string
}

func packAssets() (*assets, error) {
	a := &assets{files: map[string]*asset{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
		z.Write(data)
		if err := z.Close(); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		a.files[name] = &asset{kind: assetType(name), plain: data, small: b.Bytes(), hash: hex.EncodeToString(sum[:6])}
		return nil
	})
	return a, err
}

// assetType does not ask the host, which may know other types.
func assetType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".md", ".txt":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// url is the address of an asset, which changes with its content.
func (a *assets) url(name string) (string, error) {
	f := a.files["static/"+name]
	if f == nil {
		return "", fmt.Errorf("no asset %s", name)
	}
	return "/static/" + name + "?v=" + f.hash, nil
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	f := a.files[strings.TrimPrefix(r.URL.Path, "/")]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Vary", "Accept-Encoding")
	if r.URL.Query().Get("v") == f.hash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body := f.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.small
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	w.Write(body)
}
