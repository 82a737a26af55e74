"""The words for a dy that was left out."""

from __future__ import annotations

from hwio.errors import word
from hwio.shapes.layout import describe


def one_number(shape: tuple[int, ...]) -> str:
    """Word a dy that is one number, as if it were the loss's own gradient."""
    facts = ["it is the gradient for y: one number for each of y"]
    fix = f"dy = np.full({shape}, dy)   # of a loss that is dy times the sum of y"
    return word(f"dy is one number, but y has shape {shape}", facts, fix)


def missing_dy(shape: tuple[int, ...], letters: str) -> str:
    """Word a call without dy, which offers one of y's shape.

    Parameters
    ----------
    shape : tuple of int
        Of y.
    letters : str

    Examples
    --------
    >>> print(missing_dy((1, 3, 1), "NWC"))
    dy is missing
      it is the gradient for y: one number for each of y, in its shape
      y  N=1 W=3 C=1
      fix: dy=np.ones((1, 3, 1))   # of a loss that is the sum of y
    """
    facts = ["it is the gradient for y: one number for each of y, in its shape"]
    facts.append(f"y  {describe(shape, letters)}")
    return word("dy is missing", facts, f"dy=np.ones({shape})   # of a loss that is the sum of y")
