"""Compiled gradients against the readable ones, their bounds, and themselves on other threads."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import hwio
from cases import CASES, Case
from hwio.engine import refusal
from hwio.engine.gradient_registry import GRADIENT_KERNELS
from hwio.gradients import GRADIENTS
from hwio.ops import compiled_grad
from hwio.planner import gradients as planner
from hwio.planner.gradients import choose_gradient, gradient_bytes, phases
from strategies import seeded_cases
from test_gradients import BOUND_CASES, KINDS, NOT_FINITE, drawn, excesses, floats

needs_engine = pytest.mark.skipif(refusal() is not None, reason=f"no engine: {refusal()}")
pytestmark = needs_engine


@pytest.fixture(autouse=True)
def started(monkeypatch):
    """Let kernels serve whatever the planner thinks of NumPy; return the names of those that ran."""
    names = []
    real = compiled_grad.choose_gradient

    def noted(geo, kind, of):
        choice = real(geo, kind, of)
        names.append(choice.name)
        return choice

    monkeypatch.setattr(planner, "_numpy_cost", lambda geo: float("inf"))
    monkeypatch.setattr(compiled_grad, "choose_gradient", noted)
    return names


BITS = [
    Case("3x3", (2, 17, 19, 20), (3, 3, 20, 40), {"padding": 1}),
    Case("stride 2", (2, 17, 19, 20), (3, 3, 20, 40), {"padding": 1, "stride": 2}),
    Case("first layer", (2, 30, 31, 3), (7, 7, 3, 16), {"padding": 3, "stride": 2}),
    Case("groups", (2, 17, 19, 20), (3, 3, 5, 40), {"padding": 1, "groups": 4}),
    Case("1x1, segments", (2, 40, 33, 20), (1, 1, 20, 40)),
    Case("3x3, segments, last panel not full", (2, 30, 39, 19), (3, 3, 19, 37), {"padding": 1}),
    Case("1x1, cells far apart", (2, 9, 15, 600), (1, 1, 600, 40)),
    Case("2x2, cells far apart", (2, 9, 10, 521), (2, 2, 521, 70)),
    Case("1x1, stride 2", (2, 17, 19, 40), (1, 1, 40, 33), {"stride": 2, "padding": 1}),
    Case("depthwise", (2, 17, 19, 70), (3, 3, 1, 70), {"padding": 1, "groups": 70}),
    Case("depthwise, stride 2", (2, 17, 19, 7), (5, 5, 1, 7), {"groups": 7, "stride": 2}),
]


# ---------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("case", [*CASES, *BITS], ids=str)
def test_kernels_equal_the_readable_ways(case, dtype, started):
    x, w, dy = drawn(case, np.dtype(dtype), most=4)
    got = hwio.conv_grad(x, w, dy, need="xw", **case.options)
    want = hwio.conv_grad(x, w, dy, need="xw", method="taps", **case.options)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    geo = case.problem.geometry
    if 0 not in (*geo.x_shape, *geo.w_shape, *geo.y_shape):
        assert set(started) <= set(GRADIENT_KERNELS)


def tails():
    """Yield sizes around every register block: channels, filters, widths, with a stride or without."""
    for c in range(1, 34):
        yield Case(
            f"{c} channels", (1, 4, 5, c), (2, 3, c, 19), {"padding": 1, "stride": 1 + c % 2}
        )
    for o in (*range(1, 34), 47, 48, 49, 63, 64, 65, 97, 127, 128, 129):
        yield Case(f"{o} filters", (1, 4, 5, 14), (3, 2, 14, o), {"stride": 1 + o % 2})
    for width in range(3, 24):
        yield Case(f"width {width}", (2, 3, width, 5), (3, 3, 5, 6), {"padding": 1})
    for c in (*range(1, 20), 31, 32, 33, 63, 64, 65):
        options = {"padding": "same", "groups": c, "stride": 1 + c % 3}
        yield Case(f"depthwise {c}", (2, 5, 6, c), (3, 3 + c % 4, 1, c), options)
    for width in range(4, 20):
        options = {"padding": 1, "groups": 9, "stride": 1 + width % 2}
        yield Case(f"depthwise width {width}", (1, 4, width, 9), (3, 5 - width % 3, 1, 9), options)


@pytest.mark.parametrize("case", list(tails()), ids=str)
def test_tails_of_every_size(case):
    for dtype in (np.float32, np.float64):
        x, w, dy = drawn(case, dtype, most=4)
        got = hwio.conv_grad(x, w, dy, need="xw", **case.options)
        want = hwio.conv_grad(x, w, dy, need="xw", method="taps", **case.options)
        for mine, theirs in zip(got, want, strict=True):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("pixels", [1, 255, 256, 257, 511, 513, 1030])
def test_chunks_of_pixels(pixels):
    case = Case("", (1, pixels, 14), (1, 14, 33))
    x, w, dy = drawn(case, np.float32, most=4)
    got = hwio.conv_grad(x, w, dy, need="w")[1]
    np.testing.assert_array_equal(got[0], x[0].T @ dy[0])


def test_adjoint(report):
    mismatches = []
    for at, case in enumerate(seeded_cases(40, 500)):
        x, w, dy = drawn(case, (np.float64, np.float32)[at % 2], at, 4)
        y = hwio.conv(x, w, method="einsum", **case.options)
        dx, dw, _ = hwio.conv_grad(x, w, dy, **case.options)
        products = ((dy, y), (dx, x), (dw, w))
        if len({int(np.sum(a.astype(np.int64) * b.astype(np.int64))) for a, b in products}) > 1:
            mismatches.append((at, case))
    report(f"adjoint identity, compiled gradients: 500 convolutions, {len(mismatches)} mismatches")
    assert mismatches == []


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float16])
def test_other_dtypes_come_through_the_kernels_unchanged(dtype, started):
    case = Case("", (2, 6, 7, 4), (3, 3, 4, 6), {"stride": 2, "padding": 1})
    x, w, dy = drawn(case, dtype, most=3)
    got = hwio.conv_grad(x, w, dy, **case.options)
    want = hwio.conv_grad(x, w, dy, method="taps", **case.options)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


# ---------------------------------------------------------------- bounds, and what is not finite


@pytest.mark.parametrize("case", BOUND_CASES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_kernels_keep_the_bound(kind, case):
    for dtype in (np.float32, np.float64):
        x, w, dy = floats(case, kind, dtype)
        got = hwio.conv_grad(x, w, dy, **case.options)
        assert max(excesses(got, x, w, dy, case)) <= 1


@pytest.mark.parametrize("case", [*BOUND_CASES[:-1], *BITS], ids=str)
@pytest.mark.parametrize("kind", NOT_FINITE)
def test_kernels_have_the_pattern_of_the_readable_ways(kind, case):
    x, w, dy = floats(case, "normal", np.float32)
    NOT_FINITE[kind](x, w, dy)
    with np.errstate(all="ignore"):
        want = hwio.conv_grad(x, w, dy, method="taps", **case.options)
        got = hwio.conv_grad(x, w, dy, **case.options)
    for mine, theirs in zip(got, want, strict=True):
        for test in (np.isnan, np.isposinf, np.isneginf):
            np.testing.assert_array_equal(test(mine), test(theirs))


# ---------------------------------------------------------------- the same bits


@pytest.mark.parametrize("case", BITS, ids=str)
def test_the_bits_do_not_depend_on_threads(case):
    x, w, dy = floats(case, "normal", np.float32)
    before, found = hwio.get_num_threads(), []
    try:
        for threads in range(1, 9):
            hwio.set_num_threads(threads)
            found.append(hwio.conv_grad(x, w, dy, need="xw", **case.options))
    finally:
        hwio.set_num_threads(before)
    for got in found[1:]:
        np.testing.assert_array_equal(got[0], found[0][0])
        np.testing.assert_array_equal(got[1], found[0][1])


@pytest.mark.parametrize("case", BITS, ids=str)
def test_an_image_gets_the_same_dx_alone(case):
    _, w, dy = floats(case, "normal", np.float32)
    both = hwio.conv_grad(case.x_shape, w, dy, need="x", **case.options)[0]
    one = hwio.conv_grad((1, *case.x_shape[1:]), w, dy[1:], need="x", **case.options)[0]
    np.testing.assert_array_equal(both[1:], one)


# ---------------------------------------------------------------- the decision


def test_each_gradient_has_one_kernel_for_every_geometry():
    for case in CASES:
        geo = case.problem.geometry
        serving = [k for k in GRADIENT_KERNELS.values() if k.refuses(geo) is None]
        assert sorted(k.of for k in serving) == ["dw", "dx"]
        assert all(k.twin in GRADIENTS for k in serving)


def test_the_reason_is_data():
    geo = Case("", (1, 56, 56, 64), (3, 3, 64, 64), {"padding": 1, "stride": 2}).problem.geometry
    choice = choose_gradient(geo, "f4", "dx")
    assert choice.name == "dx_direct"
    assert "turned filters; 4 phases of the stride" in choice.reason
    assert list(choice.rejected) == ["dx_depthwise"]
    deep = Case("", (1, 56, 56, 64), (3, 3, 1, 64), {"groups": 64}).problem.geometry
    assert choose_gradient(deep, "f8", "dw").name == "dw_depthwise"
    assert choose_gradient(deep, "c8", "dw").reason == "no kernel computes in c8"


def test_numpy_serves_where_it_takes_less_time(monkeypatch):
    monkeypatch.setattr(planner, "_numpy_cost", lambda geo: 1.0)
    choice = choose_gradient(BITS[0].problem.geometry, "f4", "dw")
    assert choice.name is None
    assert "dw_direct would take about" in choice.reason
    far = Case("", (1, 99, 2), (30, 2, 3), {"stride": 65}).problem.geometry
    assert phases(far) == 30
    assert phases(replace(far, stride=(2,), dilation=(2,))) == 1


def test_the_number_of_images_does_not_change_the_kernel_of_dx(monkeypatch):
    monkeypatch.undo()
    for case in CASES:
        geo = case.problem.geometry
        names = {choose_gradient(replace(geo, n=n), "f4", "dx").name for n in (1, 2, 100)}
        assert len(names) == 1


def test_a_kernel_that_fails_leaves_it_to_numpy(monkeypatch):
    from hwio import engine
    from hwio.engine.launch import gradient_w, gradient_x

    def broken(*args):
        message = "no code"
        raise RuntimeError(message)

    monkeypatch.setattr(engine, "_BROKEN", [])
    for module in (gradient_x, gradient_w):
        monkeypatch.setattr(module, "run", broken)
    case = BITS[1]
    x, w, dy = drawn(case, np.float32, most=4)
    with pytest.warns(RuntimeWarning, match="NumPy serves instead"):
        got = hwio.conv_grad(x, w, dy, **case.options)
    want = hwio.conv_grad(x, w, dy, method="taps", **case.options)
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("case", [*CASES, *BITS], ids=str)
def test_they_allocate_no_more_than_they_say(case, started):
    x, w, dy = drawn(case, np.float32, most=4)
    hwio.conv_grad(x, w, dy, **case.options)  # compiled and planned
    geo = case.problem.geometry
    for need in "xw":
        kernels = [k for k in GRADIENT_KERNELS.values() if k.refuses(geo) is None]
        limit = sum(gradient_bytes(k.name, geo, 4) for k in kernels if k.of == f"d{need}")
        tracemalloc.start()
        try:
            hwio.conv_grad(x, w, dy, need=need, **case.options)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak <= limit


def test_a_limit_without_room_for_a_kernel_leaves_it_to_numpy(started):
    case = BITS[0]
    x, w, dy = drawn(case, np.float32, most=4)
    got = hwio.conv_grad(x, w, dy, need="x", memory_limit=900_000, **case.options)[0]
    assert started == []
    np.testing.assert_array_equal(got, hwio.conv_grad(x, w, dy, need="x", **case.options)[0])
    assert started == ["dx_direct"]
