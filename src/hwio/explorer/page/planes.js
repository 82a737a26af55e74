// The channels of x and one channel of y as grids, with what is looked at lit.
import { same, times } from "./lists.js";
import { button, el, retext } from "./dom.js";
import { drawGrid, largest, makeGrid, shade, sideFor } from "./grid.js";
import { sourceOf, viewOf } from "./geometry.js";
import { atStart, focus, hover, moveTo, pin, set, state } from "./state.js";
import { channelOf, xName, yName } from "./format.js";
import { say } from "./words.js";
import { asKind, unpack } from "./numbers.js";

export const MOST = 24;
export const MOST_CHANNELS = 8;
export const TINTS = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7"];

// What is lit, as sets of positions on each axis and predicates for y and w.
export function lights() {
  const { conv } = state;
  const at = focus();
  const taps = (a, o) => conv.problem.kernel.slice(a, a + 1).flatMap((k) =>
    times(k, (t) => conv.meets(a, o, t)),
  );
  const first = conv.firstChannel(at.k);
  const inGroup = (c) => c >= first && c < first + conv.groupChannels;
  if (at.kind === "y") {
    const sets = [0, 1, 2].map((a) => new Set(taps(a, at.o[a])));
    return { at, sets, channel: inGroup, y: (o) => same(o, at.o), w: () => true };
  }
  if (at.kind === "w") {
    const sets = [0, 1, 2].map(
      (a) => new Set(times(conv.out[a], (o) => conv.meets(a, o, at.t[a]))),
    );
    const own = (t, i) => i === at.i && same(t, at.t);
    return { at, sets, channel: (c) => c === first + at.i, y: () => true, w: own };
  }
  const seen = inGroup(at.c) ? conv.meetings(at.cell) : [];
  const outs = new Set(seen.map(({ o }) => String(o)));
  const used = new Set(seen.map(({ t }) => String(t)));
  const i = at.c - first;
  return {
    at,
    seen,
    sets: at.cell.map((p) => new Set([p])),
    channel: (c) => c === at.c,
    y: (o) => outs.has(String(o)),
    w: (t, j) => j === i && used.has(String(t)),
  };
}

// The rows and columns of x that are drawn, padding included.
export function viewOfX() {
  const { conv, problem } = state;
  const at = focus();
  const o = at.kind === "y" ? at.o : state.o;
  return [1, 2].map((a) => {
    const start = conv.meets(a, o[a], 0);
    const [low, high] = conv.settings.padding[a];
    return viewOf(-low, problem.size[a] + high, [start, start + conv.reach[a]], MOST);
  });
}

export const viewOfY = () =>
  [1, 2].map((a) => viewOf(0, state.conv.out[a], [state.o[a], state.o[a] + 1], MOST));

// The slice of x that is drawn of 3-D arrays: the one that the chosen tap of the window meets.
export function depthOfX() {
  const at = focus();
  if (at.kind === "x") return at.cell[0];
  const o = at.kind === "y" ? at.o : state.o;
  return state.conv.meets(0, o[0], Math.min(state.depth, state.problem.kernel[0] - 1));
}

export function channelsShown() {
  const { conv } = state;
  const first = conv.firstChannel(focus().k);
  const pages = Math.max(Math.ceil(conv.groupChannels / MOST_CHANNELS), 1);
  const page = Math.min(state.channel, pages - 1);
  const start = first + page * MOST_CHANNELS;
  const end = Math.min(start + MOST_CHANNELS, first + conv.groupChannels);
  return { channels: times(end - start, (j) => start + j), page, pages, first };
}

export function makeXPlanes() {
  const holder = el("div", { class: "planes" });
  const pages = el("div", { class: "pager", hidden: true });
  const map = makeMap();
  return { element: el("div", {}, holder, pages, map.element), holder, pages, map, planes: [] };
}

function makePlane(j) {
  const place = { rows: [0, 0], columns: [0, 0], c: 0, d: 0 };
  const thing = (r, q) => {
    const { size } = state.problem;
    const raw = [place.d, place.rows[0] + r, place.columns[0] + q];
    const cell = raw.map((p, a) => sourceOf(p, size[a], state.settings.mode));
    return cell.includes(-1) ? null : { kind: "x", cell, c: place.c };
  };
  const grid = makeGrid("x", {
    hover: (r, q) => hover(thing(r, q)),
    leave: () => hover(null),
    pick: (r, q) => pin(thing(r, q)),
  });
  const name = el("figcaption");
  const element = el("figure", { class: "plane" }, name, grid.element);
  element.style.setProperty("--tint", TINTS[j % TINTS.length]);
  return { grid, name, element, place };
}

