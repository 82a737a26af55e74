// Numbers of four kinds: floats, integers that float64 holds, big integers, and complex pairs.
import { times } from "./lists.js";

const plain = {
  zero: 0,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  size: Math.abs,
  max: (v, bound) => (v < bound ? bound : v),
  min: (v, bound) => (v > bound ? bound : v),
  one: 1,
};
export const KINDS = {
  float: plain,
  int: plain,
  big: {
    ...plain,
    zero: 0n,
    one: 1n,
    size: (v) => Number(v < 0n ? -v : v),
    max: (v, bound) => (v < BigInt(bound) ? BigInt(bound) : v),
    min: (v, bound) => (v > BigInt(bound) ? BigInt(bound) : v),
  },
  complex: {
    ...plain,
    zero: { re: 0, im: 0 },
    one: { re: 1, im: 0 },
    add: (a, b) => ({ re: a.re + b.re, im: a.im + b.im }),
    mul: (a, b) => ({ re: a.re * b.re - a.im * b.im, im: a.re * b.im + a.im * b.re }),
    size: (v) => Math.hypot(v.re, v.im),
  },
};

const ARRAYS = {
  f4: Float32Array,
  f8: Float64Array,
  c16: Float64Array,
  i1: Int8Array,
  u1: Uint8Array,
  i2: Int16Array,
  u2: Uint16Array,
  i4: Int32Array,
  u4: Uint32Array,
};

// What Python packed, as a flat array; every browser's machine is little-endian.
export function unpack(packed) {
  if (packed.type === "big") return packed.data.map(BigInt);
  const raw = Uint8Array.from(atob(packed.data), (sign) => sign.charCodeAt(0));
  const read = new ARRAYS[packed.type](raw.buffer);
  if (packed.type !== "c16") return Float64Array.from(read);
  return times(read.length / 2, (i) => ({ re: read[2 * i], im: read[2 * i + 1] }));
}

// Numbers of another array in the kind that the page computes in.
export function asKind(values, kind) {
  if (kind !== "complex" || typeof values[0] === "object") return values;
  return Array.from(values, (re) => ({ re, im: 0 }));
}

export function sameNumber(a, b) {
  if (typeof a === "object") return sameNumber(a.re, b.re) && sameNumber(a.im, b.im);
  return a === b || (a !== a && b !== b);
}

const minus = (text) => text.replace(/-/g, "−");

function words(v) {
  if (v !== v) return "nan";
  return v > 0 ? "inf" : "−inf";
}

// With so many decimals: −1.6023. Whole numbers as they are.
export function written(v, decimals = 4) {
  if (typeof v === "bigint") return minus(String(v));
  if (typeof v === "object") {
    const im = written(v.im, decimals);
    return `${written(v.re, decimals)}${im.startsWith("−") ? im : `+${im}`}j`;
  }
  if (!Number.isFinite(v)) return words(v);
  if (Number.isInteger(v) && Math.abs(v) < 1e9 && writing.whole) return minus(String(v));
  const size = Math.abs(v);
  if (size !== 0 && (size < 1e-4 || size >= 1e6) && decimals > 3) return minus(v.toExponential(2));
  return minus(v.toFixed(decimals));
}
// Whether the page's numbers are whole: then none is written with decimals.
export const writing = { whole: false };

// Decimals with which nearly all of these numbers fit into so many signs.
export function decimalsFor(values, signs) {
  for (let decimals = 3; decimals > 0; decimals--) {
    const fits = values.filter((v) => written(v, decimals).length <= signs).length;
    if (fits >= 0.9 * values.length) return decimals;
  }
  return 1;
}

// As much of a number as fits into so many signs; nothing where none fits.
export function fitted(v, signs, most = 3) {
  for (let decimals = most; decimals >= 0; decimals--) {
    const text = written(v, decimals).replace(/^−(0\.?0*)$/, "$1");
    if (text.length <= signs) return text;
    const short = text.replace(/^(−?)0\./, "$1.");
    if (short.length <= signs && short.length > 1) return short;
  }
  return "";
}
