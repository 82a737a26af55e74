"""How a time is taken.

* Before each contender the process sleeps 60 ms, so that threads of the one before, which may wait
  in a loop for more work, have gone to sleep; then comes one call that is not timed, unless a call
  takes so long that waking up is nothing beside it.
* All contenders run in every round, each round in another order: a slow moment meets all alike.
* A time is that of as many calls as fill ``least`` seconds, divided by their number.
* A contender that takes long runs in fewer rounds, but in 3 at least.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_LOOPS = 100_000
WARM = 0.2  # seconds of a call for which waking up no longer matters


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the protocol."""

    rounds: int = 7
    least: float = 0.01
    drain: float = 0.06
    budget: float = 4.0  # seconds for one contender's timed calls, while 3 rounds are done


def measure(
    calls: dict[str, Callable[[], Any]],
    rules: Rules,
    order: random.Random,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return seconds per call of each contender, one number per round."""
    loops, rounds, warm = {}, {}, {}
    for name, call in calls.items():
        sleep(rules.drain)
        loops[name], once = _loops(call, rules.least, clock)
        warm[name] = once < WARM
        most = int(rules.budget / max((1 + warm[name]) * once, rules.least))
        rounds[name] = min(rules.rounds, max(3, most))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rules.rounds):
        turn = [name for name in calls if number < rounds[name]]
        order.shuffle(turn)
        for name in turn:
            sleep(rules.drain)
            times[name].append(_seconds(calls[name], loops[name], clock, warm=warm[name]))
    return times


def _seconds(call: Callable[[], Any], loops: int, clock: Callable[[], float], warm: bool) -> float:
    if warm:
        call()  # after the sleep its threads and caches are cold
    start = clock()
    for _ in range(loops):
        call()
    return (clock() - start) / loops


def _loops(call: Callable[[], Any], least: float, clock: Callable[[], float]) -> tuple[int, float]:
    """Return how many calls fill ``least`` seconds, and the seconds of one."""
    call()
    loops = 1
    while True:
        start = clock()
        for _ in range(loops):
            call()
        spent = clock() - start
        if spent >= least or loops >= MOST_LOOPS:
            return loops, spent / loops
        loops *= 2 if spent > least / 4 else 4
