"""Pictures that move: every frame shows conv's own numbers, and an SVG that moves shows every frame."""

import re
import sys
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import hwio
from hwio.cli import main
from hwio.cli.inputs import demo_arrays
from hwio.errors import ArgumentTypeError, FileError, HwioError, OptionError
from hwio.show.case import read_case
from hwio.show.explain.look import is_met

DOCS = Path(__file__).parents[1] / "docs"
SPACE = "{http://www.w3.org/2000/svg}"
NUMBERS = np.random.RandomState(7)


def whole(*shape):
    return NUMBERS.randint(-9, 10, shape)


CASES = {
    "plain": (whole(1, 4, 5, 1), whole(3, 2, 1, 1), {}),
    "reflect": (whole(1, 4, 4, 1), whole(3, 3, 1, 1), {"padding": 1, "padding_mode": "reflect"}),
    "left over": (whole(1, 6, 6, 2), whole(3, 3, 2, 2), {"stride": 2}),
    "dilation": (whole(1, 6, 5, 1), whole(3, 2, 1, 1), {"dilation": (2, 3)}),
    "groups": (whole(2, 4, 4, 4), whole(2, 2, 2, 6), {"groups": 2, "at": (1, 0, 0, 4)}),
    "flip": (whole(1, 4, 4, 1), whole(2, 3, 1, 1), {"flip": True}),
    "one axis": (whole(1, 7, 2), whole(3, 2, 2), {"padding": "causal"}),
    "three axes": (whole(1, 3, 4, 3, 1), whole(2, 2, 2, 1, 1), {}),
    "channels first": (
        whole(1, 2, 4, 4),
        whole(3, 2, 3, 3),
        {"layout": "NCHW,OIHW", "padding": "same"},
    ),
    "one image": (whole(4, 4, 1), whole(2, 2, 1, 1), {"layout": "HWC,HWIO"}),
}
# x, w (H, W, O, I), options of conv_transpose
TRANSPOSED = {
    "plain": (whole(1, 3, 2, 1), whole(3, 2, 1, 1), {}),
    "stride": (whole(2, 3, 3, 2), whole(3, 3, 3, 2), {"stride": 2}),
    "left over": (
        whole(1, 3, 3, 1),
        whole(3, 3, 1, 1),
        {"stride": 2, "padding": 1, "output_padding": 1},
    ),
    "dilation": (whole(1, 3, 3, 1), whole(2, 3, 1, 1), {"dilation": (3, 2), "stride": (2, 3)}),
    "groups": (whole(1, 2, 3, 4), whole(2, 2, 3, 4), {"groups": 2, "stride": 2}),
    "flip": (whole(1, 3, 3, 1), whole(3, 2, 1, 1), {"flip": True}),
    "more dropped than the kernel": (
        whole(1, 4, 4, 1),
        whole(2, 2, 1, 1),
        {"padding": 2, "stride": 2},
    ),
    "same": (whole(1, 3, 3, 1), whole(3, 3, 2, 1), {"padding": "same", "stride": 2}),
    "one axis": (whole(1, 3, 1), whole(3, 1, 1), {"stride": 2}),
    "three axes": (whole(1, 2, 2, 2, 1), whole(2, 2, 2, 1, 1), {"stride": (1, 2, 1)}),
    "PyTorch's order": (whole(1, 2, 3, 3), whole(2, 3, 2, 2), {"layout": "NCHW,IOHW", "stride": 2}),
    "depthwise": (whole(1, 3, 3, 4), whole(2, 2, 2, 2), {"layout": "NHWC,HWCM", "stride": 2}),
    "one image": (whole(3, 3, 1), whole(2, 2, 1, 1), {"layout": "HWC,HWOI"}),
    "complex": (whole(1, 3, 3, 1) + 1j, whole(2, 2, 1, 1) * 2j, {"stride": 2}),
    "zero cells between windows": (whole(1, 3, 3, 1), whole(2, 2, 1, 1), {"stride": 3}),
}


def texts(svg):
    return [t.text for t in ET.fromstring(svg).iter(f"{SPACE}text")]


