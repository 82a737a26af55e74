"""Arrays as they come: any strides, any memory, any number of callers; the same bits every time."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import hwio
from cases import CASES, Case, normal_arrays, whole_arrays
from hwio.methods import METHODS

SHAPES = [
    Case("3x3", (2, 6, 7, 4), (3, 3, 4, 8), {"padding": 1}),
    Case("valid", (2, 6, 7, 4), (3, 3, 4, 8)),
    Case("1x1", (2, 6, 7, 16), (1, 1, 16, 8)),
    Case("1x1, one image", (1, 6, 7, 16), (1, 1, 16, 8)),
    Case("1x1, large", (1, 150, 160, 16), (1, 1, 16, 8)),
    Case("stride 2", (2, 7, 9, 3), (3, 3, 3, 5), {"stride": 2, "dilation": (1, 2)}),
    Case("groups", (2, 6, 7, 4), (3, 3, 2, 8), {"groups": 2}),
    Case("depthwise", (2, 6, 7, 4), (3, 3, 1, 4), {"groups": 4}),
    Case("NCHW", (2, 4, 6, 7), (8, 4, 3, 3), {"layout": "NCHW,OIHW"}),
    Case("one window", (2, 3, 3, 4), (3, 3, 4, 8)),
    Case("one window, one image", (1, 3, 3, 4), (3, 3, 4, 8)),
    Case("one row", (1, 1, 9, 4), (1, 3, 4, 8)),
    Case("one column", (1, 9, 1, 4), (3, 1, 4, 1)),
    Case("one pixel", (3, 1, 1, 40), (1, 1, 40, 7)),
    Case("1-D", (2, 50, 6), (3, 6, 5)),
    Case("3-D", (1, 5, 4, 6, 6), (3, 2, 3, 6, 5), {"padding": 1}),
    Case("large", (1, 60, 70, 8), (5, 5, 8, 8)),
]
WAYS = ["auto", "im2col", "taps"]  # the ways that "auto" takes; they promise the same bits


def bits(a):
    """Return what decides whether two results are the same to the last bit."""
    return a.shape, a.dtype, np.ascontiguousarray(a).tobytes()


# How the same numbers can lie in memory.


def every_second(a):
    wide = np.full([2 * n for n in a.shape], np.nan).astype(a.dtype)
    view = wide[(slice(None, None, 2),) * a.ndim]
    view[...] = a
    return view


def backwards(a):
    return np.ascontiguousarray(np.flip(a))[(slice(None, None, -1),) * a.ndim]


def channels_backwards(a):
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def inside_larger(a):
    wide = np.full([n + 3 for n in a.shape], np.nan).astype(a.dtype)
    view = wide[tuple(slice(1, n + 1) for n in a.shape)]
    view[...] = a
    return view


def axes_reversed(a):
    return np.ascontiguousarray(a.transpose()).transpose()


def channels_first(a):
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(a, -1, 1)), 1, -1)


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)[1:]
    view = raw.view(a.dtype).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def byte_swapped(a):
    return a.astype(a.dtype.newbyteorder())


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


class Subclass(np.ndarray):
    """An ndarray with a product of its own, which must not be used."""

    def __matmul__(self, other):
        raise AssertionError

    __mul__ = __rmul__ = __rmatmul__ = __matmul__


MEMORIES = {
    "Fortran order": np.asfortranarray,
    "every second": every_second,
    "negative strides": backwards,
    "negative last stride": channels_backwards,
    "inside a larger array": inside_larger,
    "axes reversed": axes_reversed,
    "channels first": channels_first,
    "unaligned": unaligned,
    "byte-swapped": byte_swapped,
    "read-only": read_only,
    "subclass": lambda a: a.copy().view(Subclass),
    "recarray": lambda a: a.copy().view(np.recarray),
    "bytes": lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),
}


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_memory_order_does_not_change_a_bit(case, memory):
    x, w = normal_arrays(case)
    for method in WAYS if "large" not in case.name else WAYS[:1]:
        want = bits(hwio.conv(x, w, method=method, **case.options))
        there = MEMORIES[memory]
        for pair in ((there(x), w), (x, there(w)), (there(x), there(w))):
            before = [a.tobytes() for a in pair]
            y = hwio.conv(*pair, method=method, **case.options)
            assert type(y) is np.ndarray
            assert bits(y) == want
            assert [a.tobytes() for a in pair] == before


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_any_memory(method, memory):
    for case in SHAPES:
        if method in case.methods and "large" not in case.name:
            x, w = whole_arrays(case, np.float64, most=8)
            y = hwio.conv(*map(MEMORIES[memory], (x, w)), method=method, **case.options)
            want = hwio.conv(x, w, method=method, **case.options)
            np.testing.assert_array_equal(np.rint(y), np.rint(want))


def test_zero_strides():
    """One number stands for a whole axis: more elements than memory could hold as copies."""
    x = np.broadcast_to(np.arange(1.0, 4.0), (2, 5, 6, 3))
    w = np.broadcast_to(2.0, (3, 3, 3, 4))
    for method in METHODS:
        y = hwio.conv(x, w, method=method)
        np.testing.assert_allclose(y, np.full((2, 3, 4, 4), 108.0), rtol=1e-14)
    huge = np.broadcast_to(np.float32(1), (1, 2**16, 2**16, 1))  # 2^32 elements, 4 bytes
    y = hwio.conv(huge, np.ones((1, 1, 1, 1), np.float32), stride=2**15)
    np.testing.assert_array_equal(y, np.ones((1, 2, 2, 1), np.float32))


def test_a_file_in_memory(tmp_path):
    case = SHAPES[0]
    x, w = normal_arrays(case)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    y = hwio.conv(mapped, w, **case.options)
    assert type(y) is np.ndarray
    assert bits(y) == bits(hwio.conv(x, w, **case.options))


def test_lists_and_array_likes():
    x, w = np.arange(20.0).reshape(1, 4, 5, 1), np.arange(6.0).reshape(2, 3, 1, 1)
    want = hwio.conv(x, w, np.array([2.0]))
    assert bits(hwio.conv(x.tolist(), w.tolist(), [2.0])) == bits(want)
    assert bits(hwio.conv(memoryview(x), w, (2.0,))) == bits(want)

    class Image:
        def __array__(self, dtype=None, copy=None):
            return x

    assert bits(hwio.conv(Image(), w, [2.0])) == bits(want)
    whole = hwio.conv([[[1], [2], [3]]], [[[1]], [[1]]])
    assert whole.dtype == np.int64
    assert whole.tolist() == [[[3], [5]]]


@pytest.mark.parametrize("dtype", [np.float32, np.int8])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_inputs_are_never_written(case, dtype):
    x, w = whole_arrays(case, dtype, most=3)
    filters = case.problem.geometry.out_channels
    b = np.arange(filters).astype(dtype)
    kept = [a.copy() for a in (x, w, b)]
    for a in (x, w, b):
        a.flags.writeable = False
    for method in ("auto", *case.methods):
        y = hwio.conv(x, w, b, method=method, **case.options)
        assert y.flags.writeable
        for a in (x, w, b):
            assert not np.shares_memory(y, a)
    for a, before in zip((x, w, b), kept, strict=True):
        np.testing.assert_array_equal(a, before)


# out=


@dataclass
class Room:
    """A place for y, and the x and w that may lie in it."""

    out: np.ndarray
    x: np.ndarray
    w: np.ndarray
    options: dict[str, Any] = field(default_factory=dict)


def out_is_x():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 4))
    return Room(x, x, np.random.default_rng(1).standard_normal((3, 3, 4, 4)), {"padding": 1})


def out_is_x_pointwise():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 4))
    return Room(x, x, np.random.default_rng(1).standard_normal((1, 1, 4, 4)))


def out_is_x_moved():
    memory = np.random.default_rng(0).standard_normal(2 * 5 * 6 * 4 + 7)
    x, out = (memory[at : at + 240].reshape(2, 5, 6, 4) for at in (0, 7))
    return Room(out, x, np.random.default_rng(1).standard_normal((3, 3, 4, 4)), {"padding": 1})


def out_is_x_backwards():
    x = np.random.default_rng(0).standard_normal((2, 5, 6, 4))
    return Room(x[::-1, ::-1], x, np.random.default_rng(1).standard_normal((1, 1, 4, 4)))


def out_is_w():
    w = np.random.default_rng(0).standard_normal((3, 3, 4, 4))
    return Room(w, np.random.default_rng(1).standard_normal((3, 5, 6, 4)), w)


def out_is_x_and_w():
    a = np.random.default_rng(0).standard_normal((3, 3, 3, 3))
    return Room(a, a, a, {"padding": 1})


def out_is_strided():
    memory = np.zeros((2, 6, 10, 8))
    x, w = (
        np.random.default_rng(s).standard_normal(n)
        for s, n in enumerate([(2, 5, 7, 4), (3, 3, 4, 8)])
    )
    return Room(memory[:, ::2, ::-2], x, w)


def out_in_another_order():
    x, w = (
        np.random.default_rng(s).standard_normal(n)
        for s, n in enumerate([(2, 5, 7, 4), (3, 3, 4, 8)])
    )
    return Room(np.empty((3, 2, 8, 5)).transpose(1, 0, 3, 2), x, w)


def out_unaligned():
    x, w = (
        np.random.default_rng(s).standard_normal(n)
        for s, n in enumerate([(2, 5, 7, 4), (3, 3, 4, 8)])
    )
    return Room(unaligned(np.zeros((2, 3, 5, 8))), x, w)


ROOMS = [
    out_is_x, out_is_x_pointwise, out_is_x_moved, out_is_x_backwards, out_is_w, out_is_x_and_w,
    out_is_strided, out_in_another_order, out_unaligned,
]  # fmt: skip


@pytest.mark.parametrize("method", ["auto", *METHODS])
@pytest.mark.parametrize("make", ROOMS)
def test_out_receives_the_same_as_without(make, method):
    room = make()
    if not method.startswith("winograd") or room.w.shape[:2] == (3, 3):
        b = np.arange(room.w.shape[-1], dtype=float)
        want = hwio.conv(room.x.copy(), room.w.copy(), b, method=method, **room.options)
        y = hwio.conv(room.x, room.w, b, method=method, out=room.out, **room.options)
        assert y is room.out
        assert bits(y) == bits(want)


def test_out_leaves_its_surroundings_alone():
    memory = np.full((2, 6, 10, 9), -7.0)
    x, w = np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8))
    hwio.conv(x, w, out=memory[:, 1:4, ::2, :8])
    touched = np.zeros(memory.shape, bool)
    touched[:, 1:4, ::2, :8] = True
    assert (memory[touched] == 36).all()
    assert (memory[~touched] == -7).all()


def test_out_in_the_layout_asked_for():
    x, w = np.ones((2, 4, 5, 7)), np.ones((8, 4, 3, 3))
    out = np.empty((8, 3, 5, 2))
    assert hwio.conv(x, w, layout="NCHW,OIHW->CHWN", out=out) is out
    assert (out == 36).all()


@pytest.mark.parametrize(
    ("out", "error"),
    [
        (np.empty((2, 3, 5, 9)), hwio.ShapeError),
        (np.empty((2, 3, 5)), hwio.ShapeError),
        (np.empty((1, 3, 5, 8)), hwio.ShapeError),
        (np.empty((2, 3, 5, 8), np.float32), hwio.DTypeError),
        (np.empty((2, 3, 5, 8), complex), hwio.DTypeError),
        (np.empty((2, 3, 5, 8)).tolist(), hwio.ArgumentTypeError),
        (read_only(np.empty((2, 3, 5, 8))), hwio.OptionError),
        (np.broadcast_to(0.0, (2, 3, 5, 8)), hwio.OptionError),
    ],
)
def test_an_out_that_cannot_take_y_is_refused_unwritten(out, error):
    before = np.array(out, copy=True)
    with pytest.raises(error, match="out"):
        hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)), out=out)
    np.testing.assert_array_equal(out, before)


def test_an_error_leaves_out_unwritten():
    out = np.full((1, 1, 1), 7, np.int8)
    x, w = np.full((1, 1, 1), 100, np.int8), np.full((1, 1, 1), 2, np.int8)
    with pytest.raises(hwio.RangeError):
        hwio.conv(x, w, out=out, out_dtype=np.int8)
    assert out.item() == 7


# The same bits alone, in a batch, in any thread, in a child.


@pytest.mark.parametrize("method", WAYS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_an_image_alone_has_the_bits_it_has_in_a_batch(case, dtype, method):
    shape = (7, *case.x_shape[1:])
    x, w = normal_arrays(Case("batch", shape, case.w_shape, case.options), dtype)
    together = hwio.conv(x, w, method=method, **case.options)
    for n in range(len(x)):
        alone = hwio.conv(x[n : n + 1], w, method=method, **case.options)
        assert bits(alone[0]) == bits(together[n])
    some = hwio.conv(x[2:5], w, method=method, **case.options)
    assert bits(some) == bits(together[2:5])


def test_a_call_repeats_its_bits():
    for case in SHAPES:
        x, w = normal_arrays(case)
        first = bits(hwio.conv(x, w, **case.options))
        for _ in range(5):
            assert bits(hwio.conv(x.copy(), w.copy(), **case.options)) == first


def test_sixteen_threads_agree():
    count = 16
    work = [(case, *normal_arrays(case)) for case in SHAPES]
    want = [bits(hwio.conv(x, w, **case.options)) for case, x, w in work]
    start = Barrier(count)

    def call(turn):
        start.wait()
        got = []
        for at in range(len(work)):
            case, x, w = work[(at + turn) % len(work)]  # different problems at one time
            got.append(((at + turn) % len(work), bits(hwio.conv(x, w, **case.options))))
        return got

    with ThreadPoolExecutor(count) as pool:
        for got in pool.map(call, range(count)):
            assert all(y == want[at] for at, y in got)


def test_threads_that_check_new_problems_agree():
    """Fill the memory of checked problems from many threads at once."""
    count, start = 16, Barrier(16)

    def call(turn):
        start.wait()
        for n in range(1, 60):
            x = np.full((1, 3 + n % 7, 3 + turn % 5, 1), float(n))
            y = hwio.conv(x, np.ones((3, 3, 1, 1)), padding=n % 3)
            assert y.max() == 9 * n
        return True

    with ThreadPoolExecutor(count) as pool:
        assert all(pool.map(call, range(count)))


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this system has no fork")
def test_a_child_after_fork_computes():
    script = """
    import os, sys
    import numpy as np, hwio
    x, w = np.ones((4, 64, 64, 16)), np.ones((3, 3, 16, 32))
    want = hwio.conv(x, w)  # BLAS has its threads now
    child = os.fork()
    same = np.array_equal(hwio.conv(x, w), want)
    if child == 0:
        os._exit(0 if same else 3)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) if same else 4)
    """
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr


# 1 == True == 1.0: what a checked problem is remembered by must keep them apart.

X, W = np.ones((1, 5, 5, 2)), np.ones((3, 3, 2, 2))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"stride": 1}, {"stride": True}),
        ({"stride": 1}, {"stride": 1.0}),
        ({"stride": 1}, {"stride": np.True_}),
        ({"stride": (1, 1)}, {"stride": (1, True)}),
        ({"stride": (1, 1)}, {"stride": (1, 1.0)}),
        ({"stride": (1, 1)}, {"stride": [True, 1]}),
        ({"dilation": 1}, {"dilation": True}),
        ({"dilation": 1}, {"dilation": 1.0}),
        ({"dilation": (1, 1)}, {"dilation": (True, 1)}),
        ({"padding": 1}, {"padding": True}),
        ({"padding": 1}, {"padding": 1.0}),
        ({"padding": 0}, {"padding": False}),
        ({"padding": ((1, 1), (0, 1))}, {"padding": ((1, 1), (0, True))}),
        ({"padding": [(1, 1), (0, 1)]}, {"padding": [(1, 1), (False, 1)]}),
        ({"groups": 1}, {"groups": True}),
        ({"groups": 1}, {"groups": 1.0}),
        ({"flip": True}, {"flip": 1}),
        ({"flip": False}, {"flip": 0}),
        ({"flip": False}, {"flip": 0.0}),
        ({"memory_limit": 10**9}, {"memory_limit": 1e9}),
        ({"activation": (0, 6)}, {"activation": (False, 6)}),
    ],
    ids=lambda options: "-".join(f"{k}={v!r}" for k, v in options.items()),
)
def test_a_remembered_call_does_not_let_its_lookalike_pass(good, bad):
    for _ in range(3):
        hwio.conv(X, W, **good)
    for _ in range(2):
        with pytest.raises(hwio.HwioError):
            hwio.conv(X, W, **bad)
    hwio.conv(X, W, **good)


def test_a_remembered_call_does_not_serve_other_arrays():
    y = hwio.conv(X, W)
    assert hwio.conv(X.astype(np.float32), W.astype(np.float32)).dtype == np.float32
    assert hwio.conv(X.astype(X.dtype.newbyteorder()), W).tobytes() == y.tobytes()
    with pytest.raises(hwio.ArgumentTypeError):
        hwio.conv(np.ma.masked_array(X), W)
    with pytest.raises(hwio.DTypeError):
        hwio.conv(X.astype(bool), W)
    with pytest.raises(hwio.ShapeError):
        hwio.conv(X, W, np.ones(3))
    assert hwio.conv(X, W, np.ones(2)).max() == y.max() + 1
