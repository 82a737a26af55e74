"""One call of a layer, whatever its function is called: what every entry of the catalogue works on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array, Pair


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The arrays and sizes of one call.

    Attributes
    ----------
    x : array, shape (n, h, w, c)
        For a single step the window alone, (kh, kw, c).
    w : array, shape (kh, kw, c, o), optional
        For a single step one filter, (kh, kw, c). None for pooling and zero_pad.
    b : array, shape (o,), optional
    dy : array, shape (n, oh, ow, o), optional
        What comes from above, for gradients.
    stride, dilation : pair of int
    padding : pair of pairs of int
        (low, high) of rows and of columns.
    window : pair of int
        Rows and columns of a pooling window.
    mode : {"max", "average"}
        Of pooling.
    """

    x: Array
    w: Array | None = None
    b: Array | None = None
    dy: Array | None = None
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    window: Pair = (1, 1)
    mode: str = "max"

    @property
    def weights(self) -> Array:
        """w, of a layer that has some."""
        assert self.w is not None
        return self.w

    @property
    def bias(self) -> Array:
        """b, shape (o,); zeros where there is none."""
        return np.zeros(self.weights.shape[-1]) if self.b is None else self.b

    @property
    def upper(self) -> Array:
        """dy, of a layer that has it."""
        assert self.dy is not None
        return self.dy

    @property
    def kernel(self) -> Pair:
        """Rows and columns of a window."""
        return self.window if self.w is None else self.w.shape[:2]

    @property
    def pad(self) -> int:
        """Cells on each side, where all four sides have the same, as in the course."""
        return self.padding[0][0]


def grow(layer: Layer, rows: Pair, columns: Pair, value: float = 0.0) -> Array:
    """Surround every image.

    Examples
    --------
    >>> grow(Layer(np.ones((1, 1, 1, 1))), (0, 1), (1, 1))[0, :, :, 0]
    array([[0., 1., 0.],
           [0., 0., 0.]])
    """
    return np.pad(layer.x, ((0, 0), rows, columns, (0, 0)), constant_values=value)


def padded(layer: Layer) -> Array:
    """Return x with its padding, shape (n, low + h + high, low + w + high, c)."""
    return grow(layer, *layer.padding)


def unpadded(layer: Layer) -> Array:
    """Return x itself, as if there were no padding."""
    return layer.x


def window_at(grown: Array, corner: Pair, kernel: Pair, dilation: Pair = (1, 1)) -> Array:
    """Cut the window whose first cell is ``corner`` out of every image, as a view.

    Beyond the end NumPy's slices are short and complain of nothing; so are these.

    Examples
    --------
    >>> window_at(np.ones((2, 5, 7, 4)), (3, 4), (3, 3)).shape
    (2, 2, 3, 4)
    """
    rows, columns = (
        slice(at, at + (k - 1) * d + 1, d)
        for at, k, d in zip(corner, kernel, dilation, strict=True)
    )
    return grown[:, rows, columns]
