// The fifth tab: the same convolution as code, written by Python for exactly these arrays.
import { button, card, choice, el, retext } from "./dom.js";
import { atStart, set, state } from "./state.js";
import { copyText } from "./share.js";
import { say } from "./words.js";

export function makeCode() {
  const { code } = state.facts;
  const pick = choice(say("way"), code.map(({ name }, i) => [i, name]), (i) => set({ code: Number(i) }));
  pick.id = "way";
  const idea = el("p", { class: "lead" });
  const text = el("pre", { tabindex: "0", says: say("codeTab"), id: "code" });
  const note = el("p", { class: "soft small" });
  const copy = button(say("copyCode"), () => copyText(code[state.code].text), { id: "copy-code" });
  const bar = el("p", { class: "line" }, el("label", {}, `${say("way")} `, pick), copy);
  const element = card(say("codeTab"), bar, idea, text, note);
  const draw = () => {
    pick.value = String(state.code);
    retext(idea, code[state.code]?.idea || "");
    retext(text, code[state.code]?.text || say("noCode"));
    retext(note, `${say("codeNote")}${atStart() ? "" : ` ${say("codeBefore")}`}`);
  };
  return { element, draw };
}
