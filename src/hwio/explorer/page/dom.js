// Elements from plain data. Text is always text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, options, children) {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "says") node.setAttribute("aria-label", value);
    else if (name === "text") node.textContent = value;
    else if (name === "value" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function el(name, options = {}, ...children) {
  return fill(document.createElement(name), options, children);
}

// A framed part of the page with a name.
export function card(title, ...children) {
  return el("section", { class: "card", says: title }, ...children);
}

export const soft = (text) => el("p", { class: "soft small", text });

export function svg(name, options = {}, ...children) {
  return fill(document.createElementNS(SVG, name), options, children);
}

export function choice(label, options, onpick) {
  const select = el("select", { says: label, onchange: () => onpick(select.value) });
  for (const [value, text] of options) select.append(el("option", { value, text }));
  return select;
}

export const byId = (id) => document.getElementById(id);

export function button(label, onclick, options = {}) {
  return el("button", { type: "button", text: label, onclick, ...options });
}

// Replace what an element holds only where it changed, so that focus and selection stay.
export function retext(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

