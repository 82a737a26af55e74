"""What is said of traced gradients: rows, grids and lines that text and page share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.show.case import pad_widths
from hwio.show.explain.expression import indexed
from hwio.show.explain.grid_rows import GridRow
from hwio.show.explain.grids import FULL_OF_MANY, MOST_CHANNELS, MOST_SIDE, grid_cells, plane
from hwio.show.printing import number, numbers, plural

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.explain.gradient import CellTrace, GradientTrace, TapTrace
    from hwio.types import Array

MOST_MEETINGS = 12  # rows of the scattered view
_NAMES = {"N": "image", "D": "depth", "H": "row", "W": "column", "C": "channel"}


def name_of(name: str, at: tuple[int, ...]) -> str:
    """Write a number's name, ``dx[0, 2, 3, 1]``."""
    return f"{name}[{', '.join(map(str, at))}]"


def title_of_dx(found: GradientTrace) -> str:
    """Name the number of dx and its place."""
    place = found.cell.place
    names = _NAMES | ({"W": "position"} if found.case.geo.ndim == 1 else {})
    where = ", ".join(f"{names[a]} {place[a]}" for a in "NDHWC" if a in place)
    return f"{name_of('dx', found.cell.at)}    {where} of x"


def title_of_dw(found: GradientTrace) -> str:
    """Name the number of dw and its place."""
    tap = found.tap
    stored = dict(zip(found.case.layout.w, tap.at, strict=True))
    taps = ", ".join(str(stored[a]) for a in found.case.geo.letters)
    taps = f"({taps})" if found.case.geo.ndim > 1 else taps
    where = f"tap {taps}, channel {tap.channel} of x, filter {tap.filter}"
    return f"{name_of('dw', tap.at)}    {where}"


def notes(found: GradientTrace) -> list[str]:
    """Say what dy is."""
    lines = []
    if found.known and found.made:
        lines.append("dy = y, for want of another: the gradient of ½·Σ y². dy=... takes yours")
    if found.case.problem.clip is not None:
        lines.append("dy is the gradient before the activation; y here is without it")
    return lines


def scattered_rows(found: GradientTrace) -> list[tuple[str, ...]]:
    """Return one row for each window that saw the cell: dy, the tap, what it sends back."""
    cell = found.cell
    rows: list[tuple[str, ...]] = []
    shown = cell.meetings[:MOST_MEETINGS]
    values = numbers([m.value for m in cell.meetings if m.value is not None], 4)
    wide = max(map(len, values), default=0)
    for at, met in enumerate(shown):
        text = f"Σ = {values[at]:>{wide}}" if values else ""
        parts = (upper_part(found, met.cell), "·", weights_part(found, met.tap), text)
        rows.append((*parts, "  met a copy in the padding") if met.copy else parts)
    rest = cell.meetings[MOST_MEETINGS:]
    if rest:
        left = number(sum(m.value for m in rest)) if values else ""
        name = f"... {plural(len(rest), 'more window')}"
        rows.append((name, "", "", f"Σ = {left:>{wide}}" if values else ""))
    if not cell.meetings:
        rows.append(("no window saw it: the stride left it over, so its gradient is 0",))
    return rows


def upper_part(found: GradientTrace, cell: tuple[int, ...]) -> str:
    """Write the numbers of dy of one window, all filters that see the channel."""
    case, k = found.case, found.cell.filters
    whole = len(k) == case.geo.out_channels
    indexes = dict(zip(case.geo.letters, map(str, cell), strict=True))
    indexes |= {
        "N": str(found.cell.place.get("N", 0)),
        "C": ":" if whole else f"{k.start}:{k.stop}",
    }
    return indexed("dy", case.layout.y, indexes, "C")


def weights_part(found: GradientTrace, tap: tuple[int, ...]) -> str:
    """Write the weights of one tap, all filters that see the channel."""
    case = found.case
    indexes = dict(zip(case.geo.letters, map(str, tap), strict=True))
    text = indexed("w", case.layout.w, indexes | _weights(found), _last(case))
    return text + _conjugate(found, 1)


