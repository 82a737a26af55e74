"""Choose a compiled kernel, or say why NumPy serves: the engine's half of the plan."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING

from hwio.engine import SWITCHED_OFF, findings, refusal
from hwio.engine.margins import merges
from hwio.engine.registry import KERNELS, PARTS
from hwio.engine.slabs import filling
from hwio.engine.small import is_small
from hwio.methods.accuracy import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.engine.registry import Kernel
    from hwio.shapes.geometry import Geometry

TRANSFORM_RATE = {"f4": 6e3, "f8": 3e3}  # numbers a microsecond into or out of Winograd's tiles
WEIGHT_RATE = 12e3  # bytes a microsecond that a core takes from beyond its own caches
NEAR_WEIGHTS = 1 << 20  # bytes of w that stay near from call to call
LAUNCH_US = (
    5  # a repeated call's way into compiled code and back: waking threads, packing a few weights
)
# multiply-adds a microsecond on one core, sums in registers; bytes: AVX2 60e3, VNNI 340e3
RATE = {"f4": 80e3, "f8": 40e3, "i1": 120e3, "i2": 60e3}
LINE_RATE = {"f4": 14e3, "f8": 7e3}  # where vectors of x lie across cache lines
LOAD_RATE = {"f4": 20e3, "f8": 10e3}  # the same where every product needs its own load
CALL_US = 2  # a call of an unrolled function
WHOLE_US = 90  # before either where numbers are whole: their range is looked at, and nothing kept
SMALL_RATE = {"f4": 20e3, "f8": 12e3, "i1": 12e3, "i2": 12e3}  # multiply-adds a microsecond there
TILE_RATE = {"bf16": 450e3, "bf16x3": 240e3, "bf16x6": 120e3}  # with all AMX tiles full
PRECISIONS = ("highest", "high", "medium")  # each admits what those before it admit
TILE, TAP_US = (
    14,
    0.02,
)  # pixels of a register block, and what a tap of it costs beside its products
LANES = 16  # filters are taken in steps of a vector
REACH = {"i1": 128, "u1": 255}  # the largest absolute value of a byte
INT32 = 1 << 31  # where sums leave their registers


@dataclass(frozen=True, slots=True)
class KernelChoice:
    """A kernel's name or None, the reason, its time for one image in µs, and why not the others."""

    name: str | None
    reason: str
    cost: float = float("inf")
    rejected: dict[str, str] = field(default_factory=dict)


def choose_kernel(
    geo: Geometry,
    kind: str,
    method: str = "auto",
    precision: str = "highest",
    whole: bool = False,
) -> KernelChoice:
    """Decide which compiled kernel computes one geometry, if any.

    Parameters
    ----------
    geo : Geometry
    kind : str
        Of the numbers in the computation, f4, f8, c8, c16; or of x and w, as u1i1, where both are
        integers of 8 or 16 bits.
    method : str
        "auto", or what was asked for by name: then no other kernel is a candidate.
    precision : str
        Decides whether kernels that sum in another space, or with fewer digits, are candidates.
    whole : bool
        Whether x and w are integers.

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
            own = _cost(name, one, kind_of(kernel, geo, kind) or kind)
            costs[name] = own + WHOLE_US if whole else own
    if not costs:
        return KernelChoice(None, f"no kernel computes in {kind}", rejected=rejected)
    best = min(costs, key=lambda name: costs[name])
    for name, cost in costs.items():
        if name != best:
            rejected[name] = f"about {spell_us(cost)} per image against {spell_us(costs[best])}"
    order = {name: rejected[name] for name in KERNELS if name in rejected}
    used = kind_of(KERNELS[best], geo, kind) or kind
    reason = _reason(best, one, kind) + _tuned(best, one, used)
    return KernelChoice(best, reason, costs[best], order)


def _against(kernel: Kernel, geo: Geometry, kind: str, method: str, precision: str) -> str | None:
    """Return why a kernel is no candidate."""
    if method not in ("auto", kernel.name):
        return f"method={method!r} was asked for"
    if kind_of(kernel, geo, kind) is None:
        return f"it does not compute in {kind}"
    why = (kernel.leaves(geo) if method == "auto" else None) or kernel.refuses(geo)
    if why is None and method == "auto" and _level(kernel.precision) > _level(precision):
        bound = f"error bound {kernel.bound[:2]} ({MEANINGS[kernel.bound[:2]]})"
        return f"{bound}; precision={kernel.precision!r} would admit it"
    return why


def _level(precision: str) -> int:
    """Return how many levels of precision are higher."""
    return PRECISIONS.index(precision)


def _reason(name: str, one: Geometry, kind: str) -> str:
    """Say why a kernel is taken."""
    if name == "direct" and is_small(one):
        return "small enough to have every product written out"
    return KERNELS[name].idea + _note(KERNELS[name], one, kind)


def _tuned(name: str, one: Geometry, kind: str) -> str:
    """Say that the kernel's register block was measured here, if it was: see ``hwio tune``."""
    if not findings.exist() or kind[0] == "i" or (name == "direct" and is_small(one)):
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


