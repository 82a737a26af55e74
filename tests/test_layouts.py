"""Any order of the letters is a layout: the same numbers, found elsewhere, and nothing copied."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwio
from cases import CASES, whole_arrays
from hwio.ops.canonical import canonical_arrays
from hwio.ops.planning import problem_of
from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS, parse_layout

X = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
W = {1: "WIO", 2: "HWIO", 3: "DHWIO"}
SHAPES = {  # no two sizes of one array are the same, so a wrong order can't fit by chance
    1: ((2, 9, 4), (3, 4, 5)),
    2: ((2, 5, 7, 4), (3, 2, 4, 8)),
    3: ((1, 5, 4, 6, 2), (3, 1, 4, 2, 5)),
}


def orders(letters):
    return ["".join(order) for order in permutations(letters)]


def arrays(ndim, dtype=np.int64):
    rng = np.random.default_rng(ndim)
    return tuple(rng.integers(-9, 10, shape).astype(dtype) for shape in SHAPES[ndim])


def ordered(array, source, target):
    """Return the array with its axes in another order, as a copy that lies in that order."""
    return np.ascontiguousarray(array.transpose([source.index(letter) for letter in target]))


def check_all(ndim, layouts, **options):
    """Convolve in each layout and compare with the plain call, element by element."""
    x, w = arrays(ndim)
    y = hwio.conv(x, w, **options)
    there = {letters: ordered(x, X[ndim], letters) for letters in orders(X[ndim])}
    weights = {letters: ordered(w, W[ndim], letters) for letters in orders(W[ndim])}
    want = {letters: ordered(y, X[ndim], letters) for letters in orders(X[ndim])}
    count = 0
    for a, b, c in layouts:
        got = hwio.conv(there[a], weights[b], layout=f"{a},{b}->{c}", **options)
        assert got.shape == want[c].shape
        assert (got == want[c]).all(), f"{a},{b}->{c}"
        count += 1
    return count


def test_every_layout_of_signals():
    layouts = product(orders("NWC"), orders("WIO"), orders("NWC"))
    assert check_all(1, layouts, padding=(1, 2), stride=2) == 6**3


def test_every_layout_of_images():
    """X and w in every order, and y in every order once for each order of x."""
    xs, ws = orders("NHWC"), orders("HWIO")
    inputs = [(a, b, xs[(i + j) % 24]) for (i, a), (j, b) in product(enumerate(xs), enumerate(ws))]
    options = {"padding": [(1, 0), (0, 2)], "stride": (1, 2)}
    assert check_all(2, inputs, **options) == 24**2
    assert check_all(2, [(a, "OIHW", c) for a, c in product(xs, xs)], **options) == 24**2


def test_many_layouts_of_volumes():
    xs, ws = orders("NDHWC"), orders("DHWIO")
    layouts = [(xs[i], ws[(7 * i + 3) % 120], xs[(11 * i + 5) % 120]) for i in range(120)]
    assert check_all(3, layouts, padding=1, flip=True) == 120


@pytest.mark.parametrize("ndim", [1, 2])
def test_every_layout_of_one_image(ndim):
    x, w = arrays(ndim)
    x = x[0]
    letters = X[ndim][1:]
    y = hwio.conv(x[None], w)[0]
    for a, c in product(orders(letters), repeat=2):
        got = hwio.conv(ordered(x, letters, a), w, layout=f"{a},{W[ndim]}->{c}")
        np.testing.assert_array_equal(got, ordered(y, letters, c))


def test_every_order_of_depthwise_weights():
    """(H, W, C, M) is the grouped form with I = 1, filter c·M + m seeing channel c."""
    x = arrays(2)[0]
    w = np.random.default_rng(0).integers(-9, 10, (3, 2, 4, 5))
    y = hwio.conv(x, w.reshape(3, 2, 1, 20), groups=4)
    for letters in orders("HWCM"):
        got = hwio.conv(x, ordered(w, "HWCM", letters), layout=f"NHWC,{letters}")
        np.testing.assert_array_equal(got, y)
        np.testing.assert_array_equal(
            hwio.conv(x, ordered(w, "HWCM", letters), layout=f"NHWC,{letters}", groups=4), y
        )
    for c, m in product(range(4), range(5)):
        alone = hwio.conv(x[..., c : c + 1], w[:, :, c : c + 1, m : m + 1])
        np.testing.assert_array_equal(y[..., 5 * c + m], alone[..., 0])


@pytest.mark.parametrize(
    "method", ["loop", "broadcast", "einsum", "tensordot", "im2col", "taps", "fft"]
)
@pytest.mark.parametrize("weights", [name for name in WEIGHT_LAYOUTS[2] if "M" not in name])
def test_each_method_takes_filters_in_each_named_layout(method, weights):
    x, w = arrays(2, np.float64)
    y = hwio.conv(x, ordered(w, "HWIO", weights), layout=f"NHWC,{weights}", method=method)
    np.testing.assert_array_equal(np.rint(y), hwio.conv(x, w))


def test_each_default_is_channels_last_and_filters_last():
    for ndim in (1, 2, 3):
        x, w = arrays(ndim)
        text = f"{X[ndim]},{W[ndim]}->{X[ndim]}"
        assert hwio.conv(x, w).tolist() == hwio.conv(x, w, layout=text).tolist()
        short = hwio.conv(x, w, layout=f"{X[ndim]},{W[ndim]}")
        assert short.tolist() == hwio.conv(x, w).tolist()


def test_layouts_are_views():
    for case in CASES:
        problem = case.problem
        x, w = whole_arrays(case)
        a, b = canonical_arrays(problem, x, w)
        if x.size and w.size:
            assert np.shares_memory(w, b) or problem.layout.depthwise
            assert np.shares_memory(x, a) != problem.geometry.padded
        assert a.shape == (
            problem.geometry.n,
            *problem.geometry.padded_size,
            problem.geometry.in_channels,
        )
        assert b.shape == problem.geometry.w_shape


def test_strides_follow_the_letters():
    x, w = arrays(2)
    problem = problem_of(ordered(x, "NHWC", "CNWH"), w, layout="CNWH,HWIO")
    stored = ordered(x, "NHWC", "CNWH")
    a, _ = canonical_arrays(problem, stored, w)
    assert a.strides == tuple(stored.strides["CNWH".index(letter)] for letter in "NHWC")


# The string itself.


def test_spaces_do_not_matter():
    assert parse_layout(" NHWC , OHWI -> NCHW ") == parse_layout("NHWC,OHWI->NCHW")
    assert parse_layout("NCHW,OIHW").text == "NCHW,OIHW->NCHW"


@given(text=st.text("NDHWCIOM,->x ", max_size=16) | st.builds(
    "{},{}->{}".format, *(st.permutations(list(s)).map("".join) for s in ("NHWC", "HWIO", "NHWC"))
))  # fmt: skip
def test_any_string_is_a_layout_or_a_layout_error(text):
    try:
        layout = parse_layout(text)
    except hwio.LayoutError:
        return
    space = sorted({1: "W", 2: "HW", 3: "DHW"}[layout.ndim])
    batch = ["N"] if layout.batched else []
    assert sorted(layout.x) == sorted(layout.y) == sorted([*space, *batch, "C"])
    assert sorted(layout.w) in (sorted([*space, *"IO"]), sorted([*space, *"CM"]))
    assert parse_layout(layout.text) == layout


@pytest.mark.parametrize(
    "layout",
    [
        *("", ",", "->", "NHWC", "NHWC,HWIO->", "NHWC->HWIO", "NHWC,HWIO,NHWC", "NHWC;HWIO"),
        *(
            "NHWC,HWIO->NHWCC",
            "NHHC,HWIO",
            "NHWC,HWII",
            "NHWC,HWIO->NHWO",
            "NHWC,HWIX",
            "nhwc,hwio",
        ),
        *("NHWC,DHWIO", "NDHWC,HWIO", "NHWC,HWIO->HWC", "HWC,HWIO->NHWC", "NHWC,HWCO", "NHWC,HWIM"),
        *("NHC,HIO", "NDWC,DWIO", "NC,IO", "NHW,HWIO", "NHWC,HWI", "NHWC,HW", "NHWC,HWIO-NHWC"),
    ],
)
def test_malformed_layouts_are_refused(layout):
    with pytest.raises(hwio.LayoutError):
        hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)), layout=layout)


@pytest.mark.parametrize("layout", [5, b"NHWC,HWIO", ("NHWC", "HWIO"), ["NHWC,HWIO"]])
def test_a_layout_that_is_no_string_is_refused(layout):
    with pytest.raises(hwio.ArgumentTypeError):
        hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)), layout=layout)


@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_every_named_layout_is_accepted(ndim):
    x, w = arrays(ndim)
    for a, b in product(ACTIVATION_LAYOUTS[ndim], WEIGHT_LAYOUTS[ndim]):
        if "M" not in b:
            y = hwio.conv(ordered(x, X[ndim], a), ordered(w, W[ndim], b), layout=f"{a},{b}")
            np.testing.assert_array_equal(y, ordered(hwio.conv(x, w), X[ndim], a))


# What people get wrong: the shape is legal and the values are not.


def test_problem_1_reading_a_weight():
    """Filter k is w[:, :, :, k], and nothing else."""
    x, w = arrays(2)
    y = hwio.conv(x, w)
    for k in range(w.shape[3]):
        one = w[:, :, :, k]
        window = x[1, 2:5, 3:5, :]
        assert y[1, 2, 3, k] == (window * one).sum()


def test_problem_2_reshape_keeps_the_shape_and_scrambles_the_values():
    x, w = (
        np.random.default_rng(0).standard_normal((2, 5, 7, 4)),
        np.arange(288.0).reshape(3, 3, 4, 8),
    )
    y = hwio.conv(x, w)
    moved = np.moveaxis(w, -1, 0)
    assert moved.base is not None
    np.testing.assert_allclose(hwio.conv(x, moved, layout="NHWC,OHWI"), y, rtol=1e-12, atol=1e-9)
    wrong = hwio.conv(x, w.reshape(8, 3, 3, 4), layout="NHWC,OHWI")
    assert wrong.shape == y.shape
    assert not np.isclose(wrong, y).any()


def test_problem_2_the_classic_slip_swaps_height_and_width():
    """(3, 2, 1, 0) is HWIO to OIWH: invisible in the shape of a square kernel."""
    x, w = arrays(2, np.float64)
    w = np.random.default_rng(0).integers(-9, 10, (3, 3, 4, 8)).astype(float)
    slip, right = w.transpose(3, 2, 1, 0), w.transpose(3, 2, 0, 1)
    assert slip.shape == right.shape
    y = hwio.conv(x, w)
    np.testing.assert_array_equal(hwio.conv(x, right, layout="NHWC,OIHW"), y)
    np.testing.assert_array_equal(hwio.conv(x, slip, layout="NHWC,OIWH"), y)
    assert (hwio.conv(x, slip, layout="NHWC,OIHW") != y).any()


def test_problem_3_where_every_layout_fits_none_is_guessed():
    x, w = np.zeros((1, 3, 3, 3)), np.arange(81.0).reshape(3, 3, 3, 3)
    x[0, 0, 1, 2] = 1
    results = {name: hwio.conv(x, w, layout=f"NHWC,{name}").tolist() for name in WEIGHT_LAYOUTS[2]}
    assert results["HWIO"] == hwio.conv(x, w).tolist()
    assert results["HWIO"] != results["OIHW"] != results["OHWI"]
