"""Integers are exact or an error; halves and complex numbers keep what they promise."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hwio
from cases import CASES, Case, whole_arrays
from definition import convolve
from hwio.methods import METHODS
from strategies import cases

INTEGERS = [np.dtype(f"{kind}int{bits}") for kind in ("", "u") for bits in (8, 16, 32, 64)]
TABLE = [CASES[at] for at in (0, 5, 12, 19, 24, 28, 44, 55, 61)]


def by_hand(case, x, w, b=None):
    """Convolve in Python's own integers; return an array of them."""
    shape, numbers = convolve(x.tolist(), w.tolist(), x.shape, w.shape, **case.options)
    y = np.empty(shape, object)
    at = case.problem.layout.y.index("C")
    for index, total in numbers.items():
        y[index] = total + (0 if b is None else int(b[index[at]]))
    return y


def random_integers(rng, shape, dtype, least=None, most=None):
    info = np.iinfo(dtype)
    return rng.integers(
        info.min if least is None else least,
        info.max if most is None else most,
        shape, dtype, endpoint=True,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_each_dtype_over_its_whole_range_is_exact(case, dtype):
    """Dtypes of 64 bits have no wider one, so their range here is what 64 bits can sum."""
    rng = np.random.default_rng(dtype.num)
    low, high = (
        (None, None) if dtype.itemsize < 8 else (0 if dtype.kind == "u" else -(2**28), 2**28)
    )
    x, w = (random_integers(rng, s, dtype, low, high) for s in (case.x_shape, case.w_shape))
    if dtype.itemsize == 4:
        w >>= 12  # K products of 2^31 and 2^31 leave 64 bits; these do not
    want = by_hand(case, x, w)
    for method in case.methods:
        if METHODS[method].transforms and dtype.itemsize > 2:
            continue
        y = hwio.conv(x, w, method=method, **case.options)
        assert y.dtype == {1: np.int32}.get(
            dtype.itemsize, "uint64" if dtype.kind == "u" else "int64"
        )
        assert y.tolist() == want.tolist(), method


@pytest.mark.parametrize(("one", "other"), list(product(INTEGERS, INTEGERS)), ids=str)
def test_every_pair_of_dtypes_is_exact(one, other):
    case = TABLE[0]
    rng = np.random.default_rng(0)
    few = {8: 2**30, 4: 2**24}
    x, w = (
        random_integers(
            rng, shape, dtype, 0 if dtype.kind == "u" else None, few.get(dtype.itemsize)
        )
        for shape, dtype in ((case.x_shape, one), (case.w_shape, other))
    )
    x, w = (np.clip(a, -(2**30), None) if a.dtype == np.int64 else a for a in (x, w))
    y = exact_or_none(x, w)
    if y is None:
        assert 36 * largest(x) * largest(w) >= 2**63
        return
    assert y.tolist() == by_hand(case, x, w).tolist()
    if one.itemsize == other.itemsize == 1:
        assert y.dtype == np.int32
    else:
        assert y.dtype == (np.uint64 if one.kind == other.kind == "u" else np.int64)


def largest(a):
    return max(abs(int(a.max(initial=0))), abs(int(a.min(initial=0))))


@st.composite
def extreme_integers(draw, shape, dtype):
    """Draw an array whose numbers are often 0, ±1 or next to an end of the dtype."""
    info = np.iinfo(dtype)
    ends = [0, 1, info.max, info.max - 1, info.min, info.min + 1, info.max // 2 + 1]
    number = st.one_of(st.sampled_from(ends), st.integers(info.min, info.max))
    size = int(np.prod(shape))
    values = draw(st.lists(number, min_size=size, max_size=size))
    return np.array(values, dtype).reshape(shape)


@given(data=st.data())
@settings(max_examples=400)
def test_whatever_the_numbers_the_result_is_exact_or_a_range_error(data):
    dtypes = [data.draw(st.sampled_from(INTEGERS)) for _ in range(3)]
    filters = data.draw(st.integers(1, 2))
    case = Case(
        "drawn",
        (1, data.draw(st.integers(1, 4)), 1),
        (1, 1, filters),
        {"padding": data.draw(st.integers(0, 1))},
    )
    if data.draw(st.booleans()) and case.x_shape[1] >= 2:
        case = Case("drawn", case.x_shape, (2, 1, filters), case.options)
    x = data.draw(extreme_integers(case.x_shape, dtypes[0]))
    w = data.draw(extreme_integers(case.w_shape, dtypes[1]))
    b = data.draw(st.none() | extreme_integers((filters,), dtypes[2]))
    out = data.draw(st.none() | st.sampled_from(INTEGERS))
    want = by_hand(case, x, w, b)
    bound = w.shape[0] * largest(x) * largest(w) + (0 if b is None else largest(b))
    y = exact_or_none(x, w, b, out_dtype=out, **case.options)
    if y is None:
        info = np.iinfo(out or result_dtype(x, w, b))
        assert bound >= 2**63 or not all(info.min <= v <= info.max for v in want.ravel())
    else:
        assert y.tolist() == want.tolist()


def exact_or_none(*arrays, **options):
    """Convolve; None stands for a RangeError."""
    try:
        return hwio.conv(*arrays, **options)
    except hwio.RangeError:
        return None


def result_dtype(x, w, b):
    """Return the dtype that the result has or would have had."""
    zero = [None if a is None else np.zeros_like(a) for a in (x, w, b)]
    return hwio.conv(*zero).dtype


def one_product(a, b, dtype, other=None, **options):
    """Convolve one number with one number."""
    x = np.array([[[a]]], dtype)
    w = np.array([[[b]]], other or dtype)
    return hwio.conv(x, w, **options)


def test_the_ends_of_each_dtype():
    for dtype in INTEGERS:
        info = np.iinfo(dtype)
        assert one_product(info.max, 1, dtype, out_dtype=dtype).item() == info.max
        assert one_product(info.min + 1, 1, dtype, out_dtype=dtype).item() == info.min + 1
        if dtype.itemsize < 8:
            assert one_product(info.min, 1, dtype, out_dtype=dtype).item() == info.min
            assert one_product(info.min, info.min, dtype, out_dtype=np.int64).item() == info.min**2


def test_uint64_above_2_to_63():
    for a, b in [(2**64 - 1, 1), (2**63, 1), (2**32 - 1, 2**32 + 1), (2**63 - 1, 2)]:
        assert one_product(a, b, np.uint64).item() == a * b
    for a, b in [(2**63, 2), (2**32, 2**32), (2**64 - 1, 2**64 - 1)]:
        with pytest.raises(hwio.RangeError):
            one_product(a, b, np.uint64)
    x = np.full((1, 3, 1), 2**62, np.uint64)
    assert hwio.conv(x, np.ones((3, 1, 1), np.uint64)).item() == 3 * 2**62
    b = np.array([2**62], np.uint64)
    with pytest.raises(hwio.RangeError):
        hwio.conv(x, np.ones((3, 1, 1), np.uint64), b + np.uint64(2**62))
    assert hwio.conv(x[:, :2], np.ones((2, 1, 1), np.uint64), b).item() == 3 * 2**62


def test_unsigned_and_signed_meet_without_a_wrap():
    assert one_product(2**31, -1, np.uint64, np.int64).item() == -(2**31)
    assert one_product(255, -128, np.uint8, np.int8).item() == -32640
    for out in (np.uint64, np.uint8):
        with pytest.raises(hwio.RangeError):
            one_product(1, -1, np.uint64, np.int8, out_dtype=out)
    with pytest.raises(hwio.RangeError):  # would be exact in no 64 bits
        one_product(2**63, -2, np.uint64, np.int64)
    with pytest.raises(hwio.RangeError):
        one_product(2**63, -1, np.uint64, np.int64, out_dtype=np.uint64)


@pytest.mark.parametrize("value", [-(2**63), 2**63 - 1])
def test_the_ends_of_int64(value):
    assert one_product(2**63 - 1, 1, np.int64).item() == 2**63 - 1
    assert one_product(-(2**63) + 1, 1, np.int64).item() == -(2**63) + 1
    for factor in (2, -2, 2**62):
        with pytest.raises(hwio.RangeError):
            one_product(value, factor, np.int64)
    y = one_product(value, 4, np.int64, out_dtype=np.float64)
    assert y.dtype == np.float64
    assert y.item() == 4.0 * value


@pytest.mark.parametrize(
    ("dtype", "out"),
    [(np.int8, np.int8), (np.uint8, np.uint8), (np.int16, np.int16), (np.int32, np.int32)],
)
def test_a_result_outside_its_dtype_is_an_error_and_never_wraps(dtype, out):
    top = int(np.iinfo(out).max)
    assert one_product(top, 1, dtype, out_dtype=out).item() == top
    with pytest.raises(hwio.RangeError, match=str(top + 1)):
        hwio.conv(
            np.full((1, 1, 1), top, dtype),
            np.ones((1, 1, 1), dtype),
            np.ones(1, dtype),
            out_dtype=out,
        )
    with pytest.raises(OverflowError):
        one_product(top, 2, dtype, out_dtype=out)


def test_eight_bits_sum_wide_over_many_channels():
    x, w = np.full((1, 3, 3, 500), 127, np.int8), np.full((3, 3, 500, 2), -128, np.int8)
    y = hwio.conv(x, w)
    assert y.dtype == np.int32
    assert y.tolist() == [[[[-127 * 128 * 4500] * 2]]]


@pytest.mark.parametrize("bound", [2**24, 2**24 + 1, 2**53, 2**53 + 1, 2**63 - 1])
def test_sums_on_both_sides_of_each_accumulator_are_exact(bound):
    """The accumulator grows from float32 to float64 to int64 where they stop being exact."""
    for parts in ((bound, 0), (bound - 1, 1), (bound // 2, bound - bound // 2)):
        x = np.array(parts, np.int64).reshape(1, 2, 1)
        for sign in (1, -1):
            y = hwio.conv(x, np.full((1, 1, 1), sign))
            assert y.ravel().tolist() == [sign * part for part in parts]
        if 2 * max(parts) < 2**63:
            assert hwio.conv(x, np.ones((2, 1, 1), int)).item() == bound


@pytest.mark.parametrize("method", [name for name, m in METHODS.items() if m.transforms])
def test_transforms_of_integers_are_exact_or_refused(method):
    rng = np.random.default_rng(0)
    for most in (2**8, 2**18):
        x, w = (rng.integers(-most, most, s) for s in ((2, 9, 8, 4), (3, 3, 4, 5)))
        y = hwio.conv(x, w, method=method)
        assert np.array_equal(y, hwio.conv(x, w, method="loop"))
    x, w = (rng.integers(-(2**24), 2**24, s) for s in ((2, 9, 8, 4), (3, 3, 4, 5)))
    with pytest.raises(hwio.OptionError, match="exact for integers"):
        hwio.conv(x, w, method=method)


@given(case=cases(most_stride=2), dtype=st.sampled_from(INTEGERS), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_random_geometries_are_exact(case, dtype, seed):
    x, w = whole_arrays(case, dtype, most=100, seed=seed)
    b = np.arange(case.problem.geometry.out_channels).astype(dtype)
    y = hwio.conv(x, w, b, **case.options)
    assert y.tolist() == by_hand(case, x, w, b).tolist()


# bias and activation


@pytest.mark.parametrize("method", METHODS)
def test_bias_reaches_its_own_filter_in_any_layout(method):
    for case in (CASES[0], *[c for c in CASES if c.name in ("NCHW OIHW", "3x3 NCHW, flip")]):
        if method in case.methods:
            x, w = whole_arrays(case, np.int32)
            b = 10 ** np.arange(case.problem.geometry.out_channels)
            y = hwio.conv(x, w, b, method=method, **case.options)
            assert y.tolist() == by_hand(case, x, w, b).tolist()


def test_bias_of_a_wider_dtype_widens_the_result():
    x, w = np.ones((1, 1, 1), np.int8), np.ones((1, 1, 1), np.int8)
    assert hwio.conv(x, w, np.array([5], np.int8)).dtype == np.int32
    y = hwio.conv(x, w, np.array([2**40]))
    assert y.dtype == np.int64
    assert y.item() == 2**40 + 1
    y = hwio.conv(x, w, np.array([0.5]))
    assert y.dtype == np.float64
    assert y.item() == 1.5


@pytest.mark.parametrize("scale", [1, 2**20, 2**40])
def test_activation_of_integers(scale):
    x = np.array([-3, 2, 9]).reshape(1, 3, 1) * scale
    w = np.ones((1, 1, 1), int)
    assert hwio.conv(x, w, activation="relu").ravel().tolist() == [0, 2 * scale, 9 * scale]
    assert hwio.conv(x, w, activation="relu6").ravel().tolist() == [0, min(2 * scale, 6), 6]
    y = hwio.conv(x, w, activation=(-scale, 5 * scale))
    assert y.dtype == np.int64
    assert y.ravel().tolist() == [-scale, 2 * scale, 5 * scale]


def test_activation_comes_before_the_range_is_checked():
    y = one_product(100, 100, np.int8, out_dtype=np.int8, activation="relu6")
    assert y.dtype == np.int8
    assert y.item() == 6


# float16 and complex


def test_float16_sums_wide_and_rounds_once():
    ones = np.ones((1, 64, 64, 1), np.float16)
    y = hwio.conv(ones, ones.reshape(64, 64, 1, 1))
    assert y.dtype == np.float16
    assert y.item() == 4096  # adding halves one by one stays at 2048
    x = np.array([60000, 60000, -60000], np.float16).reshape(1, 3, 1)
    assert hwio.conv(x, np.ones((3, 1, 1), np.float16)).item() == 60000
    y = hwio.conv(x, np.ones((2, 1, 1), np.float16))
    assert np.isposinf(y[0, 0, 0])
    x = np.array([2048, 1, 1], np.float16).reshape(1, 3, 1)
    assert hwio.conv(x, np.ones((3, 1, 1), np.float16)).item() == 2050
    assert (
        hwio.conv(x[:, :2], np.ones((2, 1, 1), np.float16), np.ones(1, np.float16)).item() == 2050
    )


def test_float16_bias_and_activation_come_before_the_rounding():
    x = np.array([60000, 60000], np.float16).reshape(1, 2, 1)
    w = np.ones((2, 1, 1), np.float16)
    assert hwio.conv(x, w, np.array([-60000], np.float16)).item() == 60000
    assert hwio.conv(x, w, activation=(None, 7)).item() == 7
    y = hwio.conv(x, w, out_dtype=np.float32)
    assert y.dtype == np.float32
    assert y.item() == 120000


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("case", TABLE, ids=str)
def test_complex_numbers_are_multiplied_without_conjugation(case, dtype):
    x, w = whole_arrays(case, dtype, most=6)
    want = by_hand(case, x, w).tolist()
    for method in case.methods:
        y = hwio.conv(x, w, method=method, **case.options)
        assert y.dtype == dtype
        if METHODS[method].transforms:
            np.testing.assert_allclose(y, np.array(want, dtype), rtol=0, atol=0.02)
        else:
            assert y.tolist() == want


@pytest.mark.parametrize(
    ("x", "w", "y"),
    [
        ("float32", "float64", "float64"),
        ("float16", "float32", "float32"),
        ("float32", "complex64", "complex64"),
        ("float64", "complex64", "complex128"),
        ("int8", "float32", "float32"),
        ("int16", "float16", "float32"),
        ("int32", "float32", "float64"),
        ("uint64", "float32", "float64"),
        ("int64", "complex64", "complex128"),
    ],
)
def test_mixed_dtypes_promote_as_numpy_does(x, w, y):
    for a, b in ((x, w), (w, x)):
        result = hwio.conv(np.full((1, 3, 1), 2, a), np.full((2, 1, 1), 3, b))
        assert result.dtype == np.result_type(a, b) == y
        assert result.ravel().tolist() == [12, 12]
