"""The words for gradients whose x, w and dy don't fit: a forgotten option, or another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import HwioError, show, word
from hwio.fixes import retell
from hwio.ops.arrays import is_shape
from hwio.ops.check import geometry_of
from hwio.ops.exchanged import refuse_exchanged
from hwio.ops.forgotten import conv_changes, forgotten, told
from hwio.ops.keywords import OPTIONS
from hwio.ops.memory import stored_shape
from hwio.ops.missing import one_number
from hwio.ops.places import spoken, written_call
from hwio.shapes.geometry import arithmetic
from hwio.shapes.layout import ACTIVATION_LAYOUTS, describe, read_layout

if TYPE_CHECKING:
    from hwio.ops.backward import Backward
    from hwio.shapes.geometry import Geometry
    from hwio.types import Array

Shape = tuple[int, ...]


def other_dy(
    problem: Backward, dy: Array, shapes: tuple[Shape, Shape], options: dict[str, Any]
) -> str:
    """Word a dy that is not of y's shape; offer the options, or the order, in which it would be.

    Parameters
    ----------
    problem : Backward
    dy : array
    shapes : pair of tuple of int
        Of x and w.
    options : dict
        Those of ``geometry_of`` as they were given.
    """
    lay, geo, shape = problem.layout, problem.geometry, dy.shape
    right = stored_shape(geo, lay)
    rule = f"dy has shape {shape}, but y has {right}"
    own = f"y  {describe(right, lay.y)}, so dy is that too"
    if shape == ():
        return one_number(right)
    if shape == (geo.out_channels,):
        facts = [own, "it has a bias's shape: no bias is needed, for db is the sum of dy"]
        return word(rule, facts, f"dy=np.ones({right})   # of a loss that is the sum of y")
    one = _one_image(shape, right, shapes[0], lay.x[0] == lay.y[0] == "N")
    if one:
        return word(rule, [own], one)
    axes = zip(
        geo.letters, geo.in_size, geo.padding, geo.kernel, geo.dilation, geo.stride, strict=True
    )
    facts = [f"{axis}  {arithmetic(n, pair, k, d, s)}" for axis, n, pair, k, d, s in axes]
    fixes = []
    n = "N" if lay.batched else ""
    for name in ACTIVATION_LAYOUTS[geo.ndim]:
        letters = name if n else name.replace("N", "")
        sizes = dict(zip(lay.y, right, strict=True))
        if letters != lay.y and tuple(sizes[a] for a in letters) == shape:
            fixes.append(f'layout="{lay.x},{lay.w}->{letters}"')
    said = [own]
    if not fixes:
        fixes = forgotten(shape, options, conv_changes(), _sizes_of(shapes))
        said = told(fixes) or said
    return word(rule, [*facts, *said], fixes or f"dy of shape {right}")


def _sizes_of(shapes: tuple[Shape, Shape]) -> Callable[[dict[str, Any]], tuple[Shape, Geometry]]:
    """Return the function from options to y's shape and all sizes."""

    def y_of(options: dict[str, Any]) -> tuple[Shape, Geometry]:
        geo = geometry_of(*shapes, **options)
        return stored_shape(geo, read_layout(options.get("layout"), *shapes)), geo

    return y_of


def _one_image(shape: Shape, right: Shape, x: Shape, batched: bool) -> str | None:
    """Offer N for a dy that lacks it, or the images that dy has."""
    if not batched:
        return None
    if shape == right[1:]:
        few = "" if right[0] == 1 else "   and   x = x[:1]"
        return f"dy = dy[None]{few}   # one image"
    if len(shape) == len(right) and shape[1:] == right[1:] and shape[0] and right[0]:
        return f"x = x[:{shape[0]}]" if shape[0] < x[0] else f"dy = dy[:{right[0]}]"
    return None


