"""The readable ways of pooling, one file each; ``POOL_METHODS`` lists them.

A pooling is a convolution's window with another reduction: each channel by itself, a maximum or a
sum instead of products. All ways take x (n, *in, c) without its padding and a Geometry, and return
y (n, *out, c) in x's dtype; averages are sums that ``divisor`` divides. Padding holds what changes no
result: nothing is above minus infinity, and a sum takes 0.
"""

from hwio.pooling.loop import (
    argmax_loop,
    loop_bytes,
    max_grad_loop,
    pool_loop,
    sum_grad_loop,
)
from hwio.pooling.method import PoolMethod
from hwio.pooling.reduction import MAX, SUM, Reduction
from hwio.pooling.taps import argmax_taps, max_grad_taps, pool_taps, sum_grad_taps, taps_bytes
from hwio.pooling.windows import (
    argmax_windows,
    max_grad_windows,
    pool_windows,
    sum_grad_windows,
    windows_bytes,
)

POOL_METHODS: dict[str, PoolMethod] = {
    "loop": PoolMethod(
        "loop",
        pool_loop,
        argmax_loop,
        max_grad_loop,
        sum_grad_loop,
        idea="the definition, window by window",
        formula="y[n, i, j] = x[n, window of i, j].max(axis=(0, 1))",
        workspace=loop_bytes,
    ),
    "windows": PoolMethod(
        "windows",
        pool_windows,
        argmax_windows,
        max_grad_windows,
        sum_grad_windows,
        idea="one strided view of all windows, reduced over its taps",
        formula="y = windows.max(axis=(3, 4))",
        workspace=windows_bytes,
    ),
    "taps": PoolMethod(
        "taps",
        pool_taps,
        argmax_taps,
        max_grad_taps,
        sum_grad_taps,
        idea="shift x, one running maximum or sum",
        formula="y = maximum(y, x[:, p:p+oh, q:q+ow]) for each tap p, q",
        workspace=taps_bytes,
    ),
}
FASTEST = "taps"  # of these, on every shape measured

__all__ = ["FASTEST", "MAX", "POOL_METHODS", "SUM", "PoolMethod", "Reduction"]
