"""hwio.code: every snippet is run, and leaves what hwio.conv returns."""

import ast
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import hwio
from cases import Case as Shared
from cases import every_way, whole_arrays
from hwio.methods import METHODS
from hwio.ops.planning import problem_of
from hwio.show.code.numpy_code import WRITERS
from hwio.show.code.script import WIDTH

f2, f4, f8, c8, c16 = np.float16, np.float32, np.float64, np.complex64, np.complex128
i1, u1, i2, i8, u8 = np.int8, np.uint8, np.int16, np.int64, np.uint64


@dataclass(frozen=True)
class Case:
    """One convolution: shapes, options, dtypes of x and w, shape and dtype of b."""

    name: str
    x: tuple[int, ...]
    w: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[Any, Any] = (f4, f4)
    b: tuple[Any, Any] | None = None

    def arrays(self) -> tuple[Any, ...]:
        rng = np.random.default_rng(7)

        def draw(shape: tuple[int, ...], dtype: Any) -> Any:
            kind = np.dtype(dtype).kind
            values = rng.integers(0 if kind == "u" else -4, 5, shape)
            if kind == "c":
                values = values + 1j * rng.integers(-4, 5, shape)
            return values.astype(dtype)

        b = None if self.b is None else draw(*self.b)
        return draw(self.x, self.dtypes[0]), draw(self.w, self.dtypes[1]), b


def case(name: str, x: Any, w: Any, dtypes: Any = (f4, f4), b: Any = None, **options: Any) -> Case:
    return Case(name, x, w, options, dtypes, b)


