// Gradients and the transposed convolution, each from the definition, in two readings.
import { times } from "./lists.js";

export class Backward {
  // dy is y itself, as if the loss were ½·Σ y², or one everywhere.
  constructor(conv, ones) {
    Object.assign(this, { conv, ones, ring: conv.ring });
    this.kept = new Map();
  }

  dy(n, o, k) {
    const y = this.conv.yAt(n, o, k);
    // an activation passes nothing back where it holds y at a bound
    if (this.conv.problem.clip?.some((bound) => bound !== null && y == bound)) return this.ring.zero;
    return this.ones ? this.ring.one : y;
  }

  filtersOf(c) {
    const group = Math.floor(c / this.conv.groupChannels);
    const first = group * this.conv.groupFilters;
    return times(this.conv.groupFilters, (j) => first + j);
  }

  // Scattered: what each window that saw the cell sends back to it.
  scattered(n, cell, c) {
    const { add, mul, zero } = this.ring;
    const i = c % this.conv.groupChannels;
    const rows = this.conv.meetings(cell).map(({ o, t }) => {
      const parts = this.filtersOf(c).map((k) => {
        const [dy, w] = [this.dy(n, o, k), this.conv.wAt(t, i, k)];
        return { k, dy, w, product: mul(dy, w) };
      });
      return { o, t, parts, sum: parts.reduce((s, p) => add(s, p.product), zero) };
    });
    return { rows, total: rows.reduce((s, row) => add(s, row.sum), zero) };
  }

  // Gathered: dy, spread by the stride, under the kernel turned round.
  gathered(n, cell, c) {
    const { add, mul, zero } = this.ring;
    const { conv } = this;
    const { stride, padding, dilation } = conv.settings;
    const i = c % conv.groupChannels;
    const taps = conv.tapsOf().reverse();
    const filters = this.filtersOf(c).map((k) => ({ k, parts: [], sum: zero }));
    for (const position of this.positions(cell)) {
      for (const t of taps) {
        const steps = t.map((v, a) => position[a] + padding[a][0] - v * dilation[a]);
        const o = steps.map((v, a) => v / stride[a]);
        const there = o.every((v, a) => Number.isInteger(v) && v >= 0 && v < conv.out[a]);
        for (const each of filters) {
          const dy = there ? this.dy(n, o, each.k) : zero;
          const w = conv.wAt(t, i, each.k);
          const product = there ? mul(dy, w) : zero;
          each.parts.push({ t, outside: !there, dy, w, product });
          each.sum = add(each.sum, product);
        }
      }
    }
    return { filters, total: filters.reduce((s, each) => add(s, each.sum), zero) };
  }

  // Cells of padded x that hold this cell of x: itself, and those that repeat it.
  positions(cell) {
    const { settings, problem } = this.conv;
    if (settings.mode === "zeros") return [cell];
    const axes = cell.map((p, a) => {
      const found = new Set([p]);
      this.conv.source[a].forEach((taps, o) =>
        taps.forEach((s, t) => s === p && found.add(this.conv.meets(a, o, t))),
      );
      return [...found];
    });
    return axes[0].flatMap((d) => axes[1].flatMap((h) => axes[2].map((w) => [d, h, w])));
  }

  // dx of one channel of one image, in C order.
  dxPlane(n, c) {
    const key = `${n} ${c}`;
    if (!this.kept.has(key)) this.kept.set(key, this.scatterAll(n, c));
    return this.kept.get(key);
  }

  scatterAll(n, c) {
    const { add, mul, zero } = this.ring;
    const { conv } = this;
    const [D, H, W] = conv.problem.size;
    const dx = new Array(D * H * W).fill(zero);
    const taps = conv.tapsOf();
    const i = c % conv.groupChannels;
    for (const k of this.filtersOf(c)) {
      const weights = taps.map((t) => conv.wAt(t, i, k));
      for (let at = 0; at < conv.outs; at++) {
        const o = conv.place(at);
        const dy = this.dy(n, o, k);
        taps.forEach((t, j) => {
          const [d, h, w] = t.map((v, a) => conv.source[a][o[a]][v]);
          if (d < 0 || h < 0 || w < 0) return;
          const to = (d * H + h) * W + w;
          dx[to] = add(dx[to], mul(dy, weights[j]));
        });
      }
    }
    return dx;
  }

  // One number of dw: every window's cell under this tap, times that window's dy.
  dw(t, i, k) {
    const { add, mul, zero } = this.ring;
    const { conv } = this;
    const c = conv.firstChannel(k) + i;
    let total = zero;
    for (let n = 0; n < conv.problem.images; n++) {
      for (let at = 0; at < conv.outs; at++) {
        const o = conv.place(at);
        const cell = t.map((v, a) => conv.source[a][o[a]][v]);
        const x = cell.includes(-1) ? zero : conv.xAt(n, cell, c);
        total = add(total, mul(x, this.dy(n, o, k)));
      }
    }
    return total;
  }

  db(k) {
    let total = this.ring.zero;
    for (let n = 0; n < this.conv.problem.images; n++) {
      for (let at = 0; at < this.conv.outs; at++) {
        total = this.ring.add(total, this.dy(n, this.conv.place(at), k));
      }
    }
    return total;
  }
}

// Cells of an axis of x that no window reads.
export function leftover(conv, a) {
  const read = new Set(conv.source[a].flat());
  return times(conv.problem.size[a], (p) => p).filter((p) => !read.has(p));
}

// The transposed convolution: y is put in, and every number stamps its filter onto the result.
export class Transposed {
  constructor(conv, more) {
    Object.assign(this, { conv, ring: conv.ring, more });
    const { stride, padding } = conv.settings;
    this.size = conv.out.map(
      (n, a) => (n - 1) * stride[a] + conv.reach[a] - padding[a][0] - padding[a][1] + more[a],
    );
  }

  // What lands on one cell of the result, from the first inputs in order.
  at(n, cell, c, until = this.conv.outs) {
    const { add, mul, zero } = this.ring;
    const { conv } = this;
    const { stride, padding, dilation } = conv.settings;
    const i = c % conv.groupChannels;
    const first = Math.floor(c / conv.groupChannels) * conv.groupFilters;
    const rows = [];
    let total = zero;
    for (const t of conv.tapsOf()) {
      const o = t.map((v, a) => (cell[a] + padding[a][0] - v * dilation[a]) / stride[a]);
      if (!o.every((v, a) => Number.isInteger(v) && v >= 0 && v < conv.out[a])) continue;
      if (conv.index(o) >= until) continue;
      let sum = zero;
      for (let k = first; k < first + conv.groupFilters; k++) {
        sum = add(sum, mul(conv.yAt(n, o, k), conv.wAt(t, i, k)));
      }
      rows.push({ o, t, sum });
      total = add(total, sum);
    }
    return { rows, total };
  }
}
