// The page's own numbers beside Python's: computed here in float64, or exactly for integers.
import { asKind, sameNumber, unpack } from "./numbers.js";
import { Convolution } from "./sums.js";
import { el, retext } from "./dom.js";
import { atStart, state } from "./state.js";
import { say } from "./words.js";

const CLOSE = 1e-12;

// The largest error in units of the sum of a number's products' sizes, and numbers that differ.
export function compare(conv, python) {
  const { problem } = conv;
  const sizes = new Convolution(magnitudes(problem), { ...conv.settings });
  const mine = conv.all();
  const scale = sizes.all();
  let [worst, gap, wrong] = [0, 0, 0];
  mine.forEach((v, i) => {
    if (sameNumber(v, python[i])) return;
    if (problem.kind === "int" || problem.kind === "big") {
      wrong += 1;
      return;
    }
    const error = distance(v, python[i]);
    gap = Math.max(gap, error);
    const part = error / Math.max(scale[i], Number.MIN_VALUE);
    if (!(part <= CLOSE)) wrong += 1;
    worst = Math.max(worst, part);
  });
  return { count: mine.length, worst, gap, wrong };
}

function distance(a, b) {
  if (typeof a === "object") return Math.hypot(a.re - b.re, a.im - b.im);
  return Math.abs(a - b);
}

function magnitudes(problem) {
  const of = (values) => values && Float64Array.from(values, (v) => problem.ring.size(v));
  const ring = { zero: 0, add: (a, b) => a + b, mul: (a, b) => a * b };
  return { ...problem, kind: "float", ring, x: of(problem.x), w: of(problem.w), b: of(problem.b), clip: null };
}

export function makeCheck() {
  const element = el("p", { class: "selfcheck", role: "status", id: "selfcheck", text: say("checking") });
  const view = { element, said: "" };
  return { element, run: () => runCheck(view), draw: () => drawCheck(view) };
}

function runCheck(view) {
  const { facts, problem, first } = state;
  const python = asKind(unpack(facts.y), problem.kind);
  const found = compare(new Convolution(problem, first), python);
  const exact = problem.kind === "int" || problem.kind === "big";
  const key = found.wrong ? "checkFailed" : exact ? "checkExact" : "checkClose";
  view.failed = found.wrong > 0;
  view.said = say(key, { ...found, gap: found.gap.toExponential(1) });
  drawCheck(view);
}

function drawCheck(view) {
  if (!view.said) return;
  const own = atStart();
  retext(view.element, own ? view.said : say("checkChanged"));
  view.element.className = `selfcheck ${view.failed ? "bad" : own ? "good" : ""}`;
}
