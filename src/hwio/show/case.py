"""One convolution to be shown: its checked problem, and its arrays where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.arrays import as_array, is_shape
from hwio.ops.planning import check_shape_like, problem_of
from hwio.ops.wording import worded_for
from hwio.shapes.padding import PADDING_MODES
from hwio.show.sizes import Shape, shape, w_sizes, x_sizes, y_sizes

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout
    from hwio.types import Array, Pads


@dataclass(frozen=True, slots=True)
class Case:
    """A convolution as the user stores it.

    Attributes
    ----------
    problem : Problem
    options : dict
        Keywords of ``conv`` as they were given.
    dtypes : tuple of dtype
        Of x, w and, if there is one, b; float32 for shapes.
    x, w : array or None
        None where only shapes were given.
    b : array or None
    b_shape : tuple of int or None
        None without bias.
    between : tuple of int
        In a transposed convolution drawn as an ordinary one: every how many cells of an axis x has
        a number, with zeros between; ``geo`` counts those too. Else empty.
    """

    problem: Problem
    options: dict[str, Any]
    dtypes: tuple[np.dtype[Any], ...]
    x: Array | None
    w: Array | None
    b: Array | None
    b_shape: Shape | None
    between: tuple[int, ...] = ()

    @property
    def layout(self) -> Layout:
        """How the axes are read."""
        return self.problem.layout

    @property
    def geo(self) -> Geometry:
        """Every size."""
        return self.problem.geometry

    @property
    def x_shape(self) -> Shape:
        """Shape of x as stored."""
        return shape(self.layout.x, x_sizes(self.geo))

    @property
    def w_shape(self) -> Shape:
        """Shape of w as stored."""
        return shape(self.layout.w, w_sizes(self.geo))

    @property
    def y_shape(self) -> Shape:
        """Shape of y as stored."""
        return shape(self.layout.y, y_sizes(self.geo))

    @property
    def space(self) -> str:
        """The spatial letters, W, HW or DHW."""
        return self.geo.letters

    @property
    def n(self) -> str:
        """N where x has images, else nothing."""
        return "N" if self.layout.batched else ""

    @property
    def integers(self) -> bool:
        """Whether x, w and b are all integers."""
        return self.problem.compute is None

    @property
    def work(self) -> np.dtype[Any]:
        """The dtype that holds the sums: integers sum in 64 bits."""
        if self.problem.compute is not None:
            return self.problem.compute
        unsigned = self.problem.result == np.uint64
        return np.dtype(np.uint64 if unsigned else np.int64)

    @property
    def mode(self) -> str | None:
        """np.pad's word for what stands in the padding, None where it is zeros or nothing."""
        if not self.geo.padded or self.problem.padding_mode == "zeros":
            return None
        return PADDING_MODES[self.problem.padding_mode]


def read_case(
    x: Any,
    w: Any,
    b: Any,
    options: dict[str, Any],
    *,
    function: str = "explain",
    **settled: Any,
) -> Case:
    """Check a call on arrays or shapes and keep what was given.

    Errors name ``function``, which asks and has checked the keywords; ``settled`` are keywords of
    ``conv`` that the user did not give.
    """
    sides: list[Any] = []
    for name, value in (("x", x), ("w", w), ("b", b)):
        known = is_shape(value) or (value is None and name == "b")
        check_shape_like(value, name)
        sides.append(value if known else as_array(value, name))
    with worded_for(function, x, w):
        problem = problem_of(*sides, **(options | settled))
    dtypes = tuple(
        np.dtype(np.float32) if isinstance(s, tuple) else s.dtype for s in sides if s is not None
    )
    x, w, b = (None if isinstance(s, tuple) else s for s in sides)
    bias = sides[2]
    b_shape = None if bias is None else bias if isinstance(bias, tuple) else bias.shape
    return Case(problem, dict(options), dtypes, x, w, b, b_shape)


def pad_widths(case: Case, letters: str, more: Sequence[int] | None = None) -> Pads:
    """Return np.pad's widths for x with these letters, the high sides larger by ``more``."""
    geo = case.geo
    sides = zip(geo.padding, more or (0,) * geo.ndim, strict=True)
    pairs = dict(zip(geo.letters, ((low, high + m) for (low, high), m in sides), strict=True))
    return tuple(pairs.get(letter, (0, 0)) for letter in letters)
