"""TensorFlow's own call: NHWC × HWIO, padding in words or as explicit pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.shapes.padding import resolve_padding
from hwio.show.code.frame import (
    Activation,
    flat_bias,
    refuse_complex,
    titled,
    write_activation,
    write_filters,
    write_images,
    write_padded,
    write_y,
)
from hwio.show.code.pieces import cast_to, casts, dtype_code, every, index, plain
from hwio.show.sizes import shape, w_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.pieces import DType
    from hwio.show.code.script import Script
    from hwio.show.sizes import Shape

TENSORFLOW = Activation(
    "tf.nn.relu(y)", "tf.maximum(y, {})", "tf.minimum(y, {})", "tf.clip_by_value(y, {}, {})"
)


def tensorflow_code(case: Case) -> str:
    """Write a convolution for TensorFlow, which refuses complex numbers and x without channels."""
    if not case.geo.in_channels:
        rule = f"TensorFlow does not convolve x {case.x_shape}"
        raise OptionError(word(rule, ["x has no channels"], 'to="numpy"'))
    refuse_complex(case, "TensorFlow")
    script = titled(case, "TensorFlow")
    work = case.work
    if case.integers:
        work = np.dtype(np.float64)
        script.note("TensorFlow convolves no wider integers than int32, which wrap;")
        script.note("float64 holds whole numbers exactly below 2**53")
    elif _errs_in_float32(case):
        work = np.dtype(np.float64)
        script.note("float64: with oneDNN, TensorFlow 2.21's float32 is wrong for 3-D, one channel")
        script.note("and unequal strides")
    cast, _ = casts(case, work, each=True)
    x = write_images(script, case, write_padded(script, case), "N" + case.space + "C", cast)
    depthwise = _serves_depthwise(case)
    w = _write_w(script, case, work, depthwise=depthwise)
    x, padding = _write_padding(script, case, x)
    if depthwise:
        _write_depthwise(script, case, x, w, padding)
    else:
        _write_call(script, case, x, w, padding)
    _write_end(script, case, work)
    return script.text()


def _errs_in_float32(case: Case) -> bool:
    """Tell a case that TensorFlow 2.21 gets wrong by whole numbers unless TF_ENABLE_ONEDNN_OPTS=0."""
    geo = case.geo
    unequal = len(set(geo.stride)) > 1
    return geo.ndim == 3 and geo.group_channels == 1 and unequal and case.work == np.float32


def _serves_depthwise(case: Case) -> bool:
    """Tell whether tf.nn.depthwise_conv2d can do it: 2-D, one stride, no stride with dilation."""
    geo = case.geo
    if geo.ndim != 2 or geo.groups == 1 or geo.group_channels != 1:
        return False
    return len(set(geo.stride)) == 1 and (geo.stride == (1, 1) or geo.dilation == (1, 1))


def _write_w(script: Script, case: Case, work: DType, *, depthwise: bool) -> str:
    """Write w as HWIO, or as HWCM for the depthwise call; return its name."""
    _, cast = casts(case, work, each=True)
    lay, geo = case.layout, case.geo
    letters = case.space + ("CM" if lay.depthwise else "IO")
    regroup = None
    if depthwise and not lay.depthwise:
        regroup = (*geo.kernel, geo.groups, geo.group_filters), "O into C and M"
    elif lay.depthwise and not depthwise and geo.groups > 1:
        regroup = geo.w_shape, "C and M become O, I = 1"
    name = write_filters(script, case, letters, cast, regroup)
    of = regroup[0] if regroup else shape(letters, w_sizes(geo))
    return _spread(script, case, name, of, work)


def _spread(script: Script, case: Case, w: str, of: Shape, work: DType) -> str:
    """Write zeros between the taps where the call has no dilation."""
    geo = case.geo
    if geo.ndim < 3 or all(d == 1 for d in geo.dilation):
        return w
    dtype = "" if work == np.float64 else f", {dtype_code(work)}"
    far = (*geo.reach, *of[geo.ndim :])
    script.line(f"spread = np.zeros({far}{dtype})", "conv3d has no dilation on the CPU:")
    script.line(
        f"spread{index([every(d) for d in geo.dilation])} = {w}", "taps apart, zeros between"
    )
    return "spread"


def _write_padding(script: Script, case: Case, x: str) -> tuple[str, str]:
    """Return x and the argument: VALID, SAME, or pairs; only 2-D calls take pairs."""
    geo = case.geo
    if case.mode or not geo.padded:
        return x, '"VALID"'
    same = resolve_padding("same", geo.in_size, geo.kernel, geo.stride, geo.dilation, geo.letters)
    if geo.padding == same and not _leaves_rest(case):
        return x, '"SAME"'
    pairs = [[0, 0], *map(list, geo.padding), [0, 0]]
    if geo.ndim == 2:
        return x, str(pairs)
    script.line(f"padded = tf.pad({x}, {pairs})", "only 2-D calls take pairs")
    return "padded", '"VALID"'


def _leaves_rest(case: Case) -> bool:
    """Tell a 3-D case whose windows end before x does: there TensorFlow 2.21's SAME errs."""
    geo = case.geo
    if geo.ndim < 3:
        return False
    axes = zip(geo.out_size, geo.stride, geo.reach, geo.padded_size, strict=True)
    return any((out - 1) * s + reach < size for out, s, reach, size in axes)


def _write_depthwise(script: Script, case: Case, x: str, w: str, padding: str) -> None:
    """Write the call for filters that see one channel each."""
    geo = case.geo
    s, d = geo.stride[0], geo.dilation
    arguments = [x, w, f"strides=[1, {s}, {s}, 1]", f"padding={padding}"]
    if d != (1, 1):
        arguments.append(f"dilations={d}")
    script.call("y = tf.nn.depthwise_conv2d(", arguments, comment=geo.y_shape)


def _write_call(script: Script, case: Case, x: str, w: str, padding: str) -> None:
    """Write the call, one for each group where there are groups."""
    geo = case.geo
    options = [_steps(case), f"padding={padding}"]
    if geo.ndim < 3 and any(d > 1 for d in geo.dilation):
        options.append(f"dilations={plain(geo.dilation)}")
    start = f"tf.nn.conv{geo.ndim}d("
    if geo.groups == 1:
        script.call(f"y = {start}", [x, w, *options], comment=geo.y_shape)
        return
    script.note("one call per group: not every TensorFlow has groups on the CPU")
    script.line("parts = []")
    script.call(
        "for xg, wg in zip(",
        [f"tf.split({x}, {geo.groups}, axis=-1)", f"tf.split({w}, {geo.groups}, axis=-1)"],
        "):",
    )
    with script.block():
        script.call(f"y = {start}", ["xg", "wg", *options])
        script.line("parts.append(y)")
    script.line("y = tf.concat(parts, axis=-1)", geo.y_shape)


def _steps(case: Case) -> str:
    """Write the strides in the form of each call."""
    stride = case.geo.stride
    if case.geo.ndim == 1:
        return f"stride={stride[0]}"
    if case.geo.ndim == 3:
        return f"strides={(1, *stride, 1)}"
    return f"strides={stride[0] if len(set(stride)) == 1 else stride}"


def _write_end(script: Script, case: Case, work: DType) -> None:
    """Write bias, activation and the way back to an array."""
    if case.b_shape is not None:
        script.line(f"y = tf.nn.bias_add(y, {flat_bias(case, work)})")
    write_activation(script, case.problem.clip, TENSORFLOW)
    cast = cast_to(case.problem.result, work)
    write_y(script, case, "y.numpy()", "N" + case.space + "C", cast)
