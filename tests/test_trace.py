"""One number traced: it is conv's number, its code runs, and wrong places are refused in words."""

import numpy as np
import pytest

import hwio
from cases import CASES
from hwio.methods.accuracy import direct_bound
from hwio.ops.canonical import canonical_arrays
from hwio.ops.planning import problem_of
from hwio.show.case import read_case
from hwio.show.explain.expression import code_of, expression, pad_line
from hwio.show.explain.trace import trace
from strategies import seeded_cases

RNG = np.random.RandomState


def arrays_of(case, seed=0):
    rng = RNG(seed)
    return rng.randn(*case.x_shape), rng.randn(*case.w_shape)


def traced(x, w, at, b=None, **options):
    return trace(read_case(x, w, b, options), at)


def some_places(shape, seed=0, most=6):
    """Return the corners, and a few places between."""
    if 0 in shape:
        return []
    rng = RNG(seed)
    inner = [tuple(int(rng.randint(n)) for n in shape) for _ in range(most)]
    return [(0,) * len(shape), tuple(n - 1 for n in shape), *inner]


def bound_at(x, w, found):
    """Return the published bound of one number, from its own products."""
    products = np.abs(found.products.astype(float))
    k = products.size
    return 4 * np.sqrt(k) * 2.0**-53 * products.sum() + k * 5e-324


def run(found, x, w, b=None):
    """Run the printed code and nothing else."""
    names = {"np": np, "x": x, "w": w, "b": b}
    if pad_line(found):
        exec(pad_line(found), names)
    return eval(code_of(found), names)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_trace_is_the_number_of_conv_and_so_is_its_code(case):
    x, w = arrays_of(case)
    y = hwio.conv(x, w, method="im2col", **case.options)
    for at in some_places(y.shape):
        found = traced(x, w, at, **case.options)
        bound = bound_at(x, w, found)
        assert abs(found.value - y[at]) <= bound
        assert abs(run(found, x, w) - y[at]) <= bound
        assert abs(sum(found.sums) - y[at]) <= bound


def test_random_traces_are_the_numbers_of_conv():
    for i, case in enumerate(seeded_cases(7, 300)):
        x, w = arrays_of(case, i)
        y = hwio.conv(x, w, method="im2col", **case.options)
        for at in some_places(y.shape, i, most=2):
            found = traced(x, w, at, **case.options)
            bound = bound_at(x, w, found)
            assert abs(found.value - y[at]) <= bound, (case, at)
            assert abs(run(found, x, w) - y[at]) <= bound, (case, at, code_of(found))


def test_the_bound_used_here_is_the_published_one():
    x, w = RNG(0).randn(1, 5, 5, 3), RNG(1).randn(3, 3, 3, 2)
    found = traced(x, w, (0, 1, 2, 1))
    geo = found.case.geo
    assert bound_at(x, w, found) == pytest.approx(
        direct_bound(x, w, geo, 2.0**-53)[0, 1, 2, 1], rel=1e-12
    )


@pytest.mark.parametrize("mode", ["zeros", "edge", "reflect", "symmetric", "wrap"])
def test_the_window_holds_what_padding_puts_there(mode):
    x, w = RNG(0).randn(2, 5, 6, 3), RNG(1).randn(3, 4, 3, 2)
    options = {"padding": [(2, 3), (4, 1)], "padding_mode": mode, "dilation": (2, 1), "stride": 2}
    problem = problem_of(x, w, **options)
    padded, _ = canonical_arrays(problem, x, w)
    for at in np.ndindex(problem.geometry.y_shape):
        n, i, j, _ = at
        window = padded[n, 2 * i : 2 * i + 5 : 2, 2 * j : 2 * j + 4]
        np.testing.assert_array_equal(traced(x, w, at, **options).window, window)


def test_the_thread_s_number():
    rng = RNG(1)
    x, w = rng.randn(2, 5, 7, 4), rng.randn(3, 3, 4, 8)
    found = traced(x, w, (0, 1, 2, 5))
    assert expression(found) == "x[0, 1:4, 2:5, :] * w[:, :, :, 5]"
    assert code_of(found) == "np.sum(x[0, 1:4, 2:5, :] * w[:, :, :, 5])"
    assert [f"{s:.4f}" for s in found.sums] == ["0.3229", "-5.5012", "-0.5347", "4.1108"]
    assert f"{found.value:.4f}" == "-1.6023"


