"""``explore``: the convolution as an interactive page."""

from __future__ import annotations

import tempfile
import webbrowser
from dataclasses import dataclass
from html import escape
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from hwio.errors import ArgumentTypeError, HwioError, ShapeError, show, word
from hwio.explorer.assembly import TITLE, assemble
from hwio.explorer.facts import page_facts
from hwio.explorer.learner import Answer, read_answer
from hwio.ops.keywords import OPTIONS, check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.stray import misplaced
from hwio.shapes.counts import check_int
from hwio.show.case import read_case
from hwio.show.explain.explained import Explanation
from hwio.show.explain.place import check_at
from hwio.show.explain.trace import trace
from hwio.show.explain.trace_words import name_of
from hwio.show.notebook import bundle
from hwio.show.printing import number

if TYPE_CHECKING:
    from hwio.explorer.live import LiveExploration
    from hwio.show.case import Case

_KEYWORDS = ("at", "y", "title", *(n for n in OPTIONS if n not in ("out", "memory_limit")))
FRAME = 940  # pixels that the page takes in a notebook


class WidgetError(HwioError, ImportError):
    """anywidget, which keeps a widget in step with its kernel, is not installed."""


@dataclass(frozen=True, slots=True, repr=False)
class Exploration:
    """What ``explore`` returns: a page, and what to do with it.

    Attributes
    ----------
    case : Case
        The checked call.
    at : tuple of int
        The number of y that the page opens with, in y's axis order.
    title : str or None
    answer : Answer or None
        A learner's y, and where it differs.
    """

    case: Case
    at: tuple[int, ...]
    title: str | None = None
    answer: Answer | None = None

    def __str__(self) -> str:
        """Say what it is and what to do with it."""
        case = self.case
        x, w, y = (f"{name} {shape} {letters}" for name, shape, letters in _sides(case))
        lines = [f"explorer of {x}, {w} -> {y}, from y{list(self.at)}"]
        if self.answer is not None:
            wrong = int(self.answer.wrong.sum())
            lines.append(
                f"{wrong} of {self.answer.wrong.size} numbers of your y differ; marked in the page"
            )
        lines.append('.save("explore.html")   one file, no network needed')
        lines.append(".open()                 show it in a browser")
        lines.append("in a notebook it shows itself")
        return "\n".join(lines)

    __repr__ = __str__

    def html(self) -> str:
        """Return the page: one HTML file with style, script and data inside."""
        return self._page(live=False)

    def _page(self, live: bool) -> str:
        """Return the page; a live one speaks with the notebook around it."""
        facts = page_facts(self.case, self.at, self.title, self.answer)
        return assemble(facts, self.svg(), live)

    def svg(self) -> str:
        """Return the picture that stands in the page where scripts are off."""
        return Explanation(self.case, trace(self.case, self.at)).svg()

    def save(self, path: Any) -> Path:
        """Write the page to a file and return its path."""
        target = Path(path)
        target.write_text(self.html(), encoding="utf-8", newline="\n")
        return target

    def open(self) -> Path:
        """Write the page to a temporary file, show it in the browser, and return its path."""
        folder = Path(tempfile.mkdtemp(prefix="hwio-"))
        target = self.save(folder / "explore.html")
        webbrowser.open(target.as_uri())
        return target

    def _repr_html_(self) -> str:
        """Return the page in a frame of its own, so that no style of the notebook meets it.

        A site that strips frames still has the text below it.
        """
        found = trace(self.case, self.at)
        told = escape(str(Explanation(self.case, found)))
        return (
            f'<iframe srcdoc="{escape(self.html())}" title="{TITLE}" width="100%" '
            f'height="{FRAME}" sandbox="allow-scripts allow-downloads allow-modals" '
            'allow="clipboard-write" frameborder="0"></iframe>'
            f"<details><summary>{name_of(found)} in words</summary>"
            f'<pre style="background:none;color:inherit">{told}</pre></details>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return text, page and picture: a notebook shows the richest that it can."""
        return bundle(str(self), self._repr_html_(), self.svg())

    def widget(self, height: int = FRAME) -> LiveExploration:
        """Return the page as a widget of a live notebook: ``.at`` is the number looked at.

        Set ``.at``, and the page goes there; ``.explain()`` explains it. Needs
        ``pip install "hwio[widget]"``.

        Parameters
        ----------
        height : int
            Pixels that the page takes.
        """
        try:
            from hwio.explorer.live import LiveExploration
        except ImportError as error:
            rule = f"a widget needs {error.name}, which is not installed"
            raise WidgetError(word(rule, [], 'pip install "hwio[widget]"')) from error
        height, page = check_int(height, "height", 1), self._page(live=True)
        return LiveExploration(self.case, self.at, page, self._repr_mimebundle_(), height)

    def to_dict(self) -> dict[str, Any]:
        """Return what the page starts with, in plain types, for JSON."""
        case, found = self.case, trace(self.case, self.at)
        answer = self.answer
        return {
            "x": list(case.x_shape),
            "w": list(case.w_shape),
            "y": list(case.y_shape),
            "layout": case.layout.text,
            "at": list(self.at),
            "value": None if found.value is None else number(found.value),
            "differing": None if answer is None else int(answer.wrong.sum()),
            "first_differing": None if answer is None else answer.first,
        }


def explore(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    at: Any = None,
    y: Any = None,
    title: str | None = None,
    **options: Any,
) -> Exploration:
    """Make a page on which the convolution can be taken in hand, number by number.

    The page is one HTML file with nothing outside it: windows and products, the patch matrix,
    gradients, the transposed convolution, code and a quiz, on these very arrays. Large arrays are
    cut to a part around ``at``, whose numbers are those of the whole.

    Parameters
    ----------
    x, w, b : array or tuple of int
        As in ``conv``; for shapes the page holds small whole numbers, always the same.
    at : sequence of int, optional
        The number of y to open with, in y's axis order; by default the first that differs from
        ``y``, else one in the middle.
    y : array, optional
        Someone's own result, in the shape of y: numbers that differ by more than rounding are
        marked, and shown beside the right ones.
    title : str, optional
        A heading for the page.
    **options
        Keywords of ``conv``.

    Returns
    -------
    Exploration
        Shows itself in notebooks; ``.save(path)`` writes the page, ``.open()`` shows it in a
        browser, ``.html()`` returns it.

    Raises
    ------
    ShapeError
        If y has no numbers, or the one given has another shape.

    Examples
    --------
    >>> import hwio
    >>> hwio.explore((2, 5, 7, 4), (3, 3, 4, 8), at=(0, 1, 2, 5))
    explorer of x (2, 5, 7, 4) NHWC, w (3, 3, 4, 8) HWIO -> y (2, 3, 5, 8) NHWC, from y[0, 1, 2, 5]
    .save("explore.html")   one file, no network needed
    .open()                 show it in a browser
    in a notebook it shows itself
    """
    if more:
        refuse_places(explore, locals())
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(explore, locals())
    check_keywords("explore", options, _KEYWORDS, x, w)
    if title is not None and not isinstance(title, str):
        rule = f"title={show(title)} is not text"
        raise ArgumentTypeError(word(rule, [], f"title={show(str(title))}"))
    # no whole y is computed, so what it would take is no obstacle
    with misplaced(explore, locals()):
        case = read_case(x, w, b, options, function="explore", memory_limit=1 << 62)
    if not prod(case.y_shape) or not prod(case.x_shape):
        rule = "there is nothing to explore: "
        rule += "y holds no number" if not prod(case.y_shape) else "x holds no number"
        facts = [f"{n}  {s}  {a}" for n, s, a in _sides(case)]
        raise ShapeError(
            word(rule, facts, "x of shape (2, 5, 7, 4)   and   w of shape (3, 3, 4, 8)")
        )
    answer = None if y is None else read_answer(case, y)
    if at is None:
        first = None if answer is None else answer.first
        place = first or _middle(case)
    else:
        place = check_at(at, case.y_shape, case.layout.y)
    return Exploration(case, place, title, answer)


hide_refused(explore, "x", "w")


def _sides(case: Case) -> list[tuple[str, tuple[int, ...], str]]:
    """Name the three arrays."""
    lay = case.layout
    return [("x", case.x_shape, lay.x), ("w", case.w_shape, lay.w), ("y", case.y_shape, lay.y)]


def _middle(case: Case) -> tuple[int, ...]:
    """Return a place in the middle of y: image 0, filter 0."""
    pairs = zip(case.layout.y, case.y_shape, strict=True)
    return tuple(size // 2 if letter in "DHW" else 0 for letter, size in pairs)
