"""``conv_transpose``, the gradient for x as an operation of its own, and the way back through it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.errors import ArgumentTypeError, HwioError, ShapeError, word
from hwio.ops.arrays import aligned, as_array
from hwio.ops.backward import Backward, check_room_for, check_way
from hwio.ops.canonical import x_view
from hwio.ops.check import check_bias, check_problem
from hwio.ops.elsewhere import answer_as
from hwio.ops.exchanged import refuse_exchanged
from hwio.ops.forgotten import conv_changes, forgotten, told
from hwio.ops.grad import check_need, widest
from hwio.ops.grad_each import conjugate, grad_b, grad_w, grad_x
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.missing import LEFT_OUT, missing_dy, one_number, refuse_missing
from hwio.ops.options import check_flip
from hwio.ops.places import refuse_places
from hwio.ops.run import run
from hwio.ops.stray import misplaced
from hwio.ops.wording import worded_for
from hwio.shapes.layout import describe
from hwio.shapes.transposed import transposed_geometry, transposed_layout

if TYPE_CHECKING:
    from hwio.ops.grad_each import Grads
    from hwio.types import Array, Padding

TRANSPOSE_OPTIONS = (
    *("stride", "padding", "output_padding", "output_size", "dilation", "groups", "layout"),
    *("flip", "method", "memory_limit"),
)


def conv_transpose(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    b: Any = None,
    *more: Never,
    stride: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    output_padding: int | tuple[int, ...] | None = None,
    output_size: int | tuple[int, ...] | None = None,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    layout: str | None = None,
    flip: bool = False,
    method: str = "auto",
    memory_limit: int | None = None,
    like: Any = None,
    **unknown: Never,
) -> Array:
    """Go through a convolution the other way: every number of x spreads over a window of y.

    ``y[n, i·s + p·d - low, j·s + q·d - low, k] += x[n, i, j, c] · w[p, q, k, c]``: what ``conv_grad``
    computes as dx from dy. With stride s, y is about s times as large as x.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
    w : array, shape (H, W, O, I)
        I = C input channels, O channels of y for each group: the HWIO weights of the convolution
        that is transposed, as they are, and what Keras stores (HWOI). ``layout="NCHW,IOHW"`` is
        PyTorch's and ONNX's.
    b : array, shape (O·groups,), optional
        One number per channel of y.
    stride : int or one int per axis
        Cells of y between the windows of neighbouring cells of x.
    padding : str, int or (low, high) pairs
        Of the convolution that is transposed, so cells that are dropped from y: forms and words of
        ``hwio.conv``. "same" gives y s times the size of x, as TensorFlow does.
    output_padding : int or one int per axis, optional
        Cells more on the high side of y, less than the stride: which of the sizes that lead to x's.
    output_size : int or one int per axis, optional
        The spatial size of y instead; an error lists all that are legal.
    dilation, groups, flip
        As in ``hwio.conv``.
    layout : str, optional
        Axis letters, ``"NHWC,HWOI->NHWC"`` by default.
    method, memory_limit
        As in ``hwio.conv_grad``.
    like : array, optional
        As in ``hwio.conv``: y comes as an array of its kind.

    Returns
    -------
    array, shape (N, H', W', O·groups)
        H' = (H - 1)·s + (kh - 1)·d + 1 - low - high + output_padding, likewise W'.

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
    It undoes the shape of a convolution and not its numbers, though some call it deconvolution.

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1)
    >>> w = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    >>> hwio.conv_transpose(x, w, stride=2)[0, :, 0]
    array([  1.,   2.,  13.,  20., 130., 200., 300.])
    >>> hwio.conv_transpose(x, w, stride=2, padding="same")[0, :, 0]
    array([  1.,   2.,  13.,  20., 130., 200.])
    """
    if more:
        refuse_places(conv_transpose, locals())
    if unknown:
        check_keywords("conv_transpose", unknown, (*TRANSPOSE_OPTIONS, "like"), x, w)
    answer = answer_as(like)
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(conv_transpose, locals())
    given = x, w
    with misplaced(conv_transpose, locals()):
        x, w = as_array(x, "x"), as_array(w, "w")
        b = None if b is None else as_array(b, "b")
        with worded_for("conv_transpose", *given):
            problem = transposed_problem(
                x.shape, w.shape, layout, flip, method,
                stride=stride, padding=padding, output_padding=output_padding,
                output_size=output_size, dilation=dilation, groups=groups,
            )  # fmt: skip
            if b is not None:
                check_bias(b.shape, problem.geometry.in_channels, problem.layout.w)
            problem = check_room_for(problem, widest(x, w), memory_limit, dx="y")
    return answer(grad_x(problem, aligned(x), aligned(w), b, name="y"))  # type: ignore[no-any-return]


def conv_transpose_grad(
    x: Any = LEFT_OUT,
    w: Any = LEFT_OUT,
    dy: Any = None,
    *more: Never,
    stride: int | tuple[int, ...] = 1,
    padding: Padding = "valid",
    output_padding: int | tuple[int, ...] | None = None,
    output_size: int | tuple[int, ...] | None = None,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
    layout: str | None = None,
    flip: bool = False,
    need: str = "xwb",
    method: str = "auto",
    memory_limit: int | None = None,
    **unknown: Never,
) -> Grads:
    """Go back through ``y = conv_transpose(x, w, b)``.

    The transpose of a transpose is the convolution itself: dx is ``conv(dy, w)``, and dw that of the
    convolution with x and dy in each other's place.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
    w : array, shape (H, W, O, I)
    dy : array, shape (N, H', W', O·groups)
        The gradient for y, in y's shape and order.
    stride, padding, output_padding, output_size, dilation, groups, layout, flip
        As in ``hwio.conv_transpose``; the size of y may be left to dy.
    need, method, memory_limit
        As in ``hwio.conv_grad``; dx is computed as ``hwio.conv`` does.

    Returns
    -------
    tuple of array
        dx in x's shape and order, dw in w's, db of shape (O·groups,).

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1)
    >>> w = np.array([1.0, 2.0, 3.0]).reshape(3, 1, 1)
    >>> dx, dw, db = hwio.conv_transpose_grad(x, w, np.ones((1, 7, 1)), stride=2)
    >>> dx[0, :, 0], dw[:, 0, 0], db
    (array([6., 6., 6.]), array([111., 111., 111.]), array([7.]))
    """
    if more:
        refuse_places(conv_transpose_grad, locals())
    if unknown:
        known = (*TRANSPOSE_OPTIONS, "need")
        check_keywords("conv_transpose_grad", unknown, known, x, w)
    if x is LEFT_OUT or w is LEFT_OUT:
        refuse_missing(conv_transpose_grad, locals())
    wanted, given = check_need(need), (x, w)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    size = {"output_size": output_size, "output_padding": output_padding}
    try:
        x, w = as_array(x, "x"), as_array(w, "w")
        dy = None if dy is None else as_array(dy, "dy")
        with worded_for("conv_transpose_grad", *given):
            problem = _back_problem(x, w, dy, (layout, flip, method), options, size)
            if "w" in wanted:
                problem = check_room_for(problem, widest(x, w, dy), memory_limit, dw="dw")
    except HwioError as error:
        places = ("x", "w", "dy")

        def fit(x: Any, w: Any, dy: Any) -> bool:
            arrays = all(isinstance(each, np.ndarray) for each in (x, w, dy))
            return arrays and bool(_back_problem(x, w, dy, (layout, flip, method), options, size))

        refuse_exchanged(error, conv_transpose_grad, locals(), places, fit)
        raise
    x, w, dy = aligned(x), aligned(w), aligned(dy)
    dx = _forward(problem, dy, conjugate(w), memory_limit) if "x" in wanted else None
    dw = grad_w(problem, dy, conjugate(x), w.shape) if "w" in wanted else None
    return dx, dw, grad_b(x_view(problem, dy)) if "b" in wanted else None


hide_refused(conv_transpose, "x", "w")
hide_refused(conv_transpose_grad, "x", "w", "dy")


def transposed_problem(
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    layout: str | None,
    flip: Any,
    method: Any,
    needed: str = "dx",
    **sizes: Any,
) -> Backward:
    """Check shapes and options of a call; return the convolution that it transposes."""
    own, forward = transposed_layout(layout, x_shape, w_shape)
    geo = transposed_geometry(own, x_shape, w_shape, **sizes)
    return Backward(forward, geo, "zeros", check_flip(flip), check_way(method, geo, needed))


def _back_problem(
    x: Array, w: Array, dy: Any, words: tuple[Any, ...], options: Any, size: Any
) -> Backward:
    """Check shapes and options of a way back, and dy, from which the size of y is read."""
    layout, flip, method = words
    sized = size["output_size"] is None and size["output_padding"] is None and dy is not None
    try:
        if sized:
            size = size | {"output_size": _size_of(dy, x, w, layout)}
        problem = transposed_problem(
            x.shape, w.shape, layout, flip, method, "dw", **options, **size
        )
    except ShapeError as error:
        if not (sized and str(error).startswith("output_size=")):
            raise
        problem = transposed_problem(x.shape, w.shape, layout, flip, method, "dw", **options)
        legal = [line.strip() for line in str(error).split("\n")[1:-2]]
        _check_dy(problem, dy, (x, w), layout, options, legal)
    if dy is None:
        raise ArgumentTypeError(missing_dy(_shape_of_y(problem), problem.layout.x))
    _check_dy(problem, dy, (x, w), layout, options)
    return problem


def _forward(problem: Backward, dy: Array, w: Array, memory_limit: int | None) -> Array:
    """Convolve dy: the operation of which the transpose was taken."""
    geo = problem.geometry
    checked = check_problem(
        dy.shape, w.shape, dy.dtype, w.dtype,
        stride=geo.stride, padding=list(geo.padding), dilation=geo.dilation, groups=geo.groups,
        layout=problem.layout.text, flip=problem.flip, memory_limit=memory_limit,
    )  # fmt: skip
    return run(checked, dy, w, None, None)


def _size_of(dy: Array, x: Array, w: Array, layout: str | None) -> tuple[int, ...] | None:
    """Return the spatial size of dy, None where its axes don't tell."""
    own, forward = transposed_layout(layout, x.shape, w.shape)
    if dy.ndim != len(own.y):
        return None
    sizes = dict(zip(own.y, dy.shape, strict=True))
    return tuple(sizes[axis] for axis in forward.spatial)


