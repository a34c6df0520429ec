"use strict";

const POLL_MS = 1000;      // from the beginning of one poll to that of the next
const GIVE_UP_MS = 10000;  // for one poll
const STALE_MS = 3000;     // without an answer: the numbers are grey from here on
const HISTORY_S = 300, WINDOW_S = 60, RATE_S = 10;

// Where a request can be, in the order in which it gets there. The ids are those of /debug/requests
// and also name the colours.
const PLACES = [
  { id: "handler", name: "Handler", column: "Handler" },
  { id: "timer", name: "Timer", column: "Timer" },
  { id: "database-queue", name: "Database queue", column: "DB queue" },
  { id: "database", name: "Database", column: "Database" },
  { id: "http-client", name: "Other services", column: "Services" },
  { id: "client", name: "Client (writing)", column: "Client" },
];
const CLIENTS_DOING = new Set(["client_gone", "client_deadline", "write_timeout"]);  // of error_type
const ALL = "*";  // stands for all routes; a route begins with its method

const ROUND = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((e) => [1, 2, 5].map((n) => n * 10 ** e));

const find = (id) => document.getElementById(id);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);

// A node that has its text already is left alone: no work for the browser, no lost selection.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
function setAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
  }
  return node;
}
function make(tag, attributes = {}, ...children) {
  const node = setAttributes(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}
function draw(tag, attributes = {}, text = "") {
  const node = setAttributes(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes);
  if (text) node.textContent = text;
  return node;
}

// ---- Numbers for people ----------------------------------------------------------------------

const NONE = "\u2013";
const count = (n) => n.toLocaleString("en", { maximumFractionDigits: 0 });
const rate = (n) => (n === null ? NONE : n === 0 ? "0" : n < 0.1 ? "< 0.1" : n < 10 ? n.toFixed(1) : count(n));
const percent = (n) => (n === null ? NONE : n === 0 ? "0%" : n < 0.001 ? "< 0.1%" : (n * 100).toFixed(n < 0.1 ? 1 : 0) + "%");
function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const unit = n < 1 ? 0 : Math.min(4, Math.floor(Math.log2(n) / 10));
  return (n / 1024 ** unit).toFixed(unit && n / 1024 ** unit < 100 ? 1 : 0) + " " + units[unit];
}
function seconds(s) {
  if (s === null) return NONE;
  if (s < 0.0095) return (s * 1000).toFixed(1) + " ms";
  if (s < 0.9995) return (s * 1000).toFixed(0) + " ms";
  if (s < 9.995) return s.toFixed(2) + " s";
  if (s < 60) return s.toFixed(1) + " s";
  const parts = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const first = parts.findIndex(([size]) => s >= size);
  return parts.slice(first, first + 2).map(([size, name], i) =>
    Math.floor((i ? s % parts[first][0] : s) / size) + " " + name).join(" ");
}
const FORMATS = { count, bytes, seconds };
// What quantile() gives: past the last bucket nothing is known but that it is more.
const percentile = (q) => (q === null ? NONE : (q.beyond ? "> " : "") + (q.beyond ? q.value + " s" : seconds(q.value)));

