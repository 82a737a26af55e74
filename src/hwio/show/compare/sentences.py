"""What a comparison says in words: who agrees, who was fastest, what the orders of storage cost."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import TYPE_CHECKING, Literal

from hwio.planner.ways import label
from hwio.show.printing import count, duration, times

if TYPE_CHECKING:
    from hwio.show.compare.findings import Findings, Row

Side = Literal["w_layout", "x_layout"]


def headline(found: Findings) -> str:
    """Say what was convolved."""
    case = found.case
    x, rest = case.layout.split(",")
    w, y = rest.split("->")
    sizes = f"x {case.x_shape} {x} · w {case.w_shape} {w}"
    more = f" · {case.options}" if case.options else ""
    return f"{sizes} → y {case.y_shape} {y} · {case.dtype} · {count(case.macs)} multiply-adds{more}"


def sentences(found: Findings) -> list[str]:
    """Say what came out: agreement, the fastest, the price of each order."""
    if restless(found):
        return [_agreement(found), _unrest(found)]
    return [
        _agreement(found),
        _fastest(found),
        *_orders(found, "w_layout"),
        *_orders(found, "x_layout"),
    ]


def restless(found: Findings) -> bool:
    """Tell whether rows vary so much that their order means little: many of them, or the first."""
    wild = [_is_wild(row) for row in found.rows]
    return wild[0] or sum(wild) > len(wild) / 4


def _is_wild(row: Row) -> bool:
    return row.std > row.median / 4


def skipped_lines(found: Findings) -> list[str]:
    """Say who was not timed and why, equal reasons together."""
    orders = {row.x_layout for row in found.rows} | {one.x_layout for one in found.skipped}
    several = len(orders - {""}) > 1
    by_reason: dict[str, dict[str, list[str]]] = {}
    for one in found.skipped:
        where = by_reason.setdefault(one.reason, {}).setdefault(one.method, [])
        if one.w_layout:
            where.append(f"{one.w_layout} {one.x_layout}" if several else one.w_layout)
    return [
        f"{', '.join(_on(method, where) for method, where in methods.items())}: {reason}"
        for reason, methods in by_reason.items()
    ]


def expressions(found: Findings) -> tuple[str, dict[str, str]]:
    """Return what stands above the NumPy expressions, and each by its short name.

    The heading holds the first statement where all share one: the view of the windows.
    """
    heading = "NumPy expressions, no hwio.conv around them"
    found_ones = {row.method: row.expression for row in found.rows if row.expression}
    shared = {text.partition("; ")[0] for text in found_ones.values()}
    if len(shared) == 1 and all("; " in text for text in found_ones.values()):
        first = shared.pop()
        return f"{heading}; {first}", {
            name: text.removeprefix(f"{first}; ") for name, text in found_ones.items()
        }
    return heading, found_ones


def error_text(row: Row) -> str:
    """Write an error in units of the bound: two digits inside, its size outside.

    Integers are exact or not.
    """
    if row.bound == "exact":
        return "exact" if row.agrees else "WRONG"
    if not isfinite(row.error):
        return "WRONG"
    if row.error == 0:
        return "0"
    if row.error < 0.01:
        return "<0.01"
    if row.agrees:
        return f"{row.error:.2f}"
    return f"{row.error:.3g} !" if row.error < 1000 else f"{row.error:.0e} !"


def _agreement(found: Findings) -> str:
    """Say whether all results are right, or name those that are not."""
    total = len(found.rows)
    how = "exactly" if found.rows[0].bound == "exact" else "within their bounds"
    if found.agree:
        return f"All {total} agree {how}." if total > 1 else "The one result is right."
    wrong: dict[str, list[Row]] = {}
    for row in found.outside:
        wrong.setdefault(row.method, []).append(row)
    named = [
        f"{_on(method, [row.w_layout for row in rows])}, {_how_far(rows)}"
        for method, rows in wrong.items()
    ]
    rest = total - len(found.outside)
    others = f" The other {rest} agree {how}." if rest else ""
    return f"WRONG: {'; '.join(named)}.{others}"


def _how_far(rows: list[Row]) -> str:
    """Say how far the worst row is out of its bound."""
    worst = max(rows, key=lambda row: row.error)
    if worst.bound == "exact":
        return "not the exact integers"
    if not isfinite(worst.error):
        return "Inf or NaN where the reference has none, or the other way round"
    return f"{worst.error:.3g} × its bound {worst.bound}"


def _fastest(found: Findings) -> str:
    """Name the fastest, and its factor over the loop."""
    best = found.fastest
    text = f"Fastest: {_name(best)}, {duration(best.median)}"
    loop = next((row for row in found.rows if row.method == "loop"), None)
    if loop is not None and loop is not best and best.median > 0:
        text += f", {times(loop.median / best.median)} × as fast as the loop"
        text += f" ({duration(loop.median)})"
    if best.expression:
        call = next((row for row in found.rows if not row.expression), None)
        if call is not None:
            text += f"; fastest whole call: hwio.conv with {_name(call)}, {duration(call.median)}"
    return text + "."


def _unrest(found: Findings) -> str:
    """Say why nobody is called the fastest."""
    wild = sum(_is_wild(row) for row in found.rows)
    verb = "spreads by over a quarter of its" if wild == 1 else "spread by over a quarter of their"
    first = ", the first" if wild == 1 < len(found.rows) else ""
    return (
        f"Too restless to rank: {wild} of {len(found.rows)} {verb} median{first}. The machine was "
        "busy, or BLAS threads waited for each other (OPENBLAS_NUM_THREADS=1)."
    )


def _orders(found: Findings, side: Side) -> Iterator[str]:
    """Say what each order of w or x changed against the first of them, method by method."""
    rows = [row for row in found.rows if not row.expression]
    orders = sorted({getattr(row, side) for row in rows}, key=_plain_first)
    if len(orders) < 2:
        return
    name, base = side[0], orders[0]
    best = next(row.method for row in rows)
    for other in orders[1:]:
        pairs = _pairs(rows, side, base, other)
        if not pairs:
            continue
        ratios = sorted((b.median / a.median, a.method) for a, b in pairs if a.median > 0)
        if not ratios:
            continue
        (low, low_name), (high, high_name) = ratios[0], ratios[-1]
        text = f"{name} stored {other} instead of {base}: "
        if len(ratios) > 1:
            text += f"{times(low)} ({low_name}) to {times(high)} ({high_name}) times as long"
        of_best = [pair for pair in pairs if pair[0].method == best and pair[0].median > 0]
        if of_best:
            a, b = of_best[0]
            noise = ", within the spread" if abs(a.median - b.median) <= a.std + b.std else ""
            text += "; " if len(ratios) > 1 else ""
            text += f"{best} {times(b.median / a.median)}{noise}"
        yield text + "."


def _pairs(rows: list[Row], side: Side, base: str, other: str) -> list[tuple[Row, Row]]:
    """Pair the rows that differ in one order only, the other array stored plainly."""
    fixed: Side = "x_layout" if side == "w_layout" else "w_layout"
    plain = min((getattr(row, fixed) for row in rows), key=_plain_first)
    at = {(row.method, getattr(row, side)): row for row in rows if getattr(row, fixed) == plain}
    return [
        (row, at[method, other])
        for (method, order), row in at.items()
        if order == base and (method, other) in at
    ]


def _plain_first(letters: str) -> tuple[bool, bool, str]:
    """Sort HWIO and NHWC, and their kin in 1-D and 3-D, before others."""
    return (not letters.endswith(("WIO", "WC")), not letters.startswith("O"), letters[::-1])


def _name(row: Row) -> str:
    """Name a row."""
    return row.method if row.expression else f"{label(row.method)} on {row.w_layout}"


def _on(method: str, where: list[str]) -> str:
    """Add the orders to a method."""
    return f"{method} on {', '.join(dict.fromkeys(where))}" if where else method
