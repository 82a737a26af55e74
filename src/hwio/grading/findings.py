"""What a check found, as plain records."""

from __future__ import annotations

from dataclasses import dataclass

from hwio.grading.trials import ENDED, Trial
from hwio.mistakes import Mistake


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Findings:
    """What became of a learner's function.

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
