// A live notebook around the page is told which number of y is chosen, and may choose another.
import { atStart, readLink, redraw, state, watch } from "./state.js";
import { yName } from "./format.js";

let nameTold = "";

function tellNotebook() {
  const name = yName(state.n, state.o, state.k);
  if (name === nameTold || !atStart()) return; // with another stride it is another y
  nameTold = name;
  parent.postMessage({ hwio: "at", at: JSON.parse(name.slice(1)) }, "*");
}

function hearNotebook({ source, data }) {
  if (source !== parent || data?.hwio !== "go" || !Array.isArray(data.at)) return;
  const { facts, problem } = state;
  const axes = [..."DHW"].slice(3 - problem.dims);
  const first = { N: facts.start.n, C: facts.start.k };
  problem.axes.forEach((a, i) => { first[axes[i]] = facts.start.y[i]; });
  const place = { N: 0 };
  [...facts.layout.y].forEach((letter, i) => { place[letter] = data.at[i] - first[letter]; });
  readLink(`#at=${["N", ...axes, "C"].map((letter) => place[letter]).join(",")}&pin=1`);
  redraw();
}

watch(tellNotebook);
tellNotebook();
addEventListener("message", hearNotebook);
