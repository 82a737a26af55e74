"""Which way, and why: the decision as data, the memory it tells before, and the limits it keeps."""

import tracemalloc
from dataclasses import FrozenInstanceError
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import hwio
from cases import CASES, FAR, Case, normal_arrays
from hwio.methods import METHODS
from hwio.methods.accuracy import BOUNDS_MEAN
from hwio.methods.im2col import PIECE, pieces
from hwio.planner.choose import AUTO_WORKSPACE, COSTS, PRECISIONS
from strategies import seeded_cases

LARGE = [
    Case("3x3", (2, 40, 44, 24), (3, 3, 24, 40), {"padding": 1}),
    Case("first layer", (2, 90, 100, 3), (7, 7, 3, 32), {"stride": 2, "padding": 3}),
    Case("1x1", (2, 60, 64, 48), (1, 1, 48, 40)),
    Case("1x1 stride 2", (2, 60, 64, 48), (1, 1, 48, 40), {"stride": 2}),
    Case("groups", (2, 40, 44, 32), (3, 3, 8, 32), {"groups": 4}),
    Case("depthwise", (2, 60, 64, 32), (3, 3, 1, 32), {"groups": 32, "padding": "same"}),
    Case("one channel", (2, 100, 110, 1), (5, 5, 1, 4)),
    Case("large kernel", (1, 96, 96, 2), (25, 25, 2, 2)),
    Case("flip", (2, 40, 44, 24), (3, 3, 24, 20), {"flip": True}),
    Case("NCHW", (2, 24, 40, 44), (20, 24, 3, 3), {"layout": "NCHW,OIHW", "padding": 1}),
    Case("NCHW, valid", (2, 24, 40, 44), (20, 24, 3, 3), {"layout": "NCHW,OIHW"}),
    Case("NCHW depthwise", (2, 24, 60, 64), (24, 1, 3, 3), {"layout": "NCHW,OIHW", "groups": 24}),
    Case("NCHW groups", (2, 24, 40, 44), (30, 8, 5, 3), {"layout": "NCHW,OIHW", "groups": 3}),
    Case("NCHW 1x1", (2, 48, 60, 64), (40, 48, 1, 1), {"layout": "NCHW,OIHW"}),
    Case("1-D", (4, 3000, 16), (9, 16, 16), {"padding": "causal"}),
    Case("3-D", (1, 14, 20, 22, 12), (3, 3, 3, 12, 10), {"padding": 1}),
    Case("reflect", (1, 60, 64, 24), (5, 5, 24, 8), {"padding": 2, "padding_mode": "reflect"}),
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_plan_names_a_way_that_serves_and_a_reason_for_every_other(precision):
    for case in [*CASES, *LARGE, *seeded_cases(3, 200)]:
        plan = hwio.plan(case.x_shape, case.w_shape, precision=precision, **case.options)
        assert plan.method in case.methods
        assert plan.reason
        assert list(plan.rejected) == [name for name in METHODS if name != plan.method]
        assert all(plan.rejected.values())
        if precision == "highest":
            assert METHODS[plan.method].bound == "T1"


def test_the_number_of_images_does_not_change_the_way():
    """Else an image would get other bits alone than in a batch."""
    wide = Case("wide kernel", (1, 128, 128, 2), (41, 41, 1, 2), {"groups": 2})
    for case in [wide, *LARGE, *seeded_cases(4, 300)]:
        at = case.problem.layout.x.find("N")
        if at < 0:
            continue
        for precision in PRECISIONS:
            ways = set()
            for n in (1, 2, 3, 64, 5000):
                shape = (*case.x_shape[:at], n, *case.x_shape[at + 1 :])
                options = {**case.options, "precision": precision}
                ways.add(hwio.plan(shape, case.w_shape, **options).method)
            assert len(ways) == 1, case


@pytest.mark.parametrize(
    ("x", "w", "options", "way"),
    [
        ((2, 5, 7, 4), (3, 3, 4, 8), {}, "im2col"),
        ((1, 56, 56, 64), (1, 1, 64, 256), {}, "im2col"),
        ((1, 224, 224, 3), (7, 7, 3, 64), {"stride": 2}, "im2col"),
        ((1, 112, 112, 32), (3, 3, 1, 32), {"groups": 32, "padding": 1}, "taps"),
        ((1, 112, 112, 32), (3, 3, 32, 1), {"layout": "NHWC,HWCM"}, "taps"),
        ((1, 512, 512, 1), (61, 61, 1, 1), {"precision": "high"}, "fft"),
    ],
)  # fmt: skip
def test_what_is_chosen_where_one_way_is_clearly_best(x, w, options, way):
    assert hwio.plan(x, w, **options).method == way


def test_precision_opens_the_transforms():
    shapes = (1, 512, 512, 1), (61, 61, 1, 1)
    highest = hwio.plan(*shapes)
    assert "precision='high'" in highest.rejected["fft"]
    assert highest.method != hwio.plan(*shapes, precision="high").method


@pytest.mark.parametrize("method", METHODS)
def test_a_way_that_is_asked_for_is_taken(method):
    x, w = (2, 8, 7, 4), (3, 3, 4, 8)
    plan = hwio.plan(x, w, method=method)
    assert plan.method == method
    assert plan.reason == "asked for"
    assert set(plan.rejected) == set(METHODS) - {method}


def test_ways_that_show_the_idea_are_never_chosen():
    assert {"loop", "broadcast", "einsum", "tensordot"}.isdisjoint(COSTS)
    for case in [*CASES, *LARGE]:
        for precision in PRECISIONS:
            plan = hwio.plan(case.x_shape, case.w_shape, precision=precision, **case.options)
            assert plan.method in COSTS


def test_a_plan_reads_as_lines_and_cannot_be_changed():
    plan = hwio.plan((2, 5, 7, 4), (3, 3, 4, 8))
    lines = str(plan).splitlines()
    if plan.kernel:
        assert lines.pop(0) == f"{plan.kernel} (compiled): {plan.kernel_reason}"
        without = f"  without compiled kernels it would be {plan.method}: {plan.reason}"
        assert lines[0] == without
    else:
        assert lines[0] == f"{plan.method}: {plan.reason}"
        if plan.kernel_reason:
            assert lines.pop(1) == f"  no compiled kernel: {plan.kernel_reason}"
    against = [f"  not {name}: {why}" for name, why in plan.rejected.items()]
    compiled = plan.kernels_rejected.items()
    against += [f"  not {name} (compiled): {why}" for name, why in compiled]
    assert lines[1:-1] == against
    assert lines[-1] == f"  {BOUNDS_MEAN}"
    assert "  not fft: error bound T5 (whole image); precision='high' would admit it" in lines
    with pytest.raises(FrozenInstanceError):
        plan.method = "loop"


def test_arrays_and_their_shapes_have_the_same_plan():
    for case in LARGE[:4]:
        x, w = normal_arrays(case)
        by_shape = hwio.plan(case.x_shape, case.w_shape, **case.options)
        assert by_shape == hwio.plan(x, w, **case.options)


# Memory: known before it is taken.


def peak(function):
    """Return the bytes that NumPy and Python held at most while a function ran, and its result."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("case", LARGE, ids=str)
def test_no_way_takes_more_than_its_plan_says(case):
    x, w = normal_arrays(case)
    for name in METHODS:  # so that what is loaded or kept on first use is there already
        hwio.conv(np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1)), method=name)
    hwio.conv(x, w, **case.options)
    for method in ["auto", *case.methods]:
        if method == "loop":
            continue  # one number at a time: nothing to hold
        options = {**case.options, "method": method}
        used, y = peak(lambda options=options: hwio.conv(x, w, **options))
        told = hwio.plan(x, w, **options).workspace
        slack = 256 << 10  # what NumPy's own loops buffer, views, frames
        more = w.nbytes  # as a matrix, where it is stored in another order
        beside = used - y.nbytes
        assert beside <= told + more + slack, (
            f"{method} held {beside} bytes beside x, w and y at most; its plan told {told}. "
            f"{method}_bytes must count all that is allocated beside them: copies of x, "
            "pieces of rows, products, and sums that are not written into y"
        )


def test_auto_never_holds_the_patch_matrix():
    for case in LARGE:
        geo = case.problem.geometry
        plan = hwio.plan(case.x_shape, case.w_shape, **case.options)
        padding = geo.n * prod(geo.padded_size) * geo.in_channels * 4 if geo.padded else 0
        image = prod(geo.in_size) * geo.in_channels + geo.pixels * geo.out_channels
        assert plan.workspace - padding <= max(AUTO_WORKSPACE, 4 * image)
    plan = hwio.plan((1, 2000, 2000, 64), (3, 3, 64, 64))  # its patch matrix: 9 GB
    assert plan.workspace <= AUTO_WORKSPACE


@given(
    out_size=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    row_bytes=st.sampled_from([4, 36, 1 << 10, 1 << 16, 300_000, PIECE, 3 * PIECE]),
)
def test_pieces_cover_every_cell_once_and_fit(out_size, row_bytes):
    assume(prod(out_size) < 5000)
    met = np.zeros(out_size, int)
    for piece in pieces(tuple(out_size), row_bytes):
        met[piece] += 1
        cells = met[piece].size
        assert cells * row_bytes <= PIECE or cells == 1
    assert (met == 1).all()


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_the_limit_is_kept_to_the_byte(method):
    x, w = np.ones((2, 20, 22, 4), np.float32), np.ones((3, 3, 4, 8), np.float32)
    need = hwio.plan(x, w, method=method).workspace + 2 * 18 * 20 * 8 * 4
    y = hwio.conv(x, w, method=method, memory_limit=need)
    np.testing.assert_allclose(y, np.full((2, 18, 20, 8), 36), rtol=1e-5)
    with pytest.raises(hwio.LimitError, match="memory_limit"):
        hwio.conv(x, w, method=method, memory_limit=need - 1)


TOO_LARGE = {
    "padding": ((1, 5, 5, 1), (3, 3, 1, 1), {"padding": 2**40}),
    "output": ((1, 2**20, 2**20, 1), (1, 1, 1, 2**20), {}),
    "full": ((1, 2**31, 1), (2**31, 1, 64), {"padding": "full"}),
    "a way that builds all products": ((4, 300, 300, 64), (9, 9, 64, 64), {"method": "broadcast", "memory_limit": 2**30}),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_cannot_fit_is_refused_before_anything_is_allocated(name):
    x_shape, w_shape, options = TOO_LARGE[name]
    x, w = (np.broadcast_to(np.float32(1), shape) for shape in (x_shape, w_shape))

    def call():
        with pytest.raises(hwio.LimitError):
            hwio.conv(x, w, **options)

    used, _ = peak(call)
    assert used < 1 << 20


@pytest.mark.parametrize("option", ["stride", "dilation", "padding"])
@pytest.mark.parametrize("size", [FAR, 2**62, 2**63 - 1, 2**63, 2**64, 2**100])
def test_far_options_are_computed_or_refused_and_never_wrap(option, size):
    x, w = np.arange(60.0).reshape(1, 5, 6, 2), np.ones((2, 3, 2, 2))

    def call():
        if size >= 2**63:  # no axis has so many cells
            with pytest.raises((hwio.ShapeError, hwio.LimitError)):
                hwio.conv(x, w, **{option: size})
        elif option == "stride":
            want = hwio.conv(x[:, :2, :3], w)
            for method in ("auto", "loop", "broadcast", "einsum", "tensordot", "im2col", "taps"):
                y = hwio.conv(x, w, stride=size, method=method)
                np.testing.assert_array_equal(y, want)
        else:
            with pytest.raises((hwio.ShapeError, hwio.LimitError)):
                hwio.conv(x, w, **{option: size})
            one = np.ones((1, 1, 2, 2))  # one tap has no neighbour at that distance
            if option == "dilation":
                np.testing.assert_array_equal(hwio.conv(x, one, dilation=size), hwio.conv(x, one))

    call()  # what a first call compiles is not counted
    used, _ = peak(call)
    assert used < 4 << 20


def test_more_than_2_to_31_elements():
    """Far corners of an array of 2^32 cells that takes the memory of one row."""
    row = np.arange(2**16, dtype=np.float32)
    x = np.broadcast_to(row[:, None], (1, 2**16, 2**16, 1))
    w = np.ones((2, 2, 1, 1), np.float32)
    y = hwio.conv(x, w, stride=2**15 - 1)
    at = np.arange(3) * (2**15 - 1)
    assert y.shape == (1, 3, 3, 1)
    np.testing.assert_array_equal(y[0, :, :, 0], np.tile(4.0 * at + 2, (3, 1)).astype(np.float32))
