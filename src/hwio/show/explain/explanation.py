"""``explain``: what a convolution does, in words, sizes and one number traced to its products."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwio.ops.keywords import OPTIONS, check_keywords
from hwio.show.case import read_case
from hwio.show.explain.expression import code_of, expression, pad_line
from hwio.show.explain.gradient_origin import check_gradient, gradient_trace, seeing
from hwio.show.explain.gradient_text import gradient_dict, gradient_lines, gradients_table
from hwio.show.explain.grids import shown_channels
from hwio.show.explain.reading import reading_table
from hwio.show.explain.summary import (
    arrays_table,
    axes_in_words,
    counts,
    counts_table,
    options_table,
    sizes_table,
    ways,
    ways_table,
)
from hwio.show.explain.trace import trace
from hwio.show.explain.trace_text import trace_lines
from hwio.show.printing import plain, spaced

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.explain.gradient import GradientTrace
    from hwio.show.explain.trace import Trace
    from hwio.show.printing import Table

_KEYWORDS = ("at", "gradient", "at_w", "dy", *(name for name in OPTIONS if name != "out"))


@dataclass(frozen=True, slots=True, repr=False)
class Explanation:
    """What ``explain`` returns: text in a terminal, a picture and tables in a notebook.

    Attributes
    ----------
    case : Case
        The checked call.
    trace : Trace or None
        The number asked for with ``at``.
    gradient : GradientTrace or None
        The numbers of dx and dw, where gradients were asked for.
    """

    case: Case
    trace: Trace | None
    gradient: GradientTrace | None = None

    def __str__(self) -> str:
        """Lay everything out as plain text, as wide as the terminal, at most 100 columns."""
        before, after = self._tables()
        parts = [table.lines() for table in before]
        if self.gradient is not None:
            parts += gradient_lines(self.gradient)
        if self.trace is not None:
            parts.append(trace_lines(self.trace))
        return spaced([*parts, *(table.lines() for table in after)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the rich form for notebooks."""
        from hwio.show.explain.page import (
            gradient_html,
            html_part,
            trace_html,
        )  # a terminal never needs it

        before, after = self._tables()
        if self.gradient is not None:
            return html_part(before, gradient_html(self.gradient), after)
        shown = [] if self.trace is None else trace_html(self.trace)
        return html_part(before, shown, after, self.svg())

    def html(self) -> str:
        """Return a whole page, self-contained: the picture, the tables, no scripts."""
        from hwio.show.html import page

        return page("hwio explain", self._repr_html_())

    def svg(self) -> str:
        """Return a picture of window, filter and output; the first number's if none was traced.

        With gradients, the first window that saw the cell.
        """
        from hwio.show.explain.picture import picture

        found = self.trace
        if found is None and self.gradient is not None and self.gradient.cell.meetings:
            found = trace(self.case, seeing(self.gradient))
        if found is None and 0 not in self.case.y_shape:
            found = trace(self.case, (0,) * len(self.case.y_shape))
        return "" if found is None or not found.channels else picture(found)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON."""
        case = self.case
        lay, geo = case.layout, case.geo
        sides = (("x", case.x_shape, lay.x), ("w", case.w_shape, lay.w), ("y", case.y_shape, lay.y))
        dtypes = (*case.dtypes[:2], case.problem.result)
        more = {} if self.gradient is None else {"gradient": gradient_dict(self.gradient)}
        return {
            "arrays": {
                name: {
                    "shape": list(shape),
                    "layout": letters,
                    "words": axes_in_words(shape, letters),
                    "dtype": str(dtype),
                }
                for (name, shape, letters), dtype in zip(sides, dtypes, strict=True)
            },
            "layout": lay.text,
            "stride": list(geo.stride),
            "dilation": list(geo.dilation),
            "padding": plain(geo.padding),
            "padding_mode": case.problem.padding_mode,
            "groups": geo.groups,
            "flip": case.problem.flip,
            "sizes": {row[0]: row[1] for row in sizes_table(case).rows},
            "counts": counts(case),
            "reading": reading_table(case.w_shape, lay.w).lines(),
            "plan": {"method": case.problem.plan.method, "reason": case.problem.plan.reason},
            "ways": ways(case),
            "trace": None if self.trace is None else trace_dict(self.trace),
            **more,
        }

    def _tables(self) -> tuple[list[Table], list[Table]]:
        """Return the tables before and after the trace."""
        case = self.case
        options = options_table(case)
        if self.gradient is not None:
            return [arrays_table(case), *([options] if options else [])], [gradients_table()]
        before = [arrays_table(case), *([options] if options else [])]
        before += [sizes_table(case), counts_table(case)]
        return before, [reading_table(case.w_shape, case.layout.w), ways_table(case)]


def trace_dict(found: Trace) -> dict[str, Any]:
    """Return a trace in plain types; grids for the channels that the text shows in full."""
    full, _ = shown_channels(found)
    known = found.window is not None and found.weights is not None
    grids = []
    for c in range(full if known else 0):
        parts = (("x", found.window), ("w", found.weights), ("product", found.products))
        values = {name: plain(part[..., c]) for name, part in parts if part is not None}
        grids.append({"channel": found.channels[c], **values})
    return {
        "at": list(found.at),
        "place": dict(found.place),
        "expression": expression(found),
        "before": pad_line(found),
        "code": code_of(found),
        "channels": list(found.channels),
        "padding": plain(found.outside),
        "grids": grids,
        "sums": plain(found.sums),
        "total": plain(found.total),
        "bias": plain(found.bias),
        "value": plain(found.value),
    }


def explain(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    at: Any = None,
    gradient: bool = False,
    at_w: Any = None,
    dy: Any = None,
    **options: Any,
) -> Explanation:
    """Say what a convolution does: shapes, sizes, cost, memory, and one number if asked.

    Parameters
    ----------
    x, w, b : array or tuple of int
        As in ``conv``, or their shapes (then float32 is assumed and no values are shown).
    at : sequence of int, optional
        The place of one number of y, in y's axis order: it is traced to its products.
        With gradients it is a place in x, by default one in its middle.
    gradient : bool
        Show where gradients come from instead: one number of dx in two views that agree, scattered
        from every window that saw it and gathered under the kernel turned round, and one of dw.
    at_w : sequence of int, optional
        The place in w whose dw is traced; by default the first.
    dy : array, optional
        The gradient for y, in y's shape; by default y itself, as if the loss were ½·Σ y².
    **options
        Keywords of ``conv``.

    Returns
    -------
    Explanation
        Prints itself; ``.svg()``, ``.html()``, ``.to_dict()`` and ``.trace`` hold the same as a
        picture, a page and data.

    Examples
    --------
    >>> import hwio
    >>> print(hwio.explain((1, 4, 1), (2, 1, 1), at=(0, 2, 0)))
    x  (1, 4, 1)  NWC   1 image · 4 wide · 1 channel
    w  (2, 1, 1)  WIO   2 wide · 1 in-channel · 1 filter
    y  (1, 3, 1)  NWC   1 image · 3 wide · 1 channel, one per filter
    layout NWC,WIO->NWC   NWC: TensorFlow, Keras   WIO: TensorFlow, Keras
    <BLANKLINE>
    W  floor((4 + 0 + 0 − 1·(2−1) − 1) / 1) + 1 = 3
       floor((in + low + high − dilation·(kernel−1) − 1) / stride) + 1 = out
    <BLANKLINE>
    one y number = 2·1 = 2 products     3 numbers, 6 multiply-adds
    ...
    """
    check_keywords("explain", options, _KEYWORDS, x, w)
    case = read_case(x, w, b, options)
    if check_gradient(gradient, at_w, dy):
        return Explanation(case, None, gradient_trace(case, dy, at, at_w))
    return Explanation(case, None if at is None else trace(case, at))
