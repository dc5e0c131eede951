// Package web is the platform's pages for people: projects, devices, firmware,
// upgrade log and statistics as users of the IoT platform know them
// (iot-platform.md 5), and what that platform does not have: roll-outs, the
// path of every decision, and a bench of virtual modules that can be watched
// while they upgrade themselves.
//
// Pages are made on the server with html/template from what [iot.Platform]
// says; there is no state here but the sessions' cookies. htmx (vendored,
// unchanged) exchanges parts of pages, and the package's own static/app.js and
// static/bench.js open dialogs and draw the flash map. Nothing is loaded from
// elsewhere, so the pages work without a network.
//
// # Safety
//
// Every answer carries a Content-Security-Policy without inline scripts and
// styles. Requests that change something need the session's CSRF token and, by
// what the browser says of their origin, must come from these pages. All data
// goes through [iot.Tenant], which sees one account; the bench checks the owner
// of every unit. With [Options.Demo] a browser on this host needs no password;
// requests from elsewhere, or for another host name, are refused.
//
// # Languages
//
// Templates and code say what they show in English; text.go holds the Chinese.
// A test compares both.
package web
