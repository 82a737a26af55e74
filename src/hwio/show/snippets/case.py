"""What a snippet is written for: one checked convolution, and its parts as code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.ops.memory import size
from hwio.shapes.layout import transpose_axes
from hwio.shapes.padding import PADDING_MODES

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout

Shape = tuple[int, ...]
DType = np.dtype[Any]
_MUCH = 64 << 20  # a temporary from here on is worth a word


@dataclass(frozen=True, slots=True)
class Case:
    """One convolution that code is wanted for.

    Attributes
    ----------
    problem : Problem
    x_dtype, w_dtype : dtype
    b : pair of shape and dtype, or None
    """

    problem: Problem
    x_dtype: DType
    w_dtype: DType
    b: tuple[Shape, DType] | None

    @property
    def geo(self) -> Geometry:
        """Every size."""
        return self.problem.geometry

    @property
    def lay(self) -> Layout:
        """How the arrays are stored."""
        return self.problem.layout

    @property
    def space(self) -> str:
        """The spatial letters, W, HW or DHW."""
        return self.lay.spatial

    @property
    def n(self) -> str:
        """N where x has images, else nothing."""
        return "N" if self.lay.batched else ""

    @property
    def integers(self) -> bool:
        """Whether x, w and b are all integers."""
        return self.problem.compute is None

    @property
    def work(self) -> DType:
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

    @property
    def split(self) -> bool:
        """Whether groups are to be told apart."""
        return self.geo.groups > 1

    def x_sizes(self, *, padded: bool = False) -> dict[str, int]:
        """Return the size of each axis of x."""
        geo = self.geo
        cells = geo.padded_size if padded else geo.in_size
        sizes = dict(zip(self.space, cells, strict=True))
        return sizes | {"N": geo.n, "C": geo.in_channels}

    def y_sizes(self) -> dict[str, int]:
        """Return the size of each axis of y."""
        geo = self.geo
        sizes = dict(zip(self.space, geo.out_size, strict=True))
        return sizes | {"N": geo.n, "C": geo.out_channels}

    def w_sizes(self) -> dict[str, int]:
        """Return the size of each axis of w; C and M where it is depthwise."""
        geo = self.geo
        sizes = dict(zip(self.space, geo.kernel, strict=True))
        if self.lay.depthwise:
            channels = geo.in_channels
            return sizes | {"C": channels, "M": geo.out_channels // max(channels, 1)}
        return sizes | {"I": geo.group_channels, "O": geo.out_channels}

    def title(self, way: str) -> list[str]:
        """Say which arrays the code is for, in one or two lines."""
        lay = self.lay
        x = f"x {shape(lay.x, self.x_sizes())} {lay.x}"
        w = f"w {shape(lay.w, self.w_sizes())} {lay.w}"
        b = f", b {self.b[0]}" if self.b else ""
        y = f"-> y {shape(lay.y, self.y_sizes())} {lay.y}"
        start = f"{way}: {x}, {w}{b}"
        return [f"{start} {y}"] if len(start) + len(y) < 85 else [start, f"{' ' * len(way)}  {y}"]


def shape(letters: str, sizes: dict[str, int]) -> Shape:
    """Return the shape of an array with these axes."""
    return tuple(sizes[letter] for letter in letters)


def order(source: str, target: str) -> str:
    """Write the axes that turn one order of letters into another.

    Examples
    --------
    >>> order("OIHW", "HWIO")
    '(2, 3, 1, 0)'
    """
    return str(transpose_axes(source, target))


def index(entries: Sequence[str]) -> str:
    """Write an index; whole axes at the end need no mention.

    Examples
    --------
    >>> index([":", "::2", ":"])
    '[:, ::2]'
    """
    kept = list(entries)
    while kept and kept[-1] == ":":
        kept.pop()
    return f"[{', '.join(kept)}]" if kept else ""


def every(step: int) -> str:
    """Write a slice that takes each step-th cell."""
    return ":" if step == 1 else f"::{step}"


def plain(sizes: Sequence[int]) -> str:
    """Write one int for one axis, a tuple for more.

    Examples
    --------
    >>> plain((3,)), plain((3, 3))
    ('3', '(3, 3)')
    """
    return str(sizes[0]) if len(sizes) == 1 else str(tuple(sizes))


def dtype_code(dtype: DType) -> str:
    """Write a dtype as an attribute of np."""
    return f"np.{dtype.name}"


def sized(of: Shape, dtype: DType) -> str:
    """Write a shape, with its bytes where they are many."""
    count = prod(of) * dtype.itemsize
    return f"{of}, {size(count)}" if count >= _MUCH else str(of)


def number(value: float) -> str:
    """Write a bound of an activation as code."""
    if isinstance(value, int | np.integer):
        return str(min(max(int(value), -(2**63)), 2**63 - 1))  # no sum lies beyond
    value = float(value)
    if value in (float("inf"), float("-inf")):
        return f'float("{value}")'
    return str(int(value)) if value.is_integer() and abs(value) < 1e6 else repr(value)


def flipped(case: Case, letters: str) -> str:
    """Write the index that turns a kernel round, where flip was asked for."""
    if not case.problem.flip:
        return ""
    return index(["::-1" if letter in case.space else ":" for letter in letters])


def pad_pairs(case: Case, letters: str, more: Sequence[int] | None = None) -> str:
    """Write np.pad's widths for x with these letters, the high sides larger by ``more``."""
    extra = more or (0,) * case.geo.ndim
    pairs = dict(zip(case.space, zip(case.geo.padding, extra, strict=True), strict=True))
    widths = []
    for letter in letters:
        (low, high), spare = pairs.get(letter, ((0, 0), 0))
        widths.append(f"({low}, {high + spare})")
    return f"({', '.join(widths)})" if len(widths) > 1 else f"({widths[0]},)"


def casts(case: Case, work: DType, *, each: bool = False) -> tuple[str, str]:
    """Write the conversions of x and w after which NumPy computes in ``work``.

    With ``each``, both are to have that dtype, not only their product.
    """
    to = f".astype({dtype_code(work)})"
    if each:
        return to * (case.x_dtype != work), to * (case.w_dtype != work)
    if np.result_type(case.x_dtype, case.w_dtype) == work:
        return "", ""
    return to, to * (np.result_type(work, case.w_dtype) != work)


def fraction(case: Case) -> bool:
    """Tell whether a bound of the activation lies between whole numbers."""
    bounds = [v for v in case.problem.clip or () if v is not None]
    return any(not number(v).lstrip("-").isdigit() for v in bounds)
