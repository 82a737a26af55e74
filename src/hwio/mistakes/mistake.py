"""The record of one mistake."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.mistakes.layer import Layer
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Mistake:
    """One slip, and what to tell whoever made it.

    Attributes
    ----------
    key : str
        For programs: small letters and hyphens.
    function : str
        The function of the course in which it is made, a key of ``hwio.mistakes.cases.CASES``.
    name : str
        What was done, as one would say it: "the filters are turned by 180°".
    hint : str
        Where to look. Not what to write there.
    page : str
        What to read, a path below ``docs/``, perhaps with an anchor.
    slip : callable
        Layer -> what a function with this slip returns: an array, or a tuple of arrays. It raises what
        the learner's function would raise.
    """

    key: str
    function: str
    name: str
    hint: str
    page: str
    slip: Callable[[Layer], Array | tuple[Array, ...]]

    @property
    def reading(self) -> str:
        """What to read, and whose page it is."""
        return documented(self.page)

    def numbers(self, layer: Layer) -> tuple[Array, ...] | str:
        """Return the arrays that the slip makes of a layer, or the name of what it raises.

        Examples
        --------
        >>> from hwio.mistakes import MISTAKES
        >>> from hwio.mistakes.layer import Layer
        >>> layer = Layer(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.array([5.0]))
        >>> MISTAKES["conv-bias-doubled"].numbers(layer)[0]
        array([[[[14.]]]])
        """
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the mean of a window without cells
                made = self.slip(layer)
        except (ArithmeticError, LookupError, ValueError) as error:
            return type(error).__name__
        return tuple(np.asarray(a) for a in (made if isinstance(made, tuple) else (made,)))


def documented(page: str) -> str:
    """Say where a page is found, also by those who have no copy of the repository.

    Examples
    --------
    >>> documented("reference/dtypes.md")
    "hwio's docs/reference/dtypes.md"
    """
    return f"hwio's docs/{page}"
