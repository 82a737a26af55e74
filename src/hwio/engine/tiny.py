"""Tiny convolutions: which are small enough to be unrolled, and how they are called.

An unrolled function costs some 20 ms to compile and about a microsecond to call, where a launch of
the direct kernel costs 30. Both add in the same order, so which of them ran shows in no bit. A
process unrolls ``MOST`` shapes at most; the rest are launched.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hwio.engine.builtin import builtin, builtins_serve
from hwio.engine.cpu import processor
from hwio.engine.jit import compile_ir, load

if TYPE_CHECKING:
    from hwio.engine.kernels.tiny import Shape
    from hwio.shapes.geometry import Geometry

MOST = 128  # shapes that one process unrolls
Entry = Callable[..., Any]
_ENTRIES: dict[Any, Entry] = {}
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):  # as in jit, and before its lock
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )


def entry_of(
    geo: Geometry, kind: str, bias: bool, clip: tuple[float | None, float | None] | None
) -> Entry | None:
    """Return the unrolled function of a small geometry, or None where MOST are made already.

    It takes the arrays x (n, *in, c), w, b or None, and y (n, *out, o), all contiguous, and returns
    y; the number of images is y's first size.
    """
    from hwio.engine.kernels.tiny import emit

    shape = _shape_of(geo, kind, bias, clip)
    found = _ENTRIES.get(shape)
    if found is None and builtins_serve():
        with _LOCK:
            if len(_ENTRIES) >= MOST or shape in _ENTRIES:
                return _ENTRIES.get(shape)
            symbol = f"tiny_{len(_ENTRIES)}"
            found = builtin(load(compile_ir(emit(shape, symbol)), symbol), symbol)
            _ENTRIES[shape] = found
    return found


def _shape_of(
    geo: Geometry, kind: str, bias: bool, clip: tuple[float | None, float | None] | None
) -> Shape:
    """Return the literals of a geometry; one spatial axis counts as a single row."""
    from hwio.engine.kernels.tiny import Shape

    def two(values: tuple[int, ...]) -> tuple[int, int]:
        return (1, values[0]) if len(values) == 1 else (values[0], values[1])

    lanes = processor().vector_bytes // int(kind[1])
    while lanes > 1 and lanes // 2 >= geo.out_channels:
        lanes //= 2
    return Shape(
        kind,
        lanes,
        geo.in_channels,
        geo.out_channels,
        two(geo.in_size),
        two(geo.kernel),
        two(geo.out_size),
        two(geo.step),
        two(geo.tap_step),
        bias,
        clip or (None, None),
    )
