"""Sizes by axis letter, so that a shape can be read off in any order of the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

Shape = tuple[int, ...]


def shape(letters: str, sizes: dict[str, int]) -> Shape:
    """Return the shape of an array with these axes.

    Examples
    --------
    >>> shape("OIHW", {"H": 3, "W": 3, "I": 4, "O": 8})
    (8, 4, 3, 3)
    """
    return tuple(sizes[letter] for letter in letters)


def x_sizes(geo: Geometry, *, padded: bool = False) -> dict[str, int]:
    """Return the size of each axis of x."""
    cells = geo.padded_size if padded else geo.in_size
    return dict(zip(geo.letters, cells, strict=True)) | {"N": geo.n, "C": geo.in_channels}


def w_sizes(geo: Geometry) -> dict[str, int]:
    """Return the size of each axis of w: I and O, and C and M for depthwise orders."""
    sizes = dict(zip(geo.letters, geo.kernel, strict=True))
    sizes |= {"I": geo.group_channels, "O": geo.out_channels}
    return sizes | {"C": geo.in_channels, "M": geo.out_channels // max(geo.in_channels, 1)}


def y_sizes(geo: Geometry) -> dict[str, int]:
    """Return the size of each axis of y."""
    sizes = dict(zip(geo.letters, geo.out_size, strict=True))
    return sizes | {"N": geo.n, "C": geo.out_channels}
