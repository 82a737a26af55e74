"""Arrays of bfloat16, from the package ml_dtypes: summed in float32, rounded once."""

import numpy as np
import pytest

import hwio
from cases import Case, normal_arrays, whole_arrays

bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
CASES = [
    Case("thread", (2, 5, 7, 4), (3, 3, 4, 8)),
    Case("padded", (2, 14, 13, 40), (3, 3, 40, 24), {"padding": 1, "stride": 2}),
    Case("depthwise", (2, 9, 8, 16), (3, 3, 1, 16), {"groups": 16}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums_in_float32_and_rounds_once(case):
    x, w = (a.astype(bfloat16) for a in normal_arrays(case))
    b = np.linspace(-1, 1, w.shape[-1]).astype(bfloat16)
    y = hwio.conv(x, w, b, activation="relu", **case.options)
    wide = (a.astype(np.float32) for a in (x, w, b))
    expected = hwio.conv(*wide, activation="relu", **case.options).astype(bfloat16)
    assert y.dtype == bfloat16
    np.testing.assert_array_equal(y.view(np.uint16), expected.view(np.uint16))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_exact_on_whole_numbers(case):
    x, w = whole_arrays(case, most=3)
    y = hwio.conv(x.astype(bfloat16), w.astype(bfloat16), out_dtype=np.float32, **case.options)
    np.testing.assert_array_equal(y, hwio.conv(x, w, **case.options))
    layer = hwio.prepare(w.astype(bfloat16), **case.options)
    np.testing.assert_array_equal(layer(x.astype(bfloat16)).astype(np.float32), y.astype(bfloat16))


def test_a_sum_that_bfloat16_could_not_hold_on_the_way():
    x = np.array([256, 1, 1], bfloat16).reshape(1, 3, 1)  # 257 is no bfloat16
    assert hwio.conv(x, np.ones((3, 1, 1), bfloat16)).item() == 258


@pytest.mark.parametrize(
    ("other", "result"),
    [
        (bfloat16, bfloat16),
        (np.float16, np.float32),
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.complex64, np.complex64),
        (np.int8, bfloat16),
        (np.int32, np.float64),
    ],
)
def test_the_dtype_of_y(other, result):
    x, w = np.ones((1, 4, 4, 2), bfloat16), np.ones((3, 3, 2, 3), other)
    for y in (hwio.conv(x, w), hwio.conv(w[None, ..., 0], np.ones((3, 3, 2, 1), bfloat16))):
        assert y.dtype == result
        assert (y == 18).all()


def test_the_other_functions_refuse_it_by_name():
    x = np.ones((1, 4, 4, 2), bfloat16)
    with pytest.raises(hwio.DTypeError, match="bfloat16"):
        hwio.max_pool(x, 2)
    with pytest.raises(hwio.DTypeError, match=r"x.astype\(np.float32\)"):
        hwio.conv_transpose(x, np.ones((3, 3, 2, 2)))


def test_plans_are_those_of_float32():
    plan = hwio.plan(np.ones((1, 9, 9, 8), bfloat16), np.ones((3, 3, 8, 8), bfloat16))
    assert plan == hwio.plan((1, 9, 9, 8), (3, 3, 8, 8))
