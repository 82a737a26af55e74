"""Messages between hwio and the process that runs a learner's function: JSON and raw numbers.

A message is a length, a JSON header, and the bytes of its arrays one after the other. Nothing in it can
be executed, and what is too large, or not made of numbers, is refused before it is read.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hwio.types import Array

MOST_HEADER = 1 << 20
MOST_BYTES = 64 << 20  # of arrays in one message: a thousand times what the cases need
_NUMBERS = re.compile(r"[<>|=]?[biufc]\d{1,2}")
_LENGTH = struct.Struct("<Q")
_MOST_BITS = 1024  # of a whole number: what float64 can still reach
_DEEPEST = 4  # levels of tuples, lists and dicts that are told


@dataclass(frozen=True, slots=True)
class Other:
    """What is no number, array, text, tuple, list or dict: its type, and how it shows itself."""

    kind: str
    shows: str


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write one message."""
    arrays: list[Array] = []
    body = pack(message, arrays)
    kinds = [{"dtype": a.dtype.str, "shape": a.shape} for a in arrays]
    header = json.dumps({"body": body, "arrays": kinds}).encode()
    if len(header) > MOST_HEADER:  # lists of lists of numbers, say
        nested = {k: v for k, v in message.items() if isinstance(v, tuple | list | dict)}
        large = {k: Other(f"{type(v).__name__}, far too large", "") for k, v in nested.items()}
        return send(stream, message | large)
    stream.write(_LENGTH.pack(len(header)) + header)
    for array in arrays:
        stream.write(array.tobytes())
    return stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """Read one message; None at the end, or where what comes is none.

    Examples
    --------
    >>> import io
    >>> pipe = io.BytesIO()
    >>> send(pipe, {"Z": np.arange(3), "cache": (1.5, None)})
    >>> _ = pipe.seek(0)
    >>> receive(pipe)
    {'Z': array([0, 1, 2]), 'cache': (1.5, None)}
    """
    size = _exactly(stream, _LENGTH.size)
    if size is None or _LENGTH.unpack(size)[0] > MOST_HEADER:
        return None
    head = _exactly(stream, _LENGTH.unpack(size)[0])
    if head is None:
        return None
    try:
        header = json.loads(head)
        arrays = [_read_array(stream, kind) for kind in header["arrays"]]
        message = unpack(header["body"], arrays)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _read_array(stream: IO[bytes], kind: dict[str, Any]) -> Array:
    """Read the bytes of one array."""
    if not _NUMBERS.fullmatch(kind["dtype"]):
        raise ValueError
    dtype, shape = np.dtype(kind["dtype"]), tuple(int(n) for n in kind["shape"])
    count = int(np.prod(shape, dtype=object))
    if count < 0 or count * dtype.itemsize > MOST_BYTES:
        raise ValueError
    held = _exactly(stream, count * dtype.itemsize)
    if held is None:
        raise ValueError
    return np.frombuffer(held, dtype).reshape(shape).copy()


def _exactly(stream: IO[bytes], count: int) -> bytes | None:
    """Read so many bytes, or None where fewer come."""
    parts, left = [], count
    while left:
        part = stream.read(left)
        if not part:
            return None
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def pack(value: Any, arrays: list[Array], depth: int = 0) -> Any:
    """Turn a value into JSON, with its arrays put aside."""
    if value is None or isinstance(value, bool | str):
        return value if not isinstance(value, str) else {"text": value[:20_000]}
    if isinstance(value, Other):
        return {"other": value.kind, "shows": value.shows}
    if type(value) is int and value.bit_length() > _MOST_BITS:
        return {"other": "int, far too large", "shows": ""}
    if isinstance(value, int | float) and type(value) in (int, float):
        return {"number": float(value).hex() if isinstance(value, float) else str(value)}
    if isinstance(value, np.ndarray | np.generic):
        return _pack_array(np.asarray(value), arrays)
    if type(value) in (tuple, list, dict) and depth < _DEEPEST and len(value) <= 1000:
        if isinstance(value, dict):
            pairs = [[str(k), pack(v, arrays, depth + 1)] for k, v in value.items()]
            return {"dict": pairs}
        return {type(value).__name__: [pack(v, arrays, depth + 1) for v in value]}
    return {"other": type(value).__name__, "shows": shown(value)}


def _pack_array(array: Array, arrays: list[Array]) -> Any:
    """Put an array of numbers aside; say of any other what it is."""
    if not _NUMBERS.fullmatch(array.dtype.str):
        return {"other": f"array of dtype {array.dtype}, which holds no numbers", "shows": ""}
    if sum(a.nbytes for a in arrays) + array.nbytes > MOST_BYTES:
        return pack(too_large(array), arrays)
    arrays.append(array)
    return {"array": len(arrays) - 1}


def too_large(array: Array) -> Other:
    """Say of an array that it is far larger than any right result."""
    return Other(f"array of shape {array.shape}, far too large", "")


def unpack(body: Any, arrays: list[Array]) -> Any:
    """Turn JSON back into a value."""
    if body is None or isinstance(body, bool):
        return body
    (kind, held), *more = body.items()
    if kind == "text":
        return held
    if kind == "number":
        return (
            float.fromhex(held) if "x" in held or held.strip("-") in ("inf", "nan") else int(held)
        )
    if kind == "array":
        return arrays[held]
    if kind == "dict":
        return {key: unpack(entry, arrays) for key, entry in held}
    if kind in ("tuple", "list"):
        entries = [unpack(entry, arrays) for entry in held]
        return tuple(entries) if kind == "tuple" else entries
    return Other(held, more[0][1] if more else "")


def shown(value: Any) -> str:
    """Write a value in one short line; a repr may raise anything."""
    try:
        text = " ".join(repr(value).split())
    except BaseException:  # noqa: BLE001 - it is a learner's
        return ""
    return text if len(text) <= 80 else f"{text[:77]}..."
