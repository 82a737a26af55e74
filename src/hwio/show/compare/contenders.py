"""Who runs: every method on every order of storage, and the bare NumPy expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.errors import HwioError, LimitError
from hwio.ops.conv import conv
from hwio.ops.convert import depthwise_weights, to_layout
from hwio.ops.memory import physical_memory
from hwio.ops.planning import problem_of
from hwio.planner.choose import COSTS
from hwio.planner.ways import ALL_WAYS
from hwio.shapes.layout import SPATIAL, parse_layout, transpose_axes
from hwio.show.compare.findings import Skipped
from hwio.show.compare.raw import raw_expressions

if TYPE_CHECKING:
    from hwio.ops.check import Problem
    from hwio.shapes.geometry import Geometry
    from hwio.show.compare.raw import Raw
    from hwio.types import Array

STORED = {1: ("WIO", "OWI", "OIW"), 2: ("HWIO", "OHWI", "OIHW"), 3: ("DHWIO", "ODHWI", "OIDHW")}


@dataclass(frozen=True, slots=True)
class Contender:
    """One call to be timed.

    Attributes
    ----------
    method, w_layout, x_layout : str
    call : callable
        Returns y as its way stores it.
    canonical : callable
        Turns that y into (n, *out, o).
    bound : str
        Key of the bound that it must keep.
    expression : str
        The NumPy expression, empty for a call of ``conv``.
    """

    method: str
    w_layout: str
    x_layout: str
    call: Callable[[], Array]
    canonical: Callable[[Array], Array]
    bound: str
    expression: str = ""

    @property
    def label(self) -> str:
        """Its name on the progress line."""
        return f"{self.method} {self.w_layout}"

    def skipped(self, reason: str) -> Skipped:
        """Say why it is not timed."""
        return Skipped(self.method, reason, self.w_layout, self.x_layout)


@dataclass(frozen=True, slots=True)
class Call:
    """The call that is compared: its arguments as ``conv`` would get them."""

    problem: Problem
    x: Array
    w: Array
    b: Array | None
    options: dict[str, Any]

    @property
    def memory_limit(self) -> int:
        """Bytes that one way may take: the user's limit, or half the machine's memory."""
        limit = self.options.get("memory_limit")
        return physical_memory() // 2 if limit is None else int(limit)


def default_w_layouts(problem: Problem) -> list[str]:
    """Return the call's own order of w if it is a rare one, then the three that are common."""
    own, stored = problem.layout.w, STORED[problem.layout.ndim]
    return [*(() if own in stored else (own,)), *stored]


def contenders(
    call: Call,
    methods: list[str],
    x_layouts: list[str],
    w_layouts: list[str],
    *,
    raw: bool,
    limit: float,
) -> tuple[list[Contender], list[Skipped]]:
    """List who can run, and who can't or should not.

    Parameters
    ----------
    call : Call
    methods : list of str
        Keys of ``ALL_WAYS``.
    x_layouts, w_layouts : list of str
        Orders of storage.
    raw : bool
        Whether the bare NumPy expressions run too, where they say the same as the call.
    limit : float
        Seconds that one call is allowed, by estimate.

    Returns
    -------
    pair of lists, of Contender and of Skipped
    """
    x_stored = {letters: _stored_x(call, letters) for letters in x_layouts}
    w_stored = {letters: _stored_w(call, letters) for letters in w_layouts}
    runs: list[Contender] = []
    skipped: list[Skipped] = []
    for name in methods:
        why = refusal(call, name, limit)
        if why:
            skipped.append(Skipped(name, why))
            continue
        runs += [
            _contender(call, name, x_letters, x, w_letters, w)
            for x_letters, x in x_stored.items()
            for w_letters, w in w_stored.items()
        ]
    bare = raw_expressions(call.problem, call.x, call.w, call.b) if raw else []
    for expression in bare:
        why = refusal(call, expression.like, limit)
        if why:
            skipped.append(Skipped(expression.name, why))
        else:
            runs.append(_bare(call, expression))
    return runs, skipped


def refusal(call: Call, name: str, limit: float) -> str | None:
    """Say why a method does not run: it can't, or it would take too much time or memory."""
    geo = call.problem.geometry
    why = ALL_WAYS[name].refuses(geo)
    if why:
        return why
    options = {**call.options, "memory_limit": call.memory_limit}
    try:
        problem_of(call.x, call.w, call.b, method=name, **options)
    except LimitError as error:
        rule = str(error).partition("\n")[0]
        return rule.replace("memory_limit", "the limit")
    except HwioError as error:
        return str(error).partition("\n")[0]
    guess = estimate(name, geo, call.problem.compute)
    if guess > limit:
        return f"one call would take about {guess:,.0f} s, over limit={limit:g}"
    return None


def estimate(name: str, geo: Geometry, compute: np.dtype[Any] | None) -> float:
    """Guess the seconds of one call, to within a factor of a few; 0 for an unknown method."""
    outputs = geo.n * geo.pixels * geo.out_channels
    if name == "loop":
        us = outputs * (8 + geo.depth * 0.002)
    elif name == "broadcast":
        us = geo.macs * 0.003
    elif name == "einsum":
        us = geo.macs * 0.002
    else:
        cost = COSTS["im2col" if name == "tensordot" else name] if name in _PLANNED else None
        us = geo.n * cost(replace(geo, n=1)) if cost else 0.0
    if compute is not None and compute.kind == "c":
        us *= 4
    return us / 1e6


_PLANNED = {*COSTS, "tensordot"}


def _stored_x(call: Call, letters: str) -> Array:
    """Return x stored in an order; in the call's own it stays as it was passed."""
    own = call.problem.layout.x
    if letters == own:
        return call.x
    return np.ascontiguousarray(to_layout(call.x, f"{own}->{letters}"))


def _stored_w(call: Call, letters: str) -> Array:
    """Return w stored in an order, without gaps."""
    own = call.problem.layout.w
    if letters == own:
        return np.ascontiguousarray(call.w)
    change = f"{own}->{letters}"
    if "M" in letters and "M" not in own:
        channels = call.problem.geometry.in_channels
        return np.ascontiguousarray(depthwise_weights(call.w, change, channels))
    return np.ascontiguousarray(to_layout(call.w, change))


def _contender(
    call: Call, name: str, x_letters: str, x: Array, w_letters: str, w: Array
) -> Contender:
    """Bind one method to arrays stored in one order."""
    own, geo = call.problem.layout, call.problem.geometry
    y_letters = own.y if x_letters == own.x else x_letters
    layout = f"{x_letters},{w_letters}->{y_letters}"
    options = {**call.options, "layout": layout, "method": name, "groups": geo.groups}
    canonical = partial(_canonical, letters=parse_layout(layout).y)
    run = partial(conv, x, w, call.b, **options)
    bound = ALL_WAYS[name].bound
    return Contender(name, w_letters, x_letters, run, canonical, bound)


def _bare(call: Call, expression: Raw) -> Contender:
    """Take a NumPy expression as it is."""
    own = call.problem.layout
    canonical = partial(np.reshape, shape=call.problem.geometry.y_shape)
    name, run = expression.name, expression.call
    return Contender(name, own.w, own.x, run, canonical, "T1", expression.text)


def _canonical(y: Array, letters: str) -> Array:
    """Return y as (n, *out, o)."""
    if "N" not in letters:
        y, letters = y[None], f"N{letters}"
    return y.transpose(transpose_axes(letters, f"N{SPATIAL[len(letters) - 2]}C"))
