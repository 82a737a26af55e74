"""The compiled ways by name; each has a readable twin that does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING

from hwio.engine.slabs import MOST_BYTES, ROWS, filling, slabs_of

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

FEW = 16  # channels up to which vectors run along the row instead
REACH = 1 << 18  # numbers


def _never(geo: Geometry) -> str | None:
    del geo
    return None


@dataclass(frozen=True, slots=True)
class Kernel:
    """One compiled way.

    Attributes
    ----------
    name : str
        First part of a kernel's symbol, as in ``direct_f4_16_14x2``: number type, or types of x and
        w, lanes, MR × NRV.
    twin : str
        The readable method that does the same, by another order of work.
    idea : str
        A few words for tables.
    kinds : tuple of str
        Number types it computes in: f4, f8; i1 and i2 are 8 and 16 bits, signed or not, with sums in
        int32.
    refuses : callable
        ``f(geo)`` -> why it can't serve a geometry, or None.
    bound : str
        Key of the error bound that it keeps.
    precision : str
        The level from which on auto may take it.
    leaves : callable
        ``f(geo)`` -> why auto leaves a geometry that it could serve to another kernel, or None.
    transforms : bool
        Whether it sums in another space, where whole numbers do not stay whole.
    file : str
        Name of the file under ``engine/kernels``, where it is not the kernel's.
    """

    name: str
    twin: str
    idea: str
    kinds: tuple[str, ...]
    refuses: Callable[[Geometry], str | None]
    bound: str = "T1"
    precision: str = "highest"
    leaves: Callable[[Geometry], str | None] = _never
    transforms: bool = False
    file: str = ""

    @property
    def module(self) -> str:
        """The file under ``engine/kernels`` that makes it."""
        return self.file or self.name


def _depthwise_only(geo: Geometry) -> str | None:
    if geo.group_channels == 1 == geo.group_filters and geo.groups > 1:
        return None
    return "it is made for one filter per channel"


def _few_only(geo: Geometry) -> str | None:
    one = geo.group_channels == 1 == geo.group_filters
    if not one or geo.in_channels > FEW or geo.stride[-1] != 1:
        return f"it is made for one filter per channel, at most {FEW} channels, stride 1 along W"
    # every row of a task's stretch of columns may have to be copied, with all that its taps reach
    reach = prod((k - 1) * d + 1 for k, d in zip(geo.kernel, geo.dilation, strict=True))
    return f"its taps reach {reach} cells, too far" if reach * geo.in_channels > REACH else None


def _tiles_cannot(parts: int, geo: Geometry) -> str | None:
    """Refuse what needs too large a block of cells, or tiles that this process has not."""
    if prod(geo.kernel) > MOST_TAPS:
        return f"it is made for at most {MOST_TAPS} taps"
    room = slabs_of(geo, parts).bytes
    if room > MOST_BYTES:
        return f"{ROWS} outputs need {room / 2**20:.0f} MiB of cells at once"
    from hwio.engine import amx  # here: it loads what a child process and a cache need

    return amx.refusal(parts)


def _tiles_lose(geo: Geometry) -> str | None:
    """Tell where tiles would be emptier than they are faster, or hardly start."""
    if geo.macs < LITTLE * geo.n:
        return "too few multiply-adds for tiles"
    if prod(geo.kernel) > MOST_TAPS:
        return f"more than {MOST_TAPS} taps"
    full = filling(geo)
    if full < FULL:
        return f"only {full:.0%} of its tiles would hold channels, filters and pixels"
    return None


def _tiles_and_reduction_lose(geo: Geometry) -> str | None:
    """Tell, beside that, where six products gain less than splitting x costs."""
    if geo.kernel == (1,) * geo.ndim and geo.group_filters < geo.group_channels:
        return "1×1 taps on few filters: splitting x costs what tiles gain"
    return _tiles_lose(geo)


MOST_TAPS = 4096  # of a filter; each has its place in a slab worked out
LITTLE = 4_000_000  # multiply-adds of an image: some 30 µs on one core
FULL = 0.6  # of tiles; six products take about as long as 0.7 of a direct kernel's sums


def _short_only(geo: Geometry) -> str | None:
    if geo.kernel != (3, 3):
        return f"it is made for 3×3 taps, not {'×'.join(map(str, geo.kernel))}"
    if geo.stride != (1, 1) or geo.dilation != (1, 1):
        return "it is made for stride 1 and dilation 1"
    return "it is made for one group" if geo.groups > 1 else None


KERNELS: dict[str, Kernel] = {
    "planes": Kernel(
        "planes",
        twin="taps",
        idea="few channels, each with its own filter: vectors along the row",
        kinds=("f4", "f8"),
        refuses=_few_only,
    ),
    "depthwise": Kernel(
        "depthwise",
        twin="taps",
        idea="channels side by side, each with its own filter",
        kinds=("f4", "f8"),
        refuses=_depthwise_only,
    ),
    "bf16": Kernel(
        "bf16",
        twin="im2col",
        idea="x and w rounded to bfloat16, sums in float32, on AMX tiles",
        kinds=("f4",),
        refuses=partial(_tiles_cannot, 1),
        bound="T3",
        precision="medium",
        leaves=_tiles_lose,
        file="split",
    ),
    "bf16x3": Kernel(
        "bf16x3",
        twin="im2col",
        idea="two bfloat16 parts a number, three products, on AMX tiles",
        kinds=("f4",),
        refuses=partial(_tiles_cannot, 2),
        bound="T2",
        precision="high",
        leaves=_tiles_lose,
        file="split",
    ),
    "bf16x6": Kernel(
        "bf16x6",
        twin="im2col",
        idea="three bfloat16 parts a number, six products, on AMX tiles",
        kinds=("f4",),
        refuses=partial(_tiles_cannot, 3),
        leaves=_tiles_and_reduction_lose,
        file="split",
    ),
    "direct": Kernel(
        "direct",
        twin="im2col",
        idea="sums of pixels × filters stay in registers",
        kinds=("f4", "f8", "i1", "i2"),
        refuses=_never,
    ),
    "winograd_f2": Kernel(
        "winograd_f2",
        twin="winograd",
        idea="F(2×2, 3×3): 16 products instead of 36",
        kinds=("f4", "f8"),
        refuses=_short_only,
        bound="T4_2",
        precision="high",
        transforms=True,
        file="winograd",
    ),
    "winograd_f4": Kernel(
        "winograd_f4",
        twin="winograd4",
        idea="F(4×4, 3×3): 36 products instead of 144",
        kinds=("f4", "f8"),
        refuses=_short_only,
        bound="T4_4",
        precision="high",
        transforms=True,
        file="winograd",
    ),
}
# kernels of split-bf16 -> how many parts a number has
PARTS = {"bf16": 1, "bf16x3": 2, "bf16x6": 3}
