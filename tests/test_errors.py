"""What hwio says when something is wrong: every text, every fix, and that nothing else comes out."""

import importlib.util
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hwio
from error_texts import CLASSES, Entry, Session, entries, fixes, measured, message
from hwio.ops.keywords import FOREIGN, OPTIONS

TABLE = entries()
DOCS = Path(__file__).parents[1] / "docs"
# what can be said, but not typed
PROSE = {
    "x, or its padding, a part at a time",
    "leave kernel_size out",
    "leave colour out",
    "leave groups out",
    "leave filters out",
    "leave activation out",
    "leave padding_mode out",
    "leave training out",
}
# where nothing that was given can be made to fit, there is nothing to type
NOTHING = {
    "ranks: A number instead of an array",
    "arrays: Arrays with other numbers of axes",
    "conversion: Far too many axes",
}


def with_packages(act: Callable[[], Any]) -> Any:
    """Do something that may need a package which is not installed."""
    try:
        return act()
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("entry", TABLE, ids=str)
def test_text(entry: Entry) -> None:
    assert with_packages(lambda: message(entry)) == entry.text


@pytest.mark.parametrize("entry", TABLE, ids=str)
def test_every_fix_works(entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.ones((2, 5, 7, 4)))  # for the fixes that load it
    if "photo.png" in entry.text:
        image = pytest.importorskip("PIL.Image")
        image.new("RGBA", (12, 9)).save("photo.png")
    offered = fixes(entry.text)
    assert bool(offered) != (str(entry) in NOTHING), "a message without a fix, or with one too many"
    for fix in offered:
        if fix not in PROSE:
            assert with_packages(lambda: Session(entry)).try_fix(fix) is not None


@pytest.mark.parametrize("entry", TABLE, ids=str)
def test_no_line_is_left_empty_or_open(entry: Entry) -> None:
    first, *rest = entry.text.splitlines()
    assert re.match(r"\w+Error: \S", first)
    assert all(line.startswith("  ") and line.strip() for line in rest)
    assert not re.search(r"None\b.*fix|\{|\}|  fix: $", entry.text.replace("{'H': 1, 'W': 1}", ""))


@pytest.mark.parametrize("entry", TABLE, ids=str)
def test_an_error_allocates_nothing(entry: Entry) -> None:
    session = with_packages(lambda: Session(entry))
    peak, error = measured(session.call)
    assert isinstance(error, hwio.HwioError)
    assert peak < 1 << 20


def test_the_table_has_every_class() -> None:
    said = {entry.text.partition(":")[0] for entry in TABLE}
    assert said == {c.__name__ for c in CLASSES}


def test_titles_are_unique() -> None:
    titles = [str(entry) for entry in TABLE]
    assert len(set(titles)) == len(titles)


def test_the_commonest_mistake_reads_as_promised() -> None:
    with pytest.raises(hwio.ShapeError) as caught:
        hwio.conv(np.ones((2, 5, 7, 4)), np.ones((8, 4, 3, 3)))
    assert str(caught.value) == (
        "w expects 3 input channels but x has 4\n"
        "  x  (2, 5, 7, 4)  read as NHWC  ->  C = 4\n"
        "  w  (8, 4, 3, 3)  read as HWIO  ->  I = 3      groups=1, so I must equal C\n"
        "  the named layout of w with I = 4 is OIHW (PyTorch, ONNX)\n"
        '  fix: hwio.conv(x, w, layout="NHWC,OIHW")   or   w = hwio.to_layout(w, "OIHW->HWIO")'
    )


def test_the_catalogue_is_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("make_errors", DOCS / "make_errors.py")
    assert spec is not None
    assert spec.loader is not None
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    shown = make.PAGE.read_text(encoding="utf-8")
    assert shown == make.page(), "run: python docs/make_errors.py"


# ---------------------------------------------------------------- what is accepted, all the same

X = np.arange(280.0).reshape(2, 5, 7, 4)
W = np.arange(288.0).reshape(3, 3, 4, 8)
Y = hwio.conv(X, W)


def test_lists_and_tuples_are_arrays() -> None:
    b = tuple(range(8))
    np.testing.assert_array_equal(hwio.conv(X.tolist(), W.tolist(), list(b)), Y + np.array(b))


def test_the_course_s_bias_is_accepted() -> None:
    b = np.arange(8.0).reshape(1, 1, 1, 8)
    np.testing.assert_array_equal(hwio.conv(X, W, b), Y + b)


def test_a_pandas_frame_is_an_array() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X[0, :, 0], columns=list("abcd"))
    came = hwio.conv(frame, W[:, 0], layout="WC,WIO")
    np.testing.assert_array_equal(came, hwio.conv(X[0, :, 0], W[:, 0], layout="WC,WIO"))


def test_an_array_by_protocol_is_an_array() -> None:
    class Frame:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            del copy
            return X.astype(dtype) if dtype else X

    np.testing.assert_array_equal(hwio.conv(Frame(), W), Y)


def test_float32_with_float64_is_promoted_as_in_numpy() -> None:
    assert hwio.conv(X.astype(np.float32), W).dtype == np.float64