X, W = (2, 5, 7, 4), (3, 3, 4, 8)
CASES = [
    case("thread", X, W),
    case("thread_float64", X, W, (f8, f8)),
    case("stride", X, W, stride=2),
    case("stride_one_axis", X, W, stride=(1, 3)),
    case("dilation", X, W, dilation=2),
    case("dilation_one_axis", X, W, dilation=(1, 2)),
    case("stride_and_dilation", (2, 9, 11, 4), W, stride=(2, 3), dilation=(3, 2)),
    case("same", X, W, padding="same"),
    case("same_stride", (2, 6, 8, 4), W, padding="same", stride=2),
    case("same_lower_stride", (2, 6, 8, 4), W, padding="same_lower", stride=2),
    case("half_stride", (2, 6, 8, 4), W, padding="half", stride=2),
    case("full", X, W, padding="full"),
    case("asymmetric", X, W, padding=[(0, 2), (1, 0)]),
    case("reflect", X, W, padding=[(2, 1), (0, 3)], padding_mode="reflect"),
    case("edge", X, W, padding=2, padding_mode="edge"),
    case("wrap", X, W, padding=[(1, 1), (2, 0)], padding_mode="wrap"),
    case("symmetric", X, W, padding=1, padding_mode="symmetric"),
    case("flip", X, W, flip=True),
    case("flip_oihw", (2, 4, 5, 7), (8, 4, 3, 3), layout="NCHW,OIHW", flip=True),
    case("pytorch", (2, 4, 5, 7), (8, 4, 3, 3), layout="NCHW,OIHW", padding=1),
    case("ohwi", X, (8, 3, 3, 4), layout="NHWC,OHWI->NCHW"),
    case("odd_layout", (4, 7, 2, 5), (3, 8, 3, 4), layout="CWNH,WOHI->HCNW", stride=(2, 1)),
    case("one_image", (5, 7, 4), W, layout="HWC,HWIO", padding="same"),
    case("one_image_chw", (4, 5, 7), (8, 4, 3, 3), layout="CHW,OIHW", b=(8, f4), padding=1),
    case("groups", X, (3, 3, 2, 6), groups=2),
    case("groups_pytorch", (2, 4, 5, 7), (6, 2, 3, 3), layout="NCHW,OIHW", groups=2, stride=2),
    case("groups_odd", (4, 7, 2, 5), (3, 6, 3, 2), layout="CWNH,WOHI->HCNW", groups=2),
    # PyTorch 2.13 itself errs here unless the filters are made contiguous
    case("groups_owhi", (2, 9, 7, 6), (4, 3, 1, 3), layout="NHWC,OWHI", groups=2),
    case("depthwise", X, (3, 3, 1, 4), groups=4),
    case("depthwise_twice", X, (3, 3, 1, 8), groups=4, padding="same"),
    case("depthwise_hwcm", X, (3, 3, 4, 2), layout="NHWC,HWCM", padding="same"),
    case("depthwise_hwcm_one", X, (3, 3, 4, 1), layout="NHWC,HWCM", stride=2, flip=True),
    case("depthwise_one_image", (5, 7, 4), (3, 3, 4, 2), layout="HWC,HWCM"),
    case("depthwise_pytorch", (2, 4, 5, 7), (8, 1, 3, 3), layout="NCHW,OIHW", groups=4),
    case("depthwise_ihwo", X, (1, 3, 3, 4), layout="NHWC,IHWO", groups=4, b=(4, f4)),
    case("depthwise_one_channel", (2, 5, 7, 1), (3, 3, 1, 2), layout="NHWC,HWCM"),
    case("bias", X, W, b=(8, f4)),
    case("bias_of_the_course", X, W, b=((1, 1, 1, 8), f4), activation="relu"),
    case("bias_course_nchw", X, W, b=((1, 1, 1, 8), f4), layout="NHWC,HWIO->NCHW"),
    case("relu6", X, W, activation="relu6"),
    case("clip", X, W, (f8, f8), activation=(-1.5, 2)),
    case("clip_above", X, W, activation=(None, 3), b=(8, f4)),
    case("pointwise", X, (1, 1, 4, 8)),
    case("pointwise_stride", X, (1, 1, 4, 8), stride=2),
    case("even_kernel", X, (2, 4, 4, 3), padding="same"),
    case("1d", (2, 9, 4), (3, 4, 8)),
    case("1d_causal", (2, 9, 4), (3, 4, 8), padding="causal", dilation=2, b=(8, f4)),
    case("1d_pytorch", (2, 4, 9), (8, 4, 3), layout="NCW,OIW", stride=2, padding=1),
    case("1d_one_signal", (9, 4), (3, 4, 8), layout="WC,WIO"),
    case("1d_groups", (2, 9, 4), (3, 2, 6), groups=2, padding="same", stride=2),
    case("1d_depthwise", (2, 9, 4), (3, 4, 2), layout="NWC,WCM"),
    case("3d", (2, 5, 6, 7, 2), (3, 3, 3, 2, 3), padding=[(0, 1), (1, 0), (1, 1)]),
    case("3d_stride", (1, 5, 6, 7, 2), (2, 3, 2, 2, 3), stride=(2, 1, 2), dilation=(1, 2, 1)),
    case("3d_one_channel", (2, 4, 7, 6, 1), (3, 3, 3, 1, 1), stride=(1, 1, 2), dilation=(1, 1, 2)),
    case(
        "3d_long_lines",
        (5, 5, 6, 2, 6),
        (3, 3, 3, 4, 2),
        (f4, f2),
        groups=2,
        padding="half",
        layout="WDCNH,IHDOW->CNHDW",
        stride=(3, 3, 1),
        dilation=(1, 2, 2),
        flip=True,
    ),
    case(
        "3d_long_taps",
        (1, 4, 5, 5, 4),
        (2, 2, 3, 4, 2),
        (i2, i1),
        layout="NDHWC,DHWCM",
        stride=(1, 3, 2),
        dilation=2,
        padding=[(1, 1), (1, 1), (0, 1)],
        padding_mode="edge",
    ),
    case("3d_same_with_a_rest", (1, 5, 4, 6, 2), (3, 2, 1, 2, 2), stride=(1, 2, 3), padding="same"),
    case("3d_pytorch", (1, 2, 5, 6, 7), (3, 2, 3, 3, 3), layout="NCDHW,OIDHW", b=(3, f4)),
    case(
        "3d_groups", (1, 5, 5, 5, 4), (3, 3, 3, 2, 4), groups=2, padding_mode="reflect", padding=1
    ),
    case("float16", X, W, (f2, f2), b=(8, f2)),
    case("mixed_floats", X, W, (f4, f8)),
    case("wide_bias", X, W, b=(8, f8)),
    case("float_and_int", X, W, (i2, f4)),
    case("complex", X, W, (c8, c8), padding=1),
    case("complex_and_real", X, W, (c16, f8), dilation=2, b=(8, c16)),
    case("uint8", X, W, (u1, i1)),
    case("int8_bias", X, W, (i1, i1), b=(8, np.int32), padding=1),
    case("int64", X, W, (i8, i8), stride=2, groups=1),
    case("uint64", X, W, (u8, u8), b=(8, u8)),
    case("uint64_and_int8", X, W, (u8, i1), b=(8, i8)),
    case("int_to_float", X, W, (i2, i2), out_dtype=f4),
    case("int_narrow", (2, 5, 7, 1), (2, 2, 1, 3), (i1, i1), out_dtype=np.int16),
    case("int_clip", X, W, (i1, i1), activation=(-3, 9)),
    case("int_clip_float", X, W, (i2, i2), activation=(0.5, 9), out_dtype=f8),
    case("int_clip_far", X, W, (i8, i8), activation=(0, 10**30)),
    case("float_wider", X, W, (f4, f4), out_dtype=f8),
    case("no_images", (0, 5, 7, 4), W),
    case("no_filters", X, (3, 3, 4, 0)),
]
NUMPY = [
    pytest.param(c, method, id=f"{c.name}-{method}")
    for c in CASES
    for method in WRITERS
    if METHODS[method].refuses(problem_of(*c.arrays(), **c.options).geometry) is None
]


