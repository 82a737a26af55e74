"""What the gradient for w lays side by side before a block sums it: channels of x, filters of dy."""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.intrinsics import FLOATS, at, copy
from hwio.engine.kernels.emit import Tile
from hwio.engine.kernels.packing import make_copy_row


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
