"""Axis letters: what each axis of x, w and y means, and how to reorder them.

One einsum-like string names every axis, ``"NHWC,HWIO->NHWC"``. Any order of the letters is a
layout; reordering is a transpose, so everything here returns views.

x and y: ``N`` images (may be left out), ``D`` ``H`` ``W`` the spatial axes, ``C`` channels.
w: the same spatial letters, ``I`` in-channels of a group and ``O`` filters; or ``C`` and ``M``,
TensorFlow's depthwise form: each of the C channels has M filters of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hwio.errors import LayoutError
from hwio.shapes.grammar import read_letters
from hwio.shapes.ranks import rank_clash

if TYPE_CHECKING:
    from hwio.types import Array

Shape = tuple[int, ...]
SPATIAL = {1: "W", 2: "HW", 3: "DHW"}

# The orders that have a name somewhere, by spatial rank, with who stores arrays so.
# Sources: WebNN's operand layouts and each project's own documentation.
WEIGHT_LAYOUTS: dict[int, dict[str, str]] = {
    1: {"WIO": "TensorFlow, Keras", "OIW": "PyTorch, ONNX", "OWI": "MLX", "WCM": "depthwise"},
    2: {
        "HWIO": "TensorFlow, Keras, Flax",
        "OIHW": "PyTorch, ONNX, Caffe, OpenVINO",
        "OHWI": "TFLite, MLX",
        "HWOI": "Keras transposed",
        "IOHW": "PyTorch, ONNX transposed",
        "IHWO": "TFLite depthwise",
        "HWCM": "TensorFlow depthwise",
    },
    3: {
        "DHWIO": "TensorFlow, Keras",
        "OIDHW": "PyTorch, ONNX",
        "ODHWI": "MLX",
        "DHWCM": "depthwise",
    },
}
ACTIVATION_LAYOUTS: dict[int, dict[str, str]] = {
    1: {"NWC": "TensorFlow, Keras", "NCW": "PyTorch, ONNX"},
    2: {"NHWC": "TensorFlow, Keras, TFLite", "NCHW": "PyTorch, ONNX"},
    3: {"NDHWC": "TensorFlow, Keras", "NCDHW": "PyTorch, ONNX"},
}


@dataclass(frozen=True, slots=True)
class Layout:
    """The reading of one convolution's three arrays.

    Attributes
    ----------
    x, w, y : str
        Axis letters in storage order.
    ndim : int
        Number of spatial axes, 1 to 3.
    batched : bool
        Whether x and y have the axis N.
    depthwise : bool
        Whether w is read as (..., C, M).
    x_axes, w_axes, y_axes : tuple of int
        Transposes: x to (N, spatial, C), w to (spatial, I, O), and (N, spatial, C) to y.
        None of them counts N where x has none.
    """

    x: str
    w: str
    y: str
    ndim: int
    batched: bool
    depthwise: bool
    x_axes: tuple[int, ...]
    w_axes: tuple[int, ...]
    y_axes: tuple[int, ...]

    @property
    def text(self) -> str:
        """The full string, ``"NHWC,HWIO->NHWC"``."""
        return f"{self.x},{self.w}->{self.y}"

    @property
    def spatial(self) -> str:
        """The spatial letters in canonical order: W, HW or DHW."""
        return SPATIAL[self.ndim]


def transpose_axes(source: str, target: str) -> tuple[int, ...]:
    """Return the axes argument of ``np.transpose`` that turns one order into another.

    Examples
    --------
    >>> transpose_axes("OIHW", "HWIO")
    (2, 3, 1, 0)
    """
    return tuple(source.index(letter) for letter in target)


def canonical(layout: Layout) -> tuple[str, str]:
    """Return the canonical letters of x and w: ("NHWC", "HWIO") or ("NHWC", "HWCM")."""
    space = layout.spatial
    return ("N" if layout.batched else "") + space + "C", space + (
        "CM" if layout.depthwise else "IO"
    )


def default_layout(rank: int) -> str:
    """Return the layout of plain arrays of this rank: channels last, filters last."""
    space = SPATIAL[rank - 2]
    return f"N{space}C,{space}IO->N{space}C"


@lru_cache(maxsize=512)
def parse_layout(text: str) -> Layout:
    """Read a layout string.

    Parameters
    ----------
    text : str
        ``"x,w->y"``; without ``->y`` the output has x's letters.

    Returns
    -------
    Layout

    Raises
    ------
    LayoutError
        If the string is malformed, or a letter is unknown, repeated or missing.

    Examples
    --------
    >>> parse_layout("NCHW,OIHW").text
    'NCHW,OIHW->NCHW'
    >>> parse_layout("HWC,HWIO->HWC").batched
    False
    """
    x, w, y = read_letters(text)
    ndim = sum(letter in "DHW" for letter in x)
    batched = "N" in x
    space = SPATIAL[ndim]
    front = ("N" if batched else "") + space + "C"
    depthwise = "M" in w
    return Layout(
        x,
        w,
        y,
        ndim,
        batched,
        depthwise,
        transpose_axes(x, front),
        transpose_axes(w, space + ("CM" if depthwise else "IO")),
        transpose_axes(front, y),
    )


def read_layout(layout: str | None, x_shape: Shape, w_shape: Shape) -> Layout:
    """Return the Layout of two arrays of these shapes, the default one for None.

    Raises
    ------
    LayoutError
        If the letters and the ranks disagree, or the ranks have no default.
    """
    ranks = len(x_shape), len(w_shape)
    if layout is None:
        if ranks not in ((3, 3), (4, 4), (5, 5)):
            raise LayoutError(rank_clash(x_shape, w_shape))
        return parse_layout(default_layout(ranks[0]))
    if not isinstance(layout, str):  # a list would not hash
        read_letters(layout)
    try:
        parsed = parse_layout(layout)
    except LayoutError:  # said again by what the arrays are: a correction should fit them
        read_letters(layout, lambda x, w: fits(x, w, x_shape, w_shape))
        raise
    if (len(parsed.x), len(parsed.w)) != ranks:
        raise LayoutError(rank_clash(x_shape, w_shape, (parsed.x, parsed.w), layout))
    return parsed


def fits(x: str, w: str, x_shape: Shape, w_shape: Shape, groups: int = 1) -> bool:
    """Tell whether the channels meet if the shapes are read as these letters.

    Examples
    --------
    >>> fits("NHWC", "OIHW", (2, 5, 7, 4), (8, 4, 3, 3))
    True
    >>> fits("NHWC", "HWIO", (2, 5, 7, 4), (8, 4, 3, 3))
    False
    """
    if (len(x), len(w)) != (len(x_shape), len(w_shape)):
        return False
    channels, sizes = x_shape[x.index("C")], dict(zip(w, w_shape, strict=True))
    if "M" in w:
        return sizes["C"] == channels and groups in (1, channels)
    return sizes["I"] * groups == channels and sizes["O"] % groups == 0


def filters_in_words(w: str, shape: Shape) -> str:
    """Say what weights of this shape are in this layout.

    Examples
    --------
    >>> filters_in_words("OIHW", (8, 4, 3, 3))
    '8 filters of 3×3×4'
    >>> filters_in_words("HWCM", (3, 3, 4, 1))
    'depthwise, 1 filter of 3×3 for each of 4 channels'
    """
    sizes = dict(zip(w, shape, strict=True))
    kernel = [sizes[axis] for axis in "DHW" if axis in w]
    plural = "" if sizes["M" if "M" in w else "O"] == 1 else "s"
    if "M" in w:
        taps = "×".join(map(str, kernel))
        of = f"each of {sizes['C']} channels" if sizes["C"] > 1 else "the one channel"
        return f"depthwise, {sizes['M']} filter{plural} of {taps} for {of}"
    return f"{sizes['O']} filter{plural} of {'×'.join(map(str, [*kernel, sizes['I']]))}"


def describe(array_shape: Any, letters: str) -> str:
    """Pair sizes with letters: ``N=2 H=5 W=7 C=4``."""
    return " ".join(f"{k}={v}" for k, v in zip(letters, array_shape, strict=True))


def as_view(array: Array, axes: tuple[int, ...]) -> Array:
    """Transpose, without the call where the order is already right."""
    return array if axes == _COUNTING[len(axes)] else array.transpose(axes)


_COUNTING = [tuple(range(n)) for n in range(8)]
