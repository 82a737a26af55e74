"""Where a filter lies in memory: every offset against NumPy's own."""

import json
from itertools import permutations

import numpy as np
import pytest

import hwio
from hwio.show.memory.memory_map import memory_map

BLOCK = """\
Where is filter 5?   288 numbers
HWIO (3,3,4,8)  strides 96,32,8,1   offsets 5, 13, 21 … 285   every 8th   |·····5··|·····5··| …
OHWI (8,3,3,4)  strides 36,12,4,1   offsets 180 … 215         one block   … |555555555…555| …
OIHW (8,4,3,3)  strides 36,9,3,1    offsets 180 … 215         one block, channel by channel
As the 36 × 8 matrix:  HWIO w.reshape(36, 8) view · OHWI w.reshape(8, 36).T view · OIHW copy"""


def test_the_thread_s_filter():
    assert str(memory_map((3, 3, 4, 8))).startswith(BLOCK + "\n")
    assert str(memory_map(np.zeros((3, 3, 4, 8)))) == str(memory_map((3, 3, 4, 8), "HWIO", 5))


def offsets_in(letters, shape, chosen, multiplier):
    """Look the filter up in an array that holds its own offsets."""
    held = np.arange(np.prod(shape)).reshape(shape)
    index = {"O": chosen, "C": chosen // multiplier, "M": chosen % multiplier}
    return held[tuple(index.get(letter, slice(None)) for letter in letters)].ravel()


SHAPES = [
    ((3, 3, 4, 8), "HWIO"),
    ((8, 4, 3, 3), "OIHW"),
    ((1, 1, 5, 2), "HWIO"),
    ((3, 3, 4, 1), "HWIO"),
    ((3, 3, 1, 6), "HWIO"),
    ((5, 3, 4), "WIO"),
    ((2, 3, 3, 2, 4), "DHWIO"),
    ((3, 3, 4, 2), "HWCM"),
    ((2, 3, 3, 4), "CHWM"),
    ((3, 4, 3, 2), "HCWM"),
    ((5, 3, 2), "WCM"),
]


@pytest.mark.parametrize(("shape", "letters"), SHAPES)
def test_offsets_are_those_of_numpy(shape, letters):
    sizes = dict(zip(letters, shape, strict=True))
    filters = sizes["O"] if "O" in sizes else sizes["C"] * sizes["M"]
    for chosen in range(filters):
        for s in memory_map(shape, letters, chosen).storages:
            strides = np.array(np.zeros(s.shape, np.int8).strides)
            assert s.strides == tuple(strides)
            wanted = offsets_in(s.letters, s.shape, chosen, sizes.get("M", 1))
            np.testing.assert_array_equal(s.offsets(), wanted)
            assert (s.first, s.last) == (wanted.min(), wanted.max())


@pytest.mark.parametrize("letters", ["".join(p) for p in permutations("HWIO")])
def test_any_order_of_the_letters(letters):
    sizes = dict(zip("HWIO", (3, 2, 4, 5), strict=True))
    shape = tuple(sizes[letter] for letter in letters)
    found = memory_map(shape, letters, 3)
    own = next(s for s in found.storages if s.letters == letters)
    np.testing.assert_array_equal(own.offsets(), offsets_in(letters, shape, 3, 1))


@pytest.mark.parametrize(("shape", "letters"), SHAPES)
def test_matrix_views_are_views_and_hold_the_filters(shape, letters):
    """Row by row as the windows of channels-last x run: spatial axes, then channels."""
    for s in memory_map(shape, letters).storages:
        if s.matrix() is None or "C" in s.letters:
            continue
        w = np.arange(np.prod(s.shape)).reshape(s.shape)
        matrix = eval(s.matrix().removesuffix(" view"), {"w": w})
        space = "".join(a for a in "DHW" if a in s.letters)
        wanted = hwio.to_layout(w, f"{s.letters}->{space}IO").reshape(-1, s.filters)
        assert np.shares_memory(matrix, w)
        np.testing.assert_array_equal(matrix, wanted)


def test_where_no_view_is_named_there_is_none():
    w = np.arange(288).reshape(8, 4, 3, 3)  # OIHW
    rows = hwio.to_layout(w, "OIHW->HWIO").reshape(36, 8)
    assert not np.shares_memory(rows, w)
    assert memory_map((8, 4, 3, 3), "OIHW").storages[2].matrix() is None


@pytest.mark.parametrize(
    ("shape", "letters", "chosen"),
    [*[(*s, None) for s in SHAPES], ((3, 3, 512, 512), "HWIO", 300), ((7, 7, 3, 64), "HWIO", 63)],
)
def test_every_block_fits_a_terminal(shape, letters, chosen):
    text = str(memory_map(shape, letters, chosen))
    assert max(map(len, text.splitlines())) <= 100


def test_strips_mark_the_filter_s_numbers():
    for chosen in range(8):
        hwio_row, ohwi_row, _ = memory_map((3, 3, 4, 8), filter=chosen).storages
        block = hwio_row.strip.split("|")[1]
        assert block == "".join(str(chosen) if i == chosen else "·" for i in range(8))
        assert ohwi_row.strip.startswith("… |") == (chosen > 0)
        assert ohwi_row.strip.endswith("| …") == (chosen < 7)


def test_the_default_filter_is_5_or_the_last():
    assert [memory_map((3, 3, 4, o)).filter for o in (1, 5, 6, 64)] == [0, 4, 5, 5]


def test_to_dict_is_json():
    said = memory_map((3, 3, 4, 8)).to_dict()
    assert json.loads(json.dumps(said)) == said
    assert said["storages"][0]["levels"] == [[36, 8]]


ERRORS = [
    (((3, 3, 4, 8), "HWIO", 8), hwio.OptionError,
     ("filter=8 lies outside w, which has 8 filters\n"
     "  w  (3, 3, 4, 8)  read as HWIO:  H=3 W=3 I=4 O=8\n"
     "  legal:  0 … 7\n"
     "  fix: filter=7")),
    (((3, 3, 4, 8), "HWIO", -3), hwio.OptionError,
     ("filter=-3 lies outside w, which has 8 filters\n"
     "  w  (3, 3, 4, 8)  read as HWIO:  H=3 W=3 I=4 O=8\n"
     "  legal:  0 … 7\n"
     "  fix: filter=5")),
    (((3, 3, 4, 8), "HWIO", 1.5), hwio.ArgumentTypeError,
     "filter=1.5 is not an integer\n  fix: filter=0"),
    (((3, 3), None, None), hwio.LayoutError,
     ("w has 2 axes (3, 3); weights have 3, 4 or 5\n"
     "  3 = WIO (1-D)   4 = HWIO (2-D)   5 = DHWIO (3-D)")),
    (((3, 3, 4, 0), None, None), hwio.ShapeError,
     "w (3, 3, 4, 0) holds no numbers\n  read as HWIO: H=3 W=3 I=4 O=0"),
    (((3, 3, 4, 8), "WIO", None), hwio.LayoutError,
     ("layout='WIO' does not name the 4 axes of w (3, 3, 4, 8)\n"
     "  for example HWIO, OIHW, OHWI, HWOI, IOHW, IHWO, HWCM")),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "kind", "text"), ERRORS)
def test_what_w_lacks_is_refused_in_words(arguments, kind, text):
    with pytest.raises(kind) as caught:
        memory_map(*arguments)
    assert str(caught.value) == text
