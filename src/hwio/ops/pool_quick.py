"""Repeated calls of pooling: straight to the launch that an earlier, checked one has kept.

Only plain ones are remembered: arrays with channels last, options that can't change their value, and a
kernel that takes the arrays as they come. All others are checked and prepared as the first was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import refusal, tried
from hwio.ops.keys import apart, is_fixed
from hwio.ops.pool_check import keep, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwio.ops.pool_check import PoolProblem
    from hwio.types import Array

_PLAIN = frozenset((int, str, bool, tuple, type(None)))
_INT = {int}


@dataclass(frozen=True, slots=True)
class Again:
    """What a repeated call runs.

    Attributes
    ----------
    module : module
        Whose ``run`` takes the launch, the arrays and the shape.
    launch : object
    shape : tuple of int
        Of the result.
    threads : int
        For which the launch was made.
    count_threads : callable
        Returns how many there are now.
    """

    module: Any
    launch: Any
    shape: tuple[int, ...]
    threads: int
    count_threads: Callable[[], int]


def key_of(name: str, arrays: tuple[Any, ...], options: tuple[Any, ...]) -> Any:
    """Return what tells calls of a function apart, or None where they are not plain.

    Parameters
    ----------
    name : str
        Of the function.
    arrays : tuple
        Arrays as they come, or shapes.
    options : tuple
    """
    try:
        key = _key_of(name, arrays, options)
        hash(key)
    except Exception:  # noqa: BLE001  an option can hold itself, or refuse to be hashed; checks come later
        return None
    return key


def _key_of(name: str, arrays: tuple[Any, ...], options: tuple[Any, ...]) -> Any:
    types = tuple(map(type, options))
    flat = tuple not in types or all(set(map(type, o)) == _INT for o in options if type(o) is tuple)
    if flat and _PLAIN.issuperset(types):
        key = [name, types, options]
    elif all(map(is_fixed, options)):
        key = [name, *map(apart, options)]
    else:
        return None
    for array in arrays:
        if type(array) is np.ndarray and array.dtype.isnative:
            key += (array.shape, array.dtype)
        elif type(array) is tuple and set(map(type, array)) == _INT:
            key.append(array)
        else:
            return None
    return tuple(key)


def again(key: Any, *arrays: Array) -> Array | None:
    """Return the result of a call that is known, or None."""
    found = known(key)
    if found is None or found.threads != found.count_threads() or refusal() is not None:
        return None
    for array in arrays:
        flags = array.flags
        if not (flags.c_contiguous and flags.aligned):
            return None
    return tried(partial(found.module.run, found.launch, *arrays, found.shape))


def remember(key: Any, problem: PoolProblem, kept: tuple[Any, ...], module: str) -> None:
    """Remember a call, if a kernel has just served it with the arrays as they came.

    Parameters
    ----------
    key : object
        As ``key_of`` returned it.
    problem : PoolProblem
    kept : tuple
        Under which the problem keeps the launch, without the number of threads.
    module : {"pooling", "pooling_grad"}
    """
    lay = problem.layout
    if key is None or not problem.kept or not lay.batched:
        return
    if not lay.x_axes == lay.y_axes == tuple(range(len(lay.x_axes))):
        return
    from hwio.engine.launch import pooling, pooling_grad
    from hwio.engine.threads import get_num_threads

    threads, geo = get_num_threads(), problem.geometry
    launch = problem.kept.get((*kept, threads))
    if launch is not None:
        forwards = module == "pooling"
        shape = geo.y_shape if forwards else geo.x_shape
        run = pooling if forwards else pooling_grad
        keep(key, Again(run, launch, shape, threads, get_num_threads))
