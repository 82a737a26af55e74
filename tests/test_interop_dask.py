"""Dask: a lazy conv that has the bits of the whole-array call, in any chunks."""

import contextlib
import pickle
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

import hwio
from hwio.engine import missing
from hwio.engine.threads import alone, get_num_threads, pool
from strategies import seeded_cases

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

X, W, B = (2, 40, 30, 4), (3, 3, 4, 8), (8,)
MODES = ("zeros", "edge", "reflect", "symmetric", "wrap")


@pytest.fixture(autouse=True)
def one_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def numbers(shape, dtype=np.float32, seed=0):
    """Return ordinary floats, of which nearly every sum is rounded."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0 if np.dtype(dtype).kind == "u" else -9, 10, shape).astype(dtype)
    if np.dtype(dtype).kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def cut_at_random(rng, shape):
    """Return chunks of uneven sizes, of which some are one cell long."""
    chunks = []
    for size in shape:
        edges = {0, size, *rng.integers(0, size + 1, rng.integers(0, 4)).tolist()}
        chunks.append(tuple(int(n) for n in np.diff(sorted(edges))) or (0,))
    return tuple(chunks)


def compare(case, rng, dtype, **more):
    """Compare one case in random chunks with the whole array, to the bit; return y's chunk count."""
    x, w = numbers(case.x_shape, dtype, 1), numbers(case.w_shape, dtype, 2)
    options = {**case.options, **more}
    letters = options["layout"].split("->")[1]
    want = hwio.conv(x, w, **options)
    bias = None
    if rng.integers(2):
        bias = numbers(want.shape[letters.index("C")], dtype, 3)
        options["activation"] = "relu" if np.dtype(dtype).kind != "c" else None
        want = hwio.conv(x, w, bias, **options)
    y = hwio.conv(da.from_array(x, chunks=cut_at_random(rng, x.shape)), w, bias, **options)
    assert isinstance(y, da.Array)
    assert (y.shape, y.dtype) == (want.shape, want.dtype), case
    got = y.compute()
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got, want, err_msg=f"{case.x_shape} {case.w_shape} {options}")
    return y.npartitions


def test_any_geometry_in_any_chunks_has_the_bits_of_the_whole(report):
    rng, cut = np.random.default_rng(7), 0
    for number, case in enumerate(seeded_cases(7, 200)):
        cut += compare(case, rng, (np.float32, np.float64)[number % 2]) > 1
    # what auto leaves to NumPy's matrix products stays in whole images; a kernel does not need that,
    # nor do integers by the definition
    dtype, way = (np.float32, "direct") if missing() is None else (np.int16, "loop")
    for case in seeded_cases(8, 300):
        cut += compare(case, rng, dtype, method=way) > 1
    report(f"dask: 500 random geometries x chunkings equal to the bit, {cut} of them cut")
    assert cut > 200


@pytest.mark.nightly
def test_more_geometries():
    rng = np.random.default_rng()
    for case in seeded_cases(int(rng.integers(1 << 30)), 3000):
        compare(case, rng, rng.choice([np.float32, np.float64, np.int16, np.complex64]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("layout", ["NHWC,HWIO", "NCHW,OIHW", "NHWC,HWIO->NCHW", "CNWH,IOWH->HNWC"])
def test_every_padding_mode_and_order_of_axes(mode, layout):
    sizes = {"N": 2, "H": 31, "W": 29, "C": 6}
    taps = {"H": 3, "W": 4, "I": 3, "O": 8}
    x_letters, w_letters = layout.split("->")[0].split(",")
    x = numbers([sizes[a] for a in x_letters])
    w = numbers([taps[a] for a in w_letters], seed=1)
    options = {"layout": layout, "padding": [(5, 2), (0, 6)], "padding_mode": mode, "groups": 2}
    options |= {"stride": (2, 3), "dilation": (2, 1), "flip": True}
    chunks = dict(zip(x_letters, (1, 7, 11, 5), strict=True))
    dx = da.from_array(x, chunks=tuple(chunks[a] for a in x_letters))
    y = hwio.conv(dx, w, **options)
    np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, **options))


