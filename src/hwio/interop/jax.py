"""hwio's convolution where JAX learns: ``conv`` on JAX arrays, under jit, grad and vmap.

``hwio.interop.jax.conv(x, w, b, stride=2, padding="same")`` may stand anywhere in a function that is
compiled or differentiated. JAX calls back into Python for it (``jax.pure_callback``), so it runs on the
CPU beside the compiled program, and its numbers are copied on the way.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Never

import jax
import jax.numpy as jnp
import numpy as np

from hwio.errors import DTypeError, word
from hwio.ops.arrays import as_array
from hwio.ops.check import check_bias, check_problem
from hwio.ops.conv import conv as conv_arrays
from hwio.ops.grad import conv_grad
from hwio.ops.keywords import check_keywords, hide_refused
from hwio.ops.memory import stored_shape
from hwio.ops.places import refuse_places
from hwio.ops.wording import worded_for

if TYPE_CHECKING:
    from hwio.ops.check import Problem

OPTIONS = ("stride", "padding", "dilation", "groups", "layout", "flip", "padding_mode")
Options = tuple[tuple[str, Any], ...]  # sorted and hashable, as JAX needs what is no array


def conv(x: Any, w: Any, b: Any = None, *more: Never, **options: Any) -> Any:
    """Convolve JAX arrays by hwio, in a way that JAX can go back through.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
    w : array, shape (H, W, I, O)
    b : array, shape (O,), optional
        All of one real floating dtype, or promoted to one.
    **options
        stride, padding, dilation, groups, layout, flip and padding_mode of ``hwio.conv``, with its
        defaults: Flax's orders.

    Returns
    -------
    array, shape (N, H', W', O)

    Raises
    ------
    HwioError
        As ``hwio.conv``, while JAX traces the call.
    DTypeError
        If there are other numbers than real floats.

    Notes
    -----
    Under ``vmap`` hwio is called once for each entry of the new axis: images go faster on N. Gradients of
    gradients, and forward-mode differentiation (``jax.jvp``), are not offered: JAX says so.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> x, w = jnp.arange(5.0).reshape(1, 5, 1), jnp.array([1.0, 0.0, -1.0]).reshape(3, 1, 1)
    >>> conv(x, w)[0, :, 0].tolist()
    [-2.0, -2.0, -2.0]
    >>> jax.jit(jax.grad(lambda w: conv(x, w).sum()))(w)[:, 0, 0].tolist()
    [3.0, 6.0, 9.0]
    """
    if more:
        refuse_places(conv, locals())
    check_keywords("interop.jax.conv", options, OPTIONS)
    arrays = {"x": x, "w": w} | ({} if b is None else {"b": b})
    found = [jnp.asarray(_checked(value, name)) for name, value in arrays.items()]
    common = jnp.result_type(*found)
    x, w, *rest = (array.astype(common) for array in found)
    known = tuple(sorted((name, _fixed(value)) for name, value in options.items()))
    problem = _check(x, w, known)
    y = _convolve(x, w, known)
    for bias in rest:
        check_bias(bias.shape, problem.geometry.out_channels, problem.layout.w)
        y += bias.reshape([-1 if letter == "C" else 1 for letter in problem.layout.y])
    return y


hide_refused(conv)


def _checked(value: Any, name: str) -> Any:
    """Refuse what holds no real floats that NumPy knows; the rest goes on as it is."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        value = as_array(value, name)
        dtype = value.dtype
    as_array(np.zeros(0, dtype), name)
    if np.dtype(dtype).kind != "f":
        rule = f"{name} has dtype {dtype}; the bridge to JAX takes real floats"
        raise DTypeError(word(rule, [], f"{name} = {name}.astype(np.float32)"))
    return value


def _fixed(value: Any) -> Any:
    """Return an option as something that hashes."""
    return tuple(map(_fixed, value)) if isinstance(value, list | tuple) else value


def _check(x: Any, w: Any, options: Options) -> Problem:
    """Check a call from shapes, which are known while JAX traces."""
    with worded_for("interop.jax.conv", x, w):
        dtypes = np.dtype(x.dtype), np.dtype(w.dtype)
        return check_problem(x.shape, w.shape, *dtypes, **dict(options))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: Any, w: Any, options: Options) -> Any:
    """Call ``hwio.conv`` out of a compiled program."""

    def call(x: Any, w: Any) -> Any:
        return np.ascontiguousarray(conv_arrays(np.asarray(x), np.asarray(w), **dict(options)))

    problem = _check(x, w, options)
    y = jax.ShapeDtypeStruct(stored_shape(problem.geometry, problem.layout), problem.result)
    return jax.pure_callback(call, y, x, w, vmap_method="sequential")


def _forward(x: Any, w: Any, options: Options) -> tuple[Any, tuple[Any, Any]]:
    """Return y, and what the way back needs."""
    return _convolve(x, w, options), (x, w)


def _backward(options: Options, kept: tuple[Any, Any], dy: Any) -> tuple[Any, Any]:
    """Call ``hwio.conv_grad``, once for each gradient: JAX drops the call of one that nobody needs."""
    x, w = kept
    return _gradient("x", x, w, dy, options), _gradient("w", x, w, dy, options)


def _gradient(which: str, x: Any, w: Any, dy: Any, options: Options) -> Any:
    """Return dx or dw."""

    def call(x: Any, w: Any, dy: Any) -> Any:
        x, w, dy = map(np.asarray, (x, w, dy))
        found = conv_grad(x, w, dy, need=which, **dict(options))
        return np.ascontiguousarray(found["xw".index(which)])

    like = x if which == "x" else w
    shape = jax.ShapeDtypeStruct(like.shape, like.dtype)
    return jax.pure_callback(call, shape, x, w, dy, vmap_method="sequential")


_convolve.defvjp(_forward, _backward)
