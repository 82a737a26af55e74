"""The tour: true numbers, lines that fit, a picture worth looking at, and no need for extras."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from hwio.cli import main
from hwio.cli import photo as photo_step
from hwio.cli.chapter import refit, time_text
from hwio.cli.filters import SIDE, filter_bank
from hwio.cli.inputs import demo_arrays
from hwio.cli.racing import race_layouts
from hwio.cli.terminal import own_command
from hwio.ops.conv import conv

Capture = pytest.CaptureFixture[str]
STEPS = [
    "1. How W is read",
    "2. One number, product by product",
    "3. Every way gives the same numbers",
    "4. How fast each way is",
    "5. HWIO against OHWI",
    "6. Code for your notes",
    "7. A real photograph",
]
DRAWING = {"skimage", "matplotlib", "PIL"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as if no extra was installed."""
    monkeypatch.setattr(photo_step, "find_spec", lambda name: None if name in DRAWING else object())


def told_without_times(text: str) -> str:
    """Return what must be the same on every run: everything but times and their ratios."""
    middle = text[: text.index(STEPS[3])] + text[text.index(STEPS[5]) : text.index(STEPS[6])]
    # and what a kernel's first call takes, which the second tour does not pay
    lines = [
        line for line in middle.splitlines() if not re.search(r"first call|compile it|warmup", line)
    ]
    return re.sub(r"\S+/tour-[ab]/", "", "\n".join(lines))


