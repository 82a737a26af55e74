"""``global_max_pool`` and ``global_avg_pool``: one number for each image and channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

import numpy as np

from hwio.errors import ShapeError, word
from hwio.ops.missing import LEFT_OUT, refuse_missing
from hwio.ops.places import refuse_places
from hwio.ops.pool import avg_pool, max_pool
from hwio.ops.pool_check import check_flag, check_pool_method, keep, known, pool_array
from hwio.ops.pool_keywords import check_pool_keywords, readable
from hwio.ops.pool_quick import key_of
from hwio.shapes.pool_layout import read_pool_layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.types import Array

OPTIONS = ("layout", "keepdims", "method")
AXES_STAY = "y keeps the spatial axes, with one cell on each"


@readable
def global_max_pool(
    x: Any = LEFT_OUT,
    *more: Never,
    layout: str | None = None,
    keepdims: bool = True,
    method: str = "auto",
    **unknown: Never,
) -> Array:
    """Take the maximum over all spatial axes.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
        One photograph (H, W, C) takes ``layout="HWC"``: 3 axes alone are signals, (N, W, C).
    layout, method
        As in ``hwio.max_pool``.
    keepdims : bool
        Whether y keeps the spatial axes, with one cell on each; False leaves (N, C).

    Returns
    -------
    array, shape (N, 1, 1, C)
        As ``hwio.max_pool`` with a window of (H, W).

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.arange(12).reshape(1, 2, 3, 2)
    >>> hwio.global_max_pool(x).shape
    (1, 1, 1, 2)
    >>> hwio.global_max_pool(x, keepdims=False)
    array([[10, 11]])
    """
    if more:
        refuse_places(global_max_pool, locals())
    if unknown:
        check_pool_keywords("global_max_pool", unknown, OPTIONS)
    if x is LEFT_OUT:
        refuse_missing(global_max_pool, locals())
    return _over_all(max_pool, x, layout, keepdims, method)


@readable
def global_avg_pool(
    x: Any = LEFT_OUT,
    *more: Never,
    layout: str | None = None,
    keepdims: bool = True,
    method: str = "auto",
    **unknown: Never,
) -> Array:
    """Take the mean over all spatial axes.

    Parameters
    ----------
    x : array, shape (N, H, W, C)
    layout, method
        As in ``hwio.max_pool``.
    keepdims : bool
        Whether y keeps the spatial axes, with one cell on each; False leaves (N, C).

    Returns
    -------
    array, shape (N, 1, 1, C)
        As ``hwio.avg_pool`` with a window of (H, W).

    Examples
    --------
    >>> import numpy as np, hwio
    >>> x = np.arange(12).reshape(1, 2, 3, 2)
    >>> hwio.global_avg_pool(x, keepdims=False)
    array([[5., 6.]])
    """
    if more:
        refuse_places(global_avg_pool, locals())
    if unknown:
        check_pool_keywords("global_avg_pool", unknown, OPTIONS)
    if x is LEFT_OUT:
        refuse_missing(global_avg_pool, locals())
    return _over_all(avg_pool, x, layout, keepdims, method)


def _over_all(
    pool: Callable[..., Array], x: Any, layout: str | None, keepdims: bool, method: str
) -> Array:
    """Pool with one window that is as large as x."""
    key = key_of(pool.__name__, (x,), (layout, keepdims, method, "global"))
    window = known(key)
    if window is not None:
        return _pooled(pool, x, window, layout, method, keepdims)
    x = pool_array(x)
    keep_axes = check_flag(keepdims, "keepdims", AXES_STAY)
    check_pool_method(method)
    lay = read_pool_layout(layout, x.shape)
    sizes = dict(zip(lay.x, x.shape, strict=True))
    window = tuple(sizes[axis] for axis in lay.spatial)
    if 0 in window:
        axis = lay.spatial[window.index(0)]
        rule = f"x has no cells on {axis}, so there is no number to pool"
        shape = tuple(max(n, 1) if a in lay.spatial else n for a, n in sizes.items())
        raise ShapeError(word(rule, [f"x  {x.shape}  read as {lay.x}"], f"x of shape {shape}"))
    y = _pooled(pool, x, window, layout, method, keep_axes)
    if key is not None:
        keep(key, window)
    return y


def _pooled(
    pool: Callable[..., Array],
    x: Array,
    window: tuple[int, ...],
    layout: str | None,
    method: str,
    keepdims: bool,
) -> Array:
    """Pool with a window; leave its axes out of y unless they are kept."""
    y = pool(x, window, layout=layout, method=method)
    if keepdims:
        return y
    lay = read_pool_layout(layout, x.shape)
    return np.squeeze(y, tuple(lay.y.index(axis) for axis in lay.spatial))
