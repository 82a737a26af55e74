"""Unrolled functions for small arrays: the same numbers, and the same bits as a launched kernel."""

import gc
import sys
import threading

import numpy as np
import pytest

import hwio
from cases import CASES, Case, normal_arrays, whole_arrays
from hwio.engine import refusal, tiny
from hwio.engine.small import is_small
from hwio.ops import conv as door
from nearness import excess

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

SHAPES = [
    Case("the thread's arrays", (2, 5, 7, 4), (3, 3, 4, 8)),
    Case("the thread's slice", (2, 3, 3, 4), (3, 3, 4, 8)),
    Case("one pixel, one filter", (1, 1, 1, 1), (1, 1, 1, 1)),
    Case("odd filters", (3, 5, 6, 2), (3, 2, 2, 13)),
    Case("many filters", (1, 4, 4, 3), (3, 3, 3, 70)),
    Case(
        "stride and dilation", (2, 11, 12, 2), (3, 3, 2, 5), {"stride": (2, 3), "dilation": (2, 1)}
    ),
    Case("1-D", (3, 17, 2), (5, 2, 6), {"stride": 2}),
    Case("padded", (2, 5, 7, 4), (3, 3, 4, 8), {"padding": "same"}),
    Case("reflected", (2, 5, 7, 4), (3, 3, 4, 8), {"padding": 2, "padding_mode": "reflect"}),
    Case("flipped", (2, 5, 7, 4), (3, 3, 4, 8), {"flip": True}),
    Case("NCHW", (2, 4, 5, 7), (8, 4, 3, 3), {"layout": "NCHW,OIHW"}),
    Case("one image", (5, 7, 4), (3, 3, 4, 8), {"layout": "HWC,HWIO"}),
    Case("far stride", (1, 5, 5, 2), (3, 3, 2, 3), {"stride": 2**61}),
]


def bits(y):
    return np.ascontiguousarray(y).view(np.uint8)


@pytest.fixture(autouse=True)
def _forget_calls():
    door._KNOWN.clear()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_small_calls_are_exact_on_whole_numbers(case, dtype):
    assert is_small(case.problem.geometry)
    x, w = whole_arrays(case, dtype)
    b = np.arange(case.problem.geometry.out_channels).astype(dtype) - 2
    for bias in (None, b):
        for activation in (None, "relu", (-3, 5)):
            options = {**case.options, "activation": activation}
            expected = hwio.conv(x, w, bias, method="im2col", **options)
            for _ in range(3):  # checked, then known
                np.testing.assert_array_equal(hwio.conv(x, w, bias, **options), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_small_calls_keep_the_direct_bound(case, dtype):
    x, w = normal_arrays(case, dtype)
    assert excess(hwio.conv(x, w, **case.options), x, w, "im2col", case.options) <= 1


@pytest.mark.parametrize("case", [*SHAPES, *CASES], ids=str)
def test_unrolled_or_launched_the_bits_are_the_same(case, monkeypatch):
    x, w = normal_arrays(case)
    unrolled = hwio.conv(x, w, **case.options)
    door._KNOWN.clear()
    monkeypatch.setattr(tiny, "MOST", 0)
    monkeypatch.setattr(tiny, "_ENTRIES", {})
    launched = hwio.conv(x, w, **case.options)
    np.testing.assert_array_equal(bits(unrolled), bits(launched))


def test_a_known_call_sees_new_values_strides_and_biases():
    rng = np.random.default_rng(1)
    w = rng.integers(-5, 5, (3, 3, 4, 8)).astype(np.float32)
    for turn in range(4):
        x = rng.integers(-5, 5, (2, 5, 7, 4)).astype(np.float32)
        b = np.full(8, turn, np.float32)
        views = [x, x[:, ::-1], np.asfortranarray(x), np.repeat(x, 2, axis=2)[:, :, ::2]]
        for view in views:
            expected = hwio.conv(view, w, method="im2col")
            np.testing.assert_array_equal(hwio.conv(view, w), expected)
            np.testing.assert_array_equal(hwio.conv(view, w, b), expected + turn)
            np.testing.assert_array_equal(
                hwio.conv(view, w, b.reshape(1, 1, 1, 8)), expected + turn
            )
            apart = np.repeat(b, 2)[::2]
            np.testing.assert_array_equal(hwio.conv(view, w, apart), expected + turn)
        out = np.empty_like(expected)
        assert hwio.conv(x, w, out=out) is out
        np.testing.assert_array_equal(out, hwio.conv(x, w))


PADDED = [
    ((1, 8, 8, 8), (3, 3, 8, 8), {"padding": "same"}),
    ((3, 5, 7, 4), (3, 3, 4, 8), {"padding": ((2, 0), (0, 1)), "stride": (2, 1)}),
    ((2, 9, 3), (4, 3, 5), {"padding": "causal", "dilation": 2}),
    ((2, 3, 4, 5, 2), (2, 3, 3, 2, 3), {"padding": 1, "stride": 2}),
    ((400, 8, 8, 8), (3, 3, 8, 8), {"padding": 1}),  # more than is padded at once
    ((2, 5, 7, 4), (3, 3, 4, 8), {"padding": 1, "padding_mode": "wrap"}),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), PADDED)