@pytest.mark.usefixtures("bare")
def test_the_tour_without_extras(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "tour-a"
    assert main(["tour", "--quick", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    for step in STEPS:
        assert f"\n{step}\n" in text
    long = [line for line in text.splitlines() if len(line) > 100 and str(tmp_path) not in line]
    assert not long
    assert "-1.6023" in text
    assert "All agree." in text
    assert "scikit-image, matplotlib, pillow" in text
    assert 'pip install "hwio[tour]"' in text
    assert sorted(p.name for p in out.iterdir()) == ["notes.py", "one_number.html"]

    names: dict[str, object] = {}
    exec((out / "notes.py").read_text(encoding="utf-8"), names)
    x, w = np.asarray(names["x"]), np.asarray(names["w"])
    np.testing.assert_allclose(np.asarray(names["y"]), conv(x, w), rtol=1e-10, atol=1e-12)
    page = (out / "one_number.html").read_text(encoding="utf-8").replace("−", "-")
    assert "-1.6023" in page

    assert main(["tour", "--quick", "--out", str(tmp_path / "tour-b")]) == 0
    again = capsys.readouterr().out
    assert told_without_times(again) == told_without_times(text)


@pytest.mark.usefixtures("bare")
def test_the_tour_fits_a_narrow_terminal(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    assert main(["tour", "--quick"]) == 0
    text = capsys.readouterr().out
    code = "  # ("  # keeps its lines
    assert not [line for line in text.splitlines() if len(line) > 80 and code not in line]
    assert "\n  · With HWIO the 8 weights" in text


def test_narrow_paragraphs_are_filled_and_tables_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    table = "    " + "one  " * 14
    said = f"{'word ' * 14}\nmore\n{table}\n  · {'item ' * 14}\n    more"
    *prose, last = refit(said).split("\n")
    assert prose[1].endswith("word word more")
    assert prose[2] == table
    assert last.startswith("    ")
    assert last.endswith("item more")


def test_the_command_to_type_next_is_one_that_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / ".venv" / "bin"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setenv("PATH", "")
    assert own_command() == str(Path(".venv") / "bin" / "hwio")
    monkeypatch.chdir("/")
    assert own_command().endswith("hwio")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert own_command() == "hwio"


def test_the_layouts_ratio_is_the_quotient_of_what_is_shown() -> None:
    x, w = demo_arrays()
    chapter = race_layouts(x[:, :3, :3, :].copy(), w, quick=True)
    for race in chapter.facts["seconds"].values():
        assert race["ratio"] == race["OHWI"] / race["HWIO"]
    columns = [[r[order] for r in chapter.facts["seconds"].values()] for order in ("HWIO", "OHWI")]
    most = max(max(times) / min(times) for times in columns)
    assert f"by up to {most:.1f} ×" in "\n".join(chapter.lines)


@pytest.mark.usefixtures("bare")
def test_the_tour_as_data(tmp_path: Path, capsys: Capture) -> None:
    assert main(["tour", "--quick", "--json", "--out", str(tmp_path)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["agree"] is True
    chapters = facts["chapters"]
    traced = chapters["One number, product by product"]
    assert traced["value"] == pytest.approx(-1.6023, abs=5e-5)
    assert traced["by_channel"] == pytest.approx([0.3229, -5.5012, -0.5347, 4.1108], abs=5e-5)
    assert sum(chapters["How W is read"]["numbers_by_filter"]) == 36
    assert chapters["How W is read"]["reshape_equals_moveaxis"] is False
    assert chapters["HWIO against OHWI"]["same_numbers"] is True
    assert max(chapters["Every way gives the same numbers"]["errors"].values()) <= 1
    assert chapters["A real photograph"]["missing"] == ["scikit-image", "matplotlib", "pillow"]


@pytest.mark.usefixtures("bare")
def test_a_way_that_is_wrong_ends_the_tour_with_1(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from hwio.methods import METHODS

    good = METHODS["einsum"]
    wrong = replace(good, function=lambda x, w, geo: good.function(x, w, geo) + 0.5)
    monkeypatch.setitem(METHODS, "einsum", wrong)
    assert main(["tour", "--quick", "--out", str(tmp_path)]) == 1
    assert "OUT OF BOUND: einsum" in capsys.readouterr().out


def test_the_photograph(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    pytest.importorskip("skimage")
    chapter = photo_step.filter_photo(tmp_path)
    assert chapter.files == (tmp_path / "filters.png",)
    assert max(len(line) for line in chapter.lines if str(tmp_path) not in line) <= 100
    assert chapter.facts["by_hand"] == pytest.approx(chapter.facts["value"], abs=1e-5)
    assert chapter.files[0].stat().st_size < 300_000  # it stands in the README
    with image.open(chapter.files[0]) as picture:
        assert picture.size == (1280, 830)
        assert len(picture.getcolors()) > 100
    first = chapter.files[0].read_bytes()
    assert photo_step.filter_photo(tmp_path).files[0].read_bytes() == first


def test_drawing_needs_no_scikit_image(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    from hwio.cli.picture import draw

    bank = filter_bank()
    photo = np.random.default_rng(0).random((64, 64, 3), np.float32)
    draw(photo, bank, conv(photo[None], bank.w, bank.b, padding="same")[0], tmp_path / "a.png")
    with image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1280, 830)


def test_the_filters_are_what_their_names_say() -> None:
    bank = filter_bank()
    filters = {name.partition(":")[0]: bank.w[..., k] for k, name in enumerate(bank.names)}
    assert bank.w.shape == (SIDE, SIDE, 3, len(bank.names))
    for k, signed in enumerate(bank.signed):
        flat = float(bank.w[..., k].sum() + bank.b[k])  # the answer to a white wall
        assert flat == pytest.approx(0 if signed else 0.5 if bank.b[k] else 1, abs=1e-5)
    np.testing.assert_array_equal(filters["edges across"], filters["edges down"].transpose(1, 0, 2))
    np.testing.assert_allclose(
        filters["stripes |"], filters["stripes —"].transpose(1, 0, 2), atol=1e-7
    )
    across = np.tile(
        np.linspace(0, 1, 9, dtype=np.float32)[None, :, None], (9, 1, 3)
    )  # dark to bright
    assert np.sum(across * filters["edges across"]) > 0
    assert np.sum(across * filters["edges down"]) == pytest.approx(0, abs=1e-6)
    for turn, name in ((0, "stripes |"), (45, "stripes /"), (90, "stripes —"), (135, "stripes \\")):
        down, right = np.mgrid[-4:5, -4:5]
        angle = np.deg2rad(turn)
        wave = np.cos(2 * np.pi * (right * np.cos(angle) + down * np.sin(angle)) / 5)[..., None]
        answers = {key: float(np.sum(wave * f)) for key, f in filters.items() if "stripes" in key}
        assert max(answers, key=lambda key: answers[key]) == name


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.234e-6, "1.23 µs"),
        (9.994e-6, "9.99 µs"),
        (9.996e-6, "10.0 µs"),
        (0.000123, "123 µs"),
        (0.0009994, "999 µs"),
        (0.0009996, "1.00 ms"),
        (2.5, "2.50 s"),
    ],
)
def test_times_have_three_digits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
