// Where weights lie in memory: one strip for each order of axes, a cell for each number.
import { el, retext, svg } from "./dom.js";
import { LETTERS } from "./geometry.js";
import { hover, pin, state } from "./state.js";
import { wName, filterOf } from "./format.js";
import { ordinal, say } from "./words.js";

const MOST_OFFSETS = 480;

function ordersOf() {
  const { facts } = state;
  const space = facts.letters;
  const named = [`${space}IO`, `O${space}I`, `OI${space}`];
  const own = facts.layout.w;
  return own.includes("M") || named.includes(own) ? named : [...named, own];
}

function sizesOf() {
  const { facts, problem } = state;
  const sizes = { I: facts.sizes.i, O: facts.sizes.k };
  problem.axes.forEach((a) => (sizes[LETTERS[a]] = problem.kernel[a]));
  return sizes;
}

function offsetOf(order, sizes, { t, i, k }) {
  const places = { I: i, O: filterOf(k) };
  state.problem.axes.forEach((a) => (places[LETTERS[a]] = t[a]));
  return [...order].reduce((n, letter) => n * sizes[letter] + places[letter], 0);
}

// The weight at an offset, or null where the page does not hold it; t is as stored.
function weightAt(order, sizes, offset) {
  const places = {};
  for (const letter of [...order].reverse()) {
    places[letter] = offset % sizes[letter];
    offset = Math.floor(offset / sizes[letter]);
  }
  const k = places.O - state.facts.start.k;
  const { problem, conv } = state;
  if (k < 0 || k >= problem.filters || places.I >= conv.groupChannels) return null;
  return { t: LETTERS.map((letter) => places[letter] ?? 0), i: places.I, k };
}

export function makeStrips() {
  const rows = el("div", { class: "strips" });
  return { element: rows, rows, strips: new Map() };
}

function makeStrip(order) {
  const picture = svg("svg", { preserveAspectRatio: "none", "aria-hidden": "true" });
  const paths = ["other", "mine", "lit"].map((kind) => svg("path", { class: kind }));
  picture.append(...paths);
  const bar = el("div", { class: "bar", role: "slider", tabindex: "0", says: say("stripLabel", { order }) }, picture);
  const words = el("p", { class: "soft small" });
  const strip = { order, bar, picture, paths, words, from: 0, cells: 1, at: 0 };
  strip.element = el("div", { class: "strip" }, el("code", { text: order }), el("div", {}, bar, words));
  const thing = (offset) => {
    const found = weightAt(order, sizesOf(), offset);
    if (!found) return null;
    strip.at = offset;
    return { kind: "w", t: state.conv.stored(found.t), i: found.i, k: found.k };
  };
  const under = (event) => {
    const box = bar.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    return strip.from + Math.min(Math.max(Math.floor(part * strip.cells), 0), strip.cells - 1);
  };
  bar.addEventListener("pointermove", (event) => event.pointerType !== "touch" && hover(thing(under(event))));
  bar.addEventListener("pointerleave", () => hover(null));
  bar.addEventListener("click", (event) => pin(thing(under(event))));
  bar.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!by && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    const total = Object.values(sizesOf()).reduce((a, b) => a * b, 1);
    const next = Math.min(Math.max(strip.at + (by || 0), 0), total - 1);
    (by ? hover : pin)(thing(next));
  });
  return strip;
}

export function drawStrips(view, lit) {
  const orders = ordersOf();
  for (const order of orders) {
    if (!view.strips.has(order)) {
      const strip = makeStrip(order);
      view.strips.set(order, strip);
      view.rows.append(strip.element);
    }
    drawStrip(view.strips.get(order), lit);
  }
}

function drawStrip(strip, lit) {
  const { conv } = state;
  const sizes = sizesOf();
  const total = Object.values(sizes).reduce((a, b) => a * b, 1);
  const { k } = lit.at;
  const first = { t: [0, 0, 0], i: 0, k };
  const exact = lit.at.kind === "w" ? { t: conv.stored(lit.at.t), i: lit.at.i, k } : first;
  const offset = offsetOf(strip.order, sizes, exact);
  strip.cells = Math.min(total, MOST_OFFSETS);
  strip.from = Math.min(Math.max(offset - MOST_OFFSETS / 2, 0), total - strip.cells);
  if (lit.at.kind === "w") strip.at = offset;
  strip.picture.setAttribute("viewBox", `0 0 ${strip.cells} 10`);
  const drawn = { other: "", mine: "", lit: "" };
  for (let j = 0; j < strip.cells; j++) {
    const found = weightAt(strip.order, sizes, strip.from + j);
    const mine = found && found.k === k;
    const on = mine && lit.w(conv.stored(found.t), found.i);
    drawn[on ? "lit" : mine ? "mine" : "other"] += `M${j + 0.08} ${on ? 0 : 1.5}h.84v${on ? 10 : 7}h-.84z`;
  }
  strip.paths.forEach((path) => path.setAttribute("d", drawn[path.getAttribute("class")]));
  const weight = weightAt(strip.order, sizes, strip.at) || exact;
  const name = wName(weight.t, weight.i, weight.k);
  strip.bar.setAttribute("aria-valuemin", "0");
  strip.bar.setAttribute("aria-valuemax", String(total - 1));
  strip.bar.setAttribute("aria-valuenow", String(strip.at));
  strip.bar.setAttribute("aria-valuetext", say("stripAt", { offset: strip.at, name }));
  retext(strip.words, stripWords(strip, sizes, total, lit, offset));
}

function stripWords(strip, sizes, total, lit, offset) {
  const { k } = lit.at;
  const part = strip.cells < total ? ` ${say("stripPart", { from: strip.from, to: strip.from + strip.cells - 1, total })}` : "";
  if (lit.at.kind === "w") {
    return say("stripOne", { offset, name: wName(state.conv.stored(lit.at.t), lit.at.i, k) }) + part;
  }
  const start = offsetOf(strip.order, sizes, { t: [0, 0, 0], i: 0, k });
  const one = strip.order.startsWith("O");
  const step = one ? 1 : sizes.O;
  const count = total / sizes.O;
  const last = start + (count - 1) * step;
  if (one) return say("stripBlock", { start, last, k: filterOf(k) }) + part;
  return say("stripEvery", { start, second: start + step, third: start + 2 * step, last, step: ordinal(step), k: filterOf(k) }) + part;
}
