"""``conv_grad``: from dy back to dx, dw and db."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.engine.threads import HERE
from hwio.errors import ArgumentTypeError, HwioError, OptionError, ShapeError, kind, show, word
from hwio.ops.arrays import aligned, as_array, is_shape
from hwio.ops.backward import Backward, check_room_for, check_way
from hwio.ops.canonical import y_view
from hwio.ops.check import geometry_of
from hwio.ops.grad_each import conjugate, grad_b, grad_w, grad_x
from hwio.ops.keys import apart, is_fixed
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.memory import stored_shape
from hwio.ops.missing import LEFT_OUT, missing_dy, refuse_missing
from hwio.ops.moved_grad import short_grads
from hwio.ops.options import check_flip
from hwio.ops.other_dy import other_dy, reread
from hwio.ops.places import refuse_places
from hwio.ops.planning import check_shape_like, checked_shape
from hwio.ops.wording import worded_for
from hwio.shapes.layout import read_layout
from hwio.shapes.padding import check_padding_mode

if TYPE_CHECKING:
    from hwio.ops.grad_each import Grads, Packs
    from hwio.ops.moved_grad import MovedGrads
    from hwio.ops.quick_grad import QuickGrads
    from hwio.types import Array, Padding, PaddingMode

# Quick gradients by shapes, dtypes and options: a repeated call checks nothing again.
_KNOWN: dict[Any, QuickGrads | MovedGrads | None] = {}
_KNOWN_MOST = 1024
GRAD_OPTIONS = (
    *("stride", "padding", "dilation", "groups", "layout", "flip", "padding_mode"),
    *("need", "method", "memory_limit"),
)


def conv_grad(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    dy: Any = None,
    *more: Never,
    stride: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    layout: str | None = None,
    flip: bool = False,
    padding_mode: PaddingMode = "zeros",
    need: str = "xwb",
    method: str = "auto",
    memory_limit: int | None = None,
    **unknown: Never,
) -> Grads:
    """Go back through ``y = conv(x, w, b)``: from the gradient for y to those for x, w and b.

    ``dx[n, i, j, c] = Σ dy[n, o, q, k] · w[p, r, c, k]`` over all places where window (o, q) saw cell
    (i, j) with tap (p, r); ``dw[p, r, c, k] = Σ x · dy`` over images and cells; ``db[k] = Σ dy``.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        As in ``hwio.conv``; its shape alone will do where dw is not needed.
    w : array, shape (H, W, I, O)
        As in ``hwio.conv``; its shape alone will do where dx is not needed.
    dy : array, shape (N, H', W', O)
        The gradient of some number for every number of y, in y's shape and order, before any
        activation.
    stride, padding, dilation, groups, layout, flip, padding_mode
        As in ``hwio.conv``, and the same as there.
    need : str
        Which gradients to compute, letters of "xwb"; None is returned for the others.
    method : str
        "auto", which takes compiled kernels where they are faster (``hwio.plan(x, w, gradient=True)``
        says which), a readable way by name: "loop", "einsum", "flip", "taps", or a kernel, such as
        "dx_direct" or "dw_direct", which leaves the other gradient to auto.
    memory_limit : int, optional
        Bytes that the gradients and the workspace may take; by default the machine's memory.

    Returns
    -------
    tuple of array
        dx in x's shape and order, dw in w's, db of shape (O,). Rows of x that no window reaches get 0.
        The dtypes are those of ``conv`` for the same factors: dy and w for dx, x and dy for dw.

    Raises
    ------
    LayoutError, ShapeError, OptionError, DTypeError, ArgumentTypeError
        If arguments clash.
    RangeError
        If an exact integer result leaves its dtype.
    LimitError
        If memory would not suffice; nothing was allocated.

    Notes
    -----
    Padding other than zeros repeats cells of x, so their gradients are added to those cells. Complex
    gradients are those of PyTorch: the other factor is conjugated. Integers are exact, as in ``conv``.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.arange(5.0).reshape(1, 5, 1)
    >>> w = np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1)
    >>> dx, dw, db = hwio.conv_grad(x, w, np.ones((1, 3, 1)))
    >>> dx[0, :, 0], dw[:, 0, 0], db
    (array([ 1.,  1.,  0., -1., -1.]), array([3., 6., 9.]), array([3.]))
    """
    if more:
        refuse_places(conv_grad, locals())
    if unknown:
        check_keywords("conv_grad", unknown, GRAD_OPTIONS, x, w)
    wanted, key = check_need(need), None
    if type(x) is type(w) is type(dy) is np.ndarray and memory_limit is None and not HERE.alone:
        spoken = stride, padding, dilation, groups, layout, flip, padding_mode, method
        key = _key((x, w, dy), wanted, spoken)
        quick = _KNOWN.get(key)
        found = None if quick is None else quick(x, w, dy)
        if found is not None:
            return found
    options = {
        "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
        "layout": layout,
    }  # fmt: skip
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(conv_grad, locals())
    given = x, w
    try:
        x, w = back_operand(x, "x", wanted), back_operand(w, "w", wanted)
        dy = None if dy is None else as_array(dy, "dy")
        with worded_for("conv_grad", *given):
            problem = check_backward(
                shape_of(x), shape_of(w), flip=flip, padding_mode=padding_mode, method=method,
                needed=" ".join(f"d{letter}" for letter in wanted), **options,
            )  # fmt: skip
            grads = go_back(problem, x, w, dy, wanted, options, memory_limit)
    except HwioError as error:
        reread(error, conv_grad, locals(), options)
        raise
    if key is not None and key not in _KNOWN:
        if len(_KNOWN) >= _KNOWN_MOST:
            _KNOWN.clear()
        _KNOWN[key] = short_grads(problem, x, w, dy, wanted)
    return grads


def _key(arrays: tuple[Array, ...], wanted: str, options: tuple[Any, ...]) -> Any:
    """Return what tells calls apart; None where an option may change, or does not hash."""
    try:
        if not all(map(is_fixed, options)):
            return None
        found = wanted, *((a.shape, a.dtype) for a in arrays), *map(apart, options)
        hash(found)
    except (TypeError, RecursionError):  # or holds itself
        return None
    return found


hide_refused(conv_grad, "x", "w", "dy")


def check_backward(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    *,
    flip: Any = False,
    padding_mode: Any = "zeros",
    method: Any = "auto",
    needed: str = "dx dw",
    **options: Any,
) -> Backward:
    """Check the convolution to go back through, from shapes.

    Parameters
    ----------
    x_shape, w_shape : tuple of int
        As stored.
    flip, padding_mode, method
        As in ``conv_grad``.
    needed : str
        As in ``check_way``.
    **options
        Those of ``geometry_of``.
    """
    geo = geometry_of(x_shape, w_shape, **options)
    lay = read_layout(options.get("layout"), x_shape, w_shape)
    mode = check_padding_mode(padding_mode, geo.padding, geo.in_size, geo.letters)
    return Backward(lay, geo, mode, check_flip(flip), check_way(method, geo, needed))


def go_back(
    problem: Backward,
    x: Any,
    w: Any,
    dy: Array | None,
    wanted: str,
    options: dict[str, Any],
    memory_limit: int | None = None,
    packs: Packs | None = None,
) -> Grads:
    """Compute the gradients that are wanted, once dy fits and there is room.

    Parameters
    ----------
    problem : Backward
    x, w : array or tuple of int
        A shape where the numbers are not needed.
    dy : array or None
        None is refused, in words that tell y's shape.
    wanted : str
        Letters of "xwb".
    options : dict
        Those of ``geometry_of`` as they were given, for messages.
    memory_limit : int, optional
    packs : dict, optional
        Keeps what is packed of w for later calls with the same w.
    """
    dy = checked_dy(problem, x, w, dy, options)
    itemsize = widest(*(a for a in (x, w, dy) if not isinstance(a, tuple)))
    asked = {letter: f"d{letter}" if letter in wanted else "" for letter in "xw"}
    problem = check_room_for(problem, itemsize, memory_limit, dx=asked["x"], dw=asked["w"])
    dy = aligned(dy)
    dx = grad_x(problem, dy, conjugate(aligned(w)), packs=packs) if "x" in wanted else None
    dw = grad_w(problem, conjugate(aligned(x)), dy, shape_of(w)) if "w" in wanted else None
    return dx, dw, grad_b(y_view(problem, dy)) if "b" in wanted else None


def checked_dy(
    problem: Backward, x: Any, w: Any, dy: Array | None, options: dict[str, Any]
) -> Array:
    """Return dy, if there is one, of y's shape."""
    right = stored_shape(problem.geometry, problem.layout)
    if dy is None:
        raise ArgumentTypeError(missing_dy(right, problem.layout.y))
    if dy.shape != right:
        raise ShapeError(other_dy(problem, dy, (shape_of(x), shape_of(w)), options))
    return dy


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, or the shape that stands for one."""
    shape: tuple[int, ...] = value if isinstance(value, tuple) else value.shape
    return shape


def widest(*arrays: Array) -> int:
    """Return the bytes of one number in the widest computation that these could need."""
    return max(8 if a.dtype.kind in "iu" else max(a.itemsize, 4) for a in arrays)


def check_need(need: Any) -> str:
    """Return the letters of the gradients that are asked for.

    Raises
    ------
    OptionError
        If it holds another letter, one twice, or none.
    ArgumentTypeError
        If it is no string.
    """
    facts = ["x for dx, w for dw, b for db; None is returned for the others"]
    if not isinstance(need, str):
        rule = f"need={show(need)} is {kind(need)}, not letters of 'xwb'"
        parts = need if isinstance(need, tuple | list) else ()
        if len(parts) == 3 and all(isinstance(part, int) for part in parts):  # a mask
            parts = [letter for letter, asked in zip("xwb", parts, strict=True) if asked]
        meant = "".join(letter for letter in "xwb" if letter in map(_letter, parts))
        raise ArgumentTypeError(word(rule, facts, f"need={meant or 'xwb'!r}"))
    if not need or len(set(need)) < len(need) or not set(need) <= set("xwb"):
        rule = f"need={show(need)} is not letters of 'xwb', each at most once"
        named = re.split(r"\W+", need)
        meant = "".join(
            letter for letter in "xwb" if letter in map(_letter, named) or letter in need
        )
        meant = _letter(need) or meant
        raise OptionError(word(rule, facts, f"need={meant or 'xwb'!r}"))
    return need


def _letter(name: Any) -> str:
    """Return the letter of an array by a name of others, or by its gradient's."""
    if not isinstance(name, str):
        return ""
    text = name.lower().removeprefix("grad_").removeprefix("d")
    words = {"x": ("x", "input"), "w": ("w", "weight", "kernel", "filter"), "b": ("b", "bias")}
    return next((each for each, names in words.items() if text.removesuffix("s") in names), "")


def back_operand(value: Any, name: str, wanted: str) -> Any:
    """Return x or w as an array, or its shape alone where its numbers are not needed.

    Raises
    ------
    ArgumentTypeError, DTypeError
        If it is no array, or a shape where the numbers are needed.
    """
    other = {"x": "w", "w": "x"}[name]  # dw needs x, dx needs w
    if is_shape(value) and other not in wanted:
        return checked_shape(value, name)
    if is_shape(value):
        rule = f"{name}={show(value)} is a shape, and d{other} needs its numbers"
        left = wanted.replace(other, "") or name
        raise ArgumentTypeError(word(rule, [], f"need={left!r}   or   {name} = np.ones({value})"))
    check_shape_like(value, name)
    return as_array(value, name)