@pytest.mark.parametrize(
    ("x", "w", "at", "options", "text"),
    [
        ((1, 4, 9, 9), (8, 4, 3, 3), (0, 5, 1, 2), {"layout": "NCHW,OIHW"},
         "x[0, :, 1:4, 2:5] * w[5, :, :, :]"),
        ((1, 9, 9, 4), (8, 4, 3, 3), (0, 1, 2, 5), {"layout": "NHWC,OIHW"},
         "x[0, 1:4, 2:5, :] * w[5, :, :, :].transpose(1, 2, 0)"),
        ((1, 9, 9, 4), (8, 3, 3, 4), (0, 1, 2, 5), {"layout": "NHWC,OHWI"},
         "x[0, 1:4, 2:5, :] * w[5, :, :, :]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 5, 1, 2), {"layout": "NHWC,HWIO->NCHW"},
         "x[0, 1:4, 2:5, :] * w[:, :, :, 5]"),
        ((9, 9, 4), (3, 3, 4, 8), (1, 2, 5), {"layout": "HWC,HWIO"},
         "x[1:4, 2:5, :] * w[:, :, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 0, 0, 5), {"padding": 1},
         "x[0, 0:2, 0:2, :] * w[1:3, 1:3, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 0, 0, 5), {"padding": 1, "flip": True},
         "x[0, 0:2, 0:2, :] * w[1::-1, 1::-1, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 1, 2, 5), {"flip": True},
         "x[0, 1:4, 2:5, :] * w[::-1, ::-1, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 2, 8), (0, 1, 2, 5), {"groups": 2},
         "x[0, 1:4, 2:5, 2:4] * w[:, :, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 4, 2), (0, 1, 2, 5), {"layout": "NHWC,HWCM"},
         "x[0, 1:4, 2:5, 2] * w[:, :, 2, 1]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 1, 2, 5), {"stride": 2, "dilation": 2},
         "x[0, 2:7:2, 4:9:2, :] * w[:, :, :, 5]"),
        ((1, 9, 9, 4), (3, 3, 4, 8), (0, 0, 4, 5), {"padding": 1, "padding_mode": "reflect"},
         "xp[0, 0:3, 4:7, :] * w[:, :, :, 5]"),
        ((1, 9, 9, 1), (3, 3, 1, 2), (0, 1, 2, 1), {"layout": "NWHC,HWIO->NHWC"},
         "x[0, 2:5, 1:4, 0] * w[:, :, 0, 1].T"),
        ((1, 9, 3), (3, 3, 2), (0, 4, 1), {}, "x[0, 4:7, :] * w[:, :, 1]"),
    ],
)  # fmt: skip
def test_expressions_are_in_the_user_s_own_letters(x, w, at, options, text):
    assert expression(traced(x, w, at, **options)) == text
    a, b = RNG(0).randn(*x), RNG(1).randn(*w)
    found = traced(a, b, at, **options)
    assert run(found, a, b) == pytest.approx(hwio.conv(a, b, **options)[at], rel=1e-12)


@pytest.mark.parametrize("shape", [(8,), (1, 1, 1, 8)])
@pytest.mark.parametrize("activation", [None, "relu", "relu6", (-1, 1), (None, 0.5)])
def test_bias_and_activation_belong_to_the_number(shape, activation):
    x, w, b = RNG(0).randn(2, 5, 7, 4), RNG(1).randn(3, 3, 4, 8), RNG(2).randn(*shape)
    y = hwio.conv(x, w, b, activation=activation, padding="same")
    for at in some_places(y.shape):
        found = traced(x, w, at, b, activation=activation, padding="same")
        assert found.value == pytest.approx(y[at], rel=1e-12, abs=1e-13)
        assert run(found, x, w, b) == pytest.approx(y[at], rel=1e-12, abs=1e-13)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "int64"])
def test_integers_are_exact_and_the_code_does_not_wrap(dtype):
    x = np.full((1, 6, 6, 9), np.iinfo(dtype).max // 2, dtype)
    w = np.full((3, 3, 9, 2), min(np.iinfo(dtype).max, 99), dtype)
    if dtype == "int64":
        x = x // 2**50
    y = hwio.conv(x, w, out_dtype=np.int64)
    found = traced(x, w, (0, 1, 2, 1), out_dtype=np.int64)
    assert found.value == y[0, 1, 2, 1]
    assert run(found, x, w) == y[0, 1, 2, 1]


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "complex128"])
def test_other_dtypes_are_traced_too(dtype):
    x, w = RNG(0).randn(1, 6, 6, 3).astype(dtype), RNG(1).randn(3, 3, 3, 2).astype(dtype)
    if "complex" in dtype:
        x = x + 1j * RNG(2).randn(*x.shape).astype("float32")
    y = hwio.conv(x, w)
    found = traced(x, w, (0, 1, 2, 1))
    assert complex(found.value) == pytest.approx(complex(y[0, 1, 2, 1]), rel=2e-3)
    assert complex(run(found, x, w)) == pytest.approx(complex(found.value), rel=1e-4)


