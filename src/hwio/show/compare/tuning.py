"""Measured tuning: time the register blocks of a kernel, and keep one that is faster every time.

All blocks of a kernel add in the same order, so which one runs shows in no bit; a block whose result
differs here is left out all the same. Timings on a busy machine differ by a third between two runs of
the same code. So the rule's own block runs twice in each round, under two names: where those two
differ by the margin, nothing is found and nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.engine import findings
from hwio.engine.registry import KERNELS
from hwio.errors import OptionError, word
from hwio.ops.canonical import pad
from hwio.ops.compiled import kernel_is_small
from hwio.ops.keywords import OPTIONS, check_keywords
from hwio.planner.kernels import kind_of
from hwio.show.case import read_case
from hwio.show.compare.timing import measure
from hwio.show.progress import Progress

if TYPE_CHECKING:
    from hwio.engine.tiles import Block
    from hwio.ops.check import Problem

ROUNDS = 5  # measurements that must all agree
RUNS = 7  # of each block in a round
MARGIN = 1.08  # how many times as fast as the rule's block it must be, in every round
RESTLESS = "nothing is changed: this block timed twice differed by more than the margin"


@dataclass(frozen=True, slots=True, repr=False)
class Tuned:
    """What ``tune`` found; prints itself.

    Attributes
    ----------
    kernel : str
    gains : dict of str to list of float
        For each block and round, the time of the rule's block over its own.
    static : str
        The rule's block.
    chosen : str
        The block that runs from now on.
    verdict : str
    """

    kernel: str
    gains: dict[str, list[float]]
    static: str
    chosen: str
    verdict: str

    def __str__(self) -> str:
        """Lay the measurements out."""
        lines = [f"{self.kernel}: {len(self.gains)} register blocks, {ROUNDS} rounds"]
        wide = max(map(len, self.gains))
        for name, each in self.gains.items():
            mark = "→" if name == self.chosen else " "
            text = "  ".join(f"{gain:.2f}" for gain in each)
            rule = "   by rule, timed against itself" if name == self.static else ""
            lines.append(f"  {mark} {name:{wide}}  {text}{rule}")
        return "\n".join([*lines, f"  times as fast as {self.static}; {self.verdict}"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, for JSON."""
        names = ("kernel", "gains", "static", "chosen", "verdict")
        return {name: getattr(self, name) for name in names}


def tune(x: Any, w: Any, **options: Any) -> Tuned:
    """Time every register block that could serve, and keep the fastest if it always is.

    Parameters
    ----------
    x, w : array or tuple of int
        As in ``conv``, or their shapes (then float32 is assumed). Only sizes count.
    **options
        Keywords of ``conv``.

    Returns
    -------
    Tuned

    Raises
    ------
    OptionError
        If no kernel with register blocks computes this.
    """
    check_keywords("tune", options, [name for name in OPTIONS if name != "out"], x, w)
    problem = read_case(x, w, None, options, function="tune").problem
    _check(problem)
    static, blocks, calls = _contenders(problem)
    gains: dict[str, list[float]] = {_name(block): [] for block in blocks}
    with Progress(ROUNDS * RUNS * len(calls)) as bar:
        for _ in range(ROUNDS):
            timings = measure(calls, runs=RUNS, tick=lambda _: bar.step(problem.plan.way))
            times = [timing.median for timing in timings]
            control = times.pop()  # the rule's block again
            for block, time in zip(blocks, times, strict=True):
                gains[_name(block)].append(times[0] / (control if block == static else time))
    winner, verdict = judge(gains, _name(static))
    found = next(block for block in blocks if _name(block) == winner)
    finding = findings.Finding(found, min(gains[winner])) if winner != _name(static) else None
    obstacle = None
    if verdict != RESTLESS:
        obstacle = findings.keep(problem.plan.way, problem.geometry, static, finding)
    if obstacle is not None:
        verdict += f", but it can't be kept: {obstacle.strerror or obstacle}"
    return Tuned(problem.plan.way, gains, _name(static), winner, verdict)


def judge(gains: dict[str, list[float]], static: str) -> tuple[str, str]:
    """Decide which block runs from now on.

    Examples
    --------
    >>> judge({"14x2": [1.0, 1.02], "7x4": [1.2, 1.1]}, "14x2")
    ('7x4', 'it runs from now on')
    >>> judge({"14x2": [1.0, 1.02], "7x4": [1.2, 1.05]}, "14x2")
    ('14x2', 'no other block was 1.08 times as fast in every round')
    >>> judge({"14x2": [1.0, 0.8], "7x4": [1.2, 1.1]}, "14x2")[0]
    '14x2'
    """
    if any(not 1 / MARGIN < gain < MARGIN for gain in gains[static]):
        return static, RESTLESS
    best = max(gains, key=lambda name: min(gains[name]))
    if best != static and min(gains[best]) >= MARGIN:
        return best, "it runs from now on"
    return static, f"no other block was {MARGIN} times as fast in every round"


def _check(problem: Problem) -> None:
    """Refuse what has no register blocks to choose from."""
    plan = problem.plan
    if plan.kernel is None:
        rule = f"there is nothing to tune: NumPy computes this, by {plan.method}"
        raise OptionError(word(rule, [plan.kernel_reason] if plan.kernel_reason else []))
    if kernel_is_small(problem):
        raise OptionError(word("there is nothing to tune: every product is written out"))
    if plan.kernel not in findings.TABLES:
        raise OptionError(word(f"there is nothing to tune: {plan.kernel} has one form"))
    if (kind_of(KERNELS[plan.kernel], problem.geometry, problem.kind) or "").startswith("i"):
        raise OptionError(word("there is nothing to tune: integers are computed in one form"))
    if problem.padding_mode != "zeros":
        rule = f"padding_mode={problem.padding_mode!r} is copied in before the kernel runs"
        raise OptionError(word(rule, ["tune the grown x"], "padding='valid'"))


def _contenders(problem: Problem) -> tuple[Block, list[Block], list[Callable[[], Any]]]:
    """Return the rule's block, all blocks with the same bits, and a call of each; the first again."""
    from hwio.engine.launch import spatial

    geo, kernel = problem.geometry, problem.plan.kernel or ""
    dtype = problem.compute or np.dtype(np.float64)
    generator = np.random.default_rng(0)
    x = generator.standard_normal((geo.n, *geo.in_size, geo.in_channels)).astype(dtype)
    w = generator.standard_normal((*geo.kernel, geo.group_channels, geo.out_channels)).astype(dtype)
    static = spatial.static_block(kernel, geo, dtype.str[1:])
    grown = geo
    if not spatial.reads(kernel, x, geo):  # then calls copy its margins, block by block
        x, grown = (
            pad(x, geo, "zeros"),
            replace(geo, in_size=geo.padded_size, padding=((0, 0),) * geo.ndim),
        )
    y = spatial.room(geo.y_shape, dtype)
    blocks: list[Block] = []
    calls: list[Callable[[], Any]] = []
    expected = None
    for block in findings.candidates(kernel, geo, static):
        packed = spatial.pack(kernel, block, w, None, geo, dtype)
        spatial.run(packed, x, grown, None, y)
        expected = y.copy() if expected is None else expected
        if np.array_equal(y, expected):
            blocks.append(block)
            calls.append(partial(spatial.run, packed, x, grown, None, y))
    return static, blocks, [*calls, calls[0]]


def _name(block: Block) -> str:
    """Write a block as kernels' names do."""
    return f"{block.mr}x{block.nrv}"
