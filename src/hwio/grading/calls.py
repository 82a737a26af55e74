"""How each known function is called, what it should return, and how exact that must be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio import lab
from hwio.grading.messages import Other
from hwio.mistakes.reference import forward, pool
from hwio.mistakes.reference_back import gradients, pool_back
from hwio.ops.conv import conv

if TYPE_CHECKING:
    from hwio.mistakes.layer import Layer
    from hwio.types import Array

Arrays = tuple["Array", ...]


class ReturnError(Exception):
    """What came back is not what the function should return; the words say how."""


@dataclass(frozen=True, slots=True)
class Course:
    """One function of the course.

    Attributes
    ----------
    parts : tuple of str
        What its results are called.
    returns : str
        What it returns, in words.
    arguments : callable
        Layer -> what it is called with.
    expected : callable
        Layer -> the right results.
    sizes : callable
        Layer -> sums of the sizes of what is added up in each number, and how many terms there are.
    inputs : tuple of str
        What its arguments are called, where their shapes are told.
    """

    parts: tuple[str, ...]
    returns: str
    arguments: Callable[[Layer], tuple[Any, ...]]
    expected: Callable[[Layer], Arrays]
    sizes: Callable[[Layer], tuple[tuple[Array, int], ...]]
    inputs: tuple[str, ...]


def _four(b: Array | None) -> Array:
    """Return b as the course has it, (1, 1, 1, n_C)."""
    assert b is not None
    return b.reshape(1, 1, 1, -1)


def _conv_sizes(layer: Layer) -> dict[str, int]:
    return {"stride": layer.stride[0], "pad": layer.pad}


def _pool_sizes(layer: Layer) -> dict[str, int]:
    return {"f": layer.window[0], "stride": layer.stride[0]}


def _cache(layer: Layer) -> tuple[Any, ...]:
    return layer.x, layer.w, _four(layer.b), _conv_sizes(layer)


def _absolute(layer: Layer) -> Layer:
    """Return the layer with the sizes of its numbers."""
    w, b, dy = (None if a is None else np.abs(a) for a in (layer.w, layer.b, layer.dy))
    return replace(layer, x=np.abs(layer.x), w=w, b=b, dy=dy)


def _terms(layer: Layer) -> int:
    return prod(layer.weights.shape[:3]) + 1


def _forward_sizes(layer: Layer) -> tuple[tuple[Array, int], ...]:
    return ((forward(_absolute(layer)), _terms(layer)),)


def _backward_sizes(layer: Layer) -> tuple[tuple[Array, int], ...]:
    dx, dw, db = gradients(_absolute(layer))
    cells = prod(layer.upper.shape[:3])
    return (dx, prod(layer.kernel) * layer.upper.shape[-1]), (dw, cells), (db, cells)


def _pool_terms(layer: Layer) -> int:
    return 0 if layer.mode == "max" else prod(layer.kernel)


COURSE: dict[str, Course] = {
    "zero_pad": Course(
        parts=("X_pad",),
        returns="one array",
        arguments=lambda c: (c.x, c.pad),
        expected=lambda c: (lab.zero_pad(c.x, c.pad),),
        sizes=lambda c: ((np.abs(c.x), 0),),
        inputs=("X", "pad"),
    ),
    "conv_single_step": Course(
        parts=("Z",),
        returns="one number",
        arguments=lambda c: (c.x, c.w, _four(c.b)[0]),
        expected=lambda c: (np.asarray(lab.conv_single_step(c.x, c.w, _four(c.b)[0])),),
        sizes=lambda c: ((np.abs(c.x * c.weights).sum() + np.abs(c.bias[0]), c.x.size + 1),),
        inputs=("a_slice_prev", "W", "b"),
    ),
    "conv_forward": Course(
        parts=("Z",),
        returns="(Z, cache)",
        arguments=_cache,
        expected=lambda c: (lab.conv_forward(*_cache(c))[0],),
        sizes=_forward_sizes,
        inputs=("A_prev", "W", "b", "hparameters"),
    ),
    "conv_backward": Course(
        parts=("dA_prev", "dW", "db"),
        returns="(dA_prev, dW, db)",
        arguments=lambda c: (c.dy, _cache(c)),
        expected=lambda c: lab.conv_backward(c.dy, _cache(c)),
        sizes=_backward_sizes,
        inputs=("dZ", "cache"),
    ),
    "pool_forward": Course(
        parts=("A",),
        returns="(A, cache)",
        arguments=lambda c: (c.x, _pool_sizes(c), c.mode),
        expected=lambda c: (lab.pool_forward(c.x, _pool_sizes(c), c.mode)[0],),
        sizes=lambda c: ((pool(_absolute(c)), _pool_terms(c)),),
        inputs=("A_prev", "hparameters", "mode"),
    ),
    "pool_backward": Course(
        parts=("dA_prev",),
        returns="one array",
        arguments=lambda c: (c.dy, (c.x, _pool_sizes(c)), c.mode),
        expected=lambda c: (lab.pool_backward(c.dy, (c.x, _pool_sizes(c)), c.mode),),
        sizes=lambda c: (
            ((pool_back(_absolute(replace(c, mode="average"))), prod(c.kernel)),)
            if c.mode == "average"
            else ((_dense_back(c), prod(c.kernel)),)
        ),
        inputs=("dA", "cache", "mode"),
    ),
    "conv": Course(
        parts=("y",),
        returns="one array",
        arguments=lambda c: (c.x, c.w),
        expected=lambda c: (
            conv(c.x, c.weights, c.b, stride=c.stride, padding=c.padding, dilation=c.dilation),
        ),
        sizes=_forward_sizes,
        inputs=("x", "w"),
    ),
}


def _dense_back(layer: Layer) -> Array:
    """Return what a cell of dA_prev could get at most."""
    ones = replace(layer, dy=np.abs(layer.upper), mode="average")
    return pool_back(ones) * prod(layer.kernel)


def tolerances(function: str, layer: Layer, results: Arrays) -> Arrays:
    """Return how far each number may lie from the right one: 4·√K·u·A, A the largest of its array.

    That is T1 of the published bounds, for a whole array, so that an FFT may serve too; u is the
    roundoff of the result's own dtype.
    """
    found = []
    for (sizes, terms), result in zip(COURSE[function].sizes(layer), results, strict=True):
        u = {2: 2.0**-11, 4: 2.0**-24}.get(result.dtype.itemsize, 2.0**-53)
        narrow = result.dtype.itemsize < 8  # what was float64 has been rounded once more
        largest = float(np.max(sizes, initial=0.0)) if result.dtype.kind == "f" else 0.0
        found.append(np.asarray((4 * sqrt(terms) + narrow) * u * largest))
    return tuple(found)


def results_of(function: str, came: Any) -> Arrays:
    """Return the arrays among what a function returned.

    Raises
    ------
    ReturnError
        If it is not what the function should return.
    """
    known = COURSE[function]
    if came is None:
        message = f"it returns None, not {known.returns}: is a return missing?"
        raise ReturnError(message)
    if function in ("conv_forward", "pool_forward"):
        if not isinstance(came, tuple | list) or len(came) != 2:
            message = f"it returns {words(came)}, not {known.returns}"
            raise ReturnError(message)
        came = came[0]
    elif function == "conv" and isinstance(came, tuple) and came:
        came = came[0]  # a cache beside y is nobody's harm
    if len(known.parts) == 1:
        came = (came,)
    elif not isinstance(came, tuple | list) or len(came) != len(known.parts):
        message = f"it returns {words(came)}, not {known.returns}"
        raise ReturnError(message)
    return tuple(
        _as_result(part, name, function) for part, name in zip(came, known.parts, strict=True)
    )


def _as_result(value: Any, name: str, function: str) -> Array:
    """Return one result as an array of numbers."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if function == "conv_single_step" and number:
        return np.asarray(float(value))
    if not isinstance(value, np.ndarray):
        odd = isinstance(value, Other) and value.kind.startswith("array")
        message = f"{name} is {words(value)}" + ("" if odd else ", not a NumPy array")
        raise ReturnError(message)
    if value.dtype.kind not in "fiu":
        message = f"{name} has dtype {value.dtype}, not float64"
        raise ReturnError(message)
    return value


