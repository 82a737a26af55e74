"""hwio.move_layer: both frameworks on the same image, and without any of them what hwio computes."""

import warnings
from typing import Any

import numpy as np
import pytest

import hwio
from moving_cases import CASES, FRAMEWORKS, SPACE, Case
from moving_native import CannotBeTested, missing
from weights_matrix import farthest

PAIRS = [(s, t) for s in FRAMEWORKS for t in FRAMEWORKS if s != t]


def moved_of(case: Case, target: str, **options: Any) -> Any:
    """Move a case; None where it is refused."""
    _, w, pointwise, b = case.arrays()
    try:
        return hwio.move_layer(
            w, b, target=target, pointwise=pointwise, **(case.options() | options)
        )
    except hwio.OptionError:
        return None


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_both_frameworks_compute_the_same(source: str, target: str) -> None:
    lacks = missing(source, target, *(["keras"] if source == "tflite" else []))
    if lacks:
        pytest.skip(f"{', '.join(lacks)} not installed: make weights")
    ran = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the frameworks about themselves
        for case in CASES:
            if case.source != source or moved_of(case, target, in_size=case.in_size) is None:
                continue
            try:
                assert farthest(case, target) <= 1, case
            except CannotBeTested:
                continue
            ran += 1
    assert ran >= 0.9 * sum(case.source == source for case in CASES)


# ---------------------------------------------------------------- what is refused, exactly

REFUSED = {
    ("keras", "tflite"): {"keras-transposed-3x3-s1-same-d2"},
    ("onnx", "keras"): {"onnx-conv-3x3-s2-(0,1,2,0)-d2"},
    ("torch", "keras"): {"torch-conv-3x3-s2-1-d2", "torch-transposed-4x4-s2-1-g2"},
}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_only_what_cannot_be_said_is_refused(source: str, target: str) -> None:
    told = {
        str(case)
        for case in CASES
        if case.source == source and moved_of(case, target, in_size=case.in_size) is None
    }
    if target == "tflite" and source != "keras":
        assert all("-d2" in name or "-g" in name for name in told)
        assert all("3x2x3" in name or "transposed" in name for name in told)
    else:
        assert told == REFUSED.get((source, target), set())


def test_keras_has_no_output_padding_of_a_whole_stride() -> None:
    """PyTorch allows it where the dilation is more."""
    said: dict[str, Any] = {"source": "torch", "kind": "transposed", "dilation": 2}
    with pytest.raises(hwio.OptionError, match="y reaches 1 further on H than any cell of x"):
        hwio.move_layer(np.ones((4, 8, 3, 3)), target="keras", output_padding=1, **said)


# ---------------------------------------------------------------- without any framework


def same_numbers(y: Any, right: Any, case: Case) -> None:
    assert y.shape == right.shape, case
    np.testing.assert_array_equal(y, right, err_msg=str(case))  # whole numbers: sums are exact


def whole(case: Case) -> tuple[Any, ...]:
    """Return the arrays of a case as small whole numbers."""
    return tuple(None if a is None else np.rint(2 * a) for a in case.arrays())


def transposed(x: Any, w: Any, b: Any, case: Case, order: str) -> Any:
    """Compute a transposed layer of the source by the definition: every tap spreads."""
    n, ndim = case.in_size, case.ndim
    letters = SPACE[ndim] + "OI"
    w = hwio.to_layout(w, f"{order}->{letters}") if order != letters else w
    groups, out = case.groups, w.shape[-2]
    reach = [(k - 1) * case.dilation + 1 for k in case.kernel]
    full = [(m - 1) * s + r for m, s, r in zip(n, case.strides, reach, strict=True)]
    room = [f + 8 for f in full]
    y = np.zeros((x.shape[0], *room, out * groups), x.dtype)
    per = x.shape[-1] // groups
    for tap in np.ndindex(*case.kernel):
        places = tuple(
            slice(t * case.dilation, t * case.dilation + (m - 1) * s + 1, s)
            for t, m, s in zip(tap, n, case.strides, strict=True)
        )
        for g in range(groups):
            share = x[..., g * per : (g + 1) * per] @ w[tap][:, g * per : (g + 1) * per].T
            y[(slice(None), *places, slice(g * out, (g + 1) * out))] += share
    low, size = left_out(case, reach, full)
    cut = tuple(slice(a, a + m) for a, m in zip(low, size, strict=True))
    return y[(slice(None), *cut)] + (0 if b is None else b)


