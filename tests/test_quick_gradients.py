"""Repeated gradients: each a launch, the same numbers, and nothing mixed up."""

import gc
import os
import sys
import threading
import weakref

import numpy as np
import pytest

import hwio
from hwio.engine import refusal
from hwio.engine.threads import alone
from hwio.ops import compiled_grad
from hwio.planner import gradients as planner

pytestmark = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")

GEOMETRIES = [
    # x, w, options
    ((2, 9, 11, 20), (3, 3, 20, 40), {"padding": "same"}),
    ((1, 14, 14, 64), (1, 1, 64, 128), {}),
    ((2, 9, 15, 600), (1, 1, 600, 40), {}),
    ((2, 40, 33, 20), (1, 1, 20, 24), {}),  # segments; the last panel is not full
    ((1, 46, 50, 32), (3, 3, 32, 32), {"padding": 1}),
    ((2, 13, 12, 40), (1, 1, 40, 32), {"stride": 2}),
    ((2, 13, 12, 40), (1, 1, 40, 32), {"stride": (3, 2), "padding": 1}),
    ((2, 13, 8, 36), (3, 3, 9, 32), {"groups": 4, "stride": 2, "padding": 1}),
    ((3, 12, 10, 33), (3, 3, 1, 33), {"groups": 33, "padding": "half"}),
    ((3, 12, 10, 33), (3, 3, 1, 33), {"groups": 33, "stride": 2, "padding": 1}),
    ((2, 50, 24), (5, 24, 48), {"dilation": 2}),
    ((1, 6, 7, 8, 16), (3, 3, 3, 16, 32), {"padding": "same_lower"}),
    ((2, 6, 7, 9, 2), (3, 2, 3, 2, 16), {"stride": 2, "padding": 1}),
    ((2, 30, 31, 3), (7, 7, 3, 24), {"stride": 2, "padding": 3}),
    ((2, 30, 31, 3), (3, 3, 3, 24), {"padding": 1}),
]
CALLS = 4  # the first is checked, the second is ready


@pytest.fixture(autouse=True)
def _kernels(monkeypatch):
    """Let kernels serve whatever the planner thinks of NumPy."""
    monkeypatch.setattr(planner, "_numpy_cost", lambda geo: float("inf"))


def whole_numbers(shape, dtype, seed):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def drawn(x_shape, w_shape, options, dtype):
    """Return a layer, x, dy, and the gradients by definition."""
    x, w = whole_numbers(x_shape, dtype, 0), whole_numbers(w_shape, dtype, 1)
    dy = whole_numbers(hwio.conv(x, w, **options).shape, dtype, 2)
    return hwio.prepare(w, **options), x, dy, hwio.conv_grad(x, w, dy, method="taps", **options)


def same(got, want):
    for mine, theirs in zip(got, want, strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype == theirs.dtype
            assert mine.flags.c_contiguous
            assert mine.flags.writeable
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("x_shape", "w_shape", "options"), GEOMETRIES)
def test_every_call_is_the_definition(x_shape, w_shape, options, dtype):
    layer, x, dy, want = drawn(x_shape, w_shape, options, dtype)
    for need in ("xwb", "x", "w", "xw", "wb"):
        expected = [g if letter in need else None for letter, g in zip("xwb", want, strict=True)]
        for _ in range(CALLS):
            same(layer.grad(x, dy, need=need), expected)
    for _ in range(CALLS):
        same(layer.grad(x.shape, dy, need="x"), [want[0], None, None])


@pytest.mark.parametrize(("x_shape", "w_shape", "options"), GEOMETRIES)
def test_repeated_calls_take_the_short_way(x_shape, w_shape, options, monkeypatch):
    layer, x, dy, want = drawn(x_shape, w_shape, options, "float32")
    for _ in range(2):
        layer.grad(x, dy, need="xw")
    ran = []

    def noted(name):
        real = getattr(compiled_grad, name)

        def run(*args):
            ran.append(name)
            return real(*args)

        return run

    for name in ("compiled_dx", "compiled_dw"):
        monkeypatch.setattr(f"hwio.ops.run_grad.{name}", noted(name))
    same(layer.grad(x, dy, need="xw"), [*want[:2], None])
    few = x_shape[-1] < 16 and w_shape[-2] > 1  # margins are laid around x beforehand
    phases = options.get("stride") == 2 and w_shape[0] > 1 and w_shape[-2] > 1 and not few
    beyond = options.get("stride") == (3, 2)  # windows that see padding alone
    assert ran == ["compiled_dw"] * few + ["compiled_dx"] * (phases or beyond)


