"""What ``check`` returns: its findings, and the forms in which they are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwio.grading.findings import Findings
from hwio.grading.places import place_of
from hwio.grading.report import report
from hwio.show.printing import plain

if TYPE_CHECKING:
    from hwio.explorer.exploration import Exploration
    from hwio.grading.trials import Cell, Trial
    from hwio.mistakes import Mistake


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Checkup(Findings):
    """What ``check`` returns; prints itself.

    ``.ok`` tells whether every number is right, ``.mistakes`` holds the entries of the catalogue whose
    numbers are the function's, ``.cases`` what became of each case, ``.first`` the first wrong one.
    """

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

    def explore(self) -> Exploration:
        """Return the interactive page, at the first number that differs.

        Returns
        -------
        Exploration
            Shows itself in notebooks; ``.open()`` shows it in a browser, ``.save(path)`` writes it.

        Raises
        ------
        OptionError
            If the function is none that convolves forwards.
        """
        from hwio.grading.explored import explored  # a report never needs it

        return explored(self)

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