def left_out(case: Case, reach: list[int], full: list[int]) -> tuple[list[int], list[int]]:
    """Return where y starts in all cells and how large it is, after each framework's own pages."""
    low, size = [], []
    for axis, (ke, s, n, m) in enumerate(zip(reach, case.strides, case.in_size, full, strict=True)):
        r = case.extra or 0
        if case.padding in ("same", "SAME_UPPER", "SAME_LOWER"):
            out = n * s if case.extra is None else (n - 1) * s + ke % 2 + r
            total = max(m - out, 0)
            start = total - total // 2 if case.padding == "SAME_LOWER" else total // 2
        elif case.padding in ("valid", "VALID"):
            keras = case.source in ("keras", "tflite") and case.extra is None
            out, start = m + (max(s - ke, 0) if keras else r), 0
        else:
            a, b = pairs(case)[axis]
            out, start = m - a - b + r, a
        low.append(start)
        size.append(out)
    return low, size


def pairs(case: Case) -> list[tuple[int, int]]:
    """Return padding that was given as numbers."""
    flat = case.padding if isinstance(case.padding, tuple) else (case.padding,) * case.ndim
    if case.source == "onnx":
        return list(zip(flat[: case.ndim], flat[case.ndim :], strict=True))
    return [(p, p) for p in flat]


def plain(case: Case, x: Any, w: Any, pointwise: Any, b: Any) -> Any:
    """Compute a case with hwio.conv alone, or by the definition."""
    if case.kind == "transposed":
        return transposed(x, w, b, case, case.order("transposed"))
    kind = "conv" if case.kind == "conv" else "depthwise"
    letters = f"N{SPACE[case.ndim]}C"
    padding = case.padding if isinstance(case.padding, str) else pairs(case)
    y = hwio.conv(
        x, w, None if pointwise is not None else b, layout=f"{letters},{case.order(kind)}",
        stride=case.stride, padding=padding, dilation=case.dilation, groups=case.groups,
    )  # fmt: skip
    if pointwise is None:
        return y
    return hwio.conv(y, pointwise, b, layout=f"{letters},{case.order('conv')}")


@pytest.mark.parametrize("source", FRAMEWORKS)
@pytest.mark.parametrize("target", FRAMEWORKS)
def test_moving_on_to_numbers_gives_what_hwio_computes(source: str, target: str) -> None:
    # ONNX says every layer in numbers: what comes out of the target is said so, and computed here.
    for case in CASES:
        if case.source != source:
            continue
        x, w, pointwise, b = whole(case)
        kept = {"in_size": case.in_size, "pointwise": pointwise}
        try:
            moved = hwio.move_layer(w, b, target=target, **kept, **case.options())
        except hwio.OptionError:
            continue
        y = x
        for step in moved.to("onnx", in_size=case.in_size).steps:
            y = node(step, y, case.ndim)
        same_numbers(y, plain(case, x, w, pointwise, b), case)


def node(step: Any, x: Any, ndim: int) -> Any:
    """Compute one node of ONNX with what its page says."""
    space, options = SPACE[ndim], dict(step.options)
    w, b = step.arrays["W"], step.arrays.get("B")
    flat = options.get("pads", [0] * 2 * ndim)
    own = {
        "stride": tuple(options.get("strides", [1] * ndim)),
        "dilation": tuple(options.get("dilations", [1] * ndim)),
        "padding": list(zip(flat[:ndim], flat[ndim:], strict=True)),
        "groups": options.get("group", 1),
    }
    if step.operator == "Conv":
        return hwio.conv(x, w, b, layout=f"N{space}C,OI{space}", **own)
    extra = tuple(options.get("output_padding", [0] * ndim))
    layout = f"N{space}C,IO{space}"
    if own["groups"] == 1:
        return hwio.conv_transpose(x, w, b, layout=layout, output_padding=extra, **own)
    groups, own["groups"] = own["groups"], 1
    parts = zip(np.split(x, groups, -1), np.split(w, groups, 0), strict=True)
    ys = [hwio.conv_transpose(p, v, layout=layout, output_padding=extra, **own) for p, v in parts]
    return np.concatenate(ys, -1) + (0 if b is None else b)


