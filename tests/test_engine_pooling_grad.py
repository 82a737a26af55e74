"""The kernels of pooling's gradients against NumPy's ways and torch: the same numbers, to the last bit."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.ops import pool_check
from pool_cases import POOL_CASES, PoolCase, seeded_pools
from test_engine_pooling import LAYERS, numbers

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

PAIRS = [  # dtypes of x and dy that kernels serve
    *[(kind, kind) for kind in ("float32", "float64", "float16")],
    *[("float32", "float64"), ("float64", "float32"), ("uint8", "float32"), ("int16", "float64")],
    *[("int32", "float32"), ("int64", "float64"), ("uint64", "int8"), ("float32", "int64")],
]
CALLS = 4


@pytest.fixture
def served(monkeypatch):
    """Let the kernels serve little work too, and count what they did."""
    from hwio.engine.launch import pooling_grad

    monkeypatch.setattr(pooling_grad, "LITTLE", 0)
    pool_check._KNOWN.clear()
    done, run = [], pooling_grad.run
    monkeypatch.setattr(pooling_grad, "run", lambda *args: done.append(1) or run(*args))
    yield done
    pool_check._KNOWN.clear()


def given(case, dtype, seed=0):
    """Return dy whose sums round, with NaNs and infinities among floats."""
    return numbers(PoolCase("dy", case.problem.y_shape, 1), dtype, seed + 1)


def gradients(x, dy, case, **more):
    """Return dx of the first maximum, of all, and of means without and with the cells of padding."""
    words = {**case.options, **more}
    return [
        hwio.max_pool_grad(x, dy, case.window, **words),
        hwio.max_pool_grad(x, dy, case.window, ties="all", **words),
        hwio.avg_pool_grad(x.shape, dy, case.window, **words),
        hwio.avg_pool_grad(x.shape, dy, case.window, count_include_pad=True, **words),
    ]


def same_as_numpy(case, dtypes=("float32", "float32"), seed=0):
    """Compare with the taps' way; few different numbers in x make ties."""
    x, dy = numbers(case, dtypes[0], seed), given(case, dtypes[1], seed)
    if dy.dtype == np.int64:
        dy >>= 16  # sums stay below 2^53
    few = np.random.default_rng(seed).integers(0, 4, x.shape)
    x = np.where(np.isfinite(x), few, x).astype(dtypes[0])
    both = gradients(x, dy, case), gradients(x, dy, case, method="taps")
    for dx, wanted in zip(*both, strict=True):
        assert dx.dtype == wanted.dtype
        np.testing.assert_array_equal(dx, wanted)
        if dx.dtype.kind == "f":
            finite = np.isfinite(wanted)  # the sign of zero too
            np.testing.assert_array_equal(np.signbit(dx[finite]), np.signbit(wanted[finite]))


@pytest.mark.parametrize("dtypes", PAIRS, ids=" ".join)
@pytest.mark.parametrize("case", [*POOL_CASES, *LAYERS], ids=str)
def test_a_kernel_equals_numpy(case, dtypes, served):
    same_as_numpy(case, dtypes)
    channels_last = case.options.get("layout", "NHWC") == "NHWC"
    if channels_last and 0 not in case.x_shape:
        assert len(served) == CALLS


def test_random_gradients(served, report):
    count = 300
    for seed, case in enumerate(seeded_pools(12, count)):
        options = {**case.options, "layout": None}
        order = case.options["layout"].partition("->")[0]
        shape = tuple(case.x_shape[order.index(axis)] for axis in sorted(order, key="NDHWC".index))
        kind = ("float32", "float64")[seed % 2]
        same_as_numpy(PoolCase("random", shape, case.window, options), (kind, kind), seed)
    assert len(served) == CALLS * count
    report(f"random gradients of pooling by kernels, equal to NumPy's ways: {count} × {CALLS}")


def test_random_gradients_equal_the_definition(served):
    """Not the taps' way, whose order of sums is ours: whole numbers against the loop."""
    for seed, case in enumerate(seeded_pools(13, 100)):
        x, dy = case.numbers(np.float32, most=3, seed=seed), case.gradient(np.float32, seed=seed)
        each = gradients(x, dy, case)[:2], gradients(x, dy, case, method="loop")[:2]
        for dx, wanted in zip(*each, strict=True):
            np.testing.assert_array_equal(dx, wanted)
    assert served


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tails_of_channels(dtype, served):
    for channels in [*range(1, 70), 127, 128, 129, 257]:
        case = PoolCase("tail", (2, 5, 7, channels), 3, {"stride": 2, "padding": 1})
        same_as_numpy(case, (dtype, dtype))
    assert served


