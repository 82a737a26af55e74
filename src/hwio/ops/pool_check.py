"""Turn the arguments of a pooling into one checked problem; no array is read here."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import (
    ArgumentTypeError,
    DTypeError,
    OptionError,
    ShapeError,
    kind,
    nearest,
    show,
    word,
)
from hwio.ops.arrays import as_array, is_shape
from hwio.ops.keys import apart, is_fixed
from hwio.ops.keywords import spread
from hwio.ops.memory import check_memory, check_output, size, stored_shape
from hwio.ops.missing import missing_dy, one_number
from hwio.pooling import POOL_METHODS
from hwio.shapes.counts import flat_entries, per_axis
from hwio.shapes.padding import PADDING_MODES, PADDINGS, resolve_padding
from hwio.shapes.photograph import is_photograph
from hwio.shapes.pool_layout import read_pool_layout
from hwio.shapes.pool_sizes import check_windows, pool_geometry

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry
    from hwio.shapes.layout import Layout
    from hwio.types import Array, Pads

Shape = tuple[int, ...]
NO_MAXIMUM = "padding is minus infinity for a maximum, so such a window has none"
NO_MEAN = "padding does not count, so such a window has no mean"
# Checked poolings by shape and options: a repeated call checks nothing again.
# Also, under keys of their own, what plain calls run: see ``pool_quick``.
_KNOWN: dict[Any, Any] = {}
_KNOWN_MOST = 4096
POOL_SIZES = ("window", "stride", "padding")
_PLAIN = frozenset((int, str, type(None)))  # of which no two are equal and different


@dataclass(frozen=True, slots=True)
class PoolProblem:
    """One pooling, checked.

    Attributes
    ----------
    layout : Layout
        Its w means nothing.
    geometry : Geometry
        Its padding has the cells that ceil mode adds.
    padding : tuple of pairs of int
        As it was asked for, one (low, high) per axis.
    method : str
        "auto" or a key of ``POOL_METHODS``.
    kept : dict
        What a compiled way keeps from call to call.
    """

    layout: Layout
    geometry: Geometry
    padding: Pads
    method: str
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def y_shape(self) -> Shape:
        """Shape of y as stored."""
        return stored_shape(self.geometry, self.layout)


def check_pool(
    x_shape: Shape,
    window: Any,
    *,
    stride: Any = None,
    padding: Any = "valid",
    dilation: Any = 1,
    ceil_mode: Any = False,
    layout: Any = None,
    method: Any = "auto",
    itemsize: int = 8,
    why: str | None = None,
    way_out: str | None = None,
) -> PoolProblem:
    """Check the options that every pooling has.

    Parameters
    ----------
    x_shape : tuple of int
        As stored.
    window, stride, padding, dilation, ceil_mode, layout, method
        As in ``hwio.max_pool``.
    itemsize : int
        Bytes of one number in the dtype of the computation.
    why : str, optional
        Why every window needs a cell of x; None where it needs none.
    way_out : str, optional
        What to type instead of less padding, where windows lack one.

    Raises
    ------
    HwioError
        Whichever names the first thing that is wrong.
    """
    options = (
        window, stride, padding, dilation, ceil_mode, layout, method, itemsize, why, way_out,
    )  # fmt: skip
    try:
        key = (x_shape, *[o if type(o) in _PLAIN else apart(o) for o in options])
        found: PoolProblem | None = _KNOWN.get(key)
    except (TypeError, RecursionError):  # an option that does not hash, or holds itself
        return _checked(x_shape, *options)
    if found is None:
        found = _checked(x_shape, *options)
        if all(map(is_fixed, options)):
            keep(key, found)
    return found


def known(key: Any) -> Any:
    """Return what is kept under a key, or None."""
    return _KNOWN.get(key)


def keep(key: Any, what: Any) -> None:
    """Keep something under a key; where there is too much, all else goes."""
    if len(_KNOWN) >= _KNOWN_MOST:
        _KNOWN.clear()
    _KNOWN[key] = what


def _checked(
    x_shape: Shape,
    window: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: Any,
    layout: Any,
    method: Any,
    itemsize: int,
    why: str | None,
    way_out: str | None,
) -> PoolProblem:
    """Check what is not known yet."""
    if window is None:
        facts = ["window counts the cells of x, on each axis, that make one number of y"]
        fixes = ["window=2"]
        if layout is None and is_photograph(x_shape):
            fixes = [
                'window=2, layout="HWC"   # one image',
                f"window=2   # {x_shape[0]} signals of {x_shape[1]} cells",
            ]
        raise ArgumentTypeError(word("window is missing: None is no size", facts, fixes))
    if isinstance(window, dict) and spread(window, ("window",)):
        typed = (f"{name}={show(value)}" for name, value in spread(window, POOL_SIZES).items())
        rule = "window is a dict, not an int"
        raise ArgumentTypeError(word(rule, ["its entries go by name"], ", ".join(typed)))
    entries = flat_entries(window)
    lay = read_pool_layout(layout, x_shape, None if entries is None else len(entries))
    letters = lay.spatial
    windows = per_axis(window, "window", letters)
    strides = windows if stride is None else per_axis(stride, "stride", letters)
    dilations = per_axis(dilation, "dilation", letters)
    ceil = check_flag(ceil_mode, "ceil_mode", "a last window that the padded input cuts off counts")
    check_pool_method(method)
    _check_padding_word(padding)
    sizes = dict(zip(lay.x, x_shape, strict=True))
    in_size = tuple(sizes[axis] for axis in letters)
    pads = resolve_padding(padding, in_size, windows, strides, dilations, letters, lay.x)
    geo = pool_geometry(lay, x_shape, windows, strides, dilations, pads, ceil)
    check_output(geo, lay, itemsize, None)
    if method != "auto":
        _check_workspace(geo, method, itemsize)
    if why is not None:
        check_windows(lay, x_shape, geo, pads, why, way_out)
    return PoolProblem(lay, geo, pads, method)


def check_flag(value: Any, name: str, meaning: str) -> bool:
    """Return an option that is True or False; anything else could be meant otherwise."""
    if not isinstance(value, bool | np.bool_):
        rule = f"{name}={show(value)} is not True or False"
        meant = isinstance(value, int | float) and value != 0
        raise ArgumentTypeError(word(rule, [f"{name}=True: {meaning}"], f"{name}={meant}"))
    return bool(value)


def check_pool_method(method: Any) -> None:
    """Check the name of a way."""
    known = ("auto", *sorted(POOL_METHODS))
    if not isinstance(method, str) or method not in known:
        near = nearest(method, known)
        rule = f"method={show(method)} is not a method of pooling"
        fix = f"did you mean method={near!r}?" if near else "method='auto'"
        raise OptionError(word(rule, [f"methods: {', '.join(known)}"], fix))


def _check_padding_word(padding: Any) -> None:
    """Word a padding mode: nothing stands in the padding of a pooling."""
    modes = (*PADDING_MODES, "constant", "replicate", "circular")
    if isinstance(padding, str) and padding.lower() in modes:
        rule = f"padding={show(padding)} is not a padding"
        facts = [
            "nothing stands in the padding of a pooling: it wins no maximum and adds no number"
        ]
        raise OptionError(word(rule, [*facts, f"words: {', '.join(PADDINGS)}"], "padding='same'"))


def _check_workspace(geo: Geometry, method: str, itemsize: int) -> None:
    """Raise LimitError if a way that was asked for would not fit into memory."""
    need = POOL_METHODS[method].workspace(geo, itemsize)
    parts = [f"workspace  method={method!r}  ->  {size(need)}"]
    check_memory(need + prod(geo.y_shape) * itemsize, None, parts, "method='auto'")


def pool_array(value: Any, name: str = "x") -> Array:
    """Return value as a plain ndarray of numbers, in the machine's byte order.

    Raises
    ------
    ArgumentTypeError, DTypeError
        If it is none.
    """
    if is_shape(value) and value:
        rule = f"{name}={show(value)} is a shape, and pooling needs the array itself"
        raise ArgumentTypeError(word(rule, [], f"{name} = np.ones({show(value)})   # for example"))
    return as_array(value, name)


def native(array: Array) -> Array:
    """Return the array in the machine's byte order and aligned; itself where it is so already."""
    if array.dtype.isnative and array.flags.aligned:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def refuse_complex(dtype: np.dtype[Any], name: str) -> None:
    """Refuse numbers that have no maximum."""
    if dtype.kind == "c":
        rule = f"{name} has dtype {dtype}, and complex numbers have no maximum: they have no order"
        raise DTypeError(word(rule, [], f"{name} = np.abs({name})"))


