"""Arrays from the command line and from files that anyone may have made."""

import io
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hwio.cli.inputs import demo_arrays, read_input, read_shape
from hwio.errors import FileError, HwioError, LayoutError, LimitError, OptionError
from hwio.ops import memory

rng = np.random.default_rng(7)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that messages hold short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def header(text: str, *, version: bytes = b"\x01\x00") -> bytes:
    """Build the start of a .npy file around any header text."""
    form = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(form, len(text)) + text.encode("latin1")


def described(shape: str, descr: str = "'<f4'") -> bytes:
    return header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n")


def said(text: str, name: str = "x") -> str:
    """Return what is said about an input that can't be read."""
    with pytest.raises(HwioError) as caught:
        read_input(text, name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("2,5,7,4", (2, 5, 7, 4)),
        ("(2, 5, 7, 4)", (2, 5, 7, 4)),
        ("[3,3,4,8]", (3, 3, 4, 8)),
        ("8", (8,)),
        ("(8,)", (8,)),
        ("0,5,7,4", (0, 5, 7, 4)),
        ("2,,5", None),
        ("2,-5", None),
        ("2,5.0", None),
        ("", None),
        ("9" * 5000, None),
        ("x.npy", None),
    ],
)
def test_shapes_as_people_write_them(text: str, shape: tuple[int, ...] | None) -> None:
    assert read_shape(text) == shape


