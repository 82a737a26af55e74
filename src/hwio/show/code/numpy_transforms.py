"""NumPy code of the methods that sum in another space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.methods.winograd import TRANSFORMS
from hwio.show.case import pad_widths
from hwio.show.code.pieces import every, index, plain

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.operands import Operands
    from hwio.show.code.script import Script
    from hwio.show.sizes import Shape
    from hwio.types import Array

FREQUENCIES = {1: "u", 2: "uv", 3: "uvs"}


def write_fft(script: Script, case: Case, ops: Operands) -> str:
    """Multiply the spectrum of x by the conjugate one of w: a correlation."""
    geo, w = ops.geo, ops.w
    whole = ops.work.kind == "c"
    forward, back = ("fftn", "ifftn") if whole else ("rfftn", "irfftn")
    if any(d > 1 for d in geo.dilation):
        far = (*geo.reach, *ops.w_shape[-2:])
        zeros = f"np.zeros({far}{', complex' if whole else ''})"
        script.line(f"spread = {zeros}", "taps apart, zeros between")
        script.line(f"spread{index([every(d) for d in geo.dilation])} = {w}")
        w = "spread"
    sizes, first = geo.padded_size, ops.first
    axes = tuple(range(first, first + geo.ndim))
    halved = (*sizes[:-1], sizes[-1] if whole else sizes[-1] // 2 + 1)
    script.line(
        f"x_hat = np.fft.{forward}({ops.x}, axes={axes})", (*ops.lead, *halved, geo.in_channels)
    )
    conj = ".conj()" if whole else ""
    code = f"w_hat = np.fft.{forward}({w}{conj}, {sizes}, axes={tuple(range(geo.ndim))})"
    script.line(f"{code}.conj()", (*halved, *ops.w_shape[-2:]))
    f, n = FREQUENCIES[geo.ndim], "n" * len(ops.lead)
    code = f'y_hat = np.einsum("{n}{f}c,{f}ck->{n}{f}k", x_hat, w_hat)'
    script.line(code, (*ops.lead, *halved, geo.out_channels))
    entries = [":"] * len(ops.lead)
    for out, s, size in zip(geo.out_size, geo.stride, sizes, strict=True):
        end = (out - 1) * s + 1
        entries.append(every(s) if end == size else f":{end}" + (f":{s}" if s > 1 else ""))
    kept = index(entries)
    script.line(f"y = np.fft.{back}(y_hat, {sizes}, axes={axes})")
    if kept:
        script.line(f"y = y{kept}", f"{ops.y_shape}: the rest wrapped round")
    return ops.y_letters


def write_winograd2(script: Script, case: Case, ops: Operands) -> str:
    """F(2, 3) along each axis."""
    return _write_tiles(script, case, ops, 2)


def write_winograd4(script: Script, case: Case, ops: Operands) -> str:
    """F(4, 3) along each axis."""
    return _write_tiles(script, case, ops, 4)


def write_matrices(script: Script, method: str) -> None:
    """Write the matrices of Winograd's transforms; other methods have none."""
    m = {"winograd": 2, "winograd4": 4}.get(method)
    if m is not None:
        to_tile, to_filter, to_output = TRANSFORMS[m]
        _matrix(script, "BT", to_tile)
        _matrix(script, "G", to_filter, {2: 2, 4: 24}[m])
        _matrix(script, "AT", to_output)


def _matrix(script: Script, name: str, rows: Array, divide: int = 1) -> None:
    """Write one of Winograd's small matrices in whole numbers."""
    whole = np.rint(rows * divide).astype(int).tolist()
    end = f" / {divide}" if divide > 1 else ""
    code = f"{name} = np.array({whole}){end}"
    if len(code) > 76:
        lines = "".join(f"\n        {row}," for row in whole)
        code = f"{name} = np.array(\n    [{lines}\n    ]\n){end}"
    script.line(code, rows.shape)


def _write_tiles(script: Script, case: Case, ops: Operands, m: int) -> str:
    """Transform tiles and filters, multiply place by place, transform back."""
    geo, ndim, side = ops.geo, ops.geo.ndim, m + 2
    counts = tuple(-(-out // m) for out in geo.out_size)
    spare = [k * m + 2 - n for k, n in zip(counts, geo.padded_size, strict=True)]
    x = _grown(script, case, ops, spare)
    first = ops.first
    axes = tuple(range(first, first + ndim))
    view = f"tiles = sliding_window_view({x}, {plain((side,) * ndim)}, axis={plain(axes)})"
    steps = index([":"] * first + [every(m)] * ndim)
    tile_shape = (*ops.lead, *counts, geo.in_channels, *(side,) * ndim)
    script.line(f"{view}{steps}", tile_shape)
    _write_products(script, ops, m, counts)
    grown = tuple(k * m for k in counts)
    script.line(f"y = y.reshape{(*ops.lead, *grown, geo.out_channels)}")
    if grown != geo.out_size:
        cut = [
            f":{out}" if out != big else ":" for out, big in zip(geo.out_size, grown, strict=True)
        ]
        script.line(f"y = y{index([':'] * first + cut)}", ops.y_shape)
    return ops.y_letters


def _grown(script: Script, case: Case, ops: Operands, spare: list[int]) -> str:
    """Pad x so that tiles fill it; zero padding that is due comes with it."""
    inside = ops.geo.padded and not case.mode
    if not inside and not any(spare):
        return ops.x
    if inside:
        widths = str(pad_widths(case, ops.x_letters, spare))
    else:
        extra = dict(zip(ops.space, spare, strict=True))
        widths = f"({', '.join(f'(0, {extra.get(a, 0)})' for a in ops.x_letters)})"
    more = dict(zip(ops.space, spare, strict=True))
    of = tuple(n + more.get(a, 0) for n, a in zip(ops.x_shape, ops.x_letters, strict=True))
    note = f"{of}: whole tiles" if any(spare) else str(of)
    script.line(f"grown = np.pad({ops.x}, {widths})", note)
    return "grown"


def _write_products(script: Script, ops: Operands, m: int, counts: tuple[int, ...]) -> None:
    """Write the four sums: tiles and filters there, products, and back."""
    ndim, side = ops.geo.ndim, m + 2
    a, b, i = "def"[:ndim], "pqr"[:ndim], "xyz"[:ndim]  # places, taps, cells of a tile
    t, n = "hij"[:ndim], "n" * len(ops.lead)  # tiles
    c, o = ops.geo.in_channels, ops.geo.out_channels
    spots = (side,) * ndim
    there = ",".join(place + tap for place, tap in zip(a, b, strict=True))
    back = ",".join(cell + place for cell, place in zip(i, a, strict=True))
    mixed = "".join(tile + cell for tile, cell in zip(t, i, strict=True))
    lead = (*ops.lead, *counts)

    def einsum(name: str, subscripts: str, operands: list[str], of: Shape) -> None:
        listed = ", ".join(operands)
        script.line(f'{name} = np.einsum("{subscripts}", {listed}, optimize=True)', of)

    einsum("v", f"{there},{n}{t}c{b}->{a}{n}{t}c", ["BT"] * ndim + ["tiles"], (*spots, *lead, c))
    einsum("u", f"{there},{b}ck->{a}ck", ["G"] * ndim + [ops.w], (*spots, c, o))
    einsum("z", f"{a}{n}{t}c,{a}ck->{a}{n}{t}k", ["v", "u"], (*spots, *lead, o))
    of = (*ops.lead, *(size for k in counts for size in (k, m)), o)
    einsum("y", f"{back},{a}{n}{t}k->{n}{mixed}k", ["AT"] * ndim + ["z"], of)
