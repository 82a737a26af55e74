"""The explorer's page without a browser: what is in the file, and that nothing can leave or break it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwio
from hwio.cli import main
from hwio.explorer.assembly import MODULES, assemble, read_page, script, script_safe, squeeze
from hwio.explorer.expected import part_y
from hwio.explorer.held import hold
from hwio.explorer.part import choose_part
from hwio.ops.check import geometry_of
from hwio.show.case import read_case

RNG = np.random.RandomState(1)
X, W = RNG.randn(2, 5, 7, 4), RNG.randn(3, 3, 4, 8)
TYPES = {"f4": "<f4", "f8": "<f8", "c16": "<c16", "i1": "i1", "u1": "u1", "i2": "<i2", "u2": "<u2"}


def facts_of(page: str) -> Any:
    found = re.search(r'<script id="facts" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


def unpacked(packed: dict[str, Any]) -> np.ndarray[Any, Any]:
    if packed["type"] == "big":
        return np.array([int(v) for v in packed["data"]], object).reshape(packed["shape"])
    raw = base64.b64decode(packed["data"])
    kind = TYPES.get(packed["type"], "<" + packed["type"])
    return np.frombuffer(raw, kind).reshape(packed["shape"])


def test_the_page_is_small_and_whole() -> None:
    page = hwio.explore(X, W).html()
    empty = assemble({}, "")
    assert len(empty.encode()) <= 120_000
    assert not re.search(r"@@|https?://(?!www\.w3\.org/2000/svg)", page)
    assert page.startswith("<!DOCTYPE html>")
    assert "default-src 'none'" in page


def test_the_arrays_are_in_the_page_without_a_rounding() -> None:
    facts = facts_of(hwio.explore(X, W, at=(0, 1, 2, 5)).html())
    assert np.array_equal(unpacked(facts["x"]), X)
    assert np.array_equal(unpacked(facts["w"]), W)
    assert facts["at"] == [0, 1, 2, 5]
    assert f"{unpacked(facts['y'])[0, 1, 2, 5]:.4f}" == "-1.6023"


def test_any_layout_and_flip_store_the_same_numbers() -> None:
    nchw = hwio.to_layout(X, "NHWC->NCHW"), hwio.to_layout(W, "HWIO->OIHW")
    page = hwio.explore(*nchw, layout="NCHW,OIHW", flip=True, padding="same").html()
    facts = facts_of(page)
    assert np.array_equal(unpacked(facts["x"]), X)
    assert np.array_equal(unpacked(facts["w"]), W)
    assert np.allclose(unpacked(facts["y"]), hwio.conv(X, W, flip=True, padding="same"), rtol=1e-12)
    assert facts["layout"] == {"x": "NCHW", "w": "OIHW", "y": "NCHW"}


def test_depthwise_weights() -> None:
    w = RNG.randn(3, 3, 4, 2)
    facts = facts_of(hwio.explore(X, w, layout="NHWC,HWCM", groups=4).html())
    assert facts["w"]["shape"] == [3, 3, 1, 8]
    assert facts["settings"]["groups"] == 4


def test_what_a_user_names_is_never_markup() -> None:
    evil = "</script><script>alert(1)</script>@@SCRIPT@@<img src=x onerror=alert(2)>"
    page = hwio.explore(X, W, title=evil).html()
    assert page.count("<script") == 2
    assert "<img" not in page
    assert facts_of(page)["title"] == evil
    assert "&lt;/script&gt;" in page[: page.index("</title>")]


def test_json_for_a_script_has_no_markup() -> None:
    assert not set("<>&\u2028") & set(script_safe({"a": "<>&\u2028"}))


def test_nan_and_infinity_are_kept() -> None:
    x = X.copy()
    x[0, 0, 0, 0], x[0, 4, 6, 3] = np.nan, np.inf
    facts = facts_of(hwio.explore(x, W).html())
    assert np.array_equal(unpacked(facts["x"]), x, equal_nan=True)


def test_complex_numbers_are_kept() -> None:
    facts = facts_of(hwio.explore(X + 1j, W).html())
    assert facts["kind"] == "complex"
    assert np.array_equal(unpacked(facts["x"]), X + 1j)


def test_integers_past_float64_are_kept_exactly() -> None:
    x = np.array([2**60 + 1, 3, -5, 7]).reshape(1, 4, 1)
    w = np.array([3, -4]).reshape(2, 1, 1)
    facts = facts_of(hwio.explore(x, w).html())
    assert facts["kind"] == "big"
    assert unpacked(facts["y"]).ravel().tolist() == [3 * (2**60 + 1) - 12, 29, -43]


def test_integers_are_integers() -> None:
    x, w = np.arange(70, dtype=np.uint8).reshape(1, 5, 7, 2), np.ones((3, 3, 2, 3), np.int8)
    facts = facts_of(hwio.explore(x, w, padding="same").html())
    assert facts["kind"] == "int"
    assert np.array_equal(unpacked(facts["y"]), hwio.conv(x, w, padding="same"))


@pytest.mark.parametrize("padding", ["valid", "same", 3])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "wrap"])
@pytest.mark.parametrize("at", [(1, 0, 0, 7), (0, 198, 210, 3)])
def test_a_part_of_large_arrays_has_the_numbers_of_the_whole(
    padding: Any, mode: str, at: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hwio.explorer.part.MOST_NUMBERS", 2000)
    x = RNG.randint(-9, 9, (2, 400, 430, 3)).astype(np.float64)
    w = RNG.randint(-9, 9, (3, 3, 3, 8)).astype(np.float64)
    options = {"padding": padding, "padding_mode": mode, "stride": 2}
    facts = facts_of(hwio.explore(x, w, at=at, **options).html())
    y = unpacked(facts["y"])
    n, (i, j), k = facts["start"]["n"], facts["start"]["y"], facts["start"]["k"]
    images, rows, columns, filters = y.shape
    whole = hwio.conv(x, w, **options)
    part = whole[n : n + images, i : i + rows, j : j + columns, k : k + filters]
    assert np.array_equal(part, y)
    assert y[tuple(facts["at"])] == whole[at]
    assert not facts["whole"]


def test_any_part_is_a_part_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hwio.explorer.part.MOST_NUMBERS", 300)
    monkeypatch.setattr("hwio.explorer.part.MOST_CHANNELS", 8)
    rng = np.random.default_rng(0)
    cut = 0
    for _ in range(100):
        ndim, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 2, 4]))
        inner, filters = int(rng.integers(1, 4)), groups * int(rng.integers(1, 4))
        size, kernel = rng.integers(4, 30 if ndim < 3 else 10, ndim), rng.integers(1, 4, ndim)
        x = rng.integers(-9, 9, (2, *size, groups * inner)).astype(np.float64)
        w = rng.integers(-9, 9, (*kernel, inner, filters)).astype(np.float64)
        options: dict[str, Any] = {
            "stride": tuple(rng.integers(1, 4, ndim).tolist()),
            "dilation": tuple(rng.integers(1, 3, ndim).tolist()),
            "padding": [tuple(pair) for pair in rng.integers(0, 3, (ndim, 2)).tolist()],
            "padding_mode": str(rng.choice(["zeros", "reflect", "edge", "wrap", "symmetric"])),
            "groups": groups,
            "flip": bool(rng.integers(0, 2)),
        }
        try:
            y = hwio.conv(x, w, **options, method="taps")
        except hwio.ShapeError:  # the kernel does not fit
            continue
        case = read_case(x, w, None, options)
        part = choose_part(case.geo, [int(rng.integers(0, n)) for n in y.shape])
        found = part_y(hold(case, part), part, case.geo, case.problem, "float")
        assert np.array_equal(found, y[np.ix_(part.images, *part.out, part.filters)]), options
        cut += not part.whole(case.geo)
    assert cut > 40


def test_a_huge_array_makes_a_small_page() -> None:
    x = np.broadcast_to(np.float32(1), (64, 3000, 4000, 3))
    page = hwio.explore(x, np.ones((5, 5, 3, 256), np.float32), padding="same").html()
    assert len(page) < 4_000_000


@pytest.mark.parametrize(
    ("x", "w", "groups"),
    [
        ((1, 8, 8, 4096), (3, 3, 4096, 4096), 1),
        ((1, 8, 8, 4096), (3, 3, 1, 4096), 4096),
        ((1, 100, 100, 512), (3, 3, 8, 512), 64),
        ((1, 10**6, 1), (9, 1, 64), 1),
        ((1, 200, 200, 200, 2), (3, 3, 3, 2, 16), 1),
        ((1, 20, 20, 300_000), (3, 3, 300_000, 2), 1),
    ],
)
def test_parts_stay_within_their_bounds(x: Any, w: Any, groups: int) -> None:
    geo = geometry_of(x, w, groups=groups)
    part = choose_part(geo, (0, *(n // 2 for n in geo.out_size), geo.out_channels - 1))
    cells = len(part.images) * np.prod([len(r) for r in part.cells]) * len(part.channels)
    weights = np.prod(geo.kernel) * len(part.channels) // part.groups * len(part.filters)
    assert 0 < cells <= 160_000
    assert 0 < weights <= 160_000
    assert geo.out_channels - 1 in part.filters
    assert part.summed == (x[-1] < 10**5)


def test_shapes_alone_get_small_whole_numbers() -> None:
    first, second = (hwio.explore((1, 6, 6, 2), (3, 3, 2, 4), (4,)).html() for _ in range(2))
    assert first == second
    facts = facts_of(first)
    assert facts["made"]
    assert facts["kind"] == "int"


def test_a_wrong_y_is_marked() -> None:
    y = hwio.conv(X, W)
    y[1, 2, 0, 3] += 1e-6
    found = hwio.explore(X, W, y=y)
    assert found.at == (1, 2, 0, 3)
    facts = facts_of(found.html())
    assert facts["yours"]["differing"] == 1
    wrong = unpacked(facts["yours"]["wrong"])
    assert np.argwhere(wrong).tolist() == [[1, 2, 0, 3]]
    assert "1 of 240 numbers of your y differ" in str(found)


def test_a_right_y_is_right_in_any_precision() -> None:
    assert hwio.explore(X, W, y=hwio.conv(X, W)).answer.wrong.sum() == 0  # type: ignore[union-attr]
    single = hwio.conv(X.astype(np.float32), W.astype(np.float32), padding="same")
    found = hwio.explore(X, W, y=single, padding="same")
    assert found.answer is not None
    assert not found.answer.wrong.any()


def test_a_y_in_another_layout_is_compared_in_its_own() -> None:
    x, w = hwio.to_layout(X, "NHWC->NCHW"), hwio.to_layout(W, "HWIO->OIHW")
    y = hwio.conv(x, w, layout="NCHW,OIHW")
    y[0, 5, 1, 2] = 0
    found = hwio.explore(x, w, y=y, layout="NCHW,OIHW")
    assert found.at == (0, 5, 1, 2)
    wrong = unpacked(facts_of(found.html())["yours"]["wrong"])
    assert np.argwhere(wrong).tolist() == [[0, 1, 2, 5]]


def test_it_saves_and_shows_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = hwio.explore(X, W)
    path = found.save(tmp_path / "page.html")
    assert path.read_text(encoding="utf-8") == found.html()
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert opened == [found.open().as_uri()]
    frame = found._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert frame.count('"') == frame.count('="') * 2


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["explore", "--demo", "--at", "0,1,2,5", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["file"], said["value"], said["at"]) == ("explore.html", "-1.6023", [0, 1, 2, 5])
    assert said["bytes"] == (tmp_path / "explore.html").stat().st_size
    y = hwio.conv(X, W)
    for name, array in (("x", X), ("w", W), ("right", y), ("wrong", y[::-1])):
        np.save(f"{name}.npy", array)
    assert main(["explore", "x.npy", "w.npy", "--y", "right.npy", "--out", "a.html"]) == 0
    assert main(["explore", "x.npy", "w.npy", "--y", "wrong.npy", "--out", "b.html"]) == 1
    assert main(["explore", "2,5,7,4", "3,3,4,8", "--title", "<b>", "--out", "c.html"]) == 0
    assert main(["explore", "--demo", "--out", "page.txt"]) == 2
    assert main(["explore", "--demo", "--at", "0,9,9,9"]) == 2
    assert "--out page.html" in capsys.readouterr().err


def test_where_scripts_are_off_a_picture_stands() -> None:
    page = hwio.explore(X, W, at=(0, 1, 2, 5)).html()
    still = page[page.index('<main id="static">') : page.index("</main>")]
    assert "<svg" in still
    assert "-1.6023" in still.replace("−", "-")
    assert "<noscript>" in still


def test_every_word_that_is_said_is_in_the_table() -> None:
    words = set(re.findall(r"^  (\w+): ", read_page("words.js"), re.MULTILINE))
    used: set[str] = set()
    for name in MODULES[1:]:
        text = read_page(f"{name}.js")
        used |= set(re.findall(r'say\("(\w+)"', text))
        used |= {word for word in words if f'"{word}"' in text}
        for start in re.findall(r"say\(`(\w+)\$", text):
            used |= {word for word in words if word.startswith(start)}
    assert used <= words
    assert words <= used | {"image"}


def test_names_are_unique_across_modules() -> None:
    names = re.findall(
        r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+)",
        "\n".join(read_page(f"{name}.js") for name in MODULES),
        re.MULTILINE,
    )
    assert sorted(names) == sorted(set(names))


def test_modules_import_from_those_before_them() -> None:
    for i, name in enumerate(MODULES):
        found = re.findall(
            r'^import \{[^}]*\} from "\./(\w+)\.js";$', read_page(f"{name}.js"), re.M
        )
        assert set(found) <= set(MODULES[:i]), name
    folder = Path(hwio.__file__).parent / "explorer" / "page"
    assert {p.stem for p in folder.glob("*.js")} == set(MODULES)


def test_squeezing_keeps_strings_and_templates() -> None:
    kept = ['"a  =  b // c"', "`x  ${ f(`y  //  z`) }  w`"]
    assert squeeze(f"g( {kept[0]} ,  {kept[1]} ) ;  // gone\n") == f"g({kept[0]},{kept[1]});"
    assert "gone" not in script()
