"""Repeated gradients of arrays in another order are moved once; no number and no stride changes."""

import numpy as np
import pytest

import hwio
from cases import CASES
from hwio.engine import refusal
from hwio.ops import grad as door
from hwio.ops.moved_grad import MovedGrads
from strategies import random_case

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")


@pytest.fixture(autouse=True)
def _forget_calls():
    door._KNOWN.clear()


def drawn(case, dtype, seed):
    """Return whole numbers for x, w and dy."""
    rng = np.random.default_rng(seed)
    x, w = (rng.integers(-4, 5, shape).astype(dtype) for shape in (case.x_shape, case.w_shape))
    y = hwio.conv(x, w, **case.options)
    return x, w, rng.integers(-4, 5, y.shape).astype(dtype)


def same(mine, theirs):
    """Compare elements, dtypes and the order in memory of dx, dw and db."""
    for one, other in zip(mine, theirs, strict=True):
        if other is None:
            assert one is None
            continue
        assert (one.dtype, one.strides) == (other.dtype, other.strides)
        np.testing.assert_array_equal(one, other)


def often(x, w, dy, need, options):
    """Go back three times each by conv_grad and by a layer; the first goes the long way."""
    first = hwio.conv_grad(x, w, dy, need=need, **options)
    layer = hwio.prepare(w, **options)
    for _ in range(2):
        same(hwio.conv_grad(x, w, dy, need=need, **options), first)
        same(layer.grad(x, dy, need=need), first)
    same(layer.grad(x, dy, need=need), first)
    return first


@pytest.mark.parametrize("need", ["xwb", "x", "w"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_bit_depends_on_how_often_it_is_called(case, need):
    rng = np.random.default_rng(3)
    x, w, dy = (rng.standard_normal(a.shape) for a in drawn(case, np.float32, 1))
    for one in (np.float32, np.float64):
        often(*(np.asfortranarray(a.astype(one)) for a in (x, w, dy)), need, case.options)


@pytest.mark.parametrize("seed", range(100))
def test_random_orders_equal_the_loop_on_whole_numbers(seed):
    rng = np.random.default_rng(seed)
    case = random_case(lambda low, high: int(rng.integers(low, high + 1)))
    x, w, dy = drawn(case, rng.choice(["float32", "float64"]), seed)
    need = str(rng.choice(["xwb", "x", "w", "xb"]))
    got = often(x, w, dy, need, case.options)
    want = hwio.conv_grad(x, w, dy, need=need, method="loop", **case.options)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("layout", "options"),
    [("NCHW,OIHW", {}), ("NCHW,OIHW", {"flip": True}), ("NHWC,HWIO->NCHW", {"padding": "same"})],
)
def test_it_is_the_short_way(layout, options):
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((2, 8, 8, 8)), rng.standard_normal((3, 3, 8, 8))
    if layout.startswith("NCHW"):
        w = rng.standard_normal((8, 8, 3, 3))
    options = {"layout": layout, **options}
    dy = np.ones_like(hwio.conv(x, w, **options))
    hwio.conv_grad(x, w, dy, **options)
    assert [type(quick) for quick in door._KNOWN.values()] == [MovedGrads]
    layer = hwio.prepare(w, **options)
    layer.grad(x, dy)
    assert [type(quick) for quick in layer._grads.values()] == [MovedGrads]


def test_other_arrays_and_wrong_ones_go_the_long_way():
    rng = np.random.default_rng(5)
    w = rng.standard_normal((5, 4, 3, 3)).astype(np.float32)
    layer = hwio.prepare(w, layout="NCHW,OIHW")
    x = rng.standard_normal((1, 4, 8, 9)).astype(np.float32)
    dy = np.ones_like(layer(x))
    layer.grad(x, dy)
    want = hwio.conv_grad(x.astype(float), w, dy, layout="NCHW,OIHW", method="einsum")
    dx, dw, db = layer.grad(x.astype(float), dy)
    assert (dx.dtype, dw.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(dw, want[1], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(db, want[2])
    only = layer.grad(x.shape, dy, need="x")
    np.testing.assert_array_equal(layer.grad(x.shape, dy, need="x")[0], only[0])
    np.testing.assert_array_equal(only[0], dx)
    for wrong in (dy[0], dy[..., 1:], dy.transpose(0, 2, 3, 1)):
        with pytest.raises(hwio.ShapeError):
            layer.grad(x, wrong)
    with pytest.raises(hwio.HwioError):
        layer.grad(x[0], dy)


def test_weights_that_change_are_read():
    rng = np.random.default_rng(6)
    x, w = rng.standard_normal((1, 4, 9, 9)), rng.standard_normal((6, 4, 3, 3))
    dy = rng.standard_normal((1, 6, 7, 7))
    for _ in range(3):
        dx, dw, _ = hwio.conv_grad(x, w, dy, layout="NCHW,OIHW")
        want = hwio.conv_grad(x, w, dy, layout="NCHW,OIHW", method="einsum")
        np.testing.assert_allclose(dx, want[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(dw, want[1], rtol=0, atol=1e-12)
        w -= 0.5 * dw