export function drawXPlanes(view, lit) {
  const { channels, page, pages, first } = channelsShown();
  while (view.planes.length < channels.length) {
    const plane = makePlane(view.planes.length);
    view.planes.push(plane);
    view.holder.append(plane.element);
  }
  const [rows, columns] = viewOfX();
  const wide = view.holder.clientWidth || 480;
  const half = (wide / 2 - 14) / (columns[1] - columns[0]);
  const across = channels.length > 1 && (half >= 26 || columns[1] - columns[0] > 18) && rows[1] - rows[0] > 1 ? 2 : 1;
  const side = sideFor(columns[1] - columns[0], Math.min(wide / across - 14, state.problem.dims === 1 ? 1000 : 380));
  view.planes.forEach((plane, j) => {
    plane.element.hidden = j >= channels.length;
    if (j < channels.length) drawXPlane(plane, channels[j], rows, columns, side, lit);
  });
  drawPager(view.pages, page, pages, first);
  drawMap(view.map, rows, columns);
  return { across, high: Math.ceil(channels.length / across) * (rows[1] - rows[0]) * side };
}

function drawXPlane(plane, c, rows, columns, side, lit) {
  const { conv, problem } = state;
  const depth = depthOfX();
  Object.assign(plane.place, { rows, columns, c, d: depth });
  const name = say("plane", { c: channelOf(c) });
  retext(plane.name, problem.dims === 3 ? `${name} · d=${depth}` : name);
  plane.grid.element.setAttribute("aria-label", say("planeLabel", { c: channelOf(c) }));
  const on = lit.channel(c) && lit.sets[0].has(depth);
  const most = side < 24 ? sizeOfPlane(lit.at.n, c) : 0;
  const cell = (r, q) => {
    const raw = [depth, rows[0] + r, columns[0] + q];
    const outside = raw.some((p, a) => p < 0 || p >= problem.size[a]);
    const value = conv.paddedAt(lit.at.n, raw, c);
    const now = on && lit.sets[1].has(raw[1]) && lit.sets[2].has(raw[2]);
    const kind = `${outside ? "pad" : ""}${now ? " lit" : ""}`;
    const label = outside ? say("paddingCell", {}) : `${xName(lit.at.n, raw, c)} =`;
    return { value, kind, label, fill: most && !now ? shade(value, most) : "" };
  };
  const frame = on && lit.at.kind === "y" ? frameOf(lit.at.o, rows, columns) : null;
  drawGrid(plane.grid, { rows: rows[1] - rows[0], columns: columns[1] - columns[0], side, cell, frame });
}

function sizeOfPlane(n, c) {
  const { problem } = state;
  problem.most ||= new Map();
  const key = `${n} ${c}`;
  if (!problem.most.has(key)) {
    const values = [];
    const step = problem.channels;
    const cells = problem.size[0] * problem.size[1] * problem.size[2];
    for (let i = 0; i < cells; i++) values.push(problem.x[(n * cells + i) * step + c]);
    problem.most.set(key, largest(values, problem.ring.size));
  }
  return problem.most.get(key);
}

// The window's rectangle, as far as it is drawn.
export function frameOf(o, rows, columns) {
  const { conv } = state;
  const edges = [rows, columns].map(([low, high], j) => {
    const start = conv.meets(j + 1, o[j + 1], 0);
    const from = Math.max(start, low);
    return [from - low, Math.min(start + conv.reach[j + 1], high) - from];
  });
  return edges.some(([, long]) => long <= 0) ? null : [edges[0][0], edges[1][0], edges[0][1], edges[1][1]];
}

function drawPager(holder, page, pages, first) {
  holder.hidden = pages < 2;
  if (pages < 2) return;
  const text = say("channelPage", { page: page + 1, pages });
  holder.replaceChildren(
    button("‹", () => set({ channel: Math.max(page - 1, 0) }), { says: say("fewerChannels") }),
    el("span", { text }),
    button("›", () => set({ channel: Math.min(page + 1, pages - 1) }), { says: say("moreChannels") }),
  );
}

// A small picture of the whole plane where only a part is drawn; a click moves the window there.
function makeMap() {
  const canvas = el("canvas", { class: "map", title: say("mapTitle"), "aria-hidden": "true" });
  const words = el("p", { class: "soft small" });
  const element = el("div", { hidden: true }, canvas, words);
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const part = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
    const o = part.map((p, j) => {
      const [low] = state.settings.padding[j + 1];
      const cell = Math.floor(p * (state.problem.size[j + 1] + low));
      return Math.round((cell + low - state.conv.reach[j + 1] / 2) / state.settings.stride[j + 1]);
    });
    moveTo([state.o[0], ...o]);
  });
  return { element, canvas, words };
}

