"""``compare``: every way of one convolution, side by side, and the forms that it is told in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Never

from hwio.errors import OptionError, word
from hwio.ops.keywords import hide_refused
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.stray import misplaced
from hwio.shapes.counts import check_int, positive
from hwio.show.compare.checks import checked_call, known_methods, listed
from hwio.show.compare.contenders import contenders, default_w_layouts
from hwio.show.compare.findings import Case, Findings, Skipped
from hwio.show.compare.machine import this_machine
from hwio.show.compare.table import table
from hwio.show.compare.timing import measure
from hwio.show.compare.trials import ranked, try_each
from hwio.show.compare.verdict import reference_of
from hwio.show.printing import plain
from hwio.show.progress import Progress
from hwio.show.sizes import shape, y_sizes

if TYPE_CHECKING:
    from pathlib import Path

    from hwio.show.compare.contenders import Call, Contender
    from hwio.show.compare.verdict import Reference


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Findings):
    """What ``compare`` returns: prints itself as a table, draws itself as bars.

    ``.rows`` holds one record per way and order of storage, fastest first; ``.skipped`` the ways
    that were not timed, with the reason; ``.agree`` tells whether all results lie within their
    bounds, ``.outside`` lists those that do not.
    """

    def __repr__(self) -> str:
        """Lay everything out as a table for a terminal, as wide as that, at most 100 columns."""
        return table(self)

    def __str__(self) -> str:
        """Lay everything out as a table for a terminal, as wide as that, at most 100 columns."""
        return table(self)

    def _repr_html_(self) -> str:
        """Lay everything out as a table for a notebook; it takes the page's own colours."""
        from hwio.show.compare.page import page  # a terminal never needs it

        return page(self)

    def svg(self) -> str:
        """Return the medians as bars: one ``<svg>``, readable in light and dark."""
        from hwio.show.compare.bars import bars

        return bars(self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return text, page and picture: a notebook shows the richest that it can."""
        from hwio.show.notebook import bundle

        return bundle(str(self), self._repr_html_(), self.svg())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python types.

        Times are seconds, memory is bytes. A result that is infinitely far from right has the
        error None.
        """
        found = asdict(self)
        for row, record in zip(self.rows, found["rows"], strict=True):
            record["agrees"] = row.agrees
            record["error"] = row.error if isfinite(row.error) else None
        found["agree"] = self.agree
        plainly: dict[str, Any] = plain(found)
        return plainly

    def to_json(self, indent: int | None = 2) -> str:
        """Return ``to_dict`` as JSON."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the medians as bars; needs matplotlib (``pip install "hwio[plot]"``).

        Parameters
        ----------
        path : str or Path, optional
            Where to save the figure; the ending chooses the format: .png, .svg or .pdf.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from hwio.show.compare.plot import plot

        return plot(self, path)


def compare(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    methods: Iterable[str] | str | None = None,
    x_layouts: Iterable[str] | str | None = None,
    w_layouts: Iterable[str] | str | None = None,
    runs: int = 7,
    seconds: float = 0.02,
    loops: int | None = None,
    raw: bool = True,
    limit: float = 2.0,
    progress: bool | None = None,
    **options: Any,
) -> Comparison:
    """Convolve in every way, and tell how fast, how exact and how hungry each is.

    Each way runs on arrays stored in each order. Storing them so is not timed; what the order then
    costs the way is.

    Parameters
    ----------
    x, w, b : array or tuple of int
        As in ``conv``. A shape stands for normally distributed float32 numbers.
    methods : list of str, optional
        Names of ways; by default all. Those that can't serve the case are listed with the reason.
    x_layouts, w_layouts : list of str, optional
        Orders in which x and w are stored. By default x stays as it is, and w is stored as HWIO,
        OHWI and OIHW (in 1-D WIO, OWI, OIW; in 3-D DHWIO, ODHWI, OIDHW).
    runs : int
        Runs of each, in turns with all others; slow ones get fewer, at least 3.
    seconds : float
        A run lasts at least this long.
    loops : int, optional
        Calls in a run; by default as many as fill ``seconds``.
    raw : bool
        Also time the bare NumPy expressions, without ``hwio.conv`` around them. That needs a plain
        case: NHWC and HWIO floats, stride 1, nothing beside x and w.
    limit : float
        Seconds for one call: a way that would take longer is skipped, with the reason.
    progress : bool, optional
        Draw a progress line on stderr after a second; by default where that is a terminal.
    **options
        Other keywords of ``conv``: stride, padding, layout, ...

    Returns
    -------
    Comparison
        Prints itself; ``.rows``, ``.plot()``, ``.to_dict()`` and ``.to_json()``.

    Raises
    ------
    HwioError
        As ``conv`` does, and where nothing is left to time.

    Notes
    -----
    The error is the largest abs(y - reference) in units of the bound that is published for the way
    (``hwio.methods.accuracy``), so 1 is the most that is right; integers must be exact. The
    measured peak is what NumPy and Python held at once during one call, beside x, w and y.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.random.randn(2, 3, 3, 4)  # one window of each of 2 images
    >>> w = np.random.randn(3, 3, 4, 8)
    >>> found = hwio.compare(x, w, methods=["einsum", "im2col"], runs=2, loops=1)
    >>> found.agree
    True
    >>> sorted({row.method for row in found.rows})
    ['einsum', 'im2col', 'np.einsum', 'np.sum', 'np.tensordot', 'reshape @']
    """
    if more:
        refuse_places(compare, locals())
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(compare, locals())
    names = known_methods(methods)
    runs = check_int(runs, "runs", 1)
    loops = None if loops is None else check_int(loops, "loops", 1)
    seconds, limit = positive(seconds, "seconds", 0.02), positive(limit, "limit", 2.0)
    with misplaced(compare, locals()):
        call = checked_call(x, w, b, options)
    own = call.problem.layout
    x_orders = listed(x_layouts, "x_layouts") or [own.x]
    w_orders = listed(w_layouts, "w_layouts") or default_w_layouts(call.problem)
    field, skipped = contenders(call, names, x_orders, w_orders, raw=raw, limit=limit)
    _check_any(field, skipped)
    reference = reference_of(call.problem, call.x, call.w, call.b)
    with Progress(len(field) * (runs + 1), show=progress) as bar:
        tried, late = try_each(field, reference, limit, bar.step)
        _check_any([one.contender for one in tried], [*skipped, *late])
        timings = measure(
            [one.contender.call for one in tried],
            runs=runs,
            seconds=seconds,
            loops=loops,
            budget=limit,
            tick=lambda i: bar.step(tried[i].contender.label),
        )
    rows = ranked(tried, timings)
    case = _case(call, reference, options)
    return Comparison(case, this_machine(), rows, (*skipped, *late))


hide_refused(compare, "x", "w")


def _check_any(field: list[Contender], skipped: list[Skipped]) -> None:
    """Raise OptionError where nobody is left to be timed."""
    if not field:
        facts = [f"{one.method}: {one.reason}" for one in skipped]
        rule = "no method is left to compare"
        raise OptionError(
            word(rule, list(dict.fromkeys(facts)), "other methods, or a larger limit")
        )


def _case(call: Call, reference: Reference, options: dict[str, Any]) -> Case:
    """Describe the convolution."""
    problem = call.problem
    lay, geo = problem.layout, problem.geometry
    typed = {k: v for k, v in options.items() if k != "layout"}
    return Case(
        x_shape=call.x.shape,
        w_shape=call.w.shape,
        y_shape=shape(lay.y, y_sizes(geo)),
        layout=lay.text,
        dtype=str(problem.result),
        options=", ".join(f"{key}={value!r}" for key, value in typed.items()),
        macs=geo.macs,
        auto=problem.plan.way,
        reference=reference.text,
    )
