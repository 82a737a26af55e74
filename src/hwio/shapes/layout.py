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

from hwio.errors import ArgumentTypeError, LayoutError, word

if TYPE_CHECKING:
    from hwio.types import Array

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
GRAMMAR = 'layout is "x,w->y" or "x,w", for example "NHWC,HWIO->NHWC" or "NCHW,OIHW"'

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
    if not isinstance(text, str):
        rule = f"layout must be a string, not {type(text).__name__}"
        raise ArgumentTypeError(word(rule, [GRAMMAR]))
    left, arrow, y = text.replace(" ", "").partition("->")
    x, comma, w = left.partition(",")
    if not (x and comma and w) or (arrow and not y) or "," in w:
        rule = f"layout={text!r} does not have the form x,w->y"
        raise LayoutError(word(rule, [GRAMMAR], 'layout="NHWC,HWIO->NHWC"'))
    y = y or x
    ndim = sum(letter in "DHW" for letter in x)
    for name, letters in (("x", x), ("w", w), ("y", y)):
        _check_letters(text, name, letters, ndim)
    batched = "N" in x
    if batched != ("N" in y):
        has, lacks = ("x", "y") if batched else ("y", "x")
        rule = f"layout={text!r} has N in {has} but not in {lacks}"
        fix = f'layout="{x},{w}->{x}"'
        raise LayoutError(word(rule, ["images stay images: N stands in both or in neither"], fix))
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


def _check_letters(text: str, name: str, letters: str, ndim: int) -> None:
    """Raise LayoutError unless the letters are one reading of x, w or y."""
    space = SPATIAL.get(ndim, "HW")
    wanted = f"{space}IO" if name == "w" else f"N{space}C"
    known = "DHWIOCM" if name == "w" else "NDHWC"
    example = f"{name} could be {wanted}"
    for letter in letters:
        if letter not in known:
            rule = f"layout={text!r}: {letter!r} in {name}'s {letters!r} is not an axis of {name}"
            upper = letters.upper()
            fix = f'layout="{text.upper()}"' if set(upper) <= set(known) else None
            raise LayoutError(word(rule, [f"letters of {name}: {' '.join(known)}", example], fix))
        if letters.count(letter) > 1:
            rule = f"layout={text!r}: {letter!r} stands twice in {name}'s {letters!r}"
            raise LayoutError(word(rule, ["each axis has one letter", example]))
    if not 1 <= ndim <= 3 or sorted(c for c in letters if c in "DHW") != sorted(space):
        rule = f"layout={text!r}: {name}'s {letters!r} does not have the spatial axes of a layout"
        facts = ["spatial axes: W (1-D), H W (2-D) or D H W (3-D), the same in x, w and y", example]
        raise LayoutError(word(rule, facts))
    rest = set(letters) - set(space) - {"N"}
    accepted = ({"I", "O"}, {"C", "M"}) if name == "w" else ({"C"},)
    if rest not in accepted:
        missing = " or ".join(" and ".join(sorted(a)) for a in accepted)
        rule = f"layout={text!r}: {name}'s {letters!r} lacks a letter"
        raise LayoutError(word(rule, [f"beside {' '.join(space)} it needs {missing}", example]))


def read_layout(layout: str | None, x_rank: int, w_rank: int) -> Layout:
    """Return the Layout of two arrays of these ranks, the default one for None.

    Raises
    ------
    LayoutError
        If the letters and the ranks disagree, or a default does not exist for the ranks.
    """
    if layout is None:
        if x_rank not in (3, 4, 5):
            rule = f"x has {x_rank} axes; without a layout it needs 3, 4 or 5"
            facts = ["3 = NWC (1-D)   4 = NHWC (2-D)   5 = NDHWC (3-D)"]
            fix = 'layout="WC,WIO->WC" for one signal' if x_rank == 2 else None
            if x_rank == 2 and w_rank == 2:
                fix = "x[None, :, :, None] and w[:, :, None, None] for one plane and one kernel"
            raise LayoutError(word(rule, facts, fix))
        layout = default_layout(x_rank)
        if w_rank != x_rank:
            raise LayoutError(_rank_clash(x_rank, w_rank))
    parsed = parse_layout(layout)
    for name, letters, rank in (("x", parsed.x, x_rank), ("w", parsed.w, w_rank)):
        if len(letters) != rank:
            rule = f"{name} has {rank} axes but layout={layout!r} names {len(letters)} for it"
            raise LayoutError(word(rule, [f"{name} is read as {letters}", GRAMMAR]))
    return parsed


def _rank_clash(x_rank: int, w_rank: int) -> str:
    """Word the clash of ranks where no layout was given."""
    rule = f"x has {x_rank} axes but w has {w_rank}"
    x_letters, w_letters = default_layout(x_rank).partition("->")[0].split(",")
    facts = [f"x is read as {x_letters}, so w is read as {w_letters}"]
    if w_rank == x_rank + 1:  # one image without its batch axis
        space = SPATIAL[w_rank - 2]
        return word(rule, facts, f'layout="{space}C,{space}IO->{space}C" for one image without N')
    if w_rank == 2 and x_rank == 4:
        return word(rule, facts, "w[:, :, None, None] for one kernel and one channel")
    if w_rank == x_rank - 1:
        return word(rule, facts, "w[..., None] for a single filter")
    return word(rule, facts, GRAMMAR)


def fitting_layouts(shape: tuple[int, ...], in_channels: int, groups: int = 1) -> list[str]:
    """List the named weight layouts whose I (times groups) meets the channels of x.

    Examples
    --------
    >>> fitting_layouts((8, 4, 3, 3), 4)
    ['OIHW']
    """
    fits = []
    for name in WEIGHT_LAYOUTS.get(len(shape) - 2, {}):
        sizes = dict(zip(name, shape, strict=True))
        if "M" in name:
            fits += [name] if sizes["C"] == in_channels and groups in (1, in_channels) else []
        elif sizes["I"] * groups == in_channels and sizes["O"] % groups == 0:
            fits.append(name)
    return fits


def describe(array_shape: Any, letters: str) -> str:
    """Pair sizes with letters: ``N=2 H=5 W=7 C=4``."""
    return " ".join(f"{k}={v}" for k, v in zip(letters, array_shape, strict=True))


def as_view(array: Array, axes: tuple[int, ...]) -> Array:
    """Transpose, without the call where the order is already right."""
    return array if axes == _COUNTING[len(axes)] else array.transpose(axes)


_COUNTING = [tuple(range(n)) for n in range(8)]
