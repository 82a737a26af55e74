"""Phases of a stride: which cells of x meet which taps, on the way back from dy to dx.

Cell p of x, counted with its padding, was seen by output cell o with tap t where p = o·s + t·d. So
the cells p = m·s + r of one phase r meet only the taps with t·d ≡ r (mod s), which are every
(s / gcd(s, d))-th tap, and for them

    dx[m] = Σ over u   dy[m - base - u·step] · w[t_u]        step = d / gcd(s, d)

a convolution of stride 1 with the phase's taps turned round. With stride 1 there is one phase.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


@dataclass(frozen=True, slots=True)
class Phase:
    """The cells of x that meet the same taps.

    Attributes
    ----------
    geometry : Geometry
        The forward convolution of dy that gives them.
    cells : tuple of slice
        Where they are in x, for each axis.
    seen : tuple of slice
        The cells of dy that they see: padding that is cut off is less than none.
    taps : tuple of int
        Numbers of the taps in w, in the order in which they meet dy.
    """

    geometry: Geometry
    cells: tuple[slice, ...]
    seen: tuple[slice, ...]
    taps: tuple[int, ...]


@lru_cache(maxsize=256)
def phases_of(geo: Geometry) -> tuple[Phase, ...]:
    """Return the phases that meet any tap; what is left of dx is zero."""
    return tuple(_phase(geo, parts) for parts in product(*map(_axis_phases, *_axes(geo))))


@dataclass(frozen=True, slots=True)
class _Part:
    """One axis of a phase: cells start::stride of x, taps, and where dy begins and ends."""

    cells: slice
    count: int
    taps: range
    step: int
    seen: slice
    pads: tuple[int, int]


def _axes(geo: Geometry) -> tuple[tuple[int, ...], ...]:
    lows = tuple(low for low, _ in geo.padding)
    return geo.in_size, geo.out_size, geo.kernel, geo.stride, geo.dilation, lows


def _axis_phases(size: int, out: int, k: int, s: int, d: int, low: int) -> list[_Part]:
    """Return the phases of one axis."""
    shared = gcd(s, d)
    found = []
    for first in range(min(k, s // shared)):
        taps = range(first, k, s // shared)
        residue = first * d % s
        start = (residue - low) % s  # the first cell of x in this phase
        count = len(range(start, size, s))
        if count == 0:
            continue
        step = d // shared
        # o of the phase's first cell with its first tap; the turned kernel begins with the last
        at = (start + low - first * d) // s
        begin = at - (len(taps) - 1) * step  # what the turned kernel's first tap sees first
        end = at + count  # behind what its last tap sees last
        seen = slice(min(max(begin, 0), out), max(min(end, out), 0))
        if seen.stop <= seen.start:
            continue  # it sees no number of dy
        pads = seen.start - begin, end - seen.stop
        found.append(_Part(slice(start, size, s), count, taps, step, seen, pads))
    return found


def _phase(geo: Geometry, parts: tuple[_Part, ...]) -> Phase:
    """Put the axes of a phase together."""
    strides = [prod(geo.kernel[axis + 1 :]) for axis in range(geo.ndim)]
    turned = product(*(reversed(part.taps) for part in parts))
    taps = tuple(sum(t * stride for t, stride in zip(tap, strides, strict=True)) for tap in turned)
    one = replace(
        geo,
        in_size=tuple(part.seen.stop - part.seen.start for part in parts),
        in_channels=geo.out_channels,
        kernel=tuple(len(part.taps) for part in parts),
        out_channels=geo.in_channels,
        out_size=tuple(part.count for part in parts),
        stride=(1,) * geo.ndim,
        dilation=tuple(part.step for part in parts),
        padding=tuple(part.pads for part in parts),
    )
    return Phase(one, tuple(p.cells for p in parts), tuple(p.seen for p in parts), taps)