def _shape_of_y(problem: Backward) -> tuple[int, ...]:
    """Return the shape of y: x of the convolution that is transposed."""
    lay, geo = problem.layout, problem.geometry
    sizes = {"N": geo.n, "C": geo.in_channels, **dict(zip(lay.spatial, geo.in_size, strict=True))}
    return tuple(sizes[letter] for letter in lay.x)


def _check_dy(
    problem: Backward,
    dy: Array,
    others: tuple[Array, Array],
    layout: str | None,
    options: dict[str, Any],
    legal: Iterable[str] = (),
) -> None:
    """Check that dy has the shape of y; say with which options it would."""
    lay, right = problem.layout, _shape_of_y(problem)
    if dy.shape == right:
        return

    def y_of(changed: dict[str, Any]) -> tuple[tuple[int, ...], Any]:
        size = _size_of(dy, *others, layout)
        shapes = (others[0].shape, others[1].shape)
        other = transposed_problem(*shapes, layout, False, "auto", **changed, output_size=size)
        return _shape_of_y(other), other.geometry

    if dy.ndim == 0:
        raise ShapeError(one_number(right))
    found = [] if dy.ndim != len(right) else forgotten(dy.shape, options, conv_changes(), y_of)
    rule = f"dy has shape {dy.shape}, but y has {right}"
    facts = [f"y  {describe(right, lay.x)}, so dy is that too", *legal, *told(found)]
    raise ShapeError(word(rule, facts, found or f"dy of shape {right}"))