@pytest.mark.parametrize("source", FRAMEWORKS)
@pytest.mark.parametrize("target", FRAMEWORKS)
def test_there_and_back_again(source: str, target: str) -> None:
    for case in CASES:
        if case.source != source:
            continue
        _, w, pointwise, b = case.arrays()
        moved = moved_of(case, target, in_size=case.in_size)
        if moved is None:
            continue
        try:
            back = moved.to(source, in_size=case.in_size)
        except hwio.OptionError:
            continue
        stored = {"np": np, "w": moved.w, "b": moved.b}
        stored |= {} if pointwise is None else {"pointwise": moved.pointwise}
        for weight in (weight for step in back.steps for weight in step.weights):
            np.testing.assert_array_equal(eval(weight.code, stored), weight.array)
        if back.w.ndim == w.ndim and (case.kind, case.groups) != ("conv", 4):
            np.testing.assert_array_equal(back.w, w)
        if pointwise is not None:
            np.testing.assert_array_equal(back.pointwise, pointwise)
        if b is not None:
            np.testing.assert_array_equal(back.b, b)


@pytest.mark.parametrize("target", FRAMEWORKS)
def test_the_code_makes_the_arrays_that_the_record_holds(target: str) -> None:
    for case in CASES:
        _, w, pointwise, b = case.arrays()
        moved = moved_of(case, target, in_size=case.in_size)
        for step in moved.steps if moved else ():
            for weight in step.weights:
                names = {"np": np, "w": w, "pointwise": pointwise, "b": b}
                np.testing.assert_array_equal(eval(weight.code, names), weight.array)
                assert weight.array.flags.c_contiguous
                assert weight.code in moved.code


def test_a_framework_s_own_same_needs_no_size() -> None:
    w = np.ones((3, 3, 4, 8), np.float32)
    said = {"source": "keras", "stride": 2, "padding": "same"}
    assert hwio.move_layer(w, target="onnx", **said).options["auto_pad"] == "SAME_UPPER"
    assert hwio.move_layer(w, target="tflite", **said).options["padding"] == "SAME"
    sized = hwio.move_layer(w, target="onnx", in_size=(6, 7), **said)
    assert sized.options == {"strides": [2, 2], "pads": [0, 1, 1, 1]}
    assert sized.to("keras").options["padding"] == "same"  # the rule is kept, not its numbers


def test_torch_padding_that_is_same_is_called_so() -> None:
    w = np.ones((8, 4, 3, 3), np.float32)
    assert (
        hwio.move_layer(w, source="torch", target="keras", padding=1).options["padding"] == "same"
    )
    strided = hwio.move_layer(w, source="torch", target="keras", padding=1, stride=2)
    assert [step.operator for step in strided.steps] == [
        "keras.layers.ZeroPadding2D",
        "keras.layers.Conv2D",
    ]


def test_numbers_that_are_same_for_a_size_are_called_so_for_it() -> None:
    w = np.ones((8, 4, 3, 3), np.float32)
    said = {"source": "torch", "target": "keras", "stride": 2, "padding": [(0, 1), (0, 1)]}
    moved = hwio.move_layer(w, in_size=32, **said)
    assert [step.options.get("padding") for step in moved.steps] == ["same"]
    assert "# for x of 32 × 32 cells, and not for every size" in str(moved)
    for size in (33, None):
        steps = hwio.move_layer(w, in_size=size, **said).steps
        assert [step.options.get("padding") for step in steps] == [((0, 1), (0, 1)), None]
    assert moved.to("torch").steps[0].options == {"padding": (0, 1, 0, 1)}, "the numbers are kept"


