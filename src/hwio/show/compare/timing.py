"""Time several calls side by side, fairly.

A run calls one contender ``loops`` times and divides; loops grow until a run is long enough for the
clock, as ``%timeit`` does. The runs of all contenders are interleaved, in a new order each round, so
that whatever slows the machine down for a while slows down all of them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from time import perf_counter
from typing import Any

import numpy as np

Call = Callable[[], Any]
Clock = Callable[[], float]

FEWEST_RUNS = 3  # of a slow contender; fewer give no idea of the spread
MOST_LOOPS = 10**9


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for one call, over the runs.

    Attributes
    ----------
    mean, std, median : float
        Over the runs; std is that of the runs themselves, as in ``%timeit``.
    runs, loops : int
        Calls in all: runs times loops.
    """

    mean: float
    std: float
    median: float
    runs: int
    loops: int


def measure(
    calls: Sequence[Call],
    *,
    runs: int = 7,
    seconds: float = 0.02,
    loops: int | None = None,
    budget: float = 2.0,
    clock: Clock = perf_counter,
    tick: Callable[[int], None] | None = None,
) -> list[Timing]:
    """Time calls in interleaved runs.

    Parameters
    ----------
    calls : sequence of callables
        Called before, so that nothing is done for the first time here.
    runs : int
        Of each call.
    seconds : float
        A run lasts at least this long.
    loops : int, optional
        Calls in a run; by default as many as fill ``seconds``.
    budget : float
        Seconds that the runs of one call should take in all; slow ones get fewer runs, at least 3.
    clock : callable
        Returns seconds.
    tick : callable, optional
        Called with the position of the contender after each run.

    Returns
    -------
    list of Timing
        In the order of calls.
    """
    sizes, counts = [], []
    for call in calls:
        size, spent = (loops, 0.0) if loops else fill(call, seconds, clock)
        sizes.append(size)
        affordable = int(budget / spent) if spent > 0 else runs
        counts.append(min(runs, max(FEWEST_RUNS, affordable)))
    found: list[list[float]] = [[] for _ in calls]
    shuffle = np.random.default_rng(0).permutation
    for turn in range(runs):
        for i in shuffle(len(calls)):
            if turn < counts[i]:
                found[i].append(time_run(calls[i], sizes[i], clock) / sizes[i])
                if tick is not None:
                    tick(int(i))
    return [summarise(each, size) for each, size in zip(found, sizes, strict=True)]


def fill(call: Call, seconds: float, clock: Clock = perf_counter) -> tuple[int, float]:
    """Find the loops that make a run last ``seconds``: 1, 2, 5, 10, 20, 50, ...

    Returns
    -------
    pair of int and float
        The loops, and the seconds that they took.
    """
    loops = 1
    while True:
        spent = time_run(call, loops, clock)
        if spent >= seconds or loops >= MOST_LOOPS:
            return loops, spent
        # a first run can be too short for the clock, so never leap by more than ten
        need = loops * min(seconds / spent if spent > 0 else 10.0, 10.0)
        while loops < need:
            loops = _next(loops)


def _next(loops: int) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50, ...

    Examples
    --------
    >>> [_next(loops) for loops in (1, 2, 5, 10, 200)]
    [2, 5, 10, 20, 500]
    """
    return loops * 5 // 2 if str(loops)[0] == "2" else loops * 2


def time_run(call: Call, loops: int, clock: Clock = perf_counter) -> float:
    """Return the seconds that so many calls take, garbage collection held off."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        start = clock()
        for _ in repeat(None, loops):
            call()
        return clock() - start
    finally:
        if collecting:
            gc.enable()


def summarise(each: Sequence[float], loops: int) -> Timing:
    """Summarise the seconds per call of every run.

    Examples
    --------
    >>> summarise([1.0, 2.0, 6.0], 10)
    Timing(mean=3.0, std=2.160..., median=2.0, runs=3, loops=10)
    """
    mean, std, median = (float(f(each)) for f in (np.mean, np.std, np.median))
    return Timing(mean, std, median, len(each), loops)
