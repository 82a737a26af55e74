"""Going backwards through a checked convolution: the record, and whether there is room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from hwio.engine import refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.errors import OptionError, nearest, show, word
from hwio.gradients import GRADIENTS
from hwio.gradients.apply import dw_bytes, dx_bytes
from hwio.ops.memory import check_memory, physical_memory, size
from hwio.planner.gradients import AUTO, gradient_bytes
from hwio.shapes.counts import check_int

if TYPE_CHECKING:
    from hwio.gradients.gradient import Gradient
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout


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
        "auto", or a key in ``GRADIENTS`` or ``GRADIENT_KERNELS``. A kernel settles its own gradient,
        the other is left to auto.
    compiled : bool
        Whether compiled kernels may serve: there is room for them, and no readable way was asked for.
    """

    layout: Layout
    geometry: Geometry
    padding_mode: str
    flip: bool
    method: str
    compiled: bool = False

    @property
    def way(self) -> Gradient:
        """The readable way, which serves where no kernel does."""
        return GRADIENTS.get(self.method, GRADIENTS[AUTO])

    def kernel(self, of: str) -> str | None:
        """Return the kernel that was asked for by name, if it computes this gradient."""
        named = GRADIENT_KERNELS.get(self.method)
        return self.method if named is not None and named.of == of else None


def check_way(method: Any, geo: Geometry, needed: str = "dx dw") -> str:
    """Return "auto", or the key of a way of going backwards.

    Parameters
    ----------
    method : str
    geo : Geometry
    needed : str
        The gradients that a call computes: a kernel of another would settle nothing.

    Raises
    ------
    OptionError
        If there is none of that name, or it can't serve.
    """
    known = ("auto", *sorted(GRADIENTS), *sorted(GRADIENT_KERNELS))
    if not isinstance(method, str) or method not in known:
        near = nearest(method, known)
        rule = f"method={show(method)} is not a way of computing gradients"
        fix = f"did you mean method={near!r}?" if near else "method='auto'"
        raise OptionError(word(rule, [f"ways: {', '.join(known)}"], fix))
    named = GRADIENT_KERNELS.get(method)
    if named is not None:
        why = refusal() and f"the engine does not serve here: {refusal()}"
        if not why and named.of not in needed:
            why = f"it computes {named.of}, which this call does not ask for"
        why = why or named.refuses(geo)
        if why:
            rule = f"method={method!r} can't serve these gradients: {why}"
            raise OptionError(word(rule, [], "method='auto'"))
    return method


def check_room_for(
    problem: Backward, itemsize: int, limit: Any, *, dx: str = "", dw: str = ""
) -> Backward:
    """Return the problem with kernels where there is room for them; refuse it if NumPy has none.

    Parameters
    ----------
    problem : Backward
    itemsize : int
        Bytes of one number in the dtype of the computation.
    limit : int or None
        Bytes; None stands for the machine's memory.
    dx, dw : str
        What the two gradients are called in the message; one that is not asked for has no name.

    Raises
    ------
    LimitError
        If gradients and what they need meanwhile exceed the limit.
    """
    most = None
    if limit is not None:
        most = check_int(limit, "memory_limit", 0, fix="memory_limit=2**30")
    geo, way = problem.geometry, problem.way
    parts, need = [], 0
    for name, count, shape in ((dx, dx_bytes, geo.x_shape), (dw, dw_bytes, geo.w_shape)):
        if name:
            own, whole = prod(shape) * itemsize, count(way, geo, itemsize)
            parts.append(f"{name:<2}  {size(own)}, and {size(whole - own)} to compute it")
            need = max(need, whole) if need == 0 else need + whole
    allowed = physical_memory() if most is None else most
    if need <= allowed:
        kernels = _kernel_bytes(geo, itemsize, dx, dw)
        if problem.method in GRADIENT_KERNELS and kernels > allowed:
            check_memory(kernels, most, [f"{problem.method} and all it copies"], "method='auto'")
        return replace(problem, compiled=problem.method not in GRADIENTS and kernels <= allowed)
    fixes = []
    if most is not None and need <= physical_memory():
        fixes.append(f"memory_limit={need}")
    if problem.method not in ("auto", AUTO):
        fixes.append("method='auto'")
    if max(geo.stride) > 1 and dx == "y":
        fixes.append("stride=1")
    check_memory(need, most, parts, fixes or ["a part of the images at a time"])
    return problem


def _kernel_bytes(geo: Geometry, itemsize: int, *asked: str) -> int:
    """Count what compiled gradients need at most: ``asked`` names dx and dw, or leaves them out."""
    served = [k for k in GRADIENT_KERNELS.values() if k.refuses(geo) is None]
    wanted = [of for of, name in zip(("dx", "dw"), asked, strict=True) if name]
    return sum(gradient_bytes(k.name, geo, itemsize) for k in served if k.of in wanted)
