"""diagnose: the true reading is always listed, nothing is claimed of a wrong y, every twin is named."""

import json
from itertools import product

import numpy as np
import pytest

import hwio
from definition import sides
from hwio.diagnosis.slips import SLIPS
from hwio.mistakes import ENTRIES, MISTAKES
from hwio.mistakes.layer import Layer
from hwio.ops.planning import problem_of
from hwio.shapes.layout import WEIGHT_LAYOUTS

X, W = (2, 5, 7, 4), (3, 3, 4, 8)  # the thread


def numbers(*shapes, seed=0):
    """Draw normally distributed arrays."""
    rng = np.random.default_rng(seed)
    return tuple(rng.standard_normal(shape) for shape in shapes)


def run(reading, x, w, b=None):
    """Type the call of a reading."""
    return eval(reading.call, {"hwio": hwio, "np": np, "x": x, "w": w, "b": b})


def told(found):
    """Return the text on one line."""
    return " ".join(str(found).split())


def windows(layout, options, x, w):
    """Return what decides which numbers meet: where windows start, and whether kernels are turned."""
    geo = problem_of(x, w, **(options | {"layout": layout})).geometry
    turned = options.get("flip", False) and set(geo.kernel) != {1}
    step = tuple(s if o > 1 else 1 for s, o in zip(geo.stride, geo.out_size, strict=True))
    tap = tuple(d if k > 1 else 1 for d, k in zip(geo.dilation, geo.kernel, strict=True))
    mode = options.get("padding_mode", "zeros") if geo.padded else "zeros"
    return tuple(low for low, _ in geo.padding), step, tap, geo.groups, turned, mode


