// The slide as one SVG of its own, in light colours, for slides and notes.
import { fitted, written } from "./numbers.js";
import { state } from "./state.js";
import { TINTS, channelsShown, depthOfX, lights, viewOfX, viewOfY } from "./planes.js";
import { channelOf, filterName, filterOf, windowName, yName } from "./format.js";

const SIDE = 34;
const GAP = 26;

const escapeText = (text) =>
  text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]);

function textAt(x, y, words, { size = 12, anchor = "start", weight = 400, mono = false } = {}) {
  const font = mono ? "ui-monospace, Menlo, Consolas, monospace" : "system-ui, sans-serif";
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" font-family="${font}" fill="#1f2328">${escapeText(words)}</text>`;
}

function gridAt(x, y, rows, columns, cell) {
  const parts = [];
  for (let r = 0; r < rows; r++) {
    for (let q = 0; q < columns; q++) {
      const { value, tint, part = 0, outside } = cell(r, q);
      const box = `x="${x + q * SIDE}" y="${y + r * SIDE}" width="${SIDE}" height="${SIDE}"`;
      parts.push(`<rect ${box} fill="${outside ? "#e9ecef" : "#fff"}" stroke="#b6bec8"/>`);
      if (part) parts.push(`<rect ${box} fill="${tint}" fill-opacity="${part}"/>`);
      parts.push(textAt(x + (q + 0.5) * SIDE, y + (r + 0.62) * SIDE, fitted(value, 5), { size: 10, anchor: "middle", mono: true }));
    }
  }
  return parts.join("");
}

export function figure() {
  const { conv, problem, n, k, o } = state;
  const lit = lights();
  const [rows, columns] = viewOfX();
  const { channels, first } = channelsShown();
  const [high, wide] = [rows[1] - rows[0], columns[1] - columns[0]];
  const depth = depthOfX();
  const parts = [];
  let [x, bottom] = [GAP, 0];
  const top = 84;
  const stack = (count, boxHigh, draw) => {
    for (let j = 0; j < count; j++) {
      const y = top + j * (boxHigh * SIDE + GAP);
      draw(j, y);
      bottom = Math.max(bottom, y + boxHigh * SIDE);
    }
  };
  stack(channels.length, high, (j, y) => {
    const tint = TINTS[j % TINTS.length];
    const on = lit.channel(channels[j]) && lit.sets[0].has(depth);
    parts.push(textAt(x, y - 6, `x  c=${channelOf(channels[j])}`));
    parts.push(gridAt(x, y, high, wide, (r, q) => {
      const raw = [depth, rows[0] + r, columns[0] + q];
      const now = on && lit.sets[1].has(raw[1]) && lit.sets[2].has(raw[2]);
      const outside = raw.some((p, a) => p < 0 || p >= problem.size[a]);
      return { value: conv.paddedAt(n, raw, channels[j]), tint, part: now ? 0.5 : 0, outside };
    }));
  });
  x += wide * SIDE + 2 * GAP;
  const [, kernelHigh, kernelWide] = problem.kernel;
  stack(channels.length, high, (j, y) => {
    const tint = TINTS[j % TINTS.length];
    parts.push(textAt(x, y - 6, `w  c=${channelOf(channels[j])}`));
    parts.push(gridAt(x, y, kernelHigh, kernelWide, (r, q) => {
      const t = [Math.min(state.depth, problem.kernel[0] - 1), r, q];
      return { value: conv.wAt(t, channels[j] - first, k), tint, part: lit.w(t, channels[j] - first) ? 0.5 : 0 };
    }));
  });
  x += kernelWide * SIDE + 2 * GAP;
  const [outRows, outColumns] = viewOfY();
  parts.push(textAt(x, top - 6, `y  k=${filterOf(k)}`));
  parts.push(gridAt(x, top, outRows[1] - outRows[0], outColumns[1] - outColumns[0], (r, q) => {
    const at = [o[0], outRows[0] + r, outColumns[0] + q];
    return { value: conv.yAt(n, at, k), tint: "#D55E00", part: lit.y(at) ? 0.45 : 0 };
  }));
  bottom = Math.max(bottom, top + (outRows[1] - outRows[0]) * SIDE);
  x += (outColumns[1] - outColumns[0]) * SIDE + GAP;
  const line = `${yName(n, o, k)} = Σ ${windowName(n, o, k).name} · ${filterName(k)} = ${written(conv.yAt(n, o, k))}`;
  const width = Math.max(x, line.length * 8.6 + 2 * GAP);
  const height = bottom + GAP;
  parts.unshift(`<rect width="${width}" height="${height}" fill="#fff"/>`, textAt(GAP, 38, line, { size: 14, weight: 600, mono: true }));
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${parts.join("")}</svg>`;
  return { text, wide: width, high: height };
}
