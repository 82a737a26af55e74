"""The pooling kernels against their readable twin, ``pool_taps``: the same numbers, to the last bit."""

import os
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

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

DTYPES = ["float32", "float64", "float16", "int8", "uint8", "int16", "uint16", "int32", "uint64"]
# the first layers of ResNet, VGG, Inception and a global pooling, with fewer channels
LAYERS = [
    PoolCase("ResNet", (2, 57, 56, 40), 3, {"stride": 2, "padding": 1}),
    PoolCase("VGG", (2, 28, 30, 64), 2),
    PoolCase("Inception", (2, 14, 15, 72), 3, {"stride": 1, "padding": 1}),
    PoolCase("3-D", (1, 8, 9, 10, 33), 3, {"stride": (2, 1, 2), "padding": 1, "ceil_mode": True}),
    PoolCase("1-D, long", (1, 3000, 5), 5, {"stride": 2, "padding": 2}),
    PoolCase("global", (3, 7, 7, 130), 7),
]


@pytest.fixture
def served(monkeypatch):
    """Let the kernels serve little work too, and count what they did."""
    from hwio.engine.launch import pooling

    monkeypatch.setattr(pooling, "LITTLE", 0)
    pool_check._KNOWN.clear()
    done, run = [], pooling.run
    monkeypatch.setattr(pooling, "run", lambda *args: done.append(1) or run(*args))
    yield done
    pool_check._KNOWN.clear()


def numbers(case, dtype, seed=0):
    """Return x whose sums round, with NaNs and infinities among floats."""
    rng = np.random.default_rng([seed, *case.x_shape])
    if np.dtype(dtype).kind != "f":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, case.x_shape, dtype, endpoint=True)
    x = rng.standard_normal(case.x_shape) * 10.0 ** rng.integers(-3, 4, case.x_shape)
    rare = rng.integers(0, 60, case.x_shape)
    for at, odd in enumerate((np.nan, np.inf, -np.inf)):
        x[rare == at] = odd
    return x.astype(dtype)


