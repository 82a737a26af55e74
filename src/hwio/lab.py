"""The course's lab by its own names, for comparing one's own results element by element.

A_prev is (m, n_H, n_W, n_C), W (f, f, n_C_prev, n_C), b (1, 1, 1, n_C), and hparameters a dict with
"stride" and "pad" or "f". Nothing here is a solution to copy: each function hands over to ``hwio.conv``,
``hwio.max_pool`` and their gradients. How one would write them is in ``hwio/methods/loop.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from hwio.called import no_such_name
from hwio.errors import ArgumentTypeError, OptionError, ShapeError, kind, nearest, show, word
from hwio.ops.arrays import as_array
from hwio.ops.conv import conv
from hwio.ops.course import ALSO, worded
from hwio.ops.grad import conv_grad
from hwio.ops.memory import check_memory
from hwio.ops.memory import size as in_bytes
from hwio.ops.pool import avg_pool, max_pool
from hwio.ops.pool_grad import avg_pool_grad, max_pool_grad
from hwio.shapes.counts import check_int

if TYPE_CHECKING:
    from hwio.types import Array

ACTIVATIONS = "(m, n_H, n_W, n_C)"
WEIGHTS = "(f, f, n_C_prev, n_C)"
MODES = {"max": "the largest number of a window", "average": "the mean of a window"}
__all__ = [
    "conv_backward",
    "conv_forward",
    "conv_single_step",
    "pool_backward",
    "pool_forward",
    "zero_pad",
]
_LEAST = {"stride": 1, "pad": 0, "f": 1}
_USUAL = {"stride": 1, "pad": 0, "f": 2}


def __getattr__(name: str) -> Any:
    """Refuse a name that the lab does not have, in words."""
    raise AttributeError(no_such_name("hwio.lab", name, __all__))


@worded
def zero_pad(X: Any, pad: int) -> Array:
    """Surround every image with ``pad`` rows and columns of zeros.

    Parameters
    ----------
    X : array, shape (m, n_H, n_W, n_C)
    pad : int

    Returns
    -------
    array, shape (m, n_H + 2·pad, n_W + 2·pad, n_C)

    Examples
    --------
    >>> zero_pad(np.ones((1, 1, 2, 1)), 1)[0, :, :, 0]
    array([[0., 0., 0., 0.],
           [0., 1., 1., 0.],
           [0., 0., 0., 0.]])
    """
    X = _array(X, "X", ACTIVATIONS)
    pad = check_int(pad, "pad", 0)
    m, high, wide, c = X.shape
    need = X.itemsize * m * (high + 2 * pad) * (wide + 2 * pad) * c
    check_memory(
        need, None, [f"X with {2 * pad} rows and columns more  ->  {in_bytes(need)}"], "pad=1"
    )
    return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))


@worded
def conv_single_step(a_slice_prev: Any, W: Any, b: Any) -> Any:
    """Apply one filter to one window: the sum of their products, plus b.

    Parameters
    ----------
    a_slice_prev : array, shape (f, f, n_C_prev)
    W : array, shape (f, f, n_C_prev)
    b : array, shape (1, 1, 1)
        Or a number.

    Returns
    -------
    number

    Examples
    --------
    >>> conv_single_step(np.ones((3, 3, 4)), np.full((3, 3, 4), 2.0), np.ones((1, 1, 1)))
    np.float64(73.0)
    """
    window = _array(a_slice_prev, "a_slice_prev", "(f, f, n_C_prev)")
    W, b = _array(W, "W", "(f, f, n_C_prev)"), as_array(b, "b")
    if window.shape != W.shape:
        rule = f"a_slice_prev has shape {window.shape}, but W has {W.shape}"
        facts = ["one window meets one filter: W is one of the filters, W[:, :, :, c]"]
        raise ShapeError(word(rule, facts, f"a_slice_prev of shape {W.shape}"))
    if b.size != 1:
        rule = f"b has shape {b.shape}, but one filter has one bias"
        raise ShapeError(word(rule, ["b has shape (1, 1, 1)"], "b of shape (1, 1, 1)"))
    return conv(window[None], W[..., None], b.reshape(1))[0, 0, 0, 0]


@worded
def conv_forward(A_prev: Any, W: Any, b: Any, hparameters: Any) -> tuple[Array, tuple[Any, ...]]:
    """Convolve: every filter over every window of every image.

    Parameters
    ----------
    A_prev : array, shape (m, n_H_prev, n_W_prev, n_C_prev)
    W : array, shape (f, f, n_C_prev, n_C)
    b : array, shape (1, 1, 1, n_C)
    hparameters : dict
        With "stride" and "pad".

    Returns
    -------
    Z : array, shape (m, n_H, n_W, n_C)
        n_H = floor((n_H_prev - f + 2·pad) / stride) + 1, likewise n_W.
    cache : tuple
        (A_prev, W, b, hparameters), for ``conv_backward``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> A_prev, W = rng.standard_normal((2, 5, 7, 4)), rng.standard_normal((3, 3, 4, 8))
    >>> Z, cache = conv_forward(A_prev, W, np.zeros((1, 1, 1, 8)), {"stride": 2, "pad": 1})
    >>> Z.shape
    (2, 3, 4, 8)
    """
    if isinstance(b, dict):
        rule = "b and hparameters look exchanged: b is a dict"
        fix = "hwio.lab.conv_forward(A_prev, W, b, hparameters)"
        raise ArgumentTypeError(word(rule, [], fix))
    x, w = _array(A_prev, "A_prev", ACTIVATIONS), _array(W, "W", WEIGHTS)
    stride, pad = _sizes(hparameters, "stride", "pad")
    _check_channels(x, w)
    bias = _bias(b, w.shape[-1])
    _out_size(x, w.shape[:2], stride, pad)
    return conv(x, w, bias, stride=stride, padding=pad), (A_prev, W, b, hparameters)


@worded
def conv_backward(dZ: Any, cache: Any) -> tuple[Array, Array, Array]:
    """Go back through ``conv_forward``.

    Parameters
    ----------
    dZ : array, shape (m, n_H, n_W, n_C)
        The gradient of the cost for Z.
    cache : tuple
        What ``conv_forward`` returned beside Z.

    Returns
    -------
    dA_prev : array, shape (m, n_H_prev, n_W_prev, n_C_prev)
    dW : array, shape (f, f, n_C_prev, n_C)
    db : array, shape (1, 1, 1, n_C)

    Examples
    --------
    >>> A_prev, W, b = np.ones((2, 4, 4, 3)), np.ones((2, 2, 3, 5)), np.zeros((1, 1, 1, 5))
    >>> Z, cache = conv_forward(A_prev, W, b, {"stride": 2, "pad": 0})
    >>> dA_prev, dW, db = conv_backward(np.ones_like(Z), cache)
    >>> dA_prev.shape, dW.shape, db.shape, db[0, 0, 0, 0]
    ((2, 4, 4, 3), (2, 2, 3, 5), (1, 1, 1, 5), np.float64(8.0))
    """
    A_prev, W, _, hparameters = _cached(cache, dZ, "conv_forward", "A_prev, W, b, hparameters")
    x, w = _array(A_prev, "A_prev", ACTIVATIONS), _array(W, "W", WEIGHTS)
    stride, pad = _sizes(hparameters, "stride", "pad")
    _check_channels(x, w)
    out = _out_size(x, w.shape[:2], stride, pad)
    dy = _upper(dZ, "dZ", "Z", (len(x), *out, w.shape[-1]))
    grads = conv_grad(x, w, dy, stride=stride, padding=pad)
    dx, dw, db = cast("tuple[Array, Array, Array]", grads)  # all three
    return dx, dw, db.reshape(1, 1, 1, -1)


@worded
def pool_forward(A_prev: Any, hparameters: Any, mode: str = "max") -> tuple[Array, tuple[Any, ...]]:
    """Take the maximum or the mean of every window, channel by channel.

    Parameters
    ----------
    A_prev : array, shape (m, n_H_prev, n_W_prev, n_C)
    hparameters : dict
        With "f", the rows and columns of a window, and "stride".
    mode : {"max", "average"}

    Returns
    -------
    A : array, shape (m, n_H, n_W, n_C)
        n_H = floor((n_H_prev - f) / stride) + 1, likewise n_W.
    cache : tuple
        (A_prev, hparameters), for ``pool_backward``.

    Examples
    --------
    >>> A_prev = np.array([[1.0, 7.0], [3.0, 5.0]]).reshape(1, 2, 2, 1)
    >>> for mode in ("max", "average"):
    ...     print(pool_forward(A_prev, {"f": 2, "stride": 1}, mode)[0].item())
    7.0
    4.0
    """
    x = _array(A_prev, "A_prev", ACTIVATIONS)
    f, stride = _sizes(hparameters, "f", "stride")
    pool = {"max": max_pool, "average": avg_pool}[_mode(mode)]
    _out_size(x, (f, f), stride, 0)
    return pool(x, f, stride=stride), (A_prev, hparameters)


@worded
def pool_backward(dA: Any, cache: Any, mode: str = "max") -> Array:
    """Go back through ``pool_forward``.

    Parameters
    ----------
    dA : array, shape (m, n_H, n_W, n_C)
        The gradient of the cost for A.
    cache : tuple
        What ``pool_forward`` returned beside A.
    mode : {"max", "average"}
        The same as there.

    Returns
    -------
    array, shape (m, n_H_prev, n_W_prev, n_C)
        "max": every cell that equals its window's maximum gets dA in full, also where several do, as
        a mask ``window == window.max()`` has it. "average": all cells of a window get the same share.

    Examples
    --------
    >>> A_prev = np.array([[2.0, 9.0], [9.0, 5.0]]).reshape(1, 2, 2, 1)
    >>> A, cache = pool_forward(A_prev, {"f": 2, "stride": 1})
    >>> pool_backward(np.ones((1, 1, 1, 1)), cache)[0, :, :, 0]
    array([[0., 1.],
           [1., 0.]])
    >>> pool_backward(np.ones((1, 1, 1, 1)), cache, mode="average")[0, :, :, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    A_prev, hparameters = _cached(cache, dA, "pool_forward", "A_prev, hparameters")
    x = _array(A_prev, "A_prev", ACTIVATIONS)
    f, stride = _sizes(hparameters, "f", "stride")
    average = _mode(mode) == "average"
    out = _out_size(x, (f, f), stride, 0)
    dy = _upper(dA, "dA", "A", (len(x), *out, x.shape[-1]))
    if average:
        return avg_pool_grad(x.shape, dy, f, stride=stride)
    return max_pool_grad(x, dy, f, stride=stride, ties="all")


def _array(value: Any, name: str, axes: str) -> Array:
    """Return an array with as many axes as its shape in the course's letters has."""
    array = as_array(value, name)
    count = axes.count(",") + 1
    if array.ndim != count:
        has = "1 axis" if array.ndim == 1 else f"{array.ndim} axes"
        rule = f"{name} has {has}, but it needs {count}: {axes}"
        one = f"{name} = {name}[None]   # one image" if count == array.ndim + 1 == 4 else None
        weights = one is not None and name == "W"
        example = "(2, 5, 7, 4)" if axes == ACTIVATIONS else "(3, 3, 4, 8)"[: 3 * count - 1] + ")"
        fix = "W = W[..., None]   # one filter" if weights else one
        if array.ndim == 4 and count == 3:
            fix = f"{name} = {name}[..., 0]   # one filter"
            fix = fix if name == "W" else f"{name} = {name}[0]   # one window"
        raise ShapeError(
            word(rule, [f"{name}  {array.shape}"], fix or f"{name} = np.ones({example})")
        )
    return array


def _sizes(hparameters: Any, *names: str) -> list[int]:
    """Read ints out of hparameters."""
    fits = {name: _USUAL[name] for name in names}
    if not isinstance(hparameters, dict):
        rule = f"hparameters={show(hparameters)} is {kind(hparameters)}, not a dict"
        raise ArgumentTypeError(word(rule, [], f"hparameters = {_written(fits)}"))
    for name in names:
        if name not in hparameters:
            rule = f"hparameters has no {name!r}"
            facts = [f"it has: {', '.join(map(show, hparameters)) or 'nothing'}"]
            meant = {ALSO.get(n, n): n for n in hparameters if isinstance(n, str)}
            known = fits | {n: hparameters[meant[n]] for n in names if n in meant}
            raise OptionError(word(rule, facts, f"hparameters = {_written(known)}"))
    sizes = []
    for name in names:
        given = fits | {n: v for n, v in hparameters.items() if n in names and n != name}
        legal = f"hparameters = {_written(given)}"
        sizes.append(
            check_int(hparameters[name], f'hparameters["{name}"]', _LEAST[name], fix=legal)
        )
    return sizes


def _written(sizes: dict[str, Any]) -> str:
    """Write hparameters as code."""
    return f"dict({', '.join(f'{name}={show(value)}' for name, value in sizes.items())})"


def _bias(b: Any, filters: int) -> Array:
    """Return b as (n_C,)."""
    bias = as_array(b, "b")
    if bias.shape not in ((1, 1, 1, filters), (filters,)):
        rule = f"b has shape {bias.shape}, but W has {filters} filters"
        facts = [f"b holds one number per filter: shape (1, 1, 1, {filters})"]
        fix = f"b of shape (1, 1, 1, {filters})"
        if bias.size == filters:
            fix = f"b = np.reshape(b, (1, 1, 1, {filters}))"
        raise ShapeError(word(rule, facts, fix))
    return bias.reshape(filters)


def _check_channels(x: Array, w: Array) -> None:
    """Check that filters have the channels of A_prev."""
    if x.shape[-1] == w.shape[2]:
        return
    rule = f"W has {w.shape[2]} in-channels, but A_prev has {x.shape[-1]} channels"
    facts = [f"A_prev  {x.shape}  {ACTIVATIONS}", f"W       {w.shape}  {WEIGHTS}"]
    fix = f"W of shape {(*w.shape[:2], x.shape[-1], w.shape[3])}"
    if w.shape[1] == x.shape[-1]:
        facts.append("PyTorch stores weights as (n_C, n_C_prev, f, f)")
        fix = 'W = hwio.to_layout(W, "OIHW->HWIO")'
    raise ShapeError(word(rule, facts, fix))


def _out_size(x: Array, window: tuple[int, ...], stride: int, pad: int) -> list[int]:
    """Return n_H and n_W, at least 1 each."""
    sizes = []
    for name, size, f in zip(("n_H", "n_W"), x.shape[1:3], window, strict=True):
        if f == 0 or size + 2 * pad < f:
            rule = f"a window of {f} does not fit {name}_prev = {size} with pad {pad}"
            facts = [f"{name} = floor(({size} − {f} + 2·{pad}) / {stride}) + 1, less than 1"]
            big = tuple(max(n, k, 1) for n, k in zip(x.shape[1:3], window, strict=True))
            raise ShapeError(word(rule, facts, f"A_prev of shape {(len(x), *big, x.shape[-1])}"))
        sizes.append((size - f + 2 * pad) // stride + 1)
    return sizes


def _upper(value: Any, name: str, of: str, shape: tuple[int, ...]) -> Array:
    """Return dZ or dA, which has the shape of Z or A."""
    array = as_array(value, name)
    if array.shape != shape:
        rule = f"{name} has shape {array.shape}, but {of} has {shape}"
        facts = [f"{name} holds one number for each of {of}"]
        raise ShapeError(word(rule, facts, f"{name} of shape {shape}"))
    return array


def _cached(cache: Any, upper: Any, maker: str, parts: str) -> tuple[Any, ...]:
    """Return the parts of a cache; ``upper`` is what stands before it."""
    count = parts.count(",") + 1
    name, back = ("dZ", "conv_backward") if maker == "conv_forward" else ("dA", "pool_backward")
    if isinstance(upper, tuple) and len(upper) == count:
        rule = f"{name} and cache look exchanged: {name} is a tuple of {count}, as cache is"
        raise ArgumentTypeError(word(rule, [f"({parts})"], f"hwio.lab.{back}({name}, cache)"))
    if isinstance(cache, tuple) and len(cache) == 2 and isinstance(cache[1], tuple):
        rule = f"cache is all that {maker} returns, of which it is the second"
        raise ArgumentTypeError(word(rule, [f"({name[1:]}, cache)"], "cache = cache[1]"))
    if not isinstance(cache, tuple | list) or len(cache) != count:
        has = f" of {len(cache)}" if isinstance(cache, tuple | list) else ""
        rule = f"cache is {kind(cache)}{has}, not the tuple of {count} that {maker} returns"
        fix = f"cache = hwio.lab.{maker}({parts})[1]"
        raise ArgumentTypeError(word(rule, [f"({parts})"], fix))
    return tuple(cache)


def _mode(mode: Any) -> str:
    """Return the word for what a pooling takes of a window."""
    if not isinstance(mode, str) or mode not in MODES:
        near = nearest(mode, MODES) or ("average" if mode in ("avg", "mean") else None)
        rule = f"mode={show(mode)} is neither 'max' nor 'average'"
        fix = f"did you mean mode={near!r}?" if near else "mode='max'"
        raise OptionError(word(rule, [f"{name}: {what}" for name, what in MODES.items()], fix))
    return mode
