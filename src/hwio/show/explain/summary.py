"""A convolution in words and sizes: shapes, arithmetic, cost, memory, and what would run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.registry import KERNELS
from hwio.methods.accuracy import BOUNDS_MEAN
from hwio.ops.compiled import kernel_is_small
from hwio.ops.memory import size
from hwio.planner.choose import choose, other_kernel
from hwio.planner.kernels import kind_of
from hwio.planner.ways import label
from hwio.planner.ways import ways as all_ways
from hwio.shapes.geometry import arithmetic
from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS
from hwio.show.explain.also import also_fits
from hwio.show.printing import Table, count, joined, plural

if TYPE_CHECKING:
    from hwio.show.case import Case

_SIDES = {"D": "deep", "H": "high", "W": "wide"}
SIZE_RULE = "floor((in + low + high − dilation·(kernel−1) − 1) / stride) + 1 = out"
MEMORY_MEANS = (
    "needs at most: an estimate of the arrays beside x, w and y; compare measures NumPy's buffers "
    "and Python's objects too, some 2 to 100 KiB more"
)
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
    also = also_fits(case)
    return Table("", tuple(rows), (*_layout_notes(case), *([also] if also else [])))


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
    return joined([f"layout {lay.text}", *notes])


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
    return Table("", tuple(rows), (f"   {SIZE_RULE}",))


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
    pairs = (product, cost), (patch, temporary)
    lines = [line for pair in pairs for line in joined(pair, gap="     ")]
    return Table("", (), (*lines, f"bytes: {sizes}"))


def _relative(case: Case, numbers: int) -> str:
    """Write an amount of numbers, and how many times x it is."""
    whole = prod(case.x_shape)
    ratio = f", {numbers / whole:,.1f} × x".replace(",", " ").replace("  ", ", ") if whole else ""
    return plural(numbers, "number") + ratio


def ways(case: Case) -> list[dict[str, Any]]:
    """List every way with the memory it needs and what the planner says of it.

    Returns
    -------
    list of dict
        method, compiled (bool), idea, formula, workspace (bytes), runs (bool), auto (bool), why.
    """
    geo, problem = case.geo, case.problem
    dtype = problem.compute or np.dtype(np.float64)
    precision = case.options.get("precision", "highest")
    whole = problem.compute is None
    auto = choose(geo, dtype.itemsize, precision, kind=problem.kind, whole=whole)
    numpy_only = choose(geo, dtype.itemsize, precision)
    found = []
    for name, way in all_ways().items():
        if name in KERNELS and (way.refuses(geo) or not kind_of(KERNELS[name], geo, problem.kind)):
            continue  # made for other cases
        if name in KERNELS:
            why = auto.kernel_reason if auto.kernel == name else other_kernel(auto, name)
        else:
            why = numpy_only.rejected.get(name, numpy_only.reason)
        workspace = choose(geo, dtype.itemsize, precision, name, problem.kind).workspace
        found.append(
            {
                "method": name,
                "compiled": name in KERNELS,
                "idea": way.idea,
                "formula": getattr(way, "formula", ""),
                "workspace": workspace,
                "runs": name == problem.plan.way,
                "auto": name == auto.way,
                "why": way.refuses(geo) or why,
            }
        )
    return sorted(found, key=lambda way: not way["compiled"])


def ways_table(case: Case) -> Table:
    """Show what each way needs and why auto takes it or not."""
    rows: list[tuple[str, ...]] = []
    listed = ways(case)
    for way in listed:
        mark = "→" if way["runs"] else ""
        why = "auto takes this one" if way["auto"] else way["why"]
        rows.append((mark, label(way["method"]), f"{size(way['workspace']):>13}", why))
    plan = case.problem.plan
    notes = _chosen(case, listed)
    if plan.kernel and case.options.get("method", "auto") == "auto":
        notes.append(f"without compiled kernels it would take {plan.method}: {plan.reason}")
    masked = [why for why in plan.kernels_rejected.values() if "AMX" in why]
    notes += [f"no AMX tiles: {masked[0]}"] if masked else []
    notes += _first_call(case)
    notes += [BOUNDS_MEAN] if any("bound T" in way["why"] for way in listed) else []
    notes.append(MEMORY_MEANS)
    head = ("", "", "needs at most")
    return Table("Ways of computing it", tuple(rows), tuple(notes), head)


def chosen_way(case: Case) -> Table:
    """Show the way that runs, why, and how to see all of them."""
    listed = ways(case)
    notes = [*_chosen(case, listed), *_first_call(case)]
    serve = sum(not all_ways()[way["method"]].refuses(case.geo) for way in listed)
    each = "ways=True (in a shell --ways) lists each, with the memory it needs"
    notes.append(f"{plural(serve, 'way')} can compute this y; {each}")
    return Table("How it is computed", (), tuple(notes))


def _chosen(case: Case, listed: list[dict[str, Any]]) -> list[str]:
    """Say which way runs, and why."""
    auto, plan = next(way for way in listed if way["auto"]), case.problem.plan
    notes = [f"auto takes {label(auto['method'])}: {auto['why']}"]
    if case.options.get("method", "auto") != "auto":
        return [f"{label(plan.way)} runs, as asked for", *notes]
    if not plan.kernel and plan.kernel_reason and not any(way["compiled"] for way in listed):
        notes.append(f"no compiled kernel: {plan.kernel_reason}")
    return notes


def _first_call(case: Case) -> list[str]:
    """Say that the kernel has to be compiled first, or that it was in this process."""
    problem = case.problem
    if problem.plan.kernel is None or kernel_is_small(problem):
        return []
    from hwio.engine.warming import first_call  # loads LLVM

    used = kind_of(KERNELS[problem.plan.kernel], case.geo, problem.kind) or problem.kind
    try:
        said = first_call(
            problem.plan.kernel, case.geo, problem.kind if used.startswith("i") else used
        )
    except Exception:  # noqa: BLE001  an LLVM that does not load is told at the first call
        return []
    return [f"{label(problem.plan.kernel)}: {said}"] if said else []
