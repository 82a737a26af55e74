"""Depthwise convolution: each channel meets its own filter, so vectors run along channels.

    for tap: for m < MR, v < NRV:  sums[m, v] += x[pointer[tap, m] + channels v] · w[tap, channels v]

A task is a block of tiles × a range of panels of NR channels, with the same pointer table as the
direct kernels. Nothing is reused but the weights: loads, not products, bound it.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import I32, I64, at, load_int
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number
from hwio.engine.kernels.table import fill_table

X, W, Y, BIAS, ENDS = (AT[name] for name in ("x", "w", "y", "bias", "ends"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
FILTERS, Y_STEP, W_STEP, PANELS = AT["filters"], AT["y_step"], AT["w_step"], AT["panels"]
PANEL_GROUP, TILES, BLOCKS = AT["panel_group"], AT["tiles"], AT["blocks"]


def make_channel_block(tile: Tile):
    """Return the intrinsic of one depthwise register block."""

    @intrinsic
    def channel_block(
        typingctx, pointers, taps, offset, weights, w_step, y, y_step, bias, columns, ends
    ):
        def codegen(ctx, b, signature, args):
            call_apart(
                b, "depthwise_block", lambda inner, a: DepthwiseEmitter(inner, tile).block(*a), args
            )
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 10), codegen

    return channel_block


class DepthwiseEmitter(Emitter):
    """Emits the instructions of one depthwise register block."""

    def block(self, pointers, taps, offset, weights, w_step, y, y_step, bias, columns, ends):
        """Emit whole vectors of channels, or masked ones at the end of a row."""
        full = self.b.icmp_signed(">=", columns, number(self.tile.nrv * self.tile.lanes))
        with self.b.if_else(full) as (then, otherwise):
            with then:
                self.sums(pointers, taps, offset, weights, w_step, y, y_step, bias, ends, None)
            with otherwise:
                self.sums(pointers, taps, offset, weights, w_step, y, y_step, bias, ends, columns)

    def sums(self, pointers, taps, offset, weights, w_step, y, y_step, bias, ends, columns):
        """Emit the loop over taps, the bias, the activation and the stores."""
        b, t = self.b, self.tile
        masks = None if columns is None else self.masks(columns)

        def tap(n, carried):
            w, *sums = carried
            ws = [self.vector_at(w, v) for v in range(t.nrv)]
            base = b.add(pointers, b.mul(n, number(t.mr * 8)))
            for m in range(t.mr):
                row = b.load(at(b, b.add(base, number(m * 8)), I64))
                row = b.add(row, offset)
                for v in range(t.nrv):
                    xs = self.channels_at(row, v, masks)
                    k = m * t.nrv + v
                    sums[k] = b.call(self.fma, [xs, ws[v], sums[k]])
            return [b.add(w, w_step), *sums]

        zeros = [ir.Constant(t.vector, None)] * (t.mr * t.nrv)
        _, *sums = self.loop(number(0), taps, number(1), [weights, *zeros], tap)
        wide = number(t.nrv * t.lanes) if columns is None else columns
        self.store(self.finish(sums, bias, ends), y, y_step, wide)

    def channels_at(self, row, v, masks):
        """Load vector v of a pixel's channels, zeros behind the last."""
        b, t = self.b, self.tile
        if masks is None:
            return self.vector_at(row, v)
        name = f"llvm.masked.load.v{t.lanes}f{t.size * 8}.p0"
        kinds = [t.vector.as_pointer(), I32, masks[v].type, t.vector]
        load = self._declare(name, t.vector, kinds)
        where = at(b, b.add(row, number(v * t.lanes * t.size)), t.vector)
        return b.call(
            load, [where, ir.Constant(I32, t.size), masks[v], ir.Constant(t.vector, None)]
        )


def make_depthwise(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block."""
    block = make_channel_block(Tile(kind, lanes, mr, nrv))
    size, nr = int(kind[1]), nrv * lanes

    def depthwise(a, task, thread):
        taps = load_int(a + KERNEL_D) * load_int(a + KERNEL_H) * load_int(a + KERNEL_W)
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        tiles, blocks = load_int(a + TILES), load_int(a + BLOCKS)
        part = task // blocks
        pixels = load_int(a + PIXELS)
        first = (task % blocks) * tiles * mr
        count = (min(pixels, first + tiles * mr) - first + mr - 1) // mr
        table = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        fill_table(a, load_int(a + X), table, first, count, mr)
        filters = load_int(a + FILTERS)
        y_step, w_step = load_int(a + Y_STEP), load_int(a + W_STEP)
        for panel in range(part * panel_group, min(panels, (part + 1) * panel_group)):
            offset = panel * nr * size
            for t in range(count):
                start = min(first + t * mr, pixels - mr)
                block(
                    table + t * taps * mr * 8, taps, offset, load_int(a + W) + offset, w_step,
                    load_int(a + Y) + start * y_step + offset, y_step, load_int(a + BIAS) + offset,
                    filters - panel * nr, load_int(a + ENDS),
                )  # fmt: skip

    return depthwise


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"depthwise_{kind}_{lanes}_{mr}x{nrv}": (make_depthwise(kind, lanes, mr, nrv), 3)}
