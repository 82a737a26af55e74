"""PyTorch's own call: NCHW × OIHW, padding on both sides alike or through F.pad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.show.snippets.case import (
    casts,
    dtype_code,
    fraction,
    number,
    order,
    pad_pairs,
    plain,
    shape,
)
from hwio.show.snippets.script import Script

if TYPE_CHECKING:
    from hwio.show.snippets.case import Case, DType

# np.pad's word -> F.pad's; what it lacks is padded in NumPy
_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def torch_code(case: Case) -> str:
    """Write a convolution for PyTorch.

    Parameters
    ----------
    case : Case

    Returns
    -------
    str
        Statements that read NumPy arrays x, w (and b) and leave the array y.

    Raises
    ------
    OptionError
        If x has an axis without cells: PyTorch does not convolve that.
    """
    if 0 in case.x_sizes().values():
        rule = f"PyTorch does not convolve x {shape(case.lay.x, case.x_sizes())}"
        raise OptionError(word(rule, ["an axis has no cells"], 'to="numpy"'))
    script = Script()
    for line in case.title("PyTorch"):
        script.note(line)
    if case.integers:
        script.note("whole numbers in 64 bits: narrower ones would wrap, floats would round")
    work = _work(case)
    to_x, to_w = casts(case, work, each=True)
    x_letters = _write_x(script, case, to_x)
    _write_w(script, case, to_w)
    padding = _write_padding(script, case, x_letters)
    _write_call(script, case, padding)
    _write_end(script, case, x_letters)
    return script.text()


def _work(case: Case) -> DType:
    """Return the dtype of the tensors; PyTorch convolves no unsigned 64-bit numbers."""
    return np.dtype(np.int64) if case.integers else case.work


def _write_x(script: Script, case: Case, cast: str) -> str:
    """Write x as a tensor in PyTorch's order; return its letters."""
    letters = f"{case.n}C{case.space}"
    name = "x"
    if case.mode and not _pads_itself(case):
        name = "padded"
        code = f'padded = np.pad(x, {pad_pairs(case, case.lay.x)}, mode="{case.mode}")'
        why = "F.pad has no such mode" if case.mode not in _MODES else "F.pad is for floats here"
        script.line(code, why)
    tensor = f"torch.from_numpy({name}{cast})"
    moved, note = "", ""
    if letters != case.lay.x:
        moved, note = f".permute{order(case.lay.x, letters)}", f"{case.lay.x} -> {letters}  "
    sizes = case.x_sizes(padded=name == "padded")
    script.chain("images", [tensor, moved], f"{note}{shape(letters, sizes)}")
    return letters


def _write_w(script: Script, case: Case, cast: str) -> None:
    """Write w as a tensor in PyTorch's order, turned round if asked."""
    lay, geo = case.lay, case.geo
    letters = ("CM" if lay.depthwise else "OI") + case.space
    moved = f".permute{order(lay.w, letters)}" if letters != lay.w else ""
    note = f"{lay.w} -> {letters}  {shape(letters, case.w_sizes())}"
    note = note if moved else str(shape(letters, case.w_sizes()))
    script.chain("filters", [f"torch.from_numpy(w{cast})", moved], note)
    if lay.depthwise:
        of = (geo.out_channels, 1, *geo.kernel)
        script.line(f"filters = filters.reshape{of}", "C and M become O, I = 1")
    if case.problem.flip:
        axes = tuple(range(2, 2 + geo.ndim))
        script.line(f"filters = filters.flip({', '.join(map(str, axes))})", "turned round")
    if case.split and moved:  # seen with channels-last images and an axis of 1 in the filters
        script.line("filters = filters.contiguous()", "PyTorch 2.13 errs on some grouped views")


def _pads_itself(case: Case) -> bool:
    """Tell whether F.pad has the mode, for this dtype."""
    return case.mode in _MODES and case.work.kind == "f"


def _write_padding(script: Script, case: Case, letters: str) -> str:
    """Write F.pad where padding= does not do; return the argument for conv."""
    geo = case.geo
    if not geo.padded or (case.mode and not _pads_itself(case)):
        return ""
    even = all(low == high for low, high in geo.padding)
    if even and not case.mode:
        return f"padding={plain([low for low, _ in geo.padding])}"
    flat = tuple(side for pair in reversed(geo.padding) for side in pair)
    mode = f', mode="{_MODES[case.mode]}"' if case.mode else ""
    script.line(f"images = F.pad(images, {flat}{mode})", "(low, high) of the last axis first")
    return ""


def _write_call(script: Script, case: Case, padding: str) -> None:
    """Write the convolution itself."""
    geo = case.geo
    arguments = ["images", "filters"]
    if case.b is not None:
        flat = f".reshape({geo.out_channels})" if len(case.b[0]) > 1 else ""
        work = _work(case)
        cast = f".astype({dtype_code(work)})" if case.b[1] != work else ""
        arguments.append(f"torch.from_numpy(b{flat}{cast})")
    if any(s > 1 for s in geo.stride):
        arguments.append(f"stride={plain(geo.stride)}")
    if padding:
        arguments.append(padding)
    if any(d > 1 for d in geo.dilation):
        arguments.append(f"dilation={plain(geo.dilation)}")
    if geo.groups > 1:
        arguments.append(f"groups={geo.groups}")
    of = shape(f"{case.n}C{case.space}", case.y_sizes())
    script.call(f"y = F.conv{geo.ndim}d(", arguments, comment=of)


def _write_end(script: Script, case: Case, letters: str) -> None:
    """Write the activation and the way back to an array."""
    if case.problem.clip not in (None, (None, None)):
        low, high = case.problem.clip or (None, None)
        if case.integers and fraction(case):
            script.line("y = y.double()", "bounds between whole numbers")
        if high is None:
            script.line("y = F.relu(y)" if low == 0 else f"y = y.clamp(min={number(low or 0)})")
        elif low is None:
            script.line(f"y = y.clamp(max={number(high)})")
        else:
            script.line(f"y = y.clamp({number(low)}, {number(high)})")
    moved, note = "", ""
    if letters != case.lay.y:
        moved, note = f".permute{order(letters, case.lay.y)}", f"{letters} -> {case.lay.y}  "
    has = _work(case) if not fraction(case) else np.dtype(np.float64)
    result = case.problem.result
    cast = (
        f".astype({dtype_code(result)})" if (has if case.integers else case.work) != result else ""
    )
    script.line(f"y = y{moved}.numpy(){cast}", f"{note}{shape(case.lay.y, case.y_sizes())}")
