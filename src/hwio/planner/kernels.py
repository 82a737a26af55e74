"""Choose a compiled kernel, or say why NumPy serves: the engine's half of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

from hwio.engine import SWITCHED_OFF, findings, refusal
from hwio.engine.registry import KERNELS
from hwio.engine.small import is_small
from hwio.methods.accuracy import MEANINGS

if TYPE_CHECKING:
    from hwio.engine.registry import Kernel
    from hwio.shapes.geometry import Geometry

TRANSFORM_RATE = {"f4": 6e3, "f8": 3e3}  # numbers a microsecond into or out of Winograd's tiles
WEIGHT_RATE = 12e3  # bytes a microsecond that a core takes from beyond its own caches
LAUNCH_US = 20  # a call's way into compiled code and back: fields, packing, waking threads
RATE = {"f4": 80e3, "f8": 40e3}  # multiply-adds a microsecond on one core, sums in registers
LOAD_RATE = {"f4": 8e3, "f8": 4e3}  # the same where every product needs its own load
CALL_US = 2  # a call of an unrolled function
SMALL_RATE = {"f4": 20e3, "f8": 12e3}  # multiply-adds a microsecond there
LANES = 16  # filters are taken in steps of a vector


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """A kernel's name or None, the reason, its time for one image in µs, and why not the others."""

    name: str | None
    reason: str
    cost: float = float("inf")
    rejected: dict[str, str] = field(default_factory=dict)


def choose_kernel(
    geo: Geometry, kind: str, method: str = "auto", precision: str = "highest"
) -> KernelChoice:
    """Decide which compiled kernel computes one geometry, if any.

    Parameters
    ----------
    geo : Geometry
    kind : str
        Of the numbers in the computation: f4, f8, c8, c16.
    method : str
        "auto", or what was asked for by name: then no other kernel is a candidate.
    precision : str
        Decides whether kernels that sum in another space are candidates.

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
    costs: dict[str, float] = {}
    rejected: dict[str, str] = {}
    for name, kernel in KERNELS.items():
        against = _against(kernel, geo, kind, method, precision)
        if against:
            rejected[name] = against
        else:
            costs[name] = _cost(name, one, kind)
    if not costs:
        return KernelChoice(None, f"no kernel computes in {kind}", rejected=rejected)
    best = min(costs, key=lambda name: costs[name])
    for name, cost in costs.items():
        if name != best:
            rejected[name] = f"about {spell_us(cost)} per image against {spell_us(costs[best])}"
    order = {name: rejected[name] for name in KERNELS if name in rejected}
    return KernelChoice(best, _reason(best, one) + _tuned(best, one, kind), costs[best], order)


def _against(kernel: Kernel, geo: Geometry, kind: str, method: str, precision: str) -> str | None:
    """Return why a kernel is no candidate."""
    if method not in ("auto", kernel.name):
        return f"method={method!r} was asked for"
    if kind not in kernel.kinds:
        return f"it does not compute in {kind}"
    why = kernel.refuses(geo)
    if why is None and method == "auto" and kernel.transforms and precision == "highest":
        bound = kernel.bound[:2]
        return f"error bound {bound} ({MEANINGS[bound]}); precision='high' would admit it"
    return why


def _reason(name: str, one: Geometry) -> str:
    """Say why a kernel is taken."""
    if name == "direct" and is_small(one):
        return "small enough to have every product written out"
    return KERNELS[name].idea


def _tuned(name: str, one: Geometry, kind: str) -> str:
    """Say that the kernel's register block was measured here, if it was: see ``hwio tune``."""
    if not findings.exist() or (name == "direct" and is_small(one)):
        return ""
    try:
        from hwio.engine.launch.spatial import static_block  # loads LLVM

        found = findings.look_up(name, one, static_block(name, one, kind))
    except Exception:  # noqa: BLE001  an LLVM that does not load is told at the first call
        return ""
    if found is None:
        return ""
    shape = f"{found.block.mr}x{found.block.nrv}"
    return f"; tuned: block {shape} measured {found.gain:.2f} times as fast as the rule's"


def _cost(name: str, one: Geometry, kind: str) -> float:
    """Estimate the time of one image on one core in µs."""
    if name == "direct" and is_small(one):
        return CALL_US + one.pixels * one.out_channels * one.depth / SMALL_RATE[kind]
    return LAUNCH_US + COSTS[name](one, kind)


def spell_us(us: float) -> str:
    """Write microseconds in a fitting unit.

    Examples
    --------
    >>> spell_us(1234.5)
    '1.2 ms'
    """
    if us < 1000:
        return f"{us:.1f} µs"
    return f"{us / 1e3:.1f} ms" if us < 1e6 else f"{us / 1e6:.1f} s"


def _direct_cost(geo: Geometry, kind: str) -> float:
    filters = -(-geo.group_filters // LANES) * LANES
    return geo.groups * geo.pixels * filters * geo.depth / RATE[kind]


def _depthwise_cost(geo: Geometry, kind: str) -> float:
    return geo.pixels * geo.out_channels * geo.depth / LOAD_RATE[kind]


def _winograd_cost(geo: Geometry, kind: str, m: int) -> float:
    """Products per position, or the filters' way from memory; and the transforms."""
    tiles, spots = prod(-(-out // m) for out in geo.out_size), (m + 2) ** 2
    c, filters = geo.in_channels, -(-geo.out_channels // LANES) * LANES
    products = spots * tiles * c * filters / RATE[kind]
    weights = spots * c * filters * int(kind[1]) / WEIGHT_RATE
    return max(products, weights) + spots * tiles * (c + filters) / TRANSFORM_RATE[kind]


def _winograd2_cost(geo: Geometry, kind: str) -> float:
    return _winograd_cost(geo, kind, 2)


def _winograd4_cost(geo: Geometry, kind: str) -> float:
    return _winograd_cost(geo, kind, 4)


COSTS = {
    "direct": _direct_cost,
    "depthwise": _depthwise_cost,
    "winograd_f2": _winograd2_cost,
    "winograd_f4": _winograd4_cost,
}