@pytest.mark.parametrize("padding", ["same", "same_lower", "half", "causal"])
@pytest.mark.parametrize("stride", [1, 2])
def test_chunks_of_y_follow_those_of_x(padding, stride):
    x = da.ones((1, 120, 2), chunks=(1, (40, 20, 60), 2))
    y = hwio.conv(x, np.ones((5, 2, 3)), padding=padding, stride=stride, method="loop")
    assert y.chunks == ((1,), tuple(n // stride for n in (40, 20, 60)), (3,))


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "c8", "i1", "u1", "i2", "i4", "i8", "u8"])
def test_every_dtype(dtype):
    x, w, b = numbers(X, dtype), numbers(W, dtype, 1), numbers(B, dtype, 2)
    want = hwio.conv(x, w, b, padding=1)
    y = hwio.conv(da.from_array(x, chunks=(1, 16, 15, 3)), w, b, padding=1)
    assert y.dtype == want.dtype
    assert y._meta.dtype == want.dtype
    np.testing.assert_array_equal(y.compute(), want)


def test_out_dtype_and_mixed_dtypes():
    x, w = numbers(X, np.uint8), numbers(W, np.int16, 1)
    want = hwio.conv(x, w, out_dtype=np.float64)
    y = hwio.conv(da.from_array(x, chunks=13), w, out_dtype=np.float64)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y.compute(), want)


def test_integers_that_leave_their_dtype_say_so_when_computed():
    y = hwio.conv(da.full((1, 30, 4), 100, chunks=(1, 7, 4)), np.full((3, 4, 2), 9), out_dtype="i1")
    with pytest.raises(hwio.RangeError, match="holds -128 … 127"):
        y.compute()


@pytest.mark.parametrize("shape", [(0, 9, 8, 4), (2, 0, 8, 4), (2, 9, 8, 0)])
def test_empty_arrays(shape):
    x, w = np.ones(shape), np.ones((3, 3, shape[3], 5))
    y = hwio.conv(da.from_array(x, chunks=4), w, np.ones(5), padding=2)
    np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, np.ones(5), padding=2))


@pytest.mark.parametrize("chunks", [(3, 1, 0, 1), (0, 5), (1, 0, 1, 0, 3)])
@pytest.mark.parametrize("mode", MODES)
def test_empty_chunks_between_others(chunks, mode):
    """Dask turns an array round past them wrongly, and repeats none at all."""
    x, w = numbers((1, 5, 2)), numbers((4, 2, 3), seed=1)
    options = {"dilation": 2, "padding": [(3, 4)], "padding_mode": mode}
    y = hwio.conv(da.from_array(x, chunks=((1,), chunks, (2,))), w, **options)
    np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, **options))


def test_chunks_that_lie_in_the_padding():
    x, w = numbers((1, 4, 5, 2)), numbers((2, 2, 2, 3), seed=1)
    for options in ({"padding": 9}, {"padding": 9, "stride": 4, "dilation": 3}):
        for mode in ("zeros", "edge"):
            y = hwio.conv(
                da.from_array(x, chunks=1), w, padding_mode=mode, method="loop", **options
            )
            want = hwio.conv(x, w, padding_mode=mode, method="loop", **options)
            np.testing.assert_array_equal(y.compute(), want)


def test_strides_and_dilations_beyond_every_array():
    x, w = numbers((1, 40, 2)), numbers((3, 2, 3), seed=1)
    for options in ({"stride": 2**61}, {"dilation": 2**40, "padding": 2**40}):
        y = hwio.conv(da.from_array(x, chunks=(1, 7, 1)), w, **options)
        np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, **options))


def test_a_large_image_in_the_ways_of_numpy():
    # larger than the blocks in which matrix products are made: chunks take whole blocks
    x = numbers((1, 700, 650, 3), np.float64)
    for method, w_shape in (("im2col", (5, 5, 3, 4)), ("taps", (3, 3, 3, 4))):
        w = numbers(w_shape, np.float64, 1)
        y = hwio.conv(da.from_array(x, chunks=(1, 100, 90, 3)), w, method=method, padding="same")
        assert y.npartitions > 1
        np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, method=method, padding="same"))


