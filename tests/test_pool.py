"""Pooling: every way gives the same, on the table of cases and on every dtype."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwio
from hwio.ops import pool_check
from hwio.pooling import POOL_METHODS, SUM
from hwio.pooling.accuracy import average_bound, power_bound, spread_bound
from hwio.pooling.divisor import divisor
from hwio.shapes.pool_sizes import empty_window
from pool_cases import POOL_CASES, random_pool, seeded_pools

WAYS = sorted(POOL_METHODS)
INTEGERS = ["int8", "uint8", "int16", "uint32", "int64", "uint64"]


def by_definition(x, case, count_include_pad=False):
    """Return (cells of each window, divisors) in plain Python, on canonical x."""
    geo, nominal = case.problem.geometry, case.problem.padding
    found = {}
    for cell in itertools.product(*map(range, geo.out_size)):
        places, counted = [], 0
        for tap in itertools.product(*map(range, geo.kernel)):
            at = [
                o * s - low + t * d
                for o, s, d, t, (low, _) in zip(
                    cell, geo.stride, geo.dilation, tap, nominal, strict=True
                )
            ]
            inside = all(0 <= a < n for a, n in zip(at, geo.in_size, strict=True))
            padded = all(
                -low <= a < n + high
                for a, n, (low, high) in zip(at, geo.in_size, nominal, strict=True)
            )
            places += [tuple(at)] if inside else []
            counted += padded if count_include_pad else inside
        found[cell] = places, counted
    return found


def axes_of(case):
    """List the arguments of ``empty_window`` for each axis."""
    geo = case.problem.geometry
    lows = [low for low, _ in geo.padding]
    return zip(geo.in_size, geo.kernel, geo.stride, geo.dilation, lows, geo.out_size, strict=True)


def canonical(array, axes, batched):
    """Return (n, *space, c)."""
    array = array.transpose(axes)
    return array if batched else array[None]


def x_and_y(case, x, y):
    """Return x and y in canonical order."""
    lay = case.problem.layout
    back = [lay.y_axes.index(i) for i in range(len(lay.y_axes))]
    return canonical(x, lay.x_axes, lay.batched), canonical(y, back, lay.batched)


@pytest.mark.parametrize("case", POOL_CASES, ids=str)
@pytest.mark.parametrize("method", ["auto", *WAYS])
def test_every_way_is_the_definition(case, method):
    x = case.numbers(np.float64)
    largest = hwio.max_pool(x, case.window, method=method, **case.options)
    places = hwio.argmax_pool(x, case.window, method=method, **case.options)
    for counts in (False, True):
        mean = hwio.avg_pool(
            x, case.window, method=method, count_include_pad=counts, **case.options
        )
        assert largest.shape == mean.shape == places.shape == case.problem.y_shape
        cx, cy = x_and_y(case, x, largest)
        _, cm = x_and_y(case, x, mean)
        _, cp = x_and_y(case, x, places)
        sizes = case.problem.geometry.in_size
        for cell, (cells, count) in by_definition(cx, case, counts).items():
            for image, channel in np.ndindex(cx.shape[0], cx.shape[-1]):
                values = [cx[(image, *at, channel)] for at in cells]
                assert cy[(image, *cell, channel)] == max(values)
                assert cm[(image, *cell, channel)] == sum(values) / count
                first = cells[values.index(max(values))]
                assert cp[(image, *cell, channel)] == np.ravel_multi_index(first, sizes)


@pytest.mark.parametrize("case", POOL_CASES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "uint64"])
def test_all_ways_agree(case, dtype):
    x, dy = case.numbers(dtype), case.gradient(np.float32)
    for pool in (hwio.max_pool, hwio.argmax_pool, hwio.avg_pool):
        wanted = pool(x, case.window, method="loop", **case.options)
        for method in WAYS:
            y = pool(x, case.window, method=method, **case.options)
            assert y.dtype == wanted.dtype
            np.testing.assert_array_equal(y, wanted)
    for ties in ("first", "all"):
        wanted = hwio.max_pool_grad(x, dy, case.window, ties=ties, method="loop", **case.options)
        for method in WAYS:
            dx = hwio.max_pool_grad(x, dy, case.window, ties=ties, method=method, **case.options)
            assert (dx.shape, dx.dtype) == (x.shape, dy.dtype)
            np.testing.assert_array_equal(dx, wanted)


@pytest.mark.parametrize("case", POOL_CASES, ids=str)
@pytest.mark.parametrize("counts", [False, True])
def test_the_gradient_of_a_mean_is_its_adjoint(case, counts):
    """⟨dy, A x⟩ = ⟨Aᵀ dy, x⟩ to the last bit: dy holds multiples of every divisor."""
    by = divisor(case.problem.geometry, case.problem.padding, counts)
    every = math.lcm(*(int(n) for n in by.ravel()), 1)
    if every > 2**20:
        every = 1  # the identity needs only that dy / count be whole
    x, dy = case.numbers(np.float64), case.gradient(np.float64) * every
    y = hwio.avg_pool(x * every, case.window, count_include_pad=counts, **case.options)
    for method in WAYS:
        dx = hwio.avg_pool_grad(
            x.shape, dy, case.window, count_include_pad=counts, method=method, **case.options
        )
        assert (dx.shape, dx.dtype) == (x.shape, dy.dtype)
        if every > 1 or by.size == 1:
            assert np.sum(dy / every * y) == np.sum(dx * x)


@pytest.mark.parametrize("ties", ["first", "all"])
@pytest.mark.parametrize("case", POOL_CASES, ids=str)
def test_the_gradient_of_a_maximum_goes_where_it_was(case, ties):
    x, dy = case.numbers(np.int64, most=2), case.gradient(np.int64)
    dx = hwio.max_pool_grad(x, dy, case.window, ties=ties, **case.options)
    cx, cdy = x_and_y(case, x, dy)
    wanted = np.zeros_like(cx)
    for cell, (cells, _) in by_definition(cx, case).items():
        for image, channel in np.ndindex(cx.shape[0], cx.shape[-1]):
            values = [cx[(image, *at, channel)] for at in cells]
            found = [at for at, v in zip(cells, values, strict=True) if v == max(values)]
            for at in found if ties == "all" else found[:1]:
                wanted[(image, *at, channel)] += cdy[(image, *cell, channel)]
    np.testing.assert_array_equal(x_and_y(case, dx, dy)[0], wanted)


def test_the_course_sends_dy_to_every_maximum():
    """Its loop: mask = (slice == max(slice)), dA_prev[slice] += mask * dA."""
    rng = np.random.default_rng(3)
    x, dy = rng.integers(0, 3, (2, 5, 5, 2)).astype(float), rng.standard_normal((2, 4, 4, 2))
    wanted = np.zeros_like(x)
    for i, h, w, c in np.ndindex(dy.shape):
        piece = x[i, h : h + 2, w : w + 2, c]
        wanted[i, h : h + 2, w : w + 2, c] += (piece == piece.max()) * dy[i, h, w, c]
    dx = hwio.max_pool_grad(x, dy, 2, stride=1, ties="all")
    np.testing.assert_allclose(dx, wanted, rtol=1e-15, atol=1e-15)


# ---------------------------------------------------------------- dtypes


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", *INTEGERS])
def test_a_maximum_keeps_the_dtype(dtype, method):
    x = np.array([3, 1, 4, 1, 5], dtype).reshape(1, 5, 1)
    y = hwio.max_pool(x, 2, stride=1, method=method)
    assert y.dtype == x.dtype
    assert y.ravel().tolist() == [3, 4, 4, 5]


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("dtype", ["float32", *INTEGERS])
def test_padding_never_is_the_maximum(dtype, method):
    """Not of the least numbers either, which equal what stands in the padding."""
    least = -np.inf if dtype == "float32" else np.iinfo(dtype).min
    x = np.full((1, 3, 3, 1), least, dtype)
    options = {"stride": 1, "padding": 1, "method": method}
    assert (hwio.max_pool(x, 3, **options) == least).all()
    assert hwio.argmax_pool(x, 3, **options)[0, ..., 0].tolist() == [
        [0, 0, 1],
        [0, 0, 1],
        [3, 3, 4],
    ]
    dx = hwio.max_pool_grad(x, np.ones((1, 3, 3, 1)), 3, **options)
    assert dx[0, ..., 0].tolist() == [[4, 2, 0], [2, 1, 0], [0, 0, 0]]
    assert hwio.max_pool_grad(x, np.ones((1, 3, 3, 1)), 3, ties="all", **options).sum() == 49


@pytest.mark.parametrize("dtype", INTEGERS)
def test_means_of_integers_are_those_of_numpy(dtype):
    top = np.iinfo(dtype).max
    x = np.array([top, top, top - 1, 1], dtype).reshape(1, 4, 1)
    y = hwio.avg_pool(x, 2)
    assert y.dtype == np.float64
    assert y.ravel().tolist() == [float(top), top / 2 if top < 2**53 else float(top // 2)]


def test_half_precision_sums_in_single():
    x = np.full((1, 4096, 1), 100, np.float16)
    y = hwio.avg_pool(x, 4096)
    assert y.dtype == np.float16
    assert y.item() == 100  # the sum, 409600, is beyond float16


def test_complex_means_and_norms():
    x = np.array([3 + 4j, 0, 1j, 1]).reshape(1, 4, 1)
    assert hwio.avg_pool(x, 2).ravel().tolist() == [1.5 + 2j, 0.5 + 0.5j]
    y = hwio.lp_pool(x, 2, p=1)
    assert y.dtype == np.float64
    assert y.ravel().tolist() == [5, 2]
    assert hwio.avg_pool_grad((1, 2, 1), x[:, :1], 2).ravel().tolist() == [1.5 + 2j] * 2


@pytest.mark.parametrize("method", WAYS)
def test_a_nan_has_no_maximum(method):
    x = np.array([1, np.nan, 2, 5, np.nan, np.nan, 0, 7]).reshape(1, 8, 1)
    y = hwio.max_pool(x, 2, method=method)
    np.testing.assert_array_equal(y.ravel(), [np.nan, 5, np.nan, 7])
    assert hwio.argmax_pool(x, 2, method=method).ravel().tolist() == [1, 3, 4, 7]
    dy = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1)
    first = hwio.max_pool_grad(x, dy, 2, method=method)
    assert first.ravel().tolist() == [0, 1, 0, 2, 3, 0, 0, 4]
    both = hwio.max_pool_grad(x, dy, 2, ties="all", method=method)
    assert both.ravel().tolist() == [0, 1, 0, 2, 3, 3, 0, 4]


def test_inf_and_nan_stay_in_their_window():
    x = np.array([np.inf, -np.inf, 1, 2, np.inf, 1]).reshape(1, 6, 1)
    np.testing.assert_array_equal(hwio.avg_pool(x, 2).ravel(), [np.nan, 1.5, np.inf])


def test_inf_in_dy_does_not_leak():
    x, dy = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1), np.array([np.inf, 1]).reshape(1, 2, 1)
    assert hwio.max_pool_grad(x, dy, 2).ravel().tolist() == [0, np.inf, 0, 1]


def test_sums_of_gradients_never_wrap():
    x, dy = np.zeros((1, 3, 1)), np.full((1, 2, 1), 2**62)
    with pytest.raises(hwio.RangeError, match="int64"):
        hwio.max_pool_grad(x, dy, 2, stride=1)
    assert hwio.max_pool_grad(x, dy - 1, 2, stride=1).dtype == np.int64


# ---------------------------------------------------------------- arrays as they come


@pytest.mark.parametrize("pool", [hwio.max_pool, hwio.avg_pool, hwio.lp_pool])
def test_strides_byte_order_and_alignment_change_no_bit(pool):
    plain = np.random.default_rng(0).standard_normal((2, 7, 6, 5)).astype(np.float32)
    wanted = pool(plain, 3, stride=2, padding=1)
    odd = np.empty(plain.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(plain.shape)
    odd[...] = plain
    fixed = plain.copy()
    fixed.flags.writeable = False
    for x in (
        np.asfortranarray(plain),
        np.ascontiguousarray(plain[:, ::-1])[:, ::-1],
        np.repeat(plain, 2, axis=2)[:, :, ::2],
        plain.astype(">f4"),
        odd,
        fixed,
        plain.tolist() if pool is hwio.max_pool else plain,
    ):
        y = pool(x, 3, stride=2, padding=1)
        assert y.dtype.isnative
        np.testing.assert_array_equal(y, wanted)
    turned = pool(plain.transpose(0, 3, 1, 2), 3, stride=2, padding=1, layout="NCHW")
    np.testing.assert_array_equal(turned, wanted.transpose(0, 3, 1, 2))


def test_out_receives_y_and_may_be_x():
    x = np.arange(12.0).reshape(1, 12, 1)
    wanted = hwio.max_pool(x, 3, stride=1, padding=1)
    assert hwio.max_pool(x, 3, stride=1, padding=1, out=x) is x
    np.testing.assert_array_equal(x, wanted)
    y = np.empty((1, 4, 1))
    assert hwio.avg_pool(x, 3, out=y) is y


def test_inputs_are_not_written():
    x = np.arange(24.0).reshape(1, 4, 6, 1)
    before = x.copy()
    dy = hwio.max_pool(x, 2)
    for method in WAYS:
        hwio.avg_pool(x, 2, method=method)
        hwio.avg_pool_grad(x, dy, 2, method=method)
        hwio.max_pool_grad(x, dy, 2, method=method)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(dy, hwio.max_pool(x, 2))


def test_global_pooling():
    x = np.random.default_rng(1).integers(-9, 9, (2, 4, 3, 5)).astype(float)
    np.testing.assert_array_equal(hwio.global_max_pool(x), x.max((1, 2), keepdims=True))
    np.testing.assert_array_equal(hwio.global_avg_pool(x, keepdims=False), x.mean((1, 2)))
    first = hwio.global_avg_pool(x, layout="NCHW->NHWC", keepdims=False)
    np.testing.assert_array_equal(first, x.mean((2, 3)))
    assert hwio.global_max_pool(x[0], layout="HWC", keepdims=False).shape == (5,)


def test_far_padding_is_refused_before_memory_is_taken():
    x = np.ones((1, 4, 4, 1))
    with pytest.raises(hwio.LimitError):
        hwio.avg_pool(x, 2**40, stride=1, padding=2**40, count_include_pad=True)
    with pytest.raises(hwio.LimitError):
        hwio.max_pool(x, 2**60, stride=2**59, padding=2**59, method="windows")
    y = hwio.max_pool(x, 2**60, stride=2**59, padding=2**59)  # and what fits is done
    np.testing.assert_array_equal(y, np.ones((1, 1, 1, 1)))


@given(
    st.integers(0, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 8), st.integers(0, 9)
)
def test_the_first_empty_window_is_found(n, k, s, d, low):
    for out in range(1, 8):
        windows = [{o * s - low + t * d for t in range(k)} & set(range(n)) for o in range(out)]
        wanted = next((o for o, cells in enumerate(windows) if not cells), None)
        assert empty_window(n, k, s, d, low, out) == wanted


# ---------------------------------------------------------------- error bounds


def worst(y, wanted, bound):
    """Return the largest error in units of the bound."""
    error = np.abs(y.astype(wanted.dtype) - wanted)
    wrong = error > 0
    return float((error[wrong] / bound[wrong]).max(initial=0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_the_published_bounds(dtype, report):
    u = np.finfo(dtype).eps / 2
    largest = {}
    for at, case in enumerate(seeded_pools(5, 120)):
        rng = np.random.default_rng(at)
        x = rng.standard_normal(case.x_shape) * 10.0 ** rng.integers(-6, 7, case.x_shape)
        x = x.astype(dtype)
        geo, pads = case.problem.geometry, case.problem.padding
        counts, p, options = bool(at % 2), 1 + at % 5, dict(case.options)
        wide = x.astype(np.longdouble)
        if min(divisor(geo, pads, counts).ravel()) == 0:
            continue
        by = divisor(geo, pads, counts)
        sums = POOL_METHODS["loop"].reduce
        cx = x_and_y(case, wide, np.zeros(case.problem.y_shape))[0]
        for method in WAYS:
            y = hwio.avg_pool(x, case.window, count_include_pad=counts, method=method, **options)
            cy = x_and_y(case, x, y)[1]
            exact = sums(cx, geo, SUM) / by
            bound = average_bound(cx, geo, pads, counts, u)
            largest["mean"] = max(largest.get("mean", 0), worst(cy, exact, bound))
            y = hwio.lp_pool(x, case.window, p, method=method, **options)
            cy = x_and_y(case, x, y)[1]
            exact = sums(np.abs(cx) ** p, geo, SUM) ** (np.longdouble(1) / p)
            if dtype == "float64" or p < 4:  # float32: else powers leave its range
                bound = power_bound(exact, geo, p, u)
                largest["norm"] = max(largest.get("norm", 0), worst(cy, exact, bound))
            dy = rng.standard_normal(case.problem.y_shape).astype(dtype)
            dx = hwio.avg_pool_grad(
                x, dy, case.window, count_include_pad=counts, method=method, **options
            )
            cdx, cdy = x_and_y(case, dx, dy.astype(np.longdouble))
            exact = POOL_METHODS["loop"].sum_grad(cdy / by, geo)
            bound = spread_bound(cdy / by, geo, u)
            largest["dx"] = max(largest.get("dx", 0), worst(cdx, exact, bound))
    report(f"pooling, {dtype}: largest error in units of its bound {largest}")
    assert max(largest.values()) <= 1


def test_random_poolings_are_varied():
    drawn = list(seeded_pools(9, 400))
    for wanted in (
        lambda c: c.options["ceil_mode"] and c.problem.padding != c.problem.geometry.padding,
        lambda c: max(c.problem.geometry.dilation) > 1,
        lambda c: any(low != high for low, high in c.problem.padding),
        lambda c: max(c.problem.geometry.stride) > max(c.problem.geometry.reach),
        lambda c: divisor(c.problem.geometry, c.problem.padding, False).size > 1,
    ):
        assert sum(map(bool, map(wanted, drawn))) > 20


@given(case=st.composite(lambda draw: random_pool(lambda a, b: draw(st.integers(a, b))))())
def test_random_poolings_are_the_same_in_every_way(case):
    x = case.numbers(np.int16, most=3)
    if any(empty_window(*axis) is not None for axis in axes_of(case)):
        with pytest.raises(hwio.ShapeError, match="padding alone"):
            hwio.max_pool(x, case.window, **case.options)
        return
    wanted = hwio.max_pool(x, case.window, method="loop", **case.options)
    dy = case.gradient(np.int32)
    for method in WAYS:
        for pool in (hwio.max_pool, hwio.argmax_pool, hwio.avg_pool):
            y = pool(x, case.window, method=method, **case.options)
            np.testing.assert_array_equal(y, pool(x, case.window, method="loop", **case.options))
        assert wanted.dtype == np.int16
        for ties in ("first", "all"):
            dx = hwio.max_pool_grad(x, dy, case.window, ties=ties, method=method, **case.options)
            assert dx.sum() == dy.sum() or ties == "all"
            same = hwio.max_pool_grad(x, dy, case.window, ties=ties, method="loop", **case.options)
            np.testing.assert_array_equal(dx, same)


# ---------------------------------------------------------------- repeated calls


def test_options_of_one_call_do_not_reach_another():
    x = np.arange(36.0).reshape(1, 6, 6, 1)
    calls = [{}, {"stride": 1}, {"padding": 1}, {"ceil_mode": True}, {"dilation": 2}]
    calls += [{"stride": [1, 2]}, {"stride": (2, 1)}, {"method": "loop"}]
    cold = []
    for options in calls:
        pool_check._KNOWN.clear()
        cold.append(hwio.max_pool(x, 2, **options))
    for _ in range(2):
        for options, wanted in zip(calls, cold, strict=True):
            np.testing.assert_array_equal(hwio.max_pool(x, 2, **options), wanted)
    for wrong in ({"stride": True}, {"ceil_mode": 1}, {"stride": 1.0}):  # which equal good ones
        with pytest.raises(hwio.ArgumentTypeError):
            hwio.max_pool(x, 2, **wrong)


def test_a_list_that_changes_is_read_anew():
    x, steps = np.arange(36.0).reshape(1, 6, 6, 1), [1, 1]
    assert hwio.max_pool(x, 2, stride=steps).shape == (1, 5, 5, 1)
    steps[0] = 2
    assert hwio.max_pool(x, 2, stride=steps).shape == (1, 3, 5, 1)


def test_no_more_calls_are_remembered_than_fit(monkeypatch):
    monkeypatch.setattr(pool_check, "_KNOWN_MOST", 5)
    pool_check._KNOWN.clear()
    for wide in range(2, 20):
        assert hwio.max_pool(np.ones((1, 4, wide, 1)), 2).shape == (1, 2, wide // 2, 1)
        assert len(pool_check._KNOWN) <= 5
