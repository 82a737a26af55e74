"""How near a result is to the exact one, in units of the published bound."""

from dataclasses import replace

import numpy as np

from hwio.engine.registry import KERNELS
from hwio.methods import METHODS
from hwio.methods.accuracy import BOUNDS
from hwio.methods.apply import apply_method
from hwio.ops.canonical import canonical_arrays
from hwio.ops.planning import problem_of


def canonical(y, problem):
    """Return y as (n, *out, o), whatever its layout."""
    lay = problem.layout
    y = y.transpose(np.argsort(lay.y_axes))
    return y if lay.batched else y[None]


def exact(x, w, problem):
    """Return the convolution of canonical arrays, summed in the widest numbers there are."""
    wide = np.clongdouble if np.iscomplexobj(x) or np.iscomplexobj(w) else np.longdouble
    return apply_method(METHODS["einsum"], x.astype(wide), w.astype(wide), problem.geometry)


def bound_of(method, x, w, geo, u):
    """Return the published bound for canonical arrays; a group is a convolution of its own."""
    formula = BOUNDS[(METHODS | KERNELS)[method].bound]
    i, o, parts = geo.group_channels, geo.group_filters, []
    one = replace(geo, in_channels=i, out_channels=o, groups=1)
    for g in range(geo.groups):
        own = x[..., g * i : (g + 1) * i], w[..., g * o : (g + 1) * o]
        parts.append(formula(*own, one, u))
    return np.concatenate(parts, axis=-1)


def excess(y, x, w, method, options):
    """Return the largest ``abs(y - exact) / bound`` over all numbers of y; at most 1 is right."""
    problem = problem_of(x, w, **options)
    x, w = canonical_arrays(problem, x, w)
    real = y.real.dtype
    u = np.finfo(np.float32 if real == np.float16 else real).eps / 2
    r = exact(x, w, problem)
    bound = bound_of(method, x, w, problem.geometry, u).astype(np.longdouble)
    if real == np.float16:  # summed in float32, then rounded once
        bound += 2.0**-11 * np.abs(r) + 2.0**-25
    if real == np.float64:  # r is rounded too where long double is double
        bound *= 1 + np.finfo(np.longdouble).eps / np.finfo(np.float64).eps
    error = np.abs(canonical(y, problem) - r)
    wrong = error > 0  # where nothing is summed both are 0
    return float((error[wrong] / bound[wrong]).max(initial=0))
