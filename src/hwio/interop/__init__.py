"""hwio inside other libraries: each file imports the one it is named after, when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

BRIDGES = ("dask", "jax", "keras", "onnx", "torch")


def __getattr__(name: str) -> Any:
    """Load a bridge on first use."""
    if name not in BRIDGES:
        message = f"module 'hwio.interop' has no attribute {name!r}"
        raise AttributeError(message)
    return import_module(f"hwio.interop.{name}")


def __dir__() -> list[str]:
    """List the bridges."""
    return list(BRIDGES)