@pytest.mark.parametrize("channels", [3, 16, 24])
def test_tails_of_windows(channels, served):
    for wide in range(1, 24):
        for options in ({"padding": 1}, {"stride": 1, "padding": "same"}, {"stride": 2}):
            if wide >= 3 or "padding" in options:
                same_as_numpy(PoolCase("tail", (2, 3, wide, channels), 3, options))
    assert served


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dy_goes_to_the_first_nan(dtype, served):
    for at in np.ndindex(5, 6):
        x = np.full((1, 5, 6, 21), np.inf if at[0] % 2 else 3.0, dtype)
        x[0, at[0], at[1], 7] = np.copysign(np.nan, 1 - 2 * (at[1] % 2))
        x[0, 4, 5, 7] = np.nan
        dy = np.arange(1, 1 + 9 * 21, dtype=dtype).reshape(1, 3, 3, 21)
        case = PoolCase("NaN", x.shape, 3, {"stride": 2, "padding": 1})
        for dx, wanted in zip(
            gradients(x, dy, case)[:2], gradients(x, dy, case, method="loop")[:2], strict=True
        ):
            np.testing.assert_array_equal(dx, wanted)
        first = gradients(x, dy, case)[0]
        assert first.sum() == dy.sum()  # none is lost, none is given twice
    assert served


def test_minus_infinity_alone_has_a_first_maximum(served):
    x = np.full((1, 4, 4, 18), -np.inf, np.float32)
    dx = hwio.max_pool_grad(x, np.ones((1, 2, 2, 18), np.float32), 2)
    assert (dx[0, ::2, ::2] == 1).all()
    assert dx.sum() == 4 * 18
    assert served


def test_a_nan_or_infinity_of_dy_stays_where_it_belongs(served):
    x = np.random.default_rng(0).standard_normal((1, 9, 9, 20)).astype(np.float32)
    for odd in (np.nan, np.inf):
        dy = np.zeros((1, 4, 4, 20), np.float32)
        dy[0, 1, 2, 5] = odd
        dx = hwio.max_pool_grad(x, dy, 3, stride=2)
        assert (~np.isfinite(dx)).sum() == 1
        dx = hwio.avg_pool_grad(x, dy, 3, stride=2)
        assert (~np.isfinite(dx)).sum() == 9
    assert served


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_threads_and_batches_change_no_bit(case, served):
    one = PoolCase("one", (1, *case.x_shape[1:]), case.window, case.options)
    x, dy = numbers(one, np.float32), given(one, np.float32)
    many = PoolCase("many", (5, *case.x_shape[1:]), case.window, case.options)
    xs, dys = np.concatenate([x] * 5), np.concatenate([dy] * 5)
    wanted, before = gradients(x, dy, one, method="taps"), hwio.get_num_threads()
    try:
        for threads in (1, 2, 3, 7):
            hwio.set_num_threads(threads)
            for dx, want in zip(gradients(x, dy, one), wanted, strict=True):
                np.testing.assert_array_equal(dx, want)
            for dx, want in zip(gradients(xs, dys, many), wanted, strict=True):
                for image in dx:
                    np.testing.assert_array_equal(image, want[0])
    finally:
        hwio.set_num_threads(before)
    assert served


