"""One colour picture without N, which 3 axes without a layout read as many signals."""

from __future__ import annotations

Shape = tuple[int, ...]
CHANNELS = (1, 3, 4)  # grey, colours, colours and alpha
SMALLEST = 17  # a kernel is smaller, a picture is not


def is_photograph(x_shape: Shape) -> bool:
    """Tell (H, W, C) of one picture by its sizes; signals may have them too.

    Examples
    --------
    >>> is_photograph((480, 640, 3)), is_photograph((32, 100, 16)), is_photograph((3, 3, 3))
    (True, False, False)
    """
    return len(x_shape) == 3 and x_shape[2] in CHANNELS and min(x_shape[:2]) >= SMALLEST
