"""Arrays that are computed later: which bridge ``conv`` hands them to."""

from __future__ import annotations

from importlib import import_module
from typing import Any

# Start of the module in which such arrays are defined -> the bridge. It stands above this floor, so
# it is named here, loaded when one of its arrays comes, and imported nowhere.
LAZY = {"dask.array": "hwio.interop.dask"}


def lazy_bridge(*arrays: Any) -> Any:
    """Return the bridge that serves one of these arrays, None where all are here.

    Examples
    --------
    >>> lazy_bridge([1.0], None) is None
    True
    """
    for array in arrays:
        name = bridge_name(array)
        if name is not None:
            return import_module(name)
    return None


def bridge_name(array: Any) -> str | None:
    """Return the name of the bridge for an array that is computed later."""
    module = type(array).__module__
    return next((bridge for start, bridge in LAZY.items() if module.startswith(start)), None)
