"""The gradient for depthwise w: vectors along channels, sums over pixels in registers.

    dw[tap, c] = Σ over pixels   x[pixel · stride + tap, c] · dy[pixel, c]

Output rows of all images are numbered through and cut into segments, which do not depend on the
number of threads; each leaves sums of its own, added at the end in their order. Within a segment,
one output row meets RUN taps of one row of the kernel at a time, PIXELS pixels at once, so that each
cell of x is loaded once for all the taps that see it.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import I64, at, clear, load_int
from hwio.engine.kernels.cells import fill_cells
from hwio.engine.kernels.depthwise import Taps
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number

X, DY, DW = (AT[name] for name in ("x", "y", "w"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
OUT_W, STRIDE_W, DILATION_W = AT["out_w"], AT["stride_w"], AT["dilation_w"]
FILTERS, DY_STEP, DW_STEP, PANELS = AT["filters"], AT["y_step"], AT["dw_step"], AT["panels"]
PANEL_GROUP, SEGMENT_ROWS, SEGMENTS = AT["panel_group"], AT["tiles"], AT["blocks"]


def make_row_block(tile: Tile, taps: Taps):
    """Return the intrinsic of one register block.

    Its arguments are addresses and counts: cells, bytes between the cells of neighbouring pixels,
    offset of the channels in a cell, dy, bytes between its pixels, pixels, dw, bytes between its
    taps, and how many channels are left.
    """

    @intrinsic
    def row_block(typingctx, cells, step, offset, dy, dy_step, pixels, dw, dw_step, columns):
        def codegen(ctx, b, signature, args):
            name = f"row_block_{taps.run}"

            def emit(inner, a):
                RowEmitter(inner, tile, taps).block(*a)

            call_apart(b, name, emit, args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 9), codegen

    return row_block


class RowEmitter(Emitter):
    """Emits the instructions of one row of outputs against RUN taps."""

    def __init__(self, builder, tile: Tile, taps: Taps) -> None:
        super().__init__(builder, tile)
        self.taps = taps

    def block(self, cells, step, offset, dy, dy_step, pixels, dw, dw_step, columns):
        """Emit whole vectors of channels, or masked ones at the end of a row."""
        b, t = self.b, self.tile
        if self.taps.step:
            step = number(8 * self.taps.step)
        whole = b.icmp_signed(">=", columns, number(t.nrv * t.lanes))
        with b.if_else(whole) as (then, otherwise):
            for branch, last in ((then, False), (otherwise, True)):
                with branch:
                    masks = self.masks(columns) if last else None
                    sums = self.sums(cells, step, offset, dy, dy_step, pixels, masks)
                    for u in range(self.taps.run):
                        row = b.add(dw, b.mul(dw_step, number(u)))
                        for v in range(t.nrv):
                            where = at(b, b.add(row, number(v * t.lanes * t.size)), t.vector)
                            total = b.fadd(b.load(where, align=t.size), sums[u * t.nrv + v])
                            b.store(total, where, align=t.size)

    def sums(self, cells, step, offset, dy, dy_step, pixels, masks):
        """Emit the loop over pixels: MR at once, then one by one."""
        b, t, mr = self.b, self.tile, self.tile.mr
        many = b.mul(b.udiv(pixels, number(mr)), number(mr))

        def several(count):
            def body(n, carried):
                here, up, *sums = carried
                sums = self.pixels(count, here, step, offset, up, dy_step, masks, sums)
                here = b.add(here, b.mul(step, number(count)))
                return [here, b.add(up, b.mul(dy_step, number(count))), *sums]

            return body

        carried = [cells, dy, *[ir.Constant(t.vector, None)] * (self.taps.run * t.nrv)]
        carried = self.loop(number(0), many, number(mr), carried, several(mr))
        _, _, *sums = self.loop(many, pixels, number(1), carried, several(1))
        return sums

    def pixels(self, count, cells, step, offset, dy, dy_step, masks, sums):
        """Add the products of some neighbouring pixels."""
        b, t, run = self.b, self.tile, self.taps.run
        sums, known = list(sums), {}

        def value(m, u, v):
            if self.taps.step == 0:
                entry = b.add(cells, b.mul(step, number(m)))
                row = b.add(b.load(at(b, entry, I64)), offset)
                return self.channels_at(row, v, masks)
            cell = m * self.taps.step + u
            if (cell, v) not in known:
                row = b.add(b.load(at(b, b.add(cells, number(cell * 8)), I64)), offset)
                known[cell, v] = self.channels_at(row, v, masks)
            return known[cell, v]

        for m in range(count):
            up = b.add(dy, b.mul(dy_step, number(m)))
            for v in range(t.nrv):
                upper = self.channels_at(up, v, masks)
                for u in range(run):
                    k = u * t.nrv + v
                    sums[k] = b.call(self.fma, [value(m, u, v), upper, sums[k]])
        return sums


def make_dw_depthwise(tile: Tile, taps: Taps):
    """Return the kernel for one register block; a task is a segment of rows × some panels."""
    block, single = make_row_block(tile, taps), make_row_block(tile, Taps(1, 0))
    size, nr, run = tile.size, tile.nrv * tile.lanes, taps.run
    fixed = taps.step

    def dw_depthwise(a, task, thread):
        kernel_rows = load_int(a + KERNEL_D) * load_int(a + KERNEL_H)
        kernel_w, out_w = load_int(a + KERNEL_W), load_int(a + OUT_W)
        stride, dilation = load_int(a + STRIDE_W), load_int(a + DILATION_W)
        cells = (out_w - 1) * stride + (kernel_w - 1) * dilation + 1
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        segments, segment_rows = load_int(a + SEGMENTS), load_int(a + SEGMENT_ROWS)
        segment, part = task % segments, task // segments
        first = segment * segment_rows
        last = min(load_int(a + PIXELS) // out_w, first + segment_rows)
        table = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        filters, dy_step = load_int(a + FILTERS), load_int(a + DY_STEP)
        dw_step = load_int(a + DW_STEP)
        sums = load_int(a + DW) + segment * kernel_rows * kernel_w * dw_step
        own = part * panel_group * nr * size
        for tap in range(kernel_rows * kernel_w):
            clear(sums + tap * dw_step + own, min(dw_step - own, panel_group * nr * size))
        for row in range(first, last):
            fill_cells(a, load_int(a + X), table, row, cells)
            for panel in range(part * panel_group, min(panels, (part + 1) * panel_group)):
                offset = panel * nr * size
                dy = load_int(a + DY) + row * out_w * dy_step + offset
                for i in range(kernel_rows):
                    q = 0
                    while q < kernel_w:
                        here = table + (i * cells + q * dilation) * 8
                        dw = sums + (i * kernel_w + q) * dw_step + offset
                        if fixed > 0 and q + run <= kernel_w:
                            block(
                                here, 0, offset, dy, dy_step, out_w, dw, dw_step,
                                filters - panel * nr,
                            )  # fmt: skip
                            q += run
                        else:
                            single(
                                here, stride * 8, offset, dy, dy_step, out_w, dw, dw_step,
                                filters - panel * nr,
                            )  # fmt: skip
                            q += 1

    return dw_depthwise


def build(kind, lanes, mr, nrv, run, step):
    """Return the functions to compile and their numbers of arguments."""
    function = make_dw_depthwise(Tile(kind, lanes, mr, nrv), Taps(run, step))
    return {f"dw_depthwise_{kind}_{lanes}_{mr}x{nrv}_{run}s{step}": (function, 3)}
