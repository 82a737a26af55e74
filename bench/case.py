"""One convolution's arrays, and what a contender is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bench.grid import Cell
from bench.networks import Layer


class LeftOut(Exception):
    """A contender that can't do a case, and why."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to be timed.

    Attributes
    ----------
    call : callable
        What is timed.
    array : callable
        Turns what ``call`` returns into y, (n, *out, o), or into (dx, dw) in the shapes of x and w,
        after the clock has stopped.
    note : str
        How it computes, where it says so.
    """

    call: Callable[[], Any]
    array: Callable[[Any], Any] = np.asarray
    note: str = ""


class Case:
    """Arrays of one cell, the same for every contender.

    Attributes
    ----------
    x : array, shape (n, *size, c)
    w : array, shape (*kernel, c / groups, o)
    """

    def __init__(self, cell: Cell, threads: int) -> None:
        self.cell, self.threads = cell, threads
        layer = cell.layer
        rng = np.random.default_rng([layer.macs % 2**32, cell.n])
        filters = 1 if layer.one_filter else layer.o
        self.x = self._normal(rng, (cell.n, *layer.size, layer.c))
        w = self._normal(rng, (*layer.kernel, layer.c // layer.groups, filters))
        self.w = np.repeat(w, layer.o, axis=-1) if layer.one_filter else w

    def _normal(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return rng.standard_normal(shape, dtype=self.cell.dtype)

    @cached_property
    def dy(self) -> np.ndarray:
        """Return a gradient for y, (n, *out, o)."""
        rng = np.random.default_rng([self.layer.macs % 2**32, self.cell.n, 1])
        return self._normal(rng, (self.cell.n, *self.layer.out, self.layer.o))

    @property
    def layer(self) -> Layer:
        """The convolution."""
        return self.cell.layer

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return len(self.layer.size)

    @cached_property
    def x_channels_first(self) -> np.ndarray:
        """Return a copy of x, (n, c, *size): the order of libraries that know no other."""
        return np.ascontiguousarray(np.moveaxis(self.x, -1, 1))

    @cached_property
    def w_filters_first(self) -> np.ndarray:
        """Return a copy of w, (o, c / groups, *kernel)."""
        return np.ascontiguousarray(np.moveaxis(self.w, (-1, -2), (0, 1)))

    @property
    def options(self) -> dict[str, Any]:
        """Return keywords of ``hwio.conv``, as one would type them."""
        layer, found = self.layer, {}
        if any(layer.padding):
            found["padding"] = layer.padding[0]
        for name in ("stride", "dilation", "groups"):
            if getattr(layer, name) != 1:
                found[name] = getattr(layer, name)
        return found


def channels_last(y: np.ndarray) -> np.ndarray:
    """View (n, o, *out) as (n, *out, o)."""
    return np.moveaxis(y, 1, -1)
