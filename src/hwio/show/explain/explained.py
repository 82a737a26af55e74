"""What ``explain`` returns: text, tables, pictures and data of one convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwio.show.explain.expression import code_of, expression, pad_line
from hwio.show.explain.gradient_origin import seeing
from hwio.show.explain.gradient_text import (
    gradient_dict,
    gradient_lines,
    gradients_table,
    plan_table,
)
from hwio.show.explain.grids import shown_channels
from hwio.show.explain.motion import Moving
from hwio.show.explain.reading import reading_table
from hwio.show.explain.summary import (
    arrays_table,
    axes_in_words,
    chosen_way,
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
    from hwio.show.explain.frames import Frame
    from hwio.show.explain.gradient import GradientTrace
    from hwio.show.explain.look import Look
    from hwio.show.explain.trace import Trace
    from hwio.show.printing import Table


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Moving):
    """What ``explain`` returns: text in a terminal, a picture and tables in a notebook.

    Attributes
    ----------
    case : Case
        The checked call.
    trace : Trace or None
        The number asked for with ``at``.
    gradient : GradientTrace or None
        The numbers of dx and dw, where gradients were asked for.
    all_ways : bool
        Whether every way of computing y is listed, or only the one that runs.
    """

    case: Case
    trace: Trace | None
    gradient: GradientTrace | None = None
    all_ways: bool = False

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

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return text, page and picture: a notebook shows the richest that it can."""
        from hwio.show.notebook import bundle

        return bundle(str(self), self._repr_html_(), self.svg())

    def html(self) -> str:
        """Return a whole page, self-contained: the picture, the tables, no scripts."""
        from hwio.show.html import page

        return page("hwio explain", self._repr_html_())

    def svg(self) -> str:
        """Return a picture of window, filter and output; the first number's if none was traced.

        With gradients, the first window that saw the cell.
        """
        from hwio.show.explain.picture import picture

        found = self._drawn()
        return "" if found is None else picture(found, self._look(found, 1))

    def _drawn(self) -> Trace | None:
        """Return the number of y that is drawn, if any can be."""
        found = self.trace
        if found is None and self.gradient is not None and self.gradient.cell.meetings:
            found = trace(self.case, seeing(self.gradient))
        if found is None and 0 not in self.case.y_shape:
            found = trace(self.case, (0,) * len(self.case.y_shape))
        return None if found is None or not found.channels else found

    def _look(self, found: Trace, rows: int) -> Look:
        """Say what a picture says, its sum in at least so many rows."""
        from hwio.show.explain.look import look_of

        return look_of(found, rows)

    def _frames(self, limit: int | None) -> list[Frame]:
        from hwio.show.explain.frames import frames

        found = self._drawn()
        return [] if found is None else frames(found, self._look, limit)

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
            return [arrays_table(case), *([options] if options else [])], [
                plan_table(case),
                gradients_table(),
            ]
        before = [arrays_table(case), *([options] if options else [])]
        before += [sizes_table(case), counts_table(case)]
        how = ways_table(case) if self.all_ways else chosen_way(case)
        return before, [reading_table(case.w_shape, case.layout.w), how]


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
