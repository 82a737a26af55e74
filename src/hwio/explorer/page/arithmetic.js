// What is looked at, as arithmetic: the products of one number of y, or where a cell or weight goes.
import { el, soft } from "./dom.js";
import { sameNumber, written } from "./numbers.js";
import { state } from "./state.js";
import { channelOf, filterName, signed, windowName, wName, xName, yName } from "./format.js";
import { TINTS, channelsShown, yours } from "./planes.js";
import { say } from "./words.js";

const MOST_TAPS = 25;
const MOST_ROWS = 40;

export function makeArithmetic() {
  const title = el("p", { class: "formula" });
  const body = el("div", { class: "products" });
  const total = el("p", { class: "total", id: "total" });
  const element = el("section", { class: "card arithmetic", says: say("arithmetic") }, title, body, total);
  return { element, title, body, total };
}

export function drawArithmetic(view, lit) {
  const draw = { y: drawNumber, x: drawCell, w: drawWeight }[lit.at.kind];
  draw(view, lit);
}

function drawNumber(view, { at }) {
  const { conv } = state;
  const found = conv.trace(at.n, at.o, at.k);
  const from = windowName(at.n, at.o, at.k);
  const b = found.bias === undefined ? "" : ` + b[${at.k}]`;
  const times = `${from.outside ? say("paddedX") : ""}${from.name} · ${filterName(at.k)}${b}`;
  view.title.replaceChildren(
    el("b", { text: yName(at.n, at.o, at.k) }),
    ` = Σ ${times} = `,
    el("b", { class: "resultText", text: written(found.value) }),
  );
  const { channels } = channelsShown();
  const blocks = found.channels.filter(({ c }) => channels.includes(c)).map(block);
  const rest = found.channels.length - blocks.length;
  if (rest > 0) blocks.push(el("p", { class: "soft", text: say("moreChannelsSummed", { rest }) }));
  view.body.replaceChildren(...blocks);
  view.total.replaceChildren(...totalLine(found, at));
}

function totalLine(found, at) {
  const few = found.channels.length <= 12;
  const sums = few
    ? found.channels.map(({ sum }, j) => signed(sum, j === 0)).join("")
    : say("sumOfChannels", { count: found.channels.length, total: written(found.total) });
  const bias = found.bias === undefined ? "" : `${signed(found.bias)} ${say("isBias")}`;
  const { clip } = state.problem;
  const before = found.bias === undefined ? found.total : state.problem.ring.add(found.total, found.bias);
  const clipped = clip && !sameNumber(before, found.value) ? ` → ${say("activation")}` : "";
  const line = [`${sums}${bias}${clipped} = `, el("b", { class: "resultText", text: written(found.value) })];
  const wrong = yours();
  if (wrong?.differs(at.n, at.o, at.k)) {
    const theirs = written(wrong.value(at.n, at.o, at.k), 6);
    line.push(el("span", { class: "yours", text: say("yoursHere", { theirs, right: written(found.value, 6) }) }));
  }
  return line;
}

// One channel: window × weights = products, and their sum.
function block({ c, parts, sum }, j) {
  const tint = TINTS[j % TINTS.length];
  const head = el("h3", {}, `c=${channelOf(c)}`, el("span", { class: "sum", text: ` Σ ${written(sum)}` }));
  const box = el("div", { class: "channel" }, head);
  box.style.setProperty("--tint", tint);
  if (parts.length > MOST_TAPS) {
    box.append(soft(say("tapsSummed", { count: parts.length })));
    return box;
  }
  box.append(triple(parts, "x", ["x", "w", say("product")]));
  return box;
}

function table(parts, key, label) {
  const columns = state.problem.kernel[2];
  const rows = [];
  for (let i = 0; i < parts.length; i += columns) {
    const cells = parts.slice(i, i + columns).map((part) =>
      el("td", { class: key !== "w" && part.outside ? "pad" : "", text: written(part[key], 3) }),
    );
    rows.push(el("tr", {}, cells));
  }
  return el("table", { class: "mini", says: label }, el("tbody", {}, rows));
}

// Left × w = products, as small tables.
export function triple(parts, key, names) {
  const grid = (name, j) => table(parts, name, names[j]);
  return el("div", { class: "triple" }, grid(key, 0), "×", grid("w", 1), "=", grid("product", 2));
}

function drawCell(view, { at, seen }) {
  const { conv } = state;
  const value = conv.xAt(at.n, at.cell, at.c);
  view.title.replaceChildren(el("b", { text: xName(at.n, at.cell, at.c) }), ` = ${written(value)}`);
  const first = conv.firstChannel(at.k);
  const inside = at.c >= first && at.c < first + conv.groupChannels;
  const key = !inside ? "cellOtherGroup" : seen.length ? "cellSeen" : "cellUnseen";
  view.total.replaceChildren(say(key, { count: seen.length, k: at.k }));
  const rows = seen.slice(0, MOST_ROWS).map(({ o, t }) => {
    const w = conv.wAt(t, at.c - first, at.k);
    const product = state.problem.ring.mul(value, w);
    const names = [yName(at.n, o, at.k), wName(conv.stored(t), at.c - first, at.k)];
    return el("tr", {}, el("td", { text: names[0] }), el("td", { text: `+= ${written(value)} × ${names[1]}` }), el("td", { text: `= ${written(product)}` }));
  });
  view.body.replaceChildren(el("table", { class: "list" }, el("tbody", {}, rows)));
}

function drawWeight(view, { at }) {
  const { conv } = state;
  const value = conv.wAt(at.t, at.i, at.k);
  const c = channelOf(conv.firstChannel(at.k) + at.i);
  view.title.replaceChildren(el("b", { text: wName(conv.stored(at.t), at.i, at.k) }), ` = ${written(value)}`);
  view.body.replaceChildren(el("p", { text: say("weightMeets", { outs: conv.outs, c, k: at.k }) }));
  view.total.replaceChildren(say("weightOnce"));
}

// The same as plain text, for notes.
export function asText() {
  const { conv, facts } = state;
  const found = conv.trace(state.n, state.o, state.k);
  const from = windowName(state.n, state.o, state.k);
  const lines = [
    `x ${facts.layout.x} (${facts.shapes.x.join(", ")})   w ${facts.layout.w} (${facts.shapes.w.join(", ")})`,
    `${yName(state.n, state.o, state.k)} = sum of ${from.name} * ${filterName(state.k)} = ${written(found.value)}`,
  ];
  for (const { c, parts, sum } of found.channels) {
    lines.push(`c=${channelOf(c)}  sum ${written(sum)}`);
    for (let i = 0; i < parts.length && parts.length <= MOST_TAPS; i += state.problem.kernel[2]) {
      const row = parts.slice(i, i + state.problem.kernel[2]);
      const of = (key) => row.map((part) => written(part[key], 3).padStart(8)).join("");
      lines.push(`   ${of("x")}   x${of("w")}   =${of("product")}`);
    }
  }
  if (found.bias !== undefined) lines.push(`bias  ${written(found.bias)}`);
  lines.push(`total  ${written(found.value)}`);
  return `${lines.join("\n").replace(/−/g, "-")}\n`;
}
