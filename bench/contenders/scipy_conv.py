"""SciPy, where its operation is the same: one filter per channel, stride 1, zeros around."""

from __future__ import annotations

import numpy as np
from scipy import ndimage, signal

from bench.case import Case, Contender, LeftOut


def correlate(case: Case) -> Contender:
    """Run ndimage on a picture, overlap-add FFTs on channels that have filters of their own."""
    layer, x = case.layer, case.x
    half = tuple(k // 2 for k in layer.kernel)
    own = layer.groups == layer.c == layer.o
    if not own or layer.stride > 1 or layer.dilation > 1 or layer.padding != half:
        message = "SciPy has no such operation"
        raise LeftOut(message)
    if layer.one_filter:
        w = case.w[..., :1, 0][None]  # (1, h, w, 1)
        return Contender(lambda: ndimage.correlate(x, w, mode="constant"))
    if layer.macs < 100 * layer.depth * layer.c or max(layer.kernel) < 13:
        message = "SciPy's FFTs are for large kernels"
        raise LeftOut(message)
    turned = np.flip(case.w[..., 0, :], (0, 1))[None]  # (1, h, w, c)
    axes = tuple(range(1, case.ndim + 1))
    return Contender(lambda: signal.oaconvolve(x, turned, mode="same", axes=axes))
