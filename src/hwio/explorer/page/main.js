// Put the page together and draw it.
import { button, byId, el, retext } from "./dom.js";
import { writing } from "./numbers.js";
import { TABS, hover, moveFilter, moveTo, pin, readLink, set, start, state, watch, redraw, writeLink } from "./state.js";
import { makeSlide } from "./slide.js";
import { makeMatrix } from "./matrix.js";
import { makeGradient } from "./gradient.js";
import { makeTransposed } from "./transposed.js";
import { makeCode } from "./code.js";
import { makeQuiz } from "./quiz.js";
import { makeControls } from "./controls.js";
import { makeCheck } from "./check.js";
import { togglePlay } from "./player.js";
import { copyLink, copyNumber, keepLink, onTold, savePng, saveSvg } from "./share.js";
import { asText } from "./arithmetic.js";
import { index, spatial } from "./format.js";
import { yours } from "./planes.js";
import { Convolution, readProblem, readSettings } from "./sums.js";
import { figure } from "./figure.js";
import { say } from "./words.js";

const MAKERS = { slide: makeSlide, matrix: makeMatrix, gradient: makeGradient, transposed: makeTransposed, code: makeCode, quiz: makeQuiz };

function makeTabs(panels) {
  const tabs = TABS.map((name) => {
    const tab = el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, text: say(`tab_${name}`), onclick: () => set({ tab: name, hover: null }) });
    tab.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      event.stopPropagation();
      const next = TABS[(TABS.indexOf(name) + by + TABS.length) % TABS.length];
      set({ tab: next, hover: null });
      byId(`tab-${next}`).focus();
    });
    return tab;
  });
  const element = el("div", { class: "tabs", role: "tablist", says: say("views") }, tabs);
  const draw = () => {
    TABS.forEach((name, i) => {
      const on = name === state.tab;
      tabs[i].setAttribute("aria-selected", String(on));
      tabs[i].setAttribute("tabindex", on ? "0" : "-1");
      panels[name].hidden = !on;
    });
  };
  return { element, draw };
}

function makeHeader(check) {
  const { facts } = state;
  const array = (name, j) => `${name} (${facts.shapes[name].join(", ")}) ${facts.layout[name]} ${facts.dtypes[j]}`;
  const shapes = el("p", { class: "shapes" });
  const text = [array("x", 0), "∗", array("w", 1), "→", array("y", 2)];
  text.forEach((part) => shapes.append(el("span", { text: part }), " "));
  const notes = [];
  if (facts.made) notes.push(say("madeUp"));
  if (!facts.whole) notes.push(partWords());
  if (!facts.summed) notes.push(say("notSummed"));
  const wrong = yours();
  if (wrong) notes.push(wrong.differing ? say("yoursDiffer", wrong) : say("yoursSame", wrong));
  const formula = el("p", { class: "definition", id: "definition" });
  const element = el("header", { class: "top" }, el("div", { class: "line" }, el("h1", { text: facts.title || say("heading") }), check.element), shapes, formula, notes.map((note) => el("p", { class: "banner", text: note })));
  return { element, draw: () => retext(formula, definition()) };
}

function partWords() {
  const { facts, problem } = state;
  const starts = [facts.start.n, ...facts.start.x, facts.start.c];
  const part = facts.x.shape.map((n, j) => `${starts[j]}:${starts[j] + n}`).join(", ");
  return say("part", { part, k0: facts.start.k, k1: facts.start.k + problem.filters, k: facts.sizes.k });
}

// The sum in letters, each array's in the order in which it is stored.
function definition() {
  const { settings, problem, facts } = state;
  const [i, p] = [["d", "i", "j"], ["a", "p", "q"]];
  const many = facts.sizes.k / facts.sizes.c;
  const deep = facts.layout.w.includes("M");
  const k = deep ? (many > 1 ? `${many}·c + m` : "c") : "k";
  const x = i.map((_, a) => {
    const stride = settings.stride[a] > 1 ? `${settings.stride[a]}·` : "";
    const dilation = settings.dilation[a] > 1 ? `${settings.dilation[a]}·` : "";
    const low = settings.padding[a][0];
    return `${stride}${i[a]} + ${dilation}${p[a]}${low ? ` − ${low}` : ""}`;
  });
  const taps = p.map((at, a) => (settings.flip ? `${problem.kernel[a] - 1}−${at}` : at));
  const bias = problem.b ? ` + b[${k}]` : "";
  const group = state.conv.groups > 1 && !deep ? say("ofGroup") : "";
  const named = (name, places, more) => `${name}[${index(facts.layout[name], { N: "n", ...spatial(places), ...more })}]`;
  const w = { I: "c", O: k, C: "c", M: many > 1 ? "m" : 0 };
  return `${named("y", i, { C: k })} = Σ ${named("x", x, { C: "c" })} · ${named("w", taps, w)}${bias}${group}`;
}

