// One filter, as little grids, and the whole of w as NumPy prints it: the same cells, moved.
import { times } from "./lists.js";
import { button, el, retext } from "./dom.js";
import { decimalsFor, fitted, written } from "./numbers.js";
import { fontFor, signsFor } from "./grid.js";
import { viewOf, LETTERS } from "./geometry.js";
import { hover, moveFilter, pin, set, state } from "./state.js";
import { channelsShown, TINTS } from "./planes.js";
import { among, channelOf, filterName, filterOf, wName } from "./format.js";
import { say } from "./words.js";

const MOST_CELLS = 2400;

export function makeWeights() {
  const stage = el("div", { class: "stage", role: "group" });
  const labels = el("div", { class: "labels", "aria-hidden": "true" });
  const cells = el("div", {});
  stage.append(labels, cells);
  const view = { element: stage, stage, labels, holder: cells, cells: new Map(), key: "" };
  const thing = (event) => {
    const node = event.target.closest?.(".weight");
    return node ? view.things.get(node) : null;
  };
  stage.addEventListener("pointerover", (event) => {
    const found = thing(event);
    if (found && event.pointerType !== "touch") hover(found);
  });
  stage.addEventListener("pointerleave", () => hover(null));
  stage.addEventListener("click", (event) => thing(event) && pin(thing(event)));
  stage.addEventListener("focusin", (event) => {
    if (event.target.matches(":focus-visible")) hover(thing(event));
  });
  stage.addEventListener("keydown", (event) => walkWeights(view, event));
  return view;
}

function walkWeights(view, event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const seen = [...view.holder.querySelectorAll(".weight:not(.away)")];
  const next = seen[seen.indexOf(event.target) + by];
  if (!next) return;
  seen.forEach((node) => node.setAttribute("tabindex", node === next ? "0" : "-1"));
  next.focus();
}

// Which weights are there as cells: all taps, some channels, some filters around the chosen one.
function shown(k) {
  const { conv, problem } = state;
  const { channels, first } = channelsShown();
  const inner = channels.map((c) => c - first);
  const room = Math.max(Math.floor(MOST_CELLS / Math.max(conv.taps * inner.length, 1)), 1);
  const [low, high] = viewOf(0, problem.filters, [k, k + 1], Math.min(8, room));
  return { inner, low, high };
}

function rebuild(view, parts) {
  view.cells.clear();
  view.things = new Map();
  const nodes = [];
  for (let k = parts.low; k < parts.high; k++) {
    for (const i of parts.inner) {
      for (const t of state.conv.tapsOf()) {
        const node = el("button", { type: "button", class: "weight cell away", tabindex: "-1" });
        view.cells.set(node, { t, i, k });
        view.things.set(node, { kind: "w", t, i, k });
        nodes.push(node);
      }
    }
  }
  view.holder.replaceChildren(...nodes);
}

export function drawWeights(view, lit, width) {
  const { k } = lit.at;
  const parts = shown(k);
  const key = JSON.stringify([parts, state.settings.flip, state.conv.groups]);
  if (key !== view.key) {
    view.key = key;
    rebuild(view, parts);
  }
  const layout = state.printed ? printLayout(parts, width) : filterLayout(parts, k, width);
  const { conv } = state;
  view.stage.style.height = `${layout.high}px`;
  view.stage.classList.toggle("printed", state.printed);
  view.stage.setAttribute("aria-label", say(state.printed ? "printLabel" : "filterLabel", { k: filterOf(k) }));
  const signs = signsFor(layout.side, layout.font);
  const mineAll = [...view.cells.values()].filter((own) => own.k === k).map((own) => conv.wAt(own.t, own.i, own.k));
  const decimals = decimalsFor(mineAll, signs);
  let first = true;
  for (const [node, { t, i, k: own }] of view.cells) {
    const place = layout.place(t, i, own);
    const mine = own === k;
    const seen = place && (mine || state.printed);
    node.className = `weight cell${seen ? "" : " away"}${mine && lit.w(t, i) ? " lit" : ""}${mine ? " mine" : ""}`;
    node.style.setProperty("--tint", TINTS[parts.inner.indexOf(i) % TINTS.length]);
    if (!seen) {
      if (mine || !state.printed) node.style.transform ||= "translate(0, 0)";
      continue;
    }
    const value = conv.wAt(t, i, own);
    node.style.transform = `translate(${place[0]}px, ${place[1]}px)`;
    node.style.width = `${layout.side}px`;
    node.style.height = `${layout.rowHigh}px`;
    node.style.fontSize = `${layout.font}px`;
    retext(node, signs > 2 ? fitted(value, signs, decimals) : "");
    node.setAttribute("aria-label", `${wName(conv.stored(t), i, own)} = ${written(value)}`);
    node.setAttribute("tabindex", first ? "0" : "-1");
    first = false;
  }
  drawLabels(view, layout.labels);
}

function drawLabels(view, labels) {
  view.labels.replaceChildren(
    ...labels.map(({ x, y, text, kind = "" }) => {
      const node = el("span", { class: kind, text });
      node.style.transform = `translate(${x}px, ${y}px)`;
      return node;
    }),
  );
}

