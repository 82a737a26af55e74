"""What happens inside a window: a maximum or a sum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array


@dataclass(frozen=True, slots=True)
class Reduction:
    """One way of making one number of many.

    Attributes
    ----------
    name : str
    ufunc : np.ufunc
        Of two numbers; order does not matter but for rounding.
    """

    name: str
    ufunc: np.ufunc

    def start(self, dtype: np.dtype[Any]) -> Any:
        """Return the number that changes no result: what stands in the padding.

        Examples
        --------
        >>> MAX.start(np.dtype(np.int8)), MAX.start(np.dtype(np.float32)), SUM.start(np.dtype(int))
        (-128, -inf, 0)
        """
        if self.ufunc is np.add:
            return 0
        return int(np.iinfo(dtype).min) if dtype.kind in "iu" else -np.inf


MAX = Reduction("max", np.maximum)  # a NaN wins: whatever holds one has no maximum
SUM = Reduction("sum", np.add)


def is_peak(values: Array, peak: Array) -> Array:
    """Tell which values are the maximum of their window; where that is NaN, which are NaN."""
    found: Array = values == peak
    if peak.dtype.kind == "f" and np.isnan(peak).any():
        found |= np.isnan(values)
    return found
