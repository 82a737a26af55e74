"""Time contenders in turn: shuffled rounds, medians, ratios. Shared by the scripts beside it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median

Contenders = dict[str, Callable[[], object]]


def seconds(contenders: Contenders, rounds: int = 15, least: float = 0.01) -> dict[str, float]:
    """Return the median seconds of one call of each contender.

    Each is called until ``least`` seconds are full to find its number of loops, then all run in
    every round, in another order each time, so that a slow moment of the machine meets all alike.
    """
    loops = {name: _loops(call, least) for name, call in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    for _ in range(rounds):
        random.shuffle(order)
        for name in order:
            call, count = contenders[name], loops[name]
            call()  # what ran before may have left the caches cold and its threads spinning
            start = time.perf_counter()
            for _ in range(count):
                call()
            times[name].append((time.perf_counter() - start) / count)
    return {name: median(found) for name, found in times.items()}


def _loops(call: Callable[[], object], least: float) -> int:
    call()
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        if time.perf_counter() - start >= least or count >= 100_000:
            return count
        count *= 4