def run(snippet: str, x: Any, w: Any, b: Any) -> Any:
    """Execute a snippet on copies and return its y."""
    names = {"x": x.copy(), "w": w.copy()} | ({} if b is None else {"b": b.copy()})
    exec(compile(snippet, "snippet", "exec"), names)
    np.testing.assert_array_equal(names["x"], x)  # left as it was: the cell can run again
    np.testing.assert_array_equal(names["w"], w)
    return names["y"]


def check_style(snippet: str) -> None:
    assert "hwio" not in snippet
    for line in snippet.split("\n"):
        assert len(line) <= WIDTH, line
        assert line == line.rstrip()


def assert_same(y: Any, right: Any, *, slack: float = 0) -> None:
    y = np.asarray(y)
    assert y.shape == right.shape
    assert y.dtype == right.dtype
    if slack == 0 or right.dtype.kind in "iu":
        np.testing.assert_array_equal(y, right)
    elif right.size:
        assert np.abs(y - right).max() <= slack * max(1, np.abs(right).max())


@pytest.mark.parametrize(("c", "method"), NUMPY)
def test_numpy_snippet_leaves_what_conv_returns(c: Case, method: str) -> None:
    x, w, b = c.arrays()
    snippet = hwio.code(x, w, b, method=method, **c.options)
    check_style(snippet)
    right = hwio.conv(x, w, b, **c.options)
    # sums of small whole numbers are exact; transforms leave fractions, then round to y's dtype
    slack = {2: 1e-3, 4: 1e-6, 8: 1e-12}[np.zeros(0, right.dtype).real.itemsize]
    assert_same(run(snippet, x, w, b), right, slack=slack * METHODS[method].transforms)


WRITTEN = [(c, method) for c, method in every_way() if method in WRITERS]


@pytest.mark.parametrize(("c", "method"), WRITTEN, ids=str)
def test_numpy_snippet_serves_the_shared_table(c: Shared, method: str) -> None:
    x, w = whole_arrays(c)
    snippet = hwio.code(x, w, method=method, **c.options)
    check_style(snippet)
    slack = 1e-6 * METHODS[method].transforms
    assert_same(run(snippet, x, w, None), hwio.conv(x, w, **c.options), slack=slack)


# Frameworks round in their own order: sums of small whole numbers stay exact there too.
EMPTY = {"no_images", "no_filters"}
LIBRARIES = [c for c in CASES if c.name not in EMPTY]
named = pytest.mark.parametrize("c", LIBRARIES, ids=lambda c: c.name)


