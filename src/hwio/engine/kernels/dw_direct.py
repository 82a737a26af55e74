"""The gradient for w: the long axis is that of the output pixels, and w's sums stay in registers.

    dw[tap, c, o] = Σ over pixels   x[pixel · stride + tap, c] · dy[pixel, o]

A register block is MR channels of one tap × NRV vectors of filters; a strip is such a block's rows of
dw. Pixels of all images are numbered through and cut into chunks that fit a core's caches: a task
lays its filters of a chunk of dy side by side, notes where each tap sees each of its pixels, and lets
each of its strips meet them. Every number of dw is the sum of its chunks in their order, whoever does
the task: the same bits on any number of threads. Summing in two steps also keeps errors near √K.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import FLOATS, I64, at, copy, load_int, store_int
from hwio.engine.kernels.block import LINE
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number
from hwio.engine.kernels.packing import make_copy_row

X, DY, DW, ZEROS = (AT[name] for name in ("x", "y", "w", "zeros"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
CHANNELS, GROUP_BYTES, FILTERS = AT["channels"], AT["group_bytes"], AT["filters"]
DY_STEP, DW_STEP, PANELS = AT["y_step"], AT["dw_step"], AT["panels"]
CHUNK, STRIPS, STRIP_GROUP = AT["chunk"], AT["strips"], AT["strip_group"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_H, KERNEL_W = AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]


def make_pixel_block(tile: Tile):
    """Return the intrinsic of one register block.

    Its arguments are addresses and counts: pointers to the pixels' cells, pixels, offset of the
    channels there, how far ahead the next chunk's cells lie, the panel of dy, dw, bytes between rows of dw, rows of the block that another one
    has already, and whether dw holds sums to add to.
    """

    @intrinsic
    def pixel_block(typingctx, pointers, pixels, offset, ahead, panel, dw, dw_step, skip, more):
        def codegen(ctx, b, signature, args):
            call_apart(b, "pixel_block", lambda inner, a: PixelEmitter(inner, tile).block(*a), args)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 9), codegen

    return pixel_block


@intrinsic
def bring(typingctx, address):
    """Ask for the two cache lines from an address on."""

    def codegen(ctx, b, signature, args):
        emitter = Emitter(b, Tile("f4", 4, 1, 1))
        emitter.prefetch(args[0])
        emitter.prefetch(b.add(args[0], number(LINE)))
        return ctx.get_dummy_value()

    return types.void(types.intp), codegen


class PixelEmitter(Emitter):
    """Emits the instructions of one register block of dw."""

    def block(self, pointers, pixels, offset, ahead, panel, dw, dw_step, skip, more):
        """Emit the sum over pixels and its way into dw."""
        b, t = self.b, self.tile

        def pixel(n, carried):
            here, *sums = carried
            row = b.load(at(b, b.add(pointers, b.mul(n, number(8))), I64))
            row = b.add(row, offset)
            self.prefetch(b.add(row, ahead))
            uppers = [self.vector_at(here, v) for v in range(t.nrv)]
            for m in range(t.mr):
                scalar = b.load(at(b, b.add(row, number(m * t.size)), FLOATS[t.kind]), align=t.size)
                s = self.splat(scalar, t.lanes)
                for v in range(t.nrv):
                    k = m * t.nrv + v
                    sums[k] = b.call(self.fma, [s, uppers[v], sums[k]])
            return [b.add(here, number(t.nrv * t.lanes * t.size)), *sums]

        zeros = [ir.Constant(t.vector, None)] * (t.mr * t.nrv)
        _, *sums = self.loop(number(0), pixels, number(1), [panel, *zeros], pixel)
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


@njit(error_model="numpy")
def fill_taps(a, x, table, first, rows, tap, last):
    """Write the addresses (tap, pixel) of the cells that taps see from pixel ``first`` on."""
    zeros = load_int(a + ZEROS)
    out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
    in_d, in_h, in_w = load_int(a + IN_D), load_int(a + IN_H), load_int(a + IN_W)
    kh, kw = load_int(a + KERNEL_H), load_int(a + KERNEL_W)
    sw, x_w, chunk = load_int(a + STRIDE_W), load_int(a + X_W), load_int(a + CHUNK)
    while tap < last:
        move_w = tap % kw * load_int(a + DILATION_W) - load_int(a + LOW_W)
        move_h = tap // kw % kh * load_int(a + DILATION_H) - load_int(a + LOW_H)
        move_d = tap // (kw * kh) * load_int(a + DILATION_D) - load_int(a + LOW_D)
        ow, oh = first % out_w, first // out_w % out_h
        od, n = first // (out_w * out_h) % out_d, first // (out_w * out_h * out_d)
        here, left = table, rows
        while left > 0:  # one row of outputs
            count = min(left, out_w - ow)
            d, h = od * load_int(a + STRIDE_D) + move_d, oh * load_int(a + STRIDE_H) + move_h
            inside = 0 <= d < in_d and 0 <= h < in_h
            row = x + n * load_int(a + X_N) + d * load_int(a + X_D) + h * load_int(a + X_H)
            w = ow * sw + move_w
            if inside and w >= 0 and w + (count - 1) * sw < in_w:
                for m in range(count):
                    store_int(here + m * 8, row + (w + m * sw) * x_w)
            else:
                for m in range(count):
                    cell = w + m * sw
                    value = row + cell * x_w if inside and 0 <= cell < in_w else zeros
                    store_int(here + m * 8, value)
            here += count * 8
            left -= count
            ow = 0
            oh += 1
            if oh == out_h:
                oh = 0
                od += 1
                if od == out_d:
                    od = 0
                    n += 1
        table += chunk * 8
        tap += 1


def make_dw_direct(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block."""
    tile = Tile(kind, lanes, mr, nrv)
    block, copy_row = make_pixel_block(tile), make_copy_row(tile)
    copy_vector = make_copy_row(Tile(kind, lanes, 1, 1))
    size, nr, vector = tile.size, nrv * lanes, lanes * tile.size

    def dw_direct(a, task, thread):
        panels, strips = load_int(a + PANELS), load_int(a + STRIPS)
        strip_group, chunk = load_int(a + STRIP_GROUP), load_int(a + CHUNK)
        parts = (strips + strip_group - 1) // strip_group
        part, panel, group = task % parts, task // parts % panels, task // (parts * panels)
        first_strip, last_strip = part * strip_group, min(strips, (part + 1) * strip_group)

        channels, filters = load_int(a + CHANNELS), load_int(a + FILTERS)
        blocks = (channels + mr - 1) // mr
        first_tap, last_tap = first_strip // blocks, (last_strip - 1) // blocks + 1
        columns = min(nr, filters - panel * nr)
        dy_step, dw_step = load_int(a + DY_STEP), load_int(a + DW_STEP)
        dy = load_int(a + DY) + (group * filters + panel * nr) * size
        dw = load_int(a + DW) + (group * panels + panel) * nr * size
        x, zeros = load_int(a + X) + group * load_int(a + GROUP_BYTES), load_int(a + ZEROS)
        packed = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)  # (chunk, nr)
        table = packed + chunk * nr * size  # (tap, chunk)

        pixels = load_int(a + PIXELS)
        # about where the next chunk lies, brought near by the first tap while this one is summed
        ahead = chunk * load_int(a + X_W) * load_int(a + STRIDE_H) * load_int(a + STRIDE_W)
        for first in range(0, pixels, chunk):
            rows = min(chunk, pixels - first)
            for p in range(rows):
                here, there = dy + (first + p) * dy_step, packed + p * nr * size
                bring(here + chunk * dy_step)
                if columns == nr:
                    copy_row(here, there)
                    continue
                for v in range(columns // lanes):
                    copy_vector(here + v * vector, there + v * vector)
                done = columns // lanes * vector
                for v in range(columns // lanes, nrv):  # old numbers there could be subnormal: slow
                    copy_vector(zeros, there + v * vector)
                copy(here + done, there + done, columns * size - done)
            fill_taps(a, x, table, first, rows, first_tap, last_tap)
            for strip in range(first_strip, last_strip):
                tap, c = strip // blocks, strip % blocks * mr
                skip = max(0, c + mr - channels)  # the last block reaches back
                c -= skip
                block(
                    table + (tap - first_tap) * chunk * 8, rows, c * size,
                    ahead if tap == first_tap else 0, packed,
                    dw + (tap * channels + c) * dw_step, dw_step, skip, first,
                )  # fmt: skip

    return dw_direct


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"dw_direct_{kind}_{lanes}_{mr}x{nrv}": (make_dw_direct(kind, lanes, mr, nrv), 3)}
