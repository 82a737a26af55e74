// Sizes, padding conventions, and which settings are legal. Axes are always D, H, W; those that the
// arrays lack have one cell.
import { say } from "./words.js";

export const LETTERS = ["D", "H", "W"];
export const WORDS_OF_PADDING = ["valid", "same", "same_lower", "half", "full", "causal"];

export const span = (k, d) => (k - 1) * d + 1;

export function outCells(n, k, d, s, [low, high]) {
  return Math.floor((n + low + high - span(k, d)) / s) + 1;
}

export function paddingOf(word, n, k, d, s) {
  const reach = span(k, d);
  if (word === "valid") return [0, 0];
  if (word === "half") return [Math.floor(reach / 2), Math.floor(reach / 2)];
  if (word === "full") return [reach - 1, reach - 1];
  if (word === "causal") return [reach - 1, 0];
  const total = Math.max((Math.ceil(n / s) - 1) * s + reach - n, 0);
  const small = Math.floor(total / 2);
  return word === "same_lower" ? [total - small, small] : [small, total - small];
}

// The cell of x that a cell of padded x repeats; −1 for the number 0.
export function sourceOf(p, n, mode) {
  const mod = (a, b) => ((a % b) + b) % b;
  if (p >= 0 && p < n) return p;
  if (mode === "edge") return Math.min(Math.max(p, 0), n - 1);
  if (mode === "wrap") return mod(p, n);
  if (mode === "reflect") {
    const turn = Math.max(2 * (n - 1), 1);
    return n > 1 ? Math.min(mod(p, turn), turn - mod(p, turn)) : 0;
  }
  if (mode === "symmetric") return Math.min(mod(p, 2 * n), 2 * n - 1 - mod(p, 2 * n));
  return -1;
}

const deepest = { reflect: (n) => n - 1, symmetric: (n) => n, wrap: (n) => n };

// Groups that these weights can serve: they may see fewer channels than w has, never more.
export function legalGroups({ channels, seen, filters }) {
  const found = [];
  for (let g = 1; g <= Math.min(channels, filters); g++) {
    if (channels % g === 0 && filters % g === 0 && channels / g <= seen) found.push(g);
  }
  return found;
}

export function withPadding(problem, settings) {
  if (!settings.word) return settings;
  const padding = problem.size.map((n, a) =>
    problem.axes.includes(a)
      ? paddingOf(settings.word, n, problem.kernel[a], settings.dilation[a], settings.stride[a])
      : [0, 0],
  );
  return { ...settings, padding };
}

// Why settings can't be, or "".
export function obstacle(problem, settings) {
  for (const a of problem.axes) {
    const [n, k, d] = [problem.size[a], problem.kernel[a], settings.dilation[a]];
    const [low, high] = settings.padding[a];
    const axis = LETTERS[a];
    if (span(k, d) > n + low + high) {
      return say("noRoom", { axis, reach: span(k, d), k, d, cells: n + low + high });
    }
    const most = deepest[settings.mode];
    if (most && Math.max(low, high) > most(n)) {
      return say("tooDeep", { axis, mode: settings.mode, most: most(n), cells: Math.max(low, high) });
    }
  }
  return "";
}

// One change: the settings that follow, all of them legal, and why if they are not what was asked.
export function changed(problem, settings, change) {
  const { name, axis: a, value } = change;
  let note = "";
  let next = { ...settings };
  if (name === "stride") {
    const legal = Math.min(Math.max(value, 1), problem.size[a]);
    if (value < 1) note = say("strideLeast", { value });
    if (value > legal) note = say("strideMost", { axis: LETTERS[a], most: legal });
    next.stride = settings.stride.with(a, legal);
  } else if (name === "dilation") {
    const most = dilationMost(problem, settings, a);
    const legal = Math.min(Math.max(value, 1), most);
    if (value < 1) note = say("dilationLeast", { value });
    if (value > legal) {
      const key = problem.kernel[a] === 1 ? "dilationOneTap" : "dilationMost";
      const reach = span(problem.kernel[a], value);
      note = say(key, { axis: LETTERS[a], most, value, reach, k: problem.kernel[a] });
    }
    next.dilation = settings.dilation.with(a, legal);
  } else if (name === "padding") {
    const most = 2 * span(problem.kernel[a], settings.dilation[a]);
    const legal = Math.min(Math.max(value, 0), most);
    if (value < 0) note = say("paddingLeast", {});
    if (value > most) note = say("paddingMost", { most });
    next.word = "";
    next.padding = settings.padding.with(a, settings.padding[a].with(change.side, legal));
  } else if (name === "groups") {
    const legal = legalGroups(problem);
    next.groups = legal.includes(value) ? value : settings.groups;
    if (next.groups !== value) note = say("groupsRefused", { value, legal: legal.join(", ") });
    else if (problem.channels / value < problem.seen) {
      note = say("groupsFewer", { value, seen: problem.channels / value, has: problem.seen });
    }
  } else {
    next[name] = value;
  }
  next = withPadding(problem, next);
  const reason = obstacle(problem, next);
  return reason ? { settings, note: say("kept", { reason }) } : { settings: next, note };
}

function dilationMost(problem, settings, a) {
  const [n, k] = [problem.size[a], problem.kernel[a]];
  if (k === 1) return 1;
  const [low, high] = settings.padding[a];
  const free = settings.word && settings.word !== "valid";
  return Math.max(1, free ? n : Math.floor((n + low + high - 1) / (k - 1)));
}

// The part of an axis that is drawn: cells low … high−1, around those wanted, at most so many.
export function viewOf(low, high, [first, after], most) {
  if (high - low <= most) return [low, high];
  const middle = first + Math.floor(Math.min(after - first, most) / 2);
  const start = Math.min(Math.max(middle - Math.floor(most / 2), low), high - most);
  return [start, start + most];
}
