"""Prepared layers: what ``conv`` gives, to the bit, for any size of x and from any thread."""

import threading

import numpy as np
import pytest

import hwio
from cases import CASES, Case, normal_arrays
from hwio.ops.memory import stored_shape


def bits(y):
    return np.ascontiguousarray(y).view(np.uint8)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_prepared_layer_gives_the_bits_of_conv(case):
    x, w = normal_arrays(case)
    layer = hwio.prepare(w, **case.options)
    expected = bits(hwio.conv(x, w, **case.options))
    for _ in range(2):
        np.testing.assert_array_equal(bits(layer(x)), expected)


def test_one_layer_serves_many_sizes_and_dtypes():
    x, w = normal_arrays(Case("large", (2, 60, 50, 16), (3, 3, 16, 24)))
    b = np.linspace(-1, 1, 24).astype(np.float32)
    layer = hwio.prepare(w, b, padding="same", activation="relu")
    for high in (1, 2, 7, 33, 60):
        for dtype in (np.float32, np.float64):
            part = x[:, :high].astype(dtype)
            y = hwio.conv(part, w, b, padding="same", activation="relu")
            np.testing.assert_array_equal(bits(layer(part)), bits(y))


def test_later_changes_to_the_weights_have_no_effect():
    x, w = normal_arrays(Case("large", (1, 40, 40, 16), (3, 3, 16, 24)))
    layer = hwio.prepare(w)
    expected = hwio.conv(x, w)
    w[...] = 0
    np.testing.assert_array_equal(layer(x), expected)
    with pytest.raises(ValueError, match="read-only"):
        layer.w[...] = 0


def test_out_receives_y():
    x, w = normal_arrays(Case("small", (1, 40, 40, 16), (3, 3, 16, 24)))
    layer = hwio.prepare(w)
    out = np.empty((1, 38, 38, 24), np.float32)
    assert layer(x, out=out) is out
    np.testing.assert_array_equal(out, hwio.conv(x, w))


def test_many_threads_share_a_layer():
    x, w = normal_arrays(Case("large", (1, 40, 40, 16), (3, 3, 16, 24)))
    layer, wrong = hwio.prepare(w), []
    expected = {high: hwio.conv(x[:, :high], w) for high in range(3, 13)}

    def call(seed):
        for turn in range(30):
            high = 3 + (seed + turn) % 10
            if not np.array_equal(layer(x[:, :high]), expected[high]):
                wrong.append(high)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_errors_are_those_of_conv():
    w = np.ones((3, 3, 4, 8))
    with pytest.raises(hwio.ShapeError, match="w expects 4 input channels but x has 5"):
        hwio.prepare(w)(np.ones((1, 5, 5, 5)))
    with pytest.raises(hwio.ShapeError, match="w has 2 axes; weights have 3, 4 or 5"):
        hwio.prepare(np.ones((3, 3)))
    with pytest.raises(hwio.DTypeError):
        hwio.prepare(w.astype(bool))
    with pytest.raises(hwio.OptionError, match="padding='smae'"):
        hwio.prepare(w, padding="smae")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"padding": "smae"}, hwio.OptionError),
        ({"padding": (1, 2)}, hwio.OptionError),
        ({"padding": -1}, hwio.ShapeError),
        ({"padding": "causal"}, hwio.OptionError),
        ({"padding_mode": "mirrored"}, hwio.OptionError),
        ({"stride": 0}, hwio.ShapeError),
        ({"stride": (1, 2, 3)}, hwio.ShapeError),
        ({"dilation": 1.5}, hwio.ArgumentTypeError),
        ({"groups": "2"}, hwio.ArgumentTypeError),
        ({"layout": "NHWC"}, hwio.LayoutError),
        ({"layout": 4}, hwio.ArgumentTypeError),
        ({"flip": 1}, hwio.ArgumentTypeError),
        ({"activation": "rleu"}, hwio.OptionError),
        ({"method": "wingrad"}, hwio.OptionError),
        ({"precision": "low"}, hwio.OptionError),
        ({"b": np.ones(4)}, hwio.ShapeError),
    ],
)
def test_what_needs_no_x_is_checked_at_once_and_in_the_words_of_conv(options, error):
    x, w = np.ones((1, 9, 9, 4)), np.ones((3, 3, 4, 8))
    with pytest.raises(error) as early:
        hwio.prepare(w, **options)
    with pytest.raises(error) as late:
        hwio.conv(x, w, **options)
    assert str(early.value).splitlines()[0] == str(late.value).splitlines()[0]


def test_what_x_decides_waits_for_it():
    layer = hwio.prepare(np.ones((3, 3, 4, 8)), padding=2, padding_mode="reflect")
    assert layer(np.ones((1, 5, 5, 4))).shape == (1, 7, 7, 8)
    with pytest.raises(hwio.ShapeError, match="padding_mode='reflect' can take at most 1"):
        layer(np.ones((1, 2, 5, 4)))
    hwio.prepare(np.ones((3, 3, 1, 8), np.int8), activation=(0.5, 6))(np.ones((1, 5, 5, 1)))


