"""Launch the kernel for few channels: repeat the weights, share out rows and columns."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import AT, FIELDS
from hwio.engine.jit import address_of
from hwio.engine.launch.sizes import geometry_fields
from hwio.engine.launch.spatial import Packed, ends_of
from hwio.engine.launch.task import Launch, Task, tell_strides
from hwio.engine.margins import table_bytes
from hwio.engine.pack import address, aligned
from hwio.engine.tiles import Block, line_block

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

STRETCH = 32 << 10  # bytes of a row that a task takes
SHORTEST = 2 << 10  # bytes of a row, where a kernel has many rows
ROWS = 256 << 10  # bytes of all rows that it looks at


def block_of(kernel: str, geo: Geometry, kind: str) -> Block:
    """Return the register block for a geometry and a number type."""
    del kernel
    return line_block(kind, processor().vector_bytes, geo.in_channels)


def pack(
    kernel: str, block: Block, w: Array, b: Array | None, geo: Geometry, dtype: np.dtype[Any]
) -> Packed:
    """Repeat w (*kernel, 1, c) and b (c,) to whole vectors: (taps, period·lanes)."""
    channels = np.arange(block.more[0] * block.lanes) % geo.in_channels
    packed: Array = aligned((prod(geo.kernel), len(channels)), dtype)
    packed[...] = w.reshape(len(packed), -1)[:, channels]
    bias: Array = aligned((len(channels),), dtype)
    bias[...] = 0 if b is None else b.reshape(-1)[channels]
    return Packed(kernel, block, packed, bias)


@lru_cache(maxsize=1024)
def launch_of(geo: Geometry, kernel: str, block: Block, threads: int) -> Launch:
    """Work out the fields of a launch."""
    size, c = int(block.kind[1]), geo.in_channels
    fields = geometry_fields(geo, size)
    out_d, out_h, out_w = (fields[f"out_{axis}"] for axis in "dhw")
    kd, kh, kw = (fields[f"kernel_{axis}"] for axis in "dhw")
    step, reach = fields["stride_h"], (kh - 1) * fields["dilation_h"] + 1
    room = min(ROWS, table_bytes(threads))
    longest = min(STRETCH, max(SHORTEST, room // (kd * reach)))
    columns = max(1, min(out_w, longest // (c * size)))
    stretches = -(-out_w // columns)
    spare_row = ((columns + (kw - 1) * fields["dilation_w"]) * c + block.nr) * size
    planes = geo.n * out_d * stretches
    band = max(1, min(out_h, (room // (kd * spare_row) - reach) // step + 1))
    band = max(1, min(band, planes * out_h // (4 * threads)))
    bands = -(-out_h // band)
    rows = (band - 1) * step + reach
    scratch = kd * rows * (8 + spare_row) + block.nr * size + kd * kh * 8 + 64
    fields |= {
        "scratch_step": -(-scratch // 64) * 64,
        "channels": c,
        "tiles": band,
        "blocks": bands,
        "panels": stretches,
        "panel_group": columns,
    }
    return Launch(
        address_of("planes", block.symbol("planes"), *block.parameters),
        np.array([fields.get(name, 0) for name in FIELDS], np.int64),
        planes * bands,
        fields["scratch_step"] // 8,
    )


_W, _BIAS, _ZEROS, _ENDS = (AT[name] // 8 for name in ("w", "bias", "zeros", "ends"))


def run(packed: Packed, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array) -> None:
    """Convolve x (n, *in, c), without its padding, into y (n, *out, c).

    Rows of x and all of y are contiguous.
    """
    if y.size:
        ready(packed, x, geo, clip, y)(x, y)


def ready(packed: Packed, x: Array, geo: Geometry, clip: tuple[Any, Any] | None, y: Array) -> Task:
    """Return a function of any x and y that lie in memory as these do."""
    reach = (geo.kernel[-1] - 1) * geo.dilation[-1]
    longest = min(geo.out_size[-1], STRETCH // (geo.in_channels * x.itemsize))
    zeros = np.zeros((longest + reach) * geo.in_channels + packed.block.nr, x.dtype)
    ends = ends_of(clip, x.dtype)

    def launch(threads: int) -> Launch:
        return launch_of(geo, packed.kernel, packed.block, threads)

    strides = tell_strides(x, y)

    def tell(fields: Array) -> None:
        strides(fields)
        fields[_W], fields[_BIAS] = address(packed.w), address(packed.bias)
        fields[_ZEROS], fields[_ENDS] = address(zeros), address(ends)

    return Task(launch, tell, (packed, zeros, ends))
