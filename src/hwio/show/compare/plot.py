"""A comparison as bars: one group per method, one bar per order of storage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwio.errors import HwioError, OptionError, word
from hwio.show.colours import colour_of
from hwio.show.compare.sentences import headline, sentences
from hwio.show.printing import duration

if TYPE_CHECKING:
    from hwio.show.compare.findings import Findings, Row

FORMATS = (".png", ".svg", ".pdf")
BAR = 0.23  # inches


class PlotError(HwioError, ImportError):
    """Matplotlib, which draws, is not installed."""


def plot(found: Findings, path: str | Path | None = None) -> Any:
    """Draw the medians of a comparison on a logarithmic scale; save them if there is a path.

    PlotError if matplotlib is not installed, OptionError if path does not end in .png, .svg, .pdf.
    """
    target = None if path is None else Path(path)
    if target is not None and target.suffix.lower() not in FORMATS:
        rule = f"path={str(path)!r} does not end in a format of figures"
        raise OptionError(word(rule, [f"formats: {' '.join(FORMATS)}"], 'path="compare.png"'))
    figure = _figure(len(found.rows), len(_groups(found)))
    axes = figure.add_subplot()
    _draw_bars(axes, found)
    _dress(figure, axes, found)
    if target is not None:
        figure.savefig(target, dpi=150)
    return figure


def _figure(bars: int, groups: int) -> Any:
    """Return an empty figure, high enough for the bars."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        rule = "drawing needs matplotlib, which is not installed"
        raise PlotError(word(rule, [], 'pip install "hwio[plot]"')) from error
    if "IPython" in sys.modules:  # teaches a notebook to show figures
        import matplotlib.pyplot  # noqa: F401, ICN001
    return Figure(figsize=(9.5, 2.1 + BAR * (bars + 0.7 * groups)), layout="constrained")


def _groups(found: Findings) -> dict[tuple[str, str], list[Row]]:
    """Return the rows by method and order of x, the fastest group first, HWIO first in each."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in found.rows:
        groups.setdefault((row.method, row.x_layout), []).append(row)
    for rows in groups.values():
        rows.sort(key=lambda row: (not row.w_layout.endswith("IO"), row.w_layout[::-1]))
    return groups


def _draw_bars(axes: Any, found: Findings) -> None:
    """Draw one bar a row from the top down, and name the groups."""
    colours = colour_of(row.w_layout for row in found.rows)
    several = len({row.x_layout for row in found.rows}) > 1
    at, ticks, names = 0.0, [], []
    start = min(row.median for row in found.rows if row.median > 0) / 1.6
    for (method, x_letters), rows in _groups(found).items():
        places = [at + i for i in range(len(rows))]
        for place, row in zip(places, rows, strict=True):
            _draw_bar(axes, place, row, colours[row.w_layout], start)
        ticks.append(sum(places) / len(places))
        mark = " *" if method == found.case.auto else ""
        names.append(f"{method}{mark}\nx {x_letters}" if several else f"{method}{mark}")
        at = places[-1] + 1.7
    axes.set_yticks(ticks, names)
    axes.set_ylim(at - 0.9, -0.8)
    axes.set_xscale("log")
    most = max(row.median + row.std for row in found.rows)
    axes.set_xlim(start, most * (most / start) ** 0.16)  # room for the last number


def _draw_bar(axes: Any, place: float, row: Row, colour: str, start: float) -> None:
    """Draw a median, the spread around it, and its number."""
    axes.barh(
        place,
        row.median - start,
        left=start,
        height=0.86,
        color=colour,
        alpha=0.45 if row.expression else 1.0,
        hatch="//" if row.expression else None,
        edgecolor=colour if row.expression else "none",
        linewidth=0.8,
    )
    low = min(row.std, 0.95 * row.median)  # a logarithmic scale has no zero
    axes.errorbar(
        row.median, place, xerr=[[low], [row.std]], ecolor="#333333", elinewidth=1, capsize=2.5
    )
    wrong = "" if row.agrees else "  WRONG"
    axes.annotate(
        f"{duration(row.median)}{wrong}",
        (row.median + row.std, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color="#222222" if row.agrees else "#B00000",
    )


def _dress(figure: Any, axes: Any, found: Findings) -> None:
    """Add title, scale, legend and what it says in words."""
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    left, right = axes.get_xlim()
    few = right / left < 100  # less than two powers of ten would leave too few numbers
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, axis="x", which="major", color="#00000022")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel("median time of one call (logarithmic), with the spread over the runs")
    about = f"{_broken(headline(found), 120)}\n{_broken(str(found.machine), 120)}"
    axes.set_title(about, loc="left", fontsize=8.5, color="#444444")
    colours = colour_of(row.w_layout for row in found.rows)
    handles: list[Any] = [Patch(color=colour) for colour in colours.values()]
    labels = [f"w stored {letters}" for letters in colours]
    if any(row.expression for row in found.rows):
        handles.append(Patch(facecolor="#99999966", edgecolor="#666666", hatch="//"))
        labels.append("NumPy expression")
    if any(row.method == found.case.auto for row in found.rows):
        handles.append(Patch(alpha=0))
        labels.append("* what hwio.conv runs by itself")
    figure.legend(handles, labels, loc="outside lower left", ncols=5, frameon=False, fontsize=8.5)
    words = "\n".join(_broken(text) for text in sentences(found)[:2])
    figure.suptitle(words, x=0.01, ha="left", fontsize=10, fontweight="bold")


def _tick(value: float) -> str:
    """Write a power of ten as a time."""
    return duration(value).replace(".00", "").replace(".0", "")


def _broken(text: str, width: int = 105) -> str:
    """Break a line that is wider than the figure."""
    import textwrap

    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
