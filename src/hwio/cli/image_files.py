"""Read a photograph as an array: (1, h, w, c), float32, 0 to 1."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.cli.array_files import check_file
from hwio.errors import FileError, LimitError, word

if TYPE_CHECKING:
    from pathlib import Path

    from hwio.types import Array

# Pixel formats that NumPy can read once decoded; formats that run other programs are not among them.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}


def read_image(path: Path) -> tuple[Array, bool]:
    """Read an image file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    float32 array, shape (1, h, w, c)
        0 to 1; c is 1 for grey and 3 for colour. Transparency is left out, and a photo that says it
        was taken upright stands upright.
    bool
        Whether there was transparency.

    Raises
    ------
    FileError
        If Pillow is absent, or the file is no image that it reads.
    LimitError
        If it has more pixels than Pillow's MAX_IMAGE_PIXELS.
    """
    check_file(path)
    try:
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError as error:
        rule = f"{path} is an image, and reading images needs Pillow"
        raise FileError(word(rule, [], 'pip install "hwio[images]"')) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                alpha = (
                    image.mode in ("RGBA", "LA", "La", "RGBa", "PA") or "transparency" in image.info
                )
                return _as_array(ImageOps.exif_transpose(image)), alpha
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        rule = f"{path} has more pixels than Pillow takes for safe"
        facts = [f"at most {Image.MAX_IMAGE_PIXELS} (PIL.Image.MAX_IMAGE_PIXELS)"]
        raise LimitError(word(rule, facts, "crop or shrink it first")) from error
    except UnidentifiedImageError as error:
        rule = f"{path} is no image that hwio reads"
        raise FileError(word(rule, [f"formats: {', '.join(FORMATS)}"])) from error
    except MemoryError as error:
        raise LimitError(word(f"{path} does not fit the memory that is free")) from error
    except Exception as error:  # decoders meet damaged files in many ways
        raise FileError(word(f"{path} is damaged, or no image: {error}")) from error


def _as_array(image: Any) -> Array:
    """Turn a Pillow image into (1, h, w, c)."""
    if image.mode.startswith("I;16") or image.mode == "I":  # 16 bits, grey
        pixels = np.asarray(image).astype(np.float32) / 65535
    elif image.mode in ("1", "L", "LA", "La"):
        pixels = np.asarray(image.convert("L")).astype(np.float32) / 255
    else:
        pixels = np.asarray(image.convert("RGB")).astype(np.float32) / 255
    return pixels.reshape(1, *pixels.shape[:2], -1)  # (1, h, w, c)
