"""hwio: convolution on NumPy arrays, every way of doing it, and what it says.

>>> import numpy as np, hwio
>>> x = np.random.randn(2, 5, 7, 4)  # 2 images, 5 high, 7 wide, 4 channels
>>> w = np.random.randn(3, 3, 4, 8)  # 8 filters of 3 × 3 × 4; filter k is w[:, :, :, k]
>>> hwio.conv(x, w).shape
(2, 3, 5, 8)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hwio.errors import (
    ArgumentTypeError,
    DTypeError,
    FileError,
    HwioError,
    LayoutError,
    LimitError,
    OptionError,
    RangeError,
    ShapeError,
)
from hwio.ops.conv import conv
from hwio.ops.convert import depthwise_weights, layout_recipe, to_layout
from hwio.ops.planning import plan
from hwio.ops.prepared import Prepared, prepare

if TYPE_CHECKING:
    from hwio.engine.threads import get_num_threads, set_num_threads
    from hwio.show.code import code
    from hwio.show.compare import compare
    from hwio.show.explain import explain

__version__ = "0.1.0"

# loaded when first used: they are for people, not for the hot path
_LATER = {
    "code": "hwio.show.code",
    "compare": "hwio.show.compare",
    "explain": "hwio.show.explain",
    "get_num_threads": "hwio.engine.threads",
    "set_num_threads": "hwio.engine.threads",
}

__all__ = [
    "ArgumentTypeError",
    "DTypeError",
    "FileError",
    "HwioError",
    "LayoutError",
    "LimitError",
    "OptionError",
    "Prepared",
    "RangeError",
    "ShapeError",
    "code",
    "compare",
    "conv",
    "depthwise_weights",
    "explain",
    "get_num_threads",
    "layout_recipe",
    "plan",
    "prepare",
    "set_num_threads",
    "to_layout",
]


def __getattr__(name: str) -> Any:
    """Load a part on first use."""
    if name not in _LATER:
        message = f"module 'hwio' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what the door offers."""
    return sorted(__all__)
