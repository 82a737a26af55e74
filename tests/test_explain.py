"""What explain prints, draws and hands over: every number parsed back and compared."""

import json
import re
from functools import partial
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import hwio
from cases import CASES
from hwio.engine import refusal
from hwio.methods import METHODS
from hwio.show.compare.peak import peak_bytes
from hwio.show.explain.reading import reading_table
from hwio.show.printing import count, numbers

RNG = np.random.RandomState(1)
A_PREV, W = RNG.randn(2, 5, 7, 4), RNG.randn(3, 3, 4, 8)
AT = (0, 1, 2, 5)

HEADER = """\
x  (2, 5, 7, 4)  NHWC   2 images · 5 high · 7 wide · 4 channels
w  (3, 3, 4, 8)  HWIO   3 high · 3 wide · 4 in-channels · 8 filters
y  (2, 3, 5, 8)  NHWC   2 images · 3 high · 5 wide · 8 channels, one per filter
layout NHWC,HWIO->NHWC   NHWC: TensorFlow, Keras, TFLite   HWIO: TensorFlow, Keras, Flax

H  floor((5 + 0 + 0 − 1·(3−1) − 1) / 1) + 1 = 3
W  floor((7 + 0 + 0 − 1·(3−1) − 1) / 1) + 1 = 5
   floor((in + low + high − dilation·(kernel−1) − 1) / stride) + 1 = out

one y number = 3·3·4 = 36 products     240 numbers, 8 640 multiply-adds
patch matrix 30 × 36 = 1 080 numbers, 3.9 × x     broadcast temporary 8 640 numbers, 30.9 × x
"""
FIRST_CHANNEL = """\
y[0, 1, 2, 5]  =  Σ  x[0, 1:4, 2:5, :] * w[:, :, :, 5]        image 0, row 1, column 2, filter 5

  c=0  x[0, 1:4, 2:5, 0]          w[:, :, 0, 5]              product
       -1.117  -0.192   0.051      0.211  -0.051  -1.176     -0.236   0.010  -0.060
        0.489   2.186   0.160  ×   0.035  -0.061   0.387  =   0.017  -0.133   0.062
       -0.375  -0.344  -0.447     -1.402   0.556  -0.732      0.526  -0.191   0.327  Σ =   0.3229
"""
READING = """\
How to read w.  NumPy prints w as 3 blocks of (3, 4, 8). That is storage order.
  filter k    w[:, :, :, k]  (3, 3, 4)  one little 3 × 3 image per in-channel
  tap (i, j)  w[i, j]        (4, 8)     in-channels down, filters across
  if you want filters first:  np.moveaxis(w, -1, 0)  →  (8, 3, 3, 4), a view, no copy
  w.reshape(8, 3, 3, 4) has that shape too, and is wrong: it cuts storage order into other pieces
"""
NUMBER = r"-?\d+\.\d+(?:e[-+]\d+)?"


def test_the_thread_is_explained_from_shapes_and_from_arrays():
    for x, w in ((A_PREV, W), (A_PREV.shape, W.shape)):
        text = str(hwio.explain(x, w))
        assert text.startswith(HEADER)
        assert READING in text
        assert "y[" not in text


def test_the_thread_s_number_is_traced():
    text = str(hwio.explain(A_PREV, W, at=AT))
    assert text.startswith(HEADER)
    assert FIRST_CHANNEL in text
    assert READING in text
    assert re.findall(rf"Σ = +({NUMBER})", text) == ["0.3229", "-5.5012", "-0.5347", "4.1108"]
    assert re.search(r"^ +sum of channels = +-1\.6023$", text, re.M)


