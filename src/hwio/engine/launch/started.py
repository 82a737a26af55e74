"""A launch as one built-in function: nothing of Python runs between a call and its kernel.

A kernel leaves its own data in the caches where the interpreter's was. Whatever Python does before
the next launch then waits for memory: some ten microseconds for an array's address, as much for a new
array, hundreds for all of ``hwio.conv``. So the function here, made like those of ``kernels.tiny``,
compares x with what it was made for, asks NumPy's C interface for y (on the memory of the last large
y, if nobody refers to that any more), writes addresses into the fields,
lets go of the interpreter lock and runs the pool. It returns None, and has done nothing, where x
differs, where another thread is here, or where the pool has been closed: the caller then takes the
long way. Its code is in ``started_ir``.
"""

from __future__ import annotations

import ctypes
import os
import threading
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine.builtin import array_functions, builtin, builtins_serve
from hwio.engine.fields import AT, PACKING_FIELDS
from hwio.engine.jit import compile_ir, load
from hwio.engine.launch.edges import edges_first
from hwio.engine.launch.started_ir import (
    AXES,
    BEHIND,
    DESCR,
    FLAGS,
    HEAD,
    KEPT,
    LINE,
    MOST_AXES,
    TYPE,
    started_ir,
)
from hwio.engine.launch.task import RowTask, Task
from hwio.engine.pack import Weights, address
from hwio.engine.scratch import take
from hwio.engine.threads import HERE, pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.engine.threads import Pool
    from hwio.types import Array

MOST_SCRATCH = 1 << 20  # words
_LOCK = threading.RLock()
if hasattr(os, "register_at_fork"):  # as in jit, and before its lock
    os.register_at_fork(
        before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release
    )
NEW_FROM_DESCR, SET_BASE = 94, 282  # places in NumPy's table of C functions
# the dtype objects that arrays of native order have
_DTYPES = {np.dtype(kind): np.dtype(kind) for kind in ("f4", "f8")}


def started(
    task: Task,
    x_shape: tuple[int, ...],
    y_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    weights: Weights | None = None,
    dy_shape: tuple[int, ...] = (),
    kept: str = "y",
) -> Callable[..., Array | None] | None:
    """Return the function of x, of (x, w, b) or of (x, dy); None where there is none.

    Parameters
    ----------
    task : Task
    x_shape, y_shape : tuple of int
        Of x (n, *in, c) and of what is made, y (n, *out, o) or dw; both contiguous.
    dtype : numpy.dtype
        Of both.
    weights : Weights, optional
        How w and b are packed at each call. Of them nothing is compared: they must lie in memory as
        those did that the caller has seen.
    dy_shape : tuple of int, optional
        Of dy (n, *out, o), contiguous, where dw is made.
    kept : str, optional
        Where memory of the last result is kept, a key of ``KEPT``: results that live at the same time
        had better not share one.
    """
    functions, workers = _functions(), pool()
    if functions is None or len(x_shape) > MOST_AXES or dtype not in _DTYPES or HERE.alone:
        return None
    launch, fields = task.known(workers)
    first = edges_first(task.geometry, dtype) if isinstance(task, RowTask) else None
    scratch = workers.threads * launch.scratch  # and behind it what is done with x beforehand
    if not _reserve(workers, scratch + (-(-first.bytes // 8) if first else 0)):
        return None
    flags = np.zeros(max(1, task.flags), np.int64)
    words = {
        **functions,
        "claim": workers.claim,
        "state": workers.state,
        "run": workers.run_address,
        "kernel": launch.function,
        "tasks": launch.tasks,
        "let_go": int(launch.tasks > 1 or weights is not None),  # packing needs it
        "axes": len(x_shape),
        "y_axes": len(y_shape),
        "descr": id(_DTYPES[dtype]),
        "y_bytes": prod(y_shape) * dtype.itemsize + LINE,
        "kept": KEPT[kept],
        "flags": address(flags),
        "flag_count": task.flags,
        **{f"x{n}": size for n, size in enumerate(x_shape)},
        **{f"y{n}": size for n, size in enumerate(y_shape)},
        **{f"dy{n}": size for n, size in enumerate(dy_shape)},
    }
    if first is not None:
        words |= {
            "first": first.function,
            "first_tasks": first.tasks,
            "first_fields": address(first.fields),
            "first_at": 8 * scratch,
            "let_go": 1,
        }
    packing = np.zeros(len(PACKING_FIELDS), np.int64)
    if weights is not None:
        words |= {"bias": address(weights.bias), "bias_bytes": weights.bias_bytes}
        if weights.packing is not None:
            packing = weights.packing.fields
            if weights.packing.watch:
                packing[weights.packing.watch] = address(flags)
            words |= {
                "pack": weights.packing.function,
                "pack_tasks": weights.packing.tasks,
                "packed_bytes": weights.packing.bytes + LINE,
            }
    words["packing"] = address(packing)
    head = np.concatenate([np.array([words.get(name, 0) for name in HEAD], np.int64), fields])
    if task.flags:
        head[(BEHIND + AT["flags"]) // 8] = address(flags)
    keeps = (task, flags, workers, packing, weights, first)
    form = "plain" if weights else "back" if dy_shape else "x"
    return builtin(_entry(form), "start", head, keeps)


def in_turn(
    first: Callable[..., Array | None] | None, last: Callable[[Array], Array | None] | None
) -> Callable[..., Array | None] | None:
    """Return the function that hands on what the first makes to the last; None where one is missing."""
    if first is None or last is None:
        return None

    def call(*arrays: Array | None) -> Array | None:
        part = first(*arrays)
        return None if part is None else last(part)

    return call


def _reserve(workers: Pool, words: int) -> bool:
    """Have the pool's scratch memory hold so many 64-bit words; tell whether it does."""
    if words > MOST_SCRATCH:
        return False
    with _LOCK:
        held = workers.reserved
        if words > held:
            # what an earlier call gave back, as a rule; grown by steps, so that few are kept
            workers.use_scratch(take(max(words, held + held // 2)))
    return True


@lru_cache(maxsize=3)
def _entry(form: str) -> int:
    name = f"start_{form}"
    with _LOCK:
        return load(compile_ir(started_ir(name, form)), name)


@lru_cache(maxsize=1)
def _functions() -> dict[str, int] | None:
    """Return addresses of CPython and NumPy, or None where they are not what the code expects."""
    table = array_functions() if builtins_serve() else None
    if table is None or not _arrays_serve():
        return None

    def address_in(name: str) -> int:
        return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0

    return {
        "type": id(np.ndarray),
        "bytes_descr": id(np.dtype("u1")),
        "none": id(None),
        "new": table[NEW_FROM_DESCR],
        "set_base": table[SET_BASE],
        "refer": address_in("Py_IncRef"),
        "drop": address_in("Py_DecRef"),
        "save": address_in("PyEval_SaveThread"),
        "restore": address_in("PyEval_RestoreThread"),
    }


def _arrays_serve() -> bool:
    """Tell whether an array object keeps what is read of it where it is looked for."""
    probe = np.zeros((5, 3), np.float32)

    def word(offset: int, kind: Any) -> int:
        found: int = kind.from_address(id(probe) + offset).value
        return found

    return (
        word(TYPE, ctypes.c_int64) == id(np.ndarray)
        and word(AXES, ctypes.c_int32) == 2
        and word(DESCR, ctypes.c_int64) == id(np.dtype("f4"))
        and word(FLAGS, ctypes.c_int32) == probe.flags.num
    )