@pytest.mark.parametrize("threads", [3, 16])
def test_rows_and_channels_are_shared_out(threads, served, monkeypatch):
    """Tiny tasks: each thread gets some rows of windows, or some channels, or both."""
    from hwio.engine.launch import pooling_grad

    monkeypatch.setattr(pooling_grad, "TASK", 1)
    flat = PoolCase(
        "one row", (3, 1, 6, 55), (4, 3), {"stride": (1, 3), "padding": [(3, 2), (2, 0)]}
    )
    shared, shares = set(), pooling_grad._shares

    def spied(*args):
        found = shares(*args)
        shared.add((found["pieces"] > 1, found["parts"] > 1, "inner" in found))
        return found

    monkeypatch.setattr(pooling_grad, "_shares", spied)
    before = hwio.get_num_threads()
    try:
        hwio.set_num_threads(threads)
        for seed, case in enumerate([*LAYERS, *POOL_CASES, flat, flat]):
            monkeypatch.setattr(pooling_grad, "PART", (256, 32)[seed % 2])
            same_as_numpy(case, seed=seed)
        for seed, case in enumerate(seeded_pools(14, 60)):
            same_as_numpy(case, seed=seed)
    finally:
        hwio.set_num_threads(before)
    assert {(True, False, False), (False, True, False), (True, False, True)} <= shared
    assert served


@pytest.mark.nightly
def test_random_gradients_shared_out(served, report, monkeypatch):
    from hwio.engine.launch import pooling_grad

    monkeypatch.setattr(pooling_grad, "TASK", 1)
    before, count = hwio.get_num_threads(), 5000
    try:
        hwio.set_num_threads(3)
        for seed, case in enumerate(seeded_pools(15, count)):
            options = {**case.options, "layout": None}
            order = case.options["layout"].partition("->")[0]
            sizes = [case.x_shape[order.index(a)] for a in sorted(order, key="NDHWC".index)]
            monkeypatch.setattr(pooling_grad, "PART", (256, 32)[seed % 2])
            shape = (*sizes[:-1], sizes[-1] * 17)
            same_as_numpy(PoolCase("random", shape, case.window, options), seed=seed)
    finally:
        hwio.set_num_threads(before)
    assert len(served) == CALLS * count
    report(f"random gradients of pooling, shared out to tiny tasks: {count} × {CALLS}")


def test_kernels_equal_torch(served):
    torch = pytest.importorskip("torch", reason="torch, to compare with")
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 9, (2, 40, 41, 70)).astype(np.float32)
    geometries = ((3, 2, 1, False), (2, 2, 0, True), (5, 3, 2, True), (3, 1, 1, False))
    for window, stride, padding, ceil in geometries:
        words = {"stride": stride, "padding": padding, "ceil_mode": ceil}
        tx = torch.from_numpy(x).permute(0, 3, 1, 2).requires_grad_(True)
        y = torch.nn.functional.max_pool2d(tx, window, **words)
        dy = rng.integers(-9, 9, y.permute(0, 2, 3, 1).shape).astype(np.float32)
        tdy = torch.from_numpy(dy).permute(0, 3, 1, 2)
        (want,) = torch.autograd.grad(y, tx, tdy)
        dx = hwio.max_pool_grad(x, dy, window, **words)
        np.testing.assert_array_equal(dx, want.permute(0, 2, 3, 1).numpy())
        for counts in (False, True):
            words["count_include_pad"] = counts
            y = torch.nn.functional.avg_pool2d(tx, window, **words)
            (want,) = torch.autograd.grad(y, tx, tdy)
            dx = hwio.avg_pool_grad(x, dy, window, **words)
            np.testing.assert_allclose(dx, want.permute(0, 2, 3, 1).numpy(), rtol=1e-5, atol=1e-4)
    assert len(served) == 3 * len(geometries)


def test_views_are_copied_and_served(served):
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 9, 16, 40)), rng.standard_normal((2, 4, 16, 20))
    case = PoolCase("views", (2, 9, 8, 20), 2, {})
    for here, there in (
        (x[:, :, ::2, ::2], dy[:, :, ::4]),
        (x[:, :, 3:11, :20], np.broadcast_to(1.5, (2, 4, 4, 20))),
        (x[:, :, :8, 5:25], np.asfortranarray(dy[:, :, :4])),
    ):
        both = gradients(here, there, case), gradients(here, there, case, method="taps")
        for dx, want in zip(*both, strict=True):
            assert dx.flags.c_contiguous == want.flags.c_contiguous
            np.testing.assert_array_equal(dx, want)
            assert np.argsort(dx.strides).tolist() == np.argsort(want.strides).tolist()
    assert len(served) == 3 * CALLS


