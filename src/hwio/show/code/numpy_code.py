"""NumPy code for each method: what comes before it, the method itself, what comes after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.methods import METHODS
from hwio.show.case import pad_widths
from hwio.show.code import numpy_sums, numpy_transforms
from hwio.show.code.frame import (
    NUMPY,
    bias_code,
    titled,
    write_activation,
    write_filters,
    write_images,
    write_y,
)
from hwio.show.code.operands import Operands
from hwio.show.code.pieces import casts, dtype_code, fraction
from hwio.show.sizes import shape, x_sizes, y_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.frame import Clip
    from hwio.show.code.pieces import DType
    from hwio.show.code.script import Script

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


def numpy_code(case: Case) -> str:
    """Write a convolution in plain NumPy, by the method of the case's plan."""
    method = case.problem.plan.method
    if method not in WRITERS:
        rule = f"method={method!r} has no snippet yet"
        facts = [f"methods that have one: {', '.join(WRITERS)}"]
        raise OptionError(word(rule, facts, "method='einsum'"))
    script = titled(case, method)
    why = case.problem.plan.reason
    if why.startswith("the twin of "):  # a compiled way was asked for by name
        script.note(f"{why}, which is compiled and has no code in NumPy")
    work = _work(case, method)
    numpy_transforms.write_matrices(script, method)
    operands = _operands(script, case, method, work)
    whole = method in ("loop", "einsum") or (method == "taps" and case.geo.group_channels == 1)
    if case.geo.groups > 1 and not whole:
        letters = _each_group(script, case, method, operands)
    else:
        letters = WRITERS[method](script, case, operands)
    _finish(script, case, letters, work, transforms=METHODS[method].transforms)
    return script.text()


def empty_code(case: Case) -> str:
    """Write a y that holds no number at all, whatever the method."""
    script = titled(case, "nothing to sum")
    script.line(f"y = np.zeros({case.y_shape}, {dtype_code(case.problem.result)})")
    return script.text()


def _work(case: Case, method: str) -> DType:
    """Return the dtype of the sums under this method."""
    if METHODS[method].transforms:  # fractions come in: double precision throughout
        return np.dtype(np.complex128 if case.work.kind == "c" else np.float64)
    return case.work


def _operands(script: Script, case: Case, method: str, work: DType) -> Operands:
    """Bring x and w into order, turn the kernel and pad x, each only where the case needs it."""
    lay = case.layout
    to_x, to_w = casts(case, work, each=method == "fft")
    if method.startswith("winograd"):
        to_x = to_w = ""  # its matrices bring double precision
    x_letters, w_letters = lay.x, lay.w
    if method not in ANY_ORDER:
        x_letters = f"{case.n}{case.space}C"
        w_letters = case.space + ("CM" if lay.depthwise else "IO")
    x = write_images(script, case, "x", x_letters, to_x)
    w = write_filters(script, case, w_letters, to_w)
    own_padding = method.startswith("winograd") and not case.mode
    if case.geo.padded and not own_padding:
        mode = f', mode="{case.mode}"' if case.mode else ""
        code = f"padded = np.pad({x}, {pad_widths(case, x_letters)}{mode})"
        script.line(code, shape(x_letters, x_sizes(case.geo, padded=True)))
        x = "padded"
    return Operands(x, x_letters, w, w_letters, case.geo, work)


def _each_group(script: Script, case: Case, method: str, operands: Operands) -> str:
    """Write a loop over groups around a method."""
    one = operands.of_group()
    axis_x = operands.x_letters.index("C")
    axis_w = operands.w_letters.index("C" if case.layout.depthwise else "O")
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
    y_shape = shape(letters, y_sizes(case.geo))
    script.line(f"y = np.concatenate(parts, axis={axis})", y_shape)
    return letters


def _finish(script: Script, case: Case, letters: str, work: DType, *, transforms: bool) -> None:
    """Add the bias, apply the activation, round, and store y in the order asked for."""
    has = work
    result = case.problem.result
    if transforms and case.integers:
        script.line("y = np.rint(y)", "whole numbers again")
    if case.b_shape is not None:
        script.line(f"y = y + {bias_code(case, letters)}")
        has = has if case.integers else np.result_type(has, case.dtypes[2])
    write_activation(script, binding(case.problem.clip, has), NUMPY)
    if has.kind in "iu" and fraction(case):
        has = np.dtype(np.float64)
    if has != result:
        wraps = case.integers and result.itemsize < 8 and result.kind in "iu"
        note = "wraps what does not fit" if wraps else ""
        script.line(f"y = y.astype({dtype_code(result)})", note)
    write_y(script, case, "y", letters)


def binding(clip: Clip | None, dtype: DType) -> Clip:
    """Drop the bounds that no number of a dtype can pass; NumPy refuses some of them."""
    low, high = clip or (None, None)
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        low = None if low is not None and low <= ends.min else low
        high = None if high is not None and high >= ends.max else high
    return low, high
