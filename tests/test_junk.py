"""Absurd sizes and junk at every door: a result or an error of hwio comes out, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hwio
from error_texts import measured

# ---------------------------------------------------------------- arrays larger than any machine

HUGE = {
    "images": ((2**40, 5, 7, 4), (3, 3, 4, 8), {}),
    "pixels": ((1, 2**28, 2**28, 1), (3, 3, 1, 1), {}),
    "filters": ((1, 5, 7, 4), (3, 3, 4, 2**50), {}),
    "channels": ((1, 5, 7, 2**40), (3, 3, 4, 8), {}),
    "depthwise": ((1, 5, 7, 2**40), (3, 3, 2**40, 2), {"layout": "NHWC,HWCM"}),
    "kernel": ((1, 5, 7, 1), (2**40, 3, 1, 1), {}),
    "kernel with padding": ((1, 5, 7, 1), (2**28, 2**28, 1, 1), {"padding": "half"}),
    "ranks": ((2**50, 7), (2**40,), {}),
    "frames": ((2**20, 2**20, 5, 7, 4), (3, 3, 4, 8), {}),
    "layout": ((2**50, 4, 5), (3, 4, 5), {"layout": "NCW,WI"}),
    "stride": ((2**40, 5, 7, 4), (3, 3, 4, 8), {"stride": 0}),
    "reflect": ((2**40, 5, 7, 4), (3, 3, 4, 8), {"padding": 9, "padding_mode": "reflect"}),
    "fft": ((1, 2**58, 1), (3, 1, 1), {"method": "fft", "stride": 2**57}),
    "winograd": ((1, 2**30, 2**20, 1), (3, 3, 1, 1), {"method": "winograd"}),
    "padded": ((1, 2**55, 1), (3, 1, 1), {"padding": 1, "stride": 2**54}),
    "edge": ((1, 2**20, 2**20, 1), (3, 3, 1, 1), {"padding": 2**60, "padding_mode": "edge"}),
}
# what a first plan and a first call load is not counted below
hwio.plan((1, 64, 64, 64), (3, 3, 64, 64))
hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)))
DTYPES = ["float32", ">f4", "float16", "int8", "uint64", "complex128", "bool", "object", "M8[s]"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", HUGE, ids=str)
def test_huge_arrays_fail_before_anything_is_allocated(case: str, dtype: str) -> None:
    x_shape, w_shape, options = HUGE[case]
    one = np.zeros((), dtype)
    x, w = np.broadcast_to(one, x_shape), np.broadcast_to(one, w_shape)
    peak, error = measured(lambda: hwio.conv(x, w, **options))
    # three windows of an image can be computed alone, where it has to be taken in pieces anyway
    assert isinstance(error, hwio.HwioError) or (error is None and case in ("fft", "padded")), repr(
        error
    )
    assert peak < (1 << 20 if error else 16 << 20)


@pytest.mark.parametrize("dtype", ["float32", ">f4", "int8"])
def test_a_few_windows_of_a_huge_array_are_right(dtype: str) -> None:
    one = np.ones((), dtype)
    for case, sums in (("fft", [3, 3]), ("padded", [2, 3])):
        x_shape, w_shape, options = HUGE[case]
        x, w = np.broadcast_to(one, x_shape), np.broadcast_to(one, w_shape)
        try:
            y = hwio.conv(x, w, **options)
        except hwio.HwioError:
            continue
        assert y[0, :2, 0].tolist() == sums


@pytest.mark.parametrize("size", [2**61, 2**62, 2**63 - 1, 2**63, 2**64, 10**5000], ids=hex)
@pytest.mark.parametrize("option", ["stride", "dilation", "padding", "groups", "memory_limit"])
def test_absurd_numbers(option: str, size: int) -> None:
    peak, error = measured(
        lambda: hwio.conv(np.ones((2, 5, 7, 4)), np.ones((3, 3, 4, 8)), **{option: size})
    )
    legal = option in ("stride", "memory_limit") and size < 2**63
    assert legal if error is None else isinstance(error, hwio.HwioError)
    assert peak < 1 << 20


# ---------------------------------------------------------------- junk


class Hostile:
    """An object that refuses everything it can."""

    def __repr__(self) -> str:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


SMALL = st.integers(-3, 9)
LARGE = st.sampled_from([2**31, 2**53, 2**61, 2**63, -(2**63), 2**64, 10**400])
NUMBERS = SMALL | LARGE | st.floats() | st.booleans() | st.complex_numbers()
WORDS = st.sampled_from(
    [
        *("same", "valid", "SAME", "half", "full", "causal", "reflect", "wrap", "edge", "relu"),
        *("auto", "fft", "winograd", "taps", "im2col", "high", "medium", "float16", "int8", ">f8"),
        *("NHWC,HWIO", "NCHW,OIHW", "HWC,HWIO", "NWC,WIO", "NHWC,HWCM", "NHWC,HWIO->NCHW", "M8"),
    ]
) | st.text("NHWCIODMnhwc,->{} \n\x00é", max_size=12)
LEAVES = st.none() | NUMBERS | WORDS | st.binary(max_size=4) | st.builds(Hostile) | st.sampled_from(
    [np.float32, np.tanh, len, ..., NotImplemented, np.int64(2), np.float32(1), np.bool_(True)]
)  # fmt: skip
ARRAYS = st.builds(
    np.full, st.lists(st.integers(0, 3), max_size=3).map(tuple), st.integers(-2, 3)
) | st.sampled_from([np.array(2), np.array("a"), np.array([None]), np.zeros(2, "M8[s]")])
JUNK = st.recursive(
    LEAVES | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2)
        | st.iterables(inner, max_size=3)
    ),
    max_leaves=8,
)
OPTIONS = (
    *("stride", "padding", "dilation", "groups", "layout", "flip", "activation", "method"),
    *("precision", "padding_mode", "out", "out_dtype", "memory_limit"),
)
SENSIBLE = {
    "stride": st.integers(1, 3) | st.tuples(st.integers(1, 9), st.integers(1, 3)),
    "padding": st.sampled_from(["same", "half", "full", 1, 3, ((1, 0), (2, 5))]),
    "dilation": st.integers(1, 3),
    "groups": st.integers(1, 4),
    "activation": st.tuples(NUMBERS | st.none(), NUMBERS | st.none()),
    "method": st.sampled_from(["auto", "loop", "fft", "winograd", "taps", "einsum", "im2col"]),
    "padding_mode": st.sampled_from(["zeros", "edge", "reflect", "symmetric", "wrap"]),
    "precision": st.sampled_from(["high", "medium"]),
    "flip": st.booleans(),
    "layout": st.sampled_from(["NCHW,OIHW", "NHWC,HWCM", "NHWC,HWIO->CWHN", "CHWN,IOWH->NHWC"]),
    "out_dtype": st.sampled_from(["float16", "float64", "int8", "uint64", "complex64"]),
    "memory_limit": st.integers(0, 10**5),
}
KINDS = ["f8", "f4", "f2", "c8", "i1", "u1", "i8", "u8", ">f8", "?", "O", "U1"]


@st.composite
def operands(draw: st.DrawFn) -> tuple[Any, Any, Any]:
    """Draw x, w and b that often fit, and often do not."""
    shapes = [[2, 5, 7, 4], [3, 3, 4, 8]]
    for shape in shapes:
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            shape[draw(st.integers(0, 3))] = draw(st.sampled_from([0, 1, 2, 3, 4, 8]))
        del shape[: draw(st.sampled_from([0, 0, 0, 0, 1, 4]))]
    if shapes[0] and 0 not in shapes[1] and draw(st.sampled_from([False] * 9 + [True])):
        shapes[0][0] = 2**40  # images, more than any y could hold
    kinds = [draw(st.sampled_from(KINDS)) for _ in shapes]
    x, w = (
        np.broadcast_to(np.array(draw(st.sampled_from([0, 1, 100]))).astype(k), shape)
        for shape, k in zip(shapes, kinds, strict=True)
    )
    b = draw(st.none() | st.just(np.ones(8)) | st.just(np.ones(8, int)) | JUNK)
    if draw(st.sampled_from([False] * 9 + [True])):
        return (draw(JUNK), w, b) if draw(st.booleans()) else (x, draw(JUNK), b)
    return x, w, b


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Draw options, of which few are junk: the first wrong one hides the others."""
    names = draw(st.lists(st.sampled_from(OPTIONS), unique=True, max_size=4))
    return {
        name: draw(SENSIBLE[name] if name in SENSIBLE and draw(st.booleans()) else JUNK)
        for name in names
    }


