"""One case after the other: call the function, compare each number, and say what is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from hwio.grading.calls import COURSE, ReturnError, cache_note, results_of, tolerances
from hwio.grading.worker import DiedError, OutOfTimeError

if TYPE_CHECKING:
    from hwio.grading.calls import Arrays
    from hwio.grading.signatures import Signature
    from hwio.grading.worker import Worker
    from hwio.mistakes.cases import Case
    from hwio.types import Array

# what can become of a case, and whether the learner's process is still there afterwards
STATUSES = {
    "passed": "every number is right",
    "values": "numbers differ",
    "shape": "a result has the wrong shape",
    "returns": "something else came back than the function should return",
    "raised": "the function raised an exception",
    "random": "two calls with the same arguments gave different results",
    "changed": "the numbers are right, but the function changed its arguments",
    "timeout": "no answer came in time",
    "died": "the process ended",
}
ENDED = ("timeout", "died")


@dataclass(frozen=True, slots=True)
class Cell:
    """The first number that differs.

    Attributes
    ----------
    part : str
        Of which result: "Z", "dW".
    at : tuple of int
    expected, got : float
    """

    part: str
    at: tuple[int, ...]
    expected: float
    got: float


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """What became of one case.

    Attributes
    ----------
    case : Case
    status : str
        A key of ``STATUSES``.
    says : str
        What is wrong, in one line; empty if nothing is.
    expected, got : dict of str to array
        The right results and the learner's, by name; ``got`` is empty where none came.
    differ : dict of str to int
        How many numbers of each result differ.
    first : Cell or None
        The first of them.
    line : str
        The learner's own line that raised, with its number.
    raised : str
        The type of what it raised.
    printed : str
        The beginning of what it printed.
    note : str
        What is odd without being wrong.
    """

    case: Case
    status: str
    says: str
    expected: dict[str, Array]
    got: dict[str, Array]
    differ: dict[str, int]
    first: Cell | None = None
    line: str = ""
    raised: str = ""
    printed: str = ""
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether every number is right, and nothing else is wrong."""
        return self.status == "passed"

    @property
    def outcome(self) -> tuple[Array, ...] | str | None:
        """What a slip is compared with: results, the name of an exception, or None."""
        if self.status == "raised":
            return self.raised
        usable = self.status in ("passed", "values", "shape", "changed")
        return tuple(self.got.values()) if usable else None


def try_case(worker: Worker, signature: Signature, case: Case, seconds: float) -> Trial:
    """Put one case to the function."""
    known = COURSE[signature.function]
    args, kwargs = signature.call(case, known.arguments(case.layer))
    right = dict(zip(known.parts, _expected(signature.function, case), strict=True))
    blank: dict[str, Any] = {"case": case, "expected": right, "got": {}, "differ": {}}
    try:
        answer = worker.ask({"do": "call", "args": args, "kwargs": kwargs}, seconds)
    except OutOfTimeError:
        said = f"no answer after {seconds:g} s: is there a loop that never ends?"
        return Trial(status="timeout", says=said, **blank)
    except DiedError as death:
        return Trial(status="died", says=str(death), **blank)
    blank["printed"] = answer["printed"]
    if "raised" in answer:
        return Trial(status="raised", **_raised(answer["raised"]), **blank)
    return _judged(signature, answer, blank)


@cache
def _expected(function: str, case: Case) -> Arrays:
    """Return the right results of a case, which are the same for everyone."""
    return COURSE[function].expected(case.layer)


def _raised(told: dict[str, Any]) -> dict[str, Any]:
    """Word an exception."""
    kind, says = told["type"], told["says"]
    if kind == "SystemExit":
        says = "the function calls exit: it should return"
    line = ""
    if told.get("line"):
        where = f" in {told['where']}" if told.get("where") else ""
        line = f"line {told['line']}{where}: {told['code']}".rstrip(": ")
    return {"says": f"{kind}: {says}".rstrip(": "), "line": line, "raised": kind}


def _judged(signature: Signature, answer: dict[str, Any], blank: dict[str, Any]) -> Trial:
    """Compare what came back with what should."""
    function, case = signature.function, blank["case"]
    try:
        results = results_of(function, answer["returned"])
    except ReturnError as error:
        return Trial(status="returns", says=str(error), **blank)
    right: dict[str, Array] = blank["expected"]
    blank["got"] = got = dict(zip(right, results, strict=True))
    if not answer["repeats"]:
        said = "two calls with the same arguments differ: where does chance come in?"
        return Trial(status="random", says=said, **blank)
    for name, array in got.items():
        if array.shape != right[name].shape:
            said = f"{name} has shape {array.shape}, but it should have {right[name].shape}"
            return Trial(status="shape", says=said, **blank)
    wrong = _wrong_cells(function, case, right, got)
    blank["differ"] = {name: int(mask.sum()) for name, mask in wrong.items()}
    if any(blank["differ"].values()):
        first = _first(wrong, right, got)
        return Trial(status="values", says=_count(blank["differ"], right), first=first, **blank)
    if answer["changed"]:
        said = "the numbers are right, but the function changes its own arguments"
        return Trial(status="changed", says=said, **blank)
    note = cache_note(function, case.layer, answer["returned"]) or ""
    return Trial(status="passed", says="", note=note, **blank)


def _wrong_cells(
    function: str, case: Case, right: dict[str, Array], got: dict[str, Array]
) -> dict[str, Array]:
    """Mark the numbers that lie outside their bound; NaN does."""
    results: Arrays = tuple(got.values())
    allowed = dict(zip(right, tolerances(function, case.layer, results), strict=True))
    with np.errstate(all="ignore"):
        return {
            name: ~(np.abs(got[name].astype(np.float64) - right[name]) <= allowed[name])
            for name in right
        }


def _first(wrong: dict[str, Array], right: dict[str, Array], got: dict[str, Array]) -> Cell:
    """Return the first number that differs."""
    name = next(name for name, mask in wrong.items() if mask.any())
    at = tuple(int(i) for i in np.argwhere(wrong[name])[0])
    return Cell(name, at, float(right[name][at]), float(got[name][at]))


def _count(differ: dict[str, int], right: dict[str, Array]) -> str:
    """Say how many numbers differ."""
    parts = []
    for name, count in differ.items():
        if count:
            size = right[name].size
            parts.append(f"{count} of {size} differ" if size > 1 else "it differs")
            if len(differ) > 1:
                parts[-1] = f"{name}: {parts[-1]}"
    return ", ".join(parts)
