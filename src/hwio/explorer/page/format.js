// Places in words and in NumPy's notation, counted as in the whole arrays.
import { state } from "./state.js";
import { LETTERS } from "./geometry.js";
import { atStart } from "./state.js";
import { written } from "./numbers.js";
import { say } from "./words.js";

export const index = (letters, places) => [...letters].map((letter) => places[letter]).join(", ");

export function spatial(values) {
  return Object.fromEntries(state.problem.axes.map((a) => [LETTERS[a], values[a]]));
}

const shift = (values, starts) =>
  values.map((v, a) => v + (starts[a - 3 + state.problem.dims] || 0));

export function channelOf(c) {
  return c + state.facts.start.c;
}
export function filterOf(k) {
  return k + state.facts.start.k;
}
export function imageOf(n) {
  return n + state.facts.start.n;
}
export function cellOf(position) {
  return shift(position, state.facts.start.x);
}
export function outOf(o) {
  return atStart() ? shift(o, state.facts.start.y) : o;
}

// What a place counted from 0 is one of.
export const among = (of) => (of > 1 ? say("among", { last: of - 1 }) : "");

// `all` stands for several filters at once: ":" or "2:4".
export function yName(n, o, k, all) {
  const places = { N: imageOf(n), C: all ?? filterOf(k), ...spatial(outOf(o)) };
  return `y[${index(state.facts.layout.y, places)}]`;
}

export function xName(n, position, c, name = "x") {
  const places = { N: imageOf(n), C: channelOf(c), ...spatial(cellOf(position)) };
  return `${name}[${index(state.facts.layout.x, places)}]`;
}

export function wName(t, i, k, name = "w", all = undefined) {
  const filter = filterOf(k);
  const { sizes } = state.facts;
  const many = Math.max(sizes.k / sizes.c, 1);
  const places = { I: i, O: all ?? filter, C: Math.floor(filter / many), M: all ? ":" : filter % many, ...spatial(t) };
  return `${name}[${index(state.facts.layout.w, places)}]`;
}

// w[:, :, :, 5] with the user's own order of axes.
export function filterName(k, i) {
  const filter = filterOf(k);
  const { sizes, layout } = state.facts;
  const many = Math.max(sizes.k / sizes.c, 1);
  const places = { O: filter, I: i ?? ":", C: Math.floor(filter / many), M: filter % many };
  return `w[${[...layout.w].map((letter) => places[letter] ?? ":").join(", ")}]`;
}

// x[0, 1:4, 2:5, :], with the padding named where the window reaches into it.
export function windowName(n, o, k) {
  const { conv, problem, facts } = state;
  const places = { N: imageOf(n), C: ":" };
  const first = channelOf(conv.firstChannel(k));
  if (conv.groups > 1 || conv.groupChannels < problem.channels) {
    places.C = `${first}:${first + conv.groupChannels}`;
  }
  let outside = false;
  for (const a of problem.axes) {
    const d = conv.settings.dilation[a];
    const low = conv.meets(a, o[a], 0);
    const high = low + conv.reach[a];
    outside ||= low < 0 || high > problem.size[a];
    const shifted = facts.start.x[a - 3 + problem.dims];
    places[LETTERS[a]] = `${low + shifted}:${high + shifted}${d > 1 ? `:${d}` : ""}`;
  }
  const name = `x[${index(facts.layout.x, places)}]`;
  return { name, outside };
}

export const signed = (v, first) => {
  const text = written(v);
  if (first) return text;
  return text.startsWith("−") ? ` − ${text.slice(1)}` : ` + ${text}`;
};