def same_as_the_twin(case, dtype, seed=0):
    """Compare maxima, and means with and without the cells of the padding."""
    x = numbers(case, dtype, seed)
    for pool, more in (
        (hwio.max_pool, {}),
        (hwio.avg_pool, {}),
        (hwio.avg_pool, {"count_include_pad": True}),
    ):
        wanted = pool(x, case.window, method="taps", **more, **case.options)
        y = pool(x, case.window, **more, **case.options)
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(y, wanted)
    if np.dtype(dtype).kind == "f":
        wanted = hwio.lp_pool(x, case.window, method="taps", **case.options)
        np.testing.assert_array_equal(hwio.lp_pool(x, case.window, **case.options), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", [*POOL_CASES, *LAYERS], ids=str)
def test_a_kernel_equals_its_twin(case, dtype, served):
    same_as_the_twin(case, dtype)
    channels_last = case.options.get("layout", "NHWC") == "NHWC"
    if channels_last and 0 not in case.x_shape:
        assert len(served) == (4 if np.dtype(dtype).kind == "f" else 3)


def test_random_poolings(served, report):
    count = 0
    for seed, case in enumerate(seeded_pools(11, 300)):
        options = {**case.options, "layout": None}
        order = case.options["layout"].partition("->")[0]
        shape = [case.x_shape[order.index(axis)] for axis in sorted(order, key=_last)]
        case = PoolCase("random", tuple(shape), case.window, options)
        same_as_the_twin(case, ("float32", "float64")[seed % 2], seed)
        count += 1
    assert len(served) == 4 * count
    report(f"random poolings by kernels, equal to pool_taps: {count}")


def _last(axis):
    """Sort axes as NDHWC."""
    return "NDHWC".index(axis)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int16"])
def test_tails_of_channels(dtype, served):
    for channels in [*range(1, 70), 127, 128, 129, 257]:
        case = PoolCase("tail", (2, 5, 7, channels), 3, {"stride": 2, "padding": 1})
        same_as_the_twin(case, dtype)
    assert served


@pytest.mark.parametrize("channels", [3, 16, 24])
def test_tails_of_pixels(channels, served):
    for wide in range(1, 24):
        for options in (
            {"padding": 1},
            {"stride": 1, "padding": "same"},
            {"stride": 2, "padding": 1},
        ):
            same_as_the_twin(PoolCase("tail", (2, 3, wide, channels), 3, options), "float32")
    assert served


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_nan_anywhere_in_a_window_is_its_maximum(dtype, served):
    for sign in (1, -1):  # what x86 makes of Inf - Inf has its sign bit set
        for at in np.ndindex(5, 6):
            x = np.full((1, 5, 6, 21), np.inf if at[0] % 2 else 3.0, dtype)
            x[0, at[0], at[1], 7] = np.copysign(np.nan, sign)
            y = hwio.max_pool(x, 3, stride=2, padding=1)
            np.testing.assert_array_equal(
                y, hwio.max_pool(x, 3, stride=2, padding=1, method="loop")
            )
            assert np.isnan(y).sum() == np.isnan(y[..., 7]).sum() > 0
    assert served


@pytest.mark.parametrize("case", LAYERS, ids=str)
def test_threads_and_batches_change_no_bit(case, served):
    x = numbers(case, np.float32)
    x = np.concatenate([x] * 3)
    wanted = [pool(x[:1], case.window, **case.options) for pool in (hwio.max_pool, hwio.avg_pool)]
    before = hwio.get_num_threads()
    try:
        for threads in (1, 2, 3, 7):
            hwio.set_num_threads(threads)
            for pool, want in zip((hwio.max_pool, hwio.avg_pool), wanted, strict=True):
                y = pool(x, case.window, **case.options)
                np.testing.assert_array_equal(y[: len(want)], want)
                np.testing.assert_array_equal(y[len(x) // 3 : len(x) // 3 + 1], want)
    finally:
        hwio.set_num_threads(before)
    assert served


def test_rows_are_shared_out(served, monkeypatch):
    """Tiny tasks: each thread gets rows, and pieces of rows where there are few."""
    from hwio.engine.launch import pooling

    monkeypatch.setattr(pooling, "TASK", 4)
    before = hwio.get_num_threads()
    try:
        hwio.set_num_threads(3)
        for seed, case in enumerate([*LAYERS, *POOL_CASES]):
            same_as_the_twin(case, "float32", seed)
    finally:
        hwio.set_num_threads(before)
    assert served


def test_kernels_equal_torch(served):
    torch = pytest.importorskip("torch", reason="torch, to compare with")
    x = np.random.default_rng(0).integers(-99, 99, (2, 40, 41, 70)).astype(np.float32)
    tx = torch.from_numpy(x).permute(0, 3, 1, 2)
    for window, stride, padding, ceil in ((3, 2, 1, False), (2, 2, 0, True), (5, 3, 2, True)):
        words = {"stride": stride, "padding": padding, "ceil_mode": ceil}
        want = torch.nn.functional.max_pool2d(tx, window, **words).permute(0, 2, 3, 1)
        np.testing.assert_array_equal(hwio.max_pool(x, window, **words), want.numpy())
        for counts in (False, True):
            words["count_include_pad"] = counts
            want = torch.nn.functional.avg_pool2d(tx, window, **words).permute(0, 2, 3, 1)
            np.testing.assert_array_equal(hwio.avg_pool(x, window, **words), want.numpy())
    assert len(served) == 9


def test_little_work_waits_for_no_compiler(monkeypatch):
    from hwio.engine.launch import pooling

    pool_check._KNOWN.clear()
    monkeypatch.setattr(pooling, "is_ready", lambda symbol: False)
    monkeypatch.setattr(pooling, "run", None)
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    assert hwio.max_pool(x, 2).ravel().tolist() == [5, 7, 13, 15]
    pool_check._KNOWN.clear()


@pytest.mark.parametrize("task", ["max", "mean"])
def test_a_kernel_names_nothing_but_itself(task):
    """All loaded code is one space: helpers of two kernels, by one name, would be mixed up."""
    from hwio.engine import jit
    from hwio.engine.kernels.pooling import build

    ((symbol, (function, arguments)),) = build(task, "f4", 4, 2).items()
    text = jit.lower(function, arguments, symbol)
    assert re.findall(r"(?m)^define (?!internal)[^\n@]*@([^(]+)", text) == [symbol]


def test_a_way_by_name_is_that_way(served):
    x = np.ones((1, 8, 8, 4), np.float32)
    for method in ("taps", "windows", "loop"):
        hwio.max_pool(x, 2, method=method)
        hwio.avg_pool(x, 2, method=method)
    assert not served


def test_a_kernel_that_fails_leaves_numpy(monkeypatch):
    import hwio.engine as engine
    from hwio.engine.launch import pooling

    def fail(*args):
        message = "no compiler"
        raise RuntimeError(message)

    pool_check._KNOWN.clear()
    monkeypatch.setattr(engine, "_BROKEN", [])
    monkeypatch.setattr(pooling, "run", fail)
    x = np.arange(64 * 64 * 16.0).reshape(1, 64, 64, 16)
    with pytest.warns(RuntimeWarning, match="NumPy serves instead"):
        y = hwio.max_pool(x, 2)
    np.testing.assert_array_equal(y, hwio.max_pool(x, 2, method="taps"))
    pool_check._KNOWN.clear()


CHILD = """
from hwio.engine.launch import pooling
from pool_cases import POOL_CASES, PoolCase
from test_engine_pooling import LAYERS, same_as_the_twin
pooling.LITTLE = 0
done, run = [], pooling.run
pooling.run = lambda *args: done.append(1) or run(*args)
for case in [*POOL_CASES, *LAYERS]:
    for dtype in ("float32", "float64", "int8", "uint64"):
        same_as_the_twin(case, dtype)
for channels in range(1, 40):
    case = PoolCase("tail", (2, 5, 7, channels), 3, {"stride": 2, "padding": 1})
    same_as_the_twin(case, "float32")
from hwio.engine.cpu import processor
print(processor().level, len(done))
"""


@pytest.mark.parametrize(("cpu", "level"), [("haswell", "avx2"), ("generic", "generic")])
def test_older_processors(cpu, level, tmp_path):
    """LLVM writes code for a lesser processor; the numbers are the same there."""
    import platform

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
    assert int(done.stdout.split()[1]) > 400