def by_scipy(x, w, layout, *, stride=1, padding="valid", dilation=1, groups=1, flip=False):
    """Convolve in 2-D with scipy.signal, a pair of channels at a time: an opinion from outside."""
    signal = pytest.importorskip("scipy.signal", reason="SciPy, to compare with")
    ins, _, y_order = layout.partition("->")
    x_order, w_order = ins.split(",")
    x = x.transpose([x_order.index(a) for a in "NHWC"])
    rest = "CM" if "M" in w_order else "IO"
    w = w.transpose([w_order.index(a) for a in "HW" + rest])
    if rest == "CM":
        groups, w = x.shape[-1], w.reshape(*w.shape[:2], 1, -1)
    strides, dilations = (np.broadcast_to(v, 2).tolist() for v in (stride, dilation))
    pads = [
        sides(padding, i, 2, x.shape[1 + i], w.shape[i], strides[i], dilations[i]) for i in (0, 1)
    ]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    w = w[::-1, ::-1] if flip else w
    taps = np.zeros(
        [(k - 1) * d + 1 for k, d in zip(w.shape[:2], dilations, strict=True)] + [*w.shape[2:]]
    )
    taps[:: dilations[0], :: dilations[1]] = w
    seen, made = w.shape[2], w.shape[3] // groups
    y = [
        [
            sum(
                signal.correlate2d(image[..., o // made * seen + i], taps[..., i, o], "valid")
                for i in range(seen)
            )[:: strides[0], :: strides[1]]
            for o in range(w.shape[3])
        ]
        for image in x
    ]  # (n, o, h, w)
    return np.array(y).transpose(["NCHW".index(a) for a in y_order])


def is_listed(found, x, w, y, layout, options):
    """Tell whether the reading that made y is among those found, and makes it."""
    truth = windows(layout, options, x, w)
    for reading in found.readings:
        if reading.slip or layout not in (reading.layout, *reading.twins):
            continue
        own = {k: v for k, v in reading.options.items() if k not in ("layout", "activation")}
        if "C" in layout.partition("->")[0].partition(",")[2]:  # depthwise: groups follow from w
            own.pop("groups", None)
        elif "M" in reading.layout:
            own["groups"] = options.get("groups", 1)
        if windows(layout, own, x, w) == truth:
            return np.allclose(run(reading, x, w), y, rtol=1e-9, atol=1e-9)
    return False


PADDINGS = ["valid", "same", "same_lower", "half", "full", 1, 2, [(0, 1), (1, 0)], [(2, 0), (1, 3)]]


def mix_ups(count, seed):
    """Yield made-up convolutions: layouts × padding × flip × stride, dilation and groups too."""
    rng = np.random.default_rng(seed)
    made = 0
    while made < count:
        sizes = dict(zip("NHWC", rng.integers((1, 4, 4, 1), (4, 10, 10, 6)).tolist(), strict=True))
        taps = dict(zip("HW", rng.integers(1, 5, 2).tolist(), strict=True))
        if made % 3 == 0:  # squares hide which axis is which
            sizes["W"], taps["W"] = sizes["H"], taps["H"]
        x_order, y_order = (str(rng.choice(["NHWC", "NCHW"])) for _ in "xy")
        w_order = str(rng.choice(list(WEIGHT_LAYOUTS[2])))
        groups = 2 if made % 7 == 0 and "M" not in w_order else 1
        sizes["C"] = 4 if groups == 2 else sizes["C"]
        own = {**taps, "I": sizes["C"] // groups, "O": 2 * int(rng.integers(1, 5)),
               "C": sizes["C"], "M": int(rng.integers(1, 3))}  # fmt: skip
        options = {
            "stride": int(rng.integers(1, 4)) if made % 5 else (1, 2),
            "padding": PADDINGS[rng.integers(len(PADDINGS))],
            "flip": bool(rng.integers(2)),
            "dilation": int(rng.choice([1, 1, 1, 2])),
            "groups": groups,
        }
        x, w = (rng.standard_normal([s[a] for a in order])
                for s, order in ((sizes, x_order), (own, w_order)))  # fmt: skip
        layout = f"{x_order},{w_order}->{y_order}"
        try:
            problem = problem_of(x, w, layout=layout, **options)
        except hwio.HwioError:  # no room for the kernel
            continue
        if 0 in problem.geometry.out_size:
            continue
        made += 1
        yield x, w, layout, options


def test_what_rounding_leaves_is_no_bias() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 6, 7, 3), np.float32)
    w = rng.standard_normal((3, 3, 3, 2), np.float32)
    y = hwio.conv(x, w, np.array([0.5, 0], np.float32))
    (reading,) = hwio.diagnose(x, w, y).readings
    bias = eval(reading.call.split("hwio.conv(x, w, ")[1].rstrip(")") + ")", {"np": np})
    assert bias[0] == pytest.approx(0.5, abs=1e-5)
    assert bias[1] == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_true_reading_of_200_mix_ups_is_listed(seed):
    lost = []
    for x, w, layout, options in mix_ups(50, seed):
        y = by_scipy(x, w, layout, **options)
        found = hwio.diagnose(x, w, y)
        if not is_listed(found, x, w, y, layout, options):
            lost.append((x.shape, w.shape, layout, options, [r.call for r in found.readings]))
    assert not lost


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((2, 9, 3), (4, 3, 5), {"padding": "causal", "dilation": 2}),
        ((2, 3, 9), (5, 3, 4), {"padding": "same", "stride": 2, "layout": "NCW,OIW->NWC"}),
        ((2, 5, 6, 4, 2), (3, 2, 3, 2, 3), {"padding": "half", "flip": True}),
        ((1, 2, 4, 6, 8), (3, 2, 3, 3, 3), {"stride": (1, 2, 2), "padding": 1, "layout": "NCDHW,OIDHW->NCDHW"}),
        ((5, 7, 4), (3, 3, 4, 8), {"layout": "HWC,HWIO->HWC", "padding": "same"}),
        ((4, 5, 7), (8, 4, 3, 3), {"layout": "CHW,OIHW->HWC"}),
        ((2, 6, 7, 6), (3, 3, 3, 8), {"groups": 2, "padding": "same"}),
        ((1, 7, 8, 3), (3, 3, 3, 2), {"padding": [(2, 1), (0, 2)], "padding_mode": "reflect"}),
        ((1, 7, 8, 3), (3, 3, 3, 2), {"padding": 2, "padding_mode": "edge", "stride": 2}),
        ((1, 7, 8, 3), (3, 3, 3, 2), {"padding": 2, "padding_mode": "symmetric"}),
        ((1, 7, 8, 3), (3, 3, 3, 2), {"padding": "same", "padding_mode": "wrap", "flip": True}),
        ((1, 40, 40, 3), (16, 16, 3, 8), {"stride": 16}),
        ((1, 224, 3), (8, 3, 4), {"stride": 9}),
        ((1, 30, 30, 2), (3, 3, 2, 2), {"dilation": 6, "padding": 6}),
    ],
)  # fmt: skip
def test_other_ranks_modes_and_sizes(x, w, options):
    x, w = numbers(x, w)
    y = hwio.conv(x, w, method="loop", **options)
    layout = options.get("layout") or problem_of(x, w, **options).layout.text
    rest = {k: v for k, v in options.items() if k != "layout"}
    assert is_listed(hwio.diagnose(x, w, y), x, w, y, layout, rest)


