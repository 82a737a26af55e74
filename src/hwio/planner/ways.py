"""Every way by name: the readable ones, and the compiled ones where the engine serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from hwio.engine import refusal
from hwio.engine.registry import KERNELS
from hwio.methods import METHODS

if TYPE_CHECKING:
    from hwio.engine.registry import Kernel
    from hwio.methods import Method


ALL_WAYS: dict[str, Method | Kernel] = {**METHODS, **KERNELS}


def label(name: str) -> str:
    """Name a way in tables; those that are compiled say so.

    Examples
    --------
    >>> label("im2col"), label("direct")
    ('im2col', 'direct (compiled)')
    """
    return f"{name} (compiled)" if name in KERNELS else name


def ways() -> Mapping[str, Method | Kernel]:
    """Return all ways that can run in this process, readable ones first."""
    return dict(METHODS) if refusal() else ALL_WAYS
