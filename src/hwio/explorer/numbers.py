"""Arrays as JSON that a page reads back without a rounding: base64 of little-endian numbers."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array

SAFE = 2**53  # integers below it are float64 exactly
_SMALL = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32)


def number_kind(arrays: list[Array], largest: int) -> str:
    """Say in what a page computes: "float", "int", "big" or "complex".

    Parameters
    ----------
    arrays : list of array
    largest : int
        No sum that the page makes of integers is larger.
    """
    kinds = {array.dtype.kind for array in arrays}
    if "c" in kinds:
        return "complex"
    if kinds & {"f", "V"}:
        return "float"
    return "int" if largest < SAFE else "big"


def pack(array: Array, kind: str) -> dict[str, Any]:
    """Write an array as what ``numbers.js`` reads: its type, its shape, its numbers in C order.

    Examples
    --------
    >>> pack(np.array([1, 2], np.int64), "int")
    {'type': 'i1', 'shape': [2], 'data': 'AQI='}
    >>> pack(np.array([2**60]), "big")
    {'type': 'big', 'shape': [1], 'data': ['1152921504606846976']}
    """
    shape = list(array.shape)
    if kind == "big":
        return {"type": "big", "shape": shape, "data": [str(int(v)) for v in array.ravel()]}
    stored = _stored(array, kind)
    raw = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<"))
    data = b64encode(raw.tobytes()).decode("ascii")
    return {"type": stored.dtype.str[1:], "shape": shape, "data": data}


def _stored(array: Array, kind: str) -> Array:
    """Return the array in the smallest type that holds every number of it."""
    if kind == "complex":
        return array.astype(np.complex128)
    if array.dtype.kind in "iu":
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
        for small in _SMALL:
            limits = np.iinfo(small)
            if limits.min <= low and high <= limits.max:
                return array.astype(small)
        return array.astype(np.float64)
    if array.dtype == object:
        return _stored(array.astype(np.int64), kind)
    with np.errstate(over="ignore"):
        return array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32)