// A grid for each in-channel: the filter as it meets a window.
function filterLayout({ inner }, k, width) {
  const [, high, wide] = state.problem.kernel;
  const two = inner.length > 1 && (width - 24) / (2 * wide) >= 28;
  const side = Math.max(9, Math.min(40, Math.floor((width - 24) / ((two ? 2 : 1) * wide) - 4)));
  const [stepX, stepY] = [wide * side + 18, high * side + 30];
  const across = two ? Math.max(1, Math.min(2, Math.floor(width / stepX))) : 1;
  const corner = (i) => {
    const j = inner.indexOf(i);
    return [(j % across) * stepX, Math.floor(j / across) * stepY + 20];
  };
  const { dims, kernel } = state.problem;
  const depth = Math.min(state.depth, kernel[0] - 1);
  const slice = dims === 3 ? ` · p=${depth}` : "";
  return {
    side,
    rowHigh: side,
    font: fontFor(side),
    high: Math.ceil(inner.length / across) * stepY + 4,
    place: (t, i) => {
      if (t[0] !== depth) return null;
      const [x, y] = corner(i);
      return [x + t[2] * side, y + t[1] * side];
    },
    labels: inner.map((i) => {
      const [x, y] = corner(i);
      const c = channelOf(state.conv.firstChannel(k) + i);
      return { x, y: y - 17, text: `c=${c}${slice}` };
    }),
  };
}

// All of w, in the order of its own axes: the last across, the one before down, and so on.
function printLayout(parts, width) {
  const { facts, problem, conv } = state;
  const letters = facts.layout.w;
  const many = Math.max(facts.sizes.k / facts.sizes.c, 1);
  const sizes = { O: parts.high - parts.low, I: parts.inner.length, M: many, C: 1 };
  problem.kernel.forEach((n, a) => (sizes[LETTERS[a]] = n));
  if (letters.includes("M")) {
    sizes.M = Math.min(many, sizes.O);
    sizes.C = Math.ceil(sizes.O / sizes.M);
  }
  const at = (t, i, k) => {
    const [d, h, w] = conv.stored(t);
    const o = k - parts.low;
    const own = { D: d, H: h, W: w, I: parts.inner.indexOf(i), O: o };
    return { ...own, C: Math.floor(o / sizes.M), M: o % sizes.M };
  };
  const block = letters[0];
  const [down, across] = letters.slice(-2);
  const middle = [...letters.slice(1, -2)];
  const stack = middle.reduce((n, letter) => n * sizes[letter], 1);
  const side = Math.max(26, Math.min(40, Math.floor(width / 3 / sizes[across]) - 4));
  const rowHigh = 19;
  const [blockWide, pieceHigh] = [sizes[across] * side + 26, sizes[down] * rowHigh + 9];
  const beside = letters.length > 2 ? Math.max(1, Math.floor((width + 12) / blockWide)) : 1;
  const blockHigh = stack * pieceHigh + 24;
  const corner = (b) => [(b % beside) * blockWide + 12, Math.floor(b / beside) * blockHigh + 20];
  const blocks = letters.length > 2 ? sizes[block] : 1;
  return {
    side,
    rowHigh,
    font: 10,
    high: Math.ceil(blocks / beside) * blockHigh,
    place: (t, i, k) => {
      const own = at(t, i, k);
      const [x, y] = corner(letters.length > 2 ? own[block] : 0);
      const piece = middle.reduce((n, letter) => n * sizes[letter] + own[letter], 0);
      return [x + own[across] * side, y + piece * pieceHigh + own[down] * rowHigh];
    },
    labels: times(blocks, (b) => {
      const [x, y] = corner(b);
      const start = block === "O" ? filterOf(parts.low) : 0;
      return { x: x - 10, y: y - 17, text: `w[${b + start}]` };
    }).concat(brackets(blocks, stack, corner, pieceHigh, sizes[down] * rowHigh)),
  };
}

// NumPy's brackets, one pair for each printed matrix.
function brackets(blocks, stack, corner, pieceHigh, high) {
  const found = [];
  for (let b = 0; b < blocks; b++) {
    for (let s = 0; s < stack; s++) {
      const [x, y] = corner(b);
      found.push({ x: x - 10, y: y + s * pieceHigh - 1, text: "[", kind: `bracket high${high > 60 ? "er" : ""}` });
    }
  }
  return found;
}

export function makeFilterHead() {
  const name = el("code", { class: "name" });
  const count = el("span", { class: "soft" });
  const back = button("‹", () => moveFilter(state.k - 1), { says: say("filterBack"), class: "step" });
  const next = button("›", () => moveFilter(state.k + 1), { says: say("filterNext"), class: "step" });
  const asFilters = button(say("asFilters"), () => set({ printed: false }), { id: "as-filters" });
  const asPrinted = button(say("asPrinted"), () => set({ printed: true }), { id: "as-printed" });
  const toggle = el("div", { class: "toggle", role: "group", says: say("weightsView") }, asFilters, asPrinted);
  const element = el("header", {}, el("div", { class: "line" }, back, count, next, name), toggle);
  const draw = (k) => {
    retext(count, say("filterOf", { k: filterOf(k), among: among(state.facts.sizes.k) }));
    retext(name, filterName(k));
    back.disabled = k === 0;
    next.disabled = k === state.problem.filters - 1;
    asFilters.setAttribute("aria-pressed", String(!state.printed));
    asPrinted.setAttribute("aria-pressed", String(state.printed));
  };
  return { element, draw };
}
