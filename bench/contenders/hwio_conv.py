"""hwio: prepared, prepared at precision "high", as arrays come, and with NumPy alone."""

from __future__ import annotations

import hwio
from bench.case import Case, Contender, LeftOut


def prepared(case: Case) -> Contender:
    """Pack once at the default precision."""
    return _prepared(case)


def high(case: Case) -> Contender:
    """Pack once at precision "high"."""
    if case.cell.dtype != "float32":
        message = "high differs from highest in float32 only"
        raise LeftOut(message)
    return _prepared(case, precision="high")


def _prepared(case: Case, **options: str) -> Contender:
    hwio.set_num_threads(case.threads)
    layer, x = hwio.prepare(case.w, **case.options, **options), case.x
    return Contender(lambda: layer(x), note=layer.plan(x).way)


def plain(case: Case) -> Contender:
    """Call as a user does who has arrays and nothing else."""
    hwio.set_num_threads(case.threads)
    x, w, options = case.x, case.w, case.options
    way = hwio.plan(x, w, **options).way
    if not options:
        return Contender(lambda: hwio.conv(x, w), note=way)
    return Contender(lambda: hwio.conv(x, w, **options), note=way)


def numpy_alone(case: Case) -> Contender:
    """Run what HWIO_ENGINE=off would: the readable way that the planner prefers."""
    x, w, options = case.x, case.w, case.options
    options["method"] = hwio.plan(x, w, **options).method
    return Contender(lambda: hwio.conv(x, w, **options), note=options["method"])
