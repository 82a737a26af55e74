// Playing, stepping and scrubbing through the numbers of one channel of y, forwards and back.
import { button, choice, el, retext } from "./dom.js";
import { moveTo, state } from "./state.js";
import { say } from "./words.js";

let timer = null;
let pause = 500;

const go = (i) => moveTo(state.conv.place(Math.min(Math.max(i, 0), state.conv.outs - 1)));
const stepBy = (by) => go(state.conv.index(state.o) + by);
export const playing = () => timer !== null;

export function togglePlay() {
  if (timer !== null) {
    clearInterval(timer);
    timer = null;
  } else {
    if (state.conv.index(state.o) === state.conv.outs - 1) go(0);
    timer = setInterval(forward, pause);
  }
  moveTo(state.o);
}

function forward() {
  if (state.conv.index(state.o) >= state.conv.outs - 1) togglePlay();
  else stepBy(1);
}

export function makePlayer(id) {
  const play = button("▶", togglePlay, { class: "play" });
  const range = el("input", { type: "range", min: 0, step: 1, id, says: say("position"), oninput: () => go(Number(range.value)) });
  const words = el("output", { class: "soft" });
  const tools = (text, label, act) => button(text, act, { says: say(label), title: say(label) });
  const speeds = [["900", say("slow")], ["500", say("steady")], ["180", say("fast")]];
  const speed = choice(say("speed"), speeds, (value) => {
    pause = Number(value);
    if (timer !== null) {
      clearInterval(timer);
      timer = setInterval(forward, pause);
    }
  });
  speed.value = "500";
  const element = el(
    "section",
    { class: "player", says: say("player") },
    tools("|◀", "toFirst", () => go(0)),
    tools("‹", "stepBack", () => stepBy(-1)),
    play,
    tools("›", "stepOn", () => stepBy(1)),
    tools("▶|", "toLast", () => go(state.conv.outs - 1)),
    range,
    words,
    speed,
  );
  const draw = () => {
    range.max = state.conv.outs - 1;
    range.value = state.conv.index(state.o);
    retext(play, playing() ? "❚❚" : "▶");
    play.setAttribute("aria-label", say(playing() ? "pause" : "play"));
    retext(words, say("positionOf", { i: state.conv.index(state.o) + 1, of: state.conv.outs }));
  };
  return { element, draw };
}
