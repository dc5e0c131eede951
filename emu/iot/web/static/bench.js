// Shows a virtual device: its state, its log, and its flash, whose sectors light
// up while they are written.
"use strict";

const unit = document.getElementById("unit");
const field = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

// ---- flash map: one canvas for each partition

const CELL = 8, GAP = 2, GLOW = 1600; // pixels, pixels, milliseconds

class Part {
  constructor(li) {
    this.li = li;
    this.canvas = li.querySelector("canvas");
    this.first = Number(li.dataset.first);
    this.count = Number(li.dataset.sectors);
    this.data = new Uint8Array(this.count);    // holds data
    this.touched = new Uint8Array(this.count); // 1 erased, 2 written
    this.at = new Float64Array(this.count).fill(-Infinity);
    this.dirty = true;
    this.label = this.canvas.dataset.label;
  }
  set(index, data, erased, touched, lit) {
    const i = index - this.first;
    this.data[i] = data;
    if (touched) this.touched[i] = erased ? 1 : 2;
    if (lit) this.at[i] = Infinity; // it glows from when it is drawn
    this.dirty = true;
  }
  layout() {
    const width = this.li.parentElement.clientWidth; // the list, not the partition: that grows with its cells
    this.columns = Math.max(1, Math.min(this.count, Math.floor((width + GAP) / (CELL + GAP))));
    const rows = Math.ceil(this.count / this.columns), scale = devicePixelRatio || 1;
    const w = this.columns * (CELL + GAP) - GAP, h = rows * (CELL + GAP) - GAP;
    this.canvas.width = Math.round(w * scale);
    this.canvas.height = Math.round(h * scale);
    this.canvas.style.width = w + "px";
    this.canvas.style.height = h + "px";
    this.scale = scale;
    this.dirty = true;
  }
  draw(now, colours) {
    const g = this.canvas.getContext("2d");
    g.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    let alive = false, written = 0, held = 0;
    for (let i = 0; i < this.count; i++) {
      const x = (i % this.columns) * (CELL + GAP), y = Math.floor(i / this.columns) * (CELL + GAP);
      if (this.at[i] === Infinity) this.at[i] = now;
      const age = now - this.at[i], touched = this.touched[i];
      held += this.data[i];
      written += touched ? 1 : 0;
      g.fillStyle = touched === 2 ? colours.written : touched === 1 ? colours.erased : this.data[i] ? colours.data : colours.blank;
      g.fillRect(x, y, CELL, CELL);
      if (age < GLOW && !still.matches) {
        alive = true;
        g.globalAlpha = 1 - age / GLOW;
        g.fillStyle = colours.glow;
        g.fillRect(x - 1, y - 1, CELL + 2, CELL + 2);
        g.globalAlpha = 1;
      }
    }
    this.li.classList.toggle("busy", alive);
    this.canvas.setAttribute("aria-label", this.label.replace("{data}", held).replace("{all}", this.count).replace("{written}", written));
    this.dirty = alive;
  }
}

const parts = [...document.querySelectorAll(".part")].map((li) => new Part(li));
const chips = [];
for (const p of parts) {
  const list = (chips[Number(p.li.dataset.chip)] ??= []);
  for (let i = 0; i < p.count; i++) list[p.first + i] = p;
}

function colours() {
  const of = (name) => getComputedStyle(document.querySelector(".legend ." + name)).backgroundColor;
  return { blank: of("blank"), data: of("data"), erased: of("erased"), written: of("written"), glow: getComputedStyle(document.querySelector(".brand svg")).color };
}

