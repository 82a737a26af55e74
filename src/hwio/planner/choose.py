"""Choose a NumPy way: refuse what can't serve, estimate the rest, take the cheapest.

The estimates are static: sizes in, microseconds out, with constants measured once on one core of a
2020s x86 server. They only need to rank. The number of images never enters the ranking, so that an
image gets the same bits alone and inside any batch.
"""

from __future__ import annotations

from dataclasses import replace
from math import log2, prod
from typing import TYPE_CHECKING

from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.methods.accuracy import MEANINGS
from hwio.methods.fft import fast_length
from hwio.methods.im2col import PIECE
from hwio.planner.kernels import LAUNCH_US, WHOLE_US, choose_kernel, spell_us
from hwio.planner.plan import Plan
from hwio.planner.space import group_of, kernel_bytes, method_bytes, method_needs

if TYPE_CHECKING:
    from hwio.planner.kernels import KernelChoice
    from hwio.shapes.geometry import Geometry

MAC_US = 1 / 60e3  # one multiply-add inside a large matrix product
ELEMENT_US = 1 / 1.5e3  # one number copied, or added in place
CALL_US = 1.5  # one NumPy call on small arrays
ROW_US = 0.005  # one turn to the next row inside a NumPy call
LONE_CHANNEL = 3.3  # how much longer a copy takes that finds one number at a time
WIDE = {"f8": 2}  # number type -> how much longer all of that takes than in float32
# what a method behind "auto" may allocate beside x, w, another copy of w, and y, unless y is larger
AUTO_WORKSPACE = 16 << 20
PRECISIONS = {
    "highest": "T1 for every element, on any data: direct sums only",
    "high": "relative 2-norm per image <= 2e-5: also FFT and Winograd",
    "medium": "as high; also bfloat16 products with float32 sums, on processors with AMX",
}
# ways that auto never takes
_ONLY_SHOWN = {
    "loop": "the definition; one NumPy call for every output number",
    "broadcast": "holds every product at once",
    "einsum": "adds products as they come, without a matrix product",
    "tensordot": "one product for all images: bits may change with the batch",
}


def choose(
    geo: Geometry,
    itemsize: int,
    precision: str = "highest",
    method: str = "auto",
    kind: str | None = None,
    converts: bool = False,
    whole: bool = False,
) -> Plan:
    """Decide how one geometry is computed.

    Parameters
    ----------
    geo : Geometry
    itemsize : int
        Bytes of one number in the dtype of the computation.
    precision : {"highest", "high", "medium"}
    method : str
        "auto", or the key of a method or a kernel: then that one is the plan.
    kind : str, optional
        Number type of the computation, f4 or f8, or those of x and w, as u1i1, where both are
        integers of 8 or 16 bits; None leaves compiled kernels out.
    converts : bool
        Whether x or y has another number type than the computation.
    whole : bool
        Whether x and w are integers.

    Returns
    -------
    Plan
    """
    if method in KERNELS:
        twin, found = KERNELS[method].twin, choose_kernel(geo, kind or "f8", method)
        others = {name: f"method={method!r} was asked for" for name in METHODS if name != twin}
        room = kernel_bytes(method, geo, itemsize)
        against = found.rejected if found.name else {}
        reason = f"the twin of {method}"
        return Plan(twin, reason, others, geo, room, found.name, "asked for", against)
    if method != "auto":
        others = {name: f"method={method!r} was asked for" for name in METHODS if name != method}
        space = method_bytes(method, geo, itemsize, converts)
        return Plan(method, "asked for", others, geo, space)
    costs: dict[str, float] = {}
    rejected: dict[str, str] = {}
    for name in METHODS:
        why = _refusal(name, geo, precision, itemsize)
        if why:
            rejected[name] = why
        else:
            costs[name] = COSTS[name](replace(geo, n=1))
    best = min(costs, key=lambda name: costs[name])
    for name, cost in costs.items():
        if name != best:
            rejected[name] = f"about {spell_us(cost)} per image against {spell_us(costs[best])}"
    order = {name: rejected[name] for name in METHODS if name in rejected}
    space = method_bytes(best, geo, itemsize, converts)
    plan = Plan(best, _reason(best, geo, costs[best]), order, geo, space)
    if kind is None:
        return plan
    found = choose_kernel(geo, kind, precision=precision, whole=whole)
    return _with_kernel(plan, found, itemsize, costs[best] * WIDE.get(kind, 1), whole)


def _with_kernel(plan: Plan, found: KernelChoice, itemsize: int, cost: float, whole: bool) -> Plan:
    """Let a compiled kernel run where it is expected to take less time than NumPy."""
    if found.name is None or found.cost >= cost:
        why = found.reason
        if found.name:
            why = f"{found.name} would take {_kernel_time(found.cost, whole)}"
        return replace(plan, kernel_reason=why, kernels_rejected=found.rejected)
    reason = f"{found.reason}; about {spell_us(found.cost)} per image on one core"
    room = kernel_bytes(found.name, plan.geometry, itemsize)
    return replace(
        plan,
        workspace=room,
        kernel=found.name,
        kernel_reason=reason,
        kernels_rejected=found.rejected,
    )


