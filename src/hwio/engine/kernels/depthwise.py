"""Depthwise convolution: each channel meets its own filter, so vectors run along channels.

A block is MR neighbouring pixels of one output row × NRV vectors of channels. Where taps follow each
other without a gap (dilation 1) they are taken RUN at a time, and each cell of x is loaded once for
all the pixels of the block that it meets:

    for row of the kernel: for RUN taps:  w_0 … w_RUN = their weights
        for cell:  value = x[pointer[row, cell] + channels]
                   sums[m] += value · w_u    for every m·STEP + u = cell

Each sum still adds its products in the order of the taps. Nothing is reused but cells and weights:
loads, not products, bound it.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import I64, at, load_int
from hwio.engine.kernels.block import LINE
from hwio.engine.kernels.cells import fill_cells
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number

X, W, Y, BIAS, ENDS = (AT[name] for name in ("x", "w", "y", "bias", "ends"))
SCRATCH, SCRATCH_STEP = AT["scratch"], AT["scratch_step"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
STRIDE_H, STRIDE_W, DILATION_W, PIXELS = (
    AT["stride_h"],
    AT["stride_w"],
    AT["dilation_w"],
    AT["pixels"],
)
FILTERS, Y_STEP, PANELS = AT["filters"], AT["y_step"], AT["panels"]
PANEL_GROUP, TILES, BLOCKS = AT["panel_group"], AT["tiles"], AT["blocks"]


@dataclass(frozen=True, slots=True)
class Taps:
    """How the taps of a row are taken: ``run`` at a time, for pixels ``step`` cells apart.

    run = 1 leaves stride and dilation to run time.
    """

    run: int
    step: int


def make_channel_block(tile: Tile, taps: Taps):
    """Return the intrinsic of one depthwise register block."""

    @intrinsic
    def channel_block(
        typingctx, table, table_step, rows, kernel_w, cell_step, tap_step, offset, weights,
        y, y_step, bias, columns, ends,
    ):  # fmt: skip
        def codegen(ctx, b, signature, args):
            def emit(inner, a):
                DepthwiseEmitter(inner, tile, taps).block(*a)

            call_apart(b, "depthwise_block", emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 13), codegen

    return channel_block


class DepthwiseEmitter(Emitter):
    """Emits the instructions of one depthwise register block."""

    def __init__(self, builder, tile: Tile, taps: Taps) -> None:
        super().__init__(builder, tile)
        self.taps = taps

    def block(
        self, table, table_step, rows, kernel_w, cell_step, tap_step, offset, weights,
        y, y_step, bias, columns, ends,
    ):  # fmt: skip
        """Emit whole vectors of channels, or masked ones at the end of a row."""
        if self.taps.run > 1:
            cell_step, tap_step = number(8 * self.taps.step), number(8)
        steps = cell_step, tap_step
        whole = number(self.tile.nrv * self.tile.lanes)
        with self.b.if_else(self.b.icmp_signed(">=", columns, whole)) as (then, otherwise):
            for branch, last in ((then, False), (otherwise, True)):
                with branch:
                    masks = self.masks(columns) if last else None
                    sums = self.sums(
                        table, table_step, rows, kernel_w, steps, offset, weights, masks
                    )
                    sums = self.finish(sums, bias, ends, self.tile.nrv)
                    self.store(sums, y, y_step, columns if last else whole)

    def sums(self, table, table_step, rows, kernel_w, steps, offset, weights, masks):
        """Emit the loops over taps."""
        b, t, run = self.b, self.tile, self.taps.run
        w_step = t.nrv * t.lanes * t.size  # bytes; a literal costs no register

        def row(n, carried):
            first_cell = b.add(table, b.mul(n, table_step))

            def several(first, inner):
                w, *sums = inner
                ws = [b.add(w, number(w_step * u)) for u in range(run)]
                at_tap = b.add(first_cell, b.mul(first, number(8)))
                sums = self.several_taps(at_tap, ws, offset, masks, sums)
                return [b.add(w, number(w_step * run)), *sums]

            def single(tap, inner):
                w, *sums = inner
                at_tap = b.add(first_cell, b.mul(tap, steps[1]))
                sums = self.one_tap(at_tap, steps[0], w, offset, masks, sums)
                return [b.add(w, number(w_step)), *sums]

            start = number(0)
            if run > 1:
                start = b.mul(b.udiv(kernel_w, number(run)), number(run))
                carried = self.loop(number(0), start, number(run), carried, several)
            return self.loop(start, kernel_w, number(1), carried, single)

        zeros = [ir.Constant(t.vector, None)] * (t.mr * t.nrv)
        _, *sums = self.loop(number(0), rows, number(1), [weights, *zeros], row)
        return sums

    def several_taps(self, table, weights, offset, masks, sums):
        """Add the products of RUN taps, each cell loaded once."""
        t, (run, step) = self.tile, (self.taps.run, self.taps.step)
        sums = list(sums)
        ws = [[self.vector_at(w, v) for v in range(t.nrv)] for w in weights]
        for cell in range((t.mr - 1) * step + run):
            row = self.cell(table, number(cell * 8), offset)
            for v in range(t.nrv):
                value = self.channels_at(row, v, masks)
                for u in range(run):
                    m, between = divmod(cell - u, step)
                    if between == 0 and 0 <= m < t.mr:
                        k = m * t.nrv + v
                        sums[k] = self.b.call(self.fma, [value, ws[u][v], sums[k]])
        return sums

    def one_tap(self, table, cell_step, weights, offset, masks, sums):
        """Add the products of one tap."""
        t, sums = self.tile, list(sums)
        ws = [self.vector_at(weights, v) for v in range(t.nrv)]
        for m in range(t.mr):
            row = self.cell(table, self.b.mul(cell_step, number(m)), offset)
            for v in range(t.nrv):
                k = m * t.nrv + v
                value = self.channels_at(row, v, masks)
                sums[k] = self.b.call(self.fma, [value, ws[v], sums[k]])
        return sums

    def cell(self, table, where, offset):
        """Load a pointer and go to the block's channels there."""
        return self.b.add(self.b.load(at(self.b, self.b.add(table, where), I64)), offset)