# what EXPERIENCE calls real problems


def test_problem_2_weights_reshaped_where_they_should_have_been_transposed():
    x, w = numbers(X, W)
    y = hwio.conv(x, w.reshape(8, 3, 3, 4), layout="NHWC,OHWI")
    found = hwio.diagnose(x, w, y)
    assert "reshaped from HWIO (3, 3, 4, 8) to OHWI (8, 3, 3, 4)" in found.readings[0].slip
    assert found.readings[0].instead == 'w = hwio.to_layout(w, "HWIO->OHWI")'
    assert "No plain convolution" in told(found)


def test_problem_2_weights_that_were_cut_before_diagnose_sees_them():
    x, right = numbers(X, W)
    found = hwio.diagnose(x, right.reshape(8, 4, 3, 3), hwio.conv(x, right))
    assert any(
        "reshaped from OIHW" in r.slip and "HWIO (3, 3, 4, 8)" in r.slip for r in found.readings
    )


def test_problem_4_same_with_stride_2_is_tensorflows_or_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch, to compare with")
    x, w = numbers((1, 3, 8, 8), (4, 3, 3, 3))
    y = torch.conv2d(torch.from_numpy(x), torch.from_numpy(w), stride=2, padding=1).numpy()
    found = hwio.diagnose(x, w, y)
    assert [r.call for r in found.readings] == [
        'hwio.conv(x, w, stride=2, padding="half", layout="NCHW,OIHW")'
    ]
    assert "1" in found.readings[0].paddings
    tensorflow = hwio.conv(x, w, stride=2, padding="same", layout="NCHW,OIHW")
    named = hwio.diagnose(x, w, tensorflow).readings
    assert [r.options["padding"] for r in named] == ["same"]


def test_problem_8_convolution_or_correlation():
    signal = pytest.importorskip("scipy.signal", reason="SciPy, to compare with")
    x, w = numbers((9, 11), (3, 4))
    turned = hwio.diagnose(x, w, signal.convolve2d(x, w, "valid")).readings
    plain = hwio.diagnose(x, w, signal.correlate2d(x, w, "valid")).readings
    assert [r.hit.flip for r in (*turned, *plain)] == [True, False]
    np.testing.assert_allclose(run(turned[0], x, w), signal.convolve2d(x, w, "valid"))


def test_problem_8_numpy_convolve():
    x, w = numbers((12,), (4,))
    for mode, padding in (("full", "full"), ("same", "same_lower"), ("valid", None)):
        (reading,) = hwio.diagnose(x, w, np.convolve(x, w, mode)).readings
        assert reading.options.get("padding") == padding
        np.testing.assert_allclose(run(reading, x, w), np.convolve(x, w, mode), atol=1e-12)


def test_problem_13_a_batch_that_was_summed_in_another_order_is_within_its_bound():
    x, w = (a.astype(np.float32) for a in numbers((4, 9, 9, 32), (3, 3, 32, 8)))
    y = np.concatenate([hwio.conv(x[i : i + 1], w, method="einsum") for i in range(4)])
    (reading,) = hwio.diagnose(x, w, y).readings
    assert reading.grade in ("exact", "bound")


def test_problem_14_int8_sums_that_wrapped_round():
    rng = np.random.default_rng(0)
    x, w = (rng.integers(-90, 90, s).astype(np.int8) for s in ((1, 6, 6, 2), (3, 3, 2, 3)))
    y = hwio.conv(x, w).astype(np.int8)
    found = hwio.diagnose(x, w, y)
    assert found.readings[0].slip == "sums left the range of int8 and wrapped round"
    np.testing.assert_array_equal(run(found.readings[0], x, w), y)


