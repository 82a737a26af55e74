"""``compare``: every way of one convolution, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from hwio.errors import HwioError, OptionError, word
from hwio.shapes.counts import check_int
from hwio.show.compare_checks import checked_call, known_methods, listed, positive
from hwio.show.comparison import Comparison
from hwio.show.contenders import Call, Contender, contenders, default_w_layouts
from hwio.show.findings import Case, Row, Skipped
from hwio.show.machine import this_machine
from hwio.show.peak import peak_bytes
from hwio.show.progress import Progress
from hwio.show.timing import Timing, measure
from hwio.show.verdict import Reference, reference_of


def compare(
    x: Any,
    w: Any,
    b: Any = None,
    *,
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
    names = known_methods(methods)
    runs = check_int(runs, "runs", 1)
    loops = None if loops is None else check_int(loops, "loops", 1)
    seconds, limit = positive(seconds, "seconds", 0.02), positive(limit, "limit", 2.0)
    call = checked_call(x, w, b, options)
    own = call.problem.layout
    x_orders = listed(x_layouts, "x_layouts") or [own.x]
    w_orders = listed(w_layouts, "w_layouts") or default_w_layouts(call.problem)
    field, skipped = contenders(call, names, x_orders, w_orders, raw=raw, limit=limit)
    _check_any(field, skipped)
    reference = reference_of(call.problem, call.x, call.w, call.b)
    with Progress(len(field) * (runs + 1), show=progress) as bar:
        tried, more = _try_each(field, reference, limit, bar.step)
        _check_any([one.contender for one in tried], [*skipped, *more])
        timings = measure(
            [one.contender.call for one in tried],
            runs=runs,
            seconds=seconds,
            loops=loops,
            budget=limit,
            tick=lambda i: bar.step(_label(tried[i].contender)),
        )
    rows = _rows(tried, timings)
    case = _case(call, reference, options)
    return Comparison(case, this_machine(), rows, (*skipped, *more))


@dataclass(frozen=True, slots=True)
class _Tried:
    """What the untimed calls of one contender told."""

    contender: Contender
    error: float
    bound: str
    peak: int


def _try_each(
    field: list[Contender], reference: Reference, limit: float, step: Callable[[str], None]
) -> tuple[list[_Tried], list[Skipped]]:
    """Call each once for its result and once for its memory; drop those that fail or take long."""
    tried: list[_Tried] = []
    skipped: list[Skipped] = []
    for one in field:
        step(_label(one))
        start = perf_counter()
        try:
            y = one.call()
        except (HwioError, MemoryError) as error:
            why = str(error).partition("\n")[0] or "not enough memory"
            skipped.append(Skipped(one.method, why, one.w_layout, one.x_layout))
            continue
        spent = perf_counter() - start
        if spent > limit:
            why = f"one call took {spent:,.1f} s, over limit={limit:g}"
            skipped.append(Skipped(one.method, why, one.w_layout, one.x_layout))
            continue
        error_in_bounds = reference.units(one.canonical(y), one.bound)
        del y
        bound = "exact" if reference.exact else one.bound
        tried.append(_Tried(one, error_in_bounds, bound, peak_bytes(one.call)))
    return tried, skipped


def _rows(tried: list[_Tried], timings: list[Timing]) -> tuple[Row, ...]:
    """Pair what was tried with its timing, fastest first."""
    least = min(timing.median for timing in timings)
    rows = [
        Row(
            method=one.contender.method,
            w_layout=one.contender.w_layout,
            x_layout=one.contender.x_layout,
            mean=timing.mean,
            std=timing.std,
            median=timing.median,
            runs=timing.runs,
            loops=timing.loops,
            error=one.error,
            bound=one.bound,
            peak=one.peak,
            ratio=timing.median / least if least > 0 else 1.0,
            expression=one.contender.expression,
        )
        for one, timing in zip(tried, timings, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.median))


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
    front = geo.y_shape if lay.batched else geo.y_shape[1:]
    typed = {k: v for k, v in options.items() if k != "layout"}
    return Case(
        x_shape=call.x.shape,
        w_shape=call.w.shape,
        y_shape=tuple(front[axis] for axis in lay.y_axes),
        layout=lay.text,
        dtype=str(problem.result),
        options=", ".join(f"{key}={value!r}" for key, value in typed.items()),
        macs=geo.macs,
        auto=problem.plan.way,
        reference=reference.text,
    )


def _label(one: Contender) -> str:
    """Name a contender for the progress line."""
    return f"{one.method} {one.w_layout}"
