"""A bank of classic picture filters, written as one array of weights: HWIO = (9, 9, 3, 12).

Nothing here was trained. Networks that learn from photographs arrive at much the same first layer:
edges in several directions, spots, and one colour against another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array

SIDE = 9  # taps on a side; smaller kernels stand in the middle
GREY = np.array([1.0, 1.0, 1.0]) / 3  # brightness: the mean of red, green and blue
RED_GREEN = np.array([1.0, -1.0, 0.0])
BLUE_YELLOW = np.array([-0.5, -0.5, 1.0])


@dataclass(frozen=True, slots=True)
class Bank:
    """Filters with their names.

    Attributes
    ----------
    w : array, shape (9, 9, 3, 12)
    b : array, shape (12,)
        Added to each answer: a half for the relief, so that flat areas are mid-grey.
    names : tuple of str
    signed : tuple of bool
        Whether an answer swings around 0: the taps sum to 0 and nothing is added.
    """

    w: Array
    b: Array
    names: tuple[str, ...]
    signed: tuple[bool, ...]


def filter_bank() -> Bank:
    """Build the bank.

    Returns
    -------
    Bank

    Examples
    --------
    >>> bank = filter_bank()
    >>> bank.w.shape, bank.names[3]
    ((9, 9, 3, 12), 'edges across: Sobel x')
    """
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    relief = np.array([[-2, -1, 0], [-1, 0, 1], [0, 1, 2]]) / 3
    blur = gaussian(1.8)
    point = centred(np.ones((1, 1)))
    # name -> (9, 9) over space, (3,) over colours: a filter is their product
    parts = {
        "blur: Gaussian": (blur, GREY),
        "sharpen: 3·x − 2·blur": (3 * point - 2 * blur, GREY),
        "relief: emboss": (centred(relief), GREY),
        "edges across: Sobel x": (centred(sobel), GREY),
        "edges down: Sobel y": (centred(sobel.T), GREY),
        "spots: Laplacian": (laplacian(1.4), GREY),
        "stripes |: Gabor 0°": (gabor(0), GREY),
        "stripes /: Gabor 45°": (gabor(45), GREY),
        "stripes —: Gabor 90°": (gabor(90), GREY),
        "stripes \\: Gabor 135°": (gabor(135), GREY),
        "red − green": (blur, RED_GREEN),
        "blue − yellow": (blur, BLUE_YELLOW),
    }
    filters = [space[:, :, None] * colour for space, colour in parts.values()]  # (9, 9, 3) each
    w = np.stack(filters, axis=-1).astype(np.float32)  # (9, 9, 3, 12): the filters come last
    b = np.array([0.5 if name.startswith("relief") else 0 for name in parts], np.float32)
    swings = [abs(f.sum()) < 1e-6 for f in filters]
    signed = tuple(bool(s and not lift) for s, lift in zip(swings, b, strict=True))
    return Bank(w, b, tuple(parts), signed)


def centred(kernel: Array) -> Array:
    """Put a small kernel in the middle of (9, 9) zeros."""
    out = np.zeros((SIDE, SIDE))
    low = (SIDE - len(kernel)) // 2
    out[low : low + len(kernel), low : low + len(kernel)] = kernel
    return out


def gaussian(sigma: float) -> Array:
    """Return a blur, shape (9, 9), that sums to 1."""
    down, across = _grid()
    bell: Array = np.exp(-(down**2 + across**2) / (2 * sigma**2))
    scaled: Array = bell / bell.sum()
    return scaled


def laplacian(sigma: float) -> Array:
    """Return minus the Laplacian of a Gaussian, shape (9, 9): bright spots give plus."""
    down, across = _grid()
    ratio = (down**2 + across**2) / (2 * sigma**2)
    hat: Array = (1 - ratio) * np.exp(-ratio)
    return _balanced(hat)


def gabor(degrees: float, length: float = 5.0, sigma: float = 2.0) -> Array:
    """Return a wave under a bell, shape (9, 9); at 0° its stripes stand upright."""
    down, across = _grid()
    turn = np.deg2rad(degrees)
    along = across * np.cos(turn) + down * np.sin(turn)
    bell = np.exp(-(down**2 + across**2) / (2 * sigma**2))
    wave: Array = bell * np.cos(2 * np.pi * along / length)
    return _balanced(wave)


def _grid() -> tuple[Array, Array]:
    """Return rows and columns counted from the middle, (9, 1) and (1, 9)."""
    steps = np.arange(SIDE) - SIDE // 2
    return steps[:, None], steps[None, :]


def _balanced(kernel: Array) -> Array:
    """Make a kernel sum to 0, so that flat areas give 0, and its positive taps to 1."""
    kernel = kernel - kernel.mean()
    scaled: Array = kernel / kernel[kernel > 0].sum()
    return scaled
