"""One register block, the heart of the direct kernels.

It keeps MR × NRV vectors of sums in registers over the whole reduction:

    for tap: for c:   w_0 … w_v = the next NRV vectors of packed weights     NRV·lanes filters
                      for m < MR:  s = broadcast x[pointer[tap, m] + c]
                                   sums[m, v] += s · w_v

so each sum adds its products in the order (tap, c), then the bias: the same bits whatever the tile,
the thread or the batch. 14 × 2 vectors fill 28 of AVX-512's 32 registers; two hold weights.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import FLOATS, I64, at
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number

UNROLL = 4
LINE = 64  # bytes that one prefetch brings


def make_block(tile: Tile, emitter=None):
    """Return the intrinsic of one register block, as an emitter writes it: by default in floats.

    Its arguments are addresses and counts: pointers (taps, MR), taps, channels, weights, where to
    prefetch from, y, bytes between rows of y, bias and the activation's ends. It stores all NR
    columns: a mask, even one that is used after the loops only, would take a register from the sums.
    """
    kind = emitter or DirectEmitter

    @intrinsic
    def register_block(typingctx, pointers, taps, channels, weights, ahead, y, y_step, bias, ends):
        def codegen(ctx, b, signature, args):
            call_apart(b, "direct_block", lambda inner, a: kind(inner, tile).block(*a), args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 9), codegen

    return register_block


class DirectEmitter(Emitter):
    """Emits the instructions of one direct register block."""

    def step(self, rows, offset, weights, sums):
        """Add one channel's products to all sums."""
        b, t = self.b, self.tile
        ws = [self.vector_at(weights, v) for v in range(t.nrv)]
        sums = list(sums)
        for m in range(t.mr):
            scalar = b.load(at(b, b.add(rows[m], offset), FLOATS[t.kind]), align=t.size)
            s = self.splat(scalar, t.lanes)
            for v in range(t.nrv):
                sums[m * t.nrv + v] = b.call(self.fma, [s, ws[v], sums[m * t.nrv + v]])
        return sums

    def block(self, pointers, taps, channels, weights, ahead, y, y_step, bias, ends):
        """Emit the reduction, the bias, the activation and the stores."""
        b, t = self.b, self.tile
        whole = b.and_(channels, number(-UNROLL))

        def tap(n, carried):
            base = b.add(pointers, b.mul(n, number(t.mr * 8)))
            rows = [b.load(at(b, b.add(base, number(m * 8)), I64)) for m in range(t.mr)]

            def steps(count):
                def body(c, inner):
                    w, near, *sums = inner
                    first = b.mul(c, number(t.size))
                    for u in range(count):
                        here = b.add(w, number(u * t.nrv * t.lanes * t.size))
                        self.prefetch(b.add(near, number(u * LINE)))
                        sums = self.step(rows, b.add(first, number(u * t.size)), here, sums)
                    w = b.add(w, number(count * t.nrv * t.lanes * t.size))
                    return [w, b.add(near, number(count * LINE)), *sums]

                return body

            carried = self.loop(number(0), whole, number(UNROLL), carried, steps(UNROLL))
            return self.loop(whole, channels, number(1), carried, steps(1))

        for m in range(t.mr):  # y's lines arrive while the sums are made
            row = b.add(y, b.mul(y_step, number(m)))
            for v in range(t.nrv * t.lanes * t.size // LINE):
                self.prefetch(b.add(row, number(v * LINE)), write=True)
        zeros = [ir.Constant(t.vector, None)] * (t.mr * t.nrv)
        _, _, *sums = self.loop(number(0), taps, number(1), [weights, ahead, *zeros], tap)
        sums = self.finish(sums, bias, ends, t.nrv)
        for n, _, where in self.places(y, y_step):
            b.store(sums[n], where, align=t.size)
