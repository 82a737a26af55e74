"""The tour's second half: every way agrees, how fast each is here, and HWIO against OHWI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.cli.chapter import Chapter, time_text
from hwio.engine.registry import KERNELS
from hwio.ops.conv import conv
from hwio.planner.ways import ALL_WAYS, label
from hwio.show.compare.comparison import compare
from hwio.show.compare.sentences import restless
from hwio.show.compare.timing import fill, time_run
from hwio.show.printing import wrapped

if TYPE_CHECKING:
    from hwio.show.compare.comparison import Comparison
    from hwio.show.compare.findings import Row
    from hwio.types import Array

LONG: dict[str, Any] = {"runs": 5, "seconds": 0.01}
SHORT: dict[str, Any] = {"runs": 3, "seconds": 0.001}


def run_all(x: Array, w: Array, *, quick: bool) -> Comparison:
    """Run every way on arrays as they are stored.

    Parameters
    ----------
    x : array, shape (n, h, w, c)
    w : array, shape (kh, kw, c, k)
    quick : bool
        Shorter runs.

    Returns
    -------
    Comparison
    """
    return compare(x, w, w_layouts=["HWIO"], **(SHORT if quick else LONG))


def agree(found: Comparison, x: Array, w: Array) -> Chapter:
    """Say how far each way is from the exact result, in units of its published bound.

    Parameters
    ----------
    found : Comparison
    x : array, shape (n, h, w, c)
    w : array, shape (kh, kw, c, k)
    """
    rows = {row.method: row for row in found.rows}
    own = [rows[name] for name in ALL_WAYS if name in rows]
    wide = max(len(row.method) for row in own) + 1
    lines = [
        "All of these compute the same sums. They round differently, because they add in another",
        "order; so the question is not whether the last digits agree, but whether each result lies",
        "within the bound that mathematics gives for its way. Error 1 would be the most allowed:",
        "",
        f"    {'way':<{wide}}{'error':>7}   what it does",
        *(f"    {r.method:<{wide}}{r.error:7.2f}   {_idea(r.method)}" for r in own),
        "",
        "All agree."
        if found.agree
        else f"OUT OF BOUND: {', '.join(r.method for r in found.outside)}",
        "",
        *_no_test(x, w),
    ]
    facts = {"errors": {r.method: r.error for r in own}, "agree": found.agree}
    return Chapter(lines, facts)


def _idea(name: str) -> str:
    """Say what a way does, and whether it is compiled."""
    return ALL_WAYS[name].idea + (", compiled" if name in KERNELS else "")


def _no_test(x: Array, w: Array) -> list[str]:
    """Show a mean that a wrong kernel leaves as it is."""
    right, turned = conv(x, w, padding="full"), conv(x, w, padding="full", flip=True)
    apart = float(np.abs(right - turned).max())
    return [
        'Comparing means would be no test. With padding="full" the mean of the result is',
        f"{right.mean():.6f}; with every kernel turned round (a common slip) it is {turned.mean():.6f},",
        f"and single numbers differ by up to {apart:.1f}.",
    ]


def race(piece: Comparison, whole: Comparison) -> Chapter:
    """Tell the times on one window per image, and on the whole arrays."""
    by_piece, by_whole = ({row.method: row for row in found.rows} for found in (piece, whole))
    order = sorted(by_whole, key=lambda name: by_whole[name].median)
    loop, best = by_whole["loop"], by_whole[order[0]]
    own = by_whole[whole.case.auto]
    faster = f"{loop.median / own.median:.0f} × faster than the loop"
    if restless(whole):
        faster = "too restless to rank: the machine was busy"
    lines = [
        "Measured just now, on this machine; medians, so that a hiccup does not count.",
        *wrapped(f"    {whole.machine}"),
        "The slice is A_prev[:, :3, :3, :]: one window of each image.",
        "",
        f"    {'':<19}{'slice (2,3,3,4)':>17}{'whole (2,5,7,4)':>18}{'measured peak':>16}",
        *(_line(name, by_piece.get(name), by_whole[name], whole.case.auto) for name in order),
        "",
        "The measured peak is what one call holds beside x, w and y, Python's own objects included:",
        "2 KiB for any call, some 16 for the loop. (hwio explain tells the estimate for arrays alone.)",
        "",
        "Names with a dot or an @ are bare NumPy expressions on the arrays; the others are the same",
        "ideas through hwio.conv(x, w, method=...), which also checks, pads and groups.",
        f"hwio.conv picks {label(whole.case.auto)} here (*): {time_text(own.median)}, {faster}.",
    ]
    times = {
        name: {"slice": _median(by_piece.get(name)), "whole": by_whole[name].median}
        for name in order
    }
    return Chapter(lines, {"seconds": times, "fastest": best.method})


def _line(name: str, piece: Row | None, whole: Row, auto: str) -> str:
    """Write one row of the times."""
    name = f"{label(name)} *" if name == auto else label(name)
    short = time_text(piece.median) if piece is not None else "–"
    memory = f"{whole.peak / 1024:,.1f} KiB"
    return f"    {name:<19}{short:>17}{time_text(whole.median):>18}{memory:>16}"


def _median(row: Row | None) -> float | None:
    """Return the median of a row that may be missing."""
    return None if row is None else row.median


def race_layouts(x: Array, w: Array, *, quick: bool) -> Chapter:
    """Time four expressions on filters stored last (HWIO) and first (OHWI).

    Parameters
    ----------
    x : array, shape (2, 3, 3, 4)
        One window of each image.
    w : array, shape (3, 3, 4, 8)
    quick : bool
        Shorter runs.
    """
    first = np.ascontiguousarray(np.moveaxis(w, -1, 0))  # (8, 3, 3, 4), stored so
    pairs: dict[str, tuple[Callable[[], Array], Callable[[], Array]]] = {
        "np.sum(x[..., None] * w)": (
            lambda: np.sum(x[..., None] * w, axis=(1, 2, 3)),
            lambda: np.sum(x[:, None] * first, axis=(2, 3, 4)),
        ),
        "np.einsum": (
            lambda: np.einsum("nhwc,hwck->nk", x, w),
            lambda: np.einsum("nhwc,khwc->nk", x, first),
        ),
        "np.tensordot": (
            lambda: np.tensordot(x, w, ((1, 2, 3), (0, 1, 2))),
            lambda: np.tensordot(x, first, ((1, 2, 3), (1, 2, 3))),
        ),
        "reshape @": (
            lambda: x.reshape(2, 36) @ w.reshape(36, 8),
            lambda: x.reshape(2, 36) @ first.reshape(8, 36).T,
        ),
    }
    results = [call() for pair in pairs.values() for call in pair]
    same = all(np.allclose(y, results[0]) for y in results)
    rounds, seconds = (5, 0.001) if quick else (21, 0.003)
    races = {name: _side_by_side(*pair, rounds, seconds) for name, pair in pairs.items()}
    orders = max(max(r.ratio, 1 / r.ratio) for r in races.values())
    columns = [[r.last for r in races.values()], [r.lead for r in races.values()]]
    ways = max(max(column) / min(column) for column in columns)
    lines = [
        "Many believe that filters-last must be faster. Four ways of writing the sum for the slice,",
        "on the same weights stored in both orders:",
        "",
        f"    {'':<24}{'HWIO':>9}{'OHWI':>11}   OHWI / HWIO   middle half",
        *(_versus(name, race) for name, race in races.items()),
        "",
        f"The times are medians of {rounds} rounds, OHWI / HWIO is their quotient. Taken round by round,",
        "the middle half of the quotients lies between the last two numbers: where they hold 1, no",
        f"difference was seen. From one order to the other a way changes by up to {orders:.1f} ×; from one",
        f"way to another, in the same order, by up to {ways:.1f} ×.",
        "",
        *_WHY,
    ]
    times = {name: {"HWIO": r.last, "OHWI": r.lead, "ratio": r.ratio} for name, r in races.items()}
    return Chapter(lines, {"seconds": times, "same_numbers": same})


_WHY = [
    "Why HWIO, honestly:",
    "  · Both orders are a 36 × 8 matrix without a copy: w.reshape(36, 8) for HWIO, and",
    "    w.reshape(8, 36).T for OHWI. A matrix product takes either.",
    "  · With HWIO the 8 weights that meet one input number lie side by side: a compiled kernel",
    "    loads all 8 at once and multiplies them by that one number. With OHWI the numbers that",
    "    lie side by side are those being summed.",
    "  · With OHWI a filter is one block of memory, W[k], which reads better.",
    "  So neither order is faster by itself: it depends on who does the summing.",
]


@dataclass(frozen=True, slots=True)
class _Race:
    """Two calls timed in turns: medians in seconds, and quartiles of lead / last per round."""

    last: float
    lead: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The quotient of the two medians, as a reader would take it."""
        return self.lead / self.last


def _side_by_side(
    last: Callable[[], Array], lead: Callable[[], Array], rounds: int, seconds: float
) -> _Race:
    """Time two calls in turns: what disturbs a round disturbs both."""
    loops = fill(last, seconds)[0]
    runs = [(time_run(last, loops), time_run(lead, loops)) for _ in range(rounds)]
    times = np.array(runs) / loops  # (rounds, 2)
    middle = np.median(times, axis=0)
    low, high = np.quantile(times[:, 1] / times[:, 0], [0.25, 0.75])
    return _Race(float(middle[0]), float(middle[1]), float(low), float(high))


def _versus(name: str, race: _Race) -> str:
    """Write one expression's two times, and their ratio with its spread."""
    times = f"{time_text(race.last):>9}{time_text(race.lead):>11}"
    return f"    {name:<24}{times}   {race.ratio:>11.2f}   {race.low:.2f} to {race.high:.2f}"
