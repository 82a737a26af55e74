"""to_layout, depthwise_weights and layout_recipe: the same values in another order."""

from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

import hwio
from hwio.shapes.layout import ACTIVATION_LAYOUTS, WEIGHT_LAYOUTS

SIZES = {"N": 2, "D": 4, "H": 5, "W": 3, "I": 6, "O": 7, "C": 6, "M": 2}
NAMED = [
    (source, target)
    for named in (*WEIGHT_LAYOUTS.values(), *ACTIVATION_LAYOUTS.values())
    for source, target in product(named, repeat=2)
    if ("M" in source) == ("M" in target)
]
FROM_DEPTHWISE = [
    (source, target)
    for named in WEIGHT_LAYOUTS.values()
    for source, target in product(named, repeat=2)
    if "M" in source and "M" not in target
]
# The four transposes people look up, as they are published by the frameworks' converters.
LOOKED_UP = {
    "HWIO->OIHW": (3, 2, 0, 1),
    "OIHW->HWIO": (2, 3, 1, 0),
    "HWIO->OHWI": (3, 0, 1, 2),
    "OHWI->HWIO": (1, 2, 3, 0),
}


def numbered(letters: str, sizes: dict[str, int] = SIZES) -> Any:
    """Make an array in which every number tells its place."""
    shape = tuple(sizes[letter] for letter in letters)
    return np.arange(np.prod(shape)).reshape(shape)


def place(letters: str, at: dict[str, int]) -> tuple[int, ...]:
    return tuple(at[letter] for letter in letters)


@pytest.mark.parametrize(("source", "target"), NAMED)
def test_every_pair_of_named_layouts_goes_there_and_back(source: str, target: str) -> None:
    a = numbered(source)
    there = hwio.to_layout(a, f"{source}->{target}")
    assert there.shape == tuple(SIZES[letter] for letter in target)
    np.testing.assert_array_equal(hwio.to_layout(there, f"{target}->{source}"), a)


@pytest.mark.parametrize(("source", "target"), NAMED)
def test_each_number_keeps_its_letters(source: str, target: str) -> None:
    a = numbered(source)
    there = hwio.to_layout(a, f"{source}->{target}")
    for index in np.ndindex(a.shape):
        at = dict(zip(source, index, strict=True))
        assert there[place(target, at)] == a[index]


@pytest.mark.parametrize(("change", "axes"), LOOKED_UP.items())
def test_the_looked_up_transposes(change: str, axes: tuple[int, ...]) -> None:
    a = numbered(change[:4])
    np.testing.assert_array_equal(hwio.to_layout(a, change), np.transpose(a, axes))
    assert hwio.layout_recipe(change) == f"np.transpose(w, {axes})"


def test_the_classic_slip_swaps_h_and_w_and_only_values_show_it() -> None:
    w = np.arange(3 * 3 * 4 * 8).reshape(3, 3, 4, 8)
    right, slip = hwio.to_layout(w, "HWIO->OIHW"), np.transpose(w, (3, 2, 1, 0))
    assert right.shape == slip.shape  # square kernels hide it
    assert not np.array_equal(right, slip)
    np.testing.assert_array_equal(right, slip.swapaxes(2, 3))


def test_a_reshape_keeps_the_shape_and_scrambles_the_values() -> None:
    w = np.arange(3 * 3 * 4 * 8).reshape(3, 3, 4, 8)
    right = hwio.to_layout(w, "HWIO->OHWI")
    assert right.shape == w.reshape(8, 3, 3, 4).shape
    assert not np.array_equal(right, w.reshape(8, 3, 3, 4))
    np.testing.assert_array_equal(right, np.moveaxis(w, -1, 0))
    np.testing.assert_array_equal(right[5], w[:, :, :, 5])


@pytest.mark.parametrize(("source", "target"), NAMED)
def test_a_change_of_order_is_a_view(source: str, target: str) -> None:
    a = numbered(source)
    there = hwio.to_layout(a, f"{source}->{target}")
    assert np.shares_memory(there, a)
    there[(0,) * there.ndim] = -1
    assert a.flat[0] == -1


def test_to_layout_takes_what_conv_takes() -> None:
    assert hwio.to_layout([[[1.0, 2.0]]], "WIO->OIW").shape == (2, 1, 1)
    assert hwio.to_layout(np.zeros((2, 5, 7, 4)), "NHWC -> NCHW").shape == (2, 4, 5, 7)
    assert hwio.to_layout(np.zeros((5, 7, 4)), "HWC->CHW").shape == (4, 5, 7)
    for letters in permutations("HWIO"):
        name = "".join(letters)
        back = hwio.to_layout(hwio.to_layout(numbered("HWIO"), f"HWIO->{name}"), f"{name}->HWIO")
        np.testing.assert_array_equal(back, numbered("HWIO"))