def test_problem_14_float64_that_became_float32_on_the_way():
    x, w = numbers(X, W)
    y = hwio.conv(x.astype(np.float32), w.astype(np.float32)).astype(np.float64)
    assert [r.grade for r in hwio.diagnose(x, w, y).readings] == ["float32"]


@pytest.mark.parametrize("pads", [[(0, 1), (0, 1)], [(1, 0), (1, 0)], [(2, 1), (0, 3)]])
def test_problem_15_asymmetric_padding(pads):
    x, w = numbers(X, (4, 4, 4, 3))
    found = hwio.diagnose(x, w, hwio.conv(x, w, padding=pads))
    assert [r.hit.low for r in found.readings] == [tuple(low for low, _ in pads)]


# slips


def slipped(name, x, w, b):
    """Return (y, b for diagnose, what must be said) of one slip."""
    same = {"padding": "same"}
    return {
        "no bias": (hwio.conv(x, w), b, "the bias b is missing from y"),
        "double bias": (hwio.conv(x, w, 2 * b), b, "the bias was added twice"),
        "minus bias": (hwio.conv(x, w, -b), b, "the bias was subtracted"),
        "other bias": (hwio.conv(x, w, b[::-1]), b, "another bias than b was added"),
        "a bias": (hwio.conv(x, w, b), None, "a bias was added that diagnose was not given"),
        "bgr": (hwio.conv(x[..., ::-1], w, **same), None, "the channels of x are in the opposite order"),
        "upside down": (hwio.conv(x[:, ::-1], w, **same), None, "x stands upside down"),
        "mirrored": (hwio.conv(x[:, :, ::-1], w, **same), None, "x is mirrored"),
        "filters": (hwio.conv(x, w[..., ::-1]), None, "the filters are in the opposite order"),
        "half turned": (hwio.conv(x, w[::-1]), None, "turned round along H alone"),
        "all turned": (hwio.conv(x, np.flip(w)), None, "along all its axes"),
        "taps": (hwio.conv(x, w.swapaxes(0, 1), **same), None, "H and W of w changed places"),
        "cells": (hwio.conv(x, w).swapaxes(1, 2), None, "y has its spatial axes in the opposite order"),
        "mean": (hwio.conv(x, w) / 4, None, "times 0.25: the mean over 4 channels"),
        "taps' mean": (hwio.conv(x, w) / 9, None, "the mean over 9 taps"),
        "sign": (-hwio.conv(x, w), None, "times -1: the sign"),
        "cropped": (hwio.conv(x, w)[:, :-1], None, "y lacks cells at its ends: 1 along H"),
        "x reshaped": (
            hwio.conv(x.reshape(2, 4, 5, 7), w, layout="NCHW,HWIO->NHWC"), None,
            "x was reshaped from NHWC (2, 5, 7, 4) to NCHW (2, 4, 5, 7)",
        ),
        "y reshaped": (
            hwio.conv(x, w).reshape(2, 8, 3, 5), None,
            "y was reshaped from NHWC (2, 3, 5, 8) to NCHW (2, 8, 3, 5)",
        ),
    }[name]  # fmt: skip


SLIPPED = [
    *("no bias", "double bias", "minus bias", "other bias", "a bias", "bgr", "upside down"),
    *("mirrored", "filters", "half turned", "all turned", "taps", "cells", "mean", "taps' mean"),
    *("sign", "cropped", "x reshaped", "y reshaped"),
]


@pytest.mark.parametrize("name", SLIPPED)
def test_a_slip_is_named_and_its_call_makes_y(name):
    x, w, b = numbers(X, W, (8,))
    y, given, says = slipped(name, x, w, b)
    found = hwio.diagnose(x, w, y, given)
    named = [r for r in found.readings if says in r.slip]
    assert named, str(found)
    np.testing.assert_allclose(run(named[0], x, w, b), y, rtol=2e-6, atol=2e-6)
    assert len(found.readings) <= 2
    assert "No plain convolution" in told(found)
    assert says.split()[0] in found._repr_html_()


def test_depthwise_filters_in_turns():
    x, w = numbers((2, 6, 7, 3), (3, 3, 3, 2))
    y = hwio.conv(x, w, layout="NHWC,HWCM")  # channels run c·M + m
    turned = y[..., [0, 2, 4, 1, 3, 5]]
    found = hwio.diagnose(x, w, turned)
    assert any("filter by filter" in r.slip for r in found.readings), str(found)
    named = next(r for r in found.readings if "filter by filter" in r.slip)
    np.testing.assert_allclose(run(named, x, w), turned)


