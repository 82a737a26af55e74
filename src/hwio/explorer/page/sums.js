// One convolution: y, number by number, from the definition.
import { times } from "./lists.js";
import { KINDS, asKind, unpack } from "./numbers.js";
import { legalGroups, outCells, sourceOf, span } from "./geometry.js";

const three = (values, fill) => [...Array(3 - values.length).fill(fill), ...values];

// The arrays and sizes, with three spatial axes.
export function readProblem(facts) {
  const dims = facts.letters.length;
  const [n, ...rest] = facts.x.shape;
  const kernel = facts.w.shape.slice(0, dims);
  return {
    facts,
    dims,
    axes: [0, 1, 2].slice(3 - dims),
    kind: facts.kind,
    ring: KINDS[facts.kind],
    images: n,
    size: three(rest.slice(0, dims), 1),
    channels: facts.x.shape[dims + 1],
    kernel: three(kernel, 1),
    seen: facts.w.shape[dims],
    filters: facts.w.shape[dims + 1],
    x: asKind(unpack(facts.x), facts.kind),
    w: asKind(unpack(facts.w), facts.kind),
    b: facts.b && asKind(unpack(facts.b), facts.kind),
    clip: facts.clip,
  };
}

export function readSettings(facts) {
  const given = facts.settings;
  return {
    stride: three(given.stride, 1),
    dilation: three(given.dilation, 1),
    padding: three(given.padding, [0, 0]),
    word: given.word || "",
    mode: given.mode,
    groups: given.groups,
    flip: given.flip,
  };
}

export class Convolution {
  constructor(problem, settings) {
    Object.assign(this, { problem, settings, ring: problem.ring });
    this.reach = problem.kernel.map((k, a) => span(k, settings.dilation[a]));
    this.out = problem.size.map((n, a) =>
      outCells(n, problem.kernel[a], settings.dilation[a], settings.stride[a], settings.padding[a]),
    );
    const fewest = legalGroups(problem);
    this.groups = fewest.includes(settings.groups) ? settings.groups : fewest[0] || 1;
    this.groupChannels = Math.min(problem.channels / this.groups, problem.seen);
    this.groupFilters = problem.filters / this.groups;
    this.outs = this.out.reduce((a, b) => a * b, 1);
    this.taps = problem.kernel.reduce((a, b) => a * b, 1);
    this.depth = this.taps * this.groupChannels;
    // source[axis][o][t]: the cell of x that tap t of output o meets, −1 for zero padding
    this.source = [0, 1, 2].map((a) =>
      times(this.out[a], (o) =>
        times(problem.kernel[a], (t) =>
          sourceOf(this.meets(a, o, t), problem.size[a], settings.mode),
        ),
      ),
    );
    this.kept = new Map();
  }

  // The cell of padded x, counted from x's first, that tap t of output o meets.
  meets(a, o, t) {
    const { stride, dilation, padding } = this.settings;
    return o * stride[a] - padding[a][0] + t * dilation[a];
  }

  firstChannel(k) {
    return Math.floor(k / this.groupFilters) * this.groupChannels;
  }

  xAt(n, [d, h, w], c) {
    const { size, channels, x } = this.problem;
    return x[(((n * size[0] + d) * size[1] + h) * size[2] + w) * channels + c];
  }

  // x with its padding.
  paddedAt(n, position, c) {
    const { size } = this.problem;
    const cell = position.map((p, a) => sourceOf(p, size[a], this.settings.mode));
    return cell.includes(-1) ? this.ring.zero : this.xAt(n, cell, c);
  }

  // The place in w, as stored, of the weight that tap t of filter k uses for its channel i.
  stored(t) {
    return this.settings.flip ? t.map((v, a) => this.problem.kernel[a] - 1 - v) : t;
  }

  wAt(t, i, k) {
    const { kernel, seen, filters, w } = this.problem;
    const [p, q, r] = this.stored(t);
    return w[(((p * kernel[1] + q) * kernel[2] + r) * seen + i) * filters + k];
  }

  tapsOf() {
    const [p, q, r] = this.problem.kernel;
    return times(this.taps, (i) => [
      Math.floor(i / (q * r)),
      Math.floor(i / r) % q,
      (i % r),
    ]);
  }

