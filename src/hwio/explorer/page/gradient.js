// The third tab: where one number of dx and one of dw come from, in readings that agree.
import { same, times } from "./lists.js";
import { card, choice, el, retext, soft } from "./dom.js";
import { drawGrid, largest, makeGrid, shade, sideFor } from "./grid.js";
import { LETTERS, viewOf } from "./geometry.js";
import { leftover } from "./backward.js";
import { set, setOnes, state } from "./state.js";
import { channelOf, filterOf, imageOf, outOf, wName, xName, yName } from "./format.js";
import { MOST } from "./planes.js";
import { triple } from "./arithmetic.js";
import { written } from "./numbers.js";
import { say } from "./words.js";

const MOST_FILTERS = 8;
const MOST_WINDOWS = 30;

// The cell of x whose gradient is shown; by default one in the middle of the chosen window.
export function chosenCell() {
  const { conv, problem } = state;
  const size = problem.size;
  if (state.cell && state.cell.p.every((p, a) => p < size[a])) return state.cell;
  const p = size.map((n, a) => {
    const middle = conv.meets(a, state.o[a], Math.floor(problem.kernel[a] / 2));
    return Math.min(Math.max(middle, 0), n - 1);
  });
  return { p, c: conv.firstChannel(state.k) };
}

export function makeGradient() {
  const view = { rows: [0, 0], columns: [0, 0] };
  const cellAt = (r, q) => [chosenCell().p[0], view.rows[0] + r, view.columns[0] + q];
  const pick = (r, q) => set({ cell: { p: cellAt(r, q), c: chosenCell().c } });
  const move = (r, q) => {
    const { p, c } = chosenCell();
    const next = [p[0], p[1] + r, p[2] + q].map((v, a) => Math.min(Math.max(v, 0), state.problem.size[a] - 1));
    set({ cell: { p: next, c } });
  };
  view.grid = makeGrid("dx", { pick, move });
  view.dw = makeGrid("dw", { pick: (r, q) => set({ tapOfDw: [0, r, q] }) });
  view.channel = choice(say("channel"), [], (c) => set({ cell: { p: chosenCell().p, c: Number(c) } }));
  view.loss = choice(say("loss"), [["y", say("lossY")], ["ones", say("lossOnes")]], (kind) => setOnes(kind === "ones"));
  view.left = el("p", { class: "soft small", id: "leftover" });
  view.scatter = el("div", {});
  view.gather = el("div", { class: "gathered" });
  view.scatterTotal = el("p", { class: "total", id: "scatter-total" });
  view.gatherTotal = el("p", { class: "total", id: "gather-total" });
  view.verdict = el("p", { class: "verdict", role: "status", id: "verdict" });
  view.dwWords = el("p", { class: "small" });
  view.title = el("h2", {});
  const grids = card(
    "dx",
    view.title,
    el("p", { class: "line" }, el("label", {}, `${say("channel")} `, view.channel), el("label", {}, `${say("loss")} `, view.loss)),
    view.grid.element,
    view.left,
    el("h2", { text: say("dwTitle") }),
    view.dw.element,
    view.dwWords,
  );
  const views = card(
    say("twoViews"),
    view.verdict,
    el("h2", { text: say("scatterTitle") }),
    el("p", { class: "lead", text: say("scatterLead") }),
    view.scatter,
    view.scatterTotal,
    el("h2", { text: say("gatherTitle") }),
    el("p", { class: "lead", text: say("gatherLead") }),
    view.gather,
    view.gatherTotal,
  );
  return { element: el("div", { class: "two" }, grids, views), draw: () => drawGradient(view) };
}

function drawGradient(view) {
  const { backward, n } = state;
  const { p, c } = chosenCell();
  drawDx(view, p, c);
  const name = xName(n, p, c, "dx");
  const scattered = backward.scattered(n, p, c);
  const gathered = backward.gathered(n, p, c);
  retext(view.title, `${name} = ${written(scattered.total)}`);
  view.scatter.replaceChildren(scatterTable(scattered, c));
  retext(view.scatterTotal, say("scatterTotal", { name, total: written(scattered.total) }));
  view.gather.replaceChildren(...gatherBlocks(gathered));
  retext(view.gatherTotal, say("gatherTotal", { name, total: written(gathered.total) }));
  const { ring } = state.problem;
  const scale = scattered.rows.reduce((s, row) => s + row.parts.reduce((a, e) => a + ring.size(e.product), 0), 0);
  const gap = ring.size(ring.add(scattered.total, negative(gathered.total)));
  const agree = !(gap > 1e-12 * Math.max(scale, 1e-300));
  retext(view.verdict, agree ? say("viewsAgree") : say("viewsDiffer", { gap }));
  view.verdict.classList.toggle("bad", !agree);
  drawDw(view);
  view.loss.value = state.ones ? "ones" : "y";
}

function negative(v) {
  return typeof v === "object" ? { re: -v.re, im: -v.im } : -v;
}

