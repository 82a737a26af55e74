"""JAX's own call, lax.conv_general_dilated: any order of the axes, named by letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.show.snippets.case import (
    casts,
    dtype_code,
    flipped,
    number,
    order,
    pad_pairs,
    shape,
)
from hwio.show.snippets.numpy_code import bias_code
from hwio.show.snippets.script import Script

if TYPE_CHECKING:
    from hwio.show.snippets.case import Case


def jax_code(case: Case) -> str:
    """Write a convolution for JAX.

    Parameters
    ----------
    case : Case

    Returns
    -------
    str
        Statements that read NumPy arrays x, w (and b) and leave the array y.
    """
    script = Script()
    for line in case.title("JAX"):
        script.note(line)
    if case.work.itemsize // (2 if case.work.kind == "c" else 1) == 8:
        script.line('jax.config.update("jax_enable_x64", True)', "else 64 bits become 32")
    x, x_letters = _write_x(script, case)
    w, w_letters = _write_w(script, case)
    y_letters = case.lay.y if case.lay.batched else "N" + case.lay.y
    _write_call(script, case, x, w, (x_letters, w_letters, y_letters))
    _write_end(script, case)
    return script.text()


def _write_x(script: Script, case: Case) -> tuple[str, str]:
    """Write what x needs: images in front, padding that is not zeros, the dtype."""
    cast, _ = casts(case, case.work, each=True)
    name, letters = "x", case.lay.x
    if case.mode:
        code = f'padded = np.pad(x, {pad_pairs(case, letters)}, mode="{case.mode}")'
        script.line(code, shape(letters, case.x_sizes(padded=True)))
        name = "padded"
    if not case.lay.batched:
        letters = "N" + letters
        of = shape(letters, case.x_sizes(padded=bool(case.mode)))
        script.line(f"images = {name}[None]{cast}", of)
        return "images", letters
    if cast:
        script.line(f"images = {name}{cast}")
        name = "images"
    return name, letters


def _write_w(script: Script, case: Case) -> tuple[str, str]:
    """Write what w needs: depthwise weights as grouped ones, the turn, the dtype."""
    _, cast = casts(case, case.work, each=True)
    lay, letters = case.lay, case.lay.w
    code, grouped, note = "w", "", ""
    if lay.depthwise:
        front = case.space + "CM"
        if front != letters:
            code = f"np.transpose(w, {order(letters, front)})"
        letters = case.space + "IO"
        grouped = f".reshape{case.geo.w_shape}"
        note = "C and M become O, I = 1"
    turned = flipped(case, letters)
    if turned:
        note = f"{note}, turned round" if note else "turned round"
    if not (lay.depthwise or turned or cast):
        return "w", letters
    script.chain("filters", [code, grouped, turned, cast], note)
    return "filters", letters


def _write_call(script: Script, case: Case, x: str, w: str, letters: tuple[str, str, str]) -> None:
    """Write the convolution itself."""
    geo = case.geo
    pads = ((0, 0),) * geo.ndim if case.mode else geo.padding
    # conv_general_dilated counts spatial axes in w's order
    axes = [case.space.index(letter) for letter in letters[1] if letter in case.space]
    arguments = [
        x,
        w,
        f"window_strides={tuple(geo.stride[axis] for axis in axes)}",
        f"padding={tuple(pads[axis] for axis in axes)}",
    ]
    if any(d > 1 for d in geo.dilation):
        arguments.append(f"rhs_dilation={tuple(geo.dilation[axis] for axis in axes)}")
    names = ", ".join(f'"{each}"' for each in letters)
    arguments.append(f"dimension_numbers=({names})")
    if geo.groups > 1:
        arguments.append(f"feature_group_count={geo.groups}")
    of = shape(letters[2], case.y_sizes())
    script.call("y = lax.conv_general_dilated(", arguments, comment=of)


def _write_end(script: Script, case: Case) -> None:
    """Write bias, activation and the way back to an array."""
    if not case.lay.batched:
        script.line("y = y[0]", shape(case.lay.y, case.y_sizes()))
    if case.b is not None:
        script.line(f"y = y + {bias_code(case, case.lay.y)}")
    if case.problem.clip not in (None, (None, None)):
        low, high = case.problem.clip or (None, None)
        if high is None:
            script.line(
                "y = jax.nn.relu(y)" if low == 0 else f"y = jnp.maximum(y, {number(low or 0)})"
            )
        elif low is None:
            script.line(f"y = jnp.minimum(y, {number(high)})")
        else:
            script.line(f"y = jnp.clip(y, {number(low)}, {number(high)})")
    cast = f", {dtype_code(case.problem.result)}" if case.work != case.problem.result else ""
    script.line(f"y = np.asarray(y{cast})")
