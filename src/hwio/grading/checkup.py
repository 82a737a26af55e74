"""What ``check`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwio.grading.places import place_of
from hwio.grading.report import report
from hwio.grading.trials import ENDED, Cell, Trial
from hwio.mistakes import Mistake
from hwio.show.printing import plain


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Checkup:
    """What became of a learner's function; prints itself.

    Attributes
    ----------
    name : str
        The function's name.
    written : str
        The function with its parameters.
    function : str
        Which function it was taken for, such as "conv_forward".
    where : str
        Its file and line, as far as known.
    trials : tuple of Trial
        What became of each case that was tried, in order.
    titles : tuple of str
        All cases, those too that were not reached.
    mistakes : tuple of Mistake
        Those whose numbers are the function's on every case; several where no case tells them apart.
    perhaps : tuple of Mistake
        Where there is none: those that fit the first wrong case alone.
    broken : dict of str to str
        Where the function could not be loaded: type, words and line of what was raised.
    """

    name: str
    written: str
    function: str
    where: str
    trials: tuple[Trial, ...] = ()
    titles: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    perhaps: tuple[Mistake, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every case was tried and passed."""
        return self.passed == len(self.titles) > 0

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(trial.passed for trial in self.trials)

    @property
    def cases(self) -> tuple[Trial, ...]:
        """What became of each case; ``trials`` by another name."""
        return self.trials

    @property
    def first(self) -> Trial | None:
        """The first case that did not pass."""
        return next((trial for trial in self.trials if not trial.passed), None)

    @property
    def ended(self) -> bool:
        """Whether the function ended its process, so that later cases were not reached."""
        return any(trial.status in ENDED for trial in self.trials)

    @property
    def exit_code(self) -> int:
        """What the command answers: 0 where all is right, else 1."""
        return 0 if self.ok else 1

    def __repr__(self) -> str:
        """Write the report, at most 100 columns wide."""
        return report(self)

    def __str__(self) -> str:
        """Write the report, at most 100 columns wide."""
        return report(self)

    def _repr_html_(self) -> str:
        """Write the report for a notebook."""
        from hwio.grading.page import html_report  # a terminal never needs it

        return html_report(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python types, for graders."""
        first = self.first
        facts: dict[str, Any] = {
            "ok": self.ok,
            "name": self.name,
            "function": self.function,
            "where": self.where,
            "passed": self.passed,
            "total": len(self.titles),
            "cases": [_case(trial) for trial in self.trials],
            "not_reached": list(self.titles[len(self.trials) :]),
            "first_wrong": None if first is None else first.case.title,
            "mistakes": [_mistake(entry) for entry in self.mistakes],
            "perhaps": [_mistake(entry) for entry in self.perhaps],
            "known_mistake": bool(self.mistakes),
            "broken": dict(self.broken) or None,
        }
        plainly: dict[str, Any] = plain(facts)
        return plainly

    def json(self, indent: int | None = 2) -> str:
        """Return ``to_dict`` as JSON; numbers that JSON lacks become null."""
        import json

        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)


def _mistake(entry: Mistake) -> dict[str, str]:
    """Return an entry of the catalogue as data."""
    return {"key": entry.key, "name": entry.name, "hint": entry.hint, "page": f"docs/{entry.page}"}


def _case(trial: Trial) -> dict[str, Any]:
    """Return a case as data."""
    return {
        "title": trial.case.title,
        "status": trial.status,
        "says": trial.says,
        "shapes": {name: list(a.shape) for name, a in trial.got.items()},
        "expected_shapes": {name: list(a.shape) for name, a in trial.expected.items()},
        "differ": trial.differ,
        "first": None if trial.first is None else _cell(trial.first),
        "line": trial.line,
        "printed": trial.printed,
        "note": trial.note,
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """Return a number that differs as data; JSON has no NaN and no infinity."""
    got = cell.got if abs(cell.got) < float("inf") else None
    return {
        "part": cell.part,
        "at": list(cell.at),
        "place": place_of(cell),
        "expected": cell.expected,
        "got": got,
        "got_text": str(cell.got),
    }
