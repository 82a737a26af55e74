"""Call each contender untimed: for its result, held against the reference, and for its memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from hwio.engine.registry import KERNELS
from hwio.errors import HwioError
from hwio.show.compare.findings import Row
from hwio.show.compare.peak import peak_bytes

if TYPE_CHECKING:
    from hwio.show.compare.contenders import Contender
    from hwio.show.compare.findings import Skipped
    from hwio.show.compare.timing import Timing
    from hwio.show.compare.verdict import Reference


@dataclass(frozen=True, slots=True)
class Tried:
    """What the untimed calls of one contender told."""

    contender: Contender
    error: float
    bound: str
    peak: int


def try_each(
    field: list[Contender], reference: Reference, limit: float, step: Callable[[str], None]
) -> tuple[list[Tried], list[Skipped]]:
    """Call each once for its result and once for its memory; drop those that fail or take long."""
    tried: list[Tried] = []
    skipped: list[Skipped] = []
    for one in field:
        step(one.label)
        start = perf_counter()
        try:
            y = one.call()
        except (HwioError, MemoryError) as error:
            skipped.append(one.skipped(str(error).partition("\n")[0] or "not enough memory"))
            continue
        spent = perf_counter() - start
        if spent > limit and one.method in KERNELS:  # the first call of a kernel may compile it
            start = perf_counter()
            y = one.call()
            spent = perf_counter() - start
        if spent > limit:
            skipped.append(one.skipped(f"one call took {spent:,.1f} s, over limit={limit:g}"))
            continue
        error_in_bounds = reference.units(one.canonical(y), one.bound)
        del y
        bound = "exact" if reference.exact else one.bound
        tried.append(Tried(one, error_in_bounds, bound, peak_bytes(one.call)))
    return tried, skipped


def ranked(tried: list[Tried], timings: list[Timing]) -> tuple[Row, ...]:
    """Pair what was tried with its timing, fastest first."""
    least = min(timing.median for timing in timings)
    rows = [
        Row(
            method=one.contender.method,
            w_layout=one.contender.w_layout,
            x_layout=one.contender.x_layout,
            **asdict(timing),
            error=one.error,
            bound=one.bound,
            peak=one.peak,
            ratio=timing.median / least if least > 0 else 1.0,
            expression=one.contender.expression,
        )
        for one, timing in zip(tried, timings, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: row.median))