IMAGES_LAST = [
    {},
    {"padding": "same", "flip": True},
    {"stride": (1, 2), "dilation": (2, 1), "padding": [(2, 0), (1, 3)]},
    {"padding": 2, "padding_mode": "reflect"},
    {"groups": 2, "stride": 2},
]


@pytest.mark.parametrize("options", IMAGES_LAST, ids=str)
def test_images_stored_last_mix_with_every_other_order(options):
    orders = ("NHWC", "NCHW", "HWCN", "CHWN")
    sizes = {"N": 2, "C": 4, "H": 6, "W": 7}
    taps = {"H": 3, "W": 2, "I": 4 // options.get("groups", 1), "O": 6}
    for x_order, w_order, y_order in product(orders, ("HWIO", "OIHW", "OHWI"), orders):
        shapes = ([size[a] for a in order] for size, order in ((sizes, x_order), (taps, w_order)))
        x, w = numbers(*shapes)
        layout = f"{x_order},{w_order}->{y_order}"
        y = hwio.conv(x, w, layout=layout, method="loop", **options)
        assert is_listed(hwio.diagnose(x, w, y), x, w, y, layout, options), layout


def test_images_stored_last_where_the_usual_orders_fit_too():
    x, w = numbers((4, 5, 4, 4), W)
    y = hwio.conv(x, w, padding=1, layout="CHWN,HWIO->NHWC")
    (reading,) = hwio.diagnose(x, w, y).readings
    assert reading.call == 'hwio.conv(x, w, padding="same", layout="CHWN,HWIO->NHWC")'
    assert reading.convert == ('x = hwio.to_layout(x, "CHWN->NHWC")',)
    assert not hwio.diagnose(x, w, *numbers(y.shape, seed=1)).readings


def test_a_bias_that_was_not_given_is_seen_where_images_are_stored_last():
    x, w, b = numbers((6, 7, 4, 2), W, (8,))
    y = hwio.conv(x, w, b, layout="HWCN,HWIO->NHWC")
    (reading,) = hwio.diagnose(x, w, y).readings
    assert (reading.slip, reading.layout) == (
        "a bias was added that diagnose was not given", "HWCN,HWIO->NHWC",
    )  # fmt: skip


def test_every_slip_of_the_registry_is_tried_here():
    assert set(SLIPS) == {
        "bias", "turned", "reversed", "reshape", "factor", "cropped", "turns", "wrapped",
    }  # fmt: skip


# the catalogue of mistakes

ALL = [entry.key for entry in ENTRIES if entry.function == "conv_forward"]


def explained(key):
    """Tell whether diagnose explains what a mistake makes of one layer; None where it makes no y."""
    x, w, b = numbers((2, 6, 7, 3), (3, 3, 3, 4), (4,))
    made = MISTAKES[key].numbers(Layer(x, w, b, stride=(2, 2), padding=((1, 1), (1, 1))))
    if isinstance(made, str) or made[0].ndim != 4 or not made[0].size:
        return None
    found = hwio.diagnose(x, w, made[0], b)
    if found.mistakes:
        assert key in [m.key for m in found.mistakes]
        assert MISTAKES[key].hint.split()[0] in str(found)
        assert json.loads(found.json())["answer"] == "mistake"
    return bool(found)


@pytest.mark.parametrize("key", ALL[::8])
def test_mistakes_of_the_catalogue_are_explained(key):
    assert explained(key) in (True, None)


@pytest.mark.nightly
@pytest.mark.parametrize("key", ALL)
def test_every_mistake_of_the_catalogue_is_explained(key):
    assert explained(key) in (True, None)


# nothing, nearly, and several


@pytest.mark.parametrize("shape", [(2, 3, 5, 8), (2, 5, 7, 8), (2, 2, 3, 8), (2, 8, 3, 5)])
def test_a_wrong_y_matches_nothing(shape):
    x, w, y = numbers(X, W, shape)
    found = hwio.diagnose(x, w, y)
    assert not found
    assert found.readings == found.near == ()
    assert str(found).splitlines()[1].startswith("Nothing matches")
    assert found.nearest is not None
    assert found.nearest.differing > 0.9


def test_one_wrong_number_is_seen_and_its_place_is_told():
    x, w = numbers(X, W)
    y = hwio.conv(x, w, padding="same")
    y[1, 2, 3, 4] += 0.5
    found = hwio.diagnose(x, w, y)
    assert not found
    assert found.nearest.call == 'hwio.conv(x, w, padding="same")'
    assert found.nearest.at == (1, 2, 3, 4)
    assert found.nearest.error == pytest.approx(0.5)


def test_a_shape_that_no_reading_has():
    x, w, y = numbers(X, W, (2, 5, 7, 9))
    assert "no reading of these shapes makes a y of this shape" in told(hwio.diagnose(x, w, y))


def test_the_explorer_opens_at_the_first_number_that_differs():
    x, w, b = numbers(X, W, (8,))
    y = hwio.conv(x, w, b, padding="same")
    assert hwio.diagnose(x, w, y, b).explore().answer.first is None
    y[1, 2, 3, 4] += 0.5
    page = hwio.diagnose(x, w, y, b).explore()
    assert page.at == page.answer.first == (1, 2, 3, 4)
    slip = hwio.diagnose(
        x, w, hwio.conv(x, w, 2 * b), b
    )  # the right numbers beside those of the slip
    assert slip.readings[0].slip
    assert slip.explore().answer.wrong.any()
    picture, kernel = numbers((9, 11), (3, 3))
    plain = hwio.conv(picture[..., None], kernel[..., None, None], layout="HWC,HWIO")[..., 0]
    assert not hwio.diagnose(picture, kernel, plain).explore().answer.wrong.any()
    with pytest.raises(hwio.ShapeError, match="there is nothing to show"):
        hwio.diagnose(x, w, y[..., :5]).explore()


def test_the_explorer_of_a_mistake_shows_the_right_numbers():
    x, w, b = numbers((2, 6, 7, 3), (3, 3, 3, 4), (4,))
    layer = Layer(x, w, b, stride=(2, 2), padding=((1, 1), (1, 1)))
    y = MISTAKES["conv-pad-at-the-end"].numbers(layer)[0]
    found = hwio.diagnose(x, w, y, b)
    assert [m.key for m in found.mistakes] == ["conv-pad-at-the-end"]
    assert found.explore().case.y_shape == hwio.conv(x, w, b, **found.mistakes[0].options).shape


def test_means_that_agree_are_no_match():
    x, w = numbers((1, 8, 8, 1), (3, 3, 1, 1))
    y = hwio.conv(x, w, padding="same")
    shuffled = np.random.default_rng(1).permutation(y.ravel()).reshape(y.shape)
    assert not hwio.diagnose(x, w, shuffled)


@pytest.mark.parametrize(
    ("spoil", "grade"),
    [
        (lambda y: np.round(y, 2), "rounded"),
        (lambda y: y * (1 + 2e-4 * np.sign(np.sin(np.arange(y.size)).reshape(y.shape))), "half"),
    ],
)
def test_what_comes_near_is_told_apart(spoil, grade):
    x, w = numbers(X, W)
    found = hwio.diagnose(x, w, spoil(hwio.conv(x, w)))
    assert not found
    assert [(r.call, r.grade) for r in found.near] == [("hwio.conv(x, w)", grade)]
    assert "Nothing makes y to the last digits" in told(found)


def test_what_comes_near_is_left_out_where_a_reading_makes_y():
    x, w = numbers(X, W)
    x[:, [0, -1]] *= 1e-4  # the edges, and zeros, are nearly the same padding
    x[:, :, [0, -1]] *= 1e-4
    y = hwio.conv(x, w, padding=1)
    edges = hwio.conv(x, w, padding=1, padding_mode="edge")
    assert 0 < np.abs(y - edges).max() < 1e-2
    found = hwio.diagnose(x, w, y)
    assert {r.options.get("padding_mode") for r in found.readings} == {None}
    assert found.near == ()


def test_bfloat16_comes_near():
    x, w = numbers(X, W)
    short = [(a.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32) for a in (x, w)]
    found = hwio.diagnose(x, w, hwio.conv(*short))
    assert [r.call for r in (*found.readings, *found.near)] == ["hwio.conv(x, w)"]
    assert found.near[0].grade in ("bfloat16", "digits")


def test_a_symmetric_kernel_leaves_both_directions():
    x, w = numbers((2, 5, 7, 4), (1, 1, 4, 8))
    w = np.broadcast_to(w, (3, 3, 4, 8))
    y = hwio.conv(x, w)
    found = hwio.diagnose(x, w, y)
    assert [r.call for r in found.readings] == ["hwio.conv(x, w)", "hwio.conv(x, w, flip=True)"]
    assert found.groups == ((0,), (1,))
    assert "flip: a kernel that is not its own mirror image" in told(found)


def test_weights_that_equal_their_transpose_leave_two_orders():
    x, w = numbers((2, 5, 7, 4), (3, 3, 4, 4))
    w = w + w.swapaxes(2, 3)
    found = hwio.diagnose(x, w, hwio.conv(x, w))
    assert [r.layout for r in found.readings] == ["NHWC,HWIO->NHWC", "NHWC,HWOI->NHWC"]
    assert "layout: weights that differ between filters and channels" in told(found)


def test_a_border_of_zeros_leaves_every_padding_mode_that_sees_it():
    x, w = numbers((1, 7, 7, 2), (3, 3, 2, 3))
    x[:, [0, 1, -2, -1]] = x[:, :, [0, 1, -2, -1]] = 0
    found = hwio.diagnose(x, w, hwio.conv(x, w, padding="same"))
    modes = {r.options.get("padding_mode", "zeros") for r in found.readings}
    assert modes == {"zeros", "edge", "reflect", "symmetric", "wrap"}
    assert "padding_mode: an x whose border differs from cell to cell" in told(found)


def test_edge_and_symmetric_are_the_same_for_one_cell():
    x, w = numbers((1, 7, 7, 2), (3, 3, 2, 3))
    found = hwio.diagnose(x, w, hwio.conv(x, w, padding=1, padding_mode="edge"))
    assert [r.options["padding_mode"] for r in found.readings] == ["edge", "symmetric"]
    assert found.groups == ((0, 1),)
    assert "No numbers of these shapes could tell them apart" in told(found)


def test_one_tap_has_no_direction_and_one_cell_no_stride():
    x, w = numbers((2, 5, 5, 4), (1, 1, 4, 6))
    (reading,) = hwio.diagnose(x, w, hwio.conv(x, w)).readings
    assert "the kernel has one tap: flip and dilation mean nothing" in reading.notes
    x, w = numbers((2, 5, 3, 4), (3, 3, 4, 6))
    (reading,) = hwio.diagnose(x, w, hwio.conv(x, w)).readings
    assert any("one cell along W" in note for note in reading.notes)


def test_orders_that_lie_alike_in_memory_are_named_as_twins():
    x, w = numbers((2, 6, 6, 1), (3, 3, 1, 5))
    (reading,) = hwio.diagnose(x, w, hwio.conv(x, w)).readings
    assert set(reading.twins) >= {"NHWC,HWOI->NHWC"} or "HWCM" in "".join(reading.twins)


def test_zeros_say_nothing_and_the_search_ends():
    x, w = np.zeros(X), np.zeros((3, 3, 4, 4))
    found = hwio.diagnose(x, w, hwio.conv(x, w, padding="same"))
    assert len(found.readings) > 8
    assert "more: .readings holds them all" in told(found)


# around it


def test_an_activation_is_part_of_the_reading():
    x, w = numbers(X, W)
    for word in ("relu", "relu6"):
        y = hwio.conv(x, w, stride=2, activation=word)
        (reading,) = hwio.diagnose(x, w, y).readings
        assert reading.options["activation"] == word
        np.testing.assert_array_equal(run(reading, x, w), y)


def test_what_is_known_narrows_the_search():
    x, w = numbers((2, 5, 7, 4), (1, 1, 4, 8))
    w = np.broadcast_to(w, (3, 3, 4, 8))
    y = hwio.conv(x, w, padding="same")
    assert len(hwio.diagnose(x, w, y).readings) == 2
    for known in ({"flip": False}, {"flip": False, "stride": 1, "padding": "same"}):
        (reading,) = hwio.diagnose(x, w, y, **known).readings
        assert reading.call == 'hwio.conv(x, w, padding="same")'
    assert not hwio.diagnose(x, w, y, stride=2)
    assert not hwio.diagnose(x, w, y, padding="valid")
    assert not hwio.diagnose(x, w, y, layout="NCHW,OIHW")


def test_the_way_to_another_layout_is_given():
    x, w = numbers(X, W)
    found = hwio.diagnose(x, w, hwio.conv(x, w), to="NCHW,OIHW")
    names = {"hwio": hwio, "x": x, "w": w, "y": hwio.conv(x, w)}
    for line in found.readings[0].convert:
        exec(line, names)
    np.testing.assert_allclose(hwio.conv(names["x"], names["w"], layout="NCHW,OIHW"), names["y"])


def test_large_arrays_are_looked_at_in_part():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 112, 112, 32), np.float32)
    w = rng.standard_normal((3, 3, 32, 64), np.float32)
    y = hwio.conv(x, w, stride=2, padding="half")
    (reading,) = hwio.diagnose(x, w, y).readings
    assert reading.call == 'hwio.conv(x, w, stride=2, padding="half")'
    assert reading.checked < y.size
    assert f"of the {reading.checked:,} looked at".replace(",", " ") in told(hwio.diagnose(x, w, y))


