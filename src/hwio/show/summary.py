"""A convolution in words and sizes: shapes, arithmetic, cost, memory, and what would run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.methods import METHODS
from hwio.ops.memory import size
from hwio.planner.choose import choose
from hwio.shapes.geometry import arithmetic
from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS
from hwio.show.printing import WIDTH, Table, count, plural

if TYPE_CHECKING:
    from hwio.show.case import Case

_SIDES = {"D": "deep", "H": "high", "W": "wide"}
_NOUNS = {"N": "image", "C": "channel", "I": "in-channel", "O": "filter"}


def axes_in_words(shape: tuple[int, ...], letters: str) -> str:
    """Say what each axis counts.

    Examples
    --------
    >>> axes_in_words((3, 3, 4, 8), "HWIO")
    '3 high · 3 wide · 4 in-channels · 8 filters'
    """
    parts = []
    for letter, number in zip(letters, shape, strict=True):
        if letter in _SIDES:
            parts.append(f"{count(number)} {_SIDES[letter]}")
        elif letter == "M":
            parts.append(f"{plural(number, 'filter')} for each channel")
        else:
            parts.append(plural(number, _NOUNS[letter]))
    return " · ".join(parts)


def arrays_table(case: Case) -> Table:
    """Show x, w, b and y: shape, letters, words."""
    lay = case.layout
    sides = [("x", case.x_shape, lay.x), ("w", case.w_shape, lay.w), ("y", case.y_shape, lay.y)]
    rows = [(name, str(s), letters, f" {axes_in_words(s, letters)}") for name, s, letters in sides]
    rows[2] = (*rows[2][:3], rows[2][3] + ", one per filter")
    if case.b_shape is not None:
        rows.insert(2, ("b", str(case.b_shape), "", " one number per filter"))
    return Table("", tuple(rows), tuple(_layout_notes(case)))


def _layout_notes(case: Case) -> list[str]:
    """Say who stores arrays in these orders."""
    lay = case.layout
    activations = ACTIVATION_LAYOUTS[lay.ndim]
    notes = []
    for letters in dict.fromkeys((lay.x, lay.y)):
        owner = activations.get(letters) or activations.get("N" + letters)
        notes.append(f"{letters}: {owner or 'an order of your own'}")
    owner = WEIGHT_LAYOUTS[lay.ndim].get(lay.w)
    notes.append(f"{lay.w}: {owner or 'an order of your own'}")
    return [f"layout {lay.text}   " + "   ".join(notes)]


def options_table(case: Case) -> Table | None:
    """Show the options that differ from the default, or nothing."""
    geo, problem = case.geo, case.problem
    rows = []
    for name, per_axis in (("stride", geo.stride), ("dilation", geo.dilation)):
        if any(v != 1 for v in per_axis):
            rows.append(
                (name, " ".join(f"{a}={v}" for a, v in zip(geo.letters, per_axis, strict=True)))
            )
    if geo.padded:
        rows.append(("padding", _padding(case)))
    if geo.groups > 1:
        text = f"{geo.groups}, each {plural(geo.group_channels, 'channel')} of x and "
        rows.append(("groups", text + plural(geo.group_filters, "filter")))
    if problem.flip:
        rows.append(("flip", "the kernel is turned round: convolution as in mathematics"))
    if problem.clip is not None:
        rows.append(("activation", f"y is kept {bounds_in_words(problem.clip)}"))
    return Table("", tuple(rows)) if rows else None


def _padding(case: Case) -> str:
    """Say how many cells of what stand on which side."""
    geo = case.geo
    given = case.options.get("padding", "valid")
    name = f"{given!r}: " if isinstance(given, str) else ""
    pairs = zip(geo.letters, geo.padding, strict=True)
    sides = " · ".join(f"{axis} {low} before, {high} after" for axis, (low, high) in pairs)
    return f"{name}{sides} ({case.problem.padding_mode})"


def bounds_in_words(clip: tuple[float | None, float | None]) -> str:
    """Say what an activation keeps.

    Examples
    --------
    >>> bounds_in_words((0, None))
    'at 0 or above'
    """
    low, high = clip
    if low is None:
        return "as it is" if high is None else f"at {high} or below"
    return f"at {low} or above" if high is None else f"between {low} and {high}"


def sizes_table(case: Case) -> Table:
    """Show the arithmetic of every axis."""
    geo = case.geo
    rows = []
    for i, axis in enumerate(geo.letters):
        sizes = geo.in_size[i], geo.padding[i], geo.kernel[i], geo.dilation[i], geo.stride[i]
        rows.append((axis, arithmetic(*sizes)))
    return Table("", tuple(rows))


def counts(case: Case) -> dict[str, int]:
    """Count products, numbers and bytes.

    Returns
    -------
    dict
        products_per_number, numbers, multiply_adds, patch_rows, patch_columns, patch_numbers,
        broadcast_numbers, x_bytes, w_bytes, y_bytes.
    """
    geo = case.geo
    rows = geo.n * geo.pixels
    return {
        "products_per_number": geo.depth,
        "numbers": rows * geo.out_channels,
        "multiply_adds": geo.macs,
        "patch_rows": rows,
        "patch_columns": geo.depth,
        "patch_numbers": rows * geo.depth * geo.groups,
        "broadcast_numbers": geo.macs,
        "x_bytes": prod(case.x_shape) * case.dtypes[0].itemsize,
        "w_bytes": prod(case.w_shape) * case.dtypes[1].itemsize,
        "y_bytes": prod(case.y_shape) * case.problem.result.itemsize,
    }


def counts_table(case: Case) -> Table:
    """Show products, numbers, bytes and the two famous temporaries."""
    geo, n = case.geo, counts(case)
    factors = "·".join(str(f) for f in (*geo.kernel, geo.group_channels))
    each = f" for each of {geo.groups} groups" if geo.groups > 1 else ""
    cost = f"{plural(n['numbers'], 'number')}, {plural(n['multiply_adds'], 'multiply-add')}"
    patch = f"patch matrix {count(n['patch_rows'])} × {count(n['patch_columns'])}{each}"
    product = f"one y number = {factors} = {plural(geo.depth, 'product')}"
    temporary = f"broadcast temporary {_relative(case, n['broadcast_numbers'])}"
    sizes = " · ".join(
        f"{name} {size(n[f'{name}_bytes'])} ({dtype})"
        for name, dtype in zip("xwy", (*case.dtypes[:2], case.problem.result), strict=True)
    )
    patch = f"{patch} = {_relative(case, n['patch_numbers'])}"
    lines = [f"{product}     {cost}", f"{patch}     {temporary}", f"bytes: {sizes}"]
    if len(lines[1]) > WIDTH:
        lines[1:2] = [patch, temporary]
    return Table("", (), tuple(lines))


def _relative(case: Case, numbers: int) -> str:
    """Write an amount of numbers, and how many times x it is."""
    whole = prod(case.x_shape)
    ratio = f", {numbers / whole:,.1f} × x".replace(",", " ").replace("  ", ", ") if whole else ""
    return plural(numbers, "number") + ratio


def ways(case: Case) -> list[dict[str, Any]]:
    """List every way with its largest temporary and what the planner says of it.

    Returns
    -------
    list of dict
        method, idea, formula, workspace (bytes), runs (bool), why.
    """
    geo, problem = case.geo, case.problem
    item = (problem.compute or np.dtype(np.float64)).itemsize
    precision = case.options.get("precision", "highest")
    auto = choose(geo, item, precision)
    found = []
    for name, method in METHODS.items():
        why = auto.rejected.get(name, auto.reason)
        refused = method.refuses(geo)
        found.append(
            {
                "method": name,
                "idea": method.idea,
                "formula": method.formula,
                "workspace": choose(geo, item, precision, name).workspace,
                "runs": name == problem.plan.method,
                "auto": name == auto.method,
                "why": refused or why,
            }
        )
    return found


def ways_table(case: Case) -> Table:
    """Show what each way allocates and why auto takes it or not."""
    rows = []
    for way in ways(case):
        mark = "→" if way["runs"] else ""
        rows.append((mark, way["method"], f"{size(way['workspace']):>9}", way["why"]))
    auto = next(way for way in ways(case) if way["auto"])
    notes = [f"auto takes {auto['method']}: {auto['why']}"]
    if case.options.get("method", "auto") != "auto":
        notes.insert(0, f"{case.problem.plan.way} runs, as asked for")
    elif case.problem.plan.kernel:
        plan = case.problem.plan
        notes = [
            f"auto takes the compiled kernel {plan.kernel}: {plan.kernel_reason}",
            f"{size(plan.workspace)} beside the arrays; without it, auto would take {plan.method}",
        ]
    elif case.problem.plan.kernel_reason:
        notes.append(f"no compiled kernel: {case.problem.plan.kernel_reason}")
    for row, way in zip(range(len(rows)), ways(case), strict=True):
        if way["auto"]:
            rows[row] = (*rows[row][:3], "auto takes this one")
    return Table(
        "Ways of computing it, and the largest temporary of each", tuple(rows), tuple(notes)
    )
