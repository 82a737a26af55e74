"""From one order of a weight's axes to another: the array, and the code that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwio.shapes.layout import transpose_axes

if TYPE_CHECKING:
    from hwio.types import Array

# framework -> kind -> letters; S stands for the spatial axes
_ORDERS = {
    "keras": {"conv": "SIO", "depthwise": "SCM", "transposed": "SOI"},
    "torch": {"conv": "OIS", "depthwise": "OIS", "transposed": "IOS"},
    "onnx": {"conv": "OIS", "depthwise": "OIS", "transposed": "IOS"},
    "tflite": {"conv": "OSI", "depthwise": "ISO", "transposed": "OSI"},
}
_VOLUMES = {"conv": "SIO", "transposed": "SOI"}  # TFLite's of three axes
_OWN = {"conv": "SIO", "depthwise": "SCM", "transposed": "SOI"}


def order_of(framework: str, kind: str, space: str) -> str:
    """Return the letters in which a framework stores the weights of a kind.

    Examples
    --------
    >>> order_of("torch", "transposed", "HW"), order_of("tflite", "depthwise", "HW")
    ('IOHW', 'IHWO')
    """
    table = _ORDERS[framework]
    if framework == "tflite" and len(space) == 3:
        table = table | _VOLUMES
    return table[kind].replace("S", space)


def own_order(kind: str, space: str) -> str:
    """Return the letters of ``Layer.w``."""
    return _OWN[kind].replace("S", space)


@dataclass(frozen=True, slots=True)
class Move:
    """Reshape, transpose, reshape; None where there is nothing to do."""

    first: tuple[int, ...] | None
    axes: tuple[int, ...]
    last: tuple[int, ...] | None

    def apply(self, w: Array) -> Array:
        """Return the array in its new order, in memory too."""
        w = w if self.first is None else w.reshape(self.first)
        w = w.transpose(self.axes)
        return np.ascontiguousarray(w if self.last is None else w.reshape(self.last))

    def code(self, name: str) -> str:
        """Write what ``apply`` does.

        Examples
        --------
        >>> Move(None, (2, 3, 0, 1), (8, 1, 3, 3)).code("w")
        'np.transpose(w, (2, 3, 0, 1)).reshape(8, 1, 3, 3)'
        """
        code = name
        if self.first is not None:
            code += f".reshape({', '.join(map(str, self.first))})"
        if self.axes != tuple(range(len(self.axes))):
            code = f"np.transpose({code}, {self.axes})"
        if self.last is not None:
            code += f".reshape({', '.join(map(str, self.last))})"
        return code


def move(source: str, target: str, sizes: dict[str, int], *, ones: int = 0) -> Move:
    """Plan the way from one order to another.

    Parameters
    ----------
    source, target : str
        Letters with C and M, or with O and I, where I is 1 if the other has C and M.
    sizes : dict of str to int
        Of every letter of both.
    ones : int
        Axes of 1 that the target wants after its first.

    Examples
    --------
    >>> sizes = {"H": 3, "W": 3, "C": 4, "M": 2, "O": 8, "I": 1}
    >>> move("HWCM", "OIHW", sizes)
    Move(first=None, axes=(2, 3, 0, 1), last=(8, 1, 3, 3))
    >>> move("OIHW", "HWCM", sizes)
    Move(first=(4, 2, 3, 3), axes=(2, 3, 0, 1), last=None)
    """
    split, joined = "M" in target and "M" not in source, "M" in source and "M" not in target
    between = _split(source) if split else source
    wanted = _split(target) if joined else target
    last = tuple(sizes[letter] for letter in target)
    if ones:
        last = (*last[:1], *(1,) * ones, *last[1:])
    first = tuple(sizes[letter] for letter in between) if split else None
    return Move(first, transpose_axes(between, wanted), last if joined or ones else None)


def _split(letters: str) -> str:
    """Return letters with C and M for O, and without I, which is 1."""
    return letters.replace("O", "CM").replace("I", "")