def test_json_holds_what_an_issue_needs():
    x, w = numbers(X, W)
    said = json.loads(hwio.diagnose(x, w, hwio.conv(x, w)).json())
    assert said["answer"] == "reading"
    assert said["arrays"]["w"] == {
        "shape": [3, 3, 4, 8],
        "dtype": "float64",
        "strides": [768, 256, 64, 8],
    }
    assert said["readings"][0]["call"] == "hwio.conv(x, w)"
    assert (said["matched"], said["hwio"]) == (1, hwio.__version__)
    assert json.loads(hwio.diagnose(x, w, hwio.conv(x, w) * np.nan).json())["answer"] == "nothing"


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64, np.int32, np.uint8])
def test_number_types(dtype):
    rng = np.random.default_rng(0)
    x, w = (rng.integers(0, 9, s).astype(dtype) for s in (X, W))
    y = hwio.conv(x, w, stride=2, padding="same")
    (reading,) = hwio.diagnose(x, w, y).readings
    assert reading.call == 'hwio.conv(x, w, stride=2, padding="same")'


def test_numbers_that_are_none_do_not_stop_it():
    x, w = numbers((1, 6, 6, 2), (3, 3, 2, 3))
    x[0, 3, 3, 0], x[0, 0, 0, 1] = np.nan, np.inf
    (reading,) = hwio.diagnose(x, w, hwio.conv(x, w, padding="same")).readings
    assert reading.call == 'hwio.conv(x, w, padding="same")'


