// The settings of the convolution; whatever is asked for, what follows is legal, and a line says why.
import { button, choice, el, retext } from "./dom.js";
import { LETTERS, WORDS_OF_PADDING, legalGroups, span } from "./geometry.js";
import { atStart, reset, setOption, state } from "./state.js";
import { say } from "./words.js";

function number(label, get, ask, id) {
  const input = el("input", { type: "number", inputmode: "numeric", id, says: label, step: 1 });
  const send = (value) => {
    ask(Math.trunc(value));
    input.value = get();
  };
  input.addEventListener("change", () => send(Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : get()));
  const element = el(
    "span",
    { class: "number" },
    button("−", () => send(get() - 1), { says: say("less", { label }), class: "step" }),
    input,
    button("+", () => send(get() + 1), { says: say("more", { label }), class: "step" }),
  );
  return { element, draw: () => (input.value = get()) };
}

// One number for each spatial axis.
function perAxis(name, least) {
  const parts = state.problem.axes.map((a) => {
    const label = `${say(name)} ${LETTERS[a]}`;
    const ask = (value) => setOption({ name, axis: a, value });
    const part = number(label, () => state.settings[name][a], ask, `${name}-${LETTERS[a]}`);
    return { ...part, letter: LETTERS[a] };
  });
  const element = el("div", { class: "field", role: "group", says: say(name) }, el("b", { text: say(name) }));
  parts.forEach((part) => element.append(el("span", { class: "axis" }, part.letter, part.element)));
  return { element, draw: () => parts.forEach((part) => part.draw()), least };
}

function paddingField() {
  const words = WORDS_OF_PADDING.filter((word) => word !== "causal" || state.problem.dims === 1);
  const options = [...words.map((word) => [word, say(`padding_${word}`)]), ["", say("padding_numbers")]];
  const pick = choice(say("padding"), options, (word) => setOption({ name: "word", value: word }));
  pick.id = "padding";
  const modes = ["zeros", "edge", "reflect", "symmetric", "wrap"].map((mode) => [mode, mode]);
  const mode = choice(say("mode"), modes, (value) => setOption({ name: "mode", value }));
  mode.id = "mode";
  const sides = state.problem.axes.flatMap((a) =>
    [0, 1].map((side) => {
      const label = `${say("padding")} ${LETTERS[a]} ${say(side ? "high" : "low")}`;
      const ask = (value) => setOption({ name: "padding", axis: a, side, value });
      return number(label, () => state.settings.padding[a][side], ask, `padding-${LETTERS[a]}-${side}`);
    }),
  );
  const pairs = el("span", { class: "pairs" });
  state.problem.axes.forEach((a, j) => pairs.append(el("span", { class: "axis" }, LETTERS[a], sides[2 * j].element, sides[2 * j + 1].element)));
  const cells = el("span", { class: "soft small" });
  const element = el("div", { class: "field", role: "group", says: say("padding") }, el("b", { text: say("padding") }), pick, cells, pairs, mode);
  const draw = () => {
    const { settings, problem } = state;
    pick.value = settings.word;
    mode.value = settings.mode;
    mode.hidden = !settings.padding.some(([low, high]) => low || high) && settings.mode === "zeros";
    pairs.hidden = settings.word !== "";
    cells.hidden = settings.word === "" || settings.word === "valid";
    retext(cells, problem.axes.map((a) => `${LETTERS[a]} ${settings.padding[a].join("+")}`).join(" · "));
    sides.forEach((side) => side.draw());
  };
  return { element, draw };
}

function sizeLine(a) {
  const { problem, settings, conv } = state;
  const [n, k, d, s] = [problem.size[a], problem.kernel[a], settings.dilation[a], settings.stride[a]];
  const [low, high] = settings.padding[a];
  const left = n + low + high - span(k, d) - (conv.out[a] - 1) * s;
  const rest = left > 0 ? ` ${say("cellsLeft", { left })}` : "";
  return `${LETTERS[a]}  ⌊(${n} + ${low} + ${high} − ${d}·(${k}−1) − 1) / ${s}⌋ + 1 = ${conv.out[a]}${rest}`;
}

export function makeControls() {
  const fields = [perAxis("stride", 1), paddingField(), perAxis("dilation", 1)];
  const legal = legalGroups(state.problem);
  const groups = choice(say("groups"), legal.map((g) => [g, String(g)]), (g) => setOption({ name: "groups", value: Number(g) }));
  groups.id = "groups";
  const flip = el("input", { type: "checkbox", id: "flip", onchange: () => setOption({ name: "flip", value: flip.checked }) });
  const back = button(say("reset"), reset, { id: "reset" });
  const note = el("p", { class: "note", role: "status", id: "note" });
  const sizes = el("p", { class: "sizes" });
  const more = el(
    "div",
    { class: "field" },
    el("b", { text: say("groups") }),
    groups,
    el("label", { class: "check" }, flip, ` ${say("flip")}`),
    back,
  );
  const element = el("section", { class: "controls", says: say("settings") }, fields.map((field) => field.element), more, sizes, note);
  const draw = () => {
    fields.forEach((field) => field.draw());
    groups.value = String(state.conv.groups);
    groups.title = say("groupsLegal", { legal: legal.join(", ") });
    flip.checked = state.settings.flip;
    back.hidden = atStart();
    retext(sizes, state.problem.axes.map(sizeLine).join("\n"));
    retext(note, state.note);
    note.hidden = !state.note;
  };
  return { element, draw };
}
