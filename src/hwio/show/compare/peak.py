"""Peak temporary memory of a call, as Python's tracemalloc sees it.

NumPy reports the memory of its arrays there. What a BLAS library keeps for itself is not seen, and
Python's own small objects are, 2 KiB for a call and up to 20 KiB for a loop, and so are the buffers
through which NumPy adds, up to 8192 numbers.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.types import Array


def peak_bytes(call: Callable[[], Array]) -> int:
    """Return the most bytes that a call held at once, beside its result.

    Parameters
    ----------
    call : callable
        Returns an array; run it once before, so that nothing is loaded or kept for the first time.

    Returns
    -------
    int

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones(1_000_000)
    >>> peak_bytes(lambda: np.sqrt(x)) < 10_000  # the result alone
    True
    >>> 8_000_000 <= peak_bytes(lambda: (x * 2).sum(keepdims=True)) < 8_010_000
    True
    """
    started = not tracemalloc.is_tracing()
    collecting = gc.isenabled()
    gc.disable()
    if started:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        y = call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        if started:
            tracemalloc.stop()
        if collecting:
            gc.enable()
    return max(0, peak - before - y.nbytes)
