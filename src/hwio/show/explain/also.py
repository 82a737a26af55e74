"""Other orders that a shape could have: said where what was read is not the only likely reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.shapes.channels import RARE, other_readings
from hwio.shapes.layout import SPATIAL, WEIGHT_LAYOUTS, filters_in_words
from hwio.shapes.photograph import is_photograph
from hwio.shapes.room import has_room

if TYPE_CHECKING:
    from hwio.show.case import Case

Shape = tuple[int, ...]


def _square(letters: str, shape: Shape) -> bool:
    """Tell a kernel with the same number of taps on each axis."""
    return len({n for a, n in zip(letters, shape, strict=True) if a in "DHW"}) == 1


def other_order(shape: Shape) -> tuple[str, str] | None:
    """Return how weights are read, and how they were likely meant if that is otherwise.

    Examples
    --------
    >>> other_order((8, 4, 3, 3)), other_order((3, 3, 4, 8))
    (('HWIO', 'OIHW'), None)
    """
    own = SPATIAL.get(len(shape) - 2, "") + "IO"
    if len(shape) not in (4, 5) or _square(own, shape):
        return None
    common = [n for n in WEIGHT_LAYOUTS[len(shape) - 2] if n not in RARE and "M" not in n]
    square = [name for name in common if _square(name, shape)]
    return (own, square[0]) if square else None


def _as_photograph(x_shape: Shape, w_shape: Shape) -> str | None:
    """Say how a picture is read as one, where 3 axes are read as signals.

    Examples
    --------
    >>> _as_photograph((480, 640, 3), (3, 3, 3))
    'if x is one image of 480 × 640: hwio.conv(x, w[..., None], layout="HWC,HWIO")'
    """
    if not is_photograph(x_shape):
        return None
    high, wide, channels = x_shape
    image = f"if x is one image of {high} × {wide}"
    if w_shape[2] == channels:
        return f'{image}: hwio.conv(x, w[..., None], layout="HWC,HWIO")'
    return f'{image}: layout="HWC,HWIO", and w of 4 axes with I = {channels}'


def also_fits(case: Case) -> str | None:
    """Say which other named order of w fits x too, where the user named none.

    Examples
    --------
    >>> from hwio.show.case import read_case
    >>> also_fits(read_case((2, 32, 32, 3), (8, 3, 3, 3), None, {}))
    'w also fits as OIHW (PyTorch, ONNX): 8 filters of 3×3×3; if meant, layout NHWC,OIHW'
    """
    lay, options = case.layout, case.options
    if options.get("layout") is not None:
        return None
    if lay.ndim == 1:
        return _as_photograph(case.x_shape, case.w_shape)

    def room(x: str, w: str) -> bool:
        stride, dilation = options.get("stride", 1), options.get("dilation", 1)
        padding = options.get("padding", "valid")
        return has_room(case.x_shape, case.w_shape, stride, dilation, padding, x, w)

    found = other_readings(lay, case.x_shape, case.w_shape, case.geo.groups, True, room)
    for x, w in found:
        likely = x == lay.x and w != lay.w and w not in RARE and "M" not in w
        if likely and _square(w, case.w_shape):
            owners = ", ".join(WEIGHT_LAYOUTS[lay.ndim][w].split(", ")[:2])
            words = filters_in_words(w, case.w_shape)
            return f"w also fits as {w} ({owners}): {words}; if meant, layout {x},{w}"
    return None
