// The sixth tab: questions about these very arrays; wrong answers are the usual mistakes.
import { times } from "./lists.js";
import { card, el, retext } from "./dom.js";
import { Convolution } from "./sums.js";
import { LETTERS, outCells } from "./geometry.js";
import { state } from "./state.js";
import { filterName, filterOf, wName, xName, yName } from "./format.js";
import { sameNumber, written } from "./numbers.js";
import { ordinal, say } from "./words.js";

const shapeOf = (letters, sizes) => `(${[...letters].map((letter) => sizes[letter]).join(", ")})`;

function bySpace(values) {
  return Object.fromEntries(state.problem.axes.map((a) => [LETTERS[a], values[a]]));
}

function shapeQuestion() {
  const { conv, problem, facts, settings } = state;
  const letters = facts.layout.y;
  const base = { N: facts.sizes.n };
  const of = (out, C) => shapeOf(letters, { ...base, C, ...bySpace(out) });
  const out = (stride, padding) =>
    problem.size.map((n, a) => outCells(n, problem.kernel[a], settings.dilation[a], stride[a], padding[a]));
  const none = [[0, 0], [0, 0], [0, 0]];
  const right = of(conv.out, facts.sizes.k);
  const wrong = [
    of(conv.out, facts.sizes.c),
    of(problem.size, facts.sizes.k),
    of(out([1, 1, 1], settings.padding), facts.sizes.k),
    of(out(settings.stride, none).map((v) => Math.max(v, 0)), facts.sizes.k),
    of(conv.out.map((v, a) => (problem.axes.includes(a) ? v + 1 : v)), facts.sizes.k),
  ];
  return { ask: say("askShape"), right, wrong, why: say("whyShape", { k: facts.sizes.k }) };
}

function filterQuestion() {
  const { facts, problem, k } = state;
  const count = facts.layout.w.length;
  const own = filterOf(k);
  const colons = (at) => `w[${times(count, (j) => (j === at ? own : ":")).join(", ")}]`;
  const cut = [facts.sizes.k, ...problem.axes.map((a) => problem.kernel[a]), facts.sizes.i].join(", ");
  const wrong = [colons(0), `w.reshape(${cut})[${own}]`, colons(count - 2), colons(count - 1)];
  return { ask: say("askFilter", { k: own, layout: facts.layout.w }), right: filterName(k), wrong, why: say("whyFilter", { layout: facts.layout.w }) };
}

function productsQuestion() {
  const { conv, facts } = state;
  const wrong = [conv.taps, conv.depth * facts.sizes.k, conv.taps * facts.sizes.k, conv.depth + 1].map(String);
  return { ask: say("askProducts"), right: String(conv.depth), wrong, why: say("whyProducts", { taps: conv.taps, channels: conv.groupChannels }) };
}

function valueQuestion() {
  const { conv, problem, settings, n, o, k } = state;
  const value = conv.yAt(n, o, k);
  const other = new Convolution(problem, { ...settings, flip: !settings.flip });
  const near = (k + 1) % problem.filters;
  const found = conv.trace(n, o, k);
  const guesses = [other.sum(n, o, k), conv.yAt(n, o, near), found.channels[0]?.sum ?? problem.ring.zero, conv.yAt(n, conv.place((conv.index(o) + 1) % conv.outs), k)];
  const wrong = guesses.filter((v) => !sameNumber(v, value)).map((v) => written(v));
  return { ask: say("askValue", { y: yName(n, o, k) }), right: written(value), wrong, why: say("whyValue", { turned: written(guesses[0]), near: filterOf(near) }) };
}

function memoryQuestion() {
  const { facts, k } = state;
  const size = facts.sizes.k;
  const right = say("memoryEvery", { step: ordinal(size) });
  const wrong = [say("memoryBlock"), say("memoryEvery", { step: ordinal(facts.sizes.i) }), say("memoryFirst")];
  return { ask: say("askMemory", { order: `${facts.letters}IO`, k: filterOf(k) }), right, wrong, why: say("whyMemory", { step: size }) };
}

function windowsQuestion() {
  const { conv, problem, n, o } = state;
  const cell = problem.size.map((s, a) => Math.min(Math.max(conv.meets(a, o[a], 0), 0), s - 1));
  const count = conv.meetings(cell).length;
  const wrong = [conv.taps, 1, conv.outs, count + 1, Math.max(count - 1, 0)].map(String);
  return { ask: say("askWindows", { x: xName(n, cell, 0) }), right: String(count), wrong, why: say("whyWindows", { count }) };
}

function gradientQuestion() {
  const { conv, problem, o, k } = state;
  const t = problem.kernel.map((s) => Math.floor((s - 1) / 2));
  const right = String(conv.outs * problem.images);
  const wrong = [conv.taps, conv.depth, problem.filters, conv.outs * problem.images * problem.filters].map(String);
  return { ask: say("askDw", { name: wName(conv.stored(t), 0, k, "dw") }), right, wrong, why: say("whyDw", { o: conv.outs }) };
}

const QUESTIONS = [shapeQuestion, filterQuestion, productsQuestion, valueQuestion, memoryQuestion, windowsQuestion, gradientQuestion];

// The same order of answers each time for the same arrays, without a fixed place for the right one.
function ordered(right, wrong, seed) {
  const all = [right, ...new Set(wrong.filter((text) => text !== right))].slice(0, 4);
  const sum = [...all.join("")].reduce((n, sign) => n + sign.codePointAt(0), 3 * seed);
  const turn = sum % all.length;
  return [...all.slice(turn), ...all.slice(0, turn)];
}

export function makeQuiz() {
  const list = el("div", { class: "questions" });
  const score = el("p", { class: "verdict", role: "status", id: "score" });
  const element = card(say("quizTab"), el("p", { class: "lead", text: say("quizLead") }), list, score);
  const view = { list, score, key: "", given: [] };
  return { element, draw: () => drawQuiz(view) };
}

function drawQuiz(view) {
  const key = JSON.stringify([state.settings, state.n, state.o, state.k]);
  if (key === view.key) return;
  view.key = key;
  view.given = QUESTIONS.map(() => null);
  view.list.replaceChildren(...QUESTIONS.map((make, j) => question(view, make(), j)));
  tellScore(view);
}

function question(view, { ask, right, wrong, why }, j) {
  const said = el("p", { class: "feedback", role: "status" });
  const answers = ordered(right, wrong, j).map((text) => {
    const input = el("input", {
      type: "radio",
      name: `question${j}`,
      onchange: () => {
        view.given[j] = text === right;
        retext(said, `${say(text === right ? "correct" : "notQuite")} ${why}`);
        said.className = `feedback ${text === right ? "good" : "bad"}`;
        tellScore(view);
      },
    });
    return el("label", { class: "answer" }, input, el("code", { text }));
  });
  return el("fieldset", { class: "question" }, el("legend", { text: `${j + 1}. ${ask}` }), answers, said);
}

function tellScore(view) {
  const right = view.given.filter((each) => each === true).length;
  retext(view.score, say("score", { right, of: QUESTIONS.length }));
}
