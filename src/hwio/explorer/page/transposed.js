// The fourth tab: the transposed convolution. Every number of y stamps its filter onto the result.
import { same, times } from "./lists.js";
import { card, choice, el, retext, soft } from "./dom.js";
import { drawGrid, makeGrid, sideFor } from "./grid.js";
import { LETTERS, viewOf } from "./geometry.js";
import { Transposed } from "./backward.js";
import { focus, set, state } from "./state.js";
import { channelOf, filterOf, wName, yName } from "./format.js";
import { MOST, drawYPlane, frameOf, lights, makeYPlane } from "./planes.js";
import { makePlayer } from "./player.js";
import { written } from "./numbers.js";
import { say } from "./words.js";

export function makeTransposed() {
  const view = { r: { rows: [0, 0], columns: [0, 0] }, input: makeYPlane() };
  const lands = (r, q) => [view.depth, view.r.rows[0] + r, view.r.columns[0] + q];
  view.stamp = makeGrid(say("stamp"), {});
  view.result = makeGrid(say("result"), { pick: (r, q) => set({ stamped: lands(r, q) }), hover: (r, q) => set({ stamped: lands(r, q) }), leave: () => set({ stamped: null }) });
  view.channel = choice(say("channel"), [], (c) => set({ channelOut: Number(c) }));
  view.building = el("input", { type: "checkbox", id: "building", onchange: (event) => set({ building: event.target.checked }) });
  view.sizes = state.problem.axes.map((a) => ({ a, pick: choice(say("outputSize", { axis: LETTERS[a] }), [], (more) => set({ more: state.more.with(a, Number(more)) })) }));
  view.words = el("p", { class: "formula", id: "transposed-words" });
  view.sum = el("p", { class: "total", id: "stamp-total" });
  view.list = el("div", {});
  view.sizeWords = soft("");
  view.player = makePlayer();
  const titled = (title, ...more) => card(title, el("h2", { text: title }), ...more);
  const element = el(
    "div",
    {},
    card(say("transposedTab"), el("p", { class: "lead", text: say("transposedLead") }), view.words),
    el(
      "div",
      { class: "three" },
      titled(say("transposedInput"), view.input.element),
      titled(say("stamp"), view.stamp.element, soft(say("stampWords"))),
      titled(
        say("result"),
        el("p", { class: "line" }, el("label", {}, `${say("channel")} `, view.channel), ...view.sizes.map(({ a, pick }) => el("label", {}, `${LETTERS[a]} `, pick)), el("label", {}, view.building, ` ${say("building")}`)),
        view.result.element,
        view.sum,
        view.list,
        view.sizeWords,
      ),
    ),
    view.player.element,
  );
  return { element, draw: () => drawTransposed(view) };
}

function drawTransposed(view) {
  const { conv, problem } = state;
  const { n, k, o } = place();
  const c = Math.min(state.channelOut ?? conv.firstChannel(k), problem.channels - 1);
  const back = new Transposed(conv, state.more);
  view.depth = Math.min(Math.max(conv.meets(0, o[0], Math.min(state.depth, problem.kernel[0] - 1)), 0), back.size[0] - 1);
  fillChoices(view, back, c);
  drawYPlane(view.input, lights(), 250);
  drawStamp(view, c);
  drawResult(view, back, c);
  const first = conv.firstChannel(k);
  const i = c - first;
  const meets = i >= 0 && i < conv.groupChannels;
  retext(view.words, meets ? say("stampSays", { y: yName(n, o, k), value: written(conv.yAt(n, o, k)), k: filterOf(k), c: channelOf(c) }) : say("stampOther", { c: channelOf(c), k: filterOf(k) }));
  view.player.draw();
}

