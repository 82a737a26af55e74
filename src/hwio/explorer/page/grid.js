// A grid of numbers that can be pointed at, focused and walked with arrow keys.
import { times } from "./lists.js";
import { el } from "./dom.js";
import { decimalsFor, fitted, written } from "./numbers.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// Handlers take (row, column) as drawn: hover, leave, pick, move(rows, columns).
export function makeGrid(label, handlers = {}) {
  const body = el("div", { class: "rows" });
  const frame = el("div", { class: "frame", hidden: true });
  const element = el("div", { class: "grid", role: "grid", says: label }, body, frame);
  const grid = { element, body, frame, cells: [], columns: 0, rows: 0, active: [0, 0], shown: [] };
  const at = (event) => {
    const cell = event.target.closest?.("[role=gridcell]");
    const i = cell ? grid.cells.indexOf(cell) : -1;
    return i < 0 ? null : [Math.floor(i / grid.columns), i % grid.columns];
  };
  let last = "";
  element.addEventListener("pointerover", (event) => {
    const place = at(event);
    if (place && event.pointerType !== "touch" && String(place) !== last) {
      last = String(place);
      handlers.hover?.(...place);
    }
  });
  element.addEventListener("pointerleave", () => {
    last = "";
    handlers.leave?.();
  });
  element.addEventListener("click", (event) => {
    const place = at(event);
    if (place) handlers.pick?.(...place);
  });
  element.addEventListener("focusin", (event) => {
    const place = at(event);
    if (place && event.target.matches(":focus-visible") && !grid.walking) handlers.hover?.(...place);
  });
  element.addEventListener("keydown", (event) => walk(grid, handlers, event, at(event)));
  return grid;
}

function walk(grid, handlers, event, place) {
  if (!place || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter") {
    handlers.pick?.(...place);
    event.preventDefault();
    return;
  }
  const step = MOVES[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  if (handlers.move) {
    grid.walking = true;
    handlers.move(...step);
    grid.cells[grid.active[0] * grid.columns + grid.active[1]]?.focus();
    grid.walking = false;
    return;
  }
  const row = Math.min(Math.max(place[0] + step[0], 0), grid.rows - 1);
  const column = Math.min(Math.max(place[1] + step[1], 0), grid.columns - 1);
  setActive(grid, [row, column]);
  grid.cells[row * grid.columns + column].focus();
}

function setActive(grid, [row, column]) {
  grid.cells[grid.active[0] * grid.columns + grid.active[1]]?.setAttribute("tabindex", "-1");
  grid.active = [row, column];
  grid.cells[row * grid.columns + column]?.setAttribute("tabindex", "0");
}

function rebuildCells(grid, rows, columns) {
  grid.cells = [];
  grid.shown = [];
  const lines = times(rows, () => {
    const cells = times(columns, () =>
      el("div", { role: "gridcell", class: "cell", tabindex: "-1" }),
    );
    grid.cells.push(...cells);
    return el("div", { role: "row", class: "row" }, cells);
  });
  grid.body.replaceChildren(...lines);
  Object.assign(grid, { rows, columns, active: [0, 0] });
}

// Side of a cell so that so many fit into a width.
export function sideFor(columns, width, most = 38) {
  return Math.max(9, Math.min(most, Math.floor(width / Math.max(columns, 1))));
}

// Type for a cell, and how many signs of it leave the cell's borders free.
export const fontFor = (side) => Math.max(8.5, Math.min(11.5, (side - 6) / 3.03));
export const signsFor = (side, font) => Math.floor((side - 6) / (font * 0.605));

// cell(row, column) → { value, kind: classes, label, fill }; frame: [row, column, rows, columns].
export function drawGrid(grid, { rows, columns, side, cell, frame, active, tint }) {
  if (grid.rows !== rows || grid.columns !== columns) rebuildCells(grid, rows, columns);
  grid.element.style.setProperty("--side", `${side}px`);
  const size = fontFor(side);
  grid.element.style.setProperty("--size", `${size}px`);
  if (tint) grid.element.style.setProperty("--tint", tint);
  const signs = side < 24 ? 0 : signsFor(side, size);
  const drawn = grid.cells.map((_, i) => cell(Math.floor(i / columns), i % columns));
  const decimals = signs ? decimalsFor(drawn.map(({ value }) => value).filter((v) => v !== undefined), signs) : 0;
  for (let i = 0; i < grid.cells.length; i++) {
    const { value, kind = "", label = "", fill = "" } = drawn[i];
    const text = value === undefined || !signs ? "" : fitted(value, signs, decimals);
    const key = `${text}|${kind}|${label}|${fill}`;
    if (grid.shown[i] === key) continue;
    grid.shown[i] = key;
    const node = grid.cells[i];
    node.className = `cell ${kind}`;
    node.textContent = text;
    const said = value === undefined ? label : `${label} ${written(value)}`.trim();
    if (said) node.setAttribute("aria-label", said);
    node.style.backgroundColor = fill;
  }
  if (active) setActive(grid, active);
  else setActive(grid, grid.active);
  grid.frame.hidden = !frame;
  if (frame) {
    const [row, column, high, wide] = frame;
    const { style } = grid.frame;
    if (grid.side !== side) style.transition = "none"; // cells of another size jump, and so does it
    style.transform = `translate(${column * side}px, ${row * side}px)`;
    style.width = `${wide * side}px`;
    style.height = `${high * side}px`;
    if (grid.side !== side) grid.side = grid.frame.offsetWidth ? side : 0;
    style.transition = "";
  }
}

// A cell too small for text is coloured by its number: blue below 0, orange above.
export function shade(value, most) {
  const v = typeof value === "object" ? value.re : Number(value);
  if (!Number.isFinite(v) || !most) return "";
  const part = Math.min(Math.abs(v) / most, 1);
  return v < 0 ? `rgba(0,114,178,${(0.75 * part).toFixed(2)})` : `rgba(230,159,0,${(0.85 * part).toFixed(2)})`;
}

export function largest(values, size) {
  let most = 0;
  for (const v of values) {
    const s = size(v);
    if (Number.isFinite(s) && s > most) most = s;
  }
  return most;
}
