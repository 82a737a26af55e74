"""The one call: what it returns for each argument, and laws that hold for every convolution."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import hwio
from cases import every_way, whole_arrays, whole_numbers
from definition import where
from hwio.methods import METHODS
from strategies import cases


@pytest.fixture
def thread():
    """Return the arrays of the course: 2 images of 5 × 7 with 4 channels, 8 filters of 3 × 3."""
    rng = np.random.RandomState(1)
    return rng.randn(2, 5, 7, 4), rng.randn(3, 3, 4, 8)


# The call.


def test_the_thread(thread):
    x, w = thread
    y = hwio.conv(x, w)
    assert type(y) is np.ndarray
    assert y.shape == (2, 3, 5, 8)
    assert round(y[0, 1, 2, 5], 4) == -1.6023
    sums = [(x[0, 1:4, 2:5, c] * w[:, :, c, 5]).sum() for c in range(4)]
    assert [round(s, 4) for s in sums] == [0.3229, -5.5012, -0.5347, 4.1108]
    assert abs(sum(sums) - y[0, 1, 2, 5]) < 1e-14


@pytest.mark.parametrize("method", METHODS)
def test_the_thread_by_every_method(thread, method):
    y = hwio.conv(*thread, method=method)
    np.testing.assert_allclose(y, hwio.conv(*thread), rtol=0, atol=1e-12)


def test_the_course_s_own_call(thread):
    """conv_forward(A_prev, W, b, {"stride": 2, "pad": 2}) of the course, written with slices."""
    a_prev, w = thread
    b = np.random.RandomState(2).randn(1, 1, 1, 8)
    padded = np.pad(a_prev, ((0, 0), (2, 2), (2, 2), (0, 0)))
    z = np.zeros((2, 4, 5, 8))
    for i, h, v, c in np.ndindex(z.shape):
        window = padded[i, 2 * h : 2 * h + 3, 2 * v : 2 * v + 3]
        z[i, h, v, c] = np.sum(window * w[..., c]) + b[0, 0, 0, c]
    y = hwio.conv(a_prev, w, b, stride=2, padding=2)
    np.testing.assert_allclose(y, z, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("case", "method"), every_way(), ids=str)
def test_bias_is_added_to_its_own_filter(case, method):
    x, w = whole_arrays(case, np.float64, most=8)
    b = 1000.0 * np.arange(1, case.problem.geometry.out_channels + 1)
    y = hwio.conv(x, w, b, method=method, **case.options)
    plain = hwio.conv(x, w, method=method, **case.options)
    at = case.problem.layout.y.index("C")
    added = np.moveaxis(y, at, -1) - np.moveaxis(plain, at, -1)
    np.testing.assert_allclose(added, np.broadcast_to(b, added.shape), rtol=1e-9)


def test_bias_has_two_forms():
    x, w, b = np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)), np.arange(8.0)
    for form in (b, b.reshape(1, 1, 1, 8), b.tolist(), b.astype(int)):
        np.testing.assert_array_equal(hwio.conv(x, w, form)[0, 0, 0], 36 + b)
    one = hwio.conv(x[..., :1], w[:, :, :1, :1], np.ones((1, 1, 1, 1)))
    assert (one == 10).all()
    for form in (
        b[:7],
        b.reshape(8, 1),
        b.reshape(1, 8),
        1.0,
        b.reshape(1, 1, 8),
        b.reshape(8, 1, 1, 1),
    ):
        with pytest.raises(hwio.ShapeError):
            hwio.conv(x, w, form)
    signal = hwio.conv(x[0], w[0], b.reshape(1, 1, 8))
    np.testing.assert_array_equal(signal[0, 0], 12 + b)


@pytest.mark.parametrize(
    ("activation", "low", "high"),
    [
        ("relu", 0, np.inf),
        ("relu6", 0, 6),
        ((-1, 2), -1, 2),
        ((None, 2.5), -np.inf, 2.5),
        ((0.5, None), 0.5, np.inf),
        ((None, None), -np.inf, np.inf),
        ([-3, 3], -3, 3),
        ((2, 2), 2, 2),
        ((-np.inf, np.inf), -np.inf, np.inf),
    ],
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activation_clips_after_the_bias(thread, activation, low, high, dtype):
    x, w = (a.astype(dtype) for a in thread)
    b = np.linspace(-3, 3, 8).astype(dtype)
    y = hwio.conv(x, w, b, activation=activation)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, hwio.conv(x, w, b).clip(low, high).astype(dtype))


def test_activation_keeps_nan():
    x = np.array([np.nan, -1, 1]).reshape(1, 3, 1)
    y = hwio.conv(x, np.ones((1, 1, 1)), activation="relu")
    assert np.isnan(y[0, 0, 0])
    assert y[0, 1:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("out_dtype", [np.float32, np.float64, "float64", float])
def test_out_dtype_of_floats(thread, out_dtype):
    x, w = (a.astype(np.float32) for a in thread)
    y = hwio.conv(x, w, out_dtype=out_dtype)
    assert y.dtype == np.dtype(out_dtype)
    np.testing.assert_allclose(y, hwio.conv(*thread), rtol=0, atol=1e-4)
    exact = hwio.conv(x.astype(float), w.astype(float))
    if y.dtype == np.float64:  # summed in the asked dtype, not rounded first
        np.testing.assert_allclose(y, exact, rtol=1e-11, atol=1e-13)


def test_options_take_ints_and_sequences_alike(thread):
    y = hwio.conv(*thread, stride=2, dilation=1, padding=1)
    for two in ((2, 2), [2, 2], np.int64(2), np.array([2, 2])):
        for one in (
            1,
            ((1, 1), (1, 1)),
            [(1, 1), (1, 1)],
            [1, 1],
            np.int8(1),
            np.ones((2, 2), int),
        ):
            np.testing.assert_array_equal(hwio.conv(*thread, stride=two, padding=one), y)


def test_importing_is_light():
    """hwio.conv must not need SciPy, and its FFT neither."""
    script = (
        "import sys, numpy as np, hwio;"
        "[hwio.conv(np.ones((1, 6, 6, 1)), np.ones((3, 3, 1, 1)), method=m) for m in "
        f"{list(METHODS)}]; print('scipy' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert printed.strip() == "False"


# Padding: every word as the pair it stands for, worked out by hand.

PAIRS = [
    # word, cells, taps, stride, dilation -> (low, high), outputs
    ("valid", 7, 3, 1, 1, (0, 0), 5),
    ("valid", 7, 3, 2, 2, (0, 0), 2),
    ("same", 7, 3, 1, 1, (1, 1), 7),
    ("same", 7, 4, 1, 1, (1, 2), 7),
    ("same", 6, 3, 2, 1, (0, 1), 3),  # TensorFlow
    ("same", 7, 3, 2, 1, (1, 1), 4),
    ("same", 5, 2, 3, 1, (0, 0), 2),
    ("same", 4, 1, 3, 1, (0, 0), 2),
    ("same", 7, 3, 1, 3, (3, 3), 7),
    ("same", 6, 3, 2, 2, (1, 2), 3),
    ("same", 1, 5, 4, 1, (2, 2), 1),
    ("same", 224, 7, 2, 1, (2, 3), 112),
    ("same_upper", 6, 3, 2, 1, (0, 1), 3),
    ("same_lower", 6, 3, 2, 1, (1, 0), 3),
    ("same_lower", 7, 4, 1, 1, (2, 1), 7),
    ("same_lower", 7, 3, 2, 1, (1, 1), 4),
    ("half", 6, 3, 2, 1, (1, 1), 3),  # PyTorch's padding=k//2
    ("half", 224, 7, 2, 1, (3, 3), 112),
    ("half", 7, 4, 1, 1, (2, 2), 8),
    ("half", 7, 3, 1, 2, (2, 2), 7),
    ("half", 7, 1, 1, 1, (0, 0), 7),
    ("full", 5, 3, 1, 1, (2, 2), 7),
    ("full", 5, 3, 2, 1, (2, 2), 4),
    ("full", 5, 2, 1, 4, (4, 4), 9),
    ("causal", 5, 3, 1, 1, (2, 0), 5),
    ("causal", 5, 3, 1, 2, (4, 0), 5),
    (3, 5, 3, 1, 1, (3, 3), 9),
    ((2, 1), 5, 3, 1, 1, (2, 1), 6),
    ([(0, 2)], 5, 3, 1, 1, (0, 2), 5),
]


@pytest.mark.parametrize(("padding", "n", "k", "s", "d", "pair", "out"), PAIRS)
def test_each_padding_is_the_pair_it_stands_for(padding, n, k, s, d, pair, out):
    x = np.random.default_rng(0).integers(-9, 10, (1, n, 1))
    w = np.random.default_rng(1).integers(1, 10, (k, 1, 1))
    geometry = hwio.plan(x, w, padding=padding, stride=s, dilation=d).geometry
    assert geometry.padding == (pair,)
    assert geometry.out_size == (out,)
    y = hwio.conv(x, w, padding=padding, stride=s, dilation=d)
    by_hand = hwio.conv(np.pad(x, ((0, 0), pair, (0, 0))), w, stride=s, dilation=d)
    np.testing.assert_array_equal(y, by_hand)


def test_problem_4_same_with_stride_2_has_one_shape_and_two_values():
    x, w = np.arange(36.0).reshape(1, 6, 6, 1), np.arange(9.0).reshape(3, 3, 1, 1)
    tensorflow, pytorch = (hwio.conv(x, w, padding=p, stride=2) for p in ("same", "half"))
    assert tensorflow.shape == pytorch.shape == (1, 3, 3, 1)
    assert tensorflow[0, 0, 0, 0] == (x[0, :3, :3, 0] * w[:, :, 0, 0]).sum()
    assert pytorch[0, 0, 0, 0] == (x[0, :2, :2, 0] * w[1:, 1:, 0, 0]).sum()


@pytest.mark.parametrize("mode", ["zeros", "edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_each_padding_mode_is_an_index(mode, n):
    """A kernel of one tap shows the padded x itself."""
    x = np.arange(1, n + 1).reshape(1, n, 1)
    most = {"reflect": n - 1, "symmetric": n, "wrap": n}.get(mode, 4)
    for low in range(most + 1):
        for high in range(most + 1):
            y = hwio.conv(x, np.ones((1, 1, 1), int), padding=(low, high), padding_mode=mode)
            found = (where(i, n, mode) for i in range(-low, n + high))
            assert y.ravel().tolist() == [0 if at is None else at + 1 for at in found]


def test_problem_8_flip_is_the_convolution_of_mathematics():
    x, w = np.array([1, 2, 3, 4]).reshape(1, 4, 1), np.array([1, 0, -1]).reshape(3, 1, 1)
    assert hwio.conv(x, w).ravel().tolist() == [-2, -2]
    assert hwio.conv(x, w, flip=True).ravel().tolist() == [2, 2]
    full = hwio.conv(x, w, flip=True, padding="full").ravel()
    assert full.tolist() == np.convolve([1, 2, 3, 4], [1, 0, -1]).tolist()


# Laws, on whole numbers, hence exact.


def drawn(case, seed, count=1):
    """Return x and ``count`` different w of a case."""
    rng = np.random.default_rng(seed)
    shapes = [case.x_shape, *[case.w_shape] * count]
    return [whole_numbers(rng, shape, np.float64, 9) for shape in shapes]


@given(case=cases(), seed=st.integers(0, 99))
def test_it_is_linear_in_x_and_in_w(case, seed):
    x, w, v = drawn(case, seed, 2)
    a, _ = drawn(case, seed + 100)

    def conv(x, w):
        return hwio.conv(x, w, **case.options)

    np.testing.assert_array_equal(conv(2 * x - a, w), 2 * conv(x, w) - conv(a, w))
    np.testing.assert_array_equal(conv(x, 3 * w + v), 3 * conv(x, w) + conv(x, v))


@given(case=cases(modes=("zeros",), flips=False), seed=st.integers(0, 99))
def test_turning_everything_turns_the_result(case, seed):
    """With x, w and the sides of the padding turned round, y is turned round, if windows tile."""
    geo = case.problem.geometry
    pairs = zip(geo.padded_size, geo.reach, geo.stride, strict=True)
    assume(not any((n - reach) % s for n, reach, s in pairs))
    x, w = drawn(case, seed)
    lay = case.problem.layout
    turned = case.options | {"padding": [(high, low) for low, high in geo.padding]}

    def turn(a, letters):
        return np.flip(a, [letters.index(axis) for axis in lay.spatial])

    y = hwio.conv(turn(x, lay.x), turn(w, lay.w), **turned)
    np.testing.assert_array_equal(y, turn(hwio.conv(x, w, **case.options), lay.y))


@given(case=cases(layouts=False, depthwise=False), seed=st.integers(0, 99))
def test_groups_are_convolutions_side_by_side(case, seed):
    x, w = drawn(case, seed)
    y = hwio.conv(x, w, **case.options)
    groups = case.options["groups"]
    alone = case.options | {"groups": 1}
    parts = zip(np.split(x, groups, -1), np.split(w, groups, -1), strict=True)
    side_by_side = np.concatenate([hwio.conv(a, b, **alone) for a, b in parts], -1)
    np.testing.assert_array_equal(y, side_by_side)


@given(case=cases(layouts=False, depthwise=False, most_groups=1), seed=st.integers(0, 99))
def test_channels_add_up(case, seed):
    x, w = drawn(case, seed)
    total = sum(
        hwio.conv(x[..., c : c + 1], w[..., c : c + 1, :], **case.options)
        for c in range(x.shape[-1])
    )
    np.testing.assert_array_equal(hwio.conv(x, w, **case.options), total)


@given(case=cases(layouts=False), seed=st.integers(0, 99))
def test_stride_takes_every_sth_output(case, seed):
    x, w = drawn(case, seed)
    geo = case.problem.geometry
    options = case.options | {"padding": list(geo.padding)}
    step = tuple(slice(None, None, s) for s in geo.stride)
    dense = hwio.conv(x, w, **(options | {"stride": 1}))
    np.testing.assert_array_equal(hwio.conv(x, w, **options), dense[(slice(None), *step)])


@given(case=cases(layouts=False), seed=st.integers(0, 99))
def test_dilation_is_a_kernel_with_zeros_between(case, seed):
    x, w = drawn(case, seed)
    geo = case.problem.geometry
    spread = np.zeros((*geo.reach, *w.shape[-2:]))
    spread[tuple(slice(None, None, d) for d in geo.dilation)] = w
    options = case.options | {"dilation": 1, "padding": list(geo.padding)}
    np.testing.assert_array_equal(hwio.conv(x, w, **case.options), hwio.conv(x, spread, **options))


@given(
    case=cases(ranks=(1, 2), layouts=False, depthwise=False, most_groups=1), seed=st.integers(0, 99)
)
@settings(max_examples=60)
def test_two_in_a_row_are_one_with_both_kernels_convolved(case, seed):
    """(x * w) * v = x * (w * v), with "valid" twice against "full" inside."""
    geo = case.problem.geometry
    ndim = geo.ndim
    rng = np.random.default_rng(seed)
    v = whole_numbers(rng, (*(2,) * ndim, geo.out_channels, 3), np.float64, 4)
    x, w = drawn(case, seed)
    x = np.pad(x, [(0, 0), *[(k, k + 1) for k in geo.kernel], (0, 0)])
    twice = hwio.conv(hwio.conv(x, w, flip=True), v, flip=True)
    # each channel of w as an image: (i, *kernel, o) * v (*2, o, 3) -> (i, *both, 3)
    both = hwio.conv(np.moveaxis(w, -2, 0), v, flip=True, padding="full")
    once = hwio.conv(x, np.moveaxis(both, 0, -2), flip=True)
    np.testing.assert_array_equal(twice, once)


@given(case=cases(layouts=False, modes=("zeros",)), seed=st.integers(0, 99))
def test_a_part_of_the_output_needs_a_part_of_the_input(case, seed):
    """Output rows [a, b) from input rows [a·s - low, (b - 1)·s - low + reach), wherever that is."""
    x, w = drawn(case, seed)
    geo = case.problem.geometry
    n, out, s = geo.in_size[0], geo.out_size[0], geo.stride[0]
    low, rest = geo.padding[0][0], list(geo.padding[1:])
    y = hwio.conv(x, w, **case.options)
    for a in range(0, out, 2):
        b = min(a + 2, out)
        first, last = a * s - low, (b - 1) * s - low + geo.reach[0]
        part = x[:, max(first, 0) : max(min(last, n), 0)]
        sides = (max(-first, 0), max(last - n, 0))
        if part.shape[1] == 0:  # the rows lie in the padding
            assert (y[:, a:b] == 0).all()
            continue
        options = case.options | {"padding": [sides, *rest]}
        np.testing.assert_array_equal(hwio.conv(part, w, **options), y[:, a:b])


def test_one_bright_pixel_shows_the_kernel_turned():
    """An impulse draws the kernel itself: turned by a correlation, upright by a convolution."""
    x = np.zeros((1, 7, 8, 1))
    x[0, 3, 4, 0] = 1
    w = np.arange(1.0, 7.0).reshape(2, 3, 1, 1)
    y = hwio.conv(x, w, padding="full")[0, :, :, 0]
    assert y[3:5, 4:7].tolist() == w[::-1, ::-1, 0, 0].tolist()
    assert y.sum() == w.sum()
    upright = hwio.conv(x, w, padding="full", flip=True)[0, :, :, 0]
    assert upright[3:5, 4:7].tolist() == w[:, :, 0, 0].tolist()
