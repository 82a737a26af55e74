"""One table of named poolings; every way is tested on all of it. And random ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwio.ops.pool_check import PoolProblem, check_pool
from strategies import SPACE

FAR = 2**61


@dataclass(frozen=True, slots=True)
class PoolCase:
    """A pooling: a shape, a window, and options that all poolings have."""

    name: str
    x_shape: tuple[int, ...]
    window: Any
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def problem(self) -> PoolProblem:
        """The checked pooling."""
        return check_pool(self.x_shape, self.window, **self.options)

    def numbers(self, dtype: Any = np.float32, most: int = 9, seed: int = 0) -> Any:
        """Return x of whole numbers, few enough that there are ties."""
        rng = np.random.default_rng([seed, *self.x_shape])
        low = 0 if np.dtype(dtype).kind == "u" else -most
        return rng.integers(low, most + 1, self.x_shape).astype(dtype)

    def gradient(self, dtype: Any = np.float64, most: int = 9, seed: int = 1) -> Any:
        """Return dy of whole numbers."""
        rng = np.random.default_rng([seed, *self.x_shape])
        return rng.integers(-most, most + 1, self.problem.y_shape).astype(dtype)


# fmt: off
POOL_CASES = [
    PoolCase("2×2", (2, 6, 8, 3), 2),
    PoolCase("2×2, rows left over", (2, 5, 7, 3), 2),
    PoolCase("one cell", (1, 4, 5, 2), 1),
    PoolCase("one cell, stride 2", (1, 4, 5, 2), 1, {"stride": 2}),
    PoolCase("all of x", (2, 4, 5, 3), (4, 5)),
    PoolCase("overlapping", (2, 7, 6, 3), 3, {"stride": 1}),
    PoolCase("3×3, stride 2", (1, 9, 8, 2), 3, {"stride": 2}),
    PoolCase("gaps between windows", (1, 9, 8, 2), 2, {"stride": 3}),
    PoolCase("per axis", (1, 9, 8, 2), (3, 2), {"stride": (2, 1), "dilation": (1, 3)}),
    PoolCase("padding 1", (2, 6, 7, 3), 3, {"stride": 2, "padding": 1}),
    PoolCase("padding pairs", (2, 6, 7, 3), 3, {"stride": 2, "padding": [(2, 0), (1, 2)]}),
    PoolCase("same", (2, 6, 7, 3), 3, {"stride": 2, "padding": "same"}),
    PoolCase("same_lower", (2, 6, 7, 3), 2, {"stride": 1, "padding": "same_lower"}),
    PoolCase("half", (2, 6, 7, 3), 3, {"stride": 2, "padding": "half"}),
    PoolCase("full", (1, 3, 4, 2), (3, 2), {"stride": 1, "padding": "full"}),
    PoolCase("dilation 2", (2, 7, 8, 3), 3, {"stride": 1, "dilation": 2}),
    PoolCase("dilation, padding", (1, 5, 6, 2), 3, {"stride": 2, "dilation": 2, "padding": 2}),
    PoolCase("window wider than x", (1, 2, 3, 2), 5, {"stride": 1, "padding": 4}),
    PoolCase("far stride", (2, 4, 5, 2), (3, 4), {"stride": FAR}),
    PoolCase("far dilation of one tap", (2, 4, 5, 2), 1, {"dilation": FAR}),
    # ceil mode
    PoolCase("ceil", (1, 6, 4, 2), 3, {"stride": 2, "ceil_mode": True}),
    PoolCase("ceil, nothing left over", (1, 6, 4, 2), 2, {"ceil_mode": True}),
    PoolCase("ceil, padding", (2, 6, 7, 3), 3, {"stride": 2, "padding": 1, "ceil_mode": True}),
    PoolCase("ceil, last window dropped", (1, 2, 2, 2), 1, {"stride": 2, "ceil_mode": True}),
    PoolCase("ceil, dropped in the padding", (1, 2, 2, 3), 3, {"stride": 3, "padding": 1, "ceil_mode": True}),
    PoolCase("ceil, window wider than x", (1, 2, 5, 1), 3, {"stride": 2, "ceil_mode": True}),
    PoolCase("ceil, dilation", (1, 8, 9, 2), 2, {"stride": 3, "dilation": 2, "ceil_mode": True}),
    # layouts and ranks
    PoolCase("NCHW", (2, 3, 6, 7), 3, {"stride": 2, "padding": 1, "layout": "NCHW"}),
    PoolCase("NCHW to NHWC", (2, 3, 6, 7), 2, {"layout": "NCHW->NHWC"}),
    PoolCase("odd letters", (7, 2, 3, 6), (3, 2), {"layout": "WNCH->CHNW", "padding": [(1, 0), (0, 1)]}),
    PoolCase("one image HWC", (6, 7, 3), 2, {"layout": "HWC"}),
    PoolCase("one image CHW to HWC", (3, 6, 7), 2, {"layout": "CHW->HWC", "ceil_mode": True}),
    PoolCase("1-D", (3, 9, 4), 3),
    PoolCase("1-D causal", (2, 9, 3), 3, {"stride": 1, "padding": "causal"}),
    PoolCase("1-D NCW", (2, 3, 9), 4, {"stride": 3, "padding": (2, 1), "layout": "NCW"}),
    PoolCase("1-D one signal", (9, 2), 2, {"layout": "WC"}),
    PoolCase("3-D", (2, 4, 5, 6, 2), 2),
    PoolCase("3-D NCDHW, ceil", (1, 2, 5, 4, 5), (2, 3, 2), {"layout": "NCDHW", "stride": 2, "padding": [(1, 0), (1, 1), (0, 1)], "ceil_mode": True}),
    # nothing there
    PoolCase("no images", (0, 6, 7, 3), 2, {"padding": 1}),
    PoolCase("no channels", (2, 6, 7, 0), 2),
]
# fmt: on


def random_pool(between, torch_like=False):
    """Draw a pooling by ``between(low, high)``; torch takes the same padding on both sides only."""
    ndim = between(1, 3)
    most = 5 if ndim < 3 else 3
    axes = []
    for _ in range(ndim):
        k, s, d = between(1, most), between(1, 4), between(1, 3)
        low = between(0, k // 2 if torch_like else (k - 1) * d)
        high = low if torch_like else between(0, (k - 1) * d)
        n = max(1, (k - 1) * d + 1 - low - high, d if low or high else 1) + between(0, 6)
        axes.append((n, k, s, d, (low, high)))
    n, k, s, d, pads = zip(*axes, strict=True)
    space = SPACE[ndim]
    layout = (f"NC{space}", f"N{space}C", f"NC{space}->N{space}C")[
        between(0, 0 if torch_like else 2)
    ]
    sizes = {"N": between(1, 2), "C": between(1, 4), **dict(zip(space, n, strict=True))}
    return PoolCase(
        "random",
        tuple(sizes[letter] for letter in layout.partition("->")[0]),
        k,
        {
            "stride": s,
            "dilation": d,
            "padding": list(pads),
            "ceil_mode": bool(between(0, 1)),
            "layout": layout,
        },
    )


def seeded_pools(seed, count, **limits):
    """Yield random poolings, the same on every run."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield random_pool(lambda low, high: int(rng.integers(low, high + 1)), **limits)
