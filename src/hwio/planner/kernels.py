"""Choose a compiled kernel, or say why NumPy serves: the engine's half of the plan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hwio.engine import SWITCHED_OFF, refusal
from hwio.engine.registry import KERNELS
from hwio.engine.small import is_small

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

LAUNCH_US = 30  # a call's way into compiled code and back: fields, packing, waking threads
RATE = {"f4": 60e3, "f8": 30e3}  # multiply-adds a microsecond on one core, sums in registers
LOAD_RATE = {"f4": 8e3, "f8": 4e3}  # the same where every product needs its own load
CALL_US = 2  # a call of an unrolled function
SMALL_RATE = {"f4": 20e3, "f8": 12e3}  # multiply-adds a microsecond there
LANES = 16  # filters are taken in steps of a vector


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """A kernel's name or None, the reason, and its estimated time for one image in µs."""

    name: str | None
    reason: str
    cost: float = float("inf")


def choose_kernel(geo: Geometry, kind: str, method: str = "auto") -> KernelChoice:
    """Decide whether a compiled kernel computes one geometry.

    Parameters
    ----------
    geo : Geometry
    kind : str
        Of the numbers in the computation: f4, f8, c8, c16.
    method : str
        "auto", or what was asked for by name.

    Returns
    -------
    KernelChoice
    """
    why = refusal()
    if why:
        return KernelChoice(None, "" if why == SWITCHED_OFF else why)
    if 0 in geo.y_shape or geo.depth == 0:
        return KernelChoice(None, "there is nothing to sum")
    one = replace(geo, n=1)
    for name, kernel in KERNELS.items():
        if kind in kernel.kinds and kernel.refuses(geo) is None and method in ("auto", name):
            if name == "direct" and is_small(one):
                cost = CALL_US + geo.pixels * geo.out_channels * geo.depth / SMALL_RATE[kind]
                return KernelChoice(name, "small enough to have every product written out", cost)
            return KernelChoice(name, kernel.idea, LAUNCH_US + COSTS[name](one, kind))
    return KernelChoice(None, f"no kernel computes in {kind}")


def _direct_cost(geo: Geometry, kind: str) -> float:
    filters = -(-geo.group_filters // LANES) * LANES
    return geo.groups * geo.pixels * filters * geo.depth / RATE[kind]


def _depthwise_cost(geo: Geometry, kind: str) -> float:
    return geo.pixels * geo.out_channels * geo.depth / LOAD_RATE[kind]


COSTS = {"direct": _direct_cost, "depthwise": _depthwise_cost}
