// Numbers of four kinds: floats, integers that float64 holds, big integers, and complex pairs.

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

const READERS = {
  f4: [4, "getFloat32"],
  f8: [8, "getFloat64"],
  i1: [1, "getInt8"],
  u1: [1, "getUint8"],
  i2: [2, "getInt16"],
  u2: [2, "getUint16"],
  i4: [4, "getInt32"],
  u4: [4, "getUint32"],
};

// What Python packed, as a flat array.
export function unpack(packed) {
  if (packed.type === "big") return packed.data.map(BigInt);
  const raw = Uint8Array.from(atob(packed.data), (sign) => sign.charCodeAt(0));
  const bytes = new DataView(raw.buffer);
  if (packed.type === "c16") {
    return Array.from({ length: raw.length / 16 }, (_, i) => ({
      re: bytes.getFloat64(16 * i, true),
      im: bytes.getFloat64(16 * i + 8, true),
    }));
  }
  const [size, get] = READERS[packed.type];
  return Float64Array.from({ length: raw.length / size }, (_, i) => bytes[get](i * size, true));
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
    const text = written(v, decimals);
    const short = text.replace(/^(−?)0\./, "$1.");
    if (text.length <= signs && !(decimals < 2 && /^−?0/.test(text) && v != 0)) return text;
    if (short.length <= signs && short.length > 2) return short;
  }
  return typeof v === "number" && Math.abs(v) < 0.1 && signs > 1 ? "≈0" : "";
}
