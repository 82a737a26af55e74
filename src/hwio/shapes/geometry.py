"""Geometry: every size of one convolution, worked out once in Python integers.

One spatial axis, with input size n, padding (low, high), kernel k, dilation d and stride s:

    out = floor((n + low + high - d·(k - 1) - 1) / s) + 1

(Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", relation 15.)
Output cell o meets input cell o·s - low + t·d with tap t. Python integers don't overflow, so a
dilation of 2^61 does no harm here, and nothing is allocated before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from hwio.shapes.layout import SPATIAL

if TYPE_CHECKING:
    from hwio.types import Pads


@dataclass(frozen=True)  # no slots: sizes that follow from the fields are kept once asked for
class Geometry:
    """The sizes of one convolution; tuples hold one entry per spatial axis.

    Attributes
    ----------
    n : int
        Images.
    in_size, kernel, out_size : tuple of int
        Cells of x (without padding), of one filter and of y.
    in_channels, out_channels, groups : int
        C of x, O of w, and into how many groups both are split.
    stride, dilation : tuple of int
    padding : tuple of pairs of int
        (low, high).
    """

    n: int
    in_size: tuple[int, ...]
    in_channels: int
    kernel: tuple[int, ...]
    out_channels: int
    out_size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: Pads
    groups: int = 1

    @cached_property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.in_size)

    @cached_property
    def letters(self) -> str:
        """The spatial letters, W, HW or DHW."""
        return SPATIAL[len(self.in_size)]

    @cached_property
    def padded(self) -> bool:
        """Whether any side has padding."""
        return any(low or high for low, high in self.padding)

    @cached_property
    def padded_size(self) -> tuple[int, ...]:
        """Cells of x with its padding."""
        pairs = zip(self.in_size, self.padding, strict=True)
        return tuple(size + low + high for size, (low, high) in pairs)

    @cached_property
    def reach(self) -> tuple[int, ...]:
        """Cells that one filter spans, (k - 1)·d + 1."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @cached_property
    def step(self) -> tuple[int, ...]:
        """The stride, cut at x's size: a larger one is never taken."""
        return tuple(min(s, max(n, 1)) for s, n in zip(self.stride, self.padded_size, strict=True))

    @cached_property
    def tap_step(self) -> tuple[int, ...]:
        """The dilation, cut likewise."""
        pairs = zip(self.dilation, self.padded_size, strict=True)
        return tuple(min(d, max(n, 1)) for d, n in pairs)

    @cached_property
    def depth(self) -> int:
        """Products in one output number: taps times in-channels of a group."""
        return prod(self.kernel) * self.group_channels

    @cached_property
    def group_channels(self) -> int:
        """In-channels that one filter sees, w's I."""
        return self.in_channels // self.groups

    @cached_property
    def group_filters(self) -> int:
        """Filters of one group."""
        return self.out_channels // self.groups

    @cached_property
    def pixels(self) -> int:
        """Output cells of one image."""
        return prod(self.out_size)

    @cached_property
    def macs(self) -> int:
        """Multiply-adds in all."""
        return self.n * self.pixels * self.out_channels * self.depth

    @cached_property
    def x_shape(self) -> tuple[int, ...]:
        """Shape of x as (n, *in, c)."""
        return (self.n, *self.in_size, self.in_channels)

    @cached_property
    def w_shape(self) -> tuple[int, ...]:
        """Shape of w as (*kernel, i, o)."""
        return (*self.kernel, self.group_channels, self.out_channels)

    @cached_property
    def y_shape(self) -> tuple[int, ...]:
        """Shape of y as (n, *out, o)."""
        return (self.n, *self.out_size, self.out_channels)


def arithmetic(n: int, pair: tuple[int, int], k: int, d: int, s: int) -> str:
    """Write the size of one axis out.

    Examples
    --------
    >>> arithmetic(5, (0, 0), 3, 1, 1)
    'floor((5 + 0 + 0 − 1·(3−1) − 1) / 1) + 1 = 3'
    """
    size = (n + sum(pair) - d * (k - 1) - 1) // s + 1
    return f"floor(({n} + {pair[0]} + {pair[1]} − {d}·({k}−1) − 1) / {s}) + 1 = {size}"


def out_sizes(
    in_size: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: Pads,
) -> tuple[int, ...]:
    """Return the output size of every spatial axis, where ``check_room`` found room for the kernel.

    Examples
    --------
    >>> out_sizes((5, 7), (3, 3), (1, 2), (1, 1), ((0, 0), (1, 1)))
    (3, 4)
    """
    axes = zip(in_size, kernel, stride, dilation, padding, strict=True)
    return tuple((n + sum(pair) - (k - 1) * d - 1) // s + 1 for n, k, s, d, pair in axes)