def test_nan_and_infinity_are_traced_without_a_warning():
    x, w = np.ones((1, 4, 4, 1)), np.ones((3, 3, 1, 1))
    x[0, 1, 1, 0], x[0, 2, 2, 0] = np.inf, -np.inf
    found = traced(x, w, (0, 0, 0, 0), activation="relu")
    assert np.isnan(found.total)
    assert np.isnan(found.value)


def test_x_is_not_padded_for_one_number():
    x = np.broadcast_to(np.float32(1), (1, 40_000, 40_000, 1))  # 6.4 GB, were it real
    w = np.ones((3, 3, 1, 1), np.float32)
    found = traced(x, w, (0, 0, 39_999, 0), padding=1, memory_limit=2**50)
    assert found.value == 4
    assert found.outside.sum() == 5


def test_shapes_are_traced_without_values():
    found = traced((1, 9, 9, 4), (3, 3, 4, 8), (0, 0, 2, 5), padding=1)
    assert (found.value, found.sums, found.products, found.window) == (None,) * 4
    assert found.outside.tolist() == [[True] * 3, [False] * 3, [False] * 3]
    assert code_of(found) == "np.sum(x[0, 0:2, 1:4, :] * w[1:3, :, :, 5])"


ERRORS = [
    (
        (0, 1, 2, 8), {}, hwio.ShapeError,
        ("at=(0, 1, 2, 8): C = 8 lies outside y\n"
        "  y  (2, 3, 5, 8)  read as NHWC:  N=2 H=3 W=5 C=8\n"
        "  legal:  N 0 … 1   H 0 … 2   W 0 … 4   C 0 … 7\n"
        "  fix: at=(0, 1, 2, 7)"),
    ),
    (
        (0, 1, 2, -1), {}, hwio.ShapeError,
        ("at=(0, 1, 2, -1): C = -1 lies outside y\n"
        "  y  (2, 3, 5, 8)  read as NHWC:  N=2 H=3 W=5 C=8\n"
        "  legal:  N 0 … 1   H 0 … 2   W 0 … 4   C 0 … 7      counted from 0, no negatives\n"
        "  fix: at=(0, 1, 2, 7)"),
    ),
    (
        (0, 1, 2), {}, hwio.ShapeError,
        ("at=(0, 1, 2) names 3 axes but y has 4\n"
        "  y  (2, 3, 5, 8)  read as NHWC:  N=2 H=3 W=5 C=8\n"
        "  fix: at=(0, 1, 2, 0)"),
    ),
    (
        (0, 1, 2, 5), {"layout": "NHWC,HWIO->NCHW"}, hwio.ShapeError,
        ("at=(0, 1, 2, 5): W = 5 lies outside y\n"
        "  y  (2, 8, 3, 5)  read as NCHW:  N=2 C=8 H=3 W=5\n"
        "  legal:  N 0 … 1   C 0 … 7   H 0 … 2   W 0 … 4\n"
        "  fix: at=(0, 1, 2, 4)"),
    ),
    (
        5, {}, hwio.ArgumentTypeError,
        ("at=5 is not one integer per axis of y\n"
        "  y  (2, 3, 5, 8)  read as NHWC:  N=2 H=3 W=5 C=8\n"
        "  fix: at=(1, 0, 0, 0)"),
    ),
    (
        (0, 1.0, 2, 5), {}, hwio.ArgumentTypeError,
        ("at=(0, 1.0, 2, 5) is not one integer per axis of y\n"
        "  y  (2, 3, 5, 8)  read as NHWC:  N=2 H=3 W=5 C=8\n"
        "  fix: at=(0, 1, 2, 5)"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("at", "options", "kind", "text"), ERRORS)
def test_a_place_that_y_lacks_is_refused_in_words(at, options, kind, text):
    with pytest.raises(kind) as caught:
        hwio.explain((2, 5, 7, 4), (3, 3, 4, 8), at=at, **options)
    assert str(caught.value) == text


def test_an_empty_output_has_no_number_to_trace():
    with pytest.raises(hwio.ShapeError) as caught:
        hwio.explain((0, 5, 7, 4), (3, 3, 4, 8), at=(0, 0, 0, 0))
    assert str(caught.value) == (
        "at=(0, 0, 0, 0): y (0, 3, 5, 8) holds no number\n"
        "  y  (0, 3, 5, 8)  read as NHWC:  N=0 H=3 W=5 C=8"
    )


def test_numpy_integers_and_lists_are_places():
    at = list(np.array([0, 1, 2, 5]))
    assert traced((2, 5, 7, 4), (3, 3, 4, 8), at).at == (0, 1, 2, 5)