DOORS: dict[str, Callable[..., Any]] = {
    "conv": hwio.conv,
    "plan": hwio.plan,
    "explain": hwio.explain,
    "code": hwio.code,
    "compare": hwio.compare,
    "prepare": lambda x, w, **named: hwio.prepare(w, **named),
    "conv_grad": lambda x, w, **named: hwio.conv_grad(x, w, Y, **named),
    "conv_transpose": hwio.conv_transpose,
    "conv_transpose_grad": lambda x, w, **named: hwio.conv_transpose_grad(x, w, X, **named),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", [*FOREIGN, "kernel_size", "strdie", "colour"])
def test_an_unknown_keyword_is_worded_at_every_door(name: str, door: str) -> None:
    known = {"methods"} if door == "compare" else set()
    for value in (1, (1, 1), "same", None, True, np.ones(8), object()):
        if name not in known:
            with pytest.raises(
                TypeError, match=rf"^{name}= is no keyword of hwio\.{door}\n"
            ) as caught:
                DOORS[door](X, W, **{name: value})
            assert isinstance(caught.value, hwio.ArgumentTypeError)
            assert len(fixes(str(caught.value))) >= 1


def test_an_unknown_keyword_is_seen_when_the_call_is_known_already() -> None:
    hwio.conv(X, W)
    with pytest.raises(hwio.ArgumentTypeError, match="stride=2"):
        hwio.conv(X, W, strides=2)  # type: ignore[arg-type]


def test_help_shows_no_keyword_that_does_not_exist() -> None:
    parameters = inspect.signature(hwio.conv).parameters
    assert tuple(name for name in parameters if name not in ("x", "w", "b")) == (*OPTIONS, "like")


@pytest.mark.parametrize("word", ["SAME", "Same", "vAlId", "HALF", "Same_Lower"])
def test_padding_words_in_any_case(word: str) -> None:
    np.testing.assert_array_equal(
        hwio.conv(X, W, padding=word), hwio.conv(X, W, padding=word.lower())
    )


@pytest.mark.parametrize("word", ["ReLU", "RELU6"])
def test_activation_words_in_any_case(word: Any) -> None:
    one = hwio.conv(X, W, activation=word)
    np.testing.assert_array_equal(one, hwio.conv(X, W, activation=word.lower()))


@pytest.mark.parametrize("padding", ["valid", "same", 1])
@pytest.mark.parametrize("shape", [(8, 3, 3, 4), (9, 4, 3, 3), (7, 7, 3, 4), (4, 8, 3, 3)])
def test_readings_that_are_called_fitting_do_fit(shape: tuple[int, ...], padding: Any) -> None:
    with pytest.raises(hwio.ShapeError) as caught:
        hwio.conv(X, np.ones(shape), padding=padding)
    for layout in re.findall(r'layout="([^"]*)"', str(caught.value)):
        hwio.conv(X, np.ones(shape), padding=padding, layout=layout)


def test_a_prepared_layer_gets_options_as_fixes() -> None:
    layer = hwio.prepare(np.ones((8, 4, 3, 3)))
    with pytest.raises(hwio.ShapeError, match=r'fix: layout="NHWC,OIHW"   or   w = ') as caught:
        layer(X)
    assert "hwio.conv" not in str(caught.value)


def test_lists_and_frames_get_fixes_for_lists() -> None:
    class Frame:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            del dtype, copy
            return X[0, :, :, 0]

    for x in (X[0, :, :, 0].tolist(), Frame()):
        with pytest.raises(hwio.LayoutError) as caught:
            hwio.conv(x, W[:, :, :1])
        (fix,) = fixes(str(caught.value))
        assert eval(fix, {"hwio": hwio, "np": np, "x": x, "w": W[:, :, :1]}).shape == (3, 5, 8)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ({"flip": True}, {"flip": 1}),
        ({"stride": 1}, {"stride": True}),
        ({"stride": 1}, {"stride": 1.0}),
        ({"stride": (1, 1)}, {"stride": (True, 1)}),
        ({"stride": (1, 1)}, {"stride": (1, 1.0)}),
        ({"padding": 1}, {"padding": True}),
        ({"padding": ((1, 1), (1, 1))}, {"padding": ((1, 1), (1, True))}),
        ({"groups": 1}, {"groups": True}),
        ({"memory_limit": 2**30}, {"memory_limit": 2.0**30}),
        ({"activation": (0, 1)}, {"activation": (False, True)}),
    ],
    ids=str,
)
def test_a_right_call_does_not_hide_a_wrong_one(
    right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    for _ in range(2):
        hwio.conv(X, W, **right)
        with pytest.raises(hwio.HwioError):
            hwio.conv(X, W, **wrong)


def test_unsigned_results_never_wrap() -> None:
    x, w = np.full((1, 1, 1), -1), np.full((1, 1, 1), 2**62)
    with pytest.raises(hwio.RangeError):
        hwio.conv(np.repeat(x, 4, axis=2), np.repeat(w, 4, axis=1), out_dtype=np.uint64)


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64", "uint8", "uint64"])
@pytest.mark.parametrize("clip", [(0, None), (2**24 + 1, None), (None, 6), (-(2**70), 2**70)])
def test_bounds_of_integers_are_exact(dtype: str, clip: tuple[int | None, int | None]) -> None:
    x = np.arange(5, dtype=dtype).reshape(1, 5, 1)
    y = hwio.conv(x, np.ones((1, 1, 1), dtype), activation=clip, out_dtype=np.uint64)
    low, high = clip
    ends = 0 if low is None else low, 2**64 if high is None else high
    wanted = [min(max(v, ends[0]), ends[1]) for v in range(5)]
    assert y.ravel().tolist() == wanted
