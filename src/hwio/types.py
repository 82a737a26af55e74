"""Type names shared by all annotations; imported by type checkers only."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Pads = tuple[Pair, ...]
Padding = str | int | tuple[Pair, ...] | list[Pair]
PaddingMode = Literal["zeros", "edge", "reflect", "symmetric", "wrap"]
Activation = Literal["relu", "relu6"] | tuple[float | None, float | None] | None