def _kernel_time(cost: float, whole: bool) -> str:
    """Write a kernel's time for one image, and whether starting it is what takes it."""
    most = 2 * (LAUNCH_US + WHOLE_US if whole else LAUNCH_US)
    start = ", most of it to start the kernel" if cost < most else ""
    return f"about {spell_us(cost)} per image{start}"


def other_kernel(auto: Plan, name: str) -> str:
    """Say why auto does not take a compiled kernel that could serve."""
    if name in auto.kernels_rejected:
        return auto.kernels_rejected[name]
    return auto.kernel_reason.partition(" would take ")[2] or auto.kernel_reason


def _refusal(name: str, geo: Geometry, precision: str, itemsize: int) -> str | None:
    """Return why a method is no candidate for auto."""
    method = METHODS[name]
    if name not in COSTS:
        if name == "tensordot" and method.workspace(group_of(name, geo), itemsize) > PIECE:
            return "holds the whole patch matrix at once"
        return _ONLY_SHOWN.get(name, "auto has no estimate of its time")
    why = method.refuses(geo)
    if why:
        return why
    if name == "taps" and geo.group_channels > 1 and geo.groups > 1:
        return "many small products in grouped convolution"
    if method.transforms:  # whole images
        one = group_of(name, replace(geo, n=1))
        need = method_needs(name, one, itemsize)
        if name == "fft":  # half its count serves real numbers: the rest is enough for copies
            need = method.workspace(one, itemsize)
        room = max(AUTO_WORKSPACE + prod(geo.w_shape) * itemsize, prod(geo.y_shape[1:]) * itemsize)
        if need > room:
            return f"needs {need / 2**20:.0f} MiB beside the arrays"
        if precision == "highest":
            bound = method.bound[:2]
            return f"error bound {bound} ({MEANINGS[bound]}); precision='high' would admit it"
    return None


def _im2col_cost(geo: Geometry) -> float:
    """Copy every window, then one product per group."""
    copied: float = 0 if geo.kernel == (1,) * geo.ndim == geo.stride else geo.pixels * geo.depth
    if geo.group_channels == 1:
        copied *= LONE_CHANNEL
    return geo.groups * (4 * CALL_US + copied * ELEMENT_US) + geo.macs * MAC_US


def _taps_cost(geo: Geometry) -> float:
    """One pass over the output, and one product, per tap."""
    taps = prod(geo.kernel)
    passes = taps * geo.pixels * geo.out_channels * ELEMENT_US
    if geo.group_channels == 1:
        rows = 2 * taps * geo.pixels if geo.groups > 1 else 0  # one channel is one long row
        return CALL_US * (3 + 3.5 * taps) + passes + rows * ROW_US
    rows = prod(geo.out_size[:-1])  # the product is made row by row of the last axis
    return taps * (5 * CALL_US + rows * 0.4) + passes + 1.3 * geo.macs * MAC_US


def _fft_cost(geo: Geometry) -> float:
    """Transform filters, image and output; one product per frequency."""
    cells = prod(fast_length(n) for n in geo.padded_size)
    c, o, g = geo.group_channels, geo.group_filters, geo.groups
    transforms = cells * log2(max(cells, 2)) * g * (c * o + c + o) * 0.0015
    return g * 60 + transforms + g * cells * (0.4 + c * o * 0.0015)


def _winograd_cost(geo: Geometry, m: int) -> float:
    """Transform tiles, multiply per position, transform back."""
    tiles = prod(-(-out // m) for out in geo.out_size)
    spots: int = (m + 2) ** geo.ndim
    c, o, g = geo.group_channels, geo.group_filters, geo.groups
    moved = spots * (2.5 * geo.ndim * tiles * (c + o) + c * o)
    return g * (90 + moved * ELEMENT_US + spots * tiles * c * o * MAC_US)


def _winograd2_cost(geo: Geometry) -> float:
    return _winograd_cost(geo, 2)


def _winograd4_cost(geo: Geometry) -> float:
    return _winograd_cost(geo, 4)


COSTS = {
    "im2col": _im2col_cost,
    "taps": _taps_cost,
    "fft": _fft_cost,
    "winograd": _winograd2_cost,
    "winograd4": _winograd4_cost,
}


def _reason(name: str, geo: Geometry, cost: float) -> str:
    """Say why the cheapest is the cheapest."""
    if name == "im2col" and geo.kernel == (1,) * geo.ndim:
        why = "1×1 taps: x is the patch matrix already, one matrix product"
    elif name == "im2col":
        why = (
            f"one matrix product of {geo.depth} × {geo.group_filters} weights with rows of windows"
        )
    elif name == "taps" and geo.group_channels == 1:
        why = f"each filter sees one channel: {prod(geo.kernel)} shifted products, no patch matrix"
    elif name == "taps":
        why = f"{prod(geo.kernel)} products over {geo.group_channels} channels, no patch matrix"
    else:
        why = METHODS[name].idea
    return f"{why}; about {spell_us(cost)} per image"
