"""Which mistakes of the catalogue give a function's numbers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hwio.mistakes import ENTRIES, MISTAKES, Mistake
from hwio.mistakes.cases import CASES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwio.grading.trials import Trial
    from hwio.types import Array

FEW = 3  # more than these for one case alone would say nothing


def named(function: str, trials: Iterable[Trial]) -> tuple[Mistake, ...]:
    """Return the mistakes whose numbers are the function's on every case that was tried."""
    trials = list(trials)
    if all(trial.status in ("passed", "changed") for trial in trials):
        return ()
    # what fails tells most apart, so it comes first
    order = sorted(trials, key=lambda trial: trial.passed)
    return tuple(
        entry
        for entry in _entries(function)
        if all(_fits(entry, function, trial) for trial in order)
    )


def perhaps(function: str, trials: Iterable[Trial]) -> tuple[Mistake, ...]:
    """Return the few mistakes whose numbers are the function's up to its first wrong case."""
    so_far: list[Trial] = []
    for trial in trials:
        so_far.append(trial)
        if not trial.passed:
            break
    found = named(function, so_far) if so_far[-1].status in ("values", "shape") else ()
    return found if len(found) <= FEW else ()


def _entries(function: str) -> list[Mistake]:
    """Return the mistakes that can be made in a function."""
    wanted = "conv_forward" if function == "conv" else function
    return [entry for entry in ENTRIES if entry.function == wanted]


def _fits(entry: Mistake, function: str, trial: Trial) -> bool:
    """Tell whether a slip gives what the function gave."""
    index = CASES[function].index(trial.case)
    return alike(trial.outcome, _predicted(entry.key, function, index))


@cache
def _predicted(key: str, function: str, index: int) -> tuple[Array, ...] | str:
    """Return what a slip makes of a case."""
    return MISTAKES[key].numbers(CASES[function][index].layer)


def alike(got: tuple[Array, ...] | str | None, predicted: tuple[Array, ...] | str) -> bool:
    """Tell whether two outcomes are the same, roundings apart.

    Examples
    --------
    >>> alike("ValueError", "ValueError"), alike((np.ones(2),), (np.ones(3),))
    (True, False)
    """
    if got is None or isinstance(got, str) or isinstance(predicted, str):
        return isinstance(got, str) and got == predicted
    return len(got) == len(predicted) and all(
        a.shape == b.shape and _close(a, b) for a, b in zip(got, predicted, strict=True)
    )


def _close(one: Array, other: Array) -> bool:
    """Compare arrays as exactly as the coarser dtype allows."""
    coarse = one.dtype.kind == "f" and one.dtype.itemsize < 8
    near = 1e-4 if coarse else 1e-9
    size = max(1.0, float(np.max(np.abs(other), initial=0.0, where=np.isfinite(other))))
    return bool(np.allclose(one, other, rtol=0, atol=near * size, equal_nan=True))