function drawDx(view, p, c) {
  const { problem, backward, n } = state;
  if (view.channel.length !== problem.channels) {
    view.channel.replaceChildren(
      ...times(problem.channels, (j) => el("option", { value: j, text: channelOf(j) })),
    );
  }
  view.channel.value = String(c);
  [view.rows, view.columns] = [1, 2].map((a) => viewOf(0, problem.size[a], [p[a], p[a] + 1], MOST));
  const dx = backward.dxPlane(n, c);
  const most = largest(dx, problem.ring.size);
  const empty = problem.size.map((_, a) => new Set(leftover(state.conv, a)));
  const seen = new Set(state.conv.meetings(p).map(({ o }) => String(o)));
  const side = sideFor(view.columns[1] - view.columns[0], Math.min(view.grid.element.parentElement.clientWidth || 380, 420), 46);
  view.grid.element.setAttribute("aria-label", say("dxLabel", { c: channelOf(c) }));
  drawGrid(view.grid, {
    rows: view.rows[1] - view.rows[0],
    columns: view.columns[1] - view.columns[0],
    side,
    active: [p[1] - view.rows[0], p[2] - view.columns[0]],
    cell: (r, q) => {
      const at = [p[0], view.rows[0] + r, view.columns[0] + q];
      const value = dx[(at[0] * problem.size[1] + at[1]) * problem.size[2] + at[2]];
      const unread = at.some((v, a) => empty[a].has(v));
      const chosen = same(at, p);
      const kind = `${unread ? "pad" : ""}${chosen ? " lit result chosen" : ""}`;
      return { value, kind, label: `${xName(n, at, c, "dx")} =`, fill: side < 24 && !chosen ? shade(value, most) : "" };
    },
  });
  retext(view.left, leftoverWords(empty, seen.size));
}

function leftoverWords(empty, windows) {
  const lines = state.problem.axes
    .filter((a) => empty[a].size)
    .map((a) => say("leftover", { axis: LETTERS[a], cells: [...empty[a]].join(", ") }));
  return [say("windowsSaw", { windows }), ...(lines.length ? lines : [say("noLeftover")])].join(" ");
}

function scatterTable({ rows }, c) {
  const few = rows.slice(0, MOST_WINDOWS).map(({ o, t, parts, sum }) => {
    const { conv } = state;
    const [k, last] = [parts[0].k, filterOf(parts.at(-1).k)];
    const all = parts.length === 1 ? undefined : conv.groups === 1 ? ":" : `${filterOf(k)}:${last + 1}`;
    const weight = wName(conv.stored(t), c % conv.groupChannels, k, "w", all);
    const window = yName(state.n, o, k, all);
    return el("tr", {}, el("td", { text: `d${window}` }), el("td", { text: `· ${weight}` }), el("td", { class: "num", text: written(sum) }));
  });
  const rest = rows.length - few.length;
  if (rest > 0) few.push(el("tr", {}, el("td", { colspan: 3, text: say("moreRows", { rest }) })));
  if (!rows.length) few.push(el("tr", {}, el("td", { text: say("noWindow") })));
  return el("table", { class: "list" }, el("tbody", {}, few));
}

function gatherBlocks({ filters }) {
  const { taps } = state.conv;
  return filters.slice(0, MOST_FILTERS).map(({ k, parts, sum }) => {
    const head = el("h3", {}, say("filterK", { k: filterOf(k) }), el("span", { class: "sum", text: ` Σ ${written(sum)}` }));
    const grids = taps > 25 ? null : triple(parts.slice(0, taps), "dy", ["dy", say("turned"), say("product")]);
    return el("div", { class: "channel" }, head, grids);
  }).concat(filters.length > MOST_FILTERS ? [soft(say("moreFilters", { rest: filters.length - MOST_FILTERS }))] : []);
}

function drawDw(view) {
  const { conv, backward, problem, k } = state;
  const i = chosenCell().c % conv.groupChannels;
  const [, high, wide] = problem.kernel;
  const chosen = (state.tapOfDw || [0, 0, 0]).map((v, a) => Math.min(v, problem.kernel[a] - 1));
  const depth = Math.min(state.depth, problem.kernel[0] - 1);
  const side = sideFor(wide, 300, 46);
  view.dw.element.setAttribute("aria-label", say("dwLabel", { k: filterOf(k) }));
  const key = `${state.n} ${i} ${k} ${depth} ${state.ones} ${JSON.stringify(state.settings)}`;
  if (view.dwKey !== key) {
    view.dwKey = key;
    view.dwValues = times(high * wide, (j) => backward.dw([depth, Math.floor(j / wide), j % wide], i, k));
  }
  drawGrid(view.dw, {
    rows: high,
    columns: wide,
    side,
    active: [chosen[1], chosen[2]],
    cell: (r, q) => ({
      value: view.dwValues[r * wide + q],
      kind: r === chosen[1] && q === chosen[2] ? "lit chosen" : "",
      label: `${wName(conv.stored([depth, r, q]), i, k, "dw")} =`,
    }),
  });
  const t = [depth, chosen[1], chosen[2]];
  const name = wName(conv.stored(t), i, k, "dw");
  const total = written(view.dwValues[chosen[1] * wide + chosen[2]]);
  const images = problem.images > 1 ? say("overImages", { images: problem.images }) : "";
  retext(view.dwWords, say("dwWords", { name, total, outs: conv.outs, images, db: written(backward.db(k)), k: filterOf(k) }));
}
