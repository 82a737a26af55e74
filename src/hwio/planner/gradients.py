"""Choose a compiled kernel for each gradient, or say why NumPy serves.

For dx the number of images never enters, so that an image gets the same bits alone and in any batch;
dw is a sum over images.
"""

from __future__ import annotations

from dataclasses import replace
from math import gcd, prod
from typing import TYPE_CHECKING

from hwio.engine import SWITCHED_OFF, refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.engine.margins import EDGES, FEW, PACKED, ROW_SEGMENTS, SEGMENTS, SMALL_DW, TABLES
from hwio.planner.kernels import (
    LANES,
    LAUNCH_US,
    LOAD_RATE,
    RATE,
    KernelChoice,
    spell_us,
)

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

AUTO = "taps"  # behind "auto" without kernels: no matrix of windows, and one image's bits whatever the batch
MAC_US = 1 / 50e3  # one multiply-add of NumPy's way: matrix products, a tap at a time
ELEMENT_US = 1 / 1e3  # one number copied or added in place between them
CALL_US = 1.5  # one NumPy call
WIDE = {"f8": 2}  # number type -> how much longer all of that takes than in float32
TAP_CALLS = 6  # for each tap
PHASES = 64  # of a stride, each a launch of its own
PHASE_US = 50  # its way there and back
LONE_SUMS = 8  # vectors of sums that keep a core busy


def choose_gradient(geo: Geometry, kind: str, of: str) -> KernelChoice:
    """Decide which compiled kernel computes one gradient, if any.

    Parameters
    ----------
    geo : Geometry
        Of the convolution to go back through.
    kind : str
        Of the numbers in the computation: f4 and f8 are compiled.
    of : {"dx", "dw"}

    Returns
    -------
    KernelChoice
        Its time is that of one image for dx, of all images for dw.
    """
    why = refusal()
    if why:
        return KernelChoice(None, "" if why == SWITCHED_OFF else why)
    if 0 in (*geo.x_shape, *geo.y_shape, *geo.w_shape):
        return KernelChoice(None, "there is nothing to sum")
    if kind not in RATE:
        return KernelChoice(None, f"no kernel computes in {kind}")
    seen = replace(geo, n=1) if of == "dx" else geo
    rejected, found = {}, ""
    for name, kernel in GRADIENT_KERNELS.items():
        if kernel.of == of:
            against = kernel.refuses(geo)
            if against:
                rejected[name] = against
            else:
                found = name
    if found == "dx_direct" and phases(geo) > PHASES:
        return KernelChoice(None, f"{phases(geo)} phases of the stride, each a launch of its own")
    cost, numpy_cost = COSTS[found](seen, kind), _numpy_cost(seen) * WIDE.get(kind, 1)
    if cost >= numpy_cost:
        against = f"about {spell_us(cost)} against {spell_us(numpy_cost)} with NumPy"
        return KernelChoice(None, f"{found} would take {against}", rejected=rejected)
    return KernelChoice(found, _reason(found, geo), cost, rejected)


def phases(geo: Geometry) -> int:
    """Count the phases of the stride that meet a tap: cells of x that see the same taps.

    Examples
    --------
    >>> from hwio.ops.check import geometry_of
    >>> phases(geometry_of((1, 9, 9, 1), (3, 1, 1, 1), stride=2))
    2
    """
    axes = zip(geo.kernel, geo.stride, geo.dilation, strict=True)
    return prod(min(k, s // gcd(s, d)) for k, s, d in axes)


def gradient_bytes(name: str, geo: Geometry, itemsize: int) -> int:
    """Count what a compiled gradient allocates at most, itself and its operands' copies included."""
    x, padded = prod(geo.x_shape), prod((geo.n, *geo.padded_size, geo.in_channels))
    y, w = prod(geo.y_shape), prod(geo.w_shape)
    whole = -(-geo.group_channels // 128) * 128 * geo.groups * prod(geo.kernel)
    copies = x + y + 2 * w + max(x, padded)
    if GRADIENT_KERNELS[name].of == "dx":
        rows = geo.n * prod(geo.out_size[:-1])
        ends = 4 * rows * geo.kernel[-1] * geo.out_channels if geo.out_channels < FEW else 0
        numbers = copies + x + padded + whole * geo.group_filters
        return numbers * itemsize + min(ends * itemsize, EDGES) + TABLES
    filters = -(-geo.group_filters // 128) * 128 * geo.groups
    segments = ROW_SEGMENTS if name == "dw_depthwise" else 1
    sums = prod(geo.kernel) * geo.group_channels * filters * segments
    apart = PACKED + 2 * SEGMENTS * SMALL_DW if name == "dw_direct" else 0
    return (copies + padded + sums) * itemsize + TABLES + TABLES // 2 + apart


def _reason(name: str, geo: Geometry) -> str:
    """Say why, and how a stride is gone through."""
    idea = GRADIENT_KERNELS[name].idea
    if GRADIENT_KERNELS[name].of == "dw" or max(geo.stride) == 1:
        return idea
    if name == "dx_depthwise":
        return f"{idea}; between its cells, zeros are read that are not there"
    count = phases(geo)
    return f"{idea}; {count} {'phase' if count == 1 else 'phases'} of the stride"


def _numpy_cost(geo: Geometry) -> float:
    """Estimate a gradient by one matrix product for each tap."""
    taps = prod(geo.kernel)
    products = geo.groups if geo.group_channels > 1 else 1
    passes = taps * geo.n * geo.pixels * max(geo.in_channels, geo.out_channels) * ELEMENT_US
    passes += prod(geo.w_shape) * ELEMENT_US  # w turned round, or dw put in its place
    return taps * products * TAP_CALLS * CALL_US + passes + geo.macs * MAC_US


def _dx_direct_cost(geo: Geometry, kind: str) -> float:
    filters = -(-geo.group_channels // LANES) * LANES / geo.group_channels
    moved = prod(geo.w_shape) + (prod(geo.x_shape) if phases(geo) > 1 else 0)
    launches = PHASE_US * phases(geo) if phases(geo) > 1 else LAUNCH_US
    return launches + geo.macs * filters / RATE[kind] + moved * ELEMENT_US / 2


def _dx_depthwise_cost(geo: Geometry, kind: str) -> float:
    cells = prod(geo.x_shape)
    return LAUNCH_US + cells * prod(geo.kernel) / LOAD_RATE[kind]


def _dw_direct_cost(geo: Geometry, kind: str) -> float:
    filters = -(-geo.group_filters // LANES) * LANES / geo.group_filters
    rows = min(geo.group_channels * geo.kernel[-1], LONE_SUMS) / LONE_SUMS
    return LAUNCH_US + geo.macs * filters / RATE[kind] / max(rows, 0.25)


def _dw_depthwise_cost(geo: Geometry, kind: str) -> float:
    return LAUNCH_US + geo.macs / LOAD_RATE[kind]


COSTS = {
    "dx_direct": _dx_direct_cost,
    "dx_depthwise": _dx_depthwise_cost,
    "dw_direct": _dw_direct_cost,
    "dw_depthwise": _dw_depthwise_cost,
}
