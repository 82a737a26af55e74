"""Each compiled kernel against its readable twin: exact on integers, bounded on floats."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwio
from cases import CASES, Case, normal_arrays, whole_arrays
from hwio.engine import refusal
from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.ops.conv import _KNOWN
from nearness import excess
from test_bounds import CASES as BOUND_CASES
from test_bounds import KINDS, draw

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")


@pytest.fixture(autouse=True)
def _launched(monkeypatch):
    """Let no small case be unrolled instead of launched, and no kernel fail in silence."""
    monkeypatch.setattr("hwio.engine.small.MOST_STEPS", 0)
    _KNOWN.clear()
    yield
    _KNOWN.clear()
    assert refusal() is None


def kernels_of(case: Case, inexact: bool = True) -> list[str]:
    """Return the kernels that serve a case; F(4×4, 3×3) divides by 24 and so is never exact."""
    geo = case.problem.geometry
    if 0 in geo.y_shape or geo.depth == 0:
        return []
    able = [name for name, kernel in KERNELS.items() if kernel.refuses(geo) is None]
    return [name for name in able if inexact or KERNELS[name].bound != "T4_4"]


def most_of(name: str) -> int:
    """Return how large whole numbers may be for a kernel to sum them exactly in float32."""
    return 8 if KERNELS[name].transforms else 32  # F(2×2, 3×3) adds quarters


EVERY = [
    pytest.param(case, name, id=f"{name} {case.name}")
    for case in CASES
    for name in kernels_of(case, inexact=False)
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.float16])
@pytest.mark.parametrize(("case", "name"), EVERY)
def test_a_kernel_equals_its_twin_on_whole_numbers(case, name, dtype):
    x, w = whole_arrays(case, dtype, most=8 if dtype == np.int8 else most_of(name))
    twin = KERNELS[name].twin
    assert twin in METHODS
    expected = hwio.conv(x, w, method=twin, **case.options)
    np.testing.assert_array_equal(hwio.conv(x, w, method=name, **case.options), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BOUND_CASES, ids=str)
def test_kernels_keep_their_bound_on_every_kind_of_data(case, kind, dtype):
    x, w = draw(kind, case, dtype=dtype)
    for name in kernels_of(case):
        y = hwio.conv(x, w, method=name, **case.options)
        computed_by = name if dtype == np.float32 else KERNELS[name].twin
        assert excess(y, x, w, computed_by, case.options) <= 1, name


@pytest.mark.parametrize("kind", [np.nan, np.inf, -np.inf])
def test_non_finite_numbers_go_where_the_direct_sum_sends_them(kind):
    for case in BOUND_CASES:
        x, w = normal_arrays(case)
        x.reshape(-1)[x.size // 3] = kind
        w.reshape(-1)[w.size // 2] = np.inf  # also times the zeros of the padding
        with np.errstate(invalid="ignore"):
            expected = hwio.conv(x, w, method="im2col", **case.options)
        for name in kernels_of(case):
            y = hwio.conv(x, w, method=name, **case.options)
            np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
            np.testing.assert_array_equal(np.isinf(y), np.isinf(expected))


@pytest.mark.parametrize("filters", [*range(1, 34), 47, 48, 63, 64, 65, 127, 128, 129])
def test_tails_of_filters(filters):
    case = Case("tail", (1, 6, 6, 3), (3, 3, 3, filters), {"padding": 1})
    x, w = whole_arrays(case)
    expected = hwio.conv(x, w, method="im2col", padding=1)
    np.testing.assert_array_equal(hwio.conv(x, w, method="direct", padding=1), expected)


@pytest.mark.parametrize("wide", range(1, 31))
def test_tails_of_pixels_and_channels(wide):
    for channels in (1, 2, 5, 15, 16, 17):
        case = Case("tail", (2, 3, wide + 2, channels), (3, 3, channels, 9), {})
        x, w = whole_arrays(case)
        expected = hwio.conv(x, w, method="im2col")
        np.testing.assert_array_equal(hwio.conv(x, w, method="direct"), expected)
    case = Case("tail", (2, 3, wide + 2, wide), (3, 3, 1, wide), {"groups": wide, "padding": 1})
    if wide > 1:
        x, w = whole_arrays(case)
        expected = hwio.conv(x, w, method="taps", **case.options)
        np.testing.assert_array_equal(hwio.conv(x, w, method="depthwise", **case.options), expected)


@pytest.mark.parametrize("name", ["winograd_f2", "winograd_f4"])
@pytest.mark.parametrize("channels", [1, 3, 16, 17, 40])
def test_tails_of_tiles_channels_and_filters(name, channels):
    for size in range(1, 31):
        case = Case("tail", (2, 3, size, channels), (3, 3, channels, size), {"padding": 1})
        x, w = whole_arrays(case, most=8)
        y = hwio.conv(x, w, method=name, padding=1)
        if name == "winograd_f2":
            expected = hwio.conv(x, w, method="im2col", padding=1)
            np.testing.assert_array_equal(y, expected)
        x, w = normal_arrays(case)
        y = hwio.conv(x, w, method=name, padding=1)
        assert excess(y, x, w, KERNELS[name].twin, case.options) <= 1
    many = Case(
        "many tiles", (5, 37, 41, channels), (3, 3, channels, 100), {"padding": [(2, 1), (1, 0)]}
    )
    x, w = normal_arrays(many)
    y = hwio.conv(x, w, method=name, **many.options)
    assert excess(y, x, w, KERNELS[name].twin, many.options) <= 1


@pytest.mark.parametrize("name", ["winograd_f2", "winograd_f4"])
def test_an_image_that_may_overflow_on_the_way_is_summed_directly(name):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((4, 9, 10, 6)).astype(np.float32)
    w = rng.standard_normal((3, 3, 6, 20)).astype(np.float32)
    x[1, 4, 4, 2], x[3, 0, 0, 0] = 1e37, np.nan
    options = {"padding": 1, "activation": "relu6"}
    y = hwio.conv(x, w, method=name, **options)
    direct = hwio.conv(x, w, method="direct", **options)
    np.testing.assert_array_equal(y[[1, 3]], direct[[1, 3]])
    assert np.isnan(y[3]).sum() == 4 * 20
    assert (y[[0, 2]] != direct[[0, 2]]).any()  # the others are not
    layer = hwio.prepare(w, method=name, **options)
    for _ in range(2):
        np.testing.assert_array_equal(layer(x), y)
    w[0, 0, 0, 0] = np.inf  # then every image has to be
    with np.errstate(invalid="ignore"):
        direct = hwio.conv(x, w, method="direct", **options)
        np.testing.assert_array_equal(hwio.conv(x, w, method=name, **options), direct)


@pytest.mark.parametrize("activation", ["relu", "relu6", (-2.5, None), (None, 3), (-1, 1)])
def test_bias_and_activation_are_those_of_the_twin(activation):
    for case in BOUND_CASES[:4]:
        x, w = whole_arrays(case, most=8)
        b = np.arange(case.problem.geometry.out_channels, dtype=x.dtype) - 3
        for name in kernels_of(case, inexact=False):
            options = {**case.options, "activation": activation}
            expected = hwio.conv(x, w, b, method="im2col", **options)
            np.testing.assert_array_equal(hwio.conv(x, w, b, method=name, **options), expected)


def test_a_nan_survives_an_activation():
    x, w = np.full((1, 4, 4, 2), np.nan, np.float32), np.ones((3, 3, 2, 5), np.float32)
    assert np.isnan(hwio.conv(x, w, method="direct", activation="relu6")).all()


def test_asking_for_a_kernel_that_cannot_serve():
    x, w = np.ones((1, 5, 5, 4)), np.ones((3, 3, 4, 8))
    with pytest.raises(hwio.OptionError, match="it is made for one filter per channel"):
        hwio.conv(x, w, method="depthwise")
    z = hwio.conv(x.astype(complex), w, method="direct")  # no kernel for complex numbers
    np.testing.assert_array_equal(z, hwio.conv(x.astype(complex), w))


CHILD = """
import numpy as np, hwio
from cases import CASES, whole_arrays
from test_engine_kernels import kernels_of
count = 0
for case in CASES:
    x, w = whole_arrays(case, most=8)
    for name in kernels_of(case, inexact=False):
        want = hwio.conv(x, w, method="im2col", **case.options)
        assert np.array_equal(hwio.conv(x, w, method=name, **case.options), want), (case, name)
        count += 1