def grids_in(text):
    """Parse the printed grids back: one (window, filter, products) for each block of rows."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        cells = re.split(r"Σ", line)[0]
        if re.search(r"[\[:]|product|sum of", cells) or not re.search(rf"{NUMBER}|\(0\)", cells):
            if rows:
                found.append(np.array(rows))
            rows = []
        else:
            rows.append([float(v) for v in re.findall(rf"{NUMBER}|(?<=\()0(?=\))", cells)])
    return [np.split(grid, 3, axis=1) for grid in found]


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "at", "options"),
    [
        ((2, 5, 7, 4), (3, 3, 4, 8), (1, 2, 4, 0), {}),
        ((2, 5, 7, 4), (3, 3, 4, 8), (1, 0, 0, 3), {"padding": "same"}),
        ((2, 4, 5, 7), (8, 4, 3, 3), (1, 3, 0, 4), {"padding": 1, "layout": "NCHW,OIHW"}),
        ((2, 7, 5, 4), (8, 4, 3, 3), (1, 3, 0, 4), {"padding": 1, "layout": "NWHC,OIWH->NCHW"}),
        ((1, 9, 8, 2), (2, 3, 2, 3), (0, 1, 1, 2), {"stride": 2, "dilation": 2, "flip": True}),
        ((1, 9, 8, 6), (2, 3, 2, 3), (0, 1, 1, 2), {"groups": 3}),
        ((1, 9, 8, 3), (2, 3, 3, 2), (0, 1, 1, 5), {"layout": "NHWC,HWCM"}),
        ((1, 9, 3), (3, 3, 2), (0, 0, 1), {"padding": "causal"}),
    ],
)
def test_printed_grids_hold_the_numbers(x_shape, w_shape, at, options):
    rng = np.random.RandomState(3)
    x, w = rng.randn(*x_shape), rng.randn(*w_shape)
    said = hwio.explain(x, w, at=at, **options)
    text = str(said)
    trace = said.trace
    start = text.index(f"y[{', '.join(map(str, at))}]")
    grids = grids_in(text[start : text.index("How to read")])
    assert len(grids) == len(trace.channels)
    for c, (window, taps, products) in enumerate(grids):
        rows = trace.window[..., c].reshape(window.shape)
        np.testing.assert_allclose(window, rows, atol=5.01e-4)
        np.testing.assert_allclose(taps, trace.weights[..., c].reshape(taps.shape), atol=5.01e-4)
        np.testing.assert_allclose(
            products, trace.products[..., c].reshape(products.shape), atol=5.01e-4
        )
    sums = [float(v) for v in re.findall(rf"Σ = +({NUMBER})", text)]
    np.testing.assert_allclose(sums, trace.sums, atol=5.01e-5)
    total = float(re.search(rf"sum of channels = +({NUMBER})", text)[1])
    assert total == pytest.approx(hwio.conv(x, w, **options)[at], abs=5.01e-5)


def test_labels_of_grids_are_code_for_what_stands_below():
    rng = np.random.RandomState(3)
    x, w = rng.randn(2, 7, 5, 3), rng.randn(2, 3, 3, 4)
    text = str(hwio.explain(x, w, at=(1, 2, 2, 3), layout="NWHC,HWIO->NHWC"))
    names = re.findall(r"(x\[[^]]*\](?:\.T)?) +(w\[[^]]*\]) +product", text)
    assert len(names) == 3
    for (x_name, w_name), (window, taps, _) in zip(
        names, grids_in(text[text.index("  c=0") : text.index("How to read")]), strict=True
    ):
        np.testing.assert_allclose(eval(x_name, {"x": x}), window, atol=5.01e-4)
        np.testing.assert_allclose(eval(w_name, {"w": w}), taps, atol=5.01e-4)


def test_many_channels_are_summed_and_not_printed():
    rng = np.random.RandomState(0)
    x, w = rng.randn(1, 5, 5, 64), rng.randn(3, 3, 64, 2)
    text = str(hwio.explain(x, w, at=(0, 1, 1, 1)))
    assert len(re.findall(r"\] +product$", text, re.M)) == 2
    sums = dict(
        re.findall(rf"^  (c=\d+|\.\.\. 60 more channels, sum) .*?Σ = +({NUMBER})$", text, re.M)
    )
    assert list(sums) == ["c=2", "c=3", "... 60 more channels, sum"]
    every = [float(v) for v in re.findall(rf"Σ = +({NUMBER})", text)]
    assert sum(every) == pytest.approx(hwio.conv(x, w)[0, 1, 1, 1], abs=3e-4)


def test_padding_is_marked_and_named():
    zeros = str(hwio.explain(A_PREV, W, at=(0, 0, 0, 0), padding=1))
    assert "(0)     (0)     (0)" in zeros
    assert "(…) is padding, 0: 5 of 9 taps lie outside x" in zeros
    reflect = hwio.explain(A_PREV, W, at=(0, 0, 0, 0), padding=1, padding_mode="reflect")
    assert f"({A_PREV[0, 1, 1, 0]:.3f})" in str(reflect)
    assert "taken from x by 'reflect': 5 of 9 taps lie outside x" in str(reflect)
    assert 'with  xp = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")' in str(reflect)


def test_bias_and_activation_are_told():
    b = np.arange(8.0)
    text = str(hwio.explain(A_PREV, W, b, at=AT, activation="relu6", stride=(1, 2)))
    y = hwio.conv(A_PREV, W, b, activation="relu6", stride=(1, 2))[AT[0], 1, 2, 5]
    assert "+  b[5], between 0 and 6" in text
    assert re.search(rf"kept between 0 and 6 = +{y:.4f}", text)
    assert "stride      H=1 W=2\nactivation  y is kept between 0 and 6" in text


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_case_is_explained_in_a_terminal_s_width(case):
    rng = np.random.RandomState(0)
    x, w = rng.randn(*case.x_shape), rng.randn(*case.w_shape)
    shapes = hwio.explain(case.x_shape, case.w_shape, **case.options)
    at = None if 0 in shapes.case.y_shape else tuple(n // 2 for n in shapes.case.y_shape)
    for said in (shapes, hwio.explain(x, w, at=at, **case.options)):
        text = str(said)
        assert repr(said) == text
        assert max(map(len, text.splitlines())) <= 100
        json.dumps(said.to_dict(), allow_nan=False)
        check_page(said.html())
        if said.svg():
            ET.fromstring(said.svg())


@pytest.mark.parametrize("side", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("scale", [1, 1e9, 1j, 1e9 + 1j])
def test_wide_numbers_and_wide_kernels_fit_too(side, scale):
    rng = np.random.RandomState(0)
    x, w = rng.randn(1, 16, 16, 2) * scale, rng.randn(side, side, 2, 3)
    text = str(hwio.explain(x, w, at=(0, 1, 1, 2)))
    assert max(map(len, text.splitlines())) <= 100


class Tags(HTMLParser):
    """Collect tags, and check that they close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.links = [], set(), []

    def handle_starttag(self, tag, attributes):
        self.seen.add(tag)
        self.links += [k for k, _ in attributes if k in ("src", "href") or k.startswith("on")]
        if tag not in ("br", "line", "rect", "meta"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_page(page):
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert not tags.seen & {"script", "link", "img", "iframe", "object"}
    assert tags.links == []
    assert "@import" not in page
    assert set(re.findall(r"url\(([^)]*)\)", page)) <= set(re.findall(r"url\((#hwio[^)]*)\)", page))


def test_a_notebook_gets_picture_and_tables():
    page = hwio.explain(A_PREV, W, at=AT)._repr_html_()
    assert page.startswith('<div class="hwio-explain">')
    assert "<svg" in page
    assert "prefers-color-scheme" in page
    for words in ("5 high", "36 products", "w.reshape(8, 3, 3, 4)", "-1.6023", "-5.5012"):
        assert words in page
    assert not hasattr(hwio.explain(A_PREV, W), "_repr_svg_")


def test_html_escapes_what_users_gave():
    said = hwio.explain(A_PREV, W, at=AT, padding="same")
    assert "&#x27;same&#x27;" in said.html()
    assert "-&gt;NHWC" in said.html()


def test_the_picture_names_and_shows_the_number():
    root = ET.fromstring(hwio.explain(A_PREV, W, at=AT).svg())
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == "y[0, 1, 2, 5]: image 0, row 1, column 2, filter 5"
    assert root.find(f"{space}desc").text == (
        "y[0, 1, 2, 5] is the sum of x[0, 1:4, 2:5, :] * w[:, :, :, 5]. It is -1.6023. "
        "Shapes: x (2, 5, 7, 4), w (3, 3, 4, 8), y (2, 3, 5, 8)."
    )
    texts = [t.text for t in root.iter(f"{space}text")]
    plane = [f"{v:.2f}" for v in A_PREV[0, :, :, 0].ravel()]  # the front plane, cell by cell
    assert plane == texts[texts.index(plane[0]) : texts.index(plane[0]) + 35]
    for c in range(4):
        for v in W[:, :, c, 5].ravel():
            assert f"{v:.2f}" in texts
    assert "-1.60" in texts


def test_the_picture_tints_the_window_only():
    root = ET.fromstring(hwio.explain((1, 6, 6, 1), (2, 2, 1, 1), at=(0, 3, 1, 0)).svg())
    lit = [r for r in root.iter() if r.get("fill") == "#56B4E9" and r.get("fill-opacity") == "0.5"]
    assert len(lit) == 2 * 4  # in x and in w


def test_large_arrays_are_cropped_in_the_picture():
    svg = hwio.explain((1, 500, 600, 3), (3, 3, 3, 8), at=(0, 300, 200, 1)).svg()
    assert svg.count("<rect") < 800
    assert "…" in svg
    assert "⋮" in svg


def test_nothing_to_draw_without_output():
    assert hwio.explain((0, 5, 7, 4), (3, 3, 4, 8)).svg() == ""
    assert "y  (0, 3, 5, 8)" in str(hwio.explain((0, 5, 7, 4), (3, 3, 4, 8)))


def test_data_for_programs():
    said = hwio.explain(A_PREV, W, at=AT).to_dict()
    assert json.loads(json.dumps(said)) == said
    assert said["arrays"]["y"]["shape"] == [2, 3, 5, 8]
    assert said["counts"]["multiply_adds"] == 8640
    assert said["counts"]["patch_numbers"] == 1080
    assert said["counts"]["x_bytes"] == A_PREV.nbytes
    assert said["trace"]["value"] == pytest.approx(hwio.conv(A_PREV, W)[AT], rel=1e-12)
    np.testing.assert_array_equal(said["trace"]["grids"][2]["x"], A_PREV[0, 1:4, 2:5, 2])
    assert said["plan"]["method"] == hwio.plan(A_PREV, W).method


def test_ways_tell_their_memory_and_the_plan():
    said = hwio.explain(A_PREV, W).to_dict()
    geo = hwio.plan(A_PREV, W).geometry
    readable = [way for way in said["ways"] if not way["compiled"]]
    assert [way["method"] for way in readable] == list(METHODS)
    for way in readable:
        assert way["workspace"] == METHODS[way["method"]].workspace(geo, 8)
    plan = hwio.plan(A_PREV, W)
    text = str(hwio.explain(A_PREV, W, ways=True))
    if plan.kernel is None:
        assert f"auto takes {plan.method}: {plan.reason}" in re.sub(r"\s+", " ", text)
    else:
        assert f"{plan.kernel} (compiled): {plan.kernel_reason}" in re.sub(r"\s+", " ", text)
    assert re.search(r"^ +needs at most$", text, re.M)
    assert "error bounds: T1 measures" in text
    assert "docs/reference/accuracy.md" in text
    for name, why in plan.rejected.items():
        assert re.search(rf"{name} .*{re.escape(why)}", re.sub(r"\s+", " ", text))


def test_without_being_asked_a_line_stands_for_the_ways():
    said = hwio.explain(A_PREV, W, stride=2)
    text = str(said)
    assert len(text.splitlines()) <= 26
    assert "needs at most" not in text
    serve = [name for name, way in METHODS.items() if way.refuses(said.case.geo) is None]
    compiled = [way for way in said.to_dict()["ways"] if way["compiled"]]
    assert f"{len(serve) + len(compiled)} ways can compute this y; ways=True" in text
    assert "ways can compute this y" in said.html()
    assert "needs at most" in hwio.explain(A_PREV, W, stride=2, ways=True).html()


def test_what_is_needed_at_most_holds_beside_buffers_and_small_objects():
    x, w = np.ones((2, 20, 20, 4)), np.ones((3, 3, 4, 8))
    buffers = 8192 * 8 + 30_000
    for way in hwio.explain(x, w).to_dict()["ways"]:
        call = partial(hwio.conv, x, w, method=way["method"])
        call()
        assert peak_bytes(call) <= way["workspace"] + buffers, way["method"]


def test_tensordot_is_not_blamed_for_a_patch_matrix_that_im2col_holds_too():
    small, large = (hwio.plan((1, side, side, 8), (3, 3, 8, 8)).rejected for side in (8, 100))
    assert small["tensordot"] == "one product for all images: bits may change with the batch"
    assert large["tensordot"] == "holds the whole patch matrix at once"


@pytest.mark.skipif(bool(refusal()), reason="no compiled kernels here")
def test_a_compiled_kernel_is_told_where_it_runs_and_where_it_does_not():
    large = re.sub(r"\s+", " ", str(hwio.explain((1, 56, 56, 64), (3, 3, 64, 64), ways=True)))
    assert "→ direct (compiled) " in large
    assert "auto takes direct (compiled): " in large
    assert "without compiled kernels it would take im2col: one matrix product" in large
    small = re.sub(r"\s+", " ", str(hwio.explain(A_PREV, W, ways=True)))
    assert re.search(r"→ direct \(compiled\) [\d.]+ KiB auto takes this one", small)
    assert "auto takes direct (compiled): small enough to have every product written out" in small
    dense = re.sub(r"\s+", " ", str(hwio.explain((1, 1, 1, 2048), (1, 1, 2048, 1000), ways=True)))
    assert "→ im2col " in dense
    whole = re.sub(r"\s+", " ", str(hwio.explain(A_PREV.astype(int), W.astype(int), ways=True)))
    assert "→ im2col " in whole
    assert "most of it to start the" in whole


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_an_explanation_fits_the_terminal(columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    options = {"padding": "same", "stride": 2}
    short = hwio.explain((1, 56, 56, 64), (3, 3, 64, 64), **options)
    layer = hwio.explain((1, 56, 56, 64), (3, 3, 64, 64), ways=True, **options)
    for said in (hwio.explain(A_PREV, W, at=AT), short, layer):
        lines = [line for line in str(said).splitlines() if "in NumPy:" not in line]
        assert max(map(len, lines)) <= columns
    if columns == 80:  # a long reason stays in its column
        assert re.search(r"^ {30,}(image|product)$|^ {30,}\S.*would", str(layer), re.M)


def test_a_page_stands_alone_and_a_notebook_gets_a_part():
    said = hwio.explain(A_PREV, W, at=AT)
    page = said.html()
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">')
    assert said._repr_html_() in page
    assert page.endswith("</html>\n")


def test_a_way_asked_for_is_named_beside_auto_s_choice():
    assert "fft runs, as asked for" in str(hwio.explain(A_PREV, W, method="fft"))
    text = str(hwio.explain(A_PREV, W, method="fft", precision="high", ways=True))
    assert re.search("→  fft ", text)
    assert "fft runs, as asked for" in text
    assert f"auto takes {'im2col' if refusal() else 'direct'}" in text


READINGS = [
    ((3, 3, 4, 8), "HWIO"),
    ((8, 4, 3, 3), "OIHW"),
    ((8, 3, 3, 4), "OHWI"),
    ((3, 2, 8, 4), "HWOI"),
    ((4, 8, 3, 2), "IOHW"),
    ((5, 3, 8), "WIO"),
    ((8, 3, 5), "OIW"),
    ((2, 3, 4, 5, 6), "DHWIO"),
    ((3, 2, 4, 5), "HWCM"),
    ((5, 4, 3, 2), "MCHW"),
]


@pytest.mark.parametrize(("shape", "letters"), READINGS)
def test_how_to_read_w_is_true(shape, letters):
    """Every index, shape and move that is printed, done."""
    w = np.arange(np.prod(shape)).reshape(shape)
    lines = reading_table(shape, letters).lines()
    names = {"k": 1, "c": 2, "m": 1, "t": 1, "i": 0, "j": 1, "w": w, "np": np}
    slices = [re.search(r"(w\[[^]]*\]) +(\([^)]*\))", line) for line in lines[1:3]]
    for found in slices:
        assert eval(found[1], names).shape == eval(found[2])
    move = re.search(r":  (np\..*?)  →  (\([^)]*\))", lines[3])
    moved = eval(move[1], names)
    assert moved.shape == eval(move[2])
    assert np.shares_memory(moved, w)
    reshaped = eval(re.match(r" +(w\.reshape\([^)]*\))", lines[4])[1], names)
    assert reshaped.shape == moved.shape
    same = np.array_equal(reshaped, moved)
    assert ("is wrong" in lines[4]) == (not same)


@pytest.mark.parametrize("shape", [(3, 3, 1, 1), (1, 1, 1, 4), (5, 5, 1, 1)])
def test_a_reshape_that_happens_to_be_right_is_not_called_wrong(shape):
    assert "only because of axes of size 1" in reading_table(shape, "HWIO").lines()[-1]


def test_other_orders_are_named_by_who_uses_them():
    text = str(hwio.explain((1, 4, 6, 6), (8, 4, 3, 3), layout="NCHW,OIHW"))
    assert "NCHW: PyTorch, ONNX   OIHW: PyTorch, ONNX, Caffe, OpenVINO" in text
    text = str(hwio.explain((6, 6, 4, 1), (8, 3, 4, 3), layout="HWCN,OHIW"))
    assert "HWCN: an order of your own   OHIW: an order of your own" in text


def test_an_error_of_conv_is_an_error_here():
    with pytest.raises(hwio.ShapeError, match="expects 3 input channels"):
        hwio.explain((2, 5, 7, 4), (3, 3, 3, 8))


def test_numbers_are_written_in_one_style():
    assert count(12345678) == "12 345 678"
    assert numbers([0.0, 0.5]) == ["0.000", "0.500"]
    assert numbers([1e-9, 2e-9]) == ["1.000e-09", "2.000e-09"]
    assert numbers([123456.0]) == ["1.235e+05"]
    assert numbers([np.nan, 1.0]) == ["nan", "1.000"]
    assert numbers([-0.0]) == ["0.000"]
    assert numbers([1 + 2j]) == ["1.000+2.000j"]


@pytest.mark.parametrize(
    ("x_shape", "w_shape", "note"),
    [
        ((48, 64, 3), (3, 3, 3), 'hwio.conv(x, w[..., None], layout="HWC,HWIO")'),
        ((48, 64, 3), (3, 3, 8), 'layout="HWC,HWIO", and w of 4 axes with I = 3'),
        ((16, 64, 3), (3, 3, 3), None),
        ((48, 64, 16), (3, 16, 3), None),
    ],
)
def test_a_photograph_that_is_read_as_signals_is_said(
    x_shape: tuple[int, ...], w_shape: tuple[int, ...], note: str | None
) -> None:
    named = str(hwio.explain(x_shape, w_shape, layout="NWC,WIO"))
    assert "one image" not in named  # who says it means it
    lines = [
        line for line in str(hwio.explain(x_shape, w_shape)).splitlines() if "image of" in line
    ]
    expected = f"if x is one image of 48 × 64: {note}"
    assert lines == ([expected] if note else [])