// Text that clients sent may hold characters that are invisible or that turn the line around. They
// are spelt out, so that what an operator reads is what was sent.
function printable(text) {
  return String(text ?? "").slice(0, 600).replace(
    /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => "<U+" + c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0") + ">");
}

// ---- Reading /metrics ------------------------------------------------------------------------

// The Prometheus text format. Gives samples by key: the name, and the labels sorted and escaped.
function parseMetrics(text) {
  const samples = new Map();
  const label = /\s*([a-zA-Z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?\s*/y;
  for (const line of text.split("\n")) {
    const [start, name] = /^([a-zA-Z_:][\w:]*) */.exec(line) ?? [];
    if (!name) continue;  // empty, or a comment
    const labels = Object.create(null), written = [];
    let rest = start.length;
    if (line[rest] === "{") {
      label.lastIndex = rest + 1;
      for (let match; (rest = label.lastIndex), (match = label.exec(line)); ) {
        labels[match[1]] = match[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
        written.push(`${match[1]}="${match[2]}"`);
      }
      while (line[rest] === " ") ++rest;
      if (line[rest] !== "}") continue;
      ++rest;
    }
    const raw = line.slice(rest).trim().split(/\s/)[0];  // a timestamp may follow
    const key = written.length ? `${name}{${written.sort().join(",")}}` : name;
    samples.set(key, { key, name, labels, raw, value: toNumber(raw) });
  }
  return samples;
}
const escaped = (text) => text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
function toNumber(raw) {
  return raw === "+Inf" ? Infinity : raw === "-Inf" ? -Infinity : raw === "" ? NaN : Number(raw);
}

// Which row a request belongs to. Without a route the method says nothing but what a stranger tried.
const rowOf = (method, route) => (route === "" ? "no such route" : `${method} ${route}`);
const byRoute = (a, b) => {
  const sortable = (row) => row.slice(row.indexOf("/")) + row;
  return (a === "no such route") - (b === "no such route") || (sortable(a) < sortable(b) ? -1 : 1);
};

// One poll's counters and histograms, added up to what the page shows rates of.
function condense(samples, now) {
  const sample = { now, counters: new Map(), histograms: new Map() };
  const add = (name, value) => sample.counters.set(name, (sample.counters.get(name) ?? 0) + value);
  const addBucket = (name, le, value) => {
    if (!sample.histograms.has(name)) sample.histograms.set(name, new Map());
    const buckets = sample.histograms.get(name);
    buckets.set(toNumber(le), (buckets.get(toNumber(le)) ?? 0) + value);
  };
  for (const { name, labels, value } of samples.values()) {
    switch (name) {
      case "http_server_request_duration_seconds_count": {
        const status = labels.http_response_status_code;
        // What a client can cause at will is no failure of the service, whatever its status.
        const kind = CLIENTS_DOING.has(labels.error_type) ? "gone"
          : status[0] === "4" || status === "501" || status === "505" ? "4xx"
          : status[0] === "5" ? "5xx" : "fine";
        for (const row of [ALL, rowOf(labels.http_request_method, labels.http_route)]) {
          add(`requests ${row}`, value);
          add(`${kind} ${row}`, value);
        }
        break;
      }
      case "http_server_request_duration_seconds_bucket":
        addBucket(`latency ${ALL}`, labels.le, value);
        addBucket(`latency ${rowOf(labels.http_request_method, labels.http_route)}`, labels.le, value);
        break;
      case "signalbox_event_loop_lag_seconds_bucket": addBucket(`lag ${labels.loop}`, labels.le, value); break;
      case "db_client_connection_wait_time_seconds_bucket": addBucket("wait", labels.le, value); break;
      case "db_client_operation_duration_seconds_bucket": addBucket("operation", labels.le, value); break;
      case "db_client_operation_duration_seconds_count": add("operations", value); break;
      case "signalbox_shared_reads_total": add("shared", value); break;
      case "signalbox_requests_shed_total": add("shed", value); add(`shed ${labels.reason}`, value); break;
      case "process_cpu_seconds_total": add("cpu", value); break;
    }
  }
  return sample;
}

function totalsOf(samples, requests) {
  const all = [...samples.values()];
  const of = (name) => sum(all.filter((s) => s.name === name).map((s) => s.value));
  const totals = {
    in_flight: of("http_server_active_requests"),
    requests: of("http_server_request_duration_seconds_count"),
    shed: of("signalbox_requests_shed_total"),
    malformed: of("signalbox_http_malformed_requests_total"),
    open_connections: of("signalbox_connections"),
    in_flight_requests: requests.total,  // as /debug/requests counts them
  };
  for (const { id } of PLACES) {
    totals[`waiting_${id}`] = sum(requests.summary.filter((s) => s.waiting_for === id).map((s) => s.count));
  }
  return totals;
}

// ---- What happened in the last seconds -------------------------------------------------------

let samples = [];  // condensed, oldest first, of one life of the process

function since(span) {
  const last = samples.at(-1);
  const first = samples.find((s) => s.now >= last?.now - span - 0.5);  // polls are not that punctual
  return first && first !== last ? { first, last, span: last.now - first.now } : null;
}
// A series that was not there before began at 0, so it counts from there.
function increase(counter, span) {
  const between = since(span);
  if (!between) return null;
  return Math.max(0, (between.last.counters.get(counter) ?? 0) - (between.first.counters.get(counter) ?? 0));
}
function perSecond(counter, span) {
  const between = since(span);
  return between && increase(counter, span) / between.span;
}
function ratio(counter, of, span) {
  const all = increase(of, span);
  return all ? increase(counter, span) / all : null;
}
function bucketsSince(histogram, span) {
  const between = since(span), last = between?.last.histograms.get(histogram);
  if (!last) return [];
  const first = between.first.histograms.get(histogram);
  return [...last].sort((a, b) => a[0] - b[0]).map(([le, n]) => ({ le, n: Math.max(0, n - (first?.get(le) ?? 0)) }));
}
// As Prometheus' histogram_quantile: within a bucket the values count as evenly spread.
function quantile(q, histogram, span) {
  const buckets = bucketsSince(histogram, span);
  const total = buckets.at(-1)?.n ?? 0;
  if (total === 0) return null;
  const at = buckets.findIndex((b) => b.n >= q * total);
  const { le, n } = buckets[at], below = at ? buckets[at - 1] : { le: 0, n: 0 };
  if (le === Infinity) return { value: below.le, beyond: true };
  return { value: below.le + (le - below.le) * (n > below.n ? (q * total - below.n) / (n - below.n) : 1), beyond: false };
}
// Values themselves are not kept, only buckets: the largest was at most this.
function atMost(histogram, span) {
  const buckets = bucketsSince(histogram, span);
  const total = buckets.at(-1)?.n ?? 0;
  return total ? buckets.find((b) => b.n === total).le : null;
}

// ---- Why is it slow? -------------------------------------------------------------------------

// The rules, the most telling first. The first one that holds is the sentence, the others follow
// small. Each gives the sentence or null.
const RULES = [
  ["bad", ({ state, failing }) => state !== "draining" && failing.length > 0 &&
    `${state === "starting" ? "Starting" : "Not ready"}: ${failing.map((c) => c.name + (c.output ? " \u2013 " + c.output : " fails")).join("; ")}.`],
  ["warn", ({ state, failing }) => state === "starting" && !failing.length && "Starting: not ready yet."],
  ["warn", ({ state, total }) => state === "draining" &&
    `Draining: ${requestsWord(total)} in flight still to be answered, then the process ends.`],
  // Nothing but a handler that does not let go keeps a request in "handler" for so long.
  ["bad", ({ worst }) => worst("handler")?.waiting_s > 0.5 &&
    `A handler blocks its event loop: ${rowOf(worst("handler")["http.request.method"], worst("handler")["http.route"])} ` +
      `has not waited for anything for ${seconds(worst("handler").waiting_s)}.`],
  ["bad", ({ loops }) => {
    const late = loops.filter((loop) => atMost(`lag ${loop}`, RATE_S) > 0.1);
    const most = Math.max(...late.map((loop) => atMost(`lag ${loop}`, RATE_S)));
    return late.length > 0 && `An event loop is blocked: ${late.join(", ")} ran late by ` +
      `${most === Infinity ? "more than 5 s" : "up to " + seconds(most)} in the last ${RATE_S} s.`;
  }],
  ["bad", () => increase("shed", RATE_S) > 0 &&
    `Requests are refused: ${count(increase("shed", RATE_S))} in the last ${RATE_S} s (${SHED
      .filter(([reason]) => increase(`shed ${reason}`, RATE_S) > 0)
      .map(([reason, words]) => `${words}: ${count(increase(`shed ${reason}`, RATE_S))}`).join(", ")}).`],
  ["bad", ({ pool, waiting }) => pool.used + pool.idle === 0 && waiting("database-queue") > 0 &&
    `There is no connection to the database: ${requestsWord(waiting("database-queue"))} wait${plural(waiting("database-queue"))} for one.`],
  // With every connection busy and reads waiting now and then all is well; not when they pile up.
  ["bad", ({ pool, waiting, total }) => pool.used > 0 && pool.used >= pool.max && pool.pending > 0 &&
    (waiting("database-queue") * 2 >= total || pool.pending >= pool.max) &&
    `The database pool is exhausted: ${count(pool.pending)} read${pool.pending === 1 ? " waits" : "s wait"} for ${count(pool.max)} connections.`],
  ["warn", ({ worst, waiting }) => (worst("database")?.waiting_s > 1 || quantile(0.95, "operation", WINDOW_S)?.value > 0.5) &&
    "The database is slow: " +
      (waiting("database") ? `${requestsWord(waiting("database"))} wait${plural(waiting("database"))} for its answer, ` : "") +
      `p95 of its answers is ${percentile(quantile(0.95, "operation", WINDOW_S))}.`],
  ["warn", ({ waiting, total }) => waiting("client") >= 5 && waiting("client") * 2 >= total &&
    `Slow clients: ${count(waiting("client"))} of ${requestsWord(total)} in flight are answered and wait for their clients to read.`],
  ["warn", ({ loops }) => perSecond("cpu", RATE_S) > 0.9 * loops.length && loops.length > 0 &&
    `Short of processor time: ${percent(perSecond("cpu", RATE_S))} of a core for ${loops.length} event loop${loops.length === 1 ? "" : "s"}.`],
  ["bad", () => ratio(`5xx ${ALL}`, `requests ${ALL}`, WINDOW_S) > 0.01 &&
    `Requests fail: ${percent(ratio(`5xx ${ALL}`, `requests ${ALL}`, WINDOW_S))} of the answers of the last minute were 5xx.`],
  ["ok", ({ waiting, total }) => total > 0 && waiting("timer") * 2 >= total &&
    `Nothing is waiting unusually: ${count(waiting("timer"))} of ${requestsWord(total)} in flight ` +
      `wait${plural(waiting("timer"))} for a timer, as the handler asked.`],
  ["ok", () => "Nothing is waiting unusually."],
];
const SHED = [["concurrency", "too many at once"], ["database_queue", "database queue full"], ["draining", "draining"]];
const requestsWord = (n) => `${count(n)} request${n === 1 ? "" : "s"}`;
const plural = (n) => (n === 1 ? "s" : "");

function explain(view) {
  const found = RULES.map(([mood, rule], index) => ({ mood, index, text: rule(view) })).filter((f) => f.text);
  const others = found.slice(1).filter((f) => f.mood !== "ok");
  say(found[0].mood, found[0].text, others.length ? "Also: " + others.map((f) => f.text).join(" ") : "", found[0].index);
}
let announced = null;
function say(mood, text, also, kind) {
  setAttributes(find("why"), { "data-mood": mood });
  setText(find("why-main"), printable(text));
  setText(find("why-also"), printable(also));
  setAttributes(find("why-also"), { title: printable(also) });
  // A screen reader hears the sentence when its kind changes, not each time a number does.
  if (announced !== kind) setText(find("announce"), printable(text));
  announced = kind;
}

// ---- The track diagram -----------------------------------------------------------------------

// Lamps stand for requests seen in flight. Most requests come and go between two polls: they are
// known from the counters only, and pass as small dots.
const track = { svg: document.querySelector("#track svg"), lamps: [], boxes: [], per: 1, ways: new Map() };
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const START = -1, END = PLACES.length;  // beside the indexes of PLACES
const LAMP = 13;  // from one lamp to the next
const MOST_DOTS = 12;  // per poll

function layOutTrack() {
  const width = track.svg.clientWidth;
  if (!width || width === track.width) return;
  track.width = width;
  const wide = width >= 700, height = wide ? 296 : 527, main = wide ? 148 : 15;
  const bend = width * 0.07;
  const at = wide
    ? [[0.095, main], [0.325, 50], [0.325, 246], [0.525, 246], [0.525, 50], [0.755, main]].map(([x, y]) => ({ left: x * width, y, w: width * 0.15, h: 84 }))
    : PLACES.map((_, i) => ({ left: 34, y: 76 + i * 75, w: width - 34, h: 64 }));
  track.boxes = at.map((box) => {
    const columns = Math.floor((box.w - 20) / LAMP), rows = wide ? 2 : 1;
    const slots = [];
    for (let i = 0; i < columns * rows; ++i) {
      slots.push([box.left + 16.5 + (i % columns) * LAMP, box.y + (wide ? -5 : 4) + Math.floor(i / columns) * LAMP]);
    }
    return { ...box, right: box.left + box.w, top: box.y - box.h / 2, slots };
  });
  const [handler, timer, queue, database, services, client] = track.boxes;
  // Where a lamp leaves a place for the main line, and how it gets from there to the next one.
  if (wide) {
    const siding = (box) => [[box.right, box.y], [box.right + bend, main]];
    track.out = [[[handler.right, main]], siding(timer), [[queue.right, queue.y], ...siding(database)], siding(database), siding(services), [[client.right, main]]];
    track.into = [[[handler.left, main]], [[timer.left - bend, main], [timer.left, timer.y]], [[queue.left - bend, main], [queue.left, queue.y]],
      [[queue.left - bend, main], [queue.left, queue.y], [database.left, database.y]],
      [[services.left - bend, main], [services.left, services.y]], [[client.left, main]]];
    track.start = [0, main]; track.end = [width, main];
  } else {
    track.out = track.into = track.boxes.map((box) => [[main, box.y]]);
    track.start = [main, 14]; track.end = [main, height - 10];
  }

  const rail = (points) => draw("polyline", { class: "rail", points: points.map((p) => p.join(",")).join(" ") });
  const text = (x, y, attributes, words) => draw("text", { x, y, ...attributes }, words);
  const parts = [rail([track.start, track.end])];
  if (wide) {
    parts.push(rail([...track.into[1], ...track.out[1]]), rail([...track.into[2], ...track.out[2]]), rail([...track.into[4], ...track.out[4]]),
      text(0, main - 12, {}, "Clients"), text(0, main + 24, { class: "small", "data-total": "open_connections", "data-unit": " open" }),
      text(width, main - 12, { "text-anchor": "end" }, "Answered"), text(width, main + 24, { class: "small", "text-anchor": "end", "data-show": "ratePerSecond" }),
      text((timer.left + timer.right) / 2, main - 10, { class: "small", "text-anchor": "middle" }, "straight through"));
    for (const [x, y] of [[handler.left - 14, main], [(timer.left + timer.right) / 2, main], [(queue.right + database.left) / 2, queue.y], [width - 3, main]]) {
      parts.push(draw("path", { class: "rail", d: `M${x - 5},${y - 6}l6,6l-6,6` }));
    }
  } else {
    for (const box of track.boxes) parts.push(rail([[main, box.y], [box.left, box.y]]));
    parts.push(text(34, 19, {}, "Clients"), text(width, 19, { class: "small", "text-anchor": "end", "data-total": "open_connections", "data-unit": " open" }),
      text(34, height - 6, {}, "Answered"), text(width, height - 6, { class: "small", "text-anchor": "end", "data-show": "ratePerSecond" }));
  }
  track.boxes.forEach((box, i) => {
    const { id, name } = PLACES[i];
    parts.push(draw("rect", { class: "box", x: box.left, y: box.top, width: box.w, height: box.h, rx: 6 }),
      // The one square lamp names the colour of the place.
      draw("rect", { x: box.left + 12, y: box.top + 11, width: 9, height: 9, rx: 2, fill: `var(--${id})` }),
      text(box.left + 27, box.top + 20, {}, name),
      text(box.right - 12, wide ? box.top + box.h - 9 : box.top + 22, { class: "count", "data-total": `waiting_${id}` }),
      text(box.left + 12, box.top + box.h - 9, { class: "small", "data-show": `oldest ${id}` }),
      ...box.slots.map(([cx, cy]) => draw("circle", { class: "slot", cx, cy, r: 4.5 })));
  });
  track.moving = draw("g");
  setAttributes(track.svg, { viewBox: `0 0 ${width} ${height}`, height });
  track.svg.replaceChildren(...parts, track.moving);
  for (const lamp of track.lamps) lamp.slot = undefined;
  placeLamps(false);
  bind();
}

// The points from a place, or START, to another, or END.
function way(from, to) {
  if (from === 2 && to === 3) return [track.out[2][0], track.into[3].at(-1)];  // not by the main line
  return [...(from === START ? [track.start] : track.out[from]), ...(to === END ? [track.end] : track.into[to])];
}
function glide(node, points, options, done) {
  const steps = points.map((p, i) => (i ? Math.hypot(p[0] - points[i - 1][0], p[1] - points[i - 1][1]) : 0));
  const length = sum(steps) || 1;
  let gone = 0;
  const frames = points.map((p, i) => ({ transform: `translate(${p[0]}px, ${p[1]}px)`, offset: Math.min(1, (gone += steps[i]) / length) }));
  node.animate(frames, { easing: "linear", fill: "backwards", ...options }).onfinish = done;
}

function placeLamps(moving) {
  const used = track.boxes.map(() => new Set());
  let started = 0;  // one after another, or they would cover each other
  for (const lamp of track.lamps) if (lamp.slot !== undefined && lamp.place === lamp.was) used[lamp.place].add(lamp.slot);
  for (const lamp of track.lamps) {
    const slots = track.boxes[lamp.place].slots;
    if (lamp.place === lamp.was && lamp.slot !== undefined) continue;
    lamp.slot = slots.findIndex((_, i) => !used[lamp.place].has(i));
    const to = slots[lamp.slot];
    lamp.node.style.display = to ? "" : "none";
    if (to) {
      used[lamp.place].add(lamp.slot);
      lamp.node.style.transform = `translate(${to[0]}px, ${to[1]}px)`;
      lamp.node.style.fill = `var(--${PLACES[lamp.place].id})`;
      if (moving) glide(lamp.node, [...(lamp.at ? [lamp.at] : []), ...way(lamp.was, lamp.place), to], { duration: 700, delay: (started++ % 8) * 35 });
    }
    lamp.at = to;
    lamp.was = lamp.place;
  }
}

// Which request became which lamp is not known, but how many of a route were answered since the
// last poll is: so many leave, the others move on, and new ones come in.
function moveLamps(summary) {
  const wanted = new Map();  // row -> lamps by place
  const most = Math.max(1, ...PLACES.map(({ id }) => sum(summary.filter((s) => s.waiting_for === id).map((s) => s.count))));
  const room = Math.min(...track.boxes.map((box) => box.slots.length));
  let per = ROUND.find((n) => Math.ceil(most / n) <= room);
  if (per < track.per && most > 0.6 * room * per) per = track.per;  // not to and fro
  const animated = !calm.matches && per === track.per && track.known;
  track.per = per;
  for (const entry of summary) {
    const row = rowOf(entry["http.request.method"], entry["http.route"]), place = PLACES.findIndex((p) => p.id === entry.waiting_for);
    if (place < 0) continue;
    if (!wanted.has(row)) wanted.set(row, PLACES.map(() => 0));
    wanted.get(row)[place] += entry.count;
    track.ways.set(row, Math.max(track.ways.get(row) ?? 0, place < END - 1 ? place : 0));
  }
  const passing = [];
  const rows = new Set([...wanted.keys(), ...track.lamps.map((l) => l.row)]);
  for (const { name, amount } of answeredSinceLastPoll()) {
    const there = track.lamps.filter((l) => l.row === name).sort((a, b) => b.place - a.place);
    const leaving = there.slice(0, Math.round(amount / per));
    for (const lamp of leaving) lamp.place = END;
    if (amount > leaving.length * per) passing.push({ name, amount: amount - leaving.length * per });
  }
  for (const row of rows) {
    // A route with few requests keeps a lamp when one lamp stands for many.
    const need = (wanted.get(row) ?? PLACES.map(() => 0)).map((n) => Math.ceil(n / per));
    const spare = [];
    for (const lamp of track.lamps) if (lamp.row === row && lamp.place !== END && --need[lamp.place] < 0) spare.push(lamp);
    need.forEach((n, place) => {
      for (; n > 0; --n) {
        let lamp = spare.filter((l) => l.place < place).pop();
        if (lamp) spare.splice(spare.indexOf(lamp), 1);
        else {
          lamp = { row, was: START, node: draw("circle", { r: 4.5 }) };
          track.moving.append(lamp.node);
          track.lamps.push(lamp);
        }
        lamp.place = place;
      }
    });
    for (const lamp of spare) lamp.place = END;
  }
  for (const lamp of track.lamps.filter((l) => l.place === END)) {
    if (animated && lamp.at) glide(lamp.node, [lamp.at, ...way(lamp.was, END)], { duration: 700, easing: "ease-in" }, () => lamp.node.remove());
    else lamp.node.remove();
  }
  track.lamps = track.lamps.filter((l) => l.place !== END);
  placeLamps(animated);
  if (animated) pass(passing);
  track.known = true;
  setText(find("track-scale"), (per === 1 ? "A lamp is a request" : `A lamp is up to ${count(per)} requests of a route`) +
    `${calm.matches ? "" : ", a small dot some that came and went within a second"}`);
}
function answeredSinceLastPoll() {
  const [before, last] = samples.slice(-2);
  if (!last || last.now - before.now > 3) return [];
  return [...last.counters].filter(([name]) => name.startsWith("requests ") && name !== `requests ${ALL}`)
    .map(([name, n]) => ({ name: name.slice(9), amount: n - (before.counters.get(name) ?? 0) })).filter((a) => a.amount > 0);
}
function pass(passing) {
  const all = sum(passing.map((p) => p.amount)), dots = Math.min(MOST_DOTS, all);
  for (const { name, amount } of passing) {
    const place = track.ways.get(name) ?? 0;  // the furthest that this route was seen
    const share = Math.max(1, Math.round(dots * amount / all));
    for (let i = 0; i < share; ++i) {
      const dot = draw("circle", { class: "passing", r: 2.5 });
      track.moving.append(dot);
      const by = place > 0 ? [...way(START, 0), ...way(0, place), ...way(place, END)] : [track.start, track.end];
      glide(dot, by, { duration: 1500, delay: (i + Math.random()) / share * POLL_MS }, () => dot.remove());
    }
  }
}

// ---- Charts ----------------------------------------------------------------------------------

let history = [];  // {now, points: Map(row -> numbers)}, oldest first
let cursor = null;  // seconds before now that the operator points at
const shownRow = () => find("filter").value;

const CHARTS = [
  { title: "Answered per second", format: rate, series: [
    { name: "all", colour: "var(--ink)", value: (p) => p.rate },
    { name: "4xx", colour: "var(--warn)", value: (p) => p["4xx"] },
    { name: "5xx", colour: "var(--bad)", value: (p) => p["5xx"] }] },
  { title: "Time to answer, of 10 s each", format: seconds, log: [0.001, 0.01, 0.1, 1, 10], series:
    [["p50", "--dim"], ["p95", "--handler"], ["p99", "--ink"]].map(([name, colour]) => ({ name, colour: `var(${colour})`, value: (p) => p[name]?.value ?? null, words: (p) => percentile(p[name]) })) },
  { title: "In flight, by what they wait for", format: count, stacked: true, series:
    PLACES.map(({ id, column }) => ({ name: column, colour: `var(--${id})`, value: (p) => p[id] })) },
];
function remember(summary, now) {
  const points = new Map();
  for (const row of [ALL, ...rows.keys()]) {
    const point = { rate: perSecond(`requests ${row}`, 3), "4xx": perSecond(`4xx ${row}`, 3), "5xx": perSecond(`5xx ${row}`, 3) };
    for (const [name, q] of [["p50", 0.5], ["p95", 0.95], ["p99", 0.99]]) point[name] = quantile(q, `latency ${row}`, RATE_S);
    for (const { id } of PLACES) point[id] = waitingIn(summary, id, row);
    points.set(row, point);
  }
  history.push({ now, points });
  history = history.filter((h) => h.now >= now - HISTORY_S);
}
const waitingIn = (summary, place, row) => sum(summary
  .filter((s) => s.waiting_for === place && (row === ALL || row === rowOf(s["http.request.method"], s["http.route"]))).map((s) => s.count));

function buildCharts() {
  for (const chart of CHARTS) {
    chart.svg = draw("svg", { role: "img", tabindex: 0 });
    chart.values = chart.series.map(() => make("dd"));
    find("charts").append(make("div", { class: "chart" }, make("h3", {}, chart.title), chart.svg,
      make("dl", { class: "legend" }, ...chart.series.map((s, i) => {
        const lamp = make("span", { class: "lamp" });
        lamp.style.background = s.colour;
        return make("div", {}, lamp, make("dt", {}, s.name), chart.values[i]);
      }))));
    const point = (seconds) => {
      cursor = seconds === null ? null : Math.min(HISTORY_S, Math.max(0, seconds));
      CHARTS.forEach(drawChart);
    };
    chart.svg.addEventListener("pointermove", (e) => point((1 - (e.offsetX - 50) / (chart.svg.clientWidth - 56)) * HISTORY_S));
    for (const leave of ["pointerleave", "blur"]) chart.svg.addEventListener(leave, () => point(null));
    chart.svg.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: 5, ArrowRight: -5, Escape: null }[e.key];
      if (step === undefined) return;
      e.preventDefault();
      point(step === null ? null : (cursor ?? 0) + step);
    });
  }
}
function drawChart(chart) {
  const width = chart.svg.clientWidth, left = 50, right = width - 6, top = 8, bottom = 130;
  if (width < 60) return;
  const now = history.at(-1)?.now ?? 0;
  const row = shownRow(), points = history.map((h) => ({ now: h.now, of: h.points.get(row) })).filter((p) => p.of);
  const x = (t) => right - ((now - t) / HISTORY_S) * (right - left);
  const stack = (p, upTo) => sum(chart.series.slice(0, upTo + 1).map((s) => s.value(p.of)));
  const most = Math.max(...points.map((p) => (chart.stacked ? stack(p, END) : Math.max(...chart.series.map((s) => s.value(p.of) ?? 0)))), 4);
  const tick = ROUND.find((n) => n * 4 >= most);
  const ticks = chart.log ?? [0, 1, 2, 3, 4].map((i) => i * tick);
  const high = ticks.at(-1), low = ticks[0];
  const y = (v) => bottom - (bottom - top) * (chart.log ? Math.log(Math.min(high, Math.max(low, v)) / low) / Math.log(high / low) : v / high);
  const parts = [];
  for (const v of ticks) {
    parts.push(draw("line", { class: "grid", x1: left, x2: right, y1: y(v), y2: y(v) }),
      draw("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, chart.log ? (v < 1 ? v * 1000 + " ms" : v + " s") : count(v)));
  }
  for (let m = 0; m <= HISTORY_S / 60; ++m) {
    parts.push(draw("text", { x: x(now - m * 60), y: bottom + 16, "text-anchor": m ? "middle" : "end" }, m ? `\u2212${m} min` : "now"));
  }
  // A line ends where polls are missing or the process was another one.
  const runs = (value) => {
    const found = [];
    let last = -Infinity;
    for (const p of points) {
      const v = value(p);
      if (v === null || v === undefined) { last = -Infinity; continue; }
      if (p.now - last > 5) found.push([]);
      found.at(-1).push([x(p.now), y(v)]);
      last = p.now;
    }
    return found;
  };
  const line = (run) => run.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join("L");
  chart.series.forEach((series, i) => {
    if (!chart.stacked) {
      const d = runs((p) => series.value(p.of)).map((run) => "M" + line(run)).join("");
      parts.push(draw("path", { d, fill: "none", stroke: series.colour, "stroke-width": 1.75, "stroke-linejoin": "round" }));
      return;
    }
    const upper = runs((p) => stack(p, i)), lower = runs((p) => stack(p, i - 1));
    parts.push(draw("path", { d: upper.map((run, r) => `M${line(run)}L${line([...lower[r]].reverse())}Z`).join(""), fill: series.colour, "fill-opacity": 0.85 }));
  });
  let chosen = points.at(-1);
  if (cursor !== null && points.length) {
    chosen = points.reduce((a, b) => (Math.abs(now - cursor - b.now) < Math.abs(now - cursor - a.now) ? b : a));
    parts.push(draw("line", { class: "cursor", x1: x(chosen.now), x2: x(chosen.now), y1: top, y2: bottom }));
  }
  chart.svg.replaceChildren(...parts);
  const words = chart.series.map((s) => (!chosen ? NONE : s.words ? s.words(chosen.of) : s.value(chosen.of) === null ? NONE : chart.format(s.value(chosen.of))));
  words.forEach((w, i) => setText(chart.values[i], w));
  const when = cursor !== null && chosen ? Math.round(now - chosen.now) + " s ago" : "now";
  const numbers = chart.series.map((s, i) => s.name + " " + words[i]).join(", ");
  setAttributes(chart.svg, { "aria-label": `${chart.title}, ${when}: ${numbers}. Arrow keys go back in time.` });
}

// ---- Tables ----------------------------------------------------------------------------------

const ROUTE_COLUMNS = [
  ...PLACES.map((p) => ({ label: p.column, place: p.id, width: "7%" })),
  { label: "In flight", inFlight: true },
  { label: "Req/s", text: (row) => rate(perSecond(`requests ${row}`, RATE_S)) },
  { label: "4xx/s", text: (row) => rate(perSecond(`4xx ${row}`, WINDOW_S)) },
  { label: "Failed", text: (row) => percent(ratio(`5xx ${row}`, `requests ${row}`, WINDOW_S)), alarm: (row) => increase(`5xx ${row}`, WINDOW_S) > 0 },
  ...[0.5, 0.95, 0.99].map((q) => ({ label: "p" + q * 100, text: (row) => percentile(quantile(q, `latency ${row}`, WINDOW_S)) })),
];
const OLDEST_COLUMNS = [
  { label: "Age", width: "7%", text: (r) => seconds(r.age_s) },
  { label: "Request", width: "20%", text: (r) => `${r["http.request.method"]} ${r["url.path"]}`, foreign: true },
  { label: "Waits for", width: "17%", text: (r) => `${PLACES.find((p) => p.id === r.waiting_for)?.name ?? r.waiting_for}, ${seconds(r.waiting_s)}`, lamp: (r) => r.waiting_for },
  { label: "In transaction", width: "9%", text: (r) => (r.transaction_s === null ? "no" : seconds(r.transaction_s)), alarm: (r) => r.transaction_s > 1 },
  { label: "Client", width: "10%", text: (r) => r["client.address"], foreign: true },
  { label: "Deadline in", width: "9%", text: (r) => (r.deadline_s === null ? "none" : seconds(Math.max(0, r.deadline_s))), alarm: (r) => r.deadline_s !== null && r.deadline_s < 2 },
  { label: "Request id", width: "14%", text: (r) => r.request_id, foreign: true, mono: true },
  { label: "Trace id", width: "14%", text: (r) => r.trace_id, foreign: true, mono: true },
];
function buildTables() {
  const head = (id, columns) => document.querySelector(`#${id} thead tr`).append(...columns.map(({ label, place, width, text }) => {
    const th = make("th", { scope: "col", class: id === "oldest" || label === "Route" ? "text" : "" });
    if (place) {
      const lamp = make("span", { class: "lamp" });
      lamp.style.setProperty("--lamp", `var(--${place})`);
      th.append(lamp);
    }
    th.append(label);
    if (width) th.style.width = width;
    return th;
  }));
  head("routes", [{ label: "Route", width: "16%" }, ...ROUTE_COLUMNS]);
  head("oldest", OLDEST_COLUMNS);
}

const rows = new Map();  // by name of the row
function showRoutes(metrics, summary) {
  const series = [...metrics.values()].filter((s) => s.name === "http_server_active_requests");
  const names = new Set([...samples.at(-1).counters.keys()].filter((n) => n.startsWith("requests ")).map((n) => n.slice(9)));
  for (const s of series) names.add(rowOf(s.labels.http_request_method, s.labels.http_route));
  for (const s of summary) names.add(rowOf(s["http.request.method"], s["http.route"]));
  names.delete(ALL);
  const added = [...names].filter((name) => !rows.has(name));
  for (const name of added) {
    const cells = ROUTE_COLUMNS.map((c) => make("td", { "data-label": c.label, ...(c.place ? { "data-waiting": c.place, "data-route": name } : {}) }));
    rows.set(name, { cells, node: make("tr", {}, make("th", { scope: "row", class: "text foreign", title: printable(name) }, printable(name)), ...cells) });
  }
  if (added.length) {
    const sorted = [...rows.keys()].sort(byRoute);
    document.querySelector("#routes tbody").replaceChildren(...sorted.map((name) => rows.get(name).node));
    const chosen = shownRow();
    find("filter").replaceChildren(make("option", { value: ALL }, "all routes"), ...sorted.map((name) => make("option", { value: name }, printable(name))));
    find("filter").value = chosen;
  }
  for (const [name, { cells }] of rows) {
    ROUTE_COLUMNS.forEach((column, i) => {
      const cell = cells[i];
      if (column.place) {
        const n = waitingIn(summary, column.place, name);
        setAttributes(cell, { "data-value": n });
        setText(cell, count(n));
      } else if (column.inFlight) {
        // One sample is shown as that sample; several, of two schemes, as their sum.
        const mine = series.filter((s) => rowOf(s.labels.http_request_method, s.labels.http_route) === name);
        const n = sum(mine.map((s) => s.value));
        cell.removeAttribute(mine.length === 1 ? "data-total" : "data-metric");
        setAttributes(cell, { "data-route": name, "data-value": n, ...(mine.length === 1 ? { "data-metric": mine[0].key } : { "data-total": "in_flight_of_route" }) });
        setText(cell, count(n));
      } else {
        setText(cell, column.text(name));
        cell.classList.toggle("bad", column.alarm?.(name) ?? false);
      }
    });
  }
}

function showOldest({ requests, total }) {
  const body = document.querySelector("#oldest tbody"), row = shownRow();
  const shown = requests.filter((r) => row === ALL || row === rowOf(r["http.request.method"], r["http.route"]));
  while (body.rows.length > shown.length) body.lastElementChild.remove();
  shown.forEach((request, i) => {
    if (i === body.rows.length) body.append(make("tr", {}, ...OLDEST_COLUMNS.map((c) => {
      const text = make("span", { class: (c.foreign ? "foreign " : "") + (c.mono ? "mono" : "") });
      return make("td", { class: "text", "data-label": c.label }, ...(c.lamp ? [make("span", { class: "lamp" })] : []), text);
    })));
    OLDEST_COLUMNS.forEach((column, c) => {
      const cell = body.rows[i].cells[c], words = printable(column.text(request));
      setText(cell.lastElementChild, words);
      cell.classList.toggle("bad", column.alarm?.(request) ?? false);
      if (column.foreign) setAttributes(cell, { title: words });
      if (column.lamp) cell.firstElementChild.style.setProperty("--lamp", `var(--${CSS.escape(column.lamp(request))})`);
    });
  });
  setText(find("oldest-says"), total === 0 ? "none in flight" :
    `${row === ALL ? "the" : `${shown.length} of ${printable(row)} among the`} ${requests.length} oldest of ${count(total)}`);
  // The page does not get shorter again: who reads its end would be thrown about.
  const section = find("oldest-section");
  section.style.minHeight = "";
  tallest = Math.max(tallest, section.offsetHeight);
  section.style.minHeight = tallest + "px";
}
let tallest = 0;

function showLoops(loops) {
  const box = find("loops");
  if (box.dataset.loops !== loops.join()) {
    box.dataset.loops = loops.join();
    const line = (...cells) => make("div", {}, ...cells);
    const head = ["loop", "p99", "max \u2264", "tasks"].map((words) => make("span", { class: words === "loop" ? "dim text" : "dim" }, words));
    box.replaceChildren(line(...head), ...loops.map((loop) => line(
      make("span", { class: "text foreign", title: printable(loop) }, printable(loop.replace(/^http-/, ""))),
      make("span", { "data-show": `p99 ${loop}` }), make("span", { "data-show": `most ${loop}` }),
      make("span", { "data-metric": `signalbox_event_loop_tasks{loop="${escaped(loop)}"}` }))));
  }
}

// The service's name is in the title, and is that of its pool of connections.
let service = "";
function showService(build) {
  if (!build.service || build.service === service) return;
  const name = (of) => `db_client_connection_pool_name="${of}"`;
  for (const node of document.querySelectorAll("[data-metric*=db_client_connection_pool_name]")) {
    node.dataset.metric = node.dataset.metric.replace(
      name(service ? escaped(service) : "$service"), () => name(escaped(build.service)));
  }
  service = build.service;
  document.title = printable(service);
  setText(find("service"), printable(service));
}

// ---- One poll's answers ----------------------------------------------------------------------

let latest = null;  // {metrics, totals, shown}

function bind() {
  if (!latest) return;
  for (const node of document.querySelectorAll("[data-metric], [data-total], [data-show]")) {
    const { metric, total, show, format = "count", unit = "" } = node.dataset;
    if (show) {
      setText(node, latest.shown[show] ?? NONE);
      continue;
    }
    if (total === "in_flight_of_route") continue;
    const sample = metric ? latest.metrics.get(metric) : { value: latest.totals[total], raw: String(latest.totals[total]) };
    if (!sample || !Number.isFinite(sample.value)) {
      node.removeAttribute("data-value");
      setText(node, NONE);
      continue;
    }
    setAttributes(node, { "data-value": sample.raw });
    setText(node, FORMATS[format](sample.value) + unit);
    node.classList.toggle("bad", "alarm" in node.dataset && sample.value > 0);
  }
}

const buildOf = (metrics) => [...metrics.values()].find((s) => s.name === "signalbox_build_info")?.labels ?? {};

function derive(metrics, requests, loops, clock) {
  const build = buildOf(metrics);
  const started = metrics.get("process_start_time_seconds")?.value;
  const oldest = requests.requests[0]?.age_s;
  const shown = {
    version: printable(`${build.version ?? ""} \u00b7 ${build.revision ?? ""}`) +
      (started ? ` \u00b7 up ${seconds(Math.max(1, Math.floor(clock - started)))}` : ""),
    oldest: oldest === undefined ? "none" : `oldest ${seconds(oldest)}`,
    rate: rate(perSecond(`requests ${ALL}`, RATE_S)),
    ratePerSecond: rate(perSecond(`requests ${ALL}`, RATE_S)) + "/s",
    failed: percent(ratio(`5xx ${ALL}`, `requests ${ALL}`, WINDOW_S)),
    rate4xx: rate(perSecond(`4xx ${ALL}`, WINDOW_S)),
    rate499: rate(perSecond(`gone ${ALL}`, WINDOW_S)),
    shed: rate(perSecond("shed", RATE_S)),
    shared: rate(perSecond("shared", RATE_S)),
    operations: rate(perSecond("operations", RATE_S)),
    cpu: percent(perSecond("cpu", RATE_S)),
    poolWait: percentile(quantile(0.95, "wait", WINDOW_S)),
    operation: percentile(quantile(0.95, "operation", WINDOW_S)),
  };
  for (const q of [50, 95, 99]) shown[`p${q}`] = percentile(quantile(q / 100, `latency ${ALL}`, WINDOW_S));
  // The list is oldest first, so the first one at a place is the oldest there.
  for (const { id } of PLACES) {
    const first = requests.requests.find((r) => r.waiting_for === id);
    shown[`oldest ${id}`] = first ? `oldest ${seconds(first.age_s)}` : " ";
  }
  for (const loop of loops) {
    const most = atMost(`lag ${loop}`, WINDOW_S);
    shown[`p99 ${loop}`] = percentile(quantile(0.99, `lag ${loop}`, WINDOW_S));
    shown[`most ${loop}`] = most === null ? NONE : most === Infinity ? "> 5 s" : seconds(most);
  }
  return shown;
}

let startedAt = null;
function show({ text, clock }, requests, ready) {
  const now = performance.now() / 1000, metrics = parseMetrics(text);
  const sample = condense(metrics, now);
  // Another process, or the same one with its counters back at 0: what was before says nothing.
  const started = metrics.get("process_start_time_seconds")?.raw, before = samples.at(-1);
  const answered = (s) => s.counters.get(`requests ${ALL}`) ?? 0;
  if (before && (started !== startedAt || answered(sample) < answered(before))) {
    samples = [];
    logLevel();
  }
  startedAt = started;
  samples = [...samples.filter((s) => s.now >= now - WINDOW_S - 5), sample];

  const loops = [...metrics.values()].filter((s) => s.name === "signalbox_event_loop_tasks").map((s) => s.labels.loop).sort();
  const checks = Object.entries(ready?.checks ?? {}).map(([name, list]) => ({ name, ok: list?.[0]?.status === "pass", output: list?.[0]?.output }));
  const failing = checks.filter((c) => !c.ok);
  const state = ["starting", "ready", "draining"].find((s) => metrics.get(`signalbox_state{state="${s}"}`)?.value === 1) ?? "unknown";
  showService(buildOf(metrics));
  showState(state, checks, ready);
  showRoutes(metrics, requests.summary);
  showLoops(loops);
  latest = { metrics, totals: totalsOf(metrics, requests), shown: derive(metrics, requests, loops, clock) };
  bind();

  const pooled = (name, more = "") =>
    metrics.get(`db_client_connection${name}{db_client_connection_pool_name="${escaped(service)}"${more}}`)?.value ?? NaN;
  const pool = {
    used: pooled("s", ',db_client_connection_state="used"'), idle: pooled("s", ',db_client_connection_state="idle"'),
    max: pooled("_max"), pending: pooled("_pending_requests") };
  find("pool-used").style.width = (100 * pool.used) / pool.max + "%";
  find("pool-idle").style.width = (100 * pool.idle) / pool.max + "%";

  layOutTrack();
  moveLamps(requests.summary);
  remember(requests.summary, now);
  CHARTS.forEach(drawChart);
  showOldest(requests);
  const worst = (place) => requests.requests.filter((r) => r.waiting_for === place).sort((a, b) => b.waiting_s - a.waiting_s)[0];
  explain({ state, failing, loops, pool, worst, total: requests.total, waiting: (place) => latest.totals[`waiting_${place}`] });
}

function showState(state, checks, ready) {
  const good = state === "ready" && ready?.status === "pass";
  const words = { starting: "Starting", ready: good ? "Ready" : "Serving, not ready", draining: "Draining" };
  setText(find("state-text"), words[state] ?? "State unknown");
  find("signal").dataset.signal = good ? "good" : state === "ready" ? "bad" : "warn";
  const list = find("checks");
  while (list.children.length > checks.length) list.lastElementChild.remove();
  checks.forEach(({ name, ok, output }, i) => {
    const item = list.children[i] ?? list.appendChild(make("li", { class: "foreign" }));
    setText(item, printable(`${ok ? "\u2713" : "\u2717"} ${name}${ok ? "" : output ? ": " + output : " fails"}`));
    item.classList.toggle("bad", !ok);
  });
}

// ---- Asking ----------------------------------------------------------------------------------

const poll = { under_way: false, answered: 0, lastAnswer: null, waitingSince: performance.now(), paused: false, timer: 0, problem: "" };

async function ask(path, signal, read, fine = (r) => r.ok) {
  const response = await fetch(path, { cache: "no-store", signal }).catch(() => {
    throw new Error(`${path} cannot be reached.`);
  });
  if (!fine(response)) throw new Error(`${path} answered ${response.status}.`);
  return read(response);
}
const json = (response) => response.json();
async function readMetrics(response) {
  const text = await response.text();
  if (!/^signalbox_state\{/m.test(text)) throw new Error("/metrics is not that of a service made with Signalbox.");
  // The service's clock: this one may be on another machine, and wrong.
  return { text, clock: (Date.parse(response.headers.get("Date") ?? "") || Date.now()) / 1000 };
}

async function pollOnce() {
  clearTimeout(poll.timer);
  if (poll.under_way || poll.paused || document.hidden) return;
  poll.under_way = true;
  const began = performance.now(), stop = new AbortController();
  const giveUp = setTimeout(() => stop.abort(), GIVE_UP_MS);
  try {
    const answers = await Promise.all([
      ask("/metrics", stop.signal, readMetrics),
      ask("/debug/requests?limit=25", stop.signal, json),
      ask("/readyz", stop.signal, json, (r) => r.ok || r.status === 503)]);
    if (!poll.paused) {
      show(...answers);
      poll.lastAnswer = performance.now();
      document.documentElement.dataset.polls = ++poll.answered;
    }
    poll.problem = "";
  } catch (error) {
    poll.problem = error.message;
    stop.abort();  // what else is under way is of no use alone
  } finally {
    clearTimeout(giveUp);
    poll.under_way = false;
    poll.timer = setTimeout(pollOnce, Math.max(100, POLL_MS - (performance.now() - began)));
    showAge();
  }
}

// Apart from the polls, because it has to go on when they hang.
function showAge() {
  const now = performance.now(), age = poll.lastAnswer === null ? null : Math.round((now - poll.lastAnswer) / 1000);
  // Time spent hidden or paused is not the service's fault.
  const stale = !poll.paused && now - Math.max(poll.lastAnswer ?? 0, poll.waitingSince) > STALE_MS;
  if (document.documentElement.dataset.stale !== String(stale)) document.documentElement.dataset.stale = stale;
  const waited = Math.round((now - (poll.lastAnswer ?? poll.waitingSince)) / 1000);
  setText(find("poll-text"), poll.paused ? `Paused, ${age ?? 0} s old` : stale ? `No answer since ${waited} s` :
    age === null ? "Asking for the first numbers" : "Live, every second");
  if (stale) {
    say("bad", `No answer since ${waited} s.`, `${poll.problem} ${age === null ? "" : "The numbers below are old. "}Trying again every second.`, "stale");
    setText(find("state-text"), "No answer");
    find("signal").dataset.signal = "bad";
  }
}

find("pause").addEventListener("click", () => {
  poll.paused = !poll.paused;
  poll.waitingSince = performance.now();
  setText(find("pause"), poll.paused ? "Resume" : "Pause");
  setAttributes(find("pause"), { "aria-pressed": poll.paused });
  showAge();
  pollOnce();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  poll.waitingSince = performance.now();
  pollOnce();
});
find("filter").addEventListener("change", () => {
  CHARTS.forEach(drawChart);
  pollOnce();
});

// ---- The log level ---------------------------------------------------------------------------

async function logLevel(change) {
  const stop = AbortSignal.timeout(GIVE_UP_MS);
  try {
    if (change) {
      const response = await fetch("/debug/log-level", {
        method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change), signal: stop });
      if (!response.ok) throw new Error(`Not changed: the service answered ${response.status}.`);
    }
    const present = await ask("/debug/log-level", stop, json);
    for (const name of ["level", "access_log"]) {
      find(name).value = present[name];
      find(name).disabled = false;
    }
    if (change) setText(find("log-says"), "Changed, until the next start.");
  } catch (error) {
    if (!change) return;
    setText(find("log-says"), printable(error.message));
    logLevel();  // shows again what is in force
  }
}
for (const name of ["level", "access_log"]) {
  find(name).addEventListener("change", () => logLevel({ [name]: find(name).value }));
}

buildTables();
buildCharts();
layOutTrack();
CHARTS.forEach(drawChart);
new ResizeObserver(() => {
  layOutTrack();
  CHARTS.forEach(drawChart);
}).observe(document.body);
logLevel();
pollOnce();
setInterval(showAge, 1000);
