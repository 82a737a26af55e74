"""NumPy code for each method: what comes before it, the method itself, what comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.methods import METHODS
from hwio.show.snippets import numpy_sums, numpy_transforms
from hwio.show.snippets.case import (
    casts,
    dtype_code,
    flipped,
    fraction,
    number,
    order,
    pad_pairs,
    shape,
)
from hwio.show.snippets.operands import Operands
from hwio.show.snippets.script import Script

if TYPE_CHECKING:
    from hwio.show.snippets.case import Case, DType

# method -> the function that writes it: f(script, case, operands) -> letters of y
WRITERS = {
    "loop": numpy_sums.write_loop,
    "broadcast": numpy_sums.write_broadcast,
    "einsum": numpy_sums.write_einsum,
    "tensordot": numpy_sums.write_tensordot,
    "im2col": numpy_sums.write_im2col,
    "taps": numpy_sums.write_taps,
    "fft": numpy_transforms.write_fft,
    "winograd": numpy_transforms.write_winograd2,
    "winograd4": numpy_transforms.write_winograd4,
}
# these name axes themselves, so x and w may stay as they are stored
ANY_ORDER = ("einsum", "tensordot")

Clip = tuple[float | None, float | None]


def numpy_code(case: Case) -> str:
    """Write a convolution in plain NumPy, by the method of the case's plan.

    Parameters
    ----------
    case : Case

    Returns
    -------
    str
        Statements that read x, w (and b) and leave y.
    """
    method = case.problem.plan.method
    if method not in WRITERS:
        rule = f"method={method!r} has no snippet yet"
        facts = [f"methods that have one: {', '.join(WRITERS)}"]
        raise OptionError(word(rule, facts, "method='einsum'"))
    script = Script()
    for line in case.title(method):
        script.note(line)
    work = _work(case, method)
    numpy_transforms.write_matrices(script, method)
    operands = _operands(script, case, method, work)
    whole = method in ("loop", "einsum") or (method == "taps" and case.geo.group_channels == 1)
    if case.split and not whole:
        letters = _each_group(script, case, method, operands)
    else:
        letters = WRITERS[method](script, case, operands)
    _finish(script, case, letters, work, transforms=METHODS[method].transforms)
    return script.text()


def empty_code(case: Case) -> str:
    """Write a y that holds no number at all, whatever the method."""
    script = Script()
    for line in case.title("nothing to sum"):
        script.note(line)
    of, dtype = shape(case.lay.y, case.y_sizes()), case.problem.result
    script.line(f"y = np.zeros({of}, {dtype_code(dtype)})")
    return script.text()


def _work(case: Case, method: str) -> DType:
    """Return the dtype of the sums under this method."""
    if METHODS[method].transforms:  # fractions come in: double precision throughout
        return np.dtype(np.complex128 if case.work.kind == "c" else np.float64)
    return case.work


def _operands(script: Script, case: Case, method: str, work: DType) -> Operands:
    """Bring x and w into order, turn the kernel and pad x, each only where the case needs it."""
    lay = case.lay
    to_x, to_w = casts(case, work, each=method == "fft")
    if method.startswith("winograd"):
        to_x = to_w = ""  # its matrices bring double precision
    x_letters, w_letters = lay.x, lay.w
    if method not in ANY_ORDER:
        x_letters = f"{case.n}{case.space}C"
        w_letters = case.space + ("CM" if lay.depthwise else "IO")
    x, w = "x", "w"
    moved = x_letters != lay.x
    if moved or to_x:
        code = f"np.transpose(x, {order(lay.x, x_letters)})" if moved else "x"
        note = f"{lay.x} -> {x_letters}  " * moved
        script.chain("images", [code, to_x], f"{note}{shape(x_letters, case.x_sizes())}")
        x = "images"
    moved = w_letters != lay.w
    turned = flipped(case, w_letters)
    if moved or to_w or turned:
        code = f"np.transpose(w, {order(lay.w, w_letters)})" if moved else "w"
        notes = [f"{lay.w} -> {w_letters}"] * moved + ["turned round"] * bool(turned)
        note = "  ".join([*notes, str(shape(w_letters, case.w_sizes()))])
        script.chain("filters", [code, turned, to_w], note)
        w = "filters"
    own_padding = method.startswith("winograd") and not case.mode
    if case.geo.padded and not own_padding:
        mode = f', mode="{case.mode}"' if case.mode else ""
        code = f"padded = np.pad({x}, {pad_pairs(case, x_letters)}{mode})"
        script.line(code, shape(x_letters, case.x_sizes(padded=True)))
        x = "padded"
    return Operands(x, x_letters, w, w_letters, case.geo, work)


def _each_group(script: Script, case: Case, method: str, operands: Operands) -> str:
    """Write a loop over groups around a method."""
    one = operands.of_group()
    axis_x = operands.x_letters.index("C")
    axis_w = operands.w_letters.index("C" if case.lay.depthwise else "O")
    groups = case.geo.groups
    script.line("parts = []")
    script.call(
        "for xg, wg in zip(",
        [
            f"np.split({operands.x}, {groups}, axis={axis_x})",
            f"np.split({operands.w}, {groups}, axis={axis_w})",
        ],
        "):",
        f"xg {one.x_shape}, wg {one.w_shape}",
    )
    with script.block():
        letters = WRITERS[method](script, case, one)
        script.line("parts.append(y)")
    axis = letters.index("C")
    y_shape = shape(letters, case.y_sizes())
    script.line(f"y = np.concatenate(parts, axis={axis})", y_shape)
    return letters


def _finish(script: Script, case: Case, letters: str, work: DType, *, transforms: bool) -> None:
    """Add the bias, apply the activation, round, and store y in the order asked for."""
    has = work
    result = case.problem.result
    if transforms and case.integers:
        script.line("y = np.rint(y)", "whole numbers again")
    if case.b is not None:
        script.line(f"y = y + {bias_code(case, letters)}")
        has = has if case.integers else np.result_type(has, case.b[1])
    if case.problem.clip not in (None, (None, None)):
        clip = binding(case.problem.clip, has)
        if clip != (None, None):
            script.line(f"y = {activated(clip)}")
        if has.kind in "iu" and fraction(case):
            has = np.dtype(np.float64)
    if has != result:
        wraps = case.integers and result.itemsize < 8 and result.kind in "iu"
        note = "wraps what does not fit" if wraps else ""
        script.line(f"y = y.astype({dtype_code(result)})", note)
    if letters != case.lay.y:
        code = f"y = np.transpose(y, {order(letters, case.lay.y)})"
        script.line(code, f"{letters} -> {case.lay.y}  {shape(case.lay.y, case.y_sizes())}")


def bias_code(case: Case, letters: str) -> str:
    """Write the bias so that it meets the channels of a y with these letters."""
    of, dtype = case.b or ((), case.work)
    after = len(letters) - letters.index("C") - 1
    code = "b"
    if len(of) > 1 and (after or len(of) != len(letters)):
        code = f"b.reshape({', '.join(map(str, (of[-1], *(1,) * after)))})"
    elif after:
        code = f"b[{', '.join([':', *('None',) * after])}]"
    wide = not case.integers or np.result_type(case.work, dtype) == case.work
    return code if wide else f"{code}.astype({dtype_code(case.work)})"


def binding(clip: Clip | None, dtype: DType) -> Clip:
    """Drop the bounds that no number of a dtype can pass; NumPy refuses some of them."""
    low, high = clip or (None, None)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        low = None if low is not None and low <= ends.min else low
        high = None if high is not None and high >= ends.max else high
    return low, high


def activated(clip: Clip | None, y: str = "y") -> str:
    """Write an activation in NumPy."""
    low, high = clip or (None, None)
    if low is None and high is None:
        return y
    if high is None:
        return f"np.maximum({y}, {number(low or 0)})"
    if low is None:
        return f"np.minimum({y}, {number(high)})"
    return f"np.clip({y}, {number(low)}, {number(high)})"
