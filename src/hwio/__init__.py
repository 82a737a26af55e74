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
from hwio.ops.plans import plan
from hwio.ops.prepared import Prepared, prepare

if TYPE_CHECKING:
    from hwio import interop as interop
    from hwio import lab as lab
    from hwio.diagnosis.diagnosis import diagnose
    from hwio.engine.threads import get_num_threads, set_num_threads
    from hwio.explorer.exploration import explore
    from hwio.grading.checking import check
    from hwio.interop.moving.moved import move_layer
    from hwio.ops.pool import argmax_pool, avg_pool, lp_pool, max_pool
    from hwio.ops.pool_global import global_avg_pool, global_max_pool
    from hwio.ops.pool_grad import avg_pool_grad, max_pool_grad
    from hwio.show.code.snippet import code
    from hwio.show.compare.comparison import compare
    from hwio.show.explain.explanation import explain

__version__ = "0.1.0"

# loaded when first used, so that `import hwio` stays quick
_LATER = {
    "argmax_pool": "hwio.ops.pool",
    "avg_pool": "hwio.ops.pool",
    "avg_pool_grad": "hwio.ops.pool_grad",
    "check": "hwio.grading.checking",
    "code": "hwio.show.code.snippet",
    "compare": "hwio.show.compare.comparison",
    "conv_grad": "hwio.ops.grad",
    "conv_transpose": "hwio.ops.transpose",
    "conv_transpose_grad": "hwio.ops.transpose",
    "diagnose": "hwio.diagnosis.diagnosis",
    "explain": "hwio.show.explain.explanation",
    "explore": "hwio.explorer.exploration",
    "get_num_threads": "hwio.engine.threads",
    "global_avg_pool": "hwio.ops.pool_global",
    "global_max_pool": "hwio.ops.pool_global",
    "lp_pool": "hwio.ops.pool",
    "max_pool": "hwio.ops.pool",
    "max_pool_grad": "hwio.ops.pool_grad",
    "move_layer": "hwio.interop.moving.moved",
    "set_num_threads": "hwio.engine.threads",
}

# folders and files of names of their own, loaded likewise: hwio.lab.conv_forward
_PARTS = ("interop", "lab")

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
    "argmax_pool",
    "avg_pool",
    "avg_pool_grad",
    "check",
    "code",
    "compare",
    "conv",
    "conv_grad",
    "conv_transpose",
    "conv_transpose_grad",
    "depthwise_weights",
    "diagnose",
    "explain",
    "explore",
    "get_num_threads",
    "global_avg_pool",
    "global_max_pool",
    "layout_recipe",
    "lp_pool",
    "max_pool",
    "max_pool_grad",
    "move_layer",
    "plan",
    "prepare",
    "set_num_threads",
    "to_layout",
]


def __getattr__(name: str) -> Any:
    """Load a part on first use."""
    if name in _PARTS:
        return import_module(f"hwio.{name}")
    if name not in _LATER:
        if name.startswith("_"):  # asked by machines: copy, pickle, doctest
            message = f"module 'hwio' has no attribute {name!r}"
            raise AttributeError(message)
        from hwio.called import no_such_name  # who types what is there never needs it

        raise AttributeError(no_such_name("hwio", name, __dir__()))
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what the door offers."""
    return sorted([*__all__, *_PARTS])