function makeTools() {
  const told = el("p", { class: "told", role: "status" });
  onTold((text) => retext(told, text));
  const tools = [["copyLink", copyLink], ["copyText", copyNumber], ["saveSvg", saveSvg], ["savePng", savePng]];
  const buttons = tools.map(([name, act]) => button(say(name), act, { id: name }));
  return el("footer", {}, el("div", { class: "line" }, buttons, told), el("p", { class: "soft small", text: say("foot", { version: state.facts.version }) }));
}

function keys(event) {
  const { target, key } = event;
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (key === "Escape") {
    hover(null);
    pin(null);
    return;
  }
  if (target.closest?.("input:not([type=checkbox]), select, textarea, pre")) return;
  // where no window is drawn, keys scroll as they do anywhere
  if (["gradient", "code", "quiz"].includes(state.tab)) return;
  const arrows = { ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], PageUp: [-1, 0, 0], PageDown: [1, 0, 0] };
  if (key === "[" || key === "]") moveFilter(state.k + (key === "]" ? 1 : -1));
  else if (key === " " && !target.closest?.("button, input, a, [role=slider]")) togglePlay();
  else if (arrows[key] && (!key.startsWith("Page") || state.problem.dims === 3)) arrowMove(arrows[key]);
  else return;
  event.preventDefault();
}

function arrowMove(by) {
  const at = state.pin;
  if (at?.kind === "x") {
    const cell = at.cell.map((v, a) => Math.min(Math.max(v + by[a], 0), state.problem.size[a] - 1));
    pin({ kind: "x", cell, c: at.c });
  } else if (at?.kind === "w") {
    pin({ ...at, t: at.t.map((v, a) => Math.min(Math.max(v + by[a], 0), state.problem.kernel[a] - 1)) });
  } else {
    moveTo(state.o.map((v, a) => v + by[a]));
  }
}

function build(facts) {
  start(facts);
  const { problem } = state;
  const whole = (values) => !values || values.every((v) => Number.isInteger(v));
  writing.whole = problem.kind === "int" || (problem.kind === "float" && [problem.x, problem.w, problem.b].every(whole));
  readLink(location.hash);
  const check = makeCheck();
  const [panels, views] = [{}, {}];
  for (const name of TABS) {
    views[name] = MAKERS[name]();
    panels[name] = el("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, hidden: true }, views[name].element);
  }
  const header = makeHeader(check);
  const controls = makeControls();
  const tabs = makeTabs(panels);
  const app = byId("app");
  app.append(header.element, controls.element, el("main", {}, tabs.element, Object.values(panels)), makeTools());
  app.hidden = false;
  let link = null;
  const draw = () => {
    header.draw();
    controls.draw();
    tabs.draw();
    views[state.tab].draw();
    check.draw();
    clearTimeout(link);
    link = setTimeout(keepLink, 400);
  };
  watch(draw);
  draw();
  byId("static").hidden = true;
  document.addEventListener("keydown", keys);
  addEventListener("hashchange", () => {
    readLink(location.hash);
    redraw();
  });
  new ResizeObserver(() => redraw()).observe(app);
  setTimeout(check.run, 30);
}

// What tests ask: the arithmetic alone, without the page around it.
function offer() {
  const sumAll = (text) => {
    const facts = JSON.parse(text);
    return new Convolution(readProblem(facts), readSettings(facts)).all().map(Number);
  };
  window.hwio = { state, redraw, asText, figure, writeLink, sumAll };
}

try {
  build(JSON.parse(byId("facts").textContent));
  offer();
} catch (error) {
  byId("app").hidden = true;
  const fixed = byId("static");
  fixed.hidden = false;
  fixed.prepend(el("p", { class: "banner", text: say("broken", { error }) }));
  throw error;
}
