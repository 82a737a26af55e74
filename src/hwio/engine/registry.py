"""The compiled ways by name; each has a readable twin that does the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


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
    transforms : bool
        Whether it sums in another space, which precision="highest" does not admit.
    """

    name: str
    twin: str
    idea: str
    kinds: tuple[str, ...]
    refuses: Callable[[Geometry], str | None]
    bound: str = "T1"
    transforms: bool = False


def _depthwise_only(geo: Geometry) -> str | None:
    if geo.group_channels == 1 == geo.group_filters and geo.groups > 1:
        return None
    return "it is made for one filter per channel"


def _any(geo: Geometry) -> str | None:
    del geo
    return None


def _short_only(geo: Geometry) -> str | None:
    if geo.kernel != (3, 3):
        return f"it is made for 3×3 taps, not {'×'.join(map(str, geo.kernel))}"
    if geo.stride != (1, 1) or geo.dilation != (1, 1):
        return "it is made for stride 1 and dilation 1"
    return "it is made for one group" if geo.groups > 1 else None


KERNELS: dict[str, Kernel] = {
    "depthwise": Kernel(
        "depthwise",
        twin="taps",
        idea="channels side by side, each with its own filter",
        kinds=("f4", "f8"),
        refuses=_depthwise_only,
    ),
    "direct": Kernel(
        "direct",
        twin="im2col",
        idea="sums of pixels × filters stay in registers",
        kinds=("f4", "f8", "i1", "i2"),
        refuses=_any,
    ),
    "winograd_f2": Kernel(
        "winograd_f2",
        twin="winograd",
        idea="F(2×2, 3×3): 16 products instead of 36",
        kinds=("f4", "f8"),
        refuses=_short_only,
        bound="T4_2",
        transforms=True,
    ),
    "winograd_f4": Kernel(
        "winograd_f4",
        twin="winograd4",
        idea="F(4×4, 3×3): 36 products instead of 144",
        kinds=("f4", "f8"),
        refuses=_short_only,
        bound="T4_4",
        transforms=True,
    ),
}
