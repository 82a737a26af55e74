"""hwio: pooling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import hwio
from bench.case import Case, Contender


def maximum(case: Case) -> Contender:
    """Take maxima."""
    return _pooling(hwio.max_pool, case)


def mean(case: Case) -> Contender:
    """Take means."""
    return _pooling(hwio.avg_pool, case)


def _pooling(pool: Callable[..., np.ndarray], case: Case) -> Contender:
    hwio.set_num_threads(case.threads)
    x, layer = case.x, case.layer
    options = {"stride": layer.stride, "padding": layer.padding[0]}
    return Contender(lambda: pool(x, layer.kernel[0], **options))
