"""A learner's y beside the right one: where it differs, by the published bound."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import ArgumentTypeError, ShapeError, word
from hwio.ops.arrays import as_array
from hwio.ops.conv import conv
from hwio.shapes.layout import describe

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Answer:
    """A learner's y.

    Attributes
    ----------
    y : array
        In the shape of y as stored.
    wrong : bool array, the same shape
        Where it differs from the right number by more than rounding explains.
    """

    y: Array
    wrong: Array

    @property
    def first(self) -> tuple[int, ...] | None:
        """The first place that differs, in storage order."""
        if not self.wrong.any():
            return None
        where = np.unravel_index(int(np.argmax(self.wrong)), self.wrong.shape)
        return tuple(int(i) for i in where)


def read_answer(case: Case, y: Any) -> Answer:
    """Check a learner's y and compare it with the right one.

    Raises
    ------
    ArgumentTypeError
        If x or w are only shapes: then there is nothing to compare with.
    ShapeError
        If y has another shape.
    """
    if case.x is None or case.w is None or (case.b is None and case.b_shape is not None):
        rule = "y= can be compared only if x and w are arrays, and one is a shape"
        raise ArgumentTypeError(word(rule, [], "y=None"))
    array = as_array(y, "y")
    if array.shape != case.y_shape:
        rule = f"y has shape {array.shape}, but this convolution gives {case.y_shape}"
        facts = [
            f"y  {case.y_shape}  read as {case.layout.y}:  {describe(case.y_shape, case.layout.y)}"
        ]
        which = "hwio.diagnose(x, w, y)   # which convolution gives this y"
        raise ShapeError(word(rule, facts, [f"y of shape {case.y_shape}", which]))
    return Answer(array, _wrong(case, array))


def _wrong(case: Case, y: Array) -> Array:
    """Tell where y differs by more than (4·√K + 4)·u·A, A the sum of the products' sizes."""
    arrays: list[Any] = [a for a in (case.x, case.w, case.b) if a is not None]
    exact = all(a.dtype.kind in "iu" for a in (*arrays, y))
    unit = max((_unit(a) for a in (*arrays, y)), default=0.0)
    whole = all(a.dtype.kind in "iu" for a in arrays)
    options = {
        k: v for k, v in case.options.items() if k not in ("method", "precision", "out_dtype")
    }
    if not whole:
        wide = np.complex128 if any(a.dtype.kind == "c" for a in arrays) else np.float64
        arrays = [a.astype(wide) for a in arrays]
    with np.errstate(all="ignore"):
        right = conv(*arrays, **options, method="taps")
        if exact:
            return np.asarray(right != y)
        free = {k: v for k, v in options.items() if k != "activation"}  # it only narrows errors
        sizes = conv(*(np.abs(a).astype(np.float64) for a in arrays), **free, method="taps")
        bound = (4 * sqrt(case.geo.depth) + 4) * unit * np.abs(sizes)
        given = y.astype(np.complex128 if y.dtype.kind == "c" else np.float64)
        close = np.abs(given - right) <= bound + 1e-300
        same = (given == right) | ((given != given) & (right != right))
        return np.asarray(~(close | same))


def _unit(array: Array) -> float:
    """Return the unit roundoff of an array's numbers; that of float64 for integers."""
    exact = array.dtype.kind in "iu"
    return 2.0**-53 if exact else float(np.finfo(array.dtype).eps) / 2
