"""JAX's own call, lax.conv_general_dilated: any order of the axes, named by letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.show.code.frame import (
    Activation,
    bias_code,
    titled,
    write_activation,
    write_images,
    write_padded,
)
from hwio.show.code.pieces import casts, dtype_code, flipped, order
from hwio.show.sizes import shape, y_sizes

if TYPE_CHECKING:
    from hwio.show.case import Case
    from hwio.show.code.script import Script

JAX = Activation(
    "jax.nn.relu(y)", "jnp.maximum(y, {})", "jnp.minimum(y, {})", "jnp.clip(y, {}, {})"
)


def jax_code(case: Case) -> str:
    """Write a convolution for JAX."""
    script = titled(case, "JAX")
    if case.work.itemsize // (2 if case.work.kind == "c" else 1) == 8:
        script.line('jax.config.update("jax_enable_x64", True)', "else 64 bits become 32")
    x, x_letters = _write_x(script, case)
    w, w_letters = _write_w(script, case)
    y_letters = case.layout.y if case.layout.batched else "N" + case.layout.y
    _write_call(script, case, x, w, (x_letters, w_letters, y_letters))
    _write_end(script, case)
    return script.text()


def _write_x(script: Script, case: Case) -> tuple[str, str]:
    """Write what x needs: padding that is not zeros, images in front, the dtype."""
    cast, _ = casts(case, case.work, each=True)
    name, letters = write_padded(script, case), case.layout.x
    if not case.layout.batched:
        return write_images(script, case, name, "N" + letters, cast), "N" + letters
    if cast:
        script.line(f"images = {name}{cast}")
        name = "images"
    return name, letters


def _write_w(script: Script, case: Case) -> tuple[str, str]:
    """Write what w needs: depthwise weights as grouped ones, the turn, the dtype."""
    _, cast = casts(case, case.work, each=True)
    lay, letters = case.layout, case.layout.w
    code, grouped, note = "w", "", ""
    if lay.depthwise:
        front = case.space + "CM"
        if front != letters:
            code = f"np.transpose(w, {order(letters, front)})"
        letters = case.space + "IO"
        grouped = f".reshape{case.geo.w_shape}"
        note = "C and M become O, I = 1"
    turned = flipped(case, letters)
    if not (lay.depthwise or turned or cast):
        return "w", letters
    comment = ", ".join(part for part in (note, "turned round" if turned else "") if part)
    script.chain("filters", [code, grouped, turned, cast], comment)
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
    of = shape(letters[2], y_sizes(geo))
    script.call("y = lax.conv_general_dilated(", arguments, comment=of)


def _write_end(script: Script, case: Case) -> None:
    """Write bias, activation and the way back to an array."""
    if not case.layout.batched:
        script.line("y = y[0]", case.y_shape)
    if case.b_shape is not None:
        script.line(f"y = y + {bias_code(case, case.layout.y)}")
    write_activation(script, case.problem.clip, JAX)
    cast = f", {dtype_code(case.problem.result)}" if case.work != case.problem.result else ""
    script.line(f"y = np.asarray(y{cast})")
