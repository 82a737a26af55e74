"""Packed weights: the order in which a kernel reads them, aligned for its vectors."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from hwio.engine.builtin import address_reader
from hwio.engine.jit import address_of
from hwio.engine.threads import pool
from hwio.engine.tiles import Block

LINE = 64  # bytes of a cache line, and of the widest vector
address = address_reader()  # where an array's numbers begin
_ZEROS = np.zeros(64, np.float64)  # more than a panel has filters


def aligned(shape: tuple[int, ...], dtype: Any, *, zero: bool = False) -> Any:
    """Return an array that starts on a cache line."""
    dtype = np.dtype(dtype)
    raw = (np.zeros if zero else np.empty)(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, raw, -address(raw) % LINE)


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


@dataclass(frozen=True, slots=True)
class Packing:
    """How weights whose rows lie side by side are packed, but for where they lie.

    Attributes
    ----------
    function : int
        Address of the kernel; a task is one panel.
    tasks, bytes : int
    fields : array
        ``fields.PACKING_FIELDS``, without the addresses w and packed; or those of ``kernels/turning``,
        which begin in the same way.
    watch : int
        Place of the field that tells where the kernel notes weights that are not finite; 0 where it
        does not.
    notes : int
        64-bit words that it fills there.
    keeps : object
        What the fields point to.
    """

    function: int
    tasks: int
    bytes: int
    fields: Any
    watch: int = 0
    notes: int = 0
    keeps: Any = None


@dataclass(frozen=True, slots=True)
class First:
    """What the pool does with x before the kernel begins.

    Attributes
    ----------
    function : int
        Address of a kernel.
    tasks : int
    fields : array
        Its fields; the first two are addresses: of x, and of the memory that it fills.
    bytes : int
        Of that memory.
    """

    function: int
    tasks: int
    fields: Any
    bytes: int


@dataclass(frozen=True, slots=True)
class Weights:
    """What a function of (x, w, b) does with w and b at each call.

    Attributes
    ----------
    packing : Packing or None
        None where the kernel reads w as it lies.
    bias : array, shape (1, panels·nr)
        Where b is copied to; its address is among the fields already.
    bias_bytes : int
        Of b; 0 where there is none.
    """

    packing: Packing | None
    bias: Any
    bias_bytes: int


def packing_of(block: Block, groups: int, depth: int, filters: int) -> Packing:
    """Return how w (*kernel, i, groups·filters) of ``depth`` rows is packed for a register block."""
    panels, size = -(-filters // block.nr), block.size
    symbol = f"packing_{block.kind}_{block.lanes}_{block.nrv}"
    function = address_of("packing", symbol, block.kind, block.lanes, block.nrv)
    row = groups * filters * size
    fields = np.array([0, 0, depth, row, filters, panels, address(_ZEROS)], np.int64)
    return Packing(function, groups * panels, groups * panels * depth * block.nr * size, fields)


def _pack_rows(w: Any, packed: Any, filters: int, block: Block) -> None:
    """Pack contiguous weights by a kernel, a task for each panel."""
    groups, _, depth, _ = packed.shape
    how, workers = packing_of(block, groups, depth, filters), pool()
    how.fields[:2] = address(w), address(packed)
    workers.run(workers.state, how.function, address(how.fields), how.tasks)


def pack_channels(w: Any, nr: int, dtype: Any) -> Any:
    """Return depthwise w (*kernel, 1, c) as (panels, taps, nr); the last panel ends in zeros."""
    channels, taps = w.shape[-1], prod(w.shape[:-2])
    panels = -(-channels // nr)
    packed = aligned((panels, taps, nr), dtype)
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
