"""Options that are given by place: every function says what they were read as, and reads as PyTorch does."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hwio
from error_texts import fixes
from hwio.ops.prepared import Prepared

X = np.arange(2 * 6 * 7 * 4).reshape(2, 6, 7, 4) % 11 - 5.0
W = np.arange(3 * 3 * 4 * 8).reshape(3, 3, 4, 8) % 7 - 3.0
B = np.arange(8.0)
PUBLIC = {f"hwio.{name}": getattr(hwio, name) for name in hwio.__all__}
PUBLIC |= {"layer": Prepared.__call__, "layer.grad": Prepared.grad}


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def takes_options(function: Any) -> bool:
    kinds = {p.kind for p in parameters(function)} if inspect.isfunction(function) else set()
    return bool(kinds & {inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD})


WITH_OPTIONS = {name: each for name, each in PUBLIC.items() if takes_options(each)}


def test_there_are_as_many_as_help_lists() -> None:
    assert len(WITH_OPTIONS) == 23


class Odd:
    """An object that answers no question."""

    shape = 3
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError

    def __repr__(self) -> str:
        raise ValueError


JUNK = [
    None,
    2,
    -1,
    10**400,
    True,
    1.5,
    "same",
    "",
    "NCHW",
    "torch",
    "einsum",
    b"x",
    (),
    [],
    {},
    {1},
]
JUNK += [
    (1, 2),
    (0, 1, 2, 5),
    [[1, 2], [3, 4]],
    ["a"],
    range(3),
    X,
    [X],
    np.float32(2),
    np.int64(2),
]
JUNK += [np.array(2), np.ma.ones(3), np.float32, Odd, Odd(), object(), lambda: 0]


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_no_value_too_many_is_python_s_own_error(name: str) -> None:
    function = WITH_OPTIONS[name]
    places = [p for p in parameters(function) if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = next((p.name for p in parameters(function) if p.kind is p.KEYWORD_ONLY), "stride")
    for i, value in enumerate(JUNK):
        other = JUNK[(7 * i + 3) % len(JUNK)]
        for arrays in ([X] * len(places), [X, *[other] * (len(places) - 1)]):
            for more in ([value], [value, other], [value] * 20):
                for given in ({}, {named: other}):
                    with pytest.raises(hwio.ArgumentTypeError) as caught:
                        function(*arrays, *more, **given)
                    first, *rest = str(caught.value).splitlines()
                    assert first.startswith(f"{name} takes ")
                    assert " by place, not " in first
                    assert any(line.startswith("  fix: ") for line in rest)


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_help_shows_nothing_that_is_only_refused(name: str) -> None:
    shown = parameters(WITH_OPTIONS[name])
    assert not [p for p in shown if p.kind is p.VAR_POSITIONAL or p.name in ("more", "unknown")]
    assert any(p.kind is p.KEYWORD_ONLY or p.name == "options" for p in shown)


@pytest.mark.parametrize("bridge", ["torch", "jax", "dask"])
def test_bridges_say_it_too(bridge: str) -> None:
    pytest.importorskip("dask.array" if bridge == "dask" else bridge)
    conv = importlib.import_module(f"hwio.interop.{bridge}").conv
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        conv(X, W, None, 2)
    assert fixes(str(caught.value)) == [f"hwio.interop.{bridge}.conv(x, w, stride=2)"]


def test_onnx_says_it_too() -> None:
    pytest.importorskip("onnx")
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        hwio.interop.onnx.evaluator("model.onnx", 2**30)
    fix = "hwio.interop.onnx.evaluator('model.onnx', memory_limit=1073741824)"
    assert fixes(str(caught.value)) == [fix]


def channels_first(array: Any) -> Any:
    return np.ascontiguousarray(np.moveaxis(array, -1, 1))


def weights_first(array: Any) -> Any:
    return np.ascontiguousarray(np.transpose(array, (3, 2, 0, 1)))


# what a user of PyTorch types after the arrays: the same call there, and the fix here, are equal
CONV = [
    (2,),
    (1, 1),
    (2, (1, 2)),
    (2, 0, 2),
    ((2, 1), "valid", (1, 2), 1),
    (1, "same"),
    (2, 1, 1, 2),
]
MAX = [(2, 2), (3, 2, 1), (3, 2, 0, 2), ((3, 2), None, 1), (2, 3, 0, 1, True), (3, 1, (1, 0))]
MEAN = [(2, 2), (3, 2, 1), (3, 2, 1, False, True), (3, 2, 0, True), (2, None, 0, True, False)]


def fix_of(function: Callable[..., Any], *values: Any) -> str:
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        function(*values)
    return fixes(str(caught.value))[0]


@pytest.mark.parametrize("values", CONV, ids=str)
@pytest.mark.parametrize("b", [None, B], ids=["no b", "b"])
def test_conv_is_read_as_pytorch_reads_it(values: tuple[Any, ...], b: Any) -> None:
    torch = pytest.importorskip("torch")
    w = W[:, :, :2] if values[3:] == (2,) else W
    fix = fix_of(hwio.conv, X, w, b, *values)
    came = eval(fix, {"hwio": hwio, "x": X, "w": w, "b": b})
    x, kernel = torch.from_numpy(channels_first(X)), torch.from_numpy(weights_first(w))
    bias = None if b is None else torch.from_numpy(b)
    right = torch.nn.functional.conv2d(x, kernel, bias, *values)
    np.testing.assert_array_equal(channels_first(came), right.numpy())


@pytest.mark.parametrize(
    "values", [(2,), (2, 1), (3, 1, 2), (2, 0, 1, 2), (3, 1, 0, 1, 2)], ids=str
)
def test_a_transposed_one_is_read_as_pytorch_reads_it(values: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch")
    w = np.swapaxes(W, 2, 3)  # HWOI
    fix = fix_of(hwio.conv_transpose, X, w, None, *values)
    came = eval(fix, {"hwio": hwio, "x": X, "w": w})
    x, kernel = torch.from_numpy(channels_first(X)), torch.from_numpy(weights_first(w))
    right = torch.nn.functional.conv_transpose2d(x, kernel, None, *values)
    np.testing.assert_array_equal(channels_first(came), right.numpy())


@pytest.mark.parametrize(
    ("name", "theirs", "values"),
    [
        *(("max_pool", "max_pool2d", values) for values in MAX),
        *(("avg_pool", "avg_pool2d", values) for values in MEAN),
        *(("lp_pool", "lp_pool2d", values) for values in [(1, 2, 2), (1, (3, 2), 1)]),
    ],
    ids=str,
)
def test_pooling_is_read_as_pytorch_reads_it(name: str, theirs: str, values: Any) -> None:
    torch = pytest.importorskip("torch")
    x = np.abs(X) if name == "lp_pool" else X
    came = eval(fix_of(getattr(hwio, name), x, *values), {"hwio": hwio, "x": x})
    right = getattr(torch.nn.functional, theirs)(torch.from_numpy(channels_first(x)), *values)
    np.testing.assert_array_equal(channels_first(came), right.numpy())
