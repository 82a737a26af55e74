"""What a diagnosis holds, apart from the forms that it is told in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.diagnosis.catalogue import Mistaken
    from hwio.diagnosis.inquiry import Question
    from hwio.diagnosis.reading import Reading


@dataclass(frozen=True, slots=True)
class Findings:
    """Readings that make y, and how they were found.

    Attributes
    ----------
    readings : tuple of Reading
        Every reading that makes y, the likeliest first; their ``slip`` tells what went wrong.
    near : tuple of Reading
        Where none does: those that come near enough for a coarser number type, or for 3 digits.
    mistakes : tuple of Mistaken
        Where nothing else does: mistakes of the catalogue whose numbers are y's, with hints.
    nearest : Reading or None
        The best of the usual readings that do not make y, with its distance.
    groups : tuple of tuple of int
        Places in ``readings`` of those that no numbers of these shapes could tell apart.
    tried : int
        Orders of axes that were looked at.
    fitted : int
        Readings whose shapes fit: orders with strides, dilations, paddings and flips.
    left_out : int
        Readings that fit and were not looked at, to keep to the bound.
    seconds : float
    """

    readings: tuple[Reading, ...]
    near: tuple[Reading, ...]
    mistakes: tuple[Mistaken, ...]
    nearest: Reading | None
    groups: tuple[tuple[int, ...], ...]
    tried: int
    fitted: int
    left_out: int
    seconds: float
    question: Question = field(repr=False, compare=False)

    @property
    def matched(self) -> bool:
        """Whether anything explains y."""
        return bool(self.readings or self.mistakes)

    def __bool__(self) -> bool:
        """Tell whether anything explains y."""
        return self.matched
