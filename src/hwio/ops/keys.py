"""Keys under which checked calls are remembered, so that a repeated one is not checked again."""

from __future__ import annotations

from typing import Any

import numpy as np


def apart(option: Any) -> Any:
    """Return a key for an option that tells 1 from True and from 1.0, however nested."""
    if isinstance(option, tuple | list):
        return (type(option), *map(apart, option))
    return type(option), option


def is_fixed(option: Any) -> bool:
    """Tell whether an option can't change its value while it keeps its hash."""
    if isinstance(option, tuple | list):  # the key holds what is in it
        return all(map(is_fixed, option))
    return option is None or isinstance(option, int | float | str | type | np.generic | np.dtype)
