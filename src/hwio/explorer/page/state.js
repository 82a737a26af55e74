// What is chosen, and the link that says it. Views read `state` and ask for changes here.
import { Convolution, readProblem, readSettings } from "./sums.js";
import { WORDS_OF_PADDING, changed, obstacle, withPadding } from "./geometry.js";
import { Backward } from "./backward.js";

export const TABS = ["slide", "matrix", "gradient", "transposed", "code", "quiz"];
export const state = {};
const watchers = [];
let waiting = false;

export function start(facts) {
  const problem = readProblem(facts);
  const first = readSettings(facts);
  const [n, ...rest] = facts.at;
  const k = rest.pop();
  Object.assign(state, {
    facts,
    problem,
    first,
    settings: first,
    tab: "slide",
    n,
    o: [...Array(3 - problem.dims).fill(0), ...rest],
    k,
    hover: null,
    pin: null,
    printed: false,
    depth: 0,
    channel: 0,
    ones: false,
    cell: null,
    more: [0, 0, 0],
    stamped: null,
    note: "",
    code: 0,
  });
  settle();
}

// What follows from the settings; places that no longer exist move to the nearest that do.
function settle() {
  state.conv = new Convolution(state.problem, state.settings);
  state.backward = new Backward(state.conv, state.ones);
  state.o = state.o.map((v, a) => Math.min(v, state.conv.out[a] - 1));
  state.more = state.more.map((v, a) => Math.min(v, state.settings.stride[a] - 1));
  state.pin = null;
  state.hover = null;
}

export const atStart = () => JSON.stringify(state.settings) === JSON.stringify(state.first);

export function watch(draw) {
  watchers.push(draw);
}

export function redraw() {
  watchers.forEach((draw) => draw());
}

// Draw once, however many changes a frame brings.
export function later() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    redraw();
  });
}

export function set(values) {
  Object.assign(state, values);
  redraw();
}

export function setOption(change) {
  const { settings, note } = changed(state.problem, state.settings, change);
  state.settings = settings;
  state.note = note;
  settle();
  redraw();
}

export function reset() {
  state.settings = state.first;
  state.note = "";
  settle();
  redraw();
}

export function setOnes(ones) {
  state.ones = ones;
  state.backward = new Backward(state.conv, ones);
  redraw();
}

// What is looked at: the pin, else what the pointer is on, else the chosen number of y.
export function focus() {
  const found = state.pin || state.hover || { kind: "y", o: state.o };
  return { n: state.n, k: state.k, ...found };
}

export function hover(thing) {
  state.hover = thing;
  later();
}

export function pin(thing) {
  state.pin = thing;
  if (thing?.kind === "y") state.o = thing.o;
  if (thing?.k !== undefined) state.k = thing.k;
  redraw();
}

export function moveTo(o) {
  state.o = o.map((v, a) => Math.min(Math.max(v, 0), state.conv.out[a] - 1));
  if (state.pin?.kind === "y") state.pin = { kind: "y", o: state.o };
  else state.pin = null;
  state.hover = null;
  redraw();
}

export function moveFilter(k) {
  state.k = Math.min(Math.max(k, 0), state.problem.filters - 1);
  if (state.pin && "k" in state.pin) state.pin = { ...state.pin, k: state.k };
  state.hover = null;
  redraw();
}

export function writeLink() {
  const s = state.settings;
  const { axes } = state.problem;
  const of = (values) => axes.map((a) => values[a]).join(",");
  const parts = {
    tab: state.tab,
    at: [state.n, of(state.o), state.k].join(","),
    stride: of(s.stride),
    dilation: of(s.dilation),
    padding: s.word || axes.map((a) => s.padding[a].join(":")).join(","),
    mode: s.mode,
    groups: s.groups,
    flip: s.flip ? 1 : 0,
    print: state.printed ? 1 : 0,
    pin: state.pin?.kind === "y" ? 1 : 0,
  };
  return `#${Object.entries(parts).map((pair) => pair.join("=")).join("&")}`;
}

// Read a link; whatever in it is not legal here is left as it was.
export function readLink(text) {
  const parts = Object.fromEntries(
    text.replace(/^#/, "").split("&").map((part) => part.split("=")),
  );
  const { axes, dims, images, filters } = state.problem;
  const whole = (given, count, least) => {
    const found = String(given ?? "").split(",").map(Number);
    const fine = found.length === count && found.every((v) => Number.isInteger(v) && v >= least);
    return fine ? found : null;
  };
  const spread = (values, old) => old.map((v, a) => (axes.includes(a) ? values[a - 3 + dims] : v));
  const next = { ...state.settings };
  for (const name of ["stride", "dilation"]) {
    const found = whole(parts[name], dims, 1);
    if (found && found.every((v) => v <= 1e4)) next[name] = spread(found, next[name]);
  }
  if (WORDS_OF_PADDING.includes(parts.padding) && (parts.padding !== "causal" || dims === 1)) {
    next.word = parts.padding;
  } else if (parts.padding) {
    const pairs = parts.padding.split(",").map((pair) => pair.split(":").map(Number));
    const fine = (v) => Number.isInteger(v) && v >= 0 && v <= 1e4;
    if (pairs.length === dims && pairs.every((p) => p.length === 2 && p.every(fine))) {
      next.word = "";
      next.padding = spread(pairs, next.padding);
    }
  }
  if (["zeros", "edge", "reflect", "symmetric", "wrap"].includes(parts.mode)) next.mode = parts.mode;
  if (parts.flip === "0" || parts.flip === "1") next.flip = parts.flip === "1";
  const padded = withPadding(state.problem, next);
  if (!obstacle(state.problem, padded)) state.settings = padded;
  const groups = whole(parts.groups, 1, 1);
  if (groups) {
    const change = { name: "groups", value: groups[0] };
    state.settings = changed(state.problem, state.settings, change).settings;
  }
  settle();
  if (TABS.includes(parts.tab)) state.tab = parts.tab;
  const at = whole(parts.at, dims + 2, 0);
  if (at) {
    state.n = Math.min(at[0], images - 1);
    state.o = spread(at.slice(1, -1), state.o).map((v, a) => Math.min(v, state.conv.out[a] - 1));
    state.k = Math.min(at[dims + 1], filters - 1);
  }
  state.printed = parts.print === "1";
  if (parts.pin === "1") state.pin = { kind: "y", o: state.o };
}
