"""One table of named convolutions; every way of convolving is tested on all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwio.methods import METHODS
from hwio.ops.check import Problem
from hwio.ops.planning import problem_of

FAR = 2**61  # an index that no array has, yet one output cell never takes a second step


@dataclass(frozen=True, slots=True)
class Case:
    """A convolution: two shapes and the options of ``hwio.conv``."""

    name: str
    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    @property
    def problem(self) -> Problem:
        """The checked convolution of float32 arrays."""
        return problem_of(self.x_shape, self.w_shape, **self.options)

    @property
    def methods(self) -> list[str]:
        """Every method that serves this convolution."""
        geo = self.problem.geometry
        return [name for name, method in METHODS.items() if method.refuses(geo) is None]


# fmt: off
CASES = [
    # the thread, and sizes around it
    Case("thread", (2, 5, 7, 4), (3, 3, 4, 8)),
    Case("one pixel", (1, 1, 1, 3), (1, 1, 3, 2)),
    Case("one number", (1, 1, 1, 1), (1, 1, 1, 1)),
    Case("1x1", (2, 4, 5, 6), (1, 1, 6, 7)),
    Case("1x1 stride 2", (2, 5, 6, 3), (1, 1, 3, 4), {"stride": 2}),
    Case("kernel == input", (3, 4, 5, 2), (4, 5, 2, 3)),
    Case("kernel wider than input", (1, 3, 3, 2), (7, 7, 2, 3), {"padding": 3}),
    Case("large kernel", (1, 17, 16, 1), (11, 13, 1, 2)),
    Case("ragged channels", (2, 6, 5, 13), (3, 2, 13, 17)),
    Case("more channels than pixels", (1, 3, 3, 67), (3, 3, 67, 5), {"padding": 1}),
    Case("one row", (1, 1, 9, 2), (1, 3, 2, 3)),
    Case("even kernel", (2, 6, 7, 3), (2, 4, 3, 4), {"padding": "same"}),
    # stride and dilation
    Case("stride 2", (2, 7, 9, 3), (3, 3, 3, 4), {"stride": 2}),
    Case("stride leaves rows over", (1, 8, 9, 2), (3, 3, 2, 3), {"stride": 3, "padding": 1}),
    Case("stride per axis", (1, 9, 8, 2), (3, 2, 2, 3), {"stride": (2, 3)}),
    Case("stride above kernel", (1, 11, 10, 2), (2, 3, 2, 3), {"stride": 4}),
    Case("dilation 2", (2, 8, 9, 3), (3, 3, 3, 4), {"dilation": 2}),
    Case("dilation per axis", (1, 9, 7, 2), (3, 2, 2, 3), {"dilation": (2, 5)}),
    Case("dilation above input", (1, 4, 4, 2), (3, 3, 2, 2), {"dilation": 5, "padding": 4}),
    Case("stride and dilation", (2, 12, 11, 3), (3, 2, 3, 2), {"stride": (2, 3), "dilation": (3, 2), "padding": 1}),
    Case("far stride", (2, 4, 5, 2), (3, 4, 2, 3), {"stride": FAR}),
    Case("far stride on one axis", (1, 4, 5, 2), (3, 4, 2, 3), {"stride": (1, FAR)}),
    Case("far dilation of one tap", (2, 4, 5, 2), (1, 1, 2, 3), {"dilation": FAR}),
    # groups
    Case("groups 2", (2, 5, 6, 6), (3, 3, 3, 8), {"groups": 2}),
    Case("groups 3, stride 2", (1, 7, 7, 9), (3, 3, 3, 6), {"groups": 3, "stride": 2, "padding": 1}),
    Case("groups 2, one filter each", (1, 5, 5, 6), (3, 3, 3, 2), {"groups": 2}),
    Case("depthwise", (2, 6, 5, 7), (3, 3, 1, 7), {"groups": 7, "padding": "same"}),
    Case("depthwise multiplier 3", (2, 6, 5, 4), (3, 3, 1, 12), {"groups": 4}),
    Case("depthwise HWCM", (2, 6, 5, 4), (3, 3, 4, 2), {"layout": "NHWC,HWCM"}),
    Case("depthwise HWCM, stride 2", (2, 6, 5, 3), (3, 2, 3, 1), {"layout": "NHWC,HWCM", "stride": 2, "padding": "same"}),
    Case("depthwise MCHW, NCHW", (2, 3, 6, 5), (2, 3, 3, 3), {"layout": "NCHW,MCHW->NHWC", "dilation": 2, "padding": 1}),
    # padding: words, numbers, pairs, modes
    Case("same", (2, 5, 7, 3), (3, 3, 3, 4), {"padding": "same"}),
    Case("same, stride 2", (2, 6, 7, 3), (3, 3, 3, 4), {"padding": "same", "stride": 2}),
    Case("same, stride above kernel", (1, 10, 11, 2), (2, 2, 2, 2), {"padding": "same", "stride": 3}),
    Case("same_upper, even", (1, 6, 7, 2), (4, 2, 2, 3), {"padding": "same_upper", "stride": 2}),
    Case("same_lower", (2, 6, 7, 3), (4, 3, 3, 4), {"padding": "same_lower", "stride": 2}),
    Case("half, stride 2", (2, 6, 7, 3), (3, 3, 3, 4), {"padding": "half", "stride": 2}),
    Case("half, even", (1, 5, 6, 2), (4, 2, 2, 3), {"padding": "half"}),
    Case("full", (2, 3, 4, 2), (3, 2, 2, 3), {"padding": "full"}),
    Case("full, dilation 2", (1, 4, 3, 2), (3, 2, 2, 2), {"padding": "full", "dilation": 2}),
    Case("padding int", (2, 4, 5, 3), (3, 3, 3, 4), {"padding": 2}),
    Case("padding pairs", (2, 4, 5, 3), (3, 4, 3, 2), {"padding": [(2, 0), (1, 3)]}),
    Case("padding above kernel", (1, 2, 3, 2), (2, 2, 2, 3), {"padding": [(4, 1), (0, 5)], "stride": 2}),
    Case("edge", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": [(3, 1), (0, 6)], "padding_mode": "edge"}),
    Case("reflect", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": [(3, 1), (0, 4)], "padding_mode": "reflect"}),
    Case("symmetric", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": [(4, 1), (0, 5)], "padding_mode": "symmetric"}),
    Case("wrap", (2, 4, 5, 3), (3, 3, 3, 2), {"padding": [(4, 1), (0, 5)], "padding_mode": "wrap"}),
    Case("reflect, same, stride 2", (1, 7, 8, 2), (5, 3, 2, 3), {"padding": "same", "padding_mode": "reflect", "stride": 2}),
    Case("wrap, stride leaves rows over", (1, 8, 9, 2), (3, 3, 2, 3), {"padding": 1, "padding_mode": "wrap", "stride": 3}),
    Case("edge, stride leaves rows over", (2, 7, 8, 3), (3, 2, 3, 2), {"padding": [(2, 1), (0, 3)], "padding_mode": "edge", "stride": 4, "dilation": (1, 2)}),
    # flip
    Case("flip", (2, 5, 7, 4), (3, 3, 4, 8), {"flip": True}),
    Case("flip, uneven", (1, 6, 5, 2), (2, 4, 2, 3), {"flip": True, "padding": "same", "dilation": (1, 2)}),
    Case("flip, depthwise", (1, 5, 5, 3), (3, 2, 3, 2), {"flip": True, "layout": "NHWC,HWCM"}),
    # layouts
    Case("NCHW OIHW", (2, 4, 5, 7), (8, 4, 3, 3), {"layout": "NCHW,OIHW", "padding": 1}),
    Case("NHWC OHWI", (2, 5, 7, 4), (8, 3, 2, 4), {"layout": "NHWC,OHWI"}),
    Case("NCHW HWIO to NHWC", (2, 4, 5, 7), (3, 2, 4, 3), {"layout": "NCHW,HWIO->NHWC", "stride": 2}),
    Case("odd letters", (5, 2, 4, 7), (4, 3, 2, 8), {"layout": "HNCW,IHWO->WCNH"}),
    Case("odd letters, groups", (7, 6, 5, 2), (3, 8, 2, 3), {"layout": "WCHN,HOWI->CNHW", "groups": 2, "padding": [(0, 1), (2, 0)]}),
    Case("one image HWC", (5, 7, 4), (3, 3, 4, 8), {"layout": "HWC,HWIO", "padding": "same"}),
    Case("one image CHW to HWC", (4, 5, 7), (8, 4, 3, 3), {"layout": "CHW,OIHW->HWC"}),
    Case("one image HWC depthwise", (5, 6, 4), (3, 3, 4, 2), {"layout": "HWC,HWCM"}),
    # 1-D
    Case("1-D", (3, 9, 4), (3, 4, 5)),
    Case("1-D causal", (2, 9, 3), (4, 3, 2), {"padding": "causal", "dilation": 2}),
    Case("1-D causal, edge", (2, 9, 3), (4, 3, 2), {"padding": "causal", "padding_mode": "edge"}),
    Case("1-D NCW OIW", (2, 3, 10), (4, 3, 3), {"layout": "NCW,OIW", "stride": 3, "padding": 2}),
    Case("1-D depthwise", (2, 8, 3), (3, 3, 2), {"layout": "NWC,WCM", "dilation": 2}),
    Case("1-D one signal", (9, 2), (3, 2, 4), {"layout": "WC,WIO", "padding": "full"}),
    Case("1-D wrap", (2, 6, 2), (3, 2, 3), {"padding": (2, 3), "padding_mode": "wrap", "stride": 2}),
    Case("1-D flip, groups", (2, 8, 4), (3, 2, 6), {"flip": True, "groups": 2}),
    # 3-D
    Case("3-D", (2, 4, 5, 4, 2), (3, 3, 3, 2, 3)),
    Case("3-D uneven", (1, 5, 4, 6, 2), (2, 3, 1, 2, 3), {"stride": (2, 1, 3), "dilation": (1, 1, 2), "padding": [(0, 1), (1, 0), (2, 2)]}),
    Case("3-D NCDHW OIDHW, groups", (1, 4, 4, 3, 4), (6, 2, 2, 2, 3), {"layout": "NCDHW,OIDHW", "groups": 2, "padding": 1}),
    Case("3-D same reflect", (1, 4, 5, 4, 2), (3, 2, 3, 2, 2), {"padding": "same", "padding_mode": "reflect"}),
    Case("3-D depthwise, one image", (3, 4, 4, 3), (2, 2, 2, 3, 2), {"layout": "DHWC,DHWCM"}),
    Case("3-D flip", (1, 3, 4, 3, 2), (2, 3, 2, 2, 2), {"flip": True, "padding": "half"}),
    # nothing there
    Case("no images", (0, 5, 7, 4), (3, 3, 4, 8)),
    Case("no channels", (2, 5, 7, 0), (3, 3, 0, 8), {"padding": 1}),
    Case("no filters", (2, 5, 7, 4), (3, 3, 4, 0), {"padding": 1}),
    Case("no channels, depthwise", (2, 5, 7, 0), (3, 3, 0, 2), {"layout": "NHWC,HWCM"}),
    Case("no pixels, padded", (2, 0, 3, 4), (3, 3, 4, 5), {"padding": 2}),
    Case("no pixels at all, padded", (1, 0, 0, 2), (2, 2, 2, 3), {"padding": 1}),
    Case("1-D no images, groups", (0, 8, 4), (3, 2, 6), {"groups": 2}),
    # what Winograd serves, with tiles that do not divide the output
    Case("3x3, one tile", (1, 4, 4, 2), (3, 3, 2, 3)),
    Case("3x3, tiles and a rest", (2, 9, 8, 5), (3, 3, 5, 4), {"padding": "same"}),
    Case("3x3, groups", (1, 8, 7, 6), (3, 3, 3, 4), {"groups": 2, "padding": 1}),
    Case("3x3 NCHW, flip", (1, 3, 7, 6), (4, 3, 3, 3), {"layout": "NCHW,OIHW", "flip": True}),
    Case("1-D 3 taps", (2, 13, 3), (3, 3, 4), {"padding": "same"}),
    Case("3-D 3x3x3, padded", (1, 5, 3, 4, 2), (3, 3, 3, 2, 2), {"padding": 1}),
]
# fmt: on


def every_way(cases: list[Case] = CASES) -> list[Any]:
    """List each case with each method that serves it, for ``pytest.mark.parametrize``."""
    return [(case, name) for case in cases for name in case.methods]


def whole_numbers(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: Any, most: int, depth: int = 1
) -> Any:
    """Draw whole numbers within ±most, zero often enough that every partial sum is exact.

    Sums of 16384 products of numbers within ±32 stay below 2^24, so for a depth above that most
    numbers are left out.
    """
    dtype = np.dtype(dtype)
    low = 0 if dtype.kind == "u" else -most
    values = rng.integers(low, most + 1, shape)
    values *= rng.random(shape) < 16384 / max(depth, 1)
    if dtype.kind == "c":
        values = values + 1j * rng.integers(-most, most + 1, shape)
    return np.asarray(values).astype(dtype)


def whole_arrays(case: Case, dtype: Any = np.float32, most: int = 32, seed: int = 0) -> Any:
    """Return x and w of a case, whole numbers throughout."""
    rng = np.random.default_rng([seed, *case.x_shape, *case.w_shape])
    depth = case.problem.geometry.depth
    return tuple(whole_numbers(rng, s, dtype, most, depth) for s in (case.x_shape, case.w_shape))


def normal_arrays(case: Case, dtype: Any = np.float32, seed: int = 0) -> Any:
    """Return normally distributed x and w of a case."""
    rng = np.random.default_rng([seed, *case.x_shape, *case.w_shape])
    dtype = np.dtype(dtype)
    pair = []
    for shape in (case.x_shape, case.w_shape):
        values = rng.standard_normal(shape)
        if dtype.kind == "c":
            values = values + 1j * rng.standard_normal(shape)
        pair.append(np.asarray(values).astype(dtype))
    return tuple(pair)