def test_it_prints_as_the_weights_that_were_given():
    w = np.ones((8, 4, 3, 3), np.float32)
    layer = hwio.prepare(w, np.ones(8), layout="NCHW,OIHW", stride=2)
    told = "<hwio.Prepared w (8, 4, 3, 3) OIHW (PyTorch, ONNX, Caffe, OpenVINO), float32, b (8,), stride=2>"
    assert repr(layer) == told
    assert layer.plan(np.ones((1, 4, 9, 9), np.float32)).geometry.stride == (2, 2)


# ---------------------------------------------------------------- the way back


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_goes_back_as_conv_grad_does(case):
    x, w = normal_arrays(case)
    layer = hwio.prepare(w, **case.options)
    shape = stored_shape(case.problem.geometry, case.problem.layout)
    dy = np.random.default_rng(3).standard_normal(shape).astype(x.dtype)
    wanted = hwio.conv_grad(x, w, dy, **case.options)
    for _ in range(2):  # checked, then known
        for mine, other in zip(layer.grad(x, dy), wanted, strict=True):
            np.testing.assert_array_equal(bits(mine), bits(other))
    dx, dw, db = layer.grad(x.shape, dy, need="xb")
    assert dw is None
    np.testing.assert_array_equal(bits(dx), bits(wanted[0]))
    np.testing.assert_array_equal(bits(db), bits(wanted[2]))


@pytest.mark.parametrize("activation", ["relu", "relu6", (-2.0, None), (None, 3.0), (-4.0, 4.0)])
def test_a_layer_goes_back_through_its_activation(activation):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(8)
    x, w = rng.integers(-3, 4, (2, 6, 7, 3)) * 1.0, rng.integers(-2, 3, (3, 2, 3, 4)) * 1.0
    b = rng.integers(-3, 4, 4) * 1.0
    layer = hwio.prepare(w, b, stride=2, padding=1, activation=activation)
    y = layer(x)
    dy = rng.integers(-5, 6, y.shape) * 1.0
    low, high = {"relu": (0.0, None), "relu6": (0.0, 6.0)}.get(activation, activation)
    assert low is None or (y == low).any()
    assert high is None or (y == high).any()
    given = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    tx, tw, tb = given
    out = torch.nn.functional.conv2d(
        tx.permute(0, 3, 1, 2), tw.permute(3, 2, 0, 1), tb, stride=2, padding=1
    ).permute(0, 2, 3, 1)
    infinity = float("inf")
    ends = (-infinity if low is None else low, infinity if high is None else high)
    out = torch.nn.functional.hardtanh(out, *ends)  # its gradient is 0 at both ends
    np.testing.assert_array_equal(out.detach().numpy(), y)
    (out * torch.tensor(dy)).sum().backward()
    for known in (None, y):
        for mine, tensor in zip(layer.grad(x, dy, y=known), given, strict=True):
            np.testing.assert_array_equal(mine, tensor.grad.numpy())


def test_errors_of_the_way_back_say_what_is_wrong():
    layer = hwio.prepare(np.ones((3, 3, 4, 8)), activation="relu")
    x, dy = np.ones((2, 5, 7, 4)), np.ones((2, 3, 5, 8))
    with pytest.raises(hwio.ArgumentTypeError, match="is a shape, and activation='relu' needs y"):
        layer.grad(x.shape, dy, need="x")
    assert layer.grad(x.shape, dy, y=layer(x), need="x")[1] is None
    with pytest.raises(hwio.ShapeError, match=r"dy has shape \(2, 5, 7, 8\), but y has"):
        layer.grad(x, np.ones((2, 5, 7, 8)))
    with pytest.raises(hwio.ShapeError, match=r"dy has shape \(2, 5, 7, 8\), but y has"):
        hwio.prepare(np.ones((3, 3, 4, 8))).grad(x, np.ones((2, 5, 7, 8)))
    with pytest.raises(hwio.OptionError, match="need='dx'"):
        layer.grad(x, dy, need="dx")
    with pytest.raises(hwio.ArgumentTypeError, match="is a shape, and dw needs its numbers"):
        layer.grad(x.shape, dy)


def test_a_layer_keeps_no_x_alive_and_can_be_pickled():
    import gc
    import pickle
    import weakref

    rng = np.random.default_rng(4)
    w = rng.standard_normal((3, 3, 16, 40)).astype(np.float32)
    layer = hwio.prepare(w, np.ones(40, np.float32), padding=1)
    x = rng.standard_normal((1, 30, 31, 16)).astype(np.float32)
    y = layer(x)
    np.testing.assert_array_equal(layer(x), y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(x), y)
    kept = weakref.ref(x)
    del x
    gc.collect()
    assert kept() is None
    with pytest.raises(ValueError, match="read-only"):
        layer.b[:] = 0
