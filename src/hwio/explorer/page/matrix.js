// The second tab: every window a row, every filter a column, and one matrix product.
import { same, times } from "./lists.js";
import { card, el, retext } from "./dom.js";
import { drawGrid, largest, makeGrid, shade } from "./grid.js";
import { viewOf } from "./geometry.js";
import { focus, hover, moveTo, moveFilter, pin, state } from "./state.js";
import { filterName, filterOf, wName, windowName, xName, yName } from "./format.js";
import { written } from "./numbers.js";
import { say } from "./words.js";

const ROWS = 24;
const COLUMNS = 48;
const FILTERS = 16;

// Column j of the patch matrix is tap t, channel i: the order "HWI" of the weights.
function column(j) {
  const { conv } = state;
  return { t: conv.tapsOf()[Math.floor(j / conv.groupChannels)], i: j % conv.groupChannels };
}

export function makeMatrix() {
  const view = { rows: [0, 0], columns: [0, 0], filters: [0, 0] };
  const patch = (r, q) => {
    const { conv } = state;
    const { t, i } = column(view.columns[0] + q);
    const o = conv.place(view.rows[0] + r);
    const cell = t.map((v, a) => conv.source[a][o[a]][v]);
    return cell.includes(-1) ? { kind: "y", o } : { kind: "x", cell, c: conv.firstChannel(state.k) + i, o, t };
  };
  const weight = (r, q) => ({ kind: "w", ...column(view.columns[0] + r), k: view.filters[0] + q });
  const number = (r, q) => ({ kind: "y", o: state.conv.place(view.rows[0] + r), k: view.filters[0] + q });
  const leave = () => hover(null);
  view.patches = makeGrid(say("patchMatrix"), { hover: (r, q) => hover(patch(r, q)), leave, pick: (r, q) => pin(patch(r, q)) });
  view.weights = makeGrid(say("weightMatrix"), { hover: (r, q) => hover(weight(r, q)), leave, pick: (r, q) => pin(weight(r, q)) });
  const move = (r, q) => {
    moveTo(state.conv.place(Math.min(Math.max(state.conv.index(state.o) + r, 0), state.conv.outs - 1)));
    if (q) moveFilter(state.k + q);
  };
  view.numbers = makeGrid(say("yMatrix"), { hover: (r, q) => hover(number(r, q)), leave, pick: (r, q) => pin(number(r, q)), move });
  view.words = el("p", { class: "formula", id: "matrix-words" });
  view.counts = el("p", { class: "soft small" });
  const cell = (name, title, grid) => {
    view[name] = el("h3", {});
    return el("div", { class: `piece ${title}` }, view[name], el("div", { class: "scroll", tabindex: "-1" }, grid.element));
  };
  const product = el(
    "div",
    { class: "product" },
    el("div", { class: "about" }, el("p", { class: "lead", text: say("matrixLead") }), view.words, view.counts),
    cell("weightTitle", "weights", view.weights),
    cell("patchTitle", "patches", view.patches),
    cell("numberTitle", "numbers", view.numbers),
  );
  const element = card(say("matrixTab"), product);
  return { element, draw: () => drawMatrix(view) };
}