def words(value: Any) -> str:
    """Say what a value is.

    Examples
    --------
    >>> words((np.ones((2, 3)), None)), words(3.5)
    ('a tuple of 2 (an array of shape (2, 3), None)', 'the number 3.5')
    """
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, Other):
        return f"{'an' if value.kind[0] in 'aeiou' else 'a'} {value.kind}"
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, np.ndarray):
        if not value.ndim:
            return f"the number {value}"
        return f"an array of shape {value.shape}"
    if isinstance(value, tuple | list):
        inner = ", ".join(words(v) for v in value[:4]) if isinstance(value, tuple) else ""
        return f"a {type(value).__name__} of {len(value)}" + (f" ({inner})" if inner else "")
    return f"a {type(value).__name__}"


def cache_note(function: str, layer: Layer, came: Any) -> str | None:
    """Say what is odd about the cache that a forward function returned, or None."""
    wanted = {"conv_forward": ("A_prev", "W", "b", "hparameters"), "pool_forward": ("A_prev", "hparameters")}  # fmt: skip
    if function not in wanted:
        return None
    names, cache = wanted[function], came[1]
    right = _cache(layer) if function == "conv_forward" else (layer.x, _pool_sizes(layer))
    if isinstance(cache, tuple | list) and len(cache) == len(names):
        if all(_equal(a, b) for a, b in zip(cache, right, strict=True)):
            return None
        odd = next(n for n, a, b in zip(names, cache, right, strict=True) if not _equal(a, b))
        return (
            f"cache holds something else than {odd} where the course's ({', '.join(names)}) has it"
        )
    return f"cache is {words(cache)}; the course's is ({', '.join(names)})"


def _equal(one: Any, other: Any) -> bool:
    """Compare an entry of a cache; more keys than needed do no harm."""
    if isinstance(other, dict):
        return isinstance(one, dict) and all(_equal(one.get(k), v) for k, v in other.items())
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return isinstance(one, int | float) and not isinstance(other, np.ndarray) and one == other
