"""TensorFlow's own call: NHWC × HWIO, padding in words or as explicit pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hwio.errors import OptionError, word
from hwio.shapes.padding import resolve_padding
from hwio.show.snippets.case import (
    casts,
    dtype_code,
    every,
    flipped,
    index,
    number,
    order,
    pad_pairs,
    plain,
    shape,
)
from hwio.show.snippets.script import Script

if TYPE_CHECKING:
    from hwio.show.snippets.case import Case, DType, Shape


def tensorflow_code(case: Case) -> str:
    """Write a convolution for TensorFlow.

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
        If the numbers are complex, or x has no channels: TensorFlow refuses both.
    """
    if case.geo.in_channels == 0:
        rule = f"TensorFlow does not convolve x {shape(case.lay.x, case.x_sizes())}"
        raise OptionError(word(rule, ["x has no channels"], 'to="numpy"'))
    if case.work.kind == "c":
        rule = f"TensorFlow has no convolution of {case.work} numbers"
        raise OptionError(word(rule, [], "to='jax'   or   to='torch'   or   to='numpy'"))
    script = Script()
    for line in case.title("TensorFlow"):
        script.note(line)
    work = case.work
    if case.integers:
        work = np.dtype(np.float64)
        script.note("TensorFlow convolves no wider integers than int32, which wrap;")
        script.note("float64 holds whole numbers exactly below 2**53")
    elif _errs_in_float32(case):
        work = np.dtype(np.float64)
        script.note("float64: with oneDNN, TensorFlow 2.21's float32 is wrong for 3-D, one channel")
        script.note("and unequal strides")
    x = _write_x(script, case, work)
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


def _write_x(script: Script, case: Case, work: DType) -> str:
    """Write x as NHWC, padded here where the padding is not zeros; return its name."""
    cast, _ = casts(case, work, each=True)
    lay, name, letters = case.lay, "x", case.n + case.space + "C"
    if case.mode:
        code = f'padded = np.pad(x, {pad_pairs(case, lay.x)}, mode="{case.mode}")'
        script.line(code, shape(lay.x, case.x_sizes(padded=True)))
        name = "padded"
    code, note = name, ""
    if letters != lay.x:
        code, note = f"np.transpose({name}, {order(lay.x, letters)})", f"{lay.x} -> {letters}  "
    one = "" if lay.batched else "[None]"
    if not one and not cast and code == name:
        return name
    letters = "N" + case.space + "C"
    sizes = case.x_sizes(padded=bool(case.mode))
    script.chain("images", [code, one, cast], f"{note}{shape(letters, sizes)}")
    return "images"


def _serves_depthwise(case: Case) -> bool:
    """Tell whether tf.nn.depthwise_conv2d can do it: 2-D, one stride, no stride with dilation."""
    geo = case.geo
    if geo.ndim != 2 or geo.groups == 1 or geo.group_channels != 1:
        return False
    return len(set(geo.stride)) == 1 and (geo.stride == (1, 1) or geo.dilation == (1, 1))


def _write_w(script: Script, case: Case, work: DType, *, depthwise: bool) -> str:
    """Write w as HWIO, or as HWCM for the depthwise call; return its name."""
    _, cast = casts(case, work, each=True)
    lay, geo = case.lay, case.geo
    letters = case.space + ("CM" if lay.depthwise else "IO")
    code, other, notes = "w", "", []
    if letters != lay.w:
        code, notes = f"np.transpose(w, {order(lay.w, letters)})", [f"{lay.w} -> {letters}"]
    of = shape(letters, case.w_sizes())
    if depthwise and not lay.depthwise:
        of = (*geo.kernel, geo.groups, geo.group_filters)
        other, notes = f".reshape{of}", [*notes, "O into C and M"]
    elif lay.depthwise and not depthwise and geo.groups > 1:
        of = geo.w_shape
        other, notes = f".reshape{of}", [*notes, "C and M become O, I = 1"]
    turned = flipped(case, letters)
    if turned:
        notes.append("turned round")
    name = "w"
    if code != "w" or other or turned or cast:
        name = "filters"
        script.chain(name, [code, other, turned, cast], "  ".join([*notes, str(of)]))
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
    lay, letters = case.lay, "N" + case.space + "C"
    if case.b is not None:
        flat = f".reshape({case.geo.out_channels})" if len(case.b[0]) > 1 else ""
        cast = f".astype({dtype_code(work)})" if case.b[1] != work else ""
        script.line(f"y = tf.nn.bias_add(y, b{flat}{cast})")
    if case.problem.clip not in (None, (None, None)):
        low, high = case.problem.clip or (None, None)
        if high is None:
            script.line(
                "y = tf.nn.relu(y)" if low == 0 else f"y = tf.maximum(y, {number(low or 0)})"
            )
        elif low is None:
            script.line(f"y = tf.minimum(y, {number(high)})")
        else:
            script.line(f"y = tf.clip_by_value(y, {number(low)}, {number(high)})")
    code = "y.numpy()"
    if not lay.batched:
        code, letters = f"{code}[0]", letters[1:]
    note = ""
    if letters != lay.y:
        code, note = f"np.transpose({code}, {order(letters, lay.y)})", f"{letters} -> {lay.y}  "
    cast = f".astype({dtype_code(case.problem.result)})" if work != case.problem.result else ""
    script.line(f"y = {code}{cast}", f"{note}{shape(lay.y, case.y_sizes())}")