def test_repeated_calls_with_padding(x_shape, w_shape, options, dtype):
    rng = np.random.default_rng(0)
    w, b = (rng.integers(-4, 5, shape).astype(dtype) for shape in (w_shape, w_shape[-1:]))
    layer = hwio.prepare(w, b, activation="relu", **options)
    for _ in range(4):
        x = rng.integers(-4, 5, x_shape).astype(dtype)
        right = np.maximum(hwio.conv(x, w, method="taps", **options) + b, 0)
        for y in (hwio.conv(x, w, b, activation="relu", **options), layer(x)):
            assert y.dtype == dtype
            np.testing.assert_array_equal(y, right)
        noise = rng.standard_normal(x_shape).astype(dtype)
        one = hwio.conv(noise[:1], w, b, activation="relu", **options)
        assert bits(one).tolist() == bits(layer(noise)[:1]).tolist()


def test_unaligned_arrays():
    x, w = whole_arrays(SHAPES[0])
    raw = np.empty(x.nbytes + 1, np.uint8)[1:]
    odd = np.frombuffer(raw.data, x.dtype).reshape(x.shape)
    odd = np.ndarray(x.shape, x.dtype, raw)
    odd[...] = x
    assert not odd.flags.aligned
    for _ in range(3):
        np.testing.assert_array_equal(hwio.conv(odd, w), hwio.conv(x, w, method="im2col"))


def test_empty_batches():
    for _ in range(3):
        assert hwio.conv(np.ones((0, 5, 7, 4)), np.ones((3, 3, 4, 8))).shape == (0, 3, 5, 8)


def test_results_are_owned_once():
    """The compiled function hands y on: a lost or an extra reference would show here."""
    x, w = normal_arrays(SHAPES[0])
    for _ in range(2000):
        y = hwio.conv(x, w)
    assert sys.getrefcount(y) == 2
    gc.collect()
    gc.disable()  # what a collection frees would let go of None, and count as lost here
    try:
        before = sys.getrefcount(x), sys.getrefcount(w), sys.getrefcount(None)
        for _ in range(20_000):
            hwio.conv(x, w)
        after = sys.getrefcount(x), sys.getrefcount(w), sys.getrefcount(None)
    finally:
        gc.enable()
    assert after[:2] == before[:2]
    assert abs(after[2] - before[2]) < 100  # one for every call would be 20 000


def test_many_shapes_are_bounded():
    x = np.ones((1, 9, 9, 2), np.float32)
    for high in range(1, 10):
        for wide in range(1, 10):
            for filters in (1, 3):
                y = hwio.conv(x, np.ones((high, wide, 2, filters), np.float32))
                assert (y == high * wide * 2).all()
    assert len(tiny._ENTRIES) <= tiny.MOST


def test_small_calls_from_many_threads():
    x, w = normal_arrays(SHAPES[0])
    expected, wrong = hwio.conv(x, w), []

    def call():
        wrong.extend(not np.array_equal(hwio.conv(x, w), expected) for _ in range(500))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 4000
