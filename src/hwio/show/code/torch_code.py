"""PyTorch's own call: NCHW × OIHW, padding on both sides alike or through F.pad."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.show.code.frame import (
    Activation,
    flat_bias,
    noted,
    titled,
    write_activation,
    write_padded,
)
from hwio.show.code.pieces import cast_to, casts, fraction, order, plain
from hwio.show.sizes import shape, w_sizes, x_sizes, y_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.pieces import DType
    from hwio.show.code.script import Script

TORCH = Activation("F.relu(y)", "y.clamp(min={})", "y.clamp(max={})", "y.clamp({}, {})")
# np.pad's word -> F.pad's; what it lacks is padded in NumPy
_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def torch_code(case: Case) -> str:
    """Write a convolution for PyTorch, which refuses an x that has an axis without cells."""
    if 0 in case.x_shape:
        rule = f"PyTorch does not convolve x {case.x_shape}"
        raise OptionError(word(rule, ["an axis has no cells"], 'to="numpy"'))
    script = titled(case, "PyTorch")
    if case.integers:
        script.note("whole numbers in 64 bits: narrower ones would wrap, floats would round")
    to_x, to_w = casts(case, _work(case), each=True)
    letters = f"{case.n}C{case.space}"
    _write_x(script, case, letters, to_x)
    _write_w(script, case, to_w)
    padding = _write_padding(script, case)
    _write_call(script, case, padding)
    _write_end(script, case, letters)
    return script.text()


def _work(case: Case) -> DType:
    """Return the dtype of the tensors; PyTorch convolves no unsigned 64-bit numbers."""
    return np.dtype(np.int64) if case.integers else case.work


def _permuted(source: str, target: str) -> tuple[str, str]:
    """Write a change of the order of axes, and the note that names it."""
    if source == target:
        return "", ""
    return f".permute{order(source, target)}", f"{source} -> {target}"


def _write_x(script: Script, case: Case, letters: str, cast: str) -> None:
    """Write x as a tensor in PyTorch's order."""
    why = "F.pad has no such mode" if case.mode not in _MODES else "F.pad is for floats here"
    name = "x" if _pads_itself(case) else write_padded(script, case, why)
    moved, note = _permuted(case.layout.x, letters)
    of = shape(letters, x_sizes(case.geo, padded=name == "padded"))
    script.chain("images", [f"torch.from_numpy({name}{cast})", moved], noted(note, of))


def _write_w(script: Script, case: Case, cast: str) -> None:
    """Write w as a tensor in PyTorch's order, turned round if asked."""
    lay, geo = case.layout, case.geo
    letters = ("CM" if lay.depthwise else "OI") + case.space
    moved, note = _permuted(lay.w, letters)
    comment = noted(note, shape(letters, w_sizes(geo)))
    script.chain("filters", [f"torch.from_numpy(w{cast})", moved], comment)
    if lay.depthwise:
        of = (geo.out_channels, 1, *geo.kernel)
        script.line(f"filters = filters.reshape{of}", "C and M become O, I = 1")
    if case.problem.flip:
        axes = tuple(range(2, 2 + geo.ndim))
        script.line(f"filters = filters.flip({', '.join(map(str, axes))})", "turned round")
    if geo.groups > 1 and moved:  # seen with channels-last images and an axis of 1 in the filters
        script.line("filters = filters.contiguous()", "PyTorch 2.13 errs on some grouped views")


def _pads_itself(case: Case) -> bool:
    """Tell whether F.pad has the mode, for this dtype."""
    return case.mode in _MODES and case.work.kind == "f"


def _write_padding(script: Script, case: Case) -> str:
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
    if case.b_shape is not None:
        arguments.append(f"torch.from_numpy({flat_bias(case, _work(case))})")
    if any(s > 1 for s in geo.stride):
        arguments.append(f"stride={plain(geo.stride)}")
    if padding:
        arguments.append(padding)
    if any(d > 1 for d in geo.dilation):
        arguments.append(f"dilation={plain(geo.dilation)}")
    if geo.groups > 1:
        arguments.append(f"groups={geo.groups}")
    of = shape(f"{case.n}C{case.space}", y_sizes(geo))
    script.call(f"y = F.conv{geo.ndim}d(", arguments, comment=of)


def _write_end(script: Script, case: Case, letters: str) -> None:
    """Write the activation and the way back to an array."""
    has = _work(case)
    if case.integers and fraction(case):
        script.line("y = y.double()", "bounds between whole numbers")
        has = np.dtype(np.float64)
    write_activation(script, case.problem.clip, TORCH)
    moved, note = _permuted(letters, case.layout.y)
    cast = cast_to(case.problem.result, has)
    script.line(f"y = y{moved}.numpy(){cast}", noted(note, case.y_shape))
