"""What an exception means in a function of the course, where NumPy's words don't lead to the slip."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hwio.grading.trials import Trial


class Clue(NamedTuple):
    """How an exception is told, and what to say of it.

    Attributes
    ----------
    functions : tuple of str
        In which functions of the course.
    kind : str
        Its type.
    words : str
        What its message holds.
    code : str
        What the learner's own line holds.
    says : str
        What it means there and where to look; no solution. "{b}" stands for the shape of b.
    """

    functions: tuple[str, ...]
    kind: str
    words: str
    code: str
    says: str


_SHAPES = {"conv_single_step": "(1, 1, 1)", "conv_forward": "(1, 1, 1, n_C)"}
_FORWARD = tuple(_SHAPES)
_AXES = (
    "b has shape {b}, as in the course: it has axes of length 1 before the one that counts the "
    "filters. Which axis does your index go to, and how many axes does what comes out still have?"
)
_ONE = (
    "b has shape {b}, as in the course. Older NumPy made a number of any array that holds one; newer "
    "NumPy refuses an array that has axes. Look for how to get one number out of an array."
)
# the first that fits is told
CLUES = (
    Clue(_FORWARD, "TypeError", "arrays can be converted to Python scalars", "b", _ONE),
    Clue(("conv_forward",), "ValueError", "setting an array element with a sequence", "b[", _AXES),
    Clue(
        _FORWARD, "ValueError", "setting an array element with a sequence", "",
        "An array stands where one number goes. b has shape {b}, as in the course: what has your "
        "sum, and what has it after b is added?",
    ),
    Clue(("conv_forward",), "IndexError", "axis 0 with size 1", "b[", _AXES),
)  # fmt: skip


def clue(function: str, trial: Trial) -> str:
    """Return what is known of the exception that a case raised, or nothing."""
    if trial.status != "raised":
        return ""
    code = trial.line.partition(": ")[2]
    for one in CLUES:
        told = function in one.functions and trial.raised == one.kind
        if told and one.words in trial.says and one.code in code:
            return one.says.format(b=_SHAPES[function])
    return ""