@pytest.mark.parametrize("name", CASES)
def test_frames_show_the_numbers_of_conv_one_after_the_other(name):
    x, w, options = CASES[name]
    said = hwio.explain(x, w, **options)
    y = hwio.conv(x, w, **{k: v for k, v in options.items() if k != "at"})
    letters = said.case.layout.y
    place = said.trace.place if said.trace else {"N": 0, "C": 0}
    index = tuple(place[a] if a in "NC" else slice(None) for a in letters)
    wanted = y[index].ravel().tolist()  # the spatial letters stand in order in every layout here
    pictures = said.frames(limit=None)
    assert len(pictures) == len(wanted)
    shown = [int(re.search(r"= (-?\d+)$", texts(p)[0])[1]) for p in pictures]
    assert shown == wanted
    if len(letters) < 5:  # of three axes one plane is drawn
        for n, picture in enumerate(pictures):
            assert {str(v) for v in wanted[: n + 1]} <= set(texts(picture))
    sizes = {ET.fromstring(p).get("viewBox") for p in pictures}
    assert len(sizes) == 1
    ids = [i.get("id") for p in pictures for i in ET.fromstring(p).iter() if i.get("id")]
    assert len(ids) == len(set(ids))  # they can share a page


def test_frames_stop_at_the_limit_and_there_are_none_of_nothing():
    assert len(hwio.explain((1, 20, 20, 1), (3, 3, 1, 1)).frames()) == 64
    assert len(hwio.explain((1, 20, 20, 1), (3, 3, 1, 1)).frames(limit=3)) == 3
    empty = hwio.explain((0, 5, 7, 4), (3, 3, 4, 8))
    assert empty.frames() == []
    assert empty.animation() == ""
    with pytest.raises(ArgumentTypeError):
        empty.frames(limit=2.5)


def seen_at(svg, share):
    """Return the pieces that an SVG shows at a share of its time, read as a browser would."""
    rules = dict(re.findall(r"@keyframes (\S+) \{ (.*) \}$", svg, re.MULTILINE))
    states = {}
    for name, steps in rules.items():
        for percent, state in re.findall(r"([\d.]+)% \{ visibility: (\w+) \}", steps):
            if float(percent) <= 100 * share:
                states[name] = state
    pieces = []
    for line in svg.splitlines():
        group = re.match(r'<g class="([^"]+)"', line)
        if group:
            showing = states[group[1]] == "visible"
        elif line == "</g>":
            showing = True
        elif line.startswith("<") and not group and (pieces or 'class="paper"' in line):
            if 'class="paper"' in line:
                showing = True
            if showing:
                pieces.append(line)
    return pieces


@pytest.mark.parametrize("name", CASES)
def test_an_svg_that_moves_shows_every_frame_in_turn(name):
    x, w, options = CASES[name]
    said = hwio.explain(x, w, **options)
    frames, moving = said.frames(), said.animation()
    ET.fromstring(moving)
    total = len(frames) + 2
    mark = re.search(r'class="(hwio\w+)"', moving)[1]
    for n, frame in enumerate(frames):
        own = re.search(r'class="(hwio\w+)"', frame)[1]
        plain = frame[frame.index('<rect class="paper"') :].replace(own, mark).splitlines()
        assert seen_at(moving, (n + 0.5) / total) == plain
    still = re.sub(r'<g class="[^"]+" visibility="hidden">.*?</g>', "", moving, flags=re.DOTALL)
    assert texts(still) == texts(frames[-1])  # what a reader without animations shows
    if len(frames) > 1:
        assert "prefers-reduced-motion" in moving


@pytest.mark.parametrize(
    ("sizes", "options"),
    [((6, 3), {"stride": 2}), ((7, 2), {"stride": 3}), ((6, 3), {"dilation": 2}),
     ((6, 3), {"stride": 2, "padding": 1}), ((9, 2), {"stride": 2, "dilation": 3}),
     ((5, 5), {"padding": 4})],
)  # fmt: skip
def test_cells_that_no_window_meets_are_known(sizes, options):
    case = read_case((1, sizes[0], 1), (sizes[1], 1, 1), None, options)
    geo = case.geo
    starts = (o * geo.stride[0] - geo.padding[0][0] for o in range(geo.out_size[0]))
    met = {s + t * geo.dilation[0] for s, t in product(starts, range(sizes[1]))}
    low, high = geo.padding[0]
    cells = range(-low, sizes[0] + high)
    assert [is_met(case, 0, c) for c in cells] == [c in met for c in cells]


