"""Names that hwio does not have: the error names the function that does it."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import hwio
from error_texts import fixes
from hwio.called import _CALLED, _LAB, no_such_name
from hwio.lab import __all__ as lab_names

# what a call of the table may read
NAMES = {
    "hwio": hwio,
    "x": np.ones((2, 5, 7, 4)),
    "w": np.ones((4, 4, 4, 4)),
    "b": np.ones(4),
    "X": np.ones((2, 5, 7, 4)),
    "a_slice_prev": np.ones((3, 3, 4)),
}


def said(name: str) -> str:
    with pytest.raises(AttributeError) as caught:
        getattr(hwio, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("conv2d", "hwio.conv(x, w)"),
        ("Conv2D", "hwio.prepare(w, b)"),
        ("convolve", "hwio.conv(x, w, flip=True)"),
        ("depthwise_conv2d", 'hwio.conv(x, w, layout="NHWC,HWCM")'),
        ("DepthwiseConv2D", 'hwio.prepare(w, b, layout="NHWC,HWCM")'),
        ("conv2d_transpose", "hwio.conv_transpose(x, w)"),
        ("ConvTranspose2d", "hwio.conv_transpose(x, w)"),
        ("maxpool", "hwio.max_pool(x, 2)"),
        ("max_pool2d", "hwio.max_pool(x, 2)"),
        ("MaxPooling2D", "hwio.max_pool(x, 2)"),
        ("adaptive_avg_pool2d", "hwio.global_avg_pool(x)"),
        ("max_pool2d_with_indices", "hwio.argmax_pool(x, 2)"),
        ("relu", 'hwio.conv(x, w, activation="relu")'),
        ("explian", "hwio.explain"),
        ("torch", "hwio.interop.torch"),
    ],
)
def test_the_call_of_others_is_said_in_ours(name: str, fix: str) -> None:
    assert fixes(said(name)) == [fix]


def test_the_course_s_names_are_in_the_lab() -> None:
    assert set(_LAB) == set(lab_names)
    assert fixes(said("conv_backward")) == [
        "hwio.conv_grad(x, w, dy)",
        "hwio.lab.conv_backward(dZ, cache)",
    ]
    with pytest.raises(AttributeError, match=r"did you mean hwio\.lab\.conv_forward\?"):
        hwio.lab.conv_foward  # noqa: B018


@pytest.mark.parametrize("name", sorted({*_CALLED, *_LAB}))
def test_every_call_of_the_table_can_be_typed(name: str) -> None:
    names = dict(NAMES, dy=np.ones((2, 2, 4, 4)), W=np.ones((3, 3, 4)), b=np.ones(4))
    for fix in fixes(no_such_name("hwio", name, [])):
        if "pool_grad" in fix:
            names["dy"] = np.ones((2, 2, 3, 4))
        if fix.startswith(("hwio.compare", "hwio.interop", "hwio.set")):
            continue  # slow, of a package that may be absent, and for the whole process
        if fix.startswith("hwio.lab"):
            assert fix.partition("(")[0].removeprefix("hwio.lab.") in lab_names
        else:
            assert eval(fix, names) is not None


def test_names_that_are_nothing_s_stay_plain() -> None:
    for name in ("version", "__path2__", "_private", "x" * 1000):
        assert said(name) == f"module 'hwio' has no attribute {name!r}"


def test_what_hwio_has_none_of_is_said() -> None:
    for name in ("Sequential", "softmax", "BatchNorm2d", "nn"):
        assert said(name).endswith("\n  hwio has convolutions and poolings alone")
    assert said("Dense").endswith("fix: x.reshape(len(x), -1) @ w + b")
    rng = np.random.default_rng(0)
    names = {"np": np, "x": rng.random((2, 4, 4, 3)), "w": rng.random((48, 5)), "b": np.zeros(5)}
    for name, shape in (
        ("linear", (2, 5)),
        ("Flatten", (2, 48)),
        ("pad", (2, 6, 6, 3)),
        ("tanh", (2, 4, 4, 3)),
        ("sigmoid", (2, 4, 4, 3)),
    ):
        assert eval(said(name).partition("fix: ")[2], names).shape == shape


def test_protocols_find_no_more_than_before() -> None:
    assert not hasattr(hwio, "conv2d")
    assert not hasattr(hwio, "__wrapped__")
    with pytest.raises(ImportError, match="conv2d"):
        from hwio import conv2d  # type: ignore[attr-defined]  # noqa: F401
    layer = hwio.prepare(NAMES["w"])
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(other.w, layer.w)


def test_importing_does_not_load_the_words() -> None:
    code = "import hwio, sys; hasattr(hwio, '__wrapped__'); sys.exit('hwio.called' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
