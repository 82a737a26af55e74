"""Scratch memory that calls hand on: pages that were touched once need not be asked for again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.engine.pack import aligned

if TYPE_CHECKING:
    from hwio.types import Array

KEPT = 2  # buffers that no call is using
LARGEST = 2 << 20  # words of a buffer that is worth keeping
_FREE: list[Array] = []  # pop and append are one step each, so two threads never get the same


def take(words: int) -> Array:
    """Return an array of at least so many 64-bit words, of any content; ``give`` it back."""
    try:
        buffer = _FREE.pop()
    except IndexError:
        buffer = None
    if buffer is None or len(buffer) < words:
        made: Array = aligned((words,), "i8")
        return made
    return buffer


def give(buffer: Array) -> None:
    """Let later calls use a buffer."""
    if len(buffer) <= LARGEST and len(_FREE) < KEPT:
        _FREE.append(buffer)