def test_weights_and_bias_may_be_lazy_too():
    x, w, b = numbers(X), numbers(W, seed=1), numbers(B, seed=2)
    want = hwio.conv(x, w, b)
    lazy = [da.from_array(a, chunks=3) for a in (x, w, b)]
    np.testing.assert_array_equal(hwio.conv(*lazy).compute(), want)
    np.testing.assert_array_equal(hwio.conv(lazy[0], w, lazy[2]).compute(), want)
    y = hwio.conv(x, lazy[1], b)  # x is here, w is not
    assert isinstance(y, da.Array)
    np.testing.assert_array_equal(y.compute(), want)


def test_weights_are_those_of_the_call():
    x, w = da.ones((1, 9, 2), chunks=3), np.ones((3, 2, 1))
    y = hwio.conv(x, w)
    w[:] = 0
    assert y.compute().min() == 6


def test_equal_calls_have_equal_names():
    x, w = da.ones((1, 9, 2), chunks=3), np.ones((3, 2, 1))
    names = {
        hwio.conv(x, weights, padding=p).name for weights in (w, w.copy(), 2 * w) for p in (0, 1)
    }
    assert len(names) == 4


def test_nothing_is_computed_before_it_is_asked_for():
    def touch(block):
        msg = "computed"
        raise AssertionError(msg)

    x = da.ones((10**6, 10**6, 1), chunks=(10**5, 10**5, 1)).map_blocks(touch, dtype="f8")
    options = {"layout": "HWC,HWIO", "padding": "same", "method": "loop"}
    y = hwio.conv(x, np.ones((3, 3, 1, 4)), **options)
    assert y.shape == (10**6, 10**6, 4)  # 29 TiB
    assert y.chunks == ((10**5,) * 10, (10**5,) * 10, (4,))


def test_a_part_of_y_reads_a_part_of_x():
    read = []

    def note(block, block_info=None):
        read.append(block_info[0]["chunk-location"][1])
        return block

    x = da.ones((1, 80, 8, 2), chunks=(1, 10, 8, 2)).map_blocks(
        note, dtype="f8", meta=np.empty((0,) * 4)
    )
    hwio.conv(x, np.ones((3, 3, 2, 4)), padding="same", method="loop")[:, 35:38].compute()
    assert sorted(set(read)) == [2, 3, 4]


def test_plan_takes_dask_arrays():
    x, w = numbers(X), numbers(W)
    assert hwio.plan(da.from_array(x, chunks=9), w) == hwio.plan(x, w)


def test_images_that_are_not_cut_may_go_through_winograd():
    x, w = numbers((4, 64, 64, 32)), numbers((3, 3, 32, 32), seed=1)
    y = hwio.conv(da.from_array(x, chunks=(1, 64, 64, 16)), w, precision="high")
    np.testing.assert_array_equal(y.compute(), hwio.conv(x, w, precision="high"))


def test_images_that_are_cut_are_summed_directly():
    x, w = numbers((1, 64, 64, 32)), numbers((3, 3, 32, 32), seed=1)
    y = hwio.conv(da.from_array(x, chunks=(1, 32, 64, 32)), w, precision="high")
    np.testing.assert_array_equal(y.compute(), hwio.conv(x, w))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"method": "fft"},
            (
                "OptionError: method='fft' sums over whole images, but chunks cut x along H and W\n"
                "  ways of direct sums have the same bits in any chunks\n"
                "  fix: method='auto'\n"
                "   or: x = x.rechunk({1: -1, 2: -1})   # whole images"
            ),
        ),
        (
            {"out": np.ones(3)},
            (
                "OptionError: out= can't receive y, which is computed later: x or w is a dask array\n"
                "  fix: y = hwio.conv(x, w)   and   y.store(out)"
            ),
        ),
        (
            {"x": lambda x: x[x[:, 0, 0, 0] > 0]},
            (
                "ShapeError: x has chunks of unknown size: shape (nan, 40, 30, 4)\n"
                "  the shape of y, and what each chunk reads, follow from that of x\n"
                "  fix: x = x.compute_chunk_sizes()"
            ),
        ),
        (
            {"x": lambda x: da.ma.masked_equal(x, 1)},
            (
                "ArgumentTypeError: x is a masked array, and its mask would be lost\n"
                "  a masked cell has no value; say which one to use\n"
                "  fix: x = dask.array.ma.filled(x, 0)"
            ),
        ),
        (
            {"memory_limit": 20_000, "method": "loop"},
            (
                "LimitError: this needs 26.4 KiB, more than memory_limit of 19.5 KiB\n"
                "  the largest chunk of y, and the cells of x that it reads:\n"
                "  x          N=1 H=18 W=18 C=4  ->  10.1 KiB\n"
                "  y          N=1 H=16 W=16 C=8  ->  16.0 KiB\n"
                "  workspace  loop  ->  288 B\n"
                "  fix: memory_limit=27040\n"
                "   or: x = x.rechunk({1: 5})   # smaller chunks along H"
            ),
        ),
        ({"memory_limit": 2.5}, "ArgumentTypeError: memory_limit=2.5 is a float, not an int"),
        ({"strides": 2}, "ArgumentTypeError: strides= is no keyword of hwio.conv"),
        ({"w": np.ones((3, 3, 3, 8))}, "ShapeError: w expects 3 input channels but x has 4"),
    ],
)
def test_errors(change, text):
    x = da.ones(X, chunks=(1, 16, 16, 4))
    x = change.pop("x", lambda x: x)(x)
    w = change.pop("w", np.ones(W))
    with pytest.raises(hwio.HwioError) as caught:
        hwio.conv(x, w, **change)
    said = f"{type(caught.value).__name__}: {caught.value}"
    assert said == text or ("\n" not in text and said.startswith(text + "\n")), said


