package store

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"airlift/emu/iot"
)

const (
	webhooksMax   = 20 // of an account
	callTimeout   = 10 * time.Second
	callsAtOnce   = 50 // of a webhook
	hooksAtOnce   = 64
	webhookURLMax = 2048
)

// pauses are the times between the tries of a call.
var pauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

// SignatureHeader has the HMAC-SHA256 of the body, in hex, made with the
// webhook's secret.
const SignatureHeader = "X-Airlift-Signature"

func scanWebhook(r scanner) (h iot.Webhook, err error) {
	var events string
	var created int64
	if err := r.Scan(&h.ID, &h.URL, &events, &h.Secret, &created); err != nil {
		return h, err
	}
	h.Created = moment(created)
	return h, json.Unmarshal([]byte(events), &h.Events)
}

const webhookColumns = "h.id, h.url, h.events, h.secret, h.created"

func (v *tenant) Webhooks() ([]iot.Webhook, error) {
	return many(v.s, scanWebhook, "select "+webhookColumns+" from webhooks h where h.account = ? order by h.id", v.id)
}

// webhooks are those of an account, for the writer.
func (t *tx) webhooks(account int64) []iot.Webhook {
	if list, ok := t.cache.hooks[account]; ok {
		return list
	}
	rows, err := t.query("select "+webhookColumns+" from webhooks h where h.account = ? order by h.id", account)
	list, err := all(rows, err, scanWebhook)
	if t.fail(err) {
		keep(t.cache.hooks, account, list)
	}
	return list
}

func wants(h iot.Webhook, k iot.EventKind) bool {
	return len(h.Events) == 0 || slices.Contains(h.Events, k)
}

func (v *tenant) CreateWebhook(d iot.WebhookDraft) (iot.Webhook, error) {
	h := iot.Webhook{URL: d.URL, Events: d.Events, Secret: d.Secret, Created: v.now()}
	if err := checkWebhook(d); err != nil {
		return h, err
	}
	if h.Secret == "" {
		h.Secret = rand.Text()
	}
	if h.Events == nil {
		h.Events = []iot.EventKind{}
	}
	err := v.do(func(t *tx) (err error) {
		var n int
		if err := t.row("select count(*) from webhooks where account = ?", v.id).Scan(&n); err != nil {
			return err
		}
		if n >= webhooksMax {
			return fmt.Errorf("%w: an account has at most %d webhooks", iot.ErrLimit, webhooksMax)
		}
		h.ID, err = t.insert("insert into webhooks(account, url, events, secret, created) values(?, ?, ?, ?, ?)", v.id, h.URL, text(h.Events), h.Secret, nano(h.Created))
		if err != nil {
			return err
		}
		return v.audit(t, "webhook.create", h.ID, "%s", h.URL)
	})
	return h, err
}

func checkWebhook(d iot.WebhookDraft) error {
	u, err := url.Parse(d.URL)
	if err != nil || len(d.URL) > webhookURLMax || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%w: a webhook has a http or https URL without a password", iot.ErrInvalid)
	}
	for _, e := range d.Events {
		if !slices.Contains(iot.WebhookEvents, e) {
			return fmt.Errorf("%w: no event %q for webhooks: known are %q", iot.ErrInvalid, shorten(string(e)), iot.WebhookEvents)
		}
	}
	return checkLine("secret", d.Secret)
}

func (v *tenant) DeleteWebhook(id int64) error {
	return v.do(func(t *tx) error {
		if err := v.gone(t, "webhook.delete", id, "delete from webhooks where id = ? and account = ?", id, v.id); err != nil {
			return err
		}
		delete(t.newCalls, id)
		return nil
	})
}

func scanCall(r scanner) (c iot.WebhookCall, err error) {
	var event string
	var next int64
	if err := r.Scan(&c.ID, &event, &c.Tries, &c.Done, &c.GaveUp, &c.Status, &c.Error, &next); err != nil {
		return c, err
	}
	if !c.Done && !c.GaveUp {
		c.NextTry = moment(next)
	}
	return c, json.Unmarshal([]byte(event), &c.Event)
}

const callColumns = "c.id, c.event, c.tries, c.done, c.gave_up, c.status, c.error, c.next_try"

func (v *tenant) WebhookCalls(id int64, p iot.Page) (iot.List[iot.WebhookCall], error) {
	if _, err := one(v.s, scanWebhook, "select "+webhookColumns+" from webhooks h where h.id = ? and h.account = ?", id, v.id); err != nil {
		return iot.List[iot.WebhookCall]{}, err
	}
	return page(v.s, p, scanCall, callColumns, "from webhook_calls c where c.webhook = ?", "c.id desc", id)
}

// caller makes the calls that are due, at least once each.
func (s *Store) caller() {
	client := s.webhookClient()
	for {
		more, err := s.callDue(client)
		if err != nil && s.ctx.Err() == nil && !errors.Is(err, errClosed) {
			s.opt.Error(fmt.Errorf("call webhooks: %w", err))
		}
		if more && err == nil {
			continue
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.calling:
		case <-time.After(time.Second):
		}
	}
}