def said(error: hwio.HwioError) -> None:
    """Check that a message is short enough to read, and has lines that are not empty."""
    lines = str(error).splitlines()
    assert all(line.strip() for line in lines)
    assert len(lines) < 20
    assert max(map(len, lines)) < 400


@given(operands(), options())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NaN and overflow in the numbers drawn
def test_junk_gives_a_result_or_an_error_of_hwio(arrays: Any, named: dict[str, Any]) -> None:
    try:
        y = hwio.conv(*arrays, **named)
    except hwio.HwioError as error:
        said(error)
    else:
        assert isinstance(y, np.ndarray)


MORE = st.sampled_from(["need", "output_size", "output_padding"])


@given(operands(), operands(), options(), st.dictionaries(MORE, JUNK, max_size=1))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_of_junk(arrays: Any, other: Any, named: dict[str, Any], more: Any) -> None:
    (x, w, b), dy = arrays, other[0]
    for call in (
        lambda: hwio.conv_grad(x, w, dy, **named, **more),
        lambda: hwio.conv_transpose(x, w, b, **named, **more),
        lambda: hwio.conv_transpose_grad(x, w, dy, **named, **more),
    ):
        try:
            call()
        except hwio.HwioError as error:
            said(error)


LAYER = hwio.prepare(np.ones((3, 3, 4, 8)), activation="relu")
PLACED = [
    np.ones((2, 5, 7, 4)),
    np.ones((2, 3, 5, 8)),
    np.ones((2, 2, 3, 4)),
    (2, 5, 7, 4),
    2,
    (2, 2),
]
MIXED = JUNK | st.sampled_from(PLACED)