def test_results_lie_as_x_does(served):
    x = np.random.default_rng(0).standard_normal((2, 20, 8, 8))
    dy = np.ones((2, 20, 4, 4))
    assert hwio.max_pool_grad(x, dy, 2, layout="NCHW").flags.c_contiguous
    assert hwio.avg_pool_grad(x, dy, 2, layout="NCHW").flags.c_contiguous
    assert len(served) == 2


def test_whole_numbers_that_no_float_has(served):
    big = 2**60
    x = np.array([big, big + 1, big + 2, big]).reshape(1, 4, 1)
    dy = np.array([2**57 + 1, 3]).reshape(1, 2, 1)
    assert hwio.max_pool_grad(x, dy, 2).ravel().tolist() == [0, 2**57 + 1, 3, 0]
    dy = np.array([1.0, 3.0]).reshape(1, 2, 1)
    assert hwio.max_pool_grad(x, dy, 2).ravel().tolist() == [0, 1, 3, 0]
    assert not served


def test_little_work_waits_for_no_compiler(monkeypatch):
    from hwio.engine.launch import pooling_grad

    pool_check._KNOWN.clear()
    monkeypatch.setattr(pooling_grad, "is_ready", lambda symbol: False)
    monkeypatch.setattr(pooling_grad, "run", None)
    x, dy = np.arange(16.0).reshape(1, 4, 4, 1), np.ones((1, 2, 2, 1))
    dx = hwio.max_pool_grad(x, dy, 2)
    assert np.flatnonzero(dx).tolist() == [5, 7, 13, 15]
    assert (hwio.avg_pool_grad(x, dy, 2) == 0.25).all()
    pool_check._KNOWN.clear()


@pytest.mark.parametrize("task", ["first", "all", "mean"])
def test_a_kernel_names_nothing_but_itself(task):
    """All loaded code is one space: helpers of two kernels, by one name, would be mixed up."""
    from hwio.engine import jit
    from hwio.engine.kernels.pooling_grad import build

    ((symbol, (function, arguments)),) = build(task, "f4", "f4", 4, 2, 2).items()
    text = jit.lower(function, arguments, symbol)
    assert re.findall(r"(?m)^define (?!internal)[^\n@]*@([^(]+)", text) == [symbol]


def test_a_way_by_name_is_that_way(served):
    x, dy = np.ones((1, 8, 8, 4), np.float32), np.ones((1, 4, 4, 4), np.float32)
    for method in ("taps", "windows", "loop"):
        hwio.max_pool_grad(x, dy, 2, method=method)
        hwio.avg_pool_grad(x, dy, 2, method=method)
    assert not served


def test_a_kernel_that_fails_leaves_numpy(monkeypatch):
    import hwio.engine as engine
    from hwio.engine.launch import pooling_grad

    def fail(*args):
        message = "no compiler"
        raise RuntimeError(message)

    pool_check._KNOWN.clear()
    monkeypatch.setattr(engine, "_BROKEN", [])
    monkeypatch.setattr(pooling_grad, "run", fail)
    x = np.arange(64 * 64 * 16.0).reshape(1, 64, 64, 16)
    dy = np.ones((1, 32, 32, 16))
    with pytest.warns(RuntimeWarning, match="NumPy serves instead"):
        dx = hwio.max_pool_grad(x, dy, 2)
    np.testing.assert_array_equal(dx, hwio.max_pool_grad(x, dy, 2, method="taps"))
    pool_check._KNOWN.clear()


CHILD = """
from hwio.engine.launch import pooling_grad
from pool_cases import POOL_CASES, PoolCase
from test_engine_pooling_grad import LAYERS, same_as_numpy
pooling_grad.LITTLE = 0
done, run = [], pooling_grad.run
pooling_grad.run = lambda *args: done.append(1) or run(*args)
for case in [*POOL_CASES, *LAYERS]:
    same_as_numpy(case)
for channels in range(1, 40):
    same_as_numpy(PoolCase("tail", (2, 5, 7, channels), 3, {"stride": 2, "padding": 1}))
from hwio.engine.cpu import processor
print(processor().level, len(done))
"""


@pytest.mark.parametrize(("cpu", "level"), [("haswell", "avx2"), ("generic", "generic")])
def test_older_processors(cpu, level, tmp_path):
    """LLVM writes code for a lesser processor; the numbers are the same there."""
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
    assert int(done.stdout.split()[1]) > 250