// errPrivate keeps webhooks from reaching what only this host can reach.
var errPrivate = errors.New("webhooks to this host and to private networks are not allowed")

func (s *Store) webhookClient() *http.Client {
	d := &net.Dialer{Timeout: callTimeout}
	tr := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil || s.opt.PrivateWebhooks {
			return c, err
		}
		// After the name was resolved, so that no name can be a detour.
		if a, err := netip.ParseAddrPort(c.RemoteAddr().String()); err != nil || !public(a.Addr().Unmap()) {
			c.Close()
			return nil, errPrivate
		}
		return c, nil
	}}
	return &http.Client{Timeout: callTimeout, Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

type due struct {
	iot.WebhookCall
	url, secret string
	raw         string
}

// callDue makes some of the calls that are due. It reports whether there may be
// more. Each webhook is called on its own, one call after the other: one that
// does not answer keeps nobody else waiting for long.
func (s *Store) callDue(client *http.Client) (bool, error) {
	hooks, err := many(s, func(r scanner) (id int64, err error) { return id, r.Scan(&id) },
		"select h.id from webhooks h where exists (select 1 from webhook_calls c where c.webhook = h.id and c.done = 0 and c.gave_up = 0 and c.next_try <= ?)", nano(s.opt.Now()))
	if err != nil {
		return false, err
	}
	var more atomic.Bool
	errs := make([]error, len(hooks))
	slots := make(chan struct{}, hooksAtOnce)
	var group sync.WaitGroup
	for i, id := range hooks {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			rest, err := s.callHook(client, id)
			if errs[i] = err; rest {
				more.Store(true)
			}
		})
	}
	group.Wait()
	return more.Load(), errors.Join(errs...)
}

// callHook makes some of the calls of a webhook: all until one fails, or until
// they have taken as long as one may.
func (s *Store) callHook(client *http.Client, hook int64) (more bool, err error) {
	list, err := many(s, func(r scanner) (d due, err error) {
		d.WebhookCall, err = scanCall(also{r, []any{&d.raw, &d.url, &d.secret}})
		return d, err
	}, "select "+callColumns+", c.event, h.url, h.secret from webhook_calls c join webhooks h on h.id = c.webhook where c.webhook = ? and c.done = 0 and c.gave_up = 0 and c.next_try <= ? order by c.next_try, c.id limit ?",
		hook, nano(s.opt.Now()), callsAtOnce)
	if err != nil {
		return false, err
	}
	began := time.Now()
	for i := range list {
		d := &list[i]
		var failure error
		d.Status, failure = s.call(client, d)
		if s.ctx.Err() != nil {
			return false, s.ctx.Err()
		}
		if err := s.called(d, failure); err != nil {
			return false, err
		}
		if failure != nil || time.Since(began) > callTimeout {
			return i+1 < len(list), nil
		}
	}
	return len(list) == callsAtOnce, nil
}

func (s *Store) call(client *http.Client, d *due) (int, error) {
	body := []byte(d.raw)
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	mac := hmac.New(sha256.New, []byte(d.secret))
	mac.Write(body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "airlift")
	req.Header.Set("X-Airlift-Call", strconv.FormatInt(d.ID, 10))
	req.Header.Set(SignatureHeader, hex.EncodeToString(mac.Sum(nil)))
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, 4096)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return resp.StatusCode, fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}

// called notes how a call went.
func (s *Store) called(d *due, failure error) error {
	return s.do(func(t *tx) error {
		if failure == nil {
			return t.exec("update webhook_calls set tries = tries + 1, done = 1, status = ?, error = '' where id = ?", d.Status, d.ID)
		}
		next := s.opt.Now()
		gaveUp := d.Tries >= len(pauses)
		if !gaveUp {
			next = next.Add(pauses[d.Tries])
		}
		return t.exec("update webhook_calls set tries = tries + 1, gave_up = ?, status = ?, error = ?, next_try = ? where id = ?", gaveUp, d.Status, shorten(failure.Error()), nano(next), d.ID)
	})
}

// loadHooks lets the first trimming look at all webhooks.
func (t *tx) loadHooks() error {
	rows, err := t.query("select id from webhooks")
	_, err = all(rows, err, func(r scanner) (_ struct{}, err error) {
		var id int64
		err = r.Scan(&id)
		t.newCalls[id] = t.s.opt.CallRows
		return struct{}{}, err
	})
	return err
}

// trimCalls drops some calls of webhooks that have had many new ones, and reports
// whether there may be more.
func (t *tx) trimCalls() (bool, error) {
	for hook, n := range t.newCalls {
		if n < max(t.s.opt.CallRows/10, 1) {
			continue
		}
		n, err := t.affect(`delete from webhook_calls where id in (select id from webhook_calls where webhook = ?1 and id <
			(select id from webhook_calls where webhook = ?1 order by id desc limit 1 offset ?2) order by id limit ?3)`, hook, t.s.opt.CallRows-1, trimRows)
		if n < trimRows && err == nil {
			delete(t.newCalls, hook)
		}
		return true, err
	}
	return false, nil
}
