"""One part of y by the plan of all of y: for callers that hold x in pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.ops.canonical import w_view
from hwio.ops.compiled import run_compiled
from hwio.ops.readable import run_method
from hwio.planner.space import method_lengths
from hwio.shapes.layout import default_layout, parse_layout

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array


def mixes_cells(problem: Problem) -> bool:
    """Tell whether the plan sums in another space, so that parts of an image have other bits."""
    kernel = problem.plan.kernel
    return KERNELS[kernel].transforms if kernel else METHODS[problem.plan.method].transforms


def part_unit(problem: Problem) -> tuple[int, ...]:
    """Return the output cells along each axis that have to stay together to keep their bits.

    A compiled kernel adds up every number on its own. A matrix product of NumPy may round otherwise
    for another number of rows, so there parts are made of the blocks into which a call on the whole
    image is cut.

    Examples
    --------
    >>> from hwio.ops.planning import problem_of
    >>> part_unit(problem_of((1, 402, 402, 3), (3, 3, 3, 5), method="im2col"))
    (100, 400)
    """
    geo, plan = replace(problem.geometry, n=1), problem.plan
    if plan.kernel or METHODS[plan.method].unit is None:
        return (1,) * geo.ndim
    lengths = method_lengths(plan.method, geo, problem.itemsize)
    return geo.out_size if lengths is None else lengths[1:]


def canonical_problem(problem: Problem, w: Array) -> tuple[Problem, Array]:
    """Return the problem for x as (n, *in, c), and w as (*kernel, i, o), turned if asked."""
    plain = parse_layout(default_layout(problem.geometry.ndim + 2))
    return replace(problem, layout=plain, flip=False), w_view(problem, w)


def run_part(
    problem: Problem,
    geo: Geometry,
    x: Array,
    w: Array,
    b: Array | None,
    packs: dict[Any, Any] | None = None,
) -> Array:
    """Convolve the cells of x that a part of y reads, by the plan of all of y.

    Parameters
    ----------
    problem : Problem
        As ``canonical_problem`` makes it.
    geo : Geometry
        Of the part: its n, in_size, out_size and padding. It starts at a multiple of ``part_unit``
        along each axis, and is one or ends at the end of y.
    x : array, shape (n, *in, c)
    w : array, shape (*kernel, i, o)
    b : array, shape (o,), optional
    packs : dict, optional
        Keeps packed weights from part to part.

    Returns
    -------
    array, shape (n, *out, o)
    """
    lengths = None
    if geo.out_size != problem.geometry.out_size and not problem.plan.kernel:
        lengths = (1, *part_unit(problem))
    part = replace(problem, geometry=geo)
    y = run_compiled(part, x, w, b, packs) if part.plan.kernel else None
    return run_method(part, x, w, b, lengths=lengths) if y is None else y
