"""The compiled ways of going back, by name; each has a readable twin in ``hwio.gradients``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry


@dataclass(frozen=True, slots=True)
class GradientKernel:
    """One compiled way of computing one gradient; all keep T1.

    Attributes
    ----------
    name : str
    of : {"dx", "dw"}
        Which gradient it computes.
    twin : str
        The readable way that does the same.
    idea : str
        A few words for tables.
    forward : str
        For dx, the kernel of convolution that it is.
    refuses : callable
        ``f(geo)`` -> why it can't serve a geometry, or None.
    """

    name: str
    of: str
    twin: str
    idea: str
    forward: str
    refuses: Callable[[Geometry], str | None]


def _depthwise_only(geo: Geometry) -> str | None:
    if geo.group_channels == 1 == geo.group_filters and geo.groups > 1:
        return None
    return "it is made for one filter per channel"


def _not_depthwise(geo: Geometry) -> str | None:
    return None if _depthwise_only(geo) else "one filter per channel leaves nothing to share"


GRADIENT_KERNELS: dict[str, GradientKernel] = {
    "dx_depthwise": GradientKernel(
        "dx_depthwise",
        of="dx",
        twin="flip",
        idea="the depthwise kernel on dy, with turned filters",
        forward="depthwise",
        refuses=_depthwise_only,
    ),
    "dx_direct": GradientKernel(
        "dx_direct",
        of="dx",
        twin="flip",
        idea="the direct kernel on dy, with turned filters",
        forward="direct",
        refuses=_not_depthwise,
    ),
    "dw_depthwise": GradientKernel(
        "dw_depthwise",
        of="dw",
        twin="taps",
        idea="channels side by side, sums over pixels in registers",
        forward="",
        refuses=_depthwise_only,
    ),
    "dw_direct": GradientKernel(
        "dw_direct",
        of="dw",
        twin="taps",
        idea="sums of channels × filters over pixels stay in registers",
        forward="",
        refuses=_not_depthwise,
    ),
}