def check_pool_out(out: Any, shape: Shape, letters: str, dtype: np.dtype[Any]) -> None:
    """Check that out can receive a result."""
    fits = f"out = np.empty({shape}, np.{dtype.name})"
    facts = [f"y has shape {shape}, {letters}, and dtype {dtype}"]
    if not isinstance(out, np.ndarray):
        rule = f"out={show(out)} is {kind(out)}, not a NumPy array"
        raise ArgumentTypeError(word(rule, facts, fits))
    if out.shape != shape:
        raise ShapeError(word(f"out has shape {out.shape}, but y has {shape}", facts, fits))
    if out.dtype != dtype:
        raise DTypeError(word(f"out has dtype {out.dtype}, but y has {dtype}", facts, fits))
    if not out.flags.writeable:
        raise OptionError(word("out is read-only", ["y is written into it"], "out = out.copy()"))


def check_dy(dy: Array | None, problem: PoolProblem, x_shape: Shape) -> None:
    """Check that there is a dy, and that it has the shape of y.

    Raises
    ------
    ArgumentTypeError, ShapeError
    """
    shape, lay = problem.y_shape, problem.layout
    if dy is None:
        raise ArgumentTypeError(missing_dy(shape, lay.y))
    dy_shape: Shape = dy.shape
    if dy_shape == shape:
        return
    if dy_shape == ():
        raise ShapeError(one_number(shape))
    rule = f"dy has shape {dy_shape}, but y has {shape}"
    wide = max(len(str(x_shape)), len(str(dy_shape)))
    known = len(dy_shape) == len(shape)
    facts = [
        f"x   {x_shape!s:<{wide}}  read as {lay.x}",
        f"dy  {dy_shape!s:<{wide}}  read as {lay.y}" if known else f"dy  {dy_shape}",
        "dy holds one number for each number of y; window, stride and the rest are those of y",
    ]
    raise ShapeError(word(rule, facts, _as_y(dy_shape, shape, lay)))


def _as_y(dy_shape: Shape, shape: Shape, layout: Layout) -> str:
    """Say how dy gets the shape of y: by axes of one cell, by another order, or made anew."""
    if [n for n in dy_shape if n != 1] == [n for n in shape if n != 1]:
        return f"dy = dy.reshape({shape})"
    n, space = "N" if layout.batched else "", layout.spatial
    for order in (f"{n}C{space}", f"{n}{space}C"):
        sizes = dict(zip(order, dy_shape, strict=False))
        if len(dy_shape) == len(order) and tuple(sizes[a] for a in layout.y) == shape:
            return f'dy = hwio.to_layout(dy, "{order}->{layout.y}")'
    return f"dy = np.ones({shape})   # for example"
