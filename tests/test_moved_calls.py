"""A repeated call on arrays in another order, type or padding copies them once; no bit changes."""

import threading

import numpy as np
import pytest

import hwio
from cases import CASES
from hwio.engine import refusal, tiny
from hwio.ops import conv as door
from hwio.ops.moved import MovedCall
from hwio.ops.quick import PlainLaunch
from strategies import random_case

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
DTYPES = "float32", "float64", "float16", ">f4"


@pytest.fixture(autouse=True)
def _forget_calls():
    door._KNOWN.clear()


def same(mine, theirs):
    """Compare elements, dtypes and the order in memory."""
    assert (mine.dtype, mine.strides) == (theirs.dtype, theirs.strides)
    np.testing.assert_array_equal(mine, theirs)


def way():
    """Return how the one call that is known would be repeated."""
    ((quick, _),) = door._KNOWN.values()
    return quick


def often(x, w, b, **options):
    """Call conv and a layer three times each; the first call goes the long way."""
    first = hwio.conv(x, w, b, **options)
    layer = hwio.prepare(w, b, **options)
    for _ in range(2):
        same(hwio.conv(x, w, b, **options), first)
        same(layer(x), first)
    same(layer(x), first)
    return first


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_bit_depends_on_how_often_it_is_called(case, dtype):
    rng = np.random.default_rng(3)
    x = rng.standard_normal(case.x_shape).astype(dtype)
    w = rng.standard_normal(case.w_shape).astype(dtype)
    b = rng.standard_normal(case.problem.geometry.out_channels).astype(dtype)
    often(x[..., ::-1], w, b, activation="relu", **case.options)
    often(np.asfortranarray(x), np.asfortranarray(w), None, **case.options)


@pytest.mark.parametrize("seed", range(150))
def test_random_orders_equal_the_loop_on_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    case = random_case(lambda low, high: int(rng.integers(low, high + 1)))
    dtype, out_dtype = rng.choice(DTYPES), rng.choice(["float32", "float64"])
    x, w = (rng.integers(-4, 5, shape).astype(dtype) for shape in (case.x_shape, case.w_shape))
    b = rng.integers(-4, 5, case.problem.geometry.out_channels).astype(dtype)
    for options in (case.options, {**case.options, "out_dtype": out_dtype}):
        got = often(x, w, b, **options)
        np.testing.assert_array_equal(got, hwio.conv(x, w, b, method="loop", **options))


@pytest.mark.parametrize(
    ("change", "options"),
    [
        (lambda a: a.transpose(0, 3, 1, 2).copy(), {"layout": "NCHW,HWIO"}),
        (lambda a: a.astype(np.float16), {}),
        (lambda a: a, {"padding_mode": "reflect", "padding": 1}),
        (lambda a: a, {"flip": True}),
        (lambda a: a, {"layout": "NHWC,HWIO->NCHW"}),
        (lambda a: a[0], {"layout": "HWC,HWIO"}),
        (lambda a: a[:, ::2], {}),
    ],
)
@pytest.mark.parametrize("size", [6, 20])  # an unrolled function, and a launch
def test_it_is_the_short_way(change, options, size):
    rng = np.random.default_rng(4)
    x = change(rng.standard_normal((2, size, size, 8)).astype(np.float32))
    w = rng.standard_normal((3, 3, 8, 8)).astype(np.float32)
    hwio.conv(x, w, **options)
    assert type(way()) is MovedCall
    layer = hwio.prepare(w, **options)
    layer(x)
    assert [type(quick) for quick in layer._quick.values()] == [MovedCall]


def test_more_shapes_than_are_unrolled_are_launched(monkeypatch):
    monkeypatch.setattr(tiny, "MOST", 0)
    rng = np.random.default_rng(7)
    for padding in ("valid", "same"):
        x, w = rng.integers(-4, 5, (1, 4, 11, 3)), rng.integers(-4, 5, (2, 3, 3, 5))
        x, w = x.astype(np.float32), w.astype(np.float32)
        door._KNOWN.clear()
        want = hwio.conv(x, w, method="loop", padding=padding)
        door._KNOWN.clear()
        same(often(x, w, None, padding=padding), want)
        assert type(way()) is {"valid": PlainLaunch, "same": MovedCall}[padding]


def test_later_weights_and_numbers_are_read():
    rng = np.random.default_rng(5)
    x, w = rng.standard_normal((1, 4, 9, 9)), rng.standard_normal((6, 4, 3, 3))
    for _ in range(3):
        y = hwio.conv(x, w, layout="NCHW,OIHW")
        want = hwio.conv(x.copy(), w.copy(), layout="NCHW,OIHW", method="einsum")
        np.testing.assert_allclose(y, want, rtol=0, atol=1e-13)
        x *= -0.5
        w += 1
    kept = [hwio.conv(x + n, w, layout="NCHW,OIHW") for n in range(3)]
    for n, y in enumerate(kept):  # no result lies on another's memory
        same(y, hwio.conv(x + n, w, layout="NCHW,OIHW"))


def test_large_images_still_go_block_by_block():
    x, w = np.ones((1, 4, 600, 600), np.float32), np.ones((8, 4, 3, 3), np.float32)
    hwio.conv(x, w, layout="NCHW,OIHW")
    assert way() is None


def test_a_layer_is_called_by_many_threads():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((8, 1, 8, 24, 24)).astype(np.float32)
    layer = hwio.prepare(
        rng.standard_normal((16, 8, 3, 3)).astype(np.float32), layout="NCHW,OIHW", padding="same"
    )
    want = [layer(one).copy() for one in x]
    wrong = []

    def call(n):
        wrong.extend(n for _ in range(200) if not np.array_equal(layer(x[n]), want[n]))

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
