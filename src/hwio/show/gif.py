"""Pictures as a GIF for slides: resvg draws the SVG, Pillow writes the file."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hwio.errors import FileError, HwioError, OptionError, show, word
from hwio.show.drawing import DARK_PAPER, MONO, PAPER, SANS

COLOURS = 128
_FONTS = {SANS: "DejaVu Sans", MONO: "DejaVu Sans Mono"}


class GifError(HwioError, ImportError):
    """A library that draws GIFs is not installed."""


def check_gif(path: Any) -> Path:
    """Return the path of a GIF to write.

    Raises
    ------
    OptionError, FileError
    """
    if not isinstance(path, str | Path) or Path(path).suffix.lower() != ".gif":
        rule = f"path={show(path)} does not end in .gif"
        raise OptionError(word(rule, [], 'path="out.gif"'))
    target = Path(path)
    if not target.parent.is_dir():
        rule = f"{target}: there is no folder {target.parent}"
        raise FileError(word(rule, [], f"mkdir {target.parent}"))
    return target


def write_gif(
    path: Path, pictures: Sequence[str], times: Sequence[float], width: int, dark: bool = False
) -> None:
    """Draw SVG pictures of one size and write them as a GIF that repeats; times are in seconds."""
    images = [raster(picture, width, dark) for picture in pictures]
    first = images[0].quantize(COLOURS)  # one palette for all, so that nothing flickers
    rest = [image.quantize(palette=first, dither=0) for image in images[1:]]
    spans = [round(1000 * time) for time in times]
    first.save(path, save_all=True, append_images=rest, duration=spans, loop=0, optimize=True)


def raster(picture: str, width: int, dark: bool = False) -> Any:
    """Draw an SVG picture as a Pillow image, light or dark, with the letters of DejaVu.

    The letters come with matplotlib: a machine without fonts of its own draws the same picture.
    """
    try:
        import resvg_py
        from matplotlib import get_data_path
        from PIL import Image
    except ImportError as error:
        rule = f"a GIF needs {error.name}, which is not installed"
        raise GifError(word(rule, [], 'pip install "hwio[gif]"')) from error
    fonts = Path(get_data_path()) / "fonts" / "ttf"
    files = [str(fonts / f"{font.replace(' ', '')}.ttf") for font in _FONTS.values()]
    for names, font in _FONTS.items():
        picture = picture.replace(f'"{names}"', f'"{font}"')
    picture = re.sub(r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]*\{[^{}]*\})*)\s*\}",
                     r"\1" if dark else "", picture)  # fmt: skip
    paper = DARK_PAPER if dark else PAPER  # behind the round corners
    png = resvg_py.svg_to_bytes(
        svg_string=picture, width=width, background=paper,
        skip_system_fonts=True, font_files=files,
    )  # fmt: skip
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")
