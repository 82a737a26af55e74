// The first tab: a window slides over x and every stop gives one number of y.
import { button, el, retext } from "./dom.js";
import { moveTo, set, state } from "./state.js";
import { drawXPlanes, drawYPlane, lights, makeXPlanes, makeYPlane } from "./planes.js";
import { drawWeights, makeFilterHead, makeWeights } from "./weights.js";
import { drawStrips, makeStrips } from "./strips.js";
import { drawArithmetic, makeArithmetic } from "./arithmetic.js";
import { among, filterOf, imageOf } from "./format.js";
import { makePlayer } from "./player.js";
import { say } from "./words.js";

function stepper(label, get, most, put) {
  const text = el("span", { class: "soft" });
  const back = button("‹", () => put(get() - 1), { class: "step", says: say("less", { label }) });
  const next = button("›", () => put(get() + 1), { class: "step", says: say("more", { label }) });
  const element = el("span", { class: "stepper" }, back, text, next);
  const draw = (words) => {
    retext(text, words);
    back.disabled = get() <= 0;
    next.disabled = get() >= most() - 1;
    element.hidden = most() < 2;
  };
  return { element, draw };
}

export function makeSlide() {
  const xs = makeXPlanes();
  const ws = makeWeights();
  const ys = makeYPlane();
  const filterHead = makeFilterHead();
  const strips = makeStrips();
  const sums = makeArithmetic();
  const player = makePlayer("scrub");
  const image = stepper(say("image"), () => state.n, () => state.problem.images, (n) => set({ n }));
  const tap = stepper(say("tapDepth"), () => state.depth, () => state.problem.kernel[0], (depth) => set({ depth }));
  const out = stepper(say("outDepth"), () => state.o[0], () => state.conv.out[0], (d) => moveTo([d, state.o[1], state.o[2]]));
  const yName = el("span", { class: "soft" });
  const head = (letter, ...more) => el("header", {}, el("div", { class: "line" }, el("h2", { text: letter }), ...more));
  const xCard = el("section", { class: "card input", says: say("input") }, head(say("input"), image.element, tap.element), xs.element);
  const wCard = el("section", { class: "card filter", says: say("filter") }, el("h2", { text: say("filter") }), filterHead.element, ws.element);
  const yCard = el("section", { class: "card output", says: say("output") }, head(say("output"), yName, out.element), ys.element, el("p", { class: "soft small", text: say("keys") }));
  const stripCard = el("section", { class: "card memory", says: say("memory") }, el("h2", { text: say("memory") }), strips.element);
  const top = el("div", { class: "stagegrid" }, xCard, wCard, yCard, player.element, sums.element);
  const element = el("div", {}, top, stripCard);
  const draw = () => {
    const lit = lights();
    top.classList.toggle("printing", state.printed);
    top.classList.toggle("flat", state.problem.dims === 1);
    image.draw(say("imageOf", { n: imageOf(state.n), among: among(state.facts.sizes.n) }));
    tap.draw(say("tapDepthOf", { p: state.depth, among: among(state.problem.kernel[0]) }));
    out.draw(say("outDepthOf", { d: state.o[0], among: among(state.conv.out[0]) }));
    retext(yName, say("channelOf", { k: filterOf(lit.at.k), among: among(state.facts.sizes.k) }));
    filterHead.draw(lit.at.k);
    top.classList.remove("tall", "slim");
    const { across, high } = drawXPlanes(xs, lit);
    const tall = high > 420 && !state.printed && state.problem.dims > 1;
    top.classList.toggle("tall", tall);
    top.classList.toggle("slim", tall && across < 2);
    drawWeights(ws, lit, ws.element.clientWidth || 300);
    drawYPlane(ys, lit, Math.min(ys.element.clientWidth || 250, state.problem.dims === 1 ? 1000 : 420));
    drawArithmetic(sums, lit);
    drawStrips(strips, lit);
    player.draw();
  };
  return { element, draw, player };
}