def check_library(c: Case, to: str) -> None:
    x, w, b = c.arrays()
    snippet = hwio.code(x, w, b, to=to, **c.options)
    check_style(snippet)
    right = hwio.conv(x, w, b, **c.options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library about itself
        assert_same(run(snippet, x, w, b), right)


@named
def test_torch_snippet_leaves_what_conv_returns(c: Case) -> None:
    pytest.importorskip("torch")
    check_library(c, "torch")


@named
def test_jax_snippet_leaves_what_conv_returns(c: Case) -> None:
    pytest.importorskip("jax")
    check_library(c, "jax")


@named
def test_onnx_snippet_leaves_what_conv_returns(c: Case) -> None:
    pytest.importorskip("onnx.reference")
    if "complex" in c.name:
        with pytest.raises(hwio.OptionError, match="ONNX has no convolution of complex"):
            hwio.code(*c.arrays(), to="onnx", **c.options)
        return
    check_library(c, "onnx")


@named
def test_tensorflow_snippet_leaves_what_conv_returns(c: Case) -> None:
    pytest.importorskip("tensorflow")
    if "complex" in c.name:
        with pytest.raises(hwio.OptionError, match="TensorFlow has no convolution of complex"):
            hwio.code(*c.arrays(), to="tensorflow", **c.options)
        return
    check_library(c, "tensorflow")


def names_bound(snippet: str) -> set[str]:
    tree = ast.parse(snippet)
    return {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


@pytest.mark.parametrize("to", ["numpy", "torch", "tensorflow", "jax", "onnx"])
@named
def test_snippet_is_python_and_leaves_x_w_b_alone(c: Case, to: str) -> None:
    if "complex" in c.name and to in ("tensorflow", "onnx"):
        return  # refused, see above
    snippet = hwio.code(*c.arrays(), to=to, **c.options)
    check_style(snippet)
    assert "y" in names_bound(snippet)
    assert not {"x", "w", "b"} & names_bound(snippet)


@pytest.mark.parametrize(
    ("other", "to"), [("keras", "tensorflow"), ("PyTorch", "torch"), ("np", "numpy")]
)
def test_targets_have_their_users_names(other: str, to: str) -> None:
    assert hwio.code(X, W, to=other) == hwio.code(X, W, to=to)


def test_a_compiled_way_is_said_to_be_written_by_its_twin() -> None:
    note = "# the twin of direct, which is compiled and has no code in NumPy"
    try:
        hwio.plan(X, W, method="direct")
    except hwio.OptionError as error:  # no Numba, or switched off
        pytest.skip(str(error))
    assert note in hwio.code(X, W, method="direct")
    assert "twin" not in hwio.code(X, W) + hwio.code(X, W, method="im2col")


def test_auto_writes_what_the_plan_would_run() -> None:
    x, w = (1, 56, 56, 64), (3, 3, 1, 64)
    assert hwio.plan(x, w, groups=64).method == "taps"
    assert "# taps: x (1, 56, 56, 64) NHWC" in hwio.code(x, w, groups=64)


def test_only_the_steps_that_the_case_needs() -> None:
    plain = hwio.code(X, W, method="einsum")
    assert not [word for word in ("np.pad", "::", "transpose", "astype") if word in plain]
    assert len(plain.splitlines()) == 6
    assert "np.pad" in hwio.code(X, W, method="einsum", padding="same")
    assert "[:, ::2, ::2]" in hwio.code(X, W, method="einsum", stride=2)


def test_einsum_reads_any_layout_without_a_transpose() -> None:
    snippet = hwio.code((2, 4, 5, 7), (8, 4, 3, 3), layout="NCHW,OIHW", method="einsum")
    assert 'np.einsum("nchwpq,kcpq->nkhw", windows, w)' in snippet
    assert "transpose" not in snippet


def test_large_temporaries_are_told() -> None:
    big = ((64, 224, 224, 64), (3, 3, 64, 64))
    assert "# (3154176, 576), 6.8 GiB" in hwio.code(*big, method="im2col")
    assert "433.2 GiB" in hwio.code(*big, method="broadcast")  # told, though no machine has them


def test_tensorflow_same_is_a_word_and_other_padding_is_not() -> None:
    x = (2, 6, 8, 4)
    assert 'padding="SAME"' in hwio.code(x, W, to="tensorflow", stride=2, padding="same")
    pairs = "padding=[[0, 0], [1, 1], [1, 1], [0, 0]]"
    assert pairs in hwio.code(x, W, to="tensorflow", stride=2, padding="half")


def test_torch_gets_tensorflow_same_through_pad_last_axis_first() -> None:
    snippet = hwio.code((2, 6, 7, 4), W, to="torch", stride=2, padding="same")
    assert "F.pad(images, (1, 1, 0, 1))" in snippet  # W: (1, 1), H: (0, 1)
    assert "padding=(1, 1)" in hwio.code((2, 6, 7, 4), W, to="torch", stride=2, padding="half")


def test_jax_keeps_float64_only_with_its_switch() -> None:
    switch = 'jax.config.update("jax_enable_x64", True)'
    assert switch in hwio.code(np.ones(X), np.ones(W), to="jax")
    assert switch not in hwio.code(X, W, to="jax")


REFUSALS = [
    (
        {"to": "torhc"},
        hwio.OptionError,
        """to='torhc' is not a target
  targets: numpy, torch, tensorflow, jax, onnx
  fix: did you mean to='torch'?""",
    ),
    (
        {"to": "torch", "method": "fft"},
        hwio.OptionError,
        """method='fft' is a way of NumPy's; torch chooses its own
  fix: method='auto'   or   to='numpy'""",
    ),
    (
        {"strid": 2},
        hwio.ArgumentTypeError,
        """strid= is no keyword of hwio.code
  keywords: method, to, stride, padding, dilation, groups, layout, flip, activation,
            precision, padding_mode, out_dtype
  fix: stride=2""",
    ),
    (
        {"to": "onnx", "out_dtype": np.complex64},
        hwio.OptionError,
        """ONNX has no convolution of complex64 numbers
  fix: to='jax'   or   to='torch'   or   to='numpy'""",
    ),
    (
        {"to": "tensorflow", "out_dtype": np.complex64},
        hwio.OptionError,
        """TensorFlow has no convolution of complex64 numbers
  fix: to='jax'   or   to='torch'   or   to='numpy'""",
    ),
]


@pytest.mark.parametrize(("options", "error", "text"), REFUSALS)
def test_refusals_say_what_to_do(options: dict[str, Any], error: Any, text: str) -> None:
    with pytest.raises(error) as caught:
        hwio.code(X, W, **options)
    assert str(caught.value) == text


def test_frameworks_refuse_arrays_without_channels() -> None:
    nothing, filters = (2, 5, 7, 0), (3, 3, 0, 8)
    for to in ("torch", "tensorflow"):
        with pytest.raises(hwio.OptionError, match=r"does not convolve x \(2, 5, 7, 0\)"):
            hwio.code(nothing, filters, to=to)


@pytest.mark.parametrize(
    "options",
    [
        {"layout": 'NHWC,HWIO"); import os; ("'},
        {"padding": "same\nimport os"},
        {"padding_mode": 'reflect"); import os'},
        {"activation": "relu; import os"},
        {"out_dtype": "float32; import os"},
    ],
)
def test_no_option_can_carry_code(options: dict[str, Any]) -> None:
    with pytest.raises(hwio.HwioError):
        hwio.code(X, W, **options)


@pytest.mark.parametrize("bound", [float("inf"), np.float32(0.1), np.int8(3), 1e300])
def test_bounds_are_written_as_numbers(bound: Any) -> None:
    x, w = np.ones((1, 5, 7, 4)), np.ones(W)
    snippet = hwio.code(x, w, activation=(None, bound))
    right = hwio.conv(x, w, activation=(None, bound))
    np.testing.assert_array_equal(run(snippet, x, w, None), right)


def test_a_method_without_a_snippet_is_refused(monkeypatch):
    monkeypatch.setitem(METHODS, "new", METHODS["loop"])
    with pytest.raises(hwio.OptionError) as caught:
        hwio.code(X, W, method="new")
    assert str(caught.value) == (
        "method='new' has no snippet yet\n"
        f"  methods that have one: {', '.join(WRITERS)}\n"
        "  fix: method='einsum'"
    )


@pytest.mark.parametrize("activation", [(-3, None), (None, 2**70), (-3, 7), (0, 7)])
def test_bounds_that_no_integer_of_the_sum_can_pass_are_left_out(activation):
    x, w = np.arange(9, dtype=np.uint16).reshape(1, 3, 3, 1), np.ones((2, 2, 1, 1), np.uint16)
    scope = {"np": np, "x": x, "w": w}
    exec(hwio.code(x, w, activation=activation), scope)
    np.testing.assert_array_equal(scope["y"], hwio.conv(x, w, activation=activation))
