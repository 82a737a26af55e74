"""Pack HWIO weights into panels: rows of NR neighbouring filters become one stream.

A task is one panel of one group. The weights need contiguous rows, as HWIO has them.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import PACKING_FIELDS
from hwio.engine.intrinsics import at, copy, load_int
from hwio.engine.kernels.emit import Tile

W, PACKED, DEPTH, ROW, FILTERS, PANELS, ZEROS = (8 * n for n in range(len(PACKING_FIELDS)))


def make_copy_row(tile: Tile):
    """Return an intrinsic that copies NR numbers."""

    @intrinsic
    def copy_row(typingctx, source, target):
        def codegen(ctx, b, signature, args):
            step = tile.lanes * tile.size
            for v in range(tile.nrv):
                offset = ir.Constant(args[0].type, v * step)
                value = b.load(at(b, b.add(args[0], offset), tile.vector), align=tile.size)
                b.store(value, at(b, b.add(args[1], offset), tile.vector), align=tile.size)
            return ctx.get_dummy_value()

        return types.void(types.intp, types.intp), codegen

    return copy_row


def make_packing(kind: str, lanes: int, nrv: int):
    """Return the kernel for panels of nrv vectors."""
    tile = Tile(kind, lanes, 1, nrv)
    copy_row = make_copy_row(tile)
    size, nr = tile.size, nrv * lanes

    def packing(a, task, thread):
        depth, row = load_int(a + DEPTH), load_int(a + ROW)
        filters, panels = load_int(a + FILTERS), load_int(a + PANELS)
        group, panel = task // panels, task % panels
        source = load_int(a + W) + (group * filters + panel * nr) * size
        target = load_int(a + PACKED) + task * depth * nr * size
        columns = min(nr, filters - panel * nr)
        if columns == nr:
            for k in range(depth):
                copy_row(source + k * row, target + k * nr * size)
        else:
            for k in range(depth):
                copy(source + k * row, target + k * nr * size, columns * size)
                copy(load_int(a + ZEROS), target + (k * nr + columns) * size, (nr - columns) * size)

    return packing


def build(kind, lanes, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"packing_{kind}_{lanes}_{nrv}": (make_packing(kind, lanes, nrv), 3)}
