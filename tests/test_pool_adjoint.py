"""Poolings that are linear are adjoint to their gradients: <dy, pool x> = <dx, x>, exact on whole numbers.

A mean divides, so x and dy are multiples of every divisor. A maximum is linear once its place is
chosen, which ``ties="first"`` does. ``lp_pool`` with p = 1 sums x where none is negative; it has no
gradient of its own, and that of the mean, times the divisor, is that of a sum.
"""

import math

import numpy as np
import pytest

import hwio
from hwio.pooling import POOL_METHODS
from hwio.pooling.divisor import divisor
from pool_cases import seeded_pools

WAYS = ["auto", *sorted(POOL_METHODS)]
DTYPES = (np.float64, np.float32)


def inner(a, b):
    """Return the exact inner product of whole numbers."""
    return int(np.sum(a.astype(np.int64) * b.astype(np.int64)))


def mean(case, x, dy, method, counts):
    """Return both products of a mean, and whether all numbers were whole."""
    by = divisor(case.problem.geometry, case.problem.padding, counts)
    every = math.lcm(*(int(n) for n in by.ravel()), 1)
    own = {"count_include_pad": counts, "method": method, **case.options}
    y = hwio.avg_pool(x * every, case.window, **own)
    dx = hwio.avg_pool_grad(x.shape, dy * every, case.window, **own)
    assert max(np.abs(y).max(initial=0), np.abs(dx).max(initial=0)) < 2**24
    assert not (y % 1).any()
    assert not (dx % 1).any()
    return inner(dy, y), inner(dx, x)


def total(case, x, dy, method):
    """Return both products of a sum, by the norm with p = 1."""
    y = hwio.lp_pool(np.abs(x), case.window, p=1, method=method, **case.options)
    geo, lay = case.problem.geometry, case.problem.layout
    by = divisor(geo, case.problem.padding, False)
    counts = np.broadcast_to(by, (geo.n, *geo.out_size, geo.in_channels)).transpose(lay.y_axes)
    spread = (dy * counts).astype(dy.dtype)
    dx = hwio.avg_pool_grad(x.shape, spread, case.window, method=method, **case.options)
    return inner(dy, y), inner(dx, np.abs(x))


def largest(case, x, dy, method):
    """Return both products of a maximum."""
    y = hwio.max_pool(x, case.window, method=method, **case.options)
    dx = hwio.max_pool_grad(x, dy, case.window, method=method, **case.options)
    return inner(dy, y), inner(dx, x)


KINDS = {
    "mean": lambda *given: mean(*given, False),
    "mean with padding counted": lambda *given: mean(*given, True),
    "sum": total,
    "maximum": largest,
}


def adjoint(count, seed, report):
    """Compare both products of every kind, over ways and dtypes in turn."""
    mismatches = []
    for at, case in enumerate(seeded_pools(seed, count)):
        dtype = DTYPES[at // len(WAYS) % len(DTYPES)]
        x, dy = case.numbers(dtype, most=4, seed=at), case.gradient(dtype, most=4, seed=at + 1)
        for kind, products in KINDS.items():
            one, other = products(case, x, dy, WAYS[at % len(WAYS)])
            if one != other:
                mismatches.append((at, kind, case))
    report(
        f"adjoint identity of pooling: {count} geometries × {len(KINDS)}, {len(mismatches)} mismatches"
    )
    assert mismatches == []


def test_adjoint(report):
    adjoint(500, 6, report)


@pytest.mark.nightly
def test_adjoint_many_times(report):
    adjoint(10_000, 66, report)


def test_a_slip_is_no_adjoint():
    """Show that the identity can fail: a shifted dx, another divisor, every tie."""
    case = next(
        c for c in seeded_pools(6, 100) if c.options["layout"][-1] == "C" and c.x_shape[1] > 4
    )
    x, dy = case.numbers(np.float64), case.gradient(np.float64)
    for kind in ("mean", "maximum"):
        one, other = KINDS[kind](case, x, dy, "auto")
        assert one == other
    dx = hwio.max_pool_grad(x, dy, case.window, **case.options)
    assert inner(np.roll(dx, 1, 1), x) != inner(dx, x)
    every = hwio.max_pool_grad(x, dy, case.window, ties="all", **case.options)
    assert inner(every, x) != inner(dx, x)
