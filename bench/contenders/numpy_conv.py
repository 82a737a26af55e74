"""NumPy without a library around it, where one would write that by hand: the thread's arrays."""

from __future__ import annotations

import numpy as np

import hwio
from bench.case import Case, Contender, LeftOut


def loop(case: Case) -> Contender:
    """Run the nested loop."""
    if case.cell.network != "thread":
        message = "the loop is run on the thread's arrays only"
        raise LeftOut(message)
    x, w = case.x, case.w
    return Contender(lambda: hwio.conv(x, w, method="loop"))


def einsum(case: Case) -> Contender:
    """Run the one expression that does the slice."""
    layer = case.layer
    if layer.size != layer.kernel or any(layer.padding) or layer.groups > 1 or case.ndim != 2:
        message = "one window per image is what the expression does"
        raise LeftOut(message)
    x, w = case.x, case.w
    return Contender(
        lambda: np.einsum("nhwc,hwck->nk", x, w), lambda y: y.reshape(len(x), 1, 1, -1)
    )
