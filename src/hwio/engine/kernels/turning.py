"""Weights for the way back: HWIO read as filters for dy, which has o as its channels.

    packed[panel, tap, o, c] = w[taps[tap], c, o]

Lanes × lanes numbers at a time are turned round inside registers. All are watched on the way: where
one is not finite, padding dy with zeros would make a NaN that the gradient does not have.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import FLOATS, I32, at, clear, load_int
from hwio.engine.kernels.emit import Emitter, Tile, number

FIELDS = ("w", "packed", "taps", "tap_count", "channels", "filters", "row", "panels", "watch")
W, PACKED, TAPS, COUNT, CHANNELS, FILTERS, ROW, PANELS, WATCH = (8 * n for n in range(9))


def turned(emitter, rows):
    """Turn a square of vectors round: as many perfect shuffles as halvings."""
    b, lanes = emitter.b, len(rows)
    pairs = [half * lanes + at for at in range(lanes) for half in (0, 1)]
    low, high = (
        ir.Constant(ir.VectorType(I32, lanes), part) for part in (pairs[:lanes], pairs[lanes:])
    )
    for _ in range(lanes.bit_length() - 1):
        upper, lower = rows[: lanes // 2], rows[lanes // 2 :]
        rows = [
            b.shuffle_vector(one, other, mask)
            for one, other in zip(upper, lower, strict=True)
            for mask in (low, high)
        ]
    return rows


def make_turn(tile: Tile):
    """Return an intrinsic that turns lanes rows of lanes numbers, and watches them."""

    @intrinsic
    def turn(typingctx, source, row, target, step, watch):
        def codegen(ctx, b, signature, args):
            source, row, target, step, watch = args
            e = Emitter(b, tile)
            rows = [e.vector_at(b.add(source, b.mul(row, number(m))), 0) for m in range(tile.lanes)]
            where = at(b, watch, tile.vector)
            seen, zero = b.load(where, align=tile.size), ir.Constant(tile.vector, None)
            for value in rows:
                seen = b.call(e.fma, [value, zero, seen])  # 0, or NaN from now on
            b.store(seen, where, align=tile.size)
            for m, value in enumerate(turned(e, rows)):
                to = at(b, b.add(target, b.mul(step, number(m))), tile.vector)
                b.store(value, to, align=tile.size)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 5), codegen

    return turn


def make_move(kind: str):
    """Return an intrinsic that copies one number and watches it."""

    @intrinsic
    def move(typingctx, source, target, watch):
        def codegen(ctx, b, signature, args):
            float_, size = FLOATS[kind], int(kind[1])
            value = b.load(at(b, args[0], float_), align=size)
            b.store(value, at(b, args[1], float_), align=size)
            where = at(b, args[2], float_)
            product = b.fmul(value, ir.Constant(float_, 0.0))
            b.store(b.fadd(b.load(where, align=size), product), where, align=size)
            return ctx.get_dummy_value()

        return types.void(*[types.intp] * 3), codegen

    return move


def make_turning(kind: str, lanes: int, nrv: int):
    """Return the kernel for panels of nrv vectors; a task is one tap of one panel of one group."""
    turn, move = make_turn(Tile(kind, lanes, 1, nrv)), make_move(kind)
    size, nr = int(kind[1]), nrv * lanes

    def turning(a, task, thread):
        count, panels = load_int(a + COUNT), load_int(a + PANELS)
        channels, filters, row = (
            load_int(a + CHANNELS),
            load_int(a + FILTERS),
            load_int(a + ROW),
        )
        tap, panel, group = task % count, task // count % panels, task // (count * panels)
        columns = min(nr, channels - panel * nr)
        source = load_int(a + W) + load_int(load_int(a + TAPS) + tap * 8) * channels * row
        source += panel * nr * row + group * filters * size
        target = load_int(a + PACKED) + task // count * count * filters * nr * size
        target += tap * filters * nr * size
        watch = load_int(a + WATCH) + task * lanes * size
        clear(watch, lanes * size)
        whole = filters // lanes * lanes
        for c in range(0, columns // lanes * lanes, lanes):
            for o in range(0, whole, lanes):
                here = source + c * row + o * size
                turn(here, row, target + (o * nr + c) * size, nr * size, watch)
            for o in range(whole, filters):
                for m in range(c, c + lanes):
                    move(source + m * row + o * size, target + (o * nr + m) * size, watch)
        for c in range(columns // lanes * lanes, columns):
            for o in range(filters):
                move(source + c * row + o * size, target + (o * nr + c) * size, watch)
        if columns < nr:  # old numbers there could be subnormal: slow
            for o in range(filters):
                clear(target + (o * nr + columns) * size, (nr - columns) * size)

    return turning


def build(kind, lanes, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"turning_{kind}_{lanes}_{nrv}": (make_turning(kind, lanes, nrv), 3)}
