"""One convolution to be explained: its checked problem, and its arrays where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.arrays import as_array, is_shape
from hwio.ops.keywords import OPTIONS, check_keywords
from hwio.ops.planning import check_shape_like, problem_of
from hwio.ops.wording import worded_for

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout
    from hwio.types import Array

Shape = tuple[int, ...]


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
    """

    problem: Problem
    options: dict[str, Any]
    dtypes: tuple[np.dtype[Any], ...]
    x: Array | None
    w: Array | None
    b: Array | None
    b_shape: Shape | None

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
        geo = self.geo
        sizes = {"N": geo.n, "C": geo.in_channels, **_by_letter(geo.letters, geo.in_size)}
        return tuple(sizes[letter] for letter in self.layout.x)

    @property
    def w_shape(self) -> Shape:
        """Shape of w as stored."""
        geo = self.geo
        sizes = {"I": geo.group_channels, "O": geo.out_channels}
        sizes |= {"C": geo.in_channels, "M": geo.out_channels // max(geo.in_channels, 1)}
        sizes |= _by_letter(geo.letters, geo.kernel)
        return tuple(sizes[letter] for letter in self.layout.w)

    @property
    def y_shape(self) -> Shape:
        """Shape of y as stored."""
        geo = self.geo
        sizes = {"N": geo.n, "C": geo.out_channels, **_by_letter(geo.letters, geo.out_size)}
        return tuple(sizes[letter] for letter in self.layout.y)


def _by_letter(letters: str, sizes: Shape) -> dict[str, int]:
    return dict(zip(letters, sizes, strict=True))


def read_case(x: Any, w: Any, b: Any, options: dict[str, Any]) -> Case:
    """Check a call on arrays or shapes and keep what was given.

    Parameters
    ----------
    x, w, b : array or tuple of int
    options : dict
        Keywords of ``conv``, without out.

    Returns
    -------
    Case
    """
    asked = [name for name in OPTIONS if name != "out"]
    check_keywords("explain", options, ["at", *asked], x, w)
    sides: list[Any] = []
    for name, value in (("x", x), ("w", w), ("b", b)):
        known = is_shape(value) or (value is None and name == "b")
        check_shape_like(value, name)
        sides.append(value if known else as_array(value, name))
    with worded_for("explain", x, w):
        problem = problem_of(*sides, **options)
    dtypes = tuple(
        np.dtype(np.float32) if isinstance(s, tuple) else s.dtype for s in sides if s is not None
    )
    x, w, b = (None if isinstance(s, tuple) else s for s in sides)
    bias = sides[2]
    b_shape = None if bias is None else bias if isinstance(bias, tuple) else bias.shape
    return Case(problem, dict(options), dtypes, x, w, b, b_shape)
