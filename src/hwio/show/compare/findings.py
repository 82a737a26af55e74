"""What a comparison found, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.show.compare.machine import Machine


@dataclass(frozen=True, slots=True)
class Row:
    """One way of convolving, on arrays stored in one order.

    Attributes
    ----------
    method : str
        Key in ``METHODS``, or the short name of a NumPy expression.
    w_layout, x_layout : str
        The order in which the arrays were stored.
    mean, std, median : float
        Seconds for one call.
    runs, loops : int
        How often it was timed, and how many calls in each run.
    error : float
        Largest distance from the reference in units of the published bound, at most 1 if right;
        for integers 0 if exact, else infinite.
    bound : str
        Key of that bound in ``hwio.methods.accuracy.BOUNDS``, or "exact".
    peak : int
        Bytes held at once beside the result.
    ratio : float
        Median over the fastest median.
    expression : str
        The NumPy expression, where it is one and not a call of ``hwio.conv``.
    """

    method: str
    w_layout: str
    x_layout: str
    mean: float
    std: float
    median: float
    runs: int
    loops: int
    error: float
    bound: str
    peak: int
    ratio: float
    expression: str = ""

    @property
    def agrees(self) -> bool:
        """Whether the result lies within its bound."""
        return self.error <= 1


@dataclass(frozen=True, slots=True)
class Skipped:
    """A way that was not timed, and why; layouts are empty where the reason holds for all."""

    method: str
    reason: str
    w_layout: str = ""
    x_layout: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """The convolution that was compared.

    Attributes
    ----------
    x_shape, w_shape, y_shape : tuple of int
        As passed and returned.
    layout : str
        How they were read, ``"NHWC,HWIO->NHWC"``.
    dtype : str
        Of y.
    options : str
        The other keywords, as typed.
    macs : int
        Multiply-adds in one call.
    auto : str
        The method that ``hwio.conv`` would choose.
    reference : str
        What the results were held against.
    """

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    layout: str
    dtype: str
    options: str
    macs: int
    auto: str
    reference: str


@dataclass(frozen=True, slots=True, repr=False)
class Findings:
    """Everything that a comparison found.

    Attributes
    ----------
    case : Case
    machine : Machine
    rows : tuple of Row
        Fastest median first.
    skipped : tuple of Skipped
    """

    case: Case
    machine: Machine
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]

    @property
    def fastest(self) -> Row:
        """The row with the least median."""
        return self.rows[0]

    @property
    def outside(self) -> tuple[Row, ...]:
        """The rows whose result does not lie within its bound."""
        return tuple(row for row in self.rows if not row.agrees)

    @property
    def agree(self) -> bool:
        """Whether every result lies within its bound."""
        return not self.outside