def kind_of(kernel: Kernel, geo: Geometry, kind: str) -> str | None:
    """Return the number type in which a kernel takes numbers of some kind, None if in none.

    Bytes are bytes (i1) where no sum of them can leave int32, else floats that hold them exactly; of
    16 bits (i2) only their values tell, when the kernel is called.
    """
    if len(kind) == 4:
        if kernel.transforms:  # whole numbers stay whole only in its readable twin
            return None
        whole = "i2" if "2" in kind else "i1"
        fits = whole == "i2" or _most(geo, kind) < INT32
        kind = whole if fits and whole in kernel.kinds else "f8"
    return kind if kind in kernel.kinds else None


def _most(geo: Geometry, kind: str) -> int:
    """Return the most that a sum of products of bytes can reach."""
    return geo.depth * REACH[kind[:2]] * REACH[kind[2:]]


def _note(kernel: Kernel, geo: Geometry, kind: str) -> str:
    """Say how a kernel takes small integers."""
    used = kind_of(kernel, geo, kind)
    if used == "i1":
        return ", products of bytes summed in int32"
    if used == "i2":
        return ", products of 16 bits summed in int32 as long as they fit"
    if len(kind) == 4 and "i1" in kernel.kinds:
        return f", in floats: {geo.depth} products of bytes can reach {_most(geo, kind)}"
    return ""


def _direct_cost(geo: Geometry, kind: str) -> float:
    filters = -(-geo.group_filters // LANES) * LANES
    tiles = geo.groups * -(-geo.pixels // TILE) * -(-filters // (2 * LANES))
    taps = geo.depth // geo.group_channels
    if merges(geo, "direct"):
        taps //= geo.kernel[-1]
    weights = max(0, prod(geo.w_shape) * int(kind[1]) - NEAR_WEIGHTS) / (2 * WEIGHT_RATE)
    products = geo.groups * geo.pixels * filters * geo.depth / RATE[kind]
    return max(products, weights) + tiles * taps * TAP_US


def _depthwise_cost(geo: Geometry, kind: str) -> float:
    channels = -(-geo.out_channels // LANES) * LANES
    return geo.pixels * channels * geo.depth / LOAD_RATE[kind]


def _planes_cost(geo: Geometry, kind: str) -> float:
    block = max(geo.out_size[-1] * geo.out_channels, 8 * LANES)  # shorter rows fill no block
    return prod(geo.out_size[:-1]) * block * geo.depth / LINE_RATE[kind]


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


def _tile_cost(name: str) -> Callable[[Geometry, str], float]:
    """Return the cost of products on AMX tiles, empty parts of tiles included."""

    def cost(geo: Geometry, kind: str) -> float:
        del kind
        return geo.macs / TILE_RATE[name] / filling(geo)

    return cost


COSTS: dict[str, Callable[[Geometry, str], float]] = {
    "direct": _direct_cost,
    "depthwise": _depthwise_cost,
    "planes": _planes_cost,
    "winograd_f2": _winograd2_cost,
    "winograd_f4": _winograd4_cost,
    **{name: _tile_cost(name) for name in PARTS},
}