  place(i) {
    const [, h, w] = this.out;
    return [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
  }

  index([d, h, w]) {
    return (d * this.out[1] + h) * this.out[2] + w;
  }

  // The products of one number of y, channel by channel, and their sums.
  trace(n, o, k) {
    const { add, mul, zero } = this.ring;
    const taps = this.tapsOf();
    const channels = [];
    for (let i = 0; i < this.groupChannels; i++) {
      const c = this.firstChannel(k) + i;
      const parts = taps.map((t) => {
        const position = t.map((v, a) => this.meets(a, o[a], v));
        const cell = t.map((v, a) => this.source[a][o[a]][v]);
        const outside = position.some((p, a) => p < 0 || p >= this.problem.size[a]);
        const x = cell.includes(-1) ? zero : this.xAt(n, cell, c);
        const w = this.wAt(t, i, k);
        return { t, position, outside, x, w, product: mul(x, w) };
      });
      channels.push({ c, i, parts, sum: parts.reduce((s, p) => add(s, p.product), zero) });
    }
    const total = channels.reduce((s, each) => add(s, each.sum), zero);
    return { channels, total, bias: this.problem.b?.[k], value: this.finish(total, k) };
  }

  finish(total, k) {
    const { b, clip } = this.problem;
    let value = b ? this.ring.add(total, b[k]) : total;
    if (clip && clip[0] !== null && value === value) value = this.ring.max(value, clip[0]);
    if (clip && clip[1] !== null && value === value) value = this.ring.min(value, clip[1]);
    return value;
  }

  // All of one channel of y of one image, in C order; kept once computed.
  plane(n, k) {
    const key = n * this.problem.filters + k;
    if (!this.kept.has(key)) {
      this.kept.set(
        key,
        times(this.outs, (i) => this.sum(n, this.place(i), k)),
      );
    }
    return this.kept.get(key);
  }

  yAt(n, o, k) {
    return this.plane(n, k)[this.index(o)];
  }

  sum(n, [od, oh, ow], k) {
    const { add, mul, zero } = this.ring;
    const { kernel, size, channels, seen, filters, x, w, kind } = this.problem;
    const pairs = kind === "complex";
    const first = this.firstChannel(k);
    const [ds, hs, ws] = [this.source[0][od], this.source[1][oh], this.source[2][ow]];
    let total = zero;
    for (let p = 0; p < kernel[0]; p++) {
      for (let q = 0; q < kernel[1]; q++) {
        for (let r = 0; r < kernel[2]; r++) {
          const [sp, sq, sr] = this.settings.flip
            ? [kernel[0] - 1 - p, kernel[1] - 1 - q, kernel[2] - 1 - r]
            : [p, q, r];
          let at = ((sp * kernel[1] + sq) * kernel[2] + sr) * seen * filters + k;
          const inside = ds[p] >= 0 && hs[q] >= 0 && ws[r] >= 0;
          const cell = ((n * size[0] + ds[p]) * size[1] + hs[q]) * size[2] + ws[r];
          let from = cell * channels + first;
          for (let i = 0; i < this.groupChannels; i++, at += filters, from++) {
            const cellOfX = inside ? x[from] : zero;
            total = pairs ? add(total, mul(cellOfX, w[at])) : total + cellOfX * w[at];
          }
        }
      }
    }
    return this.finish(total, k);
  }

  // All numbers of y, (n, *out, k) in C order, as Python stores them.
  all() {
    const { images, filters } = this.problem;
    const y = new Array(images * this.outs * filters);
    for (let n = 0; n < images; n++) {
      for (let k = 0; k < filters; k++) {
        this.plane(n, k).forEach((v, i) => {
          y[(n * this.outs + i) * filters + k] = v;
        });
      }
    }
    return y;
  }

  // Every output and tap that meets one cell of x: windows that see it.
  meetings(cell) {
    const pairs = cell.map((p, a) => {
      const found = [];
      this.source[a].forEach((taps, o) => taps.forEach((s, t) => s === p && found.push([o, t])));
      return found;
    });
    return pairs[0].flatMap((d) =>
      pairs[1].flatMap((h) =>
        pairs[2].map((w) => ({ o: [d[0], h[0], w[0]], t: [d[1], h[1], w[1]] })),
      ),
    );
  }
}