@pytest.mark.parametrize(("source", "target"), FROM_DEPTHWISE)
def test_depthwise_weights_become_grouped_ones_and_come_back(source: str, target: str) -> None:
    w = numbered(source)
    grouped = hwio.to_layout(w, f"{source}->{target}")
    sizes = {**SIZES, "I": 1, "O": SIZES["C"] * SIZES["M"]}
    assert grouped.shape == tuple(sizes[letter] for letter in target)
    for index in np.ndindex(w.shape):
        at = dict(zip(source, index, strict=True))
        of_channel = {**at, "I": 0, "O": at["C"] * SIZES["M"] + at["M"]}
        assert grouped[place(target, of_channel)] == w[index]
    back = hwio.depthwise_weights(grouped, f"{target}->{source}", channels=SIZES["C"])
    np.testing.assert_array_equal(back, w)


@pytest.mark.parametrize("target", ["HWIO", "OIHW", "OHWI", "HWOI", "IOHW", "IHWO"])
def test_depthwise_and_grouped_convolve_alike(target: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.integers(-8, 9, (2, 6, 7, 6)).astype(np.float32)
    w = rng.integers(-8, 9, (5, 3, 6, 2)).astype(np.float32)  # HWCM
    right = hwio.conv(x, w, layout="NHWC,HWCM", padding="same")
    # channel by channel, with nothing but the definition
    for c, m in np.ndindex(6, 2):
        one = hwio.conv(x[..., c : c + 1], w[:, :, c : c + 1, m : m + 1], padding="same")
        np.testing.assert_array_equal(right[..., c * 2 + m], one[..., 0])
    grouped = hwio.to_layout(w, f"HWCM->{target}")
    y = hwio.conv(x, grouped, layout=f"NHWC,{target}", groups=6, padding="same")
    np.testing.assert_array_equal(y, right)


def test_depthwise_weights_of_tensorflow_in_torch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    x = rng.integers(-8, 9, (2, 6, 7, 6)).astype(np.float32)
    w = rng.integers(-8, 9, (5, 3, 6, 2)).astype(np.float32)  # HWCM
    images = torch.from_numpy(hwio.to_layout(x, "NHWC->NCHW"))
    filters = torch.from_numpy(hwio.to_layout(w, "HWCM->OIHW"))
    y = torch.nn.functional.conv2d(images, filters, groups=6).numpy()
    right = hwio.conv(x, w, layout="NHWC,HWCM")
    np.testing.assert_array_equal(hwio.to_layout(y, "NCHW->NHWC"), right)


@pytest.mark.parametrize(("source", "target"), NAMED + FROM_DEPTHWISE)
def test_the_recipe_does_what_to_layout_does(source: str, target: str) -> None:
    a = numbered(source)
    names = {"np": np, "x": a, "w": a, "c": SIZES["C"], "m": SIZES["M"]}
    names |= {"kd": SIZES["D"], "kh": SIZES["H"], "kw": SIZES["W"]}
    by_recipe = eval(hwio.layout_recipe(f"{source}->{target}"), names)
    np.testing.assert_array_equal(by_recipe, hwio.to_layout(a, f"{source}->{target}"))


@pytest.mark.parametrize(
    "change",
    [
        "OIHW",
        "OIHW->",
        "->HWIO",
        "OIHW->HWI",
        "OIHW->HWIX",
        "OOHW->HWIO",
        "OIHW->NHWC",
        "OIW->HWIO",
    ],
)
def test_a_change_that_names_no_order_is_refused(change: str) -> None:
    with pytest.raises(hwio.LayoutError):
        hwio.to_layout(np.zeros((8, 4, 3, 3)), change)
    with pytest.raises(hwio.LayoutError):
        hwio.layout_recipe(change)


def test_rank_and_letters_must_agree() -> None:
    with pytest.raises(hwio.LayoutError):
        hwio.to_layout(np.zeros((8, 4, 3)), "OIHW->HWIO")


def test_grouped_weights_do_not_tell_their_channels() -> None:
    w = np.zeros((12, 1, 3, 3))
    for act in (hwio.to_layout, lambda _, change: hwio.layout_recipe(change)):
        with pytest.raises(hwio.LayoutError, match=r"can't tell C and M from O = C·M"):
            act(w, "OIHW->HWCM")
    with pytest.raises(hwio.ShapeError):
        hwio.depthwise_weights(w, "OIHW->HWCM", channels=5)  # 12 / 5
    with pytest.raises(hwio.ShapeError):
        hwio.depthwise_weights(np.zeros((12, 2, 3, 3)), "OIHW->HWCM", channels=6)  # I = 2
    with pytest.raises(hwio.ShapeError):
        hwio.depthwise_weights(w, "OIHW->HWCM", channels=0)


@pytest.mark.parametrize("change", ["OIHW->HWIO", "HWCM->OIHW", "HWCM->CMHW", "NHWC->NCHW"])
def test_depthwise_weights_goes_from_grouped_to_depthwise_only(change: str) -> None:
    with pytest.raises(hwio.LayoutError):
        hwio.depthwise_weights(np.zeros((12, 1, 3, 3)), change, channels=6)