def _weights(found: GradientTrace, k: int | None = None) -> dict[str, str]:
    """Return the indexes of w's channel, and of one filter or all that see it."""
    case, c = found.case, found.cell.place["C"]
    seen, many = found.cell.filters, max(case.geo.group_filters, 1)
    own = c - (c // case.geo.group_channels) * case.geo.group_channels
    whole = len(seen) == case.geo.out_channels
    filters = (":" if whole else f"{seen.start}:{seen.stop}") if k is None else str(k)
    return {
        "I": str(own),
        "O": filters,
        "C": str(c),
        "M": ":" if k is None else str(k % many),
    }


def spread_line(found: GradientTrace) -> str:
    """Return the line that makes ``dyw``, dy spread out: zeros between strides, and around."""
    case, geo = found.case, found.case.geo
    sizes = {"N": geo.n, "C": geo.out_channels}
    slices = {"N": ":", "C": ":"}
    axes = zip(geo.letters, geo.padded_size, geo.reach, geo.out_size, geo.stride, strict=True)
    for letter, padded, reach, out, s in axes:
        sizes[letter] = padded + reach - 1
        step = f":{s}" if s > 1 else ""
        slices[letter] = f"{reach - 1}:{reach + (out - 1) * s}{step}"
    shape = tuple(sizes[a] for a in case.layout.y)
    index = ", ".join(slices[a] for a in case.layout.y)
    return f"dyw = np.zeros({shape}); dyw[{index}] = dy"


def gathered_part(found: GradientTrace, k: int | None, depth: int | None = None) -> tuple[str, str]:
    """Write the window of ``dyw`` and the turned kernel, of one filter or all that see the channel."""
    case, cell, geo = found.case, found.cell, found.case.geo
    windows, turned = {}, {}
    axes = zip(geo.letters, cell.start, geo.reach, geo.dilation, geo.kernel, strict=True)
    for letter, start, reach, d, taps in axes:
        step = f":{d}" if d > 1 and taps > 1 else ""
        windows[letter] = f"{start}:{start + reach}{step}"
        turned[letter] = ":" if taps == 1 or case.problem.flip else "::-1"
        if letter == "D" and depth is not None:
            windows[letter] = str(start + depth * d)
            turned[letter] = str(depth if case.problem.flip else taps - 1 - depth)
    whole = len(cell.filters) == geo.out_channels
    filters = ":" if whole else f"{cell.filters.start}:{cell.filters.stop}"
    windows |= {"N": str(cell.place.get("N", 0)), "C": filters if k is None else str(k)}
    left = geo.letters[depth is not None :] + ("C" if k is None else "")
    order = "".join(a for a in case.layout.y if a in left) if k is None else left
    kernel = indexed(
        "w", case.layout.w, turned | _weights(found, k), order.replace("C", _last(case))
    )
    return indexed("dyw", case.layout.y, windows, order), kernel + _conjugate(found, 1)


def _conjugate(found: GradientTrace, side: int) -> str:
    """Return what makes a factor's conjugate where x, or w, is complex."""
    return ".conj()" if found.case.dtypes[side].kind == "c" else ""


def _last(case: Case) -> str:
    """Return the letter of w that counts a channel's filters."""
    return "M" if case.layout.depthwise else "O"


def gathered_rows(found: GradientTrace) -> list[GridRow]:
    """Return the grids of the second view, filter by filter."""
    cell, rows = found.cell, []
    if cell.spread is None or cell.turned is None:
        return []
    total = len(cell.filters)
    sums = numbers(cell.sums, 4)
    for k in range(total if total <= MOST_CHANNELS else FULL_OF_MANY):
        pair = (cell.spread[..., k], cell.turned[..., k])
        names = [gathered_part(found, cell.filters[k], d) for d in _depths(found.case.geo.kernel)]
        rows += _rows(f"k={cell.filters[k]}", names, pair, cell.empty, sums[k])
    return rows


def tap_rows(found: GradientTrace) -> list[GridRow]:
    """Return the grids that dw sums, image by image."""
    tap, rows = found.tap, []
    if tap.seen is None or tap.upper is None or not tap.seen.size:
        return []
    sums = numbers(tap.sums, 4)
    for n in range(min(len(tap.seen), FULL_OF_MANY)):
        names = [tap_part(found, n, d) for d in _depths(found.case.geo.out_size)]
        rows += _rows(f"n={n}", names, (tap.seen[n], tap.upper[n]), tap.outside, sums[n])
    return rows


def tap_part(found: GradientTrace, n: int | None, depth: int | None = None) -> tuple[str, str]:
    """Write the cells of x that one weight met, and dy there, of one image or all."""
    case, tap, geo = found.case, found.tap, found.case.geo
    padded = bool(pad_line(found))
    cells, upper = {}, {}
    axes = zip(
        geo.letters, tap.tap, geo.out_size, geo.stride, geo.dilation, geo.padding, strict=True
    )
    for letter, p, out, s, d, (low, _) in axes:
        start = p * d - (0 if padded else low)
        cells[letter] = f"{start}:{start + (out - 1) * s + 1}" + (f":{s}" if s > 1 < out else "")
        upper[letter] = ":"
        if letter == "D" and depth is not None:
            cells[letter], upper[letter] = str(start + depth * s), str(depth)
    image = ":" if n is None else str(n)
    cells |= {"N": image, "C": str(tap.channel)}
    upper |= {"N": image, "C": str(tap.filter)}
    order = geo.letters[depth is not None :]
    if n is None:  # as x has them: no transpose where there need not be one
        order = "".join(a for a in case.layout.x if a in "N" + order)
    seen = indexed("xp" if padded else "x", case.layout.x, cells, order) + _conjugate(found, 0)
    return seen, indexed("dy", case.layout.y, upper, order)


def pad_line(found: GradientTrace) -> str:
    """Return the line that makes ``xp`` where a weight met padding, else nothing."""
    case = found.case
    if not found.tap.outside.any():
        return ""
    mode = f', mode="{case.mode}"' if case.mode else ""
    return f"xp = np.pad(x, {pad_widths(case, case.layout.x)}{mode})"


def _depths(kernel: tuple[int, ...]) -> list[int | None]:
    """Return the depths shown of a block; None alone where there is no depth."""
    return [None] if len(kernel) < 3 else list(range(min(kernel[0], MOST_SIDE)))


def _rows(
    name: str,
    labels: list[tuple[str, str]],
    pair: tuple[Array, Array],
    empty: Array,
    total: str,
) -> list[GridRow]:
    """Return one row of grids, or one for each depth: both factors and their product."""
    deep = pair[0].ndim == 3
    with np.errstate(all="ignore"):
        values = (*pair, pair[0] * pair[1])
    rows, none = [], np.zeros_like(empty)
    for at, (first, second) in enumerate(labels):
        d = at if deep else None
        grids = [
            (label, grid_cells(plane(part, d), plane(mask, d)))
            for label, part, mask in zip(
                (first, second, "product"), values, (empty, none, none), strict=True
            )
        ]
        last = at == len(labels) - 1
        rows.append(GridRow(f"{name} d={d}" if deep else name, grids, f"Σ = {total:>8}" * last))
    return rows


def rest_rows(letter: str, first: int, names: range, sums: list[Any]) -> list[tuple[str, str]]:
    """Return the sums that have no grids: a few one by one, the others together."""
    listed = min(len(sums), MOST_CHANNELS)
    texts = numbers(sums, 4)
    rows = [(f"{letter}={names[at]}", texts[at]) for at in range(first, listed)]
    if sums[listed:]:
        noun = {"k": "more filter", "n": "more image"}[letter]
        rows.append((f"... {plural(len(sums) - listed, noun)}, sum", number(sum(sums[listed:]))))
    return rows


def brackets(found: GradientTrace) -> list[str]:
    """Say what stands in brackets in the second view, where anything does."""
    return ["(0): no dy there, between strides or outside y"] if found.cell.empty.any() else []


def cell_totals(found: GradientTrace, all_of_them: bool = False) -> list[tuple[str, str]]:
    """Return the sums that close the second view: of what has no grids, or of all."""
    cell = found.cell
    count = len(cell.filters)
    first = 0 if all_of_them else count if count <= MOST_CHANNELS else FULL_OF_MANY
    rows = rest_rows("k", first, cell.filters, cell.sums)
    if any(met.copy for met in cell.meetings):
        rows.append(("copies of the cell in the padding, likewise", number(cell.copies)))
    return [*rows, ("sum", number(cell.gathered))]


def tap_totals(found: GradientTrace, all_of_them: bool = False) -> list[tuple[str, str]]:
    """Return the sums that close dw: of images that have no grids, or of all."""
    tap: TapTrace = found.tap
    sums = tap.sums
    first = 0 if all_of_them else min(len(sums), FULL_OF_MANY)
    rows = rest_rows("n", first, range(len(sums)), sums)
    return [*rows, ("sum", number(tap.total))]


def verdict(found: GradientTrace) -> list[str]:
    """Say whether the views agree, and what ``conv_grad`` has there."""
    cell: CellTrace = found.cell
    tap = found.tap
    dx, dw = name_of("dx", cell.at), name_of("dw", tap.at)
    wide = max(len(dx), len(dw))
    views = f"{dx:{wide}}   scattered {number(cell.scattered)}   gathered {number(cell.gathered)}"
    if cell.check is None:
        return [views, "x is too large to run hwio.conv_grad beside it"]
    said = "they agree" if found.agree else "they DISAGREE: please report it"
    return [
        f"{views}   conv_grad {number(cell.check)}",
        f"{dw:{wide}}   summed {number(tap.total)}   conv_grad {number(tap.check)}",
        said,
    ]