function drawMatrix(view) {
  const { conv, problem } = state;
  const at = focus();
  const o = at.kind === "y" ? at.o : at.o || state.o;
  const row = conv.index(at.kind === "w" ? state.o : o);
  const base = conv.index(state.o);
  view.rows = viewOf(0, conv.outs, [base, base + 1], ROWS);
  view.columns = viewOf(0, conv.depth, [0, 1], COLUMNS);
  const group = Math.floor(at.k / conv.groupFilters) * conv.groupFilters;
  view.filters = viewOf(group, group + conv.groupFilters, [at.k, at.k + 1], FILTERS);
  const [high, wide, many] = [view.rows, view.columns, view.filters].map(([a, b]) => b - a);
  const most = largest(problem.x, problem.ring.size);
  const mostW = largest(problem.w, problem.ring.size);
  const mostY = largest(conv.plane(at.n, at.k), problem.ring.size);
  const first = conv.firstChannel(at.k);
  const columns = times(wide, (j) => column(view.columns[0] + j));
  const lit = (r, q) => r === row || (at.kind === "w" && same(columns[q].t, at.t) && columns[q].i === at.i);
  drawGrid(view.patches, {
    rows: high,
    columns: wide,
    side: 15,
    cell: (r, q) => {
      const place = conv.place(view.rows[0] + r);
      const { t, i } = columns[q];
      const cell = t.map((v, a) => conv.source[a][place[a]][v]);
      const outside = cell.includes(-1);
      const value = outside ? problem.ring.zero : conv.xAt(at.n, cell, first + i);
      const copied = at.kind === "x" && same(cell, at.cell) && first + i === at.c;
      const on = lit(view.rows[0] + r, q);
      const kind = `${outside ? "pad" : ""}${copied ? " copy" : on ? " band" : ""}`;
      return { value, kind, label: outside ? say("paddingCell") : `${xName(at.n, cell, first + i)} =`, fill: shade(value, most) };
    },
  });
  drawGrid(view.weights, {
    rows: wide,
    columns: many,
    side: 15,
    cell: (r, q) => {
      const { t, i } = columns[r];
      const k = view.filters[0] + q;
      const value = conv.wAt(t, i, k);
      const one = at.kind === "w" && same(t, at.t) && i === at.i && k === at.k;
      return { value, kind: one ? "copy" : k === at.k ? "band" : "", label: `${wName(conv.stored(t), i, k)} =`, fill: shade(value, mostW) };
    },
  });
  drawGrid(view.numbers, {
    rows: high,
    columns: many,
    side: 15,
    active: [base - view.rows[0], Math.max(state.k - view.filters[0], 0)],
    cell: (r, q) => {
      const place = conv.place(view.rows[0] + r);
      const k = view.filters[0] + q;
      const value = conv.yAt(at.n, place, k);
      const on = view.rows[0] + r === row && k === at.k;
      return { value, kind: on ? "copy result" : "", label: `${yName(at.n, place, k)} =`, fill: shade(value, mostY) };
    },
  });
  titles(view, at, row);
}

function titles(view, at, row) {
  const { conv, problem, facts } = state;
  const o = conv.place(row);
  retext(view.patchTitle, say("patches", { rows: conv.outs * problem.images, columns: conv.depth }));
  retext(view.weightTitle, say("weightsAs", { rows: conv.depth, columns: conv.groupFilters }));
  retext(view.numberTitle, say("numbersAs", { rows: conv.outs * problem.images, columns: conv.groupFilters }));
  let text;
  if (at.kind === "x") {
    const copies = conv.meetings(at.cell).length;
    text = say("copied", { name: xName(at.n, at.cell, at.c), value: written(conv.xAt(at.n, at.cell, at.c)), copies });
  } else if (at.kind === "w") {
    text = say("weightColumn", { name: wName(conv.stored(at.t), at.i, at.k), k: filterOf(at.k) });
  } else {
    text = say("rowTimesColumn", {
      y: yName(at.n, o, at.k),
      value: written(conv.yAt(at.n, o, at.k)),
      row,
      window: windowName(at.n, o, at.k).name,
      filter: filterName(at.k),
    });
  }
  retext(view.words, text);
  const size = conv.outs * problem.images * conv.depth;
  const cells = problem.x.length;
  const cut = view.rows[1] - view.rows[0] < conv.outs || view.columns[1] < conv.depth;
  const more = cut ? ` ${say("matrixCut", { rows: view.rows.join("…"), columns: view.columns.join("…") })}` : "";
  const groups = conv.groups > 1 ? ` ${say("matrixGroups", { groups: conv.groups })}` : "";
  retext(view.counts, say("matrixCounts", { size, times: (size / cells).toFixed(1) }) + groups + more + (facts.whole ? "" : ` ${say("ofThePart")}`));
}
