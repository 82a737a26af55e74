"""A repeated gradient is not checked again; nothing of one call may leak into another."""

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.engine.threads import alone
from hwio.ops import grad as door

RNG = np.random.default_rng(0)
X = RNG.integers(-4, 5, (2, 9, 9, 4)).astype(np.float32)
W = RNG.integers(-4, 5, (3, 3, 4, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def _forget_calls():
    door._KNOWN.clear()


def dy_of(**options):
    y = hwio.conv(X, W, **options)
    return np.random.default_rng(1).integers(-4, 5, y.shape).astype(np.float32)


def right(x, w, dy, **options):
    """Compare a call, made three times, with the loop."""
    want = hwio.conv_grad(x, w, dy, **options, method="loop")
    for _ in range(3):
        for mine, theirs in zip(hwio.conv_grad(x, w, dy, **options), want, strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"flip": True}),
        ({"padding": ((1, 0), (0, 1))}, {"padding": ((0, 1), (1, 0))}),
        ({"padding": 1}, {"padding": 1, "padding_mode": "wrap"}),
        ({"stride": (1, 2)}, {"stride": (1, 2), "flip": True}),
        ({"padding": "same"}, {"padding": "same", "groups": 4}),
        ({"dilation": 4}, {"stride": 6, "padding": 0}),  # y is 1 × 1 or 2 × 2
        ({"padding": ((2, 0), (1, 1)), "layout": "NHWC,HWIO"}, {"padding": 1, "layout": "NWHC,HWIO"}),
        ({"layout": "NHWC,HWIO"}, {"layout": "NHWC,HWOI"}),
        ({"layout": "NHWC,HWIO"}, {"layout": "NHWC,WHIO"}),
    ],
)  # fmt: skip
def test_options_of_one_call_do_not_reach_another(one, other):
    for options in (one, other, one, other):
        w = W[:, :, :1] if "groups" in options else W
        y = hwio.conv(X, w, **options)
        dy = np.random.default_rng(1).integers(-4, 5, y.shape).astype(np.float32)
        right(X, w, dy, **options)


def test_two_strides_of_the_same_shapes():
    x, w = X[:, :3, :3], W  # one window, whatever the stride
    dy = np.ones((2, 1, 1, 4), np.float32)
    for stride in (1, 2, (1, 3)):
        right(x, w, dy, stride=stride)
    x, w = X[:, :2], W[:1]
    right(x, w, np.ones((2, 2, 7, 4), np.float32))
    right(x, w, np.ones((2, 1, 7, 4), np.float32), stride=(2, 1))


def test_a_method_is_taken_at_every_call():
    dy = dy_of()
    for method in ("auto", "einsum", "auto", "taps", "loop"):
        door.conv_grad(X, W, dy, method=method)
    with pytest.raises(hwio.OptionError):
        hwio.conv_grad(X, W, dy, method="direct")


def test_numbers_and_flags_that_are_equal_are_told_apart():
    dy = dy_of()
    hwio.conv_grad(X, W, dy, stride=1, flip=False)
    for wrong in ({"stride": True}, {"stride": 1.0}, {"groups": True}, {"dilation": 1.0}):
        with pytest.raises(hwio.ArgumentTypeError):
            hwio.conv_grad(X, W, dy, **wrong)
    with pytest.raises(hwio.HwioError):
        hwio.conv_grad(X, W, dy, flip=0)


class Changing:
    """An integer that changes its value and keeps its hash."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_an_option_that_changes_is_read_anew():
    x, w, dy = X[:, :4].copy(), W[:1], np.ones((2, 2, 7, 4), np.float32)
    step = Changing(2)  # rows 0 and 2, then 0 and 3
    for step.value in (2, 3, 2):
        right(x, w, dy, stride=(step, 1))


def test_weights_and_images_that_change_are_read_anew():
    x, w, dy = X.copy(), W.copy(), dy_of()
    for _ in range(3):
        right(x, w, dy)
        x += 1
        w[:] = w[::-1].copy()
        dy *= -1


@pytest.mark.parametrize("dtypes", [("f4", "f8", "f4"), ("f8", "f4", "i4"), ("f4", "f2", "f4")])
def test_another_dtype_is_another_call(dtypes):
    for dtype in dtypes:
        right(X.astype(dtype), W.astype(dtype), dy_of().astype(dtype))
        right(X.astype(dtype), W, dy_of())


def test_gradients_that_are_not_wanted_stay_away():
    dy = dy_of()
    for need in ("x", "xwb", "w", "b", "wb", "x"):
        found = hwio.conv_grad(X, W, dy, need=need)
        assert [letter for letter, one in zip("xwb", found, strict=True) if one is not None] == [
            letter for letter in "xwb" if letter in need
        ]


def test_a_wrong_dy_is_refused_after_a_right_one():
    dy = dy_of()
    for _ in range(2):
        right(X, W, dy)
        for wrong in (dy[:1], dy[:, 1:], dy[0], dy[..., 1:]):
            with pytest.raises(hwio.ShapeError):
                hwio.conv_grad(X, W, wrong)


@pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
def test_alone_computes_without_the_pool(monkeypatch):
    x, w = np.ones((2, 20, 20, 24), np.float32), np.ones((3, 3, 24, 32), np.float32)
    dy = np.ones((2, 18, 18, 32), np.float32)
    for _ in range(3):
        hwio.conv_grad(x, w, dy)
    (quick,) = door._KNOWN.values()
    monkeypatch.setattr(type(quick), "__call__", lambda *args: pytest.fail("the pool was used"))
    with alone():
        hwio.conv_grad(x, w, dy)


@pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
def test_a_layer_with_a_limit_counts_memory_at_every_call():
    x, w = np.ones((2, 20, 20, 24), np.float32), np.ones((3, 3, 24, 32), np.float32)
    layer = hwio.prepare(w, memory_limit=1 << 30)
    for _ in range(2):
        layer.grad(x, np.ones((2, 18, 18, 32), np.float32))
    assert layer._grads == {}
