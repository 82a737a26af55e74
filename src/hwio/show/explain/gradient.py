"""One number of dx and one of dw, with the products that they sum; dx in two views."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Meeting:
    """A window of y that saw the cell of x, and the tap under which it saw it.

    Attributes
    ----------
    cell, tap : tuple of int
        The number of y and the tap of w, as stored, one int per axis.
    copy : bool
        Whether it saw a copy of the cell in the padding.
    value : number or None
        Σ dy · w over the filters; None for shapes.
    """

    cell: tuple[int, ...]
    tap: tuple[int, ...]
    copy: bool
    value: Any


@dataclass(frozen=True, slots=True)
class CellTrace:
    """Where one number of dx comes from.

    Attributes
    ----------
    at : tuple of int
        Its place, in x's axis order.
    place : dict of str to int
        The same by letter.
    filters : range
        The filters that see its channel.
    start : tuple of int
        Its cell of padded x, one int per axis.
    meetings : tuple of Meeting
        The scattered view.
    spread : array, shape (*kernel, filters), or None
        The gathered view: dy, spread out, under the kernel.
    turned : array, shape (*kernel, filters), or None
        The kernel, turned round on all axes.
    empty : bool array, shape kernel
        Where the spread-out dy holds no dy: between strides, and outside y.
    copies : number
        What the gathered view sums for copies of the cell in the padding.
    check : number or None
        What ``conv_grad`` says.
    """

    at: tuple[int, ...]
    place: dict[str, int]
    filters: range
    start: tuple[int, ...]
    meetings: tuple[Meeting, ...]
    spread: Array | None
    turned: Array | None
    empty: Array
    copies: Any
    check: Any

    @property
    def scattered(self) -> Any:
        """The sum of the first view."""
        with np.errstate(all="ignore"):
            return sum((m.value for m in self.meetings if m.value is not None), start=0)

    @property
    def sums(self) -> list[Any]:
        """The sum of each filter's products in the second view."""
        if self.spread is None or self.turned is None:
            return []
        with np.errstate(all="ignore"):
            return [(self.spread * self.turned)[..., k].sum() for k in range(len(self.filters))]

    @property
    def gathered(self) -> Any:
        """The sum of the second view."""
        with np.errstate(all="ignore"):
            return sum(self.sums, start=0) + self.copies


@dataclass(frozen=True, slots=True)
class TapTrace:
    """What one number of dw sums.

    Attributes
    ----------
    at : tuple of int
        Its place, in w's axis order.
    tap : tuple of int
        Its cell of the kernel, one int per axis, turned if the kernel is.
    channel, filter : int
        The channel of x, and the channel of y.
    seen : array, shape (n, *out), or None
        Every number of x that the weight met.
    upper : array, shape (n, *out), or None
        dy where it met them.
    outside : bool array, shape out
        Which of them are padding.
    check : number or None
        What ``conv_grad`` says.
    """

    at: tuple[int, ...]
    tap: tuple[int, ...]
    channel: int
    filter: int
    seen: Array | None
    upper: Array | None
    outside: Array
    check: Any

    @property
    def sums(self) -> list[Any]:
        """The sum of each image's products."""
        if self.seen is None or self.upper is None:
            return []
        with np.errstate(all="ignore"):
            return [(x * dy).sum() for x, dy in zip(self.seen, self.upper, strict=True)]

    @property
    def total(self) -> Any:
        """The sum over all images."""
        with np.errstate(all="ignore"):
            return sum(self.sums, start=0)


@dataclass(frozen=True, slots=True)
class GradientTrace:
    """One number of dx, one of dw, and that of db beside it.

    Attributes
    ----------
    case : Case
    made : bool
        Whether dy is y itself, for want of another.
    cell : CellTrace
    tap : TapTrace
    bias : number or None
        db of the tap's filter.
    """

    case: Case
    made: bool
    cell: CellTrace
    tap: TapTrace
    bias: Any

    @property
    def known(self) -> bool:
        """Whether there are numbers."""
        return self.cell.spread is not None

    @property
    def agree(self) -> bool:
        """Whether all views, and ``conv_grad``, say the same up to rounding."""
        cell, tap = self.cell, self.tap
        count, size = _parts(cell.spread, cell.turned)
        copied = [m.value for m in cell.meetings if m.copy and m.value is not None]
        parts = count * (1 + len(copied)), size + sum(map(abs, copied), start=0)
        return (
            _near(self.case, cell.scattered, cell.gathered, parts)
            and _near(self.case, cell.check, cell.gathered, parts)
            and _near(self.case, tap.check, tap.total, _parts(tap.seen, tap.upper))
        )


def _parts(one: Array | None, other: Array | None) -> tuple[int, Any]:
    """Return how many products are summed, and the sum of their sizes."""
    if one is None or other is None:
        return 0, 0
    with np.errstate(all="ignore"):
        return prod(one.shape), (np.abs(one) * np.abs(other)).sum()


def _near(case: Case, one: Any, other: Any, parts: tuple[int, Any]) -> bool:
    """Tell whether two sums of the same products differ by rounding alone; None was not computed."""
    if one is None or other is None:
        return True
    if case.problem.compute is None or not np.isfinite(complex(other)):
        return bool(one == other) or not np.isfinite(complex(other))
    real = np.dtype(case.problem.result).type(0).real.dtype
    unit = float(np.finfo(real if real.kind == "f" else float).eps)
    return bool(abs(one - other) <= 4 * unit * (parts[0] + 2) * (float(parts[1]) + abs(other)))
