"""Segments of the gradient for w: each has sums of its own, whoever ends last adds them in their order."""

from __future__ import annotations

from numba import njit
from numba.core import types
from numba.extending import intrinsic

from hwio.engine.fields import AT
from hwio.engine.intrinsics import at, atomic_add, load_int, store_int
from hwio.engine.kernels.emit import Tile

SEGMENTS, DW_STEP, COUNTERS, CHANNELS = AT["segments"], AT["dw_step"], AT["flags"], AT["channels"]


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
