"""The pool: Python threads that went into compiled code and stay there.

* Several Python threads at once: the first gets the pool, the others do their own tasks alone.
* fork: the child starts without workers and makes new ones on first use.
* A task's result never depends on who runs it, so the number of threads never changes a bit.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np

from hwio.engine.jit import address_of, caller
from hwio.engine.processors import available
from hwio.shapes.counts import check_int

SPINS = 10_000  # about half a millisecond of waiting before a worker sleeps
MOST = 1024  # threads that a variable may ask for
_SYSTEM = 768  # where the compiled half finds libc's syscall and the number of futex
_CLAIM, _BYTES = 1024, 1152  # behind what the compiled half uses
_CLOSED, _SCRATCH, _KEPT = 1, 2, (3, 4, 5)  # words behind the claim
_FUTEX = {"x86_64": 202, "AMD64": 202, "aarch64": 98}


class Pool:
    """Workers and the memory through which they are told what to do."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.run_address = address_of("pool", "pool_run")
        self.run = caller(self.run_address, 4)
        self._block = np.zeros((_BYTES + 128) // 8, np.int64)
        self.state = -(-self._block.ctypes.data // 128) * 128
        # words for launch/started.py: 1 while a call is inside, 1 once closed, the address of scratch
        # memory, the arrays that were made for the last large y, dw and part of a dx
        self.claim = self.state + _CLAIM
        self._claimed = self._block[(self.claim - self._block.ctypes.data) // 8 :]
        self.scratch: list[np.ndarray[Any, Any]] = []
        self.reserved = 0  # words that started launches may use of the last one
        self._workers: list[threading.Thread] = []
        if not self._tell_futex() or threads == 1:  # workers that can't sleep would burn a core
            self.threads, self.state = 1, 0
            return
        self._close = caller(address_of("pool", "pool_close"), 1)
        self._work = caller(address_of("pool", "pool_work"), 3)
        try:
            self._start_workers()
        except (
            BaseException
        ):  # those that run are sent home, and hold the memory until they have gone
            self._close(self.state)
            raise
        if self.threads == 1:
            self.state = 0

    def _start_workers(self) -> None:
        """Start as many as are wanted, or as may be."""
        for number in range(1, self.threads):
            worker = threading.Thread(
                target=self._serve, args=(number,), name=f"hwio-{number}", daemon=True
            )
            try:
                worker.start()
            except RuntimeError:  # a container that allows no more threads
                self.threads = number
                return
            self._workers.append(worker)

    def _serve(self, number: int) -> None:
        """Be a worker. The thread refers to the pool, and so to the memory that it reads."""
        self._work(self.state, number, SPINS)

    def use_scratch(self, buffer: np.ndarray[Any, Any]) -> None:
        """Give started launches another scratch memory.

        A call that runs meanwhile goes on with the one it has, so all are kept.
        """
        self.scratch.append(buffer)
        self._claimed[_SCRATCH] = buffer.ctypes.data
        self.reserved = len(buffer)  # last: a signal's handler may raise between any two lines

    def close(self) -> None:
        """Send the workers home and wait until they have gone."""
        self.retire()
        if self._workers:
            self._close(self.state)
            for worker in self._workers:
                worker.join()
            self._workers = []

    def retire(self) -> None:
        """Let no started launch use this pool any more, and let go of the memory kept for results."""
        self._claimed[_CLOSED] = 1
        if self._claimed[0] != 0:  # a call is inside, and drops it at its end
            return
        for word in _KEPT:
            kept, self._claimed[word] = int(self._claimed[word]), 0
            ctypes.pythonapi.Py_DecRef(ctypes.c_void_p(kept))

    def _tell_futex(self) -> bool:
        """Write the address of libc's syscall where the compiled half looks for it, if there is one."""
        number = _FUTEX.get(os.uname().machine, 0) if sys.platform == "linux" else 0
        if number:
            call = ctypes.cast(ctypes.CDLL(None).syscall, ctypes.c_void_p).value or 0
            at = (self.state - self._block.ctypes.data + _SYSTEM) // 8
            self._block[at : at + 2] = call, number
        return number != 0


def _at_exit() -> None:
    """Let no worker run on while the interpreter takes its memory away."""
    if _Shared.pool is not None:
        _Shared.pool.close()


atexit.register(_at_exit)


class _Shared:
    """The one pool of the process, and how many threads were asked for."""

    pool: Pool | None = None
    wanted: int | None = None
    lock = threading.Lock()


class _Here(threading.local):
    """What holds for the Python thread that asks."""

    alone = False


HERE = _Here()


@contextmanager
def alone() -> Iterator[None]:
    """Let this Python thread compute without the pool, for callers that fill all processors themselves.

    Examples
    --------
    >>> with alone():
    ...     get_num_threads()
    1
    """
    before, HERE.alone = HERE.alone, True
    try:
        yield
    finally:
        HERE.alone = before


@lru_cache(maxsize=1)
def _single() -> Pool:
    """Return a pool without workers."""
    return Pool(1)


def pool() -> Pool:
    """Return the pool, made on first use and after a fork."""
    if HERE.alone:
        return _single()
    found = _Shared.pool
    if found is None:
        with _Shared.lock:
            found = _Shared.pool
            if found is None:
                found = _Shared.pool = Pool(get_num_threads())
    return found


def _forget() -> None:
    """Start over in a forked child: its parent's workers did not come along."""
    if _Shared.pool is not None:
        _Shared.pool.retire()
    _Shared.pool, _Shared.lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def get_num_threads() -> int:
    """Return how many threads a call may use."""
    return 1 if HERE.alone else _Shared.wanted or _default_threads()


@lru_cache(maxsize=1)
def _default_threads() -> int:
    """Return HWIO_NUM_THREADS, or the processors that may be used, at most OMP_NUM_THREADS of them.

    joblib, Dask and batch systems set OMP_NUM_THREADS for their workers, so that work within work
    does not ask for more threads than there are processors.
    """
    most = available()
    for name, limit in (("HWIO_NUM_THREADS", MOST), ("OMP_NUM_THREADS", most)):
        text = os.environ.get(name, "").strip()
        if not text:
            continue
        try:
            # OpenMP's form for nested teams is "4,2": the outer team comes first
            return max(1, min(int(text.split(",")[0]), limit))
        except ValueError:
            if name == "HWIO_NUM_THREADS":
                warnings.warn(f"{name}={text!r} is not a number; using {most}", stacklevel=2)
                return most
    return most


def set_num_threads(threads: int) -> None:
    """Set how many threads a call may use, the calling one among them.

    Parameters
    ----------
    threads : int
        At least 1; more than the processors this process may use is allowed, and slow.
    """
    threads = check_int(threads, "threads", 1, fix="threads=2")
    with _Shared.lock:
        old, _Shared.pool, _Shared.wanted = _Shared.pool, None, threads
    if old is not None:
        old.close()  # its workers finish what they hold, then go
