"""The published error bounds hold on six kinds of data, and a wrong result breaks them."""

import numpy as np
import pytest

import hwio
from cases import Case
from nearness import excess

CASES = [
    Case("channels", (2, 12, 11, 16), (3, 3, 16, 8), {"padding": 1}),
    Case("deep", (1, 6, 5, 160), (3, 3, 160, 4)),
    Case("one channel", (2, 17, 14, 1), (3, 3, 1, 8)),
    Case("groups", (2, 8, 9, 8), (3, 3, 2, 8), {"groups": 4, "padding": 1}),
    Case("depthwise", (2, 8, 9, 8), (3, 3, 8, 2), {"padding": 1, "layout": "NHWC,HWCM"}),
    Case("stride", (1, 20, 20, 3), (7, 7, 3, 8), {"stride": 2}),
    Case("1-D", (2, 40, 16), (3, 16, 8), {"padding": "same"}),
    Case("3-D", (1, 7, 6, 7, 8), (3, 3, 3, 8, 4), {"padding": 1}),
]
IMAGES = [case for case in CASES if case.problem.geometry.ndim == 2]


def normal(rng, shape):
    return rng.standard_normal(shape)


def wide(rng, shape):
    return rng.standard_normal(shape) * 10.0 ** rng.uniform(-6, 6, shape)


