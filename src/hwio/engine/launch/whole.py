"""Launch the direct kernel on whole numbers: 8 or 16 bits of x and w, sums in int32.

Bytes go as they are where the processor multiplies an unsigned by a signed one. For the other two
pairs of signs x is moved by 128, and so is the padding; what that adds to a sum is 128 times its
filter's weights, and is taken off with the bias. Everywhere else both sides become int16.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.jit import address_of
from hwio.engine.launch import spatial
from hwio.engine.margins import merges
from hwio.engine.pack import aligned, pack_bias
from hwio.engine.threads import pool
from hwio.engine.tiles import Block, direct_block

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

ENDS = np.iinfo(np.int32)


@dataclass(frozen=True, slots=True)
class Form:
    """How x and w meet: the register block, and whether x is moved by 128."""

    block: Block
    moved: bool

    @property
    def zero(self) -> Any:
        """What stands for the number 0, in the dtype in which the kernel reads x."""
        dtype = np.dtype(self.block.kind[:2])
        return np.uint8(128).view(dtype) if self.moved else dtype.type(0)


def form_of(x: np.dtype[Any], w: np.dtype[Any], geo: Geometry) -> Form:
    """Choose the form for two integer dtypes whose values fit 16 bits."""
    cpu = processor()
    kind, moved = "i2i2", False
    if cpu.dots and x.itemsize == w.itemsize == 1:
        kind = "u1i1" if w.kind == "i" else "i1u1"
        moved = x.kind != kind[0]
    sizes = geo.n * geo.pixels, geo.group_filters, geo.depth
    return Form(direct_block(kind, cpu.vector_bytes, *sizes), moved)


def pack(form: Form, w: Array, b: Array | None, geo: Geometry) -> spatial.Packed:
    """Pack integer w (*kernel, i, o) and b (o,) for a form."""
    block = form.block
    w = np.ascontiguousarray(w, np.int16 if block.x_size == 2 else w.dtype)
    channels, filters = geo.group_channels, geo.group_filters
    taps = geo.depth // channels
    if merges(geo, "direct"):
        taps, channels = taps // geo.kernel[-1], channels * geo.kernel[-1]
    panels, steps = -(-filters // block.nr), -(-channels // block.together)
    ragged = channels % block.together != 0 or filters % block.nr != 0
    packed = aligned((geo.groups, panels, taps * steps, block.nr), np.int32, zero=ragged)
    sums = aligned((geo.groups, panels * block.nr), np.int32, zero=True)
    row = geo.out_channels * block.x_size
    fields = [w.ctypes.data, packed.ctypes.data, sums.ctypes.data]
    given = np.array([*fields, taps, channels, row, filters, panels], np.int64)
    symbol = f"weaving_{block.kind}_{block.lanes}_{block.nrv}"
    kernel = address_of("weaving", symbol, block.kind, block.lanes, block.nrv)
    workers = pool()
    workers.run(workers.state, kernel, given.ctypes.data, geo.groups * panels)
    bias = pack_bias(b, geo.groups, filters, panels, block.nr, np.int32)
    if form.moved:
        bias += sums * (-128 if block.kind == "u1i1" else 128)
    return spatial.Packed("direct", block, packed, bias)


def reads(form: Form, x: Array, geo: Geometry) -> bool:
    """Tell whether the kernel can read integers x (n, *in, c), without padding, where they lie."""
    merged = merges(geo, "direct")
    channels = geo.group_channels * (geo.kernel[-1] if merged else 1)
    whole = channels % form.block.together == 0 and not (merged and geo.padding[-1] != (0, 0))
    kept = not form.moved and x.dtype == form.zero.dtype
    return whole and kept and x.flags.c_contiguous and x.flags.aligned


def laid_out(form: Form, x: Array, geo: Geometry) -> Array:
    """Return x (n, *in, c) as the kernel reads it.

    A last step may reach some bytes beyond the last channel. They meet weights of zero, but they
    have to be there: behind the end of a copy.
    """
    if reads(form, x, geo):
        return x
    room: Array = np.empty(x.size + form.block.together, form.zero.dtype)
    y = room[: x.size].reshape(x.shape)
    room[x.size :] = form.zero
    if form.moved:
        np.bitwise_xor(x.view(np.uint8), np.uint8(128), out=y.view(np.uint8))
    else:
        y[...] = x
    return y


def run(
    form: Form,
    packed: spatial.Packed,
    x: Array,
    geo: Geometry,
    clip: tuple[Any, Any] | None,
    y: Array,
) -> None:
    """Convolve integers x (n, *in, c) without their padding into int32 y (n, *out, o).

    Where taps along W are taken as one, W has no padding.
    """
    if y.size == 0:
        return
    x = laid_out(form, x, geo)
    zeros = np.full(geo.in_channels * geo.kernel[-1] + 64, form.zero)
    low, high = clip or (None, None)
    low = ENDS.min if low is None else max(low, ENDS.min)
    high = ENDS.max if high is None else min(high, ENDS.max)
    spatial.starter(packed, geo, x, y, zeros, np.array([low, high], np.int32))(x, y)
