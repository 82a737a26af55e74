"""A repeated call is not checked again; nothing of one call may leak into another."""

import numpy as np
import pytest

import hwio
from hwio.ops import conv as door

X, W = np.ones((1, 9, 9, 2), np.float32), np.ones((3, 3, 2, 4), np.float32)


@pytest.fixture(autouse=True)
def _forget_calls():
    door._KNOWN.clear()


class Changing:
    """An integer that changes its value and keeps its hash."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        return self.value


def test_an_option_that_changes_is_read_anew():
    step = Changing(1)
    assert hwio.conv(X, W, stride=step).shape == (1, 7, 7, 4)
    step.value = 2
    assert hwio.conv(X, W, stride=step).shape == (1, 4, 4, 4)
    steps = [1, 1]
    assert hwio.conv(X, W, stride=steps).shape == (1, 7, 7, 4)
    steps[0] = 3
    assert hwio.conv(X, W, stride=steps).shape == (1, 3, 7, 4)


def test_a_tensor_as_an_option_is_read_anew():
    torch = pytest.importorskip("torch", reason="PyTorch")
    step = torch.tensor(1)
    assert hwio.conv(X, W, stride=step).shape == (1, 7, 7, 4)
    step.fill_(2)
    assert hwio.conv(X, W, stride=step).shape == (1, 4, 4, 4)
    assert hwio.conv(X, W, stride=torch.tensor([1, 2])).shape == (1, 7, 4, 4)
    with pytest.raises(hwio.ArgumentTypeError):
        hwio.conv(X, W, stride=torch.tensor(True))


def test_an_option_that_holds_itself():
    loop = []
    loop.append(loop)
    with pytest.raises(hwio.HwioError):
        hwio.conv(X, W, stride=loop)


def test_options_of_one_call_do_not_reach_another():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, 40, 40, 32)).astype(np.float32)
    w = rng.standard_normal((3, 3, 32, 32)).astype(np.float32)
    calls = [
        {},
        {"precision": "high"},
        {"method": "einsum"},
        {"method": "winograd4"},
        {"padding": 1},
        {"padding": 1, "padding_mode": "reflect"},
        {"out_dtype": np.float64},
        {"flip": True},
        {"activation": "relu"},
        {"stride": 2},
    ]
    cold = []
    for options in calls:
        door._KNOWN.clear()
        cold.append(hwio.conv(x, w, **options))
    for _ in range(2):
        for options, expected in zip(calls, cold, strict=True):
            y = hwio.conv(x, w, **options)
            assert y.dtype == expected.dtype
            np.testing.assert_array_equal(y, expected)


def test_a_zero_bound_has_no_sign_and_a_dtype_no_metadata():
    x = -np.ones((1, 4, 4, 1))
    w = np.ones((2, 2, 1, 1))
    for low in (-0.0, 0.0):
        door._KNOWN.clear()
        assert not np.signbit(np.float64(hwio.conv(x, w, activation=(low, None)).max() + 0.0))
    told = np.dtype(np.float64, metadata={"of": "another call"})
    assert hwio.conv(x.astype(told), w).dtype.metadata is None
    assert hwio.conv(x, w, out_dtype=told).dtype.metadata is None


def test_no_more_calls_are_remembered_than_fit(monkeypatch):
    monkeypatch.setattr(door, "_KNOWN_MOST", 5)
    for wide in range(3, 20):
        assert hwio.conv(X[:, :, :wide], W).shape == (1, 7, max(0, min(wide, 9) - 2), 4)
        assert len(door._KNOWN) <= 5


def test_float64_rounds_to_float32_once():
    rng = np.random.default_rng(3)
    x, w = rng.standard_normal((1, 20, 20, 16)) * 1e6, rng.standard_normal((3, 3, 16, 8))
    wide = hwio.conv(x, w)
    np.testing.assert_array_equal(hwio.conv(x, w, out_dtype=np.float32), wide.astype(np.float32))


def test_an_infinite_bound_on_the_wrong_side_of_integers():
    x, w = np.ones((1, 3, 3, 1), np.int32), np.ones((2, 2, 1, 1), np.int32)
    for bounds in ((np.inf, None), (None, -np.inf)):
        with pytest.raises(hwio.RangeError, match="would make every y infinite"):
            hwio.conv(x, w, activation=bounds)
    assert (hwio.conv(x, w, activation=(-np.inf, np.inf)) == 4).all()


@pytest.mark.parametrize("method", ["fft", "winograd", "winograd4"])
def test_an_overflow_on_the_way_shows_in_every_way(method):
    x = np.full((1, 6, 6, 1), 3e38, np.float32)
    w = np.zeros((3, 3, 1, 1), np.float32)
    w[0, 0], w[2, 2] = 3e38, -3e38
    with np.errstate(over="ignore", invalid="ignore"):
        direct = hwio.conv(x, w, method="im2col")
        y = hwio.conv(x, w, method=method)
    assert not np.isfinite(direct).any()
    np.testing.assert_array_equal(y, direct)


def test_weights_that_are_not_aligned_leave_nothing_for_those_that_are():
    w = np.arange(9 * 3 * 8, dtype=np.float32).reshape(3, 3, 3, 8)
    x = np.arange(64 * 3, dtype=np.float32).reshape(1, 8, 8, 3)
    room = np.empty(w.nbytes + 1, np.uint8)[1:].view(np.float32)
    want = hwio.conv(x, w, method="loop")
    for order in ("C", "F"):
        off = room.reshape(w.shape) if order == "C" else room.reshape(w.shape[::-1]).T
        off[...] = w
        assert not off.flags.aligned
        for _ in range(2):
            for given in (off, np.array(w, order=order)):
                np.testing.assert_array_equal(hwio.conv(x, given), want)
