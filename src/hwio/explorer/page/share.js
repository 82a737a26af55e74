// Out of the page: text, a link, pictures.
import { el } from "./dom.js";
import { writeLink } from "./state.js";
import { figure } from "./figure.js";
import { asText } from "./arithmetic.js";
import { say } from "./words.js";

let tell = () => {};
export function onTold(show) {
  tell = show;
}

function copyOld(text) {
  const area = el("textarea", { class: "away", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

export async function copyText(text) {
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyOld(text);
  }
  tell(done ? say("copiedText") : text);
  return done;
}

export const copyNumber = () => copyText(asText());

export function copyLink() {
  const link = location.href.replace(/#.*$/, "") + writeLink();
  keepLink();
  return copyText(link);
}

// The address names what is shown; a frame without an address has none to keep.
export function keepLink() {
  try {
    history.replaceState(null, "", writeLink());
  } catch {
    return;
  }
}

function download(blob, name) {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function saveSvg() {
  download(new Blob([figure().text], { type: "image/svg+xml" }), "convolution.svg");
  tell(say("savedSvg"));
}

export function savePng() {
  const { text, wide, high } = figure();
  const image = new Image();
  image.onload = () => {
    const canvas = el("canvas", { width: wide * 2, height: high * 2 });
    canvas.getContext("2d").drawImage(image, 0, 0, wide * 2, high * 2);
    canvas.toBlob((blob) => download(blob, "convolution.png"));
    tell(say("savedPng"));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}
