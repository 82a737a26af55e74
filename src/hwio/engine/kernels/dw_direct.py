"""The gradient for w: the long axis is that of the output pixels, and w's sums stay in registers.

    dw[tap, c, o] = Σ over pixels   x[pixel · stride + tap, c] · dy[pixel, o]

A register block is MR channels of one tap × NRV vectors of filters; a strip is such a block's rows of
dw. Pixels of all images are numbered through and cut into chunks that fit a core's caches: a task
lays its filters of a chunk of dy side by side, panel by panel, notes where each tap sees each of its
pixels, and lets each of its strips meet all of its panels. Where rows of x lie far apart, a strip's
channels are laid side by side first.

Every number of dw is the sum of its chunks in their order, whoever does the task: the same bits on
any number of threads. Summing in two steps also keeps errors near √K. Where pixels are many and dw is
small, they are cut into segments, each with a dw of its own, so that each core reads its part of x
and dy once; whoever ends last adds them in their order.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import FLOATS, I64, at, atomic_add, copy, load_int, store_int
from hwio.engine.kernels.block import LINE
from hwio.engine.kernels.emit import Emitter, Tile, call_apart, number
from hwio.engine.kernels.packing import make_copy_row

X, DY, DW, ZEROS = (AT[name] for name in ("x", "y", "w", "zeros"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
CHANNELS, GROUP_BYTES, FILTERS = AT["channels"], AT["group_bytes"], AT["filters"]
DY_STEP, DW_STEP, PANELS = AT["y_step"], AT["dw_step"], AT["panels"]
CHUNK, STRIPS, STRIP_GROUP = AT["chunk"], AT["strips"], AT["strip_group"]
PANEL_GROUP, PACKS_X, COUNTERS = AT["panel_group"], AT["packs_x"], AT["flags"]
SEGMENTS, SEGMENT_PIXELS, SUMS_AT = AT["segments"], AT["segment_pixels"], AT["sums_at"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_H, KERNEL_W = AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]


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


def make_copy_strip(tile: Tile):
    """Return an intrinsic that copies MR numbers and reads no other."""

    @intrinsic
    def copy_strip(typingctx, source, target):
        def codegen(ctx, b, signature, args):
            lanes = min(tile.lanes, 1 << (tile.mr.bit_length() - 1))
            vector = ir.VectorType(FLOATS[tile.kind], lanes)
            for first in (*range(0, tile.mr - lanes, lanes), tile.mr - lanes):
                offset = ir.Constant(args[0].type, first * tile.size)
                value = b.load(at(b, b.add(args[0], offset), vector), align=tile.size)
                b.store(value, at(b, b.add(args[1], offset), vector), align=tile.size)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    return copy_strip


def make_add_vector(tile: Tile):
    """Return an intrinsic that adds a vector in memory to another one."""

    @intrinsic
    def add_vector(typingctx, source, target):
        def codegen(ctx, b, signature, args):
            what, where = (at(b, address, tile.vector) for address in args)
            total = b.fadd(b.load(where, align=tile.size), b.load(what, align=tile.size))
            b.store(total, where, align=tile.size)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    return add_vector


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


def make_pack_ragged(tile: Tile):
    """Return what lays the filters of a panel that is not full side by side, zeros behind them."""
    copy_vector = make_copy_row(Tile(tile.kind, tile.lanes, 1, 1))
    size, lanes, nrv = tile.size, tile.lanes, tile.nrv
    vector = lanes * tile.size

    @njit(error_model="numpy")
    def pack_ragged(dy, dy_step, zeros, packed, rows, columns):
        whole = columns // lanes
        for p in range(rows):
            here, there = dy + p * dy_step, packed + p * nrv * vector
            for v in range(whole):
                copy_vector(here + v * vector, there + v * vector)
            for v in range(whole, nrv):  # old numbers there could be subnormal: slow
                copy_vector(zeros, there + v * vector)
            done = whole * vector
            copy(here + done, there + done, columns * size - done)

    return pack_ragged


def make_add_segments(tile: Tile):
    """Return what ends a task: whoever is the last of a share adds the sums of all segments."""
    add_vector, vector, mr = make_add_vector(tile), tile.lanes * tile.size, tile.mr

    @njit(error_model="numpy")
    def add_segments(a, share, dw, sums, segment_bytes, first_strip, last_strip, row_bytes):
        segments, dw_step = load_int(a + SEGMENTS), load_int(a + DW_STEP)
        counter, channels = load_int(a + COUNTERS) + share * 8, load_int(a + CHANNELS)
        if atomic_add(counter, 1) < segments - 1:  # others have not ended
            return
        store_int(counter, 0)
        blocks, last = (channels + mr - 1) // mr, last_strip - 1
        begin = first_strip // blocks * channels + first_strip % blocks * mr
        stop = last // blocks * channels + min(channels, last % blocks * mr + mr)
        for segment in range(segments - 1):
            for row in range(begin, stop):
                here = sums + segment * segment_bytes + row * dw_step
                for offset in range(0, row_bytes, vector):
                    add_vector(here + offset, dw + row * dw_step + offset)

    return add_segments


def make_dw_direct(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block; a task is some strips × some panels of a segment."""
    tile = Tile(kind, lanes, mr, nrv)
    block, packing_block = make_pixel_block(tile), make_pixel_block(tile, packs=True)
    copy_strip, pack_ragged = make_copy_strip(tile), make_pack_ragged(tile)
    add_segments = make_add_segments(tile)
    size, nr, row_bytes = tile.size, nrv * lanes, nrv * lanes * tile.size

    def dw_direct(a, task, thread):
        panels, strips = load_int(a + PANELS), load_int(a + STRIPS)
        strip_group, panel_group = load_int(a + STRIP_GROUP), load_int(a + PANEL_GROUP)
        parts = (strips + strip_group - 1) // strip_group
        shares = parts * ((panels + panel_group - 1) // panel_group)
        segments = load_int(a + SEGMENTS)
        share, rest = task % shares, task // shares
        segment, group = rest % segments, rest // segments
        first_strip = share % parts * strip_group
        last_strip = min(strips, first_strip + strip_group)
        first_panel = share // parts * panel_group
        last_panel = min(panels, first_panel + panel_group)

        channels, filters, chunk = (
            load_int(a + CHANNELS), load_int(a + FILTERS), load_int(a + CHUNK),
        )  # fmt: skip
        blocks = (channels + mr - 1) // mr
        first_tap, last_tap = first_strip // blocks, (last_strip - 1) // blocks + 1
        dy_step, dw_step = load_int(a + DY_STEP), load_int(a + DW_STEP)
        dy = load_int(a + DY) + group * filters * size
        whole_dw = load_int(a + DW) + (group * panels + first_panel) * nr * size
        x = load_int(a + X) + group * load_int(a + GROUP_BYTES)
        packed = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)  # (panel, chunk, nr)
        strip_x = packed + panel_group * chunk * nr * size  # (chunk, mr)
        table = (strip_x + chunk * mr * size + 7) // 8 * 8  # (tap, chunk)
        segment_bytes = strips // blocks * channels * dw_step
        sums = load_int(a + SCRATCH) + load_int(a + SUMS_AT) + first_panel * nr * size
        dw = whole_dw if segment == 0 else sums + (segment - 1) * segment_bytes

        ragged = filters % nr if last_panel == panels else 0
        start = segment * load_int(a + SEGMENT_PIXELS)
        end = min(load_int(a + PIXELS), start + load_int(a + SEGMENT_PIXELS))
        packs_x = load_int(a + PACKS_X)
        # about where the next chunk lies, brought near by the first tap while this one is summed
        next_chunk = chunk * load_int(a + X_W) * load_int(a + STRIDE_H) * load_int(a + STRIDE_W)
        for first in range(start, end, chunk):
            rows = min(chunk, end - first)
            if ragged:
                pack_ragged(
                    dy + first * dy_step + (panels - 1) * row_bytes, dy_step, load_int(a + ZEROS),
                    packed + (last_panel - 1 - first_panel) * chunk * row_bytes, rows, ragged,
                )  # fmt: skip
            fill_taps(a, x, table, first, rows, first_tap, last_tap)
            for strip in range(first_strip, last_strip):
                tap, c = strip // blocks, strip % blocks * mr
                skip = max(0, c + mr - channels)  # the last block reaches back
                c -= skip
                pointers = table + (tap - first_tap) * chunk * 8
                ahead = next_chunk if tap == first_tap else 0
                if packs_x:
                    for p in range(rows):
                        copy_strip(load_int(pointers + p * 8) + c * size, strip_x + p * mr * size)
                    ahead = mr * size  # the next strip
                line = (strip - first_strip) * LINE  # each strip asks for one of the next chunk's
                for panel in range(last_panel - first_panel):
                    here = packed + panel * chunk * row_bytes
                    source = dy + first * dy_step + (first_panel + panel) * row_bytes
                    wanted, step = here, row_bytes
                    if line < row_bytes:
                        wanted, step = source + chunk * dy_step + line, dy_step
                    row = dw + (tap * channels + c) * dw_step + panel * row_bytes
                    strip_at = strip_x if packs_x else 0
                    if line == 0 and not (ragged and panel == last_panel - first_panel - 1):
                        packing_block(
                            pointers, rows, c * size, ahead, strip_at, source, dy_step, here,
                            wanted, step, row, dw_step, skip, first - start,
                        )  # fmt: skip
                    else:
                        block(
                            pointers, rows, c * size, ahead, strip_at, here, row_bytes, here,
                            wanted, step, row, dw_step, skip, first - start,
                        )  # fmt: skip
        if segments > 1:
            add_segments(
                a, share, whole_dw, sums, segment_bytes, first_strip, last_strip,
                (last_panel - first_panel) * row_bytes,
            )  # fmt: skip

    return dw_direct


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"dw_direct_{kind}_{lanes}_{mr}x{nrv}": (make_dw_direct(kind, lanes, mr, nrv), 3)}