let palette = colours();
let asked = false;
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame((now) => {
    asked = false;
    let more = false;
    for (const p of parts) {
      if (p.dirty) p.draw(now, palette);
      more ||= p.dirty;
    }
    if (more) redraw();
  });
}
function layout() {
  palette = colours();
  for (const p of parts) {
    p.layout();
    p.draw(performance.now(), palette); // at once: a canvas that changes its size is empty
  }
  redraw();
}
new ResizeObserver(layout).observe(document.querySelector(".map"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", layout);

// ---- log

const log = field("log");
const LINES = 1500; // in the page

function stamp(ms) {
  return (ms / 1000).toFixed(3).padStart(9);
}

function addLines(lines, missed) {
  const bottom = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const list = document.createDocumentFragment();
  if (missed) list.append(line("gap", "", "", `… ${missed} ${unit.dataset.missed}`));
  for (const l of lines) list.append(line(l.mood, l.who, stamp(l.ms), l.text));
  log.append(list);
  while (log.childElementCount > LINES) log.firstElementChild.remove();
  if (bottom) log.scrollTop = log.scrollHeight;
}

function line(mood, who, when, text) {
  const li = document.createElement("li");
  li.className = (mood || "plain") + (who && who !== "log" && who !== "power" && who !== "scripts" ? " detail" : "");
  for (const [name, value] of [["when", when], ["who", who], ["text", text]]) {
    const span = document.createElement("span");
    span.className = name;
    span.textContent = value;
    li.append(span);
  }
  return li;
}

field("details").addEventListener("change", (e) => {
  log.classList.toggle("all", e.target.checked);
  log.scrollTop = log.scrollHeight;
});

// ---- state

const phase = field("phase"), progress = field("progress");

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showStatus(s) {
  set(phase, phase.dataset[s.phase] ?? s.phase);
  phase.className = "p-" + s.phase;
  set(field("why"), s.phase === "off" && s.end ? `${unit.dataset.ended}: ${field("why").dataset[s.end] ?? s.end}${s.detail ? ", " + s.detail : ""}` : "");
  set(field("version"), s.version || "–");
  set(field("core"), s.core || "–");
  set(field("identity"), s.identity || "–");
  set(field("time"), (s.virtual_ms / 1000).toFixed(1) + " s");
  set(field("boots"), String(s.boots));
  set(field("writes"), String(s.writes));
  progress.max = s.total || 1;
  progress.value = s.got;
  set(field("got"), s.total ? `${s.got} / ${s.total}` : "–");
  field("on").disabled = s.phase !== "off";
  field("off").disabled = s.phase === "off";
}

// ---- story: every phase, also those that were too short to be seen

const story = field("story");
const MOMENTS = 12; // in the page

function addMoments(moments) {
  for (const m of moments) {
    const li = document.createElement("li"), time = document.createElement("span");
    li.dataset.phase = m.phase;
    li.className = "p-" + m.phase;
    li.textContent = (phase.dataset[m.phase] ?? m.phase) + " ";
    time.className = "when";
    time.textContent = (m.ms / 1000).toFixed(1) + " s";
    li.append(time);
    story.append(li);
  }
  while (story.childElementCount > MOMENTS) story.firstElementChild.remove();
}

// ---- stream

let fresh = true; // the first update tells how things are, not what happened
function connect() {
  const stream = new EventSource(unit.dataset.stream);
  fresh = true;
  stream.addEventListener("update", (e) => {
    const u = JSON.parse(e.data);
    if (fresh) {
      log.replaceChildren();
      story.replaceChildren();
    }
    addMoments(u.story ?? []);
    for (const s of u.sectors ?? []) chips[s.c ?? 0]?.[s.i ?? 0]?.set(s.i ?? 0, s.d ? 1 : 0, s.e, s.t, s.t && !fresh);
    if (u.lines || u.missed) addLines(u.lines ?? [], u.missed);
    showStatus(u.status);
    fresh = false;
    redraw();
  });
  stream.addEventListener("gone", () => {
    stream.close();
    set(field("why"), unit.dataset.gone);
  });
  stream.onerror = () => {
    set(field("why"), unit.dataset.lost);
    // The browser tries again by itself, but not after an answer like "log in first".
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
    fresh = true;
  };
}
layout();
connect();