@pytest.mark.parametrize("function", [hwio.max_pool, hwio.global_avg_pool, hwio.prepare])
def test_what_is_not_lazy_says_so(function):
    with pytest.raises(
        hwio.ArgumentTypeError, match="is a dask array, which this would load whole"
    ):
        function(da.ones(X, chunks=9))


def test_dask_is_imported_with_the_first_dask_array():
    script = (
        "import sys, numpy as np, hwio; hwio.conv(np.ones((1, 5, 2)), np.ones((3, 2, 1)).tolist());"
        "assert 'dask' not in sys.modules; import dask.array as da;"
        "print(hwio.conv(da.ones((1, 5, 2)), np.ones((3, 2, 1))).compute().sum())"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "18.0"


# ---------------------------------------------------------------- threads and processes


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_other_schedulers(scheduler):
    x, w = numbers(X), numbers(W, seed=1)
    y = hwio.conv(da.from_array(x, chunks=(1, 9, 30, 4)), w, stride=2)
    np.testing.assert_array_equal(
        y.compute(scheduler=scheduler, num_workers=3), hwio.conv(x, w, stride=2)
    )


@pytest.mark.skipif(missing() is not None, reason="threads are the engine's")
def test_a_thread_that_is_alone_leaves_the_pool_to_others():
    with alone():
        assert get_num_threads() == 1
        assert pool().threads == 1
        seen = []
        other = threading.Thread(target=lambda: seen.append((get_num_threads(), pool())))
        other.start()
        other.join()
    assert seen == [(get_num_threads(), pool())]


@pytest.mark.parametrize(
    ("threads", "tasks", "full"), [(1, 9, False), (4, 9, True), (4, 2, False), (8, 99, True)]
)
def test_hwio_uses_threads_where_dask_leaves_processors_free(monkeypatch, threads, tasks, full):
    from hwio.interop.dask import task

    monkeypatch.setattr(task, "_tasks_at_once", lambda: threads)
    monkeypatch.setattr(task, "get_num_threads", lambda: 4)
    assert task._is_full(tasks) == full


def test_a_layer_travels_without_its_packed_weights():
    from hwio.interop.dask.task import layer_of
    from hwio.ops.planning import problem_of

    layer = layer_of(problem_of(X, W), np.ones(W), np.ones(8))
    layer.packs["direct"] = np.ones(10**6)
    sent = pickle.dumps(layer)
    assert len(sent) < 20_000
    assert pickle.loads(sent).packs == {}


@pytest.mark.nightly
def test_a_cluster_of_processes():
    distributed = pytest.importorskip("distributed")
    x, w = numbers((1, 200, 200, 4)), numbers(W, seed=1)
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        cluster = stack.enter_context(
            distributed.LocalCluster(2, threads_per_worker=2, dashboard_address=None)
        )
        client = stack.enter_context(distributed.Client(cluster))
        y = hwio.conv(da.from_array(x, chunks=(1, 50, 60, 4)), w, padding="same")
        np.testing.assert_array_equal(client.compute(y).result(), hwio.conv(x, w, padding="same"))