def make_prefetch(tile: Tile):
    """Return an intrinsic that asks for the NRV vectors behind an address."""

    @intrinsic
    def prefetch(typingctx, address):
        def codegen(ctx, b, signature, args):
            emitter = Emitter(b, tile)
            for offset in range(0, tile.nrv * tile.lanes * tile.size, LINE):
                emitter.prefetch(b.add(args[0], number(offset)))
            return ctx.get_dummy_value()

        return types.void(types.intp), codegen

    return prefetch


def make_depthwise(tile: Tile, taps: Taps):
    """Return the kernel for one register block."""
    block, prefetch = make_channel_block(tile, taps), make_prefetch(tile)
    size, nr, mr = tile.size, tile.nrv * tile.lanes, tile.mr

    def depthwise(a, task, thread):
        rows = load_int(a + KERNEL_D) * load_int(a + KERNEL_H)
        kernel_w, out_w = load_int(a + KERNEL_W), load_int(a + OUT_W)
        stride, dilation = load_int(a + STRIDE_W), load_int(a + DILATION_W)
        cells = (out_w - 1) * stride + (kernel_w - 1) * dilation + 1
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        tiles, blocks = load_int(a + TILES), load_int(a + BLOCKS)
        part, first = task // blocks, task % blocks * tiles
        last = min(load_int(a + PIXELS) // out_w, first + tiles)
        table = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        for row in range(first, last):
            fill_cells(a, load_int(a + X), table + (row - first) * rows * cells * 8, row, cells)
        filters, y_step = load_int(a + FILTERS), load_int(a + Y_STEP)
        for panel in range(part * panel_group, min(panels, (part + 1) * panel_group)):
            offset = panel * nr * size
            w = load_int(a + W) + offset * rows * kernel_w
            for row in range(first, last):  # its cells of this panel are near since the row before
                here = table + (row - first) * rows * cells * 8
                y = load_int(a + Y) + row * out_w * y_step + offset
                new = 0 if row + 1 == last else min(load_int(a + STRIDE_H), rows)
                fresh = (
                    here + (2 * rows - new) * cells * 8
                )  # rows that the next output row sees first
                for t in range((out_w + mr - 1) // mr):
                    start = min(t * mr, out_w - mr)  # the last tile reaches back
                    block(
                        here + start * stride * 8, cells * 8, rows, kernel_w,
                        stride * 8, dilation * 8, offset, w, y + start * y_step, y_step,
                        load_int(a + BIAS) + offset, filters - panel * nr, load_int(a + ENDS),
                    )  # fmt: skip
                    for i in range(new):
                        for q in range(start * stride, (start + mr) * stride):
                            prefetch(load_int(fresh + (i * cells + min(q, cells - 1)) * 8) + offset)

    return depthwise


def build(kind, lanes, mr, nrv, run, step):
    """Return the functions to compile and their numbers of arguments."""
    function = make_depthwise(Tile(kind, lanes, mr, nrv), Taps(run, step))
    return {f"depthwise_{kind}_{lanes}_{mr}x{nrv}_{run}s{step}": (function, 3)}
