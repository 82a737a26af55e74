"""Repeated calls go through one built-in function: the same bits, and nothing kept or mixed up."""

import gc
import os
import signal
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.engine.launch import started
from hwio.engine.threads import pool

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

GEOMETRIES = [
    # x, w, options
    ((2, 9, 11, 20), (3, 3, 20, 40), {"padding": "same", "method": "direct"}),
    ((1, 14, 14, 64), (1, 1, 64, 128), {"method": "direct"}),
    ((2, 13, 8, 36), (3, 3, 9, 32), {"groups": 4, "stride": 2, "padding": 1}),
    ((3, 12, 10, 33), (3, 3, 1, 33), {"groups": 33, "padding": "half"}),
    ((2, 50, 24), (5, 24, 48), {"dilation": 2, "method": "direct"}),
    ((1, 6, 7, 8, 16), (3, 3, 3, 16, 32), {"padding": "same_lower"}),
    ((2, 16, 16, 32), (3, 3, 32, 32), {"padding": 1, "precision": "high", "method": "winograd_f2"}),
    ((1, 40, 41, 3), (7, 7, 3, 24), {"stride": 2, "padding": 3, "method": "direct"}),
]
CALLS = 4  # the first is checked, the second is ready, the third is started


def is_started(layer):
    return type(layer._start).__name__ == "builtin_function_or_method"


def whole_numbers(shape, dtype, seed):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), GEOMETRIES)
def test_every_call_is_the_definition(x_shape, w_shape, options, bias, dtype):
    x, w = whole_numbers(x_shape, dtype, 0), whole_numbers(w_shape, dtype, 1)
    b = whole_numbers(w_shape[-1:], dtype, 2) if bias else None
    plain = {k: v for k, v in options.items() if k not in ("method", "precision")}
    right = hwio.conv(x, w, b, method="taps", **plain)
    layer = hwio.prepare(w, b, **options)
    for _ in range(CALLS):
        for y in (layer(x), hwio.conv(x, w, b, **options)):
            assert y.dtype == right.dtype
            assert y.flags.c_contiguous
            assert y.flags.writeable
            np.testing.assert_array_equal(y, right)
    assert is_started(layer)


@pytest.mark.parametrize("x_shape", [(1, 12, 12, 40), (2, 30, 30, 40)])  # w unpacked, and packed
def test_w_and_b_are_read_anew_by_conv(x_shape):
    from hwio.ops.conv import _KNOWN

    x = whole_numbers(x_shape, "f4", 0)
    for seed in range(2 * CALLS):
        w, b = whole_numbers((3, 3, 40, 36), "f4", seed), whole_numbers((36,), "f4", -seed % 7)
        right = hwio.conv(x, w, b, method="taps")
        np.testing.assert_array_equal(hwio.conv(x, w, b, method="direct"), right)
    own = [quick for key, (quick, _) in _KNOWN.items() if key[0] == x_shape and key[6] is not None]
    assert [quick for quick in own if quick is not None and is_started(quick)]


def test_a_thread_that_computes_alone_changes_nothing_for_others():
    from hwio.engine.threads import alone

    x, w = whole_numbers((1, 20, 20, 24), "f4", 0), whole_numbers((3, 3, 24, 32), "f4", 1)
    right = hwio.conv(x, w, method="taps")
    layer = hwio.prepare(w, method="direct")
    with alone():
        for _ in range(CALLS):
            np.testing.assert_array_equal(layer(x), right)
            np.testing.assert_array_equal(hwio.conv(x, w, method="direct"), right)
        assert not is_started(layer)
    for _ in range(CALLS):
        np.testing.assert_array_equal(layer(x), right)
    assert is_started(layer)
    with alone():
        layer._start = None  # not called here
        np.testing.assert_array_equal(layer(x), right)


def test_x_of_other_kinds_goes_another_way():
    w = whole_numbers((3, 3, 24, 32), "f4", 1)
    layer, x = hwio.prepare(w, method="direct"), whole_numbers((2, 10, 12, 24), "f4", 0)
    for _ in range(CALLS):
        layer(x)
    step = np.repeat(x, 2, axis=2)[:, :, ::2]
    swapped = x.astype(">f4")
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view("f4").reshape(x.shape)
    masked = x.view(type("Own", (np.ndarray,), {}))
    others = [step, x[::-1], x[:1], x[:, 2:], swapped, odd, masked, x.astype("f8"), x.tolist(), x]
    for other in others:
        right = hwio.conv(np.array(other, "f8"), w.astype("f8"), method="taps")
        np.testing.assert_array_equal(layer(other), right)
    with pytest.raises(hwio.errors.HwioError):
        layer(x[0, 0])
    with pytest.raises(hwio.errors.HwioError):
        layer(None)
    with pytest.raises(hwio.errors.HwioError):
        layer(x[..., :23])
    np.testing.assert_array_equal(layer(x), hwio.conv(x, w, method="taps"))


def test_nothing_is_kept_and_y_is_its_own():
    w = whole_numbers((3, 3, 24, 32), "f4", 1)
    layer, x = hwio.prepare(w, method="direct"), whole_numbers((1, 10, 12, 24), "f4", 0)
    for call in (layer, lambda x: hwio.conv(x, w, method="direct")):
        for _ in range(CALLS):
            first = call(x)
        kept = first.copy()
        seen = [weakref.ref(own) for own in (x.copy(), call(x))]
        gc.collect()
        assert [ref() for ref in seen] == [None, None]
        for other in (x + 1, x * 2):
            assert not np.shares_memory(call(other), first)
        np.testing.assert_array_equal(first, kept)
        counts = [sys.getrefcount(one) for one in (np.ndarray, x.dtype, np.dtype("u1"), None, x)]
        for _ in range(100):
            call(x)
        after = [sys.getrefcount(one) for one in (np.ndarray, x.dtype, np.dtype("u1"), None, x)]
        assert all(abs(b - a) < 50 for a, b in zip(counts, after, strict=True))