@given(MIXED, MIXED, MIXED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_whatever_stands_where_is_worded(first: Any, second: Any, third: Any) -> None:
    for call in (
        lambda: hwio.max_pool(first, second),
        lambda: hwio.max_pool_grad(first, second, third),
        lambda: hwio.avg_pool_grad(first, second),
        lambda: hwio.conv(PLACED[0], LAYER.w, third),
        lambda: hwio.explain(PLACED[0], LAYER.w, third),
        lambda: hwio.conv_grad(first, second, third),
        lambda: LAYER.grad(first, second, y=third),
        lambda: LAYER.grad(first, second, third),
        lambda: LAYER(first, second),
        lambda: hwio.prepare(first, second),
        lambda: hwio.lab.conv_forward(first, second, third),
        lambda: hwio.lab.conv_backward(first, second),
    ):
        try:
            call()
        except hwio.HwioError as error:
            said(error)


@given(JUNK, JUNK, options())
def test_plans_of_junk(x: Any, w: Any, named: dict[str, Any]) -> None:
    named.pop("out", None)
    try:
        hwio.plan(x, w, **named)
    except hwio.HwioError as error:
        said(error)


@given(ARRAYS | JUNK, JUNK | st.text("NHWCIOM->", max_size=12), JUNK)
def test_conversions_of_junk(array: Any, change: Any, channels: Any) -> None:
    for call in (
        lambda: hwio.to_layout(array, change),
        lambda: hwio.depthwise_weights(array, change, channels),
        lambda: hwio.layout_recipe(change),
    ):
        try:
            call()
        except hwio.HwioError as error:
            said(error)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint64"])
@pytest.mark.parametrize(
    "low", [None, 0, 10**5000, -(10**5000)], ids=["open", "0", "huge", "-huge"]
)
@pytest.mark.parametrize(
    "high", [None, 0, 10**5000, -(10**5000)], ids=["open", "0", "huge", "-huge"]
)
def test_absurd_bounds(dtype: str, low: int | None, high: int | None) -> None:
    x, w = np.ones((1, 3, 1), dtype), np.ones((2, 1, 1), dtype)
    try:
        y = hwio.conv(x, w, activation=(low, high))
    except hwio.HwioError as error:
        said(error)
    else:
        ends = float("-inf") if low is None else low, float("inf") if high is None else high
        assert y.ravel().tolist() == [min(max(2, _float(ends[0])), _float(ends[1]))] * 2


def _float(number: float) -> float:
    """Return a float, infinite where it is too large."""
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


@pytest.mark.parametrize("step", [2**40, 1])
def test_no_images_with_a_border_that_no_array_can_have(step: int) -> None:
    x, w = np.ones((0, 5, 5, 1)), np.ones((1, 1, 1, 1))
    options = {"padding": 2**40, "stride": step}
    if step == 1:  # y itself is no array then
        with pytest.raises(hwio.LimitError, match="no numbers"):
            hwio.conv(x, w, **options)
        return
    assert hwio.conv(x, w, **options).shape == (0, 3, 3, 1)
    dx, dw, db = hwio.conv_grad(x, w, np.ones((0, 3, 3, 1)), **options)
    assert dx.shape == x.shape
    np.testing.assert_array_equal(dw, np.zeros_like(w))
    np.testing.assert_array_equal(db, [0])


class Shapeless:
    """An object whose shape can't be asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        raise RuntimeError


@pytest.mark.parametrize(
    "call",
    [
        lambda x, w: hwio.conv_transpose(layout={"a": 1}),
        lambda x, w: hwio.conv(layout=np.ones(3)),
        lambda x, w: hwio.prepare(layout=np.ones((1, 5, 5, 3))),
        lambda x, w: hwio.prepare(w, layout=np.ones((0, 5, 5, 3))),
        lambda x, w: hwio.conv(Shapeless(), w),
        lambda x, w: hwio.conv(x, w, None, Shapeless()),
        lambda x, w: hwio.conv(x, w, padding=Shapeless()),
        lambda x, w: hwio.max_pool(x, Shapeless()),
        lambda x, w: hwio.max_pool(x, 2, like=np.ndarray),
    ],
)
def test_junk_in_other_places_is_refused_in_words(call: Any) -> None:
    with pytest.raises(hwio.HwioError):
        call(np.ones((1, 5, 5, 3)), np.ones((3, 3, 3, 8)))