def test_other_arrays_go_the_long_way():
    layer, x, dy, want = drawn((2, 10, 12, 24), (3, 3, 24, 32), {"padding": 1}, "float32")
    for _ in range(CALLS):
        layer.grad(x, dy)
    step = np.repeat(x, 2, axis=2)[:, :, ::2]
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view("f4").reshape(x.shape)
    for other in (step, odd, x.astype(">f4"), x.view(type("Own", (np.ndarray,), {})), x.tolist()):
        for mine, theirs in zip(layer.grad(other, dy), want, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        for mine, theirs in zip(layer.grad(x, dy), want, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    for other in (np.repeat(dy, 2, axis=1)[:, ::2], dy.astype("f8"), dy.tolist()):
        for mine, theirs in zip(layer.grad(x, other), want, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    mixed = layer.grad(x.astype("f8"), dy)
    assert [g.dtype.str for g in mixed] == ["<f4", "<f8", "<f4"]
    same(layer.grad(x[:1], dy[:1], need="x"), [want[0][:1], None, None])
    for wrong in (dy[:1], dy[..., :31], dy[0], None):
        with pytest.raises(hwio.errors.HwioError):
            layer.grad(x, wrong)
    with pytest.raises(hwio.errors.HwioError):
        layer.grad(x[:1], dy)
    with pytest.raises(hwio.errors.HwioError):
        layer.grad(x.shape, dy)
    same(layer.grad(x, dy), want)


def test_a_shape_is_whole_numbers_each_time():
    layer, x, dy, _ = drawn((2, 10, 12, 24), (3, 3, 24, 32), {"padding": 1}, "float32")
    for _ in range(CALLS):
        layer.grad(x.shape, dy, need="x")
        layer.grad(x, dy, need="x")
    for wrong in ((2, 10.0, 12, 24), (2, 10, 12, True), (2, 10, 12, "24")):
        with pytest.raises(hwio.errors.HwioError):
            layer.grad(wrong, dy, need="x")
    same(layer.grad((x[0], x[1]), dy, need="x"), layer.grad(x, dy, need="x"))


def test_shapes_by_turns_stay_quick(monkeypatch):
    layer, x, dy, want = drawn((4, 10, 12, 24), (3, 3, 24, 32), {"padding": 1}, "float32")
    for _ in range(2):
        layer.grad(x, dy)
        layer.grad(x[:2], dy[:2])
    with alone():
        layer.grad(x, dy)
    layer.grad(x.tolist(), dy)
    monkeypatch.setattr("hwio.ops.prepared.go_back", None, raising=False)
    monkeypatch.setattr("hwio.ops.grad.go_back", None)
    same(layer.grad(x, dy), want)
    same(layer.grad(x[:2], dy[:2], need="xwb")[:1], [want[0][:2]])


def test_scratch_holds_what_the_kernel_lays_out(monkeypatch):
    from hwio.engine.cpu import processor
    from hwio.engine.fields import AT
    from hwio.engine.launch import gradient_w
    from hwio.engine.tiles import dw_direct_block
    from hwio.ops.check import geometry_of

    monkeypatch.setattr(gradient_w, "address_of", lambda *names: 0)
    rng = np.random.default_rng(3)
    for _ in range(3000):
        k, c, o = int(rng.integers(1, 6)), int(rng.integers(1, 700)), int(rng.integers(1, 200))
        h, w, n = (int(rng.integers(k, 60)) for _ in range(3))
        geo = geometry_of((n, h, w, c), (k, k, c, o), stride=int(rng.integers(1, 3)))
        for kind in ("f4", "f8"):
            threads = int(rng.integers(1, 17))
            launch, rows = gradient_w.direct_launch.__wrapped__(geo, kind, threads)
            at = {name: int(launch.fields[place // 8]) for name, place in AT.items()}
            size, nr = int(kind[1]), rows[-1] // at["panels"]
            sizes = at["channels"], at["filters"], at["pixels"]
            mr = dw_direct_block(kind, processor().vector_bytes, *sizes).mr
            blocks = -(-at["channels"] // mr)
            first = np.arange(0, at["strips"], at["strip_group"])
            last = np.minimum(at["strips"], first + at["strip_group"]) - 1
            taps = int((last // blocks - first // blocks).max()) + 1
            packed = (at["panel_group"] * nr + mr) * at["chunk"] * size
            assert -(-packed // 8) * 8 + 8 * taps * at["chunk"] <= at["scratch_step"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 8, 16, 17, 31, 33])
def test_what_stands_behind_the_last_channel_is_zero(channels, dtype, monkeypatch):
    # a subnormal number there would cost a hundred times a product, in sums that nobody sees
    from hwio.engine.launch import gradient_x

    def dirty(shape, dtype):
        made.append(np.full(shape, 1e-40, dtype))
        return made[-1]

    made = []
    x, w = (
        whole_numbers((1, 9, 8, channels), dtype, 0),
        whole_numbers((3, 3, channels, 8), dtype, 1),
    )
    monkeypatch.setattr(gradient_x, "aligned", dirty)
    hwio.conv_grad(x, w, whole_numbers((1, 7, 6, 8), dtype, 2), need="x")
    (packed,) = made  # (groups, panels, taps·filters, nr)
    whole = packed.transpose(2, 0, 1, 3).reshape(packed.shape[2], -1)
    assert not whole[:, channels:].any()
    assert np.isin(whole, range(-4, 5)).all()


def test_an_activation_ends_dy_each_time():
    x, w = whole_numbers((2, 9, 9, 24), "f4", 0), whole_numbers((3, 3, 24, 32), "f4", 1)
    layer = hwio.prepare(w, activation="relu")
    dy = whole_numbers(layer(x).shape, "f4", 2)
    want = hwio.conv_grad(x, w, np.where(layer(x) > 0, dy, 0), method="taps")
    for _ in range(CALLS):
        same(layer.grad(x, dy), want)
        same(layer.grad(x, dy, y=layer(x)), want)


def test_an_infinite_dy_takes_no_zero_with_it():
    layer, x, dy, _ = drawn((2, 30, 31, 3), (7, 7, 3, 24), {"stride": 2, "padding": 3}, "float32")
    for _ in range(CALLS):
        layer.grad(x, dy, need="x")
    dy[1, 4, 4, 3] = np.inf
    with np.errstate(all="ignore"):
        want = hwio.conv_grad(x, layer.w, dy, need="x", method="taps", stride=2, padding=3)[0]
        for _ in range(CALLS):
            got = layer.grad(x, dy, need="x")[0]
            for test in (np.isnan, np.isposinf, np.isneginf):
                np.testing.assert_array_equal(test(got), test(want))
    assert np.isfinite(want[0]).all()
    assert not np.isfinite(want[1]).all()


def test_results_are_their_own_and_nothing_is_kept():
    layer, x, dy, want = drawn((1, 60, 61, 40), (1, 1, 40, 64), {"stride": 2}, "float64")
    for _ in range(CALLS):
        first = layer.grad(x, dy)
    others = [layer.grad(x, factor * dy) for factor in (2, 3)]
    for other, factor in zip(others, (2, 3), strict=True):
        assert not any(np.shares_memory(a, b) for a in first for b in other)
        same(other, [factor * g for g in want])
    same(first, want)
    views = [g[..., :1] for g in first]
    kept = [v.copy() for v in views]
    del first, other, others
    for _ in range(CALLS):
        layer.grad(x, -dy)
    for view, old in zip(views, kept, strict=True):
        np.testing.assert_array_equal(view, old)
    seen = [weakref.ref(own) for own in (x.copy(), *layer.grad(x, dy))]
    gc.collect()
    assert [ref() for ref in seen] == [None] * 4
    counts = [sys.getrefcount(one) for one in (np.ndarray, x.dtype, np.dtype("u1"), None, x, dy)]
    for _ in range(100):
        layer.grad(x, dy)
    after = [sys.getrefcount(one) for one in (np.ndarray, x.dtype, np.dtype("u1"), None, x, dy)]
    assert all(abs(b - a) < 50 for a, b in zip(counts, after, strict=True))


def test_memory_of_dropped_gradients_is_used_again():
    layer, x, dy, _ = drawn((2, 40, 40, 64), (1, 1, 64, 512), {}, "float64")
    for _ in range(CALLS):
        grads = layer.grad(x, dy, need="xw")
        places = [g.ctypes.data for g in grads[:2]]
        del grads
    again = layer.grad(x, dy, need="xw")
    assert [g.ctypes.data for g in again[:2]] == places
    held = layer.grad(x, dy, need="xw")
    assert not {g.ctypes.data for g in held[:2]} & set(places)


def test_bits_stay_when_the_number_of_threads_changes():
    rng, before = np.random.default_rng(0), hwio.get_num_threads()
    for x_shape, w_shape, options in GEOMETRIES:
        x, w = rng.standard_normal(x_shape, "f4"), rng.standard_normal(w_shape, "f4")
        layer = hwio.prepare(w, **options)
        dy = rng.standard_normal(layer(x).shape, "f4")
        first = hwio.conv_grad(x, w, dy, **options)
        try:
            for threads in (1, 3, 2, 5):
                hwio.set_num_threads(threads)
                for _ in range(3):
                    same(layer.grad(x, dy), first)
                with alone():
                    same(layer.grad(x, dy), first)
        finally:
            hwio.set_num_threads(before)


def test_sixteen_threads_share_a_layer():
    layer, x, dy, want = drawn((1, 50, 45, 24), (1, 1, 24, 32), {}, "float32")
    other = dy[:, ::-1].copy()
    turned = hwio.conv_grad(x, layer.w, other, method="taps")
    wrong = []

    def work(number):
        for turn in range(40):
            given, right = ((dy, want), (other, turned))[(number + turn) % 2]
            got = layer.grad(x, given)
            if not all(np.array_equal(a, b) for a, b in zip(got, right, strict=True)):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_of_a_fork_starts_anew():
    layer, x, dy, want = drawn((1, 50, 45, 24), (1, 1, 24, 32), {"stride": 2}, "float32")
    for _ in range(CALLS):
        layer.grad(x, dy)
    child = os.fork()
    if child == 0:  # no pytest here: the status is all it says
        fine = True
        for _ in range(CALLS):
            got = layer.grad(x, dy)
            fine &= all(np.array_equal(a, b) for a, b in zip(got, want, strict=True))
        os._exit(0 if fine else 3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    same(layer.grad(x, dy), want)