function drawMap(map, rows, columns) {
  const { problem, conv } = state;
  const [, high, wide] = problem.size;
  const cut = high + wide > 0 && (rows[1] - rows[0] < high || columns[1] - columns[0] < wide);
  map.element.hidden = !cut;
  if (!cut) return;
  const scale = Math.min(200 / wide, 120 / high, 4);
  const [w, h] = [Math.max(Math.round(wide * scale), 24), Math.max(Math.round(high * scale), 12)];
  Object.assign(map.canvas, { width: w, height: h });
  const ink = map.canvas.getContext("2d");
  const { channels } = channelsShown();
  const most = sizeOfPlane(state.n, channels[0]);
  const depth = Math.min(Math.max(depthOfX(), 0), problem.size[0] - 1);
  for (let r = 0; r < h; r++) {
    for (let q = 0; q < w; q++) {
      const cell = [depth, Math.floor((r * high) / h), Math.floor((q * wide) / w)];
      ink.fillStyle = shade(conv.xAt(state.n, cell, channels[0]), most) || "transparent";
      ink.fillRect(q, r, 1, 1);
    }
  }
  ink.strokeStyle = getComputedStyle(map.canvas).color;
  ink.lineWidth = 2;
  const box = [columns, rows].map(([low, after], j) => {
    const unit = j ? h / high : w / wide;
    return [low * unit, (after - low) * unit];
  });
  ink.strokeRect(box[0][0], box[1][0], box[0][1], box[1][1]);
  retext(map.words, say("mapWords", { rows: rows[1] - rows[0], columns: columns[1] - columns[0], high, wide }));
}

export function makeYPlane() {
  const place = { rows: [0, 0], columns: [0, 0] };
  const out = (r, q) => [state.o[0], place.rows[0] + r, place.columns[0] + q];
  const grid = makeGrid("y", {
    hover: (r, q) => hover({ kind: "y", o: out(r, q) }),
    leave: () => hover(null),
    pick: (r, q) => pin({ kind: "y", o: out(r, q) }),
    move: (r, q) => moveTo([state.o[0], state.o[1] + r, state.o[2] + q]),
  });
  grid.element.id = "y";
  return { element: el("div", { class: "yplane" }, grid.element), grid, place };
}

export function drawYPlane(view, lit, width) {
  const { conv, problem } = state;
  const { n, k } = lit.at;
  const [rows, columns] = viewOfY();
  Object.assign(view.place, { rows, columns });
  const side = sideFor(columns[1] - columns[0], width, 46);
  const values = conv.plane(n, k);
  const most = side < 24 ? largest(values, problem.ring.size) : 0;
  view.grid.element.setAttribute("aria-label", say("yLabel", { k }));
  const wrong = yours();
  const cell = (r, q) => {
    const o = [state.o[0], rows[0] + r, columns[0] + q];
    const value = conv.yAt(n, o, k);
    const chosen = same(o, state.o);
    const differs = wrong?.differs(n, o, k);
    const kind = `${lit.y(o) ? "lit result" : ""}${chosen ? " chosen" : ""}${differs ? " wrong" : ""}`;
    const label = `${differs ? `${say("differs")} ` : ""}${yName(n, o, k)} =`;
    return { value, kind, label, fill: most && !lit.y(o) ? shade(value, most) : "" };
  };
  const active = [state.o[1] - rows[0], state.o[2] - columns[0]];
  drawGrid(view.grid, { rows: rows[1] - rows[0], columns: columns[1] - columns[0], side, cell, active });
}

// A learner's y and where it differs; it belongs to the settings that the page opened with.
let learner = null;
export function yours() {
  const { facts, conv, problem } = state;
  if (!facts.yours || !atStart()) return null;
  learner ||= {
    y: asKind(unpack(facts.yours.y), facts.yours.kind),
    wrong: unpack(facts.yours.wrong),
  };
  const at = (n, o, k) => (n * conv.outs + conv.index(o)) * problem.filters + k;
  return {
    differs: (n, o, k) => learner.wrong[at(n, o, k)] === 1,
    value: (n, o, k) => learner.y[at(n, o, k)],
    differing: facts.yours.differing,
    count: facts.yours.count,
  };
}
