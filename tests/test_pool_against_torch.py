"""PyTorch pools the same numbers, and sends gradients to the same places."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import hwio
from hwio.pooling import POOL_METHODS
from hwio.pooling.accuracy import average_bound, spread_bound
from hwio.pooling.divisor import divisor
from pool_cases import random_pool, seeded_pools

COUNT = 500  # random poolings


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="torch, to compare with")
    before = module.get_num_threads()
    module.set_num_threads(1)
    yield module
    module.set_num_threads(before)


@st.composite
def pools(draw):
    """Draw a pooling that torch has: the same padding on both sides, channels first."""
    return random_pool(lambda a, b: draw(st.integers(a, b)), torch_like=True)


def torch_options(case, dilation=True):
    """Say a case in torch's words."""
    geo = case.problem.geometry
    has = {"kernel_size": geo.kernel, "stride": geo.stride, "ceil_mode": case.options["ceil_mode"]}
    has["padding"] = tuple(low for low, _ in case.problem.padding)
    return has | ({"dilation": geo.dilation} if dilation else {})


def torch_max(torch, case, x, dy=None):
    """Return (y, places, dx) of torch."""
    ndim = case.problem.geometry.ndim
    x = torch.from_numpy(x).requires_grad_(dy is not None)
    pool = getattr(torch.nn.functional, f"max_pool{ndim}d")
    y, places = pool(x, return_indices=True, **torch_options(case))
    if dy is not None:
        y.backward(torch.from_numpy(dy))
    return y.detach().numpy(), places.numpy(), None if dy is None else x.grad.numpy()


def torch_avg(torch, case, x, counts, dy):
    """Return (y, dx) of torch."""
    ndim = case.problem.geometry.ndim
    x = torch.from_numpy(x).requires_grad_(True)
    pool = getattr(torch.nn.functional, f"avg_pool{ndim}d")
    y = pool(x, count_include_pad=counts, **torch_options(case, dilation=False))
    y.backward(torch.from_numpy(dy))
    return y.detach().numpy(), x.grad.numpy()


def compare_max(torch, case, seed):
    """Compare a maximum, its places and its gradient; return how many windows were compared."""
    x = case.numbers(np.float64, most=3, seed=seed)
    dy = case.gradient(np.float64, seed=seed)
    y, places, dx = torch_max(torch, case, x, dy)
    if np.isneginf(y).any():  # torch: minus infinity for a window that holds padding alone
        with pytest.raises(hwio.ShapeError, match="padding alone"):
            hwio.max_pool(x, case.window, **case.options)
        return 0
    np.testing.assert_array_equal(hwio.max_pool(x, case.window, **case.options), y)
    np.testing.assert_array_equal(hwio.argmax_pool(x, case.window, **case.options), places)
    np.testing.assert_array_equal(hwio.max_pool_grad(x, dy, case.window, **case.options), dx)
    return y.size


def test_random_maxima_and_their_gradients_equal_torch(torch, report):
    compared = [
        compare_max(torch, case, seed)
        for seed, case in enumerate(seeded_pools(31, COUNT, torch_like=True))
    ]
    report(f"random max poolings compared with torch, forwards and backwards: {COUNT}")
    assert sum(n > 0 for n in compared) > 0.8 * COUNT


@given(case=pools(), seed=st.integers(0, 99))
@settings(max_examples=150)
def test_drawn_maxima_equal_torch(torch, case, seed):
    compare_max(torch, case, seed)


