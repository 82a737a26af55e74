"""NumPy code of the methods that sum the products themselves."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.layout import transpose_axes
from hwio.show.code.pieces import dtype_code, every, index, plain, sized
from hwio.show.sizes import shape, w_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.operands import Operands
    from hwio.show.code.script import Script
    from hwio.show.sizes import Shape

TAPS = {1: "q", 2: "pq", 3: "rpq"}
CELLS = {1: "j", 2: "ij", 3: "tij"}


def write_loop(script: Script, case: Case, ops: Operands) -> str:
    """One output number at a time."""
    geo = ops.geo
    cells = CELLS[geo.ndim]
    names = ", ".join(["n", *cells, "k"] if ops.lead else [*cells, "k"])
    dtype = "" if ops.work == np.float64 else f", {dtype_code(ops.work)}"
    script.line(f"y = np.empty({ops.y_shape}{dtype})")
    script.line(f"for {names} in np.ndindex{ops.y_shape}:")
    window = ["n"] * len(ops.lead)
    for cell, s, reach, d in zip(cells, geo.stride, geo.reach, geo.dilation, strict=True):
        at = cell if s == 1 else f"{s} * {cell}"
        step = f" : {d}" if d > 1 else ""
        window.append(f"{at} : {at} + {reach}{step}")
    own, of_filter = _loop_channels(script, ops)
    piece = geo.kernel if own and ":" not in own else (*geo.kernel, geo.group_channels)
    with script.block():
        script.call(f"window = {ops.x}[", [*window, own] if own else window, "]", piece)
        filter_k = f"{ops.w}[{', '.join([':'] * geo.ndim)}, {of_filter}]"
        script.line(f"y[{names}] = np.sum(window * {filter_k})", "one number")
    return ops.y_letters


def _loop_channels(script: Script, ops: Operands) -> tuple[str, str]:
    """Write which channels filter k sees; return the last indices of x and of w."""
    geo = ops.geo
    c, each = geo.group_channels, geo.group_filters
    if geo.groups == 1:
        return "", ":, k"
    with script.block():
        if c > 1:
            script.line(f"c = k // {each} * {c}", "first channel of filter k's group")
            return f"c : c + {c}", ":, k"
        own = "k"
        if each > 1:
            script.line(f"c = k // {each}", "the channel of filter k")
            own = "c"
    if "M" in ops.w_letters:
        return own, f"{own}, k % {each}" if each > 1 else "k, 0"
    return own, "0, k"


def write_broadcast(script: Script, case: Case, ops: Operands) -> str:
    """Give the windows a filter axis, multiply, sum."""
    geo = ops.geo
    _windows_last(script, ops)
    products = (*ops.lead, *geo.out_size, *geo.kernel, geo.in_channels, geo.out_channels)
    script.line(f"products = windows[..., None] * {ops.w}", sized(products, ops.work))
    first = len(ops.lead) + geo.ndim
    axes = tuple(range(first, first + geo.ndim + 1))
    script.line(f"y = products.sum(axis={axes})", ops.y_shape)
    return ops.y_letters


def write_tensordot(script: Script, case: Case, ops: Operands) -> str:
    """One sum over the axes that windows and filters share, wherever they stand."""
    letters = _windows(script, ops)  # capitals of x, then taps in small letters
    taps = ops.space.lower()
    of_windows = transpose_axes(letters, taps + "C")
    of_w = transpose_axes(ops.w_letters, ops.space + ops.w_in)
    free = "".join(letter for letter in ops.x_letters if letter != "C") + "C"
    sizes = dict(zip(ops.y_letters, ops.y_shape, strict=True))
    code = f"y = np.tensordot(windows, {ops.w}, axes=({of_windows}, {of_w}))"
    script.line(code, shape(free, sizes))
    return free


def write_im2col(script: Script, case: Case, ops: Operands) -> str:
    """Windows as rows, filters as columns, one matrix product."""
    geo = ops.geo
    cells = prod((*ops.lead, *geo.out_size))
    depth = prod(geo.kernel) * geo.in_channels
    if prod(geo.kernel) == 1:
        steps = [":"] * len(ops.lead) + [every(s) for s in geo.stride]
        rows = f"{ops.x}{index(steps)}"
    else:
        _windows_last(script, ops)
        rows = "windows"
    script.line(f"rows = {rows}.reshape({cells}, {depth})", sized((cells, depth), ops.work))
    columns = f"{ops.w}.reshape({depth}, {geo.out_channels})"
    script.line(f"columns = {columns}", (depth, geo.out_channels))
    script.line(f"y = (rows @ columns).reshape{ops.y_shape}", ops.y_shape)
    return ops.y_letters


def write_taps(script: Script, case: Case, ops: Operands) -> str:
    """One shifted product for each tap."""
    geo = ops.geo
    if geo.group_channels == 1 and geo.groups > 1:
        return _write_depthwise_taps(script, case, ops)
    _start_sum(script, ops, ops.y_shape)
    with script.block():
        tap = ", ".join(TAPS[geo.ndim])
        note = f"(..., {geo.in_channels}) @ {(geo.in_channels, geo.out_channels)}"
        _add_shifted(script, f"{ops.x}{_shifted(ops)}", f"@ {ops.w}[{tap}]", note)
    return ops.y_letters


def _write_depthwise_taps(script: Script, case: Case, ops: Operands) -> str:
    """One shifted product for each tap; every channel meets its own filters."""
    geo, w = ops.geo, ops.w
    channels, each = geo.groups, geo.group_filters
    tap = ", ".join(TAPS[geo.ndim])
    cells = (*ops.lead, *geo.out_size)
    if each == 1:
        own = f"{tap}, :, 0" if "M" in ops.w_letters else f"{tap}, 0"
        _start_sum(script, ops, ops.y_shape)
        with script.block():
            _add_shifted(script, f"{ops.x}{_shifted(ops)}", f"* {w}[{own}]", str((channels,)))
        return ops.y_letters
    if "M" not in ops.w_letters:
        script.line(f"filters = {w}.reshape{(*geo.kernel, channels, each)}", "(..., C, M)")
        w = "filters"
    _start_sum(script, ops, (*cells, channels, each))
    with script.block():
        note = f"(..., {channels}, 1) * {(channels, each)}"
        _add_shifted(script, f"{ops.x}{_shifted(ops, last='None')}", f"* {w}[{tap}]", note)
    script.line(f"y = y.reshape{ops.y_shape}", "channel by channel")
    return ops.y_letters


def _add_shifted(script: Script, view: str, product: str, note: str) -> None:
    """Write y += view times the weights of a tap, in two lines where one is too long."""
    if len(view) + len(product) > 72:
        name, _, entries = view.rstrip("]").partition("[")
        script.call(f"shifted = {name}[", entries.split(", "), "]")
        view = "shifted"
    script.line(f"y += {view} {product}", note)


def _start_sum(script: Script, ops: Operands, of: Shape) -> None:
    """Start y at 0 and open the loop over taps."""
    dtype = "" if ops.work == np.float64 else f", {dtype_code(ops.work)}"
    script.line(f"y = np.zeros({of}{dtype})")
    kernel, taps = ops.geo.kernel, TAPS[ops.geo.ndim]
    every_tap = f"range({kernel[0]})" if len(kernel) == 1 else f"np.ndindex{kernel}"
    script.line(f"for {', '.join(taps)} in {every_tap}:")


def _shifted(ops: Operands, last: str = "") -> str:
    """Write the index of the cells that meet one tap."""
    geo = ops.geo
    entries = [":"] * len(ops.lead)
    axes = zip(TAPS[geo.ndim], geo.out_size, geo.stride, geo.dilation, strict=True)
    for tap, out, s, d in axes:
        at = tap if d == 1 else f"{d} * {tap}"
        step = f" : {s}" if s > 1 else ""
        entries.append(f"{at} : {at} + {(out - 1) * s + 1}{step}")
    return index([*entries, ":", last] if last else entries)


def write_einsum(script: Script, case: Case, ops: Operands) -> str:
    """Name the axes, sum those that vanish; groups are one letter more."""
    geo, lay = ops.geo, case.layout
    if prod(geo.kernel) == 1:  # a window of one cell is the cell
        steps = dict(zip(ops.space, geo.stride, strict=True))
        view = ops.x + index([every(steps.get(letter, 1)) for letter in ops.x_letters])
        name, letters = view, ops.x_letters
    else:
        letters = _windows(script, ops)
        name = "windows"
    taps = dict(zip(ops.space, TAPS[geo.ndim], strict=True))
    small = {t.lower(): taps[t] for t in ops.space}
    of_x = "".join(small.get(letter, letter.lower()) for letter in letters)
    of_w = "".join(taps.get(letter, letter.lower()) for letter in ops.w_letters)
    of_w = of_w.replace("i", "c").replace("o", "k")
    of_y = lay.y.lower().replace("c", "k")
    if geo.groups == 1:
        of_w = of_w.replace("m", "k")  # depthwise of one channel
        script.line(f'y = np.einsum("{of_x},{of_w}->{of_y}", {name}, {ops.w})', case.y_shape)
    else:
        _grouped_einsum(script, case, ops, name, (of_x, of_w, of_y))
    return lay.y


def _grouped_einsum(
    script: Script, case: Case, ops: Operands, name: str, subscripts: tuple[str, str, str]
) -> None:
    """Write einsum with a letter for the group: g, or c itself where a group has one channel."""
    geo, w = ops.geo, ops.w
    of_x, of_w, of_y = subscripts
    each = geo.group_filters
    if geo.group_channels == 1:
        if "M" not in ops.w_letters:  # I = 1 goes, O becomes (C, M)
            parts = {"I": "", "O": "CM"}
            letters = "".join(parts.get(letter, letter) for letter in ops.w_letters)
            sizes = w_sizes(geo) | {"C": geo.groups, "M": each}
            script.line(f"filters = {w}.reshape{shape(letters, sizes)}", letters)
            w, of_w = "filters", of_w.replace("c", "").replace("k", "cm")
        split, of_y = "cm", of_y.replace("k", "c" if each == 1 else "cm")
    else:
        split = "gk"
        of_x = of_x.replace("c", "gc")
        x_sizes = _view_sizes(ops, name)
        at = subscripts[0].index("c")
        halves = (*x_sizes[:at], geo.groups, geo.group_channels, *x_sizes[at + 1 :])
        script.line(f"split = {name}.reshape{halves}", "C into groups")
        name = "split"
        at = of_w.index("k")
        halves = (*ops.w_shape[:at], geo.groups, each, *ops.w_shape[at + 1 :])
        script.line(f"filters = {w}.reshape{halves}", "O into groups")
        w, of_w, of_y = "filters", of_w.replace("k", "gk"), of_y.replace("k", "gk")
    sizes = {"n": geo.n, "g": geo.groups, "c": geo.groups, "k": each, "m": each}
    sizes |= dict(zip(ops.space.lower(), geo.out_size, strict=True))
    script.line(f'y = np.einsum("{of_x},{of_w}->{of_y}", {name}, {w})', shape(of_y, sizes))
    if split in of_y:
        script.line(f"y = y.reshape{case.y_shape}", "groups one after another")


def _view_sizes(ops: Operands, name: str) -> Shape:
    """Return the shape of the windows, or of x itself."""
    geo = ops.geo
    sizes = dict(zip(ops.space, geo.out_size, strict=True)) | {"N": geo.n, "C": geo.in_channels}
    front = shape(ops.x_letters, sizes)
    return (*front, *geo.kernel) if name == "windows" else front


def _windows(script: Script, ops: Operands) -> str:
    """Write the view of every window; return its letters, taps in small ones."""
    geo = ops.geo
    axes = transpose_axes(ops.x_letters, ops.space)
    view = f"sliding_window_view({ops.x}, {plain(geo.reach)}, axis={plain(axes)})"
    steps = dict(zip(ops.space, geo.stride, strict=True))
    cells = [every(steps.get(letter, 1)) for letter in ops.x_letters]
    taps = [every(d) for d in geo.dilation]
    chosen = index([*cells, *taps])
    size = _view_sizes(ops, "windows")
    if len(view) + len(chosen) < 60 or not chosen:
        script.line(f"windows = {view}{chosen}", size)
    else:
        script.line(f"windows = {view}")
        script.line(f"windows = windows{chosen}", size)
    return ops.x_letters + ops.space.lower()


def _windows_last(script: Script, ops: Operands) -> None:
    """Write the view of every window with its channels last."""
    _windows(script, ops)
    geo = ops.geo
    size = (*ops.lead, *geo.out_size, *geo.kernel, geo.in_channels)
    script.line(f"windows = np.moveaxis(windows, {len(ops.lead) + geo.ndim}, -1)", size)
