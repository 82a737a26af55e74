"""One register block of the gradient for w: MR channels of one tap × NRV vectors of filters.

It keeps its sums in registers over the pixels of a chunk, as the forward block does over channels.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import FLOATS, I64, at
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number


def make_pixel_block(tile: Tile, *, packs: bool = False):
    """Return the intrinsic of one register block; one that packs also lays its rows of dy side by side.

    Its arguments are addresses and counts: pointers to the pixels' cells, pixels, offset of the
    channels there, how far ahead lies what comes next, the packed channels or 0; where rows of dy
    begin, the bytes between them, where they are laid; where rows begin that are wanted next, the
    bytes between them; dw, bytes between its rows, rows of the block that another one has already,
    and whether dw holds sums to add to.
    """
    name = "packing_block" if packs else "pixel_block"

    def emit(b, args):
        PixelEmitter(b, tile).block(*args, packs=packs)

    @intrinsic
    def pixel_block(
        typingctx, pointers, pixels, offset, ahead, strip, dy, dy_step, packed, wanted, wanted_step,
        dw, dw_step, skip, more,
    ):  # fmt: skip
        def codegen(ctx, b, signature, args):
            call_apart(b, name, emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 14), codegen

    return pixel_block


class PixelEmitter(Emitter):
    """Emits the instructions of one register block of dw."""

    def block(
        self, pointers, pixels, offset, ahead, strip, dy, dy_step, packed, wanted, wanted_step,
        dw, dw_step, skip, more, *, packs,
    ):  # fmt: skip
        """Emit the sum over pixels and its way into dw."""
        b, t = self.b, self.tile
        side_by_side, row_bytes = b.icmp_signed("!=", strip, number(0)), t.nrv * t.lanes * t.size
        strip_step = b.select(side_by_side, number(t.mr * t.size), number(0))

        def pixel(n, carried):
            here, cell, next_row, *sums = carried
            row = b.add(b.load(at(b, b.add(pointers, b.mul(n, number(8))), I64)), offset)
            self.prefetch(b.add(row, ahead))
            self.prefetch(next_row)
            row = b.select(side_by_side, cell, row)
            uppers = [self.vector_at(here, v) for v in range(t.nrv)]
            if packs:
                there = b.add(packed, b.mul(n, number(row_bytes)))
                for v, upper in enumerate(uppers):
                    where = b.add(there, number(v * t.lanes * t.size))
                    b.store(upper, at(b, where, t.vector), align=t.size)
            for m in range(t.mr):
                scalar = b.load(at(b, b.add(row, number(m * t.size)), FLOATS[t.kind]), align=t.size)
                s = self.splat(scalar, t.lanes)
                for v in range(t.nrv):
                    k = m * t.nrv + v
                    sums[k] = b.call(self.fma, [s, uppers[v], sums[k]])
            near = b.add(here, dy_step if packs else number(row_bytes))
            return [near, b.add(cell, strip_step), b.add(next_row, wanted_step), *sums]

        zeros = [ir.Constant(t.vector, None)] * (t.mr * t.nrv)
        carried = [dy, strip, wanted, *zeros]
        _, _, _, *sums = self.loop(number(0), pixels, number(1), carried, pixel)
        with b.if_else(b.icmp_signed("==", more, number(0))) as (then, otherwise):
            for branch, adds in ((then, False), (otherwise, True)):
                with branch:
                    self.keep(sums, dw, dw_step, skip, adds=adds)

    def keep(self, sums, dw, dw_step, skip, *, adds):
        """Store the rows from ``skip`` on, or add them to what is there."""
        b, t = self.b, self.tile
        for m in range(t.mr):
            with b.if_then(b.icmp_signed(">=", number(m), skip)):
                row = b.add(dw, b.mul(dw_step, number(m)))
                for v in range(t.nrv):
                    where = at(b, b.add(row, number(v * t.lanes * t.size)), t.vector)
                    total = sums[m * t.nrv + v]
                    if adds:
                        total = b.fadd(b.load(where, align=t.size), total)
                    b.store(total, where, align=t.size)
