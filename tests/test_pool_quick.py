"""Repeated calls of pooling skip the checks, and answer as the checked ones do."""

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.ops import pool, pool_check, pool_grad

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

X = np.random.default_rng(0).standard_normal((2, 30, 32, 20)).astype(np.float32)
DY = np.random.default_rng(1).standard_normal((2, 15, 16, 20)).astype(np.float32)
CALLS = {
    "max_pool": lambda x, dy, **more: hwio.max_pool(x, 2, **more),
    "avg_pool": lambda x, dy, **more: hwio.avg_pool(x, 2, **more),
    "max_pool_grad": lambda x, dy, **more: hwio.max_pool_grad(x, dy, 2, **more),
    "avg_pool_grad": lambda x, dy, **more: hwio.avg_pool_grad(x.shape, dy, 2, **more),
    "global_max_pool": lambda x, dy, **more: hwio.global_max_pool(x, **more),
    "global_avg_pool": lambda x, dy, **more: hwio.global_avg_pool(x, **more),
}


@pytest.fixture(autouse=True)
def fresh():
    pool_check._KNOWN.clear()
    yield
    pool_check._KNOWN.clear()


@pytest.mark.parametrize("name", CALLS)
def test_a_repeated_call_is_checked_once(name, monkeypatch):
    call = CALLS[name]
    wanted = call(X, DY)
    monkeypatch.setattr(pool_check, "_checked", None)
    for module in (pool, pool_grad):
        monkeypatch.setattr(module, "check_pool", None)
    x, dy = 2 * X, 2 * DY  # other numbers
    for _ in range(2):
        np.testing.assert_array_equal(call(x, dy), 2 * wanted)
    with pytest.raises(TypeError):
        call(x[:1], dy[:1])  # another shape is checked


@pytest.mark.parametrize("name", CALLS)
def test_other_arrays_of_the_same_shape_are_not_taken_for_it(name):
    call = CALLS[name]
    wanted = call(X, DY)
    big = np.zeros((2, 30, 64, 20), np.float32)
    big[:, :, ::2] = X
    shifted = np.frombuffer(b"\0" + X.tobytes(), np.uint8)[1:].view(np.float32).reshape(X.shape)
    for x in (big[:, :, ::2], X.astype(">f4"), np.asfortranarray(X), shifted):
        np.testing.assert_array_equal(call(x, DY), wanted)
    for dy in (DY.astype(">f4"), np.asfortranarray(DY), DY[::-1][::-1]):
        np.testing.assert_array_equal(call(X, dy), wanted)
    assert call(X.astype(np.float64), DY.astype(np.float64)).dtype == np.float64
    np.testing.assert_array_equal(call(X, DY), wanted)


def test_options_are_told_apart():
    dx = hwio.avg_pool_grad(X.shape, DY, 2)
    assert hwio.avg_pool_grad(X.shape, DY, (2, 2)).tobytes() == dx.tobytes()
    assert hwio.avg_pool_grad(X.shape, DY, np.int64(2)).tobytes() == dx.tobytes()
    one = hwio.max_pool(X, 1)
    assert hwio.max_pool(X, 1).tobytes() == one.tobytes()
    for wrong in (True, 1.0, (1, True), (1.0, 1)):
        with pytest.raises(hwio.HwioError):
            hwio.max_pool(X, wrong)
    with pytest.raises(hwio.HwioError):
        hwio.max_pool(X, 1, ceil_mode=0)
    padded = [
        hwio.avg_pool(X, 3, padding=1, count_include_pad=counts) for counts in (False, True) * 2
    ]
    assert padded[0].tobytes() == padded[2].tobytes() != padded[1].tobytes() == padded[3].tobytes()
    first, every = (hwio.max_pool_grad(np.ones_like(X), DY, 2, ties=t) for t in ("first", "all"))
    for ties, dx in (("first", first), ("all", every)):
        assert hwio.max_pool_grad(np.ones_like(X), DY, 2, ties=ties).tobytes() == dx.tobytes()
    assert first.tobytes() != every.tobytes()
    assert isinstance(hwio.max_pool(X, 1, like=[1]), list)
    out = np.empty_like(X)
    assert hwio.max_pool(X, 1, out=out) is out
    with pytest.raises(hwio.ShapeError, match="dy has shape"):
        hwio.max_pool_grad(X, DY[:, 1:], 2)


def test_results_are_new_each_time():
    for call in CALLS.values():
        one, other = call(X, DY), call(X, DY)
        assert not np.shares_memory(one, other)
        assert one.flags.writeable


def test_threads_may_change_between_calls():
    before = hwio.get_num_threads()
    try:
        for threads in (1, 3, 1, 2):
            hwio.set_num_threads(threads)
            for name, call in CALLS.items():
                wanted = call(X.astype(">f4"), DY)
                np.testing.assert_array_equal(call(X, DY), wanted, err_msg=name)
    finally:
        hwio.set_num_threads(before)


def test_a_kernel_that_fails_later_leaves_numpy(monkeypatch):
    import hwio.engine as engine
    from hwio.engine.launch import pooling_grad

    def fail(*args):
        message = "gone"
        raise RuntimeError(message)

    wanted = hwio.max_pool_grad(X, DY, 2)
    monkeypatch.setattr(engine, "_BROKEN", [])
    monkeypatch.setattr(pooling_grad, "run", fail)
    with pytest.warns(RuntimeWarning, match="NumPy serves instead"):
        np.testing.assert_array_equal(hwio.max_pool_grad(X, DY, 2), wanted)
    np.testing.assert_array_equal(hwio.max_pool_grad(X, DY, 2), wanted)


def test_like_is_answered_at_every_call():
    x = np.random.default_rng(0).random((2, 40, 40, 64)).astype(np.float32)
    for call in (hwio.max_pool, hwio.avg_pool):
        assert [type(call(x, 2, like=[])) for _ in range(3)] == [list] * 3
        assert [type(call(x, 2)) for _ in range(3)] == [np.ndarray] * 3


def test_options_that_hold_themselves_or_do_not_hash_are_refused_in_words():
    x = np.ones((1, 6, 6, 2), np.float32)
    dy, loop = hwio.max_pool(x, 2), []
    loop.append(loop)
    for junk in (loop, np.void(b"ab")):
        for option in ("stride", "padding", "dilation", "ceil_mode", "layout", "method"):
            for call in (hwio.max_pool, hwio.avg_pool):
                with pytest.raises(hwio.HwioError):
                    call(x, 2, **{option: junk})
            for call in (hwio.max_pool_grad, hwio.avg_pool_grad):
                with pytest.raises(hwio.HwioError):
                    call(x, dy, 2, **{option: junk})
        with pytest.raises(hwio.HwioError):
            hwio.max_pool(x, junk)
