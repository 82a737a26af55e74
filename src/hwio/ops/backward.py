"""Going backwards through a checked convolution: the record, and whether there is room."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from hwio.errors import OptionError, nearest, show, word
from hwio.gradients import GRADIENTS
from hwio.gradients.apply import dw_bytes, dx_bytes
from hwio.ops.memory import check_memory, physical_memory, size
from hwio.shapes.counts import check_int

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout

AUTO = "taps"  # no matrix of windows, and one image's bits whatever the batch


@dataclass(frozen=True, slots=True)
class Backward:
    """The convolution to go back through, checked.

    Attributes
    ----------
    layout : Layout
    geometry : Geometry
    padding_mode : str
    flip : bool
        Whether the kernel is turned round first.
    method : str
        Key in ``GRADIENTS``.
    """

    layout: Layout
    geometry: Geometry
    padding_mode: str
    flip: bool
    method: str


def check_way(method: Any) -> str:
    """Return the key of a readable way of going backwards.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    if isinstance(method, str) and method == "auto":
        return AUTO
    if not isinstance(method, str) or method not in GRADIENTS:
        known = ("auto", *sorted(GRADIENTS))
        near = nearest(method, known)
        rule = f"method={show(method)} is not a way of computing gradients"
        fix = f"did you mean method={near!r}?" if near else "method='auto'"
        raise OptionError(word(rule, [f"ways: {', '.join(known)}"], fix))
    return method


def check_room_for(
    problem: Backward, itemsize: int, limit: Any, *, dx: str = "", dw: str = ""
) -> None:
    """Raise LimitError if gradients and what they need meanwhile exceed the limit.

    Parameters
    ----------
    problem : Backward
    itemsize : int
        Bytes of one number in the dtype of the computation.
    limit : int or None
        Bytes; None stands for the machine's memory.
    dx, dw : str
        What the two gradients are called in the message; one that is not asked for has no name.
    """
    most = None
    if limit is not None:
        most = check_int(limit, "memory_limit", 0, fix="memory_limit=2**30")
    geo, way = problem.geometry, GRADIENTS[problem.method]
    parts, need = [], 0
    for name, count, shape in ((dx, dx_bytes, geo.x_shape), (dw, dw_bytes, geo.w_shape)):
        if name:
            own, whole = prod(shape) * itemsize, count(way, geo, itemsize)
            parts.append(f"{name:<2}  {size(own)}, and {size(whole - own)} to compute it")
            need = max(need, whole) if need == 0 else need + whole
    if need <= (physical_memory() if most is None else most):
        return
    fixes = []
    if most is not None and need <= physical_memory():
        fixes.append(f"memory_limit={need}")
    if problem.method != AUTO:
        fixes.append("method='auto'")
    if max(geo.stride) > 1 and dx == "y":
        fixes.append("stride=1")
    check_memory(need, most, parts, fixes or ["a part of the images at a time"])