from hwio.engine.cpu import processor
print(processor().level, count)
"""


@pytest.mark.parametrize(("cpu", "level"), [("haswell", "avx2"), ("generic", "generic")])
def test_older_processors(cpu, level, tmp_path):
    """LLVM writes code for a lesser processor; the same cases are exact there."""
    import platform

    import llvmlite.binding as llvm

    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("named x86 processors")
    if level == "avx2" and not llvm.get_host_cpu_features().get("avx2"):
        pytest.skip("this processor has no AVX2")
    here = str(Path(__file__).parent)
    env = os.environ | {
        "NUMBA_CPU_NAME": cpu,
        "NUMBA_CPU_FEATURES": "+avx2,+fma,+avx,+bmi2,+f16c" if cpu == "haswell" else "",
        "HWIO_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == level
    assert int(done.stdout.split()[1]) > 60


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7, 9, 15])
def test_windows_that_overhang_short_and_long_rows(channels):
    """Few channels: taps along W are taken as one, and rows end in copies with their padding."""
    for wide in (1, 2, 3, 5, 8, 23):
        for kernel, padding in ((2, (0, 1)), (3, (1, 1)), (5, (4, 0)), (7, (3, 6)), (9, (20, 20))):
            for stride in (1, 2, 3):
                if wide + sum(padding) < kernel:
                    continue
                options = {"padding": [(1, 0), padding], "stride": [1, stride]}
                case = Case("edges", (2, 4, wide, channels), (2, kernel, channels, 5), options)
                x, w = whole_arrays(case)
                expected = hwio.conv(x, w, method="im2col", **options)
                got = hwio.conv(x, w, method="direct", **options)
                np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("channels", range(1, 17))
def test_rows_of_few_channels(channels):
    for wide in (1, 2, 5, 17, 40, 129, 300):
        for kernel, options in (
            ((3, 3), {"padding": 1}),
            ((5, 4), {"padding": [(0, 6), (4, 1)], "stride": [2, 1], "dilation": [3, 2]}),
            ((1, 1), {}),
        ):
            options = {"groups": channels, **options}
            case = Case("rows", (2, 9, wide + 3, channels), (*kernel, 1, channels), options)
            x, w = whole_arrays(case)
            b = np.arange(channels, dtype=np.float32)
            expected = hwio.conv(x, w, b, method="taps", activation="relu", **options)
            got = hwio.conv(x, w, b, method="planes", activation="relu", **options)
            np.testing.assert_array_equal(got, expected)


def test_rows_longer_than_a_stretch_and_rows_of_a_view():
    long = Case("signal", (1, 70_001, 1), (31, 1, 1), {"padding": 15})
    wide = Case("wide", (2, 5, 9_000, 3), (3, 3, 1, 3), {"padding": 1, "groups": 3})
    for case in (long, wide):
        x, w = whole_arrays(case)
        expected = hwio.conv(x, w, method="taps", **case.options)
        np.testing.assert_array_equal(hwio.conv(x, w, method="planes", **case.options), expected)
    x, w = whole_arrays(wide)
    expected = hwio.conv(x[:, ::-2].copy(), w, method="taps", **wide.options)
    got = hwio.conv(x[:, ::-2], w, method="planes", **wide.options)  # rows far apart, backwards
    np.testing.assert_array_equal(got, expected)


GAPS = [  # windows that leave cells of a row unseen, on an x that has to be copied
    ((1, 3, 200, 300), (3, 1, 3, 3), {"dilation": (1, 120), "groups": 3, "layout": "NCHW,OIHW"}),
    ((1, 3, 1000), (3, 1, 3), {"dilation": 400, "groups": 3, "layout": "NCW,OIW"}),
    (
        (1, 1000, 3),
        (3, 1, 3),
        {"dilation": 400, "groups": 3, "padding": 10, "padding_mode": "edge"},
    ),
    ((1, 1000, 1), (3, 1, 1), {"dilation": 400, "padding": 10, "padding_mode": "edge"}),
]


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), GAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_windows_with_gaps_on_a_copy(x_shape, w_shape, options, dtype):
    x, w = whole_arrays(Case("gaps", x_shape, w_shape, options), dtype, most=4)
    expected = hwio.conv(x, w, method="taps", **options)
    np.testing.assert_array_equal(hwio.conv(x, w, **options), expected)
    np.testing.assert_array_equal(hwio.conv(x, w, method="planes", **options), expected)


@pytest.mark.parametrize(
    ("view", "w_shape", "options"),
    [
        (np.s_[:, :, ::1000], (3, 3, 1, 3), {"groups": 3, "padding": 1}),
        (np.s_[:, :, :1], (3, 3, 1, 3), {"groups": 3, "padding": [(1, 1), (40, 40)]}),
        (np.s_[:, :, :1], (5, 5, 3, 64), {"padding": "full"}),
        (np.s_[:, :, 5:6], (1, 1, 3, 40), {}),
        (np.s_[:, :1], (3, 3, 3, 40), {"padding": 1}),
    ],
)
def test_a_lone_cell_in_a_row_may_have_any_stride(view, w_shape, options):
    big, w = whole_arrays(Case("big", (2, 20, 100, 3), w_shape, {**options, "padding": "full"}))
    x = big[view]
    expected = hwio.conv(x.copy(), w, method="taps", **options)
    np.testing.assert_array_equal(hwio.conv(x, w, **options), expected)
    for name, kernel in KERNELS.items():
        if kernel.refuses(hwio.plan(x, w, **options).geometry) is None and kernel.bound == "T1":
            np.testing.assert_array_equal(hwio.conv(x, w, method=name, **options), expected)


@pytest.mark.parametrize("name", ["winograd_f2", "winograd_f4"])
@pytest.mark.parametrize(("size", "weight"), [(1e-9, 3e38), (1e-6, 1.7e38), (1e-20, 2e37)])
def test_filters_near_the_end_of_their_range(name, size, weight):
    x, w = np.full((1, 8, 8, 16), size, np.float32), np.full((3, 3, 16, 20), weight, np.float32)
    expected = hwio.conv(x, w, method="direct", padding=1)
    got = hwio.conv(x, w, method=name, padding=1)
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_an_out_that_overlaps_itself_stays_within_its_memory():
    held = np.zeros(64 + 64, np.float32)
    out = np.lib.stride_tricks.as_strided(held, (1, 38, 62, 64), (0, 0, 0, 4))
    x, w = np.ones((1, 40, 64, 32), np.float32), np.ones((3, 3, 32, 64), np.float32)
    hwio.conv(x, w, out=out)
    assert (held[64:] == 0).all()
    assert (held[:64] == 288).all()


def test_a_floating_point_error_is_the_callers_own():
    x = np.full((1, 30, 30, 16), 1e-3, np.float16)
    w = np.full((3, 3, 16, 20), 1e-5, np.float16)
    with np.errstate(under="raise"), pytest.raises(FloatingPointError):
        hwio.conv(x, w)
    assert refusal() is None