def test_sixteen_threads_share_a_layer_and_its_sizes():
    w, b = whole_numbers((3, 3, 24, 32), "f4", 1), whole_numbers((32,), "f4", 3)
    layer = hwio.prepare(w, b, padding=1, method="direct")
    xs = [whole_numbers((1, 10, 8 + n, 24), "f4", n) for n in range(4)]
    right = [hwio.conv(x, w, b, padding=1, method="taps") for x in xs]
    wrong = []

    def work(number):
        for turn in range(40):
            at = (number + turn // 5) % len(xs)
            y = layer(xs[at]) if turn % 2 else hwio.conv(xs[at], w, b, padding=1, method="direct")
            if not np.array_equal(y, right[at]):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_bits_stay_when_the_number_of_threads_changes():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 15, 15, 40), "f4"), rng.standard_normal((3, 3, 40, 64), "f4")
    layer, before = hwio.prepare(w, method="direct"), hwio.get_num_threads()
    first = layer(x)
    try:
        for threads in (1, 3, 2, 5, 1):
            hwio.set_num_threads(threads)
            for _ in range(CALLS):
                assert layer(x).tobytes() == first.tobytes()
                assert hwio.conv(x, w, method="direct").tobytes() == first.tobytes()
    finally:
        hwio.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_of_a_fork_starts_anew():
    x, w = whole_numbers((2, 12, 12, 24), "f4", 0), whole_numbers((3, 3, 24, 32), "f4", 1)
    layer, right = hwio.prepare(w, method="direct"), hwio.conv(x, w, method="taps")
    for _ in range(CALLS):
        layer(x)
    assert is_started(layer)
    child = os.fork()
    if child == 0:  # no pytest here: the status is all it says
        same = all(np.array_equal(layer(x), right) for _ in range(CALLS))
        os._exit(0 if same else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    np.testing.assert_array_equal(layer(x), right)


def test_an_image_that_may_overflow_is_done_again_each_time():
    x, w = whole_numbers((3, 8, 8, 32), "f4", 0), whole_numbers((3, 3, 32, 32), "f4", 1)
    layer = hwio.prepare(w, padding=1, method="winograd_f4")
    for _ in range(CALLS):
        layer(x)
    x[1, 3, 3, 5] = 3e37
    direct = hwio.conv(x, w, padding=1, method="direct")
    for _ in range(CALLS):
        y = layer(x)
        assert y[1].tobytes() == direct[1].tobytes()
        assert np.isfinite(y[[0, 2]]).all()


def test_memory_of_a_dropped_y_is_used_again_and_never_one_that_is_referred_to():
    x, w = whole_numbers((1, 64, 64, 16), "f4", 0), whole_numbers((1, 1, 16, 64), "f4", 1)
    layer, right = hwio.prepare(w, method="direct"), hwio.conv(x, w, method="taps")
    for _ in range(CALLS):
        y = layer(x)
    assert y.base is not None
    held = [y, layer(x)[:, 3:], layer(x).reshape(-1)[5:9], memoryview(layer(x)), layer(x).base]
    before = [np.array(one) for one in held]
    places = {layer(x * 0).ctypes.data for _ in range(20)}
    assert len(places) <= 2
    for one, old in zip(held, before, strict=True):
        np.testing.assert_array_equal(np.asarray(one), old)
    np.testing.assert_array_equal(y, right)
    hwio.set_num_threads(hwio.get_num_threads())  # the memory goes with the pool
    np.testing.assert_array_equal(layer(x), right)


def test_memory_that_was_made_smaller_is_not_used_again():
    x, w = whole_numbers((1, 66, 66, 16), "f4", 0), whole_numbers((3, 3, 16, 64), "f4", 1)
    layer, right = hwio.prepare(w, method="direct"), hwio.conv(x, w, method="taps")
    for change in (
        lambda base: base.resize(10, refcheck=False),
        lambda base: setattr(base, "shape", (-1, 1)),
    ):
        for _ in range(CALLS):
            y = layer(x)
        base = y.base
        del y
        change(base)
        del base
        for _ in range(CALLS):
            y = layer(x)
            assert y.base.nbytes >= y.nbytes
            np.testing.assert_array_equal(y, right)


def test_memory_kept_by_a_pool_goes_though_a_call_was_inside_when_it_closed():
    x, w = whole_numbers((1, 66, 66, 16), "f4", 0), whole_numbers((3, 3, 16, 64), "f4", 1)
    layer = hwio.prepare(w, method="direct")
    for _ in range(CALLS):
        seen = weakref.ref(layer(x).base)
    assert seen() is not None
    inside, done = pool(), threading.Event()

    def work():
        while not inside._claimed[1]:
            layer(x)
        done.set()

    thread = threading.Thread(target=work)
    thread.start()
    while not inside._claimed[0]:  # this thread runs while that one has let go of the lock
        pass
    hwio.set_num_threads(hwio.get_num_threads())
    thread.join()
    gc.collect()
    assert seen() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_starts_anew_though_a_thread_was_making_room():
    x, w = whole_numbers((2, 12, 12, 24), "f4", 0), whole_numbers((3, 3, 24, 32), "f4", 1)
    layer = hwio.prepare(w, method="direct")
    for _ in range(CALLS):
        layer(x)
    held = threading.Event()

    def hold():
        with started._LOCK:
            held.set()
            time.sleep(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        for _ in range(CALLS):
            layer(x)
        os._exit(0)
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
