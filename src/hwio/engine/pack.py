"""Packed weights: the order in which a kernel reads them, aligned for its vectors."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from hwio.engine.jit import address_of
from hwio.engine.threads import pool
from hwio.engine.tiles import Block

LINE = 64  # bytes of a cache line, and of the widest vector


def aligned(shape: tuple[int, ...], dtype: Any, *, zero: bool = False) -> Any:
    """Return an array that starts on a cache line."""
    dtype = np.dtype(dtype)
    raw = (np.zeros if zero else np.empty)(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, raw, -address(raw) % LINE)


def address(array: Any) -> int:
    """Return where an array's numbers begin; the shortest way that Python has."""
    begin: int = array.__array_interface__["data"][0]
    return begin


def pack_panels(w: Any, groups: int, block: Block, dtype: Any) -> Any:
    """Return w (*kernel, i, o) as (groups, panels, taps·i, nr); a short last panel ends in zeros."""
    nr = block.nr
    filters = w.shape[-1] // groups
    depth = prod(w.shape[:-1])
    panels = max(1, -(-filters // nr))
    packed = aligned((groups, panels, depth, nr), dtype, zero=filters % nr != 0)
    if w.flags.c_contiguous and w.dtype == dtype and packed.size:
        _pack_rows(w, packed, filters, block)
        return packed
    # axes are split and never joined, so that these are views: nothing but the panels is copied
    panel_first = packed.reshape(groups, panels, *w.shape[:-1], nr)
    columns = np.moveaxis(w.reshape(*w.shape[:-1], groups, filters), -2, 0)  # (g, *kernel, i, o)
    for panel in range(panels):
        part = columns[..., panel * nr : (panel + 1) * nr]
        panel_first[:, panel, ..., : part.shape[-1]] = part
    return packed


def _pack_rows(w: Any, packed: Any, filters: int, block: Block) -> None:
    """Pack contiguous weights by a kernel, a task for each panel."""
    groups, panels, depth, _ = packed.shape
    row = groups * filters * w.itemsize
    fields = np.array([w.ctypes.data, packed.ctypes.data, depth, row, filters, panels], np.int64)
    symbol = f"packing_{block.kind}_{block.lanes}_{block.nrv}"
    kernel = address_of("packing", symbol, block.kind, block.lanes, block.nrv)
    workers = pool()
    workers.run(workers.state, kernel, fields.ctypes.data, groups * panels)


def pack_channels(w: Any, nr: int, dtype: Any) -> Any:
    """Return depthwise w (*kernel, 1, c) as (panels, taps, nr); the last panel ends in zeros."""
    channels, taps = w.shape[-1], prod(w.shape[:-2])
    panels = -(-channels // nr)
    packed = aligned((panels, taps, nr), dtype, zero=True)
    rows = np.zeros((taps, panels * nr), dtype)
    rows[:, :channels] = w.reshape(taps, channels)
    packed[...] = rows.reshape(taps, panels, nr).transpose(1, 0, 2)
    return packed


def pack_bias(b: Any, groups: int, filters: int, panels: int, nr: int, dtype: Any) -> Any:
    """Return the bias of each panel, zeros where there is none."""
    packed = aligned((groups, panels * nr), dtype, zero=True)
    if b is not None:
        packed[:, :filters] = b.reshape(groups, filters)
    return packed