def test_same_with_a_stride_offers_the_numbers_of_same() -> None:
    w = np.ones((8, 4, 3, 3), np.float32)
    said = {"source": "torch", "target": "keras", "stride": 2, "padding": "same"}
    with pytest.raises(hwio.OptionError) as caught:
        hwio.move_layer(w, in_size=(32, 33), **said)
    text = str(caught.value)
    assert "padding=[(1, 1), (1, 1)]   # if its layer says so" in text
    assert "padding=[(0, 1), (1, 1)]   # SAME for x of 32 × 33 cells" in text
    mended = hwio.move_layer(w, **{**said, "source": "onnx"})
    assert mended.options["padding"] == "same"


def test_frameworks_have_their_other_names() -> None:
    w = np.ones((8, 4, 3, 3), np.float32)
    moved = hwio.move_layer(w, source="PyTorch", target="tensorflow")
    assert (moved.source, moved.target) == ("torch", "keras")
    assert moved.to("pytorch").target == "torch"


class Tensor(np.ndarray):
    """What tells of gradients as a tensor does."""

    requires_grad = True


class Conv2d:
    """A layer that is given whole."""

    def __init__(self, bias: Any) -> None:
        self.weight, self.bias = np.ones((8, 4, 3, 3)), bias

    def state_dict(self) -> dict[str, Any]:
        return vars(self)


@pytest.mark.parametrize(
    ("w", "fix"),
    [
        (Conv2d(np.ones(8)), "fix: w=layer.weight.detach(), b=layer.bias.detach()"),
        (Conv2d(None), "fix: w=layer.weight.detach()"),
        (np.ones((8, 4, 3, 3)).view(Tensor), "fix: w=w.detach()"),
    ],
)
def test_layers_and_what_records_gradients_are_asked_for_their_arrays(w: Any, fix: str) -> None:
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        hwio.move_layer(w, source="torch", target="keras")
    assert str(caught.value).endswith(fix)
    assert "hwio.interop.torch" not in str(caught.value)


class Conv2D:
    """A Keras layer that is given whole."""

    def __init__(self, use_bias: bool) -> None:
        self.use_bias = use_bias

    def get_weights(self) -> list[Any]:
        return [np.ones((3, 3, 4, 8)), np.ones(8)][: 1 + self.use_bias]


@pytest.mark.parametrize("use_bias", [False, True])
def test_a_keras_layer_is_asked_for_its_arrays_by_what_can_be_typed(use_bias: bool) -> None:
    layer = Conv2D(use_bias)
    with pytest.raises(hwio.ArgumentTypeError) as caught:
        hwio.move_layer(layer, source="keras", target="torch")
    text, _, fix = str(caught.value).partition("  fix: ")
    assert "a whole layer, not its arrays" in text
    given = eval(f"dict({fix})", {"layer": layer})
    assert set(given) == ({"w", "b"} if use_bias else {"w"})
    moved = hwio.move_layer(**given, source="keras", target="torch")
    assert set(moved.steps[0].arrays) == ({"weight", "bias"} if use_bias else {"weight"})


def test_options_are_what_the_layer_takes() -> None:
    w, b = np.ones((3, 3, 16, 2), np.float32), np.ones(32)
    moved = hwio.move_layer(w, b, source="keras", target="torch", kind="depthwise", dilation=2)
    (step,) = moved.steps
    assert step.operator == "nn.Conv2d"
    assert step.options == {
        "in_channels": 16,
        "out_channels": 32,
        "kernel_size": (3, 3),
        "dilation": (2, 2),
        "groups": 16,
    }
    assert step.arrays["weight"].shape == (32, 1, 3, 3)
    assert step.arrays["bias"].dtype == np.float32


def test_nothing_is_imported_and_nothing_is_changed() -> None:
    import subprocess
    import sys

    script = """
import sys, numpy as np, hwio
w = np.ones((3, 3, 4, 8), np.float32)
w.setflags(write=False)
for target in ("keras", "torch", "onnx", "tflite"):
    repr(hwio.move_layer(w, source="keras", target=target))
assert not {"keras", "tensorflow", "torch", "onnx", "ai_edge_litert"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_code_stays_within_a_page() -> None:
    for case in CASES[::7]:
        for target in FRAMEWORKS:
            moved = moved_of(case, target, in_size=case.in_size)
            for line in moved.code.splitlines() if moved else ():
                assert len(line) <= 100, line
                assert line == line.rstrip()
