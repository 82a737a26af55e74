"""``diagnose``: which convolution made this y."""

from __future__ import annotations

import json
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Never

from hwio.diagnosis.asking import KEYWORDS, ask
from hwio.diagnosis.catalogue import mistaken
from hwio.diagnosis.findings import Findings
from hwio.diagnosis.inquiry import inquire
from hwio.diagnosis.telling import groups_of, sort_of, tell
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.show.printing import plain

if TYPE_CHECKING:
    from hwio.explorer.exploration import Exploration


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(Findings):
    """What ``diagnose`` returns: prints itself; true where something explains y.

    ``.readings`` holds every reading that makes y, likeliest first, and ``.nearest`` the best of the
    usual ones that do not.
    """

    def __str__(self) -> str:
        """Tell everything in words."""
        return tell(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Tell everything as a notebook shows it."""
        from hwio.diagnosis.page import part  # a terminal never needs it

        return part(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        from hwio import __version__

        x, w, y, b = self.question.arrays
        sides = (("x", x), ("w", w), ("y", y), ("b", b))
        found: dict[str, Any] = plain({
            "hwio": __version__,
            "arrays": {
                name: {"shape": a.shape, "dtype": str(a.dtype), "strides": a.strides}
                for name, a in sides if a is not None
            },
            "answer": sort_of(self),
            "readings": [r.to_dict() for r in self.readings],
            "near": [r.to_dict() for r in self.near],
            "mistakes": [m.to_dict() for m in self.mistakes],
            "nearest": self.nearest and self.nearest.to_dict(),
            "groups": self.groups,
            "tried": self.tried,
            "fitted": self.fitted,
            "left_out": self.left_out,
            "matched": len(self.readings),
            "milliseconds": round(1e3 * self.seconds, 1),
        })  # fmt: skip
        return found

    def json(self, indent: int | None = 2) -> str:
        """Return ``to_dict`` as JSON."""
        return json.dumps(
            _finite(self.to_dict()), indent=indent, ensure_ascii=False, allow_nan=False
        )

    def explore(self) -> Exploration:
        """Open the explorer on the best reading, at the first number of y that it does not make.

        Under a slip or a mistake it shows what would be right, and y's own numbers beside it.
        """
        from hwio.diagnosis.opening import explorer_of  # only who asks waits for it

        return explorer_of(self)


def _finite(value: Any) -> Any:
    """Write Inf and NaN as words."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return str(value)
    return value


def diagnose(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    y: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    to: str | None = None,
    **known: Any,
) -> Diagnosis:
    """Find every convolution of x and w that makes y, or name what went wrong.

    All named layouts of x, w and y are tried, each with each, with every stride, dilation, padding,
    padding mode, number of groups and direction of the kernel that fits the shapes; then those that
    keep images last (HWCN, CHWN), in x, y or both. Where none makes y, slips are:
    arrays reshaped instead of transposed, axes swapped or reversed, a bias left out or added twice, a
    factor, rows cut off; then, on small arrays, every mistake of the catalogue that ``check`` knows.

    Parameters
    ----------
    x, w : array
        What was convolved, 1-D to 3-D; axes may be missing, as N of one image.
    y : array
        What came out.
    b : array, shape (O,), optional
        The bias, if one was added.
    to : str, optional
        The layout to go on in, "NHWC,HWIO" by default: lines that convert the arrays to it are given.
    **known
        What is known for sure narrows the search: ``layout``, ``stride``, ``padding``, ``dilation``,
        ``groups``, ``flip``, ``padding_mode``, as in ``conv``.

    Returns
    -------
    Diagnosis
        Prints itself; ``.readings``, ``.nearest``, ``.json()`` and ``.explore()``.

    Raises
    ------
    HwioError
        If something is no array of numbers, or their ranks fit no convolution.

    Notes
    -----
    Shapes decide first, then a few numbers of y, at last all of them (a part where that would take
    over 6·10⁷ multiply-adds). A reading makes y if every number lies within the published error bound
    of its number type.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> rng = np.random.default_rng(0)
    >>> x, w = rng.standard_normal((2, 4, 6, 8)), rng.standard_normal((5, 4, 3, 3))
    >>> y = hwio.conv(x, w, stride=2, padding="same", layout="NCHW,OIHW->NHWC")
    >>> found = hwio.diagnose(x, w, y)
    >>> print(found.readings[0].call)
    hwio.conv(x, w, stride=2, padding="same", layout="NCHW,OIHW->NHWC")
    >>> found.readings[0].convert
    ('x = hwio.to_layout(x, "NCHW->NHWC")', 'w = hwio.to_layout(w, "OIHW->HWIO")')
    """
    if more:
        refuse_places(diagnose, locals())
    if x is LEFT_OUT or w is LEFT_OUT or y is LEFT_OUT:
        refuse_missing(diagnose, locals())
    check_keywords("diagnose", known, KEYWORDS, x, w)
    start = perf_counter()
    question = ask(x, w, y, b, to, known)
    answer = inquire(question)
    mistakes = () if answer.readings or answer.near else mistaken(question)
    groups = groups_of(answer.readings, question.arrays)
    tally = answer.tally
    return Diagnosis(
        answer.readings, answer.near, mistakes, answer.nearest, groups, tally.tried, tally.fitted,
        tally.left_out, perf_counter() - start, question,
    )  # fmt: skip


hide_refused(diagnose, "x", "w", "y")
