"""hwio: pooling, forwards and backwards."""

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


def maximum_back(case: Case) -> Contender:
    """Give dy back to the maxima, which are looked for again."""
    x, dy, options = case.x, case.dy, _options(case)
    return Contender(lambda: hwio.max_pool_grad(x, dy, case.layer.kernel[0], **options))


def mean_back(case: Case) -> Contender:
    """Share dy out to the cells."""
    shape, dy, options = case.x.shape, case.dy, _options(case)
    return Contender(lambda: hwio.avg_pool_grad(shape, dy, case.layer.kernel[0], **options))


def _pooling(pool: Callable[..., np.ndarray], case: Case) -> Contender:
    x, options = case.x, _options(case)
    return Contender(lambda: pool(x, case.layer.kernel[0], **options))


def _options(case: Case) -> dict[str, int]:
    """Set the threads; return the keywords."""
    hwio.set_num_threads(case.threads)
    return {"stride": case.layer.stride, "padding": case.layer.padding[0]}