def test_plain_kernels_for_all_channels_and_missing_axes():
    image, kernel = numbers((9, 11, 3), (3, 3))
    y = np.stack([hwio.conv(image[..., c, None], kernel[..., None, None], layout="HWC,HWIO")[..., 0]
                  for c in range(3)], -1)  # fmt: skip
    (reading,) = hwio.diagnose(image, kernel, y).readings
    np.testing.assert_allclose(run(reading, image, kernel), y)
    grey, one = numbers((2, 9, 11), (3, 3))
    y = hwio.conv(grey[..., None], one[..., None, None])[..., 0]
    found = hwio.diagnose(grey, one, y)
    assert (
        len(found.readings) == 2
    )  # grey images, or one image of two channels that share the kernel
    for reading in found.readings:
        np.testing.assert_allclose(run(reading, grey, one), y)


def test_dilation_and_groups_are_found_with_every_order():
    for x_order, w_order in product(("NHWC", "NCHW"), ("HWIO", "OIHW", "OHWI")):
        sizes = {"N": 2, "H": 9, "W": 8, "C": 6}
        own = {"H": 3, "W": 2, "I": 2, "O": 9}
        x, w = numbers([sizes[a] for a in x_order], [own[a] for a in w_order])
        options = {"groups": 3, "dilation": 2, "padding": 1, "layout": f"{x_order},{w_order}"}
        y = hwio.conv(x, w, **options)
        found = hwio.diagnose(x, w, y)
        assert [r.layout for r in found.readings] == [f"{x_order},{w_order}->{x_order}"]
        np.testing.assert_allclose(run(found.readings[0], x, w), y)