def test_the_legend_names_the_signs_that_are_there_and_no_others():
    signs = {
        "hatched": {"padding": 1},
        "struck through": {"stride": 2},
        "dilation": {"dilation": 2},
        "turned round": {"flip": True},
    }
    for own, options in signs.items():
        svg = " ".join(texts(hwio.explain((1, 6, 6, 1), (3, 3, 1, 1), **options).svg()))
        assert [sign for sign in signs if sign in svg] == [own]


def spread(x, w, stride, low, dilation, size):
    """Add every number of x times the filter to y (*size, o); x (*in, i), w (*kernel, o, i)."""
    y = np.zeros((*size, w.shape[-2]), np.result_type(x, w))
    for cell in np.ndindex(x.shape[:-1]):
        for tap in np.ndindex(w.shape[:-2]):
            at = tuple(
                i * s + t * d - p
                for i, s, t, d, p in zip(cell, stride, tap, dilation, low, strict=True)
            )
            if all(0 <= a < m for a, m in zip(at, size, strict=True)):
                y[at] += w[tap] @ x[cell]
    return y


@pytest.mark.parametrize("name", TRANSPOSED)
def test_a_traced_number_of_a_transposed_convolution_is_its_own(name):
    x, w, options = TRANSPOSED[name]
    y = hwio.conv_transpose(x, w, **options)
    explained = partial(hwio.explain, x, w, transposed=True, **options)
    for at in np.ndindex(y.shape):
        said = explained(at=at)
        assert said.trace.value == y[at], at
        assert said.to_dict()["trace"]["at"] == list(at)
    if "layout" not in options and "groups" not in options and "flip" not in options:
        geo = said.call.problem.geometry
        low = [pair[0] for pair in geo.padding]
        loop = spread(x[-1], w, geo.stride, low, geo.dilation, geo.in_size)
        assert np.array_equal(loop, y[-1])


@pytest.mark.parametrize("name", TRANSPOSED)
def test_what_is_said_of_a_transposed_convolution_can_be_typed(name):
    x, w, options = TRANSPOSED[name]
    y = hwio.conv_transpose(x, w, **options)
    said = hwio.explain(x, w, transposed=True, at=(0,) * y.ndim, **options)
    lines = [line.strip() for line in str(said).replace("\n      ", " ").splitlines()]
    names = {"np": np, "hwio": hwio, "x": x, "w": w}
    for line in lines:
        if line.startswith("xs = "):
            exec(line, names)
        if line.startswith("hwio.conv("):
            assert np.array_equal(eval(line, names), y)
    parts = [re.match(r"(x\[.*?\])\s+·\s+(w\[.*?\])\s+Σ =\s+(\S+)", line) for line in lines]
    found = [part for part in parts if part]
    total = sum((eval(p[1], names) * eval(p[2], names)).sum() for p in found)
    assert total == y[(0,) * y.ndim]
    assert f"so y[{', '.join('0' * y.ndim)}] =" in str(said) or not found
    assert str(y.shape) in str(said)
    assert "hwio-explain" in said._repr_html_()
    ET.fromstring(said.svg())
    ET.fromstring(said.animation(limit=4))


def test_bias_and_shapes_of_a_transposed_convolution():
    x, w, b = whole(1, 3, 3, 2), whole(3, 3, 4, 2), np.array([1.5, 2, 3, 4])
    said = hwio.explain(x, w, b, transposed=True, stride=2, at=(0, 3, 3, 2))
    assert said.trace.value == hwio.conv_transpose(x, w, b, stride=2)[0, 3, 3, 2]
    told = hwio.explain((1, 3, 3, 2), (3, 3, 4, 2), transposed=True, stride=2, at=(0, 3, 3, 2))
    assert "x[0, 1, 1, :]  ·  w[1, 1, 2, :]" in str(told)
    assert told.trace.value is None
    ET.fromstring(told.svg())


