"""Traced gradients as text: dx scattered, dx gathered, dw, db."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.gradients import GRADIENTS
from hwio.planner.gradient_plan import plan_gradients
from hwio.show.explain.gradient_words import (
    brackets,
    cell_totals,
    gathered_part,
    gathered_rows,
    name_of,
    notes,
    pad_line,
    scattered_rows,
    spread_line,
    tap_part,
    tap_rows,
    tap_totals,
    title_of_dw,
    title_of_dx,
    verdict,
)
from hwio.show.explain.grid_rows import GridRow, grid_lines
from hwio.show.printing import Table, aligned, number, plain, wrapped

if TYPE_CHECKING:
    from hwio.planner.gradient_plan import GradientPlan
    from hwio.show.case import Case
    from hwio.show.explain.gradient import GradientTrace

SCATTERED = (
    "1. scattered: each window that saw the cell sends back its dy, times the weight it saw it with"
)
GATHERED = (
    "2. gathered: the windows of dy, spread out, times the kernel turned round: a convolution"
)
SUMMED = "every x that this weight met, times the dy that it fed"


def gradient_lines(found: GradientTrace) -> list[list[str]]:
    """Lay out where the numbers come from, in groups of lines."""
    groups = [[title_of_dx(found), *(f"  {line}" for line in notes(found))]]
    groups.append([f"  {SCATTERED}", *(f"     {line}" for line in aligned(scattered_rows(found)))])
    if found.known:
        groups[-1] += _totals([("sum", number(found.cell.scattered))])
    part = " * ".join(gathered_part(found, None))
    head = [f"  {GATHERED}", *wrapped(f"     {spread_line(found)}"), ""]
    groups.append(head + _grids(gathered_rows(found)))
    if found.known:
        groups[-1] += [*_totals(cell_totals(found)), *(f"     {line}" for line in brackets(found))]
    groups[-1] += wrapped(f"     in NumPy:  np.sum({part})" + _copies(found))
    groups.append([title_of_dw(found), f"  {SUMMED}", *_padding(found), ""])
    groups[-1] += _grids(tap_rows(found))
    if found.known:
        groups[-1] += _totals(tap_totals(found))
        groups[-1] += ["     (…): padding"] if pad_line(found) else []
    groups[-1] += wrapped(f"     in NumPy:  np.sum({' * '.join(tap_part(found, None))})")
    groups.append([bias_line(found)])
    return [*groups, verdict(found)] if found.known else groups


def gradients_table() -> Table:
    """Tabulate the readable ways of going backwards."""
    rows = []
    for name, way in GRADIENTS.items():
        dx, dw = (
            f.removeprefix("dx = ").removeprefix("dw = ") for f in (way.dx_formula, way.dw_formula)
        )
        rows += [(name, "dx", dx), ("", "dw", dw)]
    return Table("All of dx and dw:  hwio.conv_grad(x, w, dy, method=...)", tuple(rows))


def gradient_plan(case: Case) -> GradientPlan:
    """Return what ``conv_grad`` would run for the case, for a dy of y's dtype."""
    compute = case.problem.compute
    kind, itemsize = ("", 8) if compute is None else (compute.str[1:], compute.itemsize)
    return plan_gradients(case.geo, kind, itemsize)


def plan_table(case: Case) -> Table:
    """Tabulate what would run, and why."""
    plan, rows = gradient_plan(case), []
    for one in (plan.dx, plan.dw):
        name = f"{one.way} (compiled)" if one.kernel else one.way
        rows.append((one.of, name, one.kernel_reason if one.kernel else one.reason))
        if one.kernel_reason and not one.kernel:
            rows.append(("", "", f"no compiled kernel: {one.kernel_reason}"))
    return Table("What conv_grad runs here:  hwio.plan(x, w, gradient=True)", tuple(rows))


def _copies(found: GradientTrace) -> str:
    """Say that the expression leaves copies out."""
    copied = any(met.copy for met in found.cell.meetings)
    return "   and likewise for each copy in the padding" if copied else ""


def _padding(found: GradientTrace) -> list[str]:
    """Return the line that pads x, where it is needed."""
    line = pad_line(found)
    return [f"     {line}"] if line else []


def bias_line(found: GradientTrace) -> str:
    """Write db of the filter, and its number where there is one."""
    k = found.tap.filter
    value = "" if found.bias is None else f" = {number(found.bias)}"
    return f"db[{k}] = Σ dy of filter {k}{value}"


def _grids(rows: list[GridRow]) -> list[str]:
    """Lay grids out."""
    return grid_lines(rows) if rows else []


def _totals(rows: list[tuple[str, str]]) -> list[str]:
    """Write sums under each other."""
    wide = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    return [f"     {name:>{wide}} = {value:>{right}}" for name, value in rows]


def gradient_dict(found: GradientTrace) -> dict[str, object]:
    """Return the traced gradients in plain types, for JSON."""
    cell, tap, plan = found.cell, found.tap, gradient_plan(found.case)
    meetings = [
        {"y": list(m.cell), "tap": list(m.tap), "copy": m.copy, "value": plain(m.value)}
        for m in cell.meetings
    ]
    return {
        "dx": {
            "at": list(cell.at),
            "name": name_of("dx", cell.at),
            "windows": meetings,
            "scattered": plain(cell.scattered) if found.known else None,
            "before": spread_line(found),
            "code": f"np.sum({' * '.join(gathered_part(found, None))})",
            "gathered": plain(cell.gathered) if found.known else None,
            "conv_grad": plain(cell.check),
        },
        "dw": {
            "at": list(tap.at),
            "name": name_of("dw", tap.at),
            "before": pad_line(found) or None,
            "code": f"np.sum({' * '.join(tap_part(found, None))})",
            "images": plain(tap.sums) if found.known else None,
            "sum": plain(tap.total) if found.known else None,
            "conv_grad": plain(tap.check),
        },
        "plan": {
            one.of: {"way": one.way, "reason": one.kernel_reason or one.reason}
            for one in (plan.dx, plan.dw)
        },
        "db": plain(found.bias),
        "agree": found.agree if found.known else None,
    }