def one_bright_pixel(rng, shape):
    x = rng.standard_normal(shape)
    x[tuple(n // 2 for n in shape)] = 1e6
    return x


def zeros_beside_large(rng, shape):
    x = rng.standard_normal(shape) * 1e5
    x[rng.random(shape) < 0.5] = 0
    x[:, : shape[1] // 2] = 0
    return x


def denormal(rng, shape):
    return rng.standard_normal(shape) * 1e-40


KINDS = {  # name -> how x and w are drawn
    "normal": (normal, normal),
    "uniform": (lambda rng, shape: rng.random(shape),) * 2,
    "wide": (wide, wide),
    "one bright pixel": (one_bright_pixel, normal),
    "zeros beside large": (zeros_beside_large, normal),
    "denormal": (denormal, normal),
    "denormal weights": (normal, denormal),
}


def draw(kind, case, seed=0, dtype=np.float32):
    rng = np.random.default_rng([seed, *case.x_shape])
    shapes = (case.x_shape, case.w_shape)
    return tuple(how(rng, s).astype(dtype) for how, s in zip(KINDS[kind], shapes, strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_every_method_keeps_its_bound(kind, case):
    found = {}
    for seed in range(2):
        x, w = draw(kind, case, seed)
        for method in case.methods:
            y = hwio.conv(x, w, method=method, **case.options)
            assert y.dtype == np.float32
            found[method, seed] = excess(y, x, w, method, case.options)
    assert {way: f"{ratio:.3g} times" for way, ratio in found.items() if ratio > 1} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_what_auto_chooses_keeps_the_bound_of_direct_sums(kind):
    for case in CASES:
        x, w = draw(kind, case)
        y = hwio.conv(x, w, **case.options)
        assert excess(y, x, w, "loop", case.options) <= 1


@pytest.mark.parametrize("precision", ["high", "medium"])
@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_lower_precision_is_near_in_two_norm(kind, precision):
    for case in CASES:
        x, w = draw(kind, case)
        r = hwio.conv(x.astype(float), w.astype(float), **case.options)
        for method in (*case.methods, "auto"):
            y = hwio.conv(x, w, method=method, precision=precision, **case.options)
            for image in range(len(y)):
                error = np.linalg.norm(y[image] - r[image])
                half = hwio.plan(x, w, method=method, precision=precision, **case.options)
                near = 2.0**-7 if half.kernel == "bf16" else 2e-5
                assert error <= near * np.linalg.norm(r[image])


# A bound that nothing breaks would test nothing.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_flipped_kernel_breaks_every_bound(kind, case):
    x, w = draw(kind, case)
    y = hwio.conv(x, w, flip=True, **case.options)
    for method in case.methods:
        assert excess(y, x, w, method, case.options) > 1


def test_a_flipped_kernel_can_keep_the_mean():
    x = np.random.default_rng(0).integers(-9, 10, (1, 6, 6, 2)).astype(float)
    x[:, :2], x[:, -2:], x[:, :, :2], x[:, :, -2:] = 0, 0, 0, 0  # every window meets every tap
    w = np.random.default_rng(1).integers(-9, 10, (3, 3, 2, 4)).astype(float)
    y, flipped = hwio.conv(x, w), hwio.conv(x, w, flip=True)
    assert y.mean() == flipped.mean()
    assert excess(flipped, x, w, "loop", {}) > 1e12


@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_small_slips_break_every_bound(case):
    x, w = draw("normal", case)
    one_tap = w.copy()
    one_tap[0, -1] = 0
    moved = np.roll(x, 1, axis=2)
    for slip in (hwio.conv(x, one_tap, **case.options), hwio.conv(moved, w, **case.options)):
        for method in case.methods:
            assert excess(slip, x, w, method, case.options) > 1


def test_half_the_digits_break_the_bound_of_float32():
    case = CASES[0]
    x, w = draw("normal", case)
    y = hwio.conv(x.astype(np.float16), w.astype(np.float16), **case.options)
    assert excess(y.astype(np.float32), x, w, "loop", case.options) > 1


# NaN and Inf: the same pattern as the direct sum.

NOT_FINITE = {
    "Inf in x": lambda x, w: x.__setitem__((0, 2, 3, 0), np.inf),
    "NaN in x": lambda x, w: x.__setitem__((0, 2, 3, 0), np.nan),
    "Inf and -Inf in x": lambda x, w: (
        x.__setitem__((0, 1, 1, 0), np.inf),
        x.__setitem__((0, 2, 2, -1), -np.inf),
    ),
    "Inf in w": lambda x, w: w.__setitem__((1, 1, 0, 1), np.inf),
    "Inf in w's corner": lambda x, w: w.__setitem__((0, 0, 0, 0), -np.inf),
    "NaN in w": lambda x, w: w.__setitem__((0, 2, 0, 1), np.nan),
    "Inf beside zeros": lambda x, w: (
        w.__setitem__((0, 1), 0),
        x.__setitem__((0, 3, 3, 0), np.inf),
    ),
    "a product overflows": lambda x, w: (
        x.__setitem__((0, 3, 3, 0), np.finfo(x.dtype).max / 4),
        w.__setitem__((1, 1, 0, 0), 5),
    ),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("kind", NOT_FINITE)
@pytest.mark.parametrize("case", IMAGES, ids=str)
def test_every_method_has_the_pattern_of_the_direct_sum(kind, case, dtype):
    x, w = draw("normal", case, dtype=dtype)
    NOT_FINITE[kind](x, w)
    with np.errstate(all="ignore"):
        r = hwio.conv(x, w, method="loop", **case.options)
        for method in (*case.methods, "auto"):
            y = hwio.conv(x, w, method=method, **case.options)
            assert pattern(y) == pattern(r), method
            finite = np.isfinite(r)
            if dtype == np.float32 and method != "auto":
                spread = np.abs(np.where(finite, y - r, 0)).max()
                assert spread <= 1e-3 * np.abs(r[finite]).max(initial=1)


def pattern(y):
    """List where y is Inf, -Inf or NaN; a complex number is either finite or not."""
    if np.iscomplexobj(y):
        return np.isfinite(y).tolist()
    return [np.isposinf(y).tolist(), np.isneginf(y).tolist(), np.isnan(y).tolist()]


@pytest.mark.parametrize("case", CASES[:1] + CASES[4:5], ids=str)
def test_infinite_weight_times_zero_padding_is_nan(case):
    x, w = np.ones(case.x_shape, np.float32), np.ones(case.w_shape, np.float32)
    w[0, 1] = np.inf  # meets padding in the first row alone
    with np.errstate(all="ignore"):
        for method in case.methods:
            y = hwio.conv(x, w, method=method, **case.options)
            assert np.isnan(y[:, 0]).all(), method
            assert np.isposinf(y[:, 1:]).all(), method


def test_an_infinity_stays_in_its_own_image_and_group():
    case = CASES[3]
    x, w = draw("normal", case)
    x[1, :, :, 0] = np.inf
    with np.errstate(all="ignore"):
        for method in case.methods:
            y = hwio.conv(x, w, method=method, **case.options)
            assert np.isfinite(y[0]).all(), method
            assert np.isfinite(y[1, ..., 2:]).all(), method
            assert not np.isfinite(y[1, ..., :2]).any(), method
