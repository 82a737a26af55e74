"""The weights in one order of storage, and where one filter lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from hwio.shapes.layout import SPATIAL
from hwio.show.printing import count, ordinal
from hwio.types import Array

_STRIP = 8  # numbers of a strip's block that are drawn, at least


@dataclass(frozen=True, slots=True)
class Storage:
    """One layout of the weights in memory, in numbers and not in bytes.

    Attributes
    ----------
    letters : str
    shape, strides : tuple of int
    filter, filters : int
    first : int
        Offset of the filter's first number.
    levels : tuple of pairs of int
        (how many, how far apart), outermost first: the filter's axes, joined where they run on.
    """

    letters: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    filter: int
    filters: int
    first: int
    levels: tuple[tuple[int, int], ...]

    @property
    def run(self) -> int:
        """How many of the filter's numbers lie side by side."""
        return self.levels[-1][0] if self.levels and self.levels[-1][1] == 1 else 1

    @property
    def steps(self) -> tuple[tuple[int, int], ...]:
        """The levels above the run: how many runs, how far apart."""
        return self.levels[:-1] if self.run > 1 else self.levels

    @property
    def last(self) -> int:
        """Offset of the filter's last number."""
        return self.first + sum((n - 1) * stride for n, stride in self.levels)

    def offsets(self) -> Array:
        """Return the offset of each of the filter's numbers, in storage order."""
        result: Array = np.array([self.first])
        for n, stride in self.levels:
            result = (result[:, None] + stride * np.arange(n)).ravel()
        return result

    @property
    def offsets_text(self) -> str:
        """The offsets in a few numbers: ``5, 13, 21 … 285`` or ``180 … 215``."""
        if not self.steps:
            return f"{self.first} … {self.last}" if self.run > 1 else str(self.first)
        starts = self._starts()
        if self.run > 1:
            ends = [f"{i} … {i + self.run - 1}" for i in starts[:2]]
            return ", ".join(ends) + (f", … {self.last}" if len(starts) > 2 else "")
        if prod(n for n, _ in self.steps) <= 4:
            return ", ".join(map(str, starts))
        return f"{', '.join(map(str, starts[:3]))} … {self.last}"

    def _starts(self) -> list[int]:
        """Return where the first few runs start."""
        found = [self.first]
        for n, stride in self.steps:
            found = [start + stride * i for start in found for i in range(min(n, 4))]
        return sorted(found)[:4]

    @property
    def pattern(self) -> str:
        """How the filter lies: one block, or every so-many-th number."""
        if not self.steps:
            return "one block" + (", channel by channel" if self._by_channel else "")
        if len(self.steps) > 1:
            pieces = prod(n for n, _ in self.steps)
            return f"{count(pieces)} pieces of {self.run}"
        period = self.steps[0][1]
        return f"every {ordinal(period)}" if self.run == 1 else f"{self.run} of every {period}"

    @property
    def _by_channel(self) -> bool:
        """Whether a block holds whole planes, one channel after the other."""
        inner = self._inner()
        return len(inner) > 1 and inner[0] == "I"

    def _inner(self) -> str:
        """Return the letters of one filter's axes, those of size 1 left out."""
        pairs = zip(self.letters, self.shape, strict=True)
        return "".join(letter for letter, n in pairs if letter not in "OCM" and n > 1)

    @property
    def strip(self) -> str:
        """A piece of memory, the filter's numbers marked with its digit (# from filter 10 on)."""
        mark = str(self.filter) if self.filter < 10 else "#"
        if self._by_channel or len(self.steps) > 1:
            return ""
        if not self.steps:
            block = mark * self.run if self.run <= 12 else f"{mark * 9}…{mark * 3}"
            before = "… " if self.first else ""
            return f"{before}|{block}|{' …' if self.filter < self.filters - 1 else ''}"
        runs, period = self.steps[0]
        block = _marked(self.first % period, self.run, period, mark)
        return f"|{'|'.join([block] * min(runs, 2))}|{' …' if runs > 2 else ''}"

    def matrix(self) -> str | None:
        """Return the view that makes a (taps · in-channels, filters) matrix, or None for a copy.

        Its rows must run as the windows of channels-last x do: spatial axes, then channels.
        """
        space = SPATIAL[len(self.letters) - 2]
        pairs = zip(self.letters, self.shape, strict=True)
        found = "".join(letter for letter, n in pairs if n > 1)
        inner = "".join(letter for letter in space + "I" if letter in found)
        outer = "".join(letter for letter in "OCM" if letter in found)
        depth = prod(self.shape) // self.filters
        if found == inner + outer:
            return f"w.reshape({depth}, {self.filters}) view"
        if found == outer + inner:
            return f"w.reshape({self.filters}, {depth}).T view"
        return None


def _marked(first: int, run: int, period: int, mark: str) -> str:
    """Draw one period, its run marked; a long one keeps both sides of the run.

    Examples
    --------
    >>> _marked(5, 1, 8, "5")
    '·····5··'
    """
    if period <= 2 * _STRIP:
        return "·" * first + mark * run + "·" * (period - first - run)
    after = period - first - run
    left = "·" * first if first <= 5 else "…··"
    middle = mark * run if run <= 6 else f"{mark * 3}…{mark}"
    right = "·" * after if after <= 5 else "··…"
    return left + middle + right


def stored(letters: str, sizes: dict[str, int], chosen: int, filters: int) -> Storage:
    """Lay the weights out in one layout and find the filter in it."""
    shape = tuple(sizes[letter] for letter in letters)
    strides = tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
    multiplier = sizes.get("M", 1)
    fixed = {"O": chosen, "C": chosen // multiplier, "M": chosen % multiplier}
    first = 0
    levels: list[tuple[int, int]] = []
    for letter, n, stride in zip(letters, shape, strides, strict=True):
        if letter in fixed:
            first += fixed[letter] * stride
        elif n > 1 and levels and levels[-1][1] == n * stride:
            levels[-1] = (levels[-1][0] * n, stride)  # runs on where the outer axis stops
        elif n > 1:
            levels.append((n, stride))
    return Storage(letters, shape, strides, chosen, filters, first, tuple(levels))