@given(case=pools(), seed=st.integers(0, 99), counts=st.booleans())
@settings(max_examples=150)
def test_drawn_means_are_near_torch(torch, case, seed, counts):
    """Both keep the published bound, so they differ by twice the bound; whole numbers are equal."""
    one = [1] * case.problem.geometry.ndim
    case = type(case)(case.name, case.x_shape, case.window, dict(case.options) | {"dilation": one})
    geo, pads = case.problem.geometry, case.problem.padding
    small = any(k > n for k, n in zip(geo.kernel, geo.in_size, strict=True))
    assume(not (small and geo.ndim == 3))  # which torch refuses, in 3-D alone
    rng = np.random.default_rng(seed)
    dy = rng.standard_normal(case.problem.y_shape)
    for x in (case.numbers(np.float64, seed=seed), rng.standard_normal(case.x_shape)):
        y, dx = torch_avg(torch, case, x, counts, dy)
        for method in POOL_METHODS:
            options = dict(case.options) | {"count_include_pad": counts, "method": method}
            came = hwio.avg_pool(x, case.window, **options)
            assert came.shape == y.shape
            if np.array_equal(x, np.rint(x)):
                np.testing.assert_array_equal(came, y)
            cx = np.moveaxis(x, 1, -1)
            bound = average_bound(cx, geo, pads, counts, 2.0**-53)
            assert (abs(np.moveaxis(came - y, 1, -1)) <= 2 * bound).all()
            back = hwio.avg_pool_grad(x, dy, case.window, **options)
            by = divisor(geo, pads, counts)
            bound = spread_bound(np.moveaxis(dy, 1, -1) / by, geo, 2.0**-53)
            assert (abs(np.moveaxis(back - dx, 1, -1)) <= 2 * bound).all()


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("window", [2, 3])
def test_sizes_are_those_of_torch_for_every_x(torch, window, padding, stride, ceil_mode):
    """Also where x is smaller than the window, and ceil mode lets it be."""
    words = {"stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    for n in range(1, 12):
        x = np.arange(1.0, n + 1).reshape(1, 1, n)
        try:
            want = torch.nn.functional.max_pool1d(torch.from_numpy(x), window, **words)
        except RuntimeError:
            with pytest.raises(hwio.ShapeError):
                hwio.max_pool(x, window, layout="NCW", **words)
            continue
        y = hwio.max_pool(x, window, layout="NCW", **words)
        np.testing.assert_array_equal(y, want.numpy())


def test_the_default_of_count_include_pad_is_not_torchs(torch):
    x = np.ones((1, 1, 4))
    theirs = torch.nn.functional.avg_pool1d(torch.from_numpy(x), 3, 1, 1).numpy()
    ours = hwio.avg_pool(x, 3, stride=1, padding=1, layout="NCW")
    assert not np.array_equal(ours, theirs)
    counted = hwio.avg_pool(x, 3, stride=1, padding=1, layout="NCW", count_include_pad=True)
    np.testing.assert_array_equal(counted, theirs)


def test_global_pooling_is_torchs_adaptive_pooling_to_one_cell(torch):
    x = np.random.default_rng(0).integers(-9, 9, (2, 3, 5, 7)).astype(float)
    for name in ("max", "avg"):
        want = getattr(torch.nn.functional, f"adaptive_{name}_pool2d")(torch.from_numpy(x), 1)
        y = getattr(hwio, f"global_{name}_pool")(x, layout="NCHW")
        np.testing.assert_array_equal(y, want.numpy())


def test_norms_are_near_torch(torch):
    x = np.abs(np.random.default_rng(0).standard_normal((2, 3, 9, 8)))
    for p in (1, 2, 3):
        want = torch.nn.functional.lp_pool2d(torch.from_numpy(x), p, 3, 2).numpy()
        y = hwio.lp_pool(x, 3, p, stride=2, layout="NCHW")
        np.testing.assert_allclose(y, want, rtol=1e-14)


def test_a_slip_is_a_mismatch(torch):
    """Show that the comparison can fail: the last maximum instead of the first."""
    wrong = 0
    for seed, case in enumerate(seeded_pools(77, 60, torch_like=True)):
        x = case.numbers(np.float64, most=1, seed=seed)
        dy = case.gradient(np.float64)
        y, _, dx = torch_max(torch, case, x, dy)
        if not np.isneginf(y).any():
            every = hwio.max_pool_grad(x, dy, case.window, ties="all", **case.options)
            wrong += not np.array_equal(every, dx)
    assert wrong > 10
