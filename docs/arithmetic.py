"""The cases of docs/reference/convolution-arithmetic.md: one channel, one filter, every geometry.

The classic ones are those of Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep
learning", with sizes of our own; numbers, colours and words are hwio's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import hwio
from hwio.cli.inputs import demo_arrays

# file name -> cells of x, taps of w, options of explain
CASES: dict[str, tuple[tuple[int, int], tuple[int, int], dict[str, Any]]] = {
    "no-padding": ((4, 4), (3, 3), {}),
    "some-padding": ((4, 4), (4, 4), {"padding": 1}),
    "same": ((4, 4), (3, 3), {"padding": "same"}),
    "full": ((3, 3), (3, 3), {"padding": 2}),
    "stride": ((5, 5), (3, 3), {"stride": 2}),
    "stride-padding": ((5, 5), (3, 3), {"stride": 2, "padding": 1}),
    "stride-left-over": ((6, 6), (3, 3), {"stride": 2, "padding": 1}),
    "stride-same": ((6, 6), (3, 3), {"stride": 2, "padding": "same"}),
    "stride-gaps": ((5, 5), (2, 2), {"stride": 3}),
    "dilation": ((7, 7), (3, 3), {"dilation": 2}),
    "uneven": ((4, 5), (2, 3), {"stride": (1, 2), "padding": ((0, 1), (1, 1))}),
    "flip": ((4, 4), (3, 3), {"flip": True}),
    "reflect": ((4, 4), (3, 3), {"padding": 1, "padding_mode": "reflect"}),
    "wrap": ((4, 4), (3, 3), {"padding": 1, "padding_mode": "wrap"}),
    "transposed-no-padding": ((2, 2), (3, 3), {"transposed": True}),
    "transposed-some-padding": ((3, 3), (4, 4), {"transposed": True, "padding": 1}),
    "transposed-same": ((4, 4), (3, 3), {"transposed": True, "padding": 1}),
    "transposed-full": ((5, 5), (3, 3), {"transposed": True, "padding": 2}),
    "transposed-stride": ((2, 2), (3, 3), {"transposed": True, "stride": 2}),
    "transposed-stride-padding": ((3, 3), (3, 3), {"transposed": True, "stride": 2, "padding": 1}),
    "transposed-left-over": (
        (3, 3),
        (3, 3),
        {"transposed": True, "stride": 2, "padding": 1, "output_padding": 1},
    ),
    "transposed-dilation": ((2, 2), (3, 3), {"transposed": True, "dilation": 2}),
}


def arrays(cells: tuple[int, int], taps: tuple[int, int]) -> tuple[Any, Any]:
    """Return small whole numbers that can be summed in one's head.

    Returns
    -------
    x : array, shape (1, h, w, 1)
    w : array, shape (kh, kw, 1, 1)
    """
    numbers = np.random.RandomState(4)
    return numbers.randint(1, 5, (1, *cells, 1)), numbers.randint(0, 3, (*taps, 1, 1))


def animation(name: str) -> str:
    """Draw one case as an SVG that moves."""
    cells, taps, options = CASES[name]
    said = hwio.explain(*arrays(cells, taps), **options)
    return said.animation(limit=None)


def channels() -> str:
    """Draw one number of the README's arrays: four channels, one of eight filters."""
    return hwio.explain(*demo_arrays(), at=(0, 1, 2, 5)).svg()
