"""What can stand for an array on the command line, and how it is read.

2,5,7,4             a shape: sizes alone, no numbers
x.npy               an array
net.npz:conv1       one array of an archive
photo.png           an image, as x: (1, h, w, c), float32, 0 to 1
--demo              the arrays of the README
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.cli.array_files import read_npy, read_npz
from hwio.cli.image_files import ENDINGS, read_image
from hwio.errors import FileError, OptionError, word
from hwio.shapes.layout import parse_layout, transpose_axes

if TYPE_CHECKING:
    from hwio.types import Array

FORMS = "an array is a shape like 2,5,7,4, a file .npy or .npz:key, or for x an image"
DEMO_X, DEMO_W = (2, 5, 7, 4), (3, 3, 4, 8)
_SHAPE = re.compile(r"[(\[]?\s*(\d{1,18}(\s*,\s*\d{1,18})*)\s*,?\s*[)\]]?")


def demo_arrays() -> tuple[Array, Array]:
    """Return the arrays of the README, the same on every machine.

    Returns
    -------
    x : float64 array, shape (2, 5, 7, 4)
    w : float64 array, shape (3, 3, 4, 8)

    Examples
    --------
    >>> x, w = demo_arrays()
    >>> x.shape, w.shape, float(x[0, 0, 0, 0])
    ((2, 5, 7, 4), (3, 3, 4, 8), 1.624)
    """
    generator = np.random.RandomState(1)
    return generator.randn(*DEMO_X), generator.randn(*DEMO_W)


def read_shape(text: str) -> tuple[int, ...] | None:
    """Read ``2,5,7,4``, with brackets or without, or return None.

    Examples
    --------
    >>> read_shape("2,5,7,4"), read_shape("(3, 3, 4, 8)"), read_shape("x.npy")
    ((2, 5, 7, 4), (3, 3, 4, 8), None)
    """
    match = _SHAPE.fullmatch(text.strip())
    return tuple(int(n) for n in match[1].split(",")) if match else None


def read_input(text: str, name: str, layout: str | None = None) -> Any:
    """Read x, w or b from the command line.

    Parameters
    ----------
    text : str
        One of the forms above.
    name : {"x", "w", "b"}
    layout : str, optional
        An image is laid out as its letters for x ask.

    Returns
    -------
    array or tuple of int
        The tuple is a shape.

    Raises
    ------
    FileError, LimitError
        If a file can't be read, or would not fit.
    OptionError
        If the text is none of the forms.
    """
    shape = read_shape(text)
    if shape is not None:
        return shape
    path, _, key = text.partition(".npz:")
    if key:
        return read_npz(Path(f"{path}.npz"), key)[0]
    text = text.removesuffix(":") if text.endswith(".npz:") else text
    file = Path(text)
    ending = file.suffix.lower()
    if ending == ".npy":
        return read_npy(file)
    if ending == ".npz":
        array, key = read_npz(file, None)
        note(f"{name} is {text}:{key}")
        return array
    if ending in ENDINGS:
        return _image(file, name, layout)
    if file.is_file():
        rule = f"{text} is a file of a kind that hwio does not read"
        raise FileError(word(rule, [FORMS], "save the array with NumPy: np.save"))
    fix = f"a shape such as {'2,5,7,4' if name == 'x' else '8' if name == 'b' else '3,3,4,8'}"
    raise OptionError(word(f"{text!r} is neither a shape nor a file for {name}", [FORMS], fix))


def _image(file: Path, name: str, layout: str | None) -> Array:
    """Read an image as x, in the order of axes that the layout asks for."""
    if name != "x":
        rule = f"{name} can't be the image {file}"
        raise FileError(word(rule, ["only x is a picture; filters and biases are numbers"]))
    x, seen_through = read_image(file)
    if seen_through:
        note(f"{file} has transparency (alpha), which is left out")
    letters = "NHWC" if layout is None else parse_layout(layout).x
    if sorted(letters) == sorted("NHWC"):
        x = x.transpose(transpose_axes("NHWC", letters))
    elif sorted(letters) == sorted("HWC"):
        x = x[0].transpose(transpose_axes("HWC", letters))
    note(f"x is {file} as {letters} {x.shape}, {x.dtype}, black = 0, white = 1")
    return x


def check_target(path: str | None, flag: str, endings: tuple[str, ...]) -> None:
    """Refuse a file to write whose kind or folder is not right, before any work.

    Raises
    ------
    OptionError
        If its ending is that of another kind.
    FileError
        If its folder does not exist.
    """
    if path is None:
        return
    file = Path(path)
    if file.suffix.lower() not in endings:
        rule = f"{flag} writes {' or '.join(endings)}, and {path} ends otherwise"
        raise OptionError(word(rule, [], f"{flag} {file.with_suffix(endings[0])}"))
    if not file.parent.is_dir():
        rule = f"{flag} {path}: there is no folder {file.parent}"
        raise FileError(word(rule, [], f"mkdir {file.parent}"))


def note(text: str) -> None:
    """Say something beside the answer: stdout stays what was asked for."""
    print(f"hwio: {text}", file=sys.stderr)
