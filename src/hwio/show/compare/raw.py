"""The bare NumPy expressions that say what ``conv`` says, without a call around them.

They exist for plain arrays only: two spatial axes, NHWC and HWIO, stride 1, nothing beside x and w.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.types import Array


# name for tables -> the method that takes about as much time and memory
LIKE = {
    "np.sum": "broadcast",
    "np.einsum": "einsum",
    "np.tensordot": "tensordot",
    "reshape @": "im2col",
}


@dataclass(frozen=True, slots=True)
class Raw:
    """One NumPy expression.

    Attributes
    ----------
    name : str
        Short, for tables.
    like : str
        The method that takes about as much time and memory.
    text : str
        What is run, in x and w.
    call : callable
        Runs it.
    """

    name: str
    like: str
    text: str
    call: Callable[[], Array]


def raw_expressions(problem: Problem, x: Array, w: Array, b: Array | None = None) -> list[Raw]:
    """Return the expressions that serve a call, none where it is not plain.

    x has the shape (n, h, w, c), w (kh, kw, c, o).
    """
    if not is_plain(problem, x, w, b):
        return []
    return _on_slice(x, w) if problem.geometry.pixels == 1 else _on_windows(x, w)


def is_plain(problem: Problem, x: Array, w: Array, b: Array | None = None) -> bool:
    """Tell whether a bare expression gives the same numbers as the call."""
    geo = problem.geometry
    plain_numbers = x.dtype == w.dtype == problem.compute == problem.result
    return (
        problem.layout.text == "NHWC,HWIO->NHWC"
        and plain_numbers  # integers would wrap, float16 would sum in float16
        and set(geo.stride) == set(geo.dilation) == {1}
        and not (geo.padded or problem.flip or problem.clip)
        and geo.groups == 1
        and b is None
        and x.size > 0 < w.size  # reshape can't work out -1 from nothing
    )


def _on_slice(x: Array, w: Array) -> list[Raw]:
    """Convolve a slice as large as the filters: the thread's own question."""
    n, o = x.shape[0], w.shape[-1]
    return _named(
        (
            "np.sum(np.expand_dims(x, -1) * w, axis=(1, 2, 3))",
            lambda: np.sum(np.expand_dims(x, -1) * w, axis=(1, 2, 3)),
        ),
        ("np.einsum('nhwc,hwck->nk', x, w)", lambda: np.einsum("nhwc,hwck->nk", x, w)),
        ("np.tensordot(x, w, 3)", lambda: np.tensordot(x, w, 3)),
        (
            f"x.reshape({n}, -1) @ w.reshape(-1, {o})",
            lambda: x.reshape(n, -1) @ w.reshape(-1, o),
        ),
    )


def _on_windows(x: Array, w: Array) -> list[Raw]:
    """Convolve whole arrays: the same over a view of every window, made in the timed call."""
    kh, kw, c, o = w.shape
    taps = (kh, kw)

    def windows() -> Array:
        return sliding_window_view(x, taps, (1, 2))  # (n, oh, ow, c, kh, kw)

    def rows() -> Array:
        return windows().transpose(0, 1, 2, 4, 5, 3).reshape(-1, kh * kw * c)

    view = f"v = sliding_window_view(x, {taps}, (1, 2)); "
    return _named(
        (
            view + "np.sum(v[..., None] * np.moveaxis(w, 2, 0), axis=(3, 4, 5))",
            lambda: np.sum(windows()[..., None] * np.moveaxis(w, 2, 0), axis=(3, 4, 5)),
        ),
        (
            view + "np.einsum('nhwcpq,pqck->nhwk', v, w)",
            lambda: np.einsum("nhwcpq,pqck->nhwk", windows(), w),
        ),
        (
            view + "np.tensordot(v, w, ((4, 5, 3), (0, 1, 2)))",
            lambda: np.tensordot(windows(), w, ((4, 5, 3), (0, 1, 2))),
        ),
        (
            view + f"v.transpose(0, 1, 2, 4, 5, 3).reshape(-1, {kh * kw * c}) @ w.reshape(-1, {o})",
            lambda: rows() @ w.reshape(-1, o),
        ),
    )


def _named(*expressions: tuple[str, Callable[[], Array]]) -> list[Raw]:
    """Give the four expressions, text and call, their names."""
    names = zip(LIKE.items(), expressions, strict=True)
    return [Raw(name, like, text, call) for (name, like), (text, call) in names]
