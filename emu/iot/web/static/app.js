// Dialogs, copying, and messages of failed forms. The pages work without it
// except where they open a dialog.
"use strict";

const closest = (e, what) => e.target instanceof Element ? e.target.closest(what) : null;

document.addEventListener("click", (e) => {
  const open = closest(e, "[data-open]");
  if (open) return show(open.dataset.open);
  if (closest(e, "[data-close]")) return closest(e, "dialog").close();
  if (e.target instanceof HTMLDialogElement) return e.target.close(); // beside it
  const copy = closest(e, "[data-copy]");
  if (copy) return copyText(copy);
  const menu = closest(e, ".menu");
  if (menu) {
    const on = menu.getAttribute("aria-expanded") !== "true";
    menu.setAttribute("aria-expanded", on);
    document.getElementById("nav").classList.toggle("open", on);
  }
});

document.addEventListener("change", (e) => {
  if (closest(e, "[data-submit]")) e.target.form.requestSubmit();
  const file = closest(e, "[data-recognise]");
  if (file && file.files.length) {
    htmx.ajax("GET", file.dataset.recognise + "?file=" + encodeURIComponent(file.files[0].name), { target: "#recognised", swap: "outerHTML" });
  }
});

function show(id) {
  const dialog = document.getElementById(id);
  if (!dialog) return;
  dialog.showModal();
  dialog.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

async function copyText(button) {
  await navigator.clipboard.writeText(button.dataset.copy).catch(() => selectText(button));
  say(button.dataset.copied);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1500);
}

// Without a secure address there is no clipboard: the text is selected then.
function selectText(button) {
  getSelection().selectAllChildren(button);
}

let silence;
function say(text) {
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { toast.hidden = true; }, 4000);
}

// The answer to a form that failed is shown in the form.
document.addEventListener("htmx:beforeRequest", (e) => {
  const problem = e.target.querySelector?.(":scope > .problem");
  if (problem) problem.hidden = true;
});
function failed(element, html) {
  const problem = element.closest?.("form")?.querySelector(":scope > .problem");
  if (!problem) {
    const text = new DOMParser().parseFromString(html, "text/html").body.textContent;
    return say(text);
  }
  problem.innerHTML = html; // the server escaped it
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
}
document.addEventListener("htmx:responseError", (e) => failed(e.target, e.detail.xhr.responseText));
document.addEventListener("htmx:sendError", (e) => {
  if (!e.target.dataset.live) failed(e.target, document.getElementById("toast").dataset.lost);
});

// A page with a live part is told what happens, and asks for the part again.
// Nobody sees a hidden page: it gives its connection back, of which a browser
// has few. What happened meanwhile it is told when it connects again.
const live = document.querySelector("[data-live]");
let stream = null, retry;
const refresh = () => htmx.trigger(live, "sse");
function watch() {
  clearTimeout(retry);
  if (document.hidden) {
    stream?.close();
    stream = null;
    return;
  }
  if (stream) return;
  const s = stream = new EventSource("/events");
  const shown = (on) => { for (const e of document.querySelectorAll(".live")) e.hidden = !on; };
  s.onopen = () => shown(true);
  s.onerror = () => {
    shown(false);
    if (s.readyState !== EventSource.CLOSED || s !== stream) return; // the browser tries again by itself
    stream = null;
    refresh(); // leads to where one logs in, if that is why
    retry = setTimeout(watch, 5000);
  };
  for (const name of live.dataset.live.split(" ")) s.addEventListener(name, refresh);
}
if (live) {
  document.addEventListener("visibilitychange", watch);
  watch();
}

// The newest row is announced, but not more often than one can listen to.
const news = document.getElementById("news");
const newest = () => document.querySelector("#rows tbody tr");
const rowID = (row) => row?.querySelector("[id]")?.id;
let known = rowID(newest()), silentUntil = 0;
document.addEventListener("htmx:afterSettle", () => {
  const row = newest();
  if (!news || !row || rowID(row) === known || performance.now() < silentUntil) return;
  known = rowID(row);
  silentUntil = performance.now() + 5000;
  news.textContent = `${news.dataset.text} ${row.cells[1].innerText}, ${row.querySelector(".state").innerText}`;
});

// Live parts are not replaced under a pressed mouse button: the click would be
// lost. They are asked for again when it is released.
let pressed = false, late = false;
document.addEventListener("pointerdown", () => { pressed = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressed = false;
    setTimeout(() => { // after the click
      if (late) refresh();
      late = false;
    });
  }, true);
}
document.addEventListener("htmx:beforeSwap", (e) => {
  if (!pressed || !live || e.detail.requestConfig?.elt !== live) return;
  e.detail.shouldSwap = false;
  late = true;
});

// An address like /projects#new opens a dialog.
if (location.hash.length > 1) show(location.hash.slice(1));