def reread(
    error: HwioError, function: Callable[..., Any], given: dict[str, Any], options: dict[str, Any]
) -> None:
    """Put into an error what x, w and dy seem to be, where they fit in another order.

    Parameters
    ----------
    error : HwioError
        To be raised again.
    function : callable
        ``conv_grad`` or a layer's ``grad``.
    given : dict
        Its ``locals()``, with what was given or arrays made of it.
    options : dict
        Those of ``geometry_of``.
    """
    w = given["w"] if "w" in given else given["self"].w
    if isinstance(w, tuple | list) and any(isinstance(each, np.ndarray) for each in w):
        _tell_cache(error, function, given, w)
    elif given["dy"] is not None:

        def fit(x: Any, w: Any, dy: Any) -> bool:
            shapes = [_shape(each) for each in (x, w, dy)]
            if None in shapes or isinstance(dy, tuple):
                return False
            y_shape, _ = _sizes_of((shapes[0], shapes[1]))(options)  # type: ignore[arg-type]
            return y_shape == shapes[2]

        if "w" in given:
            refuse_exchanged(error, function, given, ("x", "w", "dy"), fit)
        else:
            refuse_exchanged(error, function, given, ("x", "dy"), lambda x, dy: fit(x, w, dy))
    else:
        _tell_dy_alone(error, function, given, w, options)


def retell_for_layer(error: HwioError, options: dict[str, Any], b: Array | None) -> None:
    """Say options that a layer's grad would need as those of a layer made anew.

    Parameters
    ----------
    error : HwioError
        To be raised again.
    options : dict
        The layer's own.
    b : array or None
        The layer's own.
    """

    def say(fix: str) -> str:
        name, is_option, _ = fix.partition("=")
        if not is_option or name not in OPTIONS:
            return fix
        kept = [f"{own}={show(value)}" for own, value in options.items() if f"{own}=" not in fix]
        args = ["w", *([] if b is None else ["b"]), *kept, fix]
        return f"hwio.prepare({', '.join(args)}).grad(x, dy)"

    if str(error).startswith("dy has shape "):
        error.args = (retell(str(error), say),)


def _shape(value: Any) -> Shape | None:
    """Return the shape of an array, or the shape that stands for one."""
    shape: Shape | None = value.shape if isinstance(value, np.ndarray) else None
    return value if is_shape(value) else shape


def _tell_cache(
    error: HwioError, function: Callable[..., Any], given: dict[str, Any], w: Any
) -> None:
    """Word x and w, or the course's cache, in one tuple."""
    rule = f"w is {'a tuple' if isinstance(w, tuple) else 'a list'} of {len(w)}, not an array"
    fixes = [written_call(function, given, {"x": w[0], "w": w[0], "dy": w[0]})]
    facts = ["x, w and dy go by place, one by one, dy last"]
    if any(isinstance(each, dict) for each in w):
        facts.append("the course's conv_backward, which takes a cache, is in hwio.lab")
        fixes.insert(0, "hwio.lab.conv_backward(dZ, cache)")
    error.args = (word(rule, facts, fixes),)


def _tell_dy_alone(
    error: HwioError,
    function: Callable[..., Any],
    given: dict[str, Any],
    w: Any,
    options: dict[str, Any],
) -> None:
    """Word a dy that stands alone in x's place."""
    x_shape, w_shape = _shape(given["x"]), _shape(w)
    if x_shape is None or w_shape is None or not str(error).startswith("w expects "):
        return
    lay = read_layout(options.get("layout"), x_shape, w_shape)
    puts = dict(zip(lay.w, w_shape, strict=True)).get("O")
    if dict(zip(lay.x, x_shape, strict=True))["C"] != puts:
        return
    rule, *_ = str(error).split("\n")
    facts = [
        f"x  {describe(x_shape, lay.x)}: as many channels as w has filters, as in dy",
        f"{spoken(function)} takes x too: dw is worked out from it",
    ]
    read = {"x": given["x"], **({"w": w} if "w" in given else {}), "dy": given["x"]}
    error.args = (word(rule, facts, written_call(function, given, read)),)