function fillChoices(view, back, c) {
  const { problem, settings } = state;
  if (view.channel.length !== problem.channels) {
    view.channel.replaceChildren(...times(problem.channels, (j) => el("option", { value: j, text: channelOf(j) })));
  }
  view.channel.value = String(c);
  for (const { a, pick } of view.sizes) {
    const least = back.size[a] - state.more[a];
    const key = `${least} ${settings.stride[a]}`;
    if (pick.dataset.key !== key) {
      pick.dataset.key = key;
      pick.replaceChildren(...times(settings.stride[a], (m) => el("option", { value: m, text: String(least + m) })));
    }
    pick.value = String(state.more[a]);
  }
  const sizes = problem.axes.map((a) => `${LETTERS[a]}: (${state.conv.out[a]}−1)·${settings.stride[a]} + ${state.conv.reach[a]} − ${settings.padding[a][0]} − ${settings.padding[a][1]} + ${state.more[a]} = ${back.size[a]}`);
  const several = problem.axes.some((a) => settings.stride[a] > 1);
  retext(view.sizeWords, `${sizes.join(" · ")}. ${say(several ? "sizesMany" : "sizesOne")}`);
}

// The input that stamps: the one looked at, else the chosen one.
function place() {
  const at = focus();
  return { n: state.n, k: at.k, o: at.kind === "y" ? at.o : state.o };
}

function drawStamp(view, c) {
  const { conv, problem } = state;
  const { n, k, o } = place();
  const [, high, wide] = problem.kernel;
  const i = c - conv.firstChannel(k);
  const inside = i >= 0 && i < conv.groupChannels;
  const y = conv.yAt(n, o, k);
  const depth = Math.min(state.depth, problem.kernel[0] - 1);
  drawGrid(view.stamp, {
    rows: high,
    columns: wide,
    side: sideFor(wide, 220, 46),
    cell: (r, q) => {
      const t = [depth, r, q];
      const value = inside ? problem.ring.mul(y, conv.wAt(t, i, k)) : problem.ring.zero;
      return { value, kind: "lit", label: inside ? `${wName(conv.stored(t), i, k)} ×` : "" };
    },
  });
}

function drawResult(view, back, c) {
  const { conv } = state;
  const { n, o } = place();
  const [rows, columns] = [1, 2].map((a) => {
    const start = conv.meets(a, o[a], 0);
    return viewOf(0, back.size[a], [Math.max(start, 0), start + conv.reach[a]], MOST);
  });
  Object.assign(view.r, { rows, columns });
  const side = sideFor(columns[1] - columns[0], Math.min(view.result.element.parentElement.clientWidth || 380, 420), 46);
  const stops = [0, 1, 2].map((a) => new Set(times(conv.problem.kernel[a], (t) => conv.meets(a, o[a], t))));
  const until = state.building ? conv.index(o) + 1 : conv.outs;
  const cell = (r, q) => {
    const at = [view.depth, rows[0] + r, columns[0] + q];
    const { total } = back.at(n, at, c, until);
    const lit = at.every((v, a) => stops[a].has(v));
    const chosen = same(at, state.stamped);
    return { value: total, kind: `${lit ? "lit" : ""}${chosen ? " chosen" : ""}`, label: `[${at.slice(3 - conv.problem.dims)}] =` };
  };
  const frame = frameOf(o, rows, columns);
  drawGrid(view.result, { rows: rows[1] - rows[0], columns: columns[1] - columns[0], side, cell, frame });
  listLanding(view, back, c, until);
}

function listLanding(view, back, c, until) {
  const { n } = state;
  const at = state.stamped && state.stamped.every((v, a) => v < back.size[a]) ? state.stamped : null;
  if (!at) {
    retext(view.sum, say("pointAtResult"));
    view.list.replaceChildren();
    return;
  }
  const { rows, total } = back.at(n, at, c, until);
  retext(view.sum, say("landed", { at: at.slice(3 - state.problem.dims).join(", "), total: written(total), stamps: rows.length }));
  view.list.replaceChildren(
    el("table", { class: "list" }, el("tbody", {}, rows.slice(0, 16).map(({ o, sum }) =>
      el("tr", {}, el("td", { text: say("stampFrom", { o: o.slice(3 - state.problem.dims).join(", ") }) }), el("td", { class: "num", text: written(sum) })),
    ))),
  );
}
