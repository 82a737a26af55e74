"""How much memory a call may take, known before it takes any."""

from __future__ import annotations

import os
from math import prod
from typing import TYPE_CHECKING, Any

from hwio.errors import LimitError, word
from hwio.shapes.counts import LARGEST, check_int
from hwio.shapes.geometry import arithmetic
from hwio.shapes.layout import describe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwio.planner.plan import Plan
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout


def physical_memory() -> int:
    """Return this machine's memory in bytes, or 2^62 where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 1 << 62


def check_memory(need: int, limit: int | None, parts: list[str], fix: str | Iterable[str]) -> None:
    """Raise LimitError if the bytes needed exceed the limit.

    Parameters
    ----------
    need : int
        Bytes.
    limit : int or None
        Bytes; None stands for the machine's memory.
    parts : list of str
        Lines that say what the bytes are for.
    fix : str or iterable of str
        What to do instead.
    """
    allowed = physical_memory() if limit is None else limit
    if need > allowed:
        source = "this machine's memory" if limit is None else "memory_limit"
        rule = f"this needs {size(need)}, more than {source} of {size(allowed)}"
        raise LimitError(word(rule, parts, fix))


def check_output(geo: Geometry, layout: Layout, itemsize: int, limit: Any) -> int | None:
    """Return the limit in bytes, None for the machine's, if y alone can be held at all.

    This comes before any plan, so that no estimate meets a size that can't be.

    Raises
    ------
    LimitError
        With the arithmetic of every axis.
    """
    most = None
    if limit is not None:
        most = check_int(limit, "memory_limit", 0, fix="memory_limit=2**30")
    need = prod(geo.y_shape) * itemsize
    if need > max(physical_memory(), most or 0):
        parts = _parts(geo, layout, itemsize)
        check_memory(need, most, parts, _smaller(geo, layout, need, most))
    if prod(n or 1 for n in geo.y_shape) * itemsize >= LARGEST:
        rule = "y would have no numbers, but NumPy has no array with axes of these sizes"
        raise LimitError(word(rule, _parts(geo, layout, itemsize), "padding='same'"))
    return most


def check_workspace(
    geo: Geometry,
    layout: Layout,
    plan: Plan,
    itemsize: int,
    limit: int | None,
    converted: Iterable[tuple[str, int]],
) -> None:
    """Raise LimitError if y, the plan's temporaries and converted inputs exceed the limit.

    Parameters
    ----------
    geo : Geometry
    layout : Layout
    plan : Plan
    itemsize : int
        Bytes of one number in the dtype of the computation.
    limit : int or None
        Bytes; None stands for the machine's memory.
    converted : iterable of (str, int)
        Which arrays are converted to another dtype first, and how many numbers they hold.
    """
    converted = [(name, count * itemsize) for name, count in converted]
    need = prod(geo.y_shape) * itemsize + plan.workspace + sum(b for _, b in converted)
    if need <= (physical_memory() if limit is None else limit):
        return
    parts = _parts(geo, layout, itemsize)
    if plan.workspace:
        parts.append(f"workspace  method={plan.method!r}  ->  {size(plan.workspace)}")
    parts += [f"{name}          as {itemsize}-byte numbers  ->  {size(b)}" for name, b in converted]
    hungry = ["method='auto'"] if plan.reason == "asked for" else []
    check_memory(need, limit, parts, hungry + _smaller(geo, layout, need, limit))


def _parts(geo: Geometry, layout: Layout, itemsize: int) -> list[str]:
    """Write the sizes of y out."""
    axes = zip(
        geo.letters, geo.in_size, geo.padding, geo.kernel, geo.dilation, geo.stride, strict=True
    )
    lines = [f"{axis}  {arithmetic(n, pair, k, d, s)}" for axis, n, pair, k, d, s in axes]
    sizes = describe(stored_shape(geo, layout), layout.y)
    return [*lines, f"y          {sizes}  ->  {size(prod(geo.y_shape) * itemsize)}"]


def _smaller(geo: Geometry, layout: Layout, need: int, limit: int | None) -> list[str]:
    """Offer a higher limit, one image at a time, or less padding."""
    fixes = []
    if limit is not None and need <= physical_memory():
        fixes.append(f"memory_limit={need}")
    allowed = physical_memory() if limit is None else limit
    band = geo.in_size[0] * allowed // (2 * need)
    if geo.n > 1 and need // geo.n <= allowed:
        one = size(need // geo.n)
        fixes.append(f"x = x[{_part(layout, 'N', 1)}]   # one image at a time, about {one} each")
    elif band > geo.reach[0]:
        axis = geo.letters[0]
        fixes.append(f"x = x[{_part(layout, axis, band)}]   # a part of {axis} at a time")
    if max(map(max, geo.padding)) > max(geo.reach):
        fixes.append("padding='same'")
    return fixes or ["x, or its padding, a part at a time"]


def _part(layout: Layout, axis: str, cells: int) -> str:
    """Write the index of the first cells of an axis of x."""
    return ", ".join([*[":"] * layout.x.index(axis), f":{cells}"])


def stored_shape(geo: Geometry, layout: Layout) -> tuple[int, ...]:
    """Return the shape of y as stored."""
    front = geo.y_shape if layout.batched else geo.y_shape[1:]
    return tuple(front[axis] for axis in layout.y_axes)


def size(count: int) -> str:
    """Write bytes in a fitting binary unit.

    Examples
    --------
    >>> size(3 * 2**20)
    '3.0 MiB'
    """
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024:
            return f"{count} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} EiB" if value < 1e6 else f"{value:.1e} EiB"