def test_the_demo_is_the_same_everywhere() -> None:
    x, w = demo_arrays()
    assert (x.shape, w.shape) == ((2, 5, 7, 4), (3, 3, 4, 8))
    value = np.sum(x[0, 1:4, 2:5] * w[:, :, :, 5])
    assert value == pytest.approx(-1.6023, abs=5e-5)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_of_every_version_and_order(here: Path, order: str, version: tuple[int, int]) -> None:
    a = np.asarray(rng.standard_normal((2, 3, 4)), order=order)
    with (here / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, a, version=version)
    np.testing.assert_array_equal(read_input("a.npy", "x"), a)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_by_key(here: Path, save: object, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((4,))
    save("net.npz", **{"conv1/kernel": a, "bias": b})  # type: ignore[operator]
    np.testing.assert_array_equal(read_input("net.npz:conv1/kernel", "w"), a)
    assert said("net.npz:conv1/kernal") == (
        "net.npz has no key 'conv1/kernal'\n"
        "  keys: conv1/kernel, bias\n"
        "  fix: did you mean net.npz:conv1/kernel?"
    )
    assert said("net.npz") == (
        "net.npz holds 2 arrays; which one?\n"
        "  keys: conv1/kernel, bias\n"
        "  fix: net.npz:conv1/kernel"
    )
    save("one.npz", w=a)  # type: ignore[operator]
    np.testing.assert_array_equal(read_input("one.npz", "w"), a)
    assert "w is one.npz:w" in capsys.readouterr().err


class Bomb:
    """Unpickled, this would write a file."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("executed"),)


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_objects_are_refused_and_nothing_is_executed(here: Path, name: str) -> None:
    a = np.array([Bomb()], dtype=object)
    if name == "a.npy":
        np.save(name, a, allow_pickle=True)
    else:
        np.savez(name, a=a)
    where = name if name == "a.npy" else "a.npz:a"
    assert said(name) == (
        f"{where} holds Python objects, which only pickle could read\n"
        "  unpickling a file can run whatever it says, so hwio never does\n"
        "  fix: save numbers instead: np.save(path, a.astype(float))"
    )
    assert not (here / "executed").exists()


def test_a_file_cut_short(here: Path) -> None:
    np.save("a.npy", np.zeros((4, 4), np.float32))
    whole = (here / "a.npy").read_bytes()
    (here / "a.npy").write_bytes(whole[:-10])
    assert said("a.npy") == (
        "a.npy is cut short, or its header lies\n"
        "  header: (4, 4) float32  ->  64 B\n"
        "  after the header: 54 B"
    )


@pytest.mark.parametrize("length", [0, 5, 7, 9, 60])
def test_a_header_cut_short(here: Path, length: int) -> None:
    np.save("a.npy", np.zeros((4, 4)))
    (here / "a.npy").write_bytes((here / "a.npy").read_bytes()[:length])
    with pytest.raises(FileError, match=r"a\.npy is damaged, or no \.npy file"):
        read_input("a.npy", "x")


@pytest.mark.parametrize(
    "content",
    [
        b"just text, long enough to hold a header",
        described("(-1, 4)"),
        described("(True, 4)"),
        described("(2.0, 4)"),
        described("'ab'"),
        described("(2, 4)", "'nonsense'"),
        described("(2, 4)", "[('a', '<f4'), ('a', '<f4')]"),
        header("{'descr': __import__('os').system('touch executed')}"),
        header("(" * 9000),
        header("[" * 200 + "]" * 200),
        header("{}"),
        header("{'descr': '<f4', 'fortran_order': 2, 'shape': (2, 4), }"),
        header("x" * 60000),
        header("{'descr': '<f4'", version=b"\x09\x00"),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
    ],
    ids=range(15),
)
def test_hostile_headers_are_named_and_harmless(here: Path, content: bytes) -> None:
    (here / "a.npy").write_bytes(content + b"\0" * 64)
    with pytest.raises(FileError, match=r"a\.npy") as caught:
        read_input("a.npy", "x")
    assert len(str(caught.value)) < 600
    assert not (here / "executed").exists()


def test_a_header_that_promises_terabytes_allocates_nothing(here: Path) -> None:
    (here / "a.npy").write_bytes(described("(1099511627776, 4)") + b"\0" * 64)
    assert "header: (1099511627776, 4) float32  ->  16.0 TiB" in said("a.npy")


def test_an_honest_file_larger_than_memory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 1000)
    np.save("a.npy", np.zeros((20, 20)))
    np.savez_compressed("a.npz", a=np.zeros((20, 20)))
    for name, where in (("a.npy", "a.npy"), ("a.npz", "a.npz:a")):
        with pytest.raises(LimitError) as caught:
            read_input(name, "x")
        text = str(caught.value)
        assert text.startswith(
            f"{where}: this needs 3.1 KiB, more than this machine's memory of 1000"
        )
        assert "header: (20, 20) float64  ->  3.1 KiB" in text


def test_a_shape_with_a_zero_and_a_giant(here: Path) -> None:
    (here / "a.npy").write_bytes(described("(0, 9223372036854775807, 9)"))
    with pytest.raises(FileError, match=r"a\.npy"):
        read_input("a.npy", "x")


def zipped(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_an_archive_that_lies_about_a_member(here: Path) -> None:
    zipped(here / "a.npz", {"a.npy": described("(1073741824, 1024)") + b"\0" * 10_000})
    text = said("a.npz:a")
    assert text.startswith("a.npz:a is cut short, or its header lies")
    assert "4.0 TiB" in text


def test_archives_that_are_none(here: Path) -> None:
    (here / "a.npz").write_bytes(b"PK\x03\x04 and then nothing of use")
    assert said("a.npz:a").startswith("a.npz is damaged, or no .npz archive: ")
    zipped(here / "b.npz", {"readme.txt": b"hello"})
    assert said("b.npz") == "b.npz holds no arrays"


def test_every_flipped_byte_of_an_archive_is_met(here: Path) -> None:
    np.savez_compressed("a.npz", a=np.arange(24.0).reshape(2, 3, 4))
    whole = (here / "a.npz").read_bytes()
    for spot in range(0, len(whole), 3):
        bad = bytearray(whole)
        bad[spot] ^= 0x55
        (here / "a.npz").write_bytes(bytes(bad))
        try:
            read_input("a.npz:a", "x")
        except (FileError, LimitError):
            continue


def test_no_such_file(here: Path) -> None:
    np.save("weights.npy", np.zeros(3))
    assert said("weihgts.npy") == ("there is no file weihgts.npy\n  fix: did you mean weights.npy?")
    assert said("gone/x.npy") == "there is no file gone/x.npy\n  there is no folder gone either"
    (here / "folder.npy").mkdir()
    assert said("folder.npy") == "folder.npy is a folder\n  fix: the name of a file"


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_pipe_is_not_waited_for(here: Path) -> None:
    import os

    os.mkfifo("x.npy")
    assert said("x.npy").startswith("x.npy is not an ordinary file")


def test_neither_shape_nor_file(here: Path) -> None:
    with pytest.raises(OptionError) as caught:
        read_input("2x5x7x4", "x")
    assert str(caught.value) == (
        "'2x5x7x4' is neither a shape nor a file for x\n"
        "  an array is a shape like 2,5,7,4, a file .npy or .npz:key, or for x an image\n"
        "  fix: a shape such as 2,5,7,4"
    )
    (here / "data.csv").write_text("1,2")
    assert said("data.csv").startswith("data.csv is a file of a kind that hwio does not read")


# Images


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", 1), ("1", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("P", 3), ("CMYK", 3), ("I;16", 1)],
)
def test_images_become_nhwc_between_0_and_1(here: Path, mode: str, channels: int) -> None:
    image = pytest.importorskip("PIL.Image")
    ending = "tif" if mode == "CMYK" else "png"
    image.new(mode, (7, 5)).save(f"a.{ending}")
    x = read_input(f"a.{ending}", "x")
    assert (x.shape, x.dtype) == ((1, 5, 7, channels), np.float32)
    assert x.min() >= 0
    assert x.max() <= 1


def test_image_values(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
    image.fromarray(pixels).save("a.png")
    np.testing.assert_array_equal(read_input("a.png", "x")[0], pixels.astype(np.float32) / 255)
    assert capsys.readouterr().err == (
        "hwio: x is a.png as NHWC (1, 5, 7, 3), float32, black = 0, white = 1\n"
    )
    deep = rng.integers(0, 65536, (5, 7), np.uint16)
    image.fromarray(deep).save("b.png")
    expected = deep.astype(np.float32)[..., None] / 65535
    np.testing.assert_array_equal(read_input("b.png", "x")[0], expected)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (None, (1, 5, 7, 3)),
        ("NCHW,OIHW", (1, 3, 5, 7)),
        ("HWC,HWIO->HWC", (5, 7, 3)),
        ("CHW,OIHW", (3, 5, 7)),
    ],
)
def test_an_image_is_laid_out_as_asked(here: Path, layout: str, shape: tuple[int, ...]) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = rng.integers(0, 256, (5, 7, 3), np.uint8)
    image.fromarray(pixels).save("a.png")
    x = read_input("a.png", "x", layout)
    assert x.shape == shape
    if layout == "CHW,OIHW":
        np.testing.assert_array_equal(x[2], pixels[..., 2].astype(np.float32) / 255)


def test_an_image_with_a_layout_that_is_none(here: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("L", (7, 5)).save("a.png")
    with pytest.raises(LayoutError):
        read_input("a.png", "x", "NHWQ,HWIO")


def test_a_photo_taken_sideways_stands_upright(here: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    tags = image.Exif()
    tags[0x0112] = 6  # orientation: turn by 90 degrees
    image.new("RGB", (7, 5)).save("a.jpg", exif=tags)
    assert read_input("a.jpg", "x").shape == (1, 7, 5, 3)


def test_damaged_images(here: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (here / "a.png").write_bytes(b"no image at all")
    assert said("a.png") == (
        "a.png is no image that hwio reads\n  formats: PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM"
    )
    image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save("b.png")
    (here / "b.png").write_bytes((here / "b.png").read_bytes()[:-900])
    assert said("b.png").startswith("b.png is damaged, or no image: ")


def test_postscript_runs_no_program(here: Path) -> None:
    pytest.importorskip("PIL.Image")
    (here / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    assert said("a.png").startswith("a.png is no image that hwio reads")


@pytest.mark.parametrize("most", [10, 25])  # twice the limit is Pillow's error, less a warning
def test_image_bombs(here: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = pytest.importorskip("PIL.Image")
    image.new("L", (7, 5)).save("a.png")
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(LimitError) as caught:
        read_input("a.png", "x")
    assert str(caught.value) == (
        "a.png has more pixels than Pillow takes for safe\n"
        f"  at most {most} (PIL.Image.MAX_IMAGE_PIXELS)\n"
        "  fix: crop or shrink it first"
    )


def test_images_without_pillow(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "a.png").write_bytes(b"whatever")
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert said("a.png") == (
        'a.png is an image, and reading images needs Pillow\n  fix: pip install "hwio[images]"'
    )


def test_weights_are_no_picture(here: Path) -> None:
    (here / "w.png").write_bytes(b"whatever")
    assert said("w.png", "w") == (
        "w can't be the image w.png\n  only x is a picture; filters and biases are numbers"
    )


def test_a_stream_is_read_from_its_start() -> None:
    # read_array needs the header again: the file is rewound, not reopened
    from hwio.cli.array_files import _read_stream

    store = io.BytesIO()
    np.save(store, np.arange(6))
    length = store.tell()
    store.seek(0)
    np.testing.assert_array_equal(_read_stream(store, length, "a"), np.arange(6))
