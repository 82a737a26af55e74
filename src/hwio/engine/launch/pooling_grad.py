"""Launch the gradients of pooling: rows of dx are shared out, or its channels."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.engine.cpu import processor
from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.fields import POOLING_FIELDS as FIELDS
from hwio.engine.jit import address_of, is_ready
from hwio.engine.launch.held import run_held
from hwio.engine.launch.pooling import (
    LITTLE,
    TASK,
    PoolingLaunch,
    channel_parts,
    nothing_for,
    reads_of,
    size_fields,
)
from hwio.engine.pack import address, aligned
from hwio.engine.threads import pool
from hwio.engine.tiles import POOLING_GRAD_KINDS, pooling_grad_block

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

PART = 256  # bytes of channels that one task takes at least: four lines of each cell
_ZEROS = aligned((8,), np.float64, zero=True)  # a vector of any kind


def refusal_of(task: str, geo: Geometry, kinds: tuple[str, str]) -> str | None:
    """Return why the kernel can't serve, or why it should not, or None."""
    if kinds not in POOLING_GRAD_KINDS[task]:
        return f"there is no kernel for x of {kinds[0]} and dy of {kinds[1]}"
    why = nothing_for(geo)
    if why is not None:
        return why
    symbol, _ = pooling_grad_block(task, *kinds, processor().vector_bytes)
    if geo.n * geo.pixels * geo.in_channels * prod(geo.kernel) < LITTLE and not is_ready(symbol):
        return "it is done before a kernel would be compiled"
    return None


def launch_of(
    task: str, geo: Geometry, kinds: tuple[str, str], by: Array, threads: int
) -> PoolingLaunch:
    """Work out the fields of a launch.

    Parameters
    ----------
    task : {"first", "all", "mean"}
        Who gets dy: of the maxima, or every cell its share.
    geo : Geometry
    kinds : tuple of str
        Number types of x and dy, such as "f4"; a mean has dy's alone, twice.
    by : array, shape (*out, 1) or (1,)
        Of dy's type; a mean divides dy by it.
    threads : int
    """
    vector, sizes = processor().vector_bytes, [int(kind[1]) for kind in kinds]
    symbol, parameters = pooling_grad_block(task, *kinds, vector)
    work = reads_of(geo, max(sizes), vector)
    most = max(1, min(4 * threads, work // TASK)) if threads > 1 else 1
    fields = size_fields(geo, 1)
    shares = _shares(fields, geo.n, geo.in_channels, max(sizes), most)
    units = geo.n * shares["pieces"] * shares["parts"]
    held = run_held(3) if work < TASK else None
    at_once = units if held else -(-units // min(units, most))
    fields |= shares
    fields |= {
        "pixels": geo.n,
        "divisors": address(by),
        "divisor_step": 0 if by.size == 1 else sizes[1],
        "tiles": at_once,
        "apart": _are_apart(geo),
        "covered": _are_apart(geo) and _cover(geo),
        "zeros": address(_ZEROS),
        "kernel": address_of("pooling_grad", symbol, *parameters),
    }
    words = np.array([fields.get(name, 0) for name in FIELDS], np.int64)
    return PoolingLaunch(words, -(-units // at_once), by, held)


def _shares(fields: dict[str, int], n: int, channels: int, size: int, most: int) -> dict[str, int]:
    """Share images out to ``most`` tasks: their rows, and their channels where rows are few.

    Windows over the border of two tasks' rows are looked at by both, so where windows overlap
    channels go first.
    """
    wanted, bands = -(-most // n), 1
    parts = max(1, channels * size // PART)
    line = fields["in_d"] == fields["in_h"] == fields["out_h"] == 1  # one tap of H meets x
    turned = _turned(fields) if line and parts < wanted else {}
    out, step, taps, gap = ({**fields, **turned}[name] for name in _H)
    shared = (taps - 1) * gap // step  # windows over a border
    if shared:
        parts = min(parts, wanted)
        bands = min(-(-wanted // parts), max(-(-most // (4 * n)), -(-out // (4 * shared))), out)
    else:
        bands = min(out, wanted)
        parts = min(parts, -(-wanted // bands))
    band = -(-out // bands)
    part, parts = channel_parts(channels, PART // size, parts)
    rows = {"piece": band, "pieces": -(-out // band)}
    return {**turned, **rows, "part": part, "parts": parts}


_H = ("out_h", "stride_h", "kernel_h", "dilation_h")
_SIDES = ("out", "in", "kernel", "stride", "dilation", "low", "x")


def _turned(fields: dict[str, int]) -> dict[str, int]:
    """Name W of one axis H, so that its cells are rows and can be shared out."""
    swapped = {f"{side}_h": fields[f"{side}_w"] for side in _SIDES}
    swapped |= {f"{side}_w": fields[f"{side}_h"] for side in _SIDES}
    return {**swapped, "inner": 0, "outer": 1}


def _are_apart(geo: Geometry) -> bool:
    """Tell whether no two windows have a cell in common."""
    axes = zip(geo.reach, geo.stride, geo.out_size, strict=True)
    return all(reach <= stride or out == 1 for reach, stride, out in axes)


def _cover(geo: Geometry) -> bool:
    """Tell whether windows that are apart leave no cell of x out."""
    axes = zip(
        geo.reach, geo.kernel, geo.stride, geo.in_size, geo.padding, geo.out_size, strict=True
    )
    return all(
        reach == k and (k == stride or out == 1) and (out - 1) * stride + k - low >= size
        for reach, k, stride, size, (low, _), out in axes
    )


_X, _Y, _DX, _KERNEL = (AT[name] // 8 for name in ("x", "y", "dx", "kernel"))


def run(launch: PoolingLaunch, x: Array, dy: Array, shape: tuple[int, ...]) -> Array:
    """Give dy (n, *out, c) back to x (n, *in, c), both contiguous; return dx (n, *in, c)."""
    if launch.held is not None:
        return launch.held(launch.fields, x, dy, np.empty(shape, dy.dtype))
    dx: Array = aligned(shape, dy.dtype)
    workers, fields = pool(), launch.fields.copy()
    fields[_X], fields[_Y], fields[_DX] = address(x), address(dy), address(dx)
    workers.run(workers.state, int(fields[_KERNEL]), address(fields), launch.tasks)
    return dx
