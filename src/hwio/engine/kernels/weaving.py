"""Pack weights of whole numbers: the rows of a step woven, so that each lane finds its own.

    rows of 4 channels:  a0 a1 a2 …   b0 b1 b2 …   c0 c1 c2 …   d0 d1 d2 …
    packed:              a0 b0 c0 d0   a1 b1 c1 d1   …

A task is one panel of one group. What is missing at the end of a tap's channels, or of the filters,
stays zero. Beside each filter's weights stands their sum, which undoes an offset of x.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import I32, at, load_int
from hwio.engine.kernels.dots import I8, I16, DotEmitter
from hwio.engine.kernels.emit import Tile, number

FIELDS = ("w", "packed", "sums", "taps", "channels", "row", "filters", "panels")
W, PACKED, SUMS, TAPS, CHANNELS, ROW, FILTERS, PANELS = (8 * n for n in range(8))


def make_weave_rows(tile: Tile):
    """Return an intrinsic that weaves a step's rows of NR numbers."""
    size = tile.x_size
    numbers = I8 if size == 1 else I16

    @intrinsic
    def weave_rows(typingctx, source, row, target):
        def zipped(b, one, other):
            count = one.type.count
            order = [n // 2 + (n % 2) * count for n in range(2 * count)]
            return b.shuffle_vector(one, other, ir.Constant(ir.VectorType(I32, 2 * count), order))

        def codegen(ctx, b, signature, args):
            source, row, target = args
            kind = ir.VectorType(numbers, tile.lanes)
            for v in range(tile.nrv):
                here = b.add(source, number(v * tile.lanes * size))
                rows = []
                for _ in range(tile.together):
                    rows.append(b.load(at(b, here, kind), align=size))
                    here = b.add(here, row)
                if size == 1:  # two bytes are one number of 16 bits from here on
                    pairs = ir.VectorType(I16, tile.lanes)
                    rows = [b.bitcast(zipped(b, *rows[n : n + 2]), pairs) for n in (0, 2)]
                woven = b.bitcast(zipped(b, *rows), tile.vector)
                where = b.add(target, number(v * tile.lanes * 4))
                b.store(woven, at(b, where, tile.vector), align=4)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp, types.intp), codegen

    return weave_rows


def make_add_step(tile: Tile):
    """Return an intrinsic that adds a packed step's weights to the sums of their filters."""

    @intrinsic
    def add_step(typingctx, packed, sums):
        def codegen(ctx, b, signature, args):
            emitter = DotEmitter(b, tile)
            one = 0x01010101 if tile.x_size == 1 else 0x00010001
            ones = emitter.splat(ir.Constant(I32, one), tile.lanes)
            for v in range(tile.nrv):
                total = emitter.dot(
                    emitter.vector_at(args[1], v), ones, emitter.vector_at(args[0], v)
                )
                where = b.add(args[1], number(v * tile.lanes * 4))
                b.store(total, at(b, where, tile.vector), align=4)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    return add_step


def make_copy_number(tile: Tile):
    """Return an intrinsic that copies one number."""
    kind = I8 if tile.x_size == 1 else I16

    @intrinsic
    def copy_number(typingctx, source, target):
        def codegen(ctx, b, signature, args):
            value = b.load(at(b, args[0], kind), align=tile.x_size)
            b.store(value, at(b, args[1], kind), align=tile.x_size)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    return copy_number


def make_weaving(kind: str, lanes: int, nrv: int):
    """Return the kernel for panels of nrv vectors."""
    tile = Tile(kind, lanes, 1, nrv)
    weave_rows, add_step, copy_number = (
        make_weave_rows(tile),
        make_add_step(tile),
        make_copy_number(tile),
    )
    size, together, nr = tile.x_size, tile.together, nrv * lanes

    def weaving(a, task, thread):
        taps, channels = load_int(a + TAPS), load_int(a + CHANNELS)
        row, filters, panels = load_int(a + ROW), load_int(a + FILTERS), load_int(a + PANELS)
        group, panel = task // panels, task % panels
        steps = (channels + together - 1) // together
        source = load_int(a + W) + (group * filters + panel * nr) * size
        target = load_int(a + PACKED) + task * taps * steps * nr * 4
        sums = load_int(a + SUMS) + task * nr * 4
        columns = min(nr, filters - panel * nr)
        for _ in range(taps):
            for step in range(steps):
                rows = min(together, channels - step * together)
                if rows == together and columns == nr:
                    weave_rows(source, row, target)
                else:
                    for r in range(rows):
                        for c in range(columns):
                            copy_number(source + r * row + c * size, target + c * 4 + r * size)
                add_step(target, sums)
                source += rows * row
                target += nr * 4

    return weaving


def build(kind, lanes, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"weaving_{kind}_{lanes}_{nrv}": (make_weaving(kind, lanes, nrv), 3)}