def test_dotted_cells_are_the_zeros_of_the_stride_alone():
    said = hwio.explain(whole(1, 3, 3, 1), whole(3, 3, 1, 1), transposed=True, stride=2)
    dotted = said.svg().count("-dots)")
    assert dotted == 5 * 5 - 3 * 3
    assert "dotted" in said.svg()
    assert "-dots)" not in hwio.explain((1, 3, 3, 1), (3, 3, 1, 1), transposed=True).svg()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"transposed": 1}, ArgumentTypeError, "fix: transposed=True"),
        ({"transposed": True, "gradient": True}, OptionError, "fix: transposed=False"),
        ({"output_padding": 1}, OptionError, "fix: transposed=True"),
        (
            {"transposed": True, "padding_mode": "edge"},
            ArgumentTypeError,
            "explain(transposed=True)",
        ),
        ({"transposed": True, "at": (0, 9, 0, 0)}, HwioError, "H = 9 lies outside y"),
    ],
)
def test_what_does_not_go_together_is_refused_in_words(options, error, words):
    with pytest.raises(error, match=re.escape(words)):
        hwio.explain(whole(1, 3, 3, 1), whole(3, 3, 1, 1), **options)


def test_a_gif_has_every_frame_and_repeats(tmp_path):
    pytest.importorskip("resvg_py")
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "out.gif"
    hwio.explain(*demo_arrays(), at=(0, 1, 2, 5)).gif(path, limit=4, seconds=0.5, width=480)
    with image.open(path) as gif:
        assert (gif.n_frames, gif.width, gif.info["loop"]) == (4, 480, 0)
        spans, pictures = [], []
        for n in range(4):
            gif.seek(n)
            spans.append(gif.info["duration"])
            pictures.append(np.asarray(gif.convert("L"), int))
    assert spans == [500, 500, 500, 1500]
    assert pictures[0].std() > 10  # letters and lines, not a blank
    assert all((a != b).any() for a, b in pairwise(pictures))


def test_a_gif_needs_its_libraries_a_folder_and_its_ending(tmp_path, monkeypatch):
    said = hwio.explain((1, 4, 4, 1), (3, 3, 1, 1))
    with pytest.raises(OptionError, match=r"does not end in \.gif"):
        said.gif(tmp_path / "out.png")
    with pytest.raises(FileError, match="there is no folder"):
        said.gif(tmp_path / "none" / "out.gif")
    with pytest.raises(OptionError, match="nothing to draw"):
        hwio.explain((0, 4, 4, 1), (3, 3, 1, 1)).gif(tmp_path / "out.gif")
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(ImportError, match=re.escape('pip install "hwio[gif]"')):
        said.gif(tmp_path / "out.gif")


def test_the_shell_writes_pictures_that_move(tmp_path, monkeypatch, capsys):
    pytest.importorskip("resvg_py")
    monkeypatch.chdir(tmp_path)
    asked = ["explain", "1,1,2,1", "2,2,1,1", "--transposed", "--stride", "2"]
    asked += ["--output-padding", "1", "--at", "0,0,0,0"]
    assert main([*asked, "--gif", "a.gif", "--animation", "a.svg", "--json"]) == 0
    assert capsys.readouterr().err == "hwio: wrote a.svg\nhwio: wrote a.gif\n"
    assert Path("a.gif").read_bytes()[:6] == b"GIF89a"
    assert "@keyframes" in Path("a.svg").read_text(encoding="utf-8")
    assert main(["explain", "--demo", "--gif", "a.png"]) == 2
    assert main(["explain", "--demo", "--output-padding", "1"]) == 2
    assert "fix: --transposed" in capsys.readouterr().err


def test_every_picture_of_convolution_arithmetic_stands_on_its_page():
    page = (DOCS / "reference" / "convolution-arithmetic.md").read_text(encoding="utf-8")
    drawn = {file.name for file in (DOCS / "images" / "arithmetic").glob("*.svg")}
    assert drawn == set(re.findall(r"arithmetic/([\w-]+\.svg)", page))


def test_spreading_x_allocates_nothing():
    x = np.broadcast_to(np.float32(2), (1, 56, 56, 64))  # spread out it would take 1.5 TB
    w = np.broadcast_to(np.float32(3), (2, 2, 1, 64))
    said = hwio.explain(x, w, transposed=True, stride=1000, at=(0, 1000, 2001, 0))
    assert said.trace.value == 64 * 6
    assert "1 number of x" in said.svg()


def test_moving_pictures_of_other_numbers_do_not_share_their_style():
    marks = set()
    for seed in range(3):
        x = np.random.RandomState(seed).randint(0, 9, (1, 4, 4, 1))
        moving = hwio.explain(x, np.ones((3, 3, 1, 1), int)).animation()
        marks.add(re.search(r'class="(hwio\w+)"', moving)[1])
    assert len(marks) == 3
