"""The interactive page of a check: the first number that differs, the learner's beside the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwio.errors import OptionError, word
from hwio.explorer.exploration import Exploration, explore

if TYPE_CHECKING:
    from hwio.grading.findings import Findings
    from hwio.grading.trials import Trial
    from hwio.types import Array

FORWARD = ("conv_forward", "conv", "conv_single_step")


def explored(found: Findings) -> Exploration:
    """Make the page of the first wrong case, or of the last one where all is right.

    Raises
    ------
    OptionError
        If the function is none that convolves forwards, or no case was tried.
    """
    if found.function not in FORWARD or not found.trials:
        rule = f"there is no page for {found.function or found.name}"
        facts = [f"the explorer shows the numbers of {', '.join(FORWARD)}"]
        raise OptionError(word(rule, facts, "print(found)   # the report"))
    trial = found.first or found.trials[-1]
    layer = trial.case.layer
    single = found.function == "conv_single_step"
    x, w = (layer.x[None], layer.weights[..., None]) if single else (layer.x, layer.weights)
    at = (0, 0, 0, 0) if single else trial.first.at if trial.first else None
    return explore(
        x,
        w,
        layer.b,
        at=at,
        y=_answer(trial, single),
        title=f"{found.name}: {trial.case.title}",
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
    )


def _answer(trial: Trial, single: bool) -> Array | None:
    """Return the learner's y where it has the shape of the right one."""
    for name, array in trial.got.items():
        if array.shape == trial.expected[name].shape:
            return array.reshape(1, 1, 1, 1) if single else array
    return None
