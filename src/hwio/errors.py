"""What hwio raises, and the one function that words a message."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Iterable
from typing import Any


class HwioError(Exception):
    """Base of every error that hwio raises on its own account."""


class LayoutError(HwioError, ValueError):
    """A layout string is malformed, or does not fit the rank of its array."""


class ShapeError(HwioError, ValueError):
    """The sizes of two arguments clash, or an option leaves no output."""


class OptionError(HwioError, ValueError):
    """An option has a value outside the accepted ones."""


class DTypeError(HwioError, TypeError):
    """An array holds something that can't be convolved."""


class ArgumentTypeError(HwioError, TypeError):
    """An argument is of a type that hwio does not take."""


class FileError(HwioError, ValueError):
    """A file is missing, damaged, or holds nothing that hwio reads; none of it was executed."""


class LimitError(HwioError, MemoryError):
    """A call would need more memory than its limit; nothing was allocated."""


class RangeError(HwioError, OverflowError):
    """An exact integer result does not fit the output dtype."""


def word(rule: str, facts: Iterable[str] = (), fix: str | Iterable[str] | None = None) -> str:
    """Word a message: the broken rule, the facts in letters, something to type.

    Parameters
    ----------
    rule : str
        The rule that is broken, with both values, in the user's words.
    facts : iterable of str
        Lines that show the shapes or the arithmetic.
    fix : str or iterable of str, optional
        What the user can type instead; several are joined by ``or:``.

    Returns
    -------
    str
        The rule, then each fact and the fix on a line of its own, indented by two.

    Examples
    --------
    >>> print(word("stride=0 is not a step", ["stride counts cells"], "stride=1"))
    stride=0 is not a step
      stride counts cells
      fix: stride=1
    """
    lines = [rule, *(f"  {fact}" for fact in facts)]
    fixes = [fix] if isinstance(fix, str) else list(fix or ())
    lines += [f"  {'fix' if i == 0 else ' or'}: {text}" for i, text in enumerate(fixes)]
    return "\n".join(lines)


def show(value: Any) -> str:
    """Write a value as the user typed it, but never more than one short line.

    Examples
    --------
    >>> show((1, 2.5)), show("same"), show([0] * 1000)
    ('(1, 2.5)', "'same'", '[0, 0, 0, 0, 0, 0, 0, 0, ...]')
    """
    if getattr(value, "ndim", 0):  # a whole array tells less than its shape
        return f"<{type(value).__name__} of shape {getattr(value, 'shape', '?')}>"
    try:
        text = " ".join(_SHORT.repr(value).split())
        return text if len(text) <= 120 else f"{text[:117]}..."
    except Exception:  # noqa: BLE001 - a repr may raise anything, and an int may have too many digits
        return f"<{type(value).__name__}>"


def kind(value: Any) -> str:
    """Name the type of a value, with its article.

    Examples
    --------
    >>> kind(2.0), kind(4), kind(None)
    ('a float', 'an int', 'None')
    >>> import numpy as np
    >>> kind(np.ones(2)), kind(np.uint8(2))
    ('an ndarray', 'a uint8')
    """
    name = type(value).__name__
    spoken = name[0] in "aeio" or name == "ndarray"  # en-dee-array
    return "None" if value is None else f"{'an' if spoken else 'a'} {name}"


_SHORT = reprlib.Repr()
_SHORT.maxtuple = _SHORT.maxlist = _SHORT.maxdict = _SHORT.maxset = 8
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def nearest(given: object, accepted: Iterable[str]) -> str | None:
    """Return the accepted word most like the given one, or None.

    Examples
    --------
    >>> nearest("wingrad", ["einsum", "winograd"])
    'winograd'
    """
    if not isinstance(given, str) or len(given) > 100:
        return None
    found = difflib.get_close_matches(given.lower(), list(accepted), n=1, cutoff=0.6)
    return found[0] if found else None
