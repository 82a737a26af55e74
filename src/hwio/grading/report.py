"""A check in words: what passed, the first case that did not, what it may be, and what to read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hwio.grading.calls import COURSE
from hwio.grading.places import origin_lines, place_of
from hwio.grading.raised import clue
from hwio.mistakes.cases import FUNCTIONS
from hwio.mistakes.mistake import documented
from hwio.show.printing import aligned, filled, plural, spaced, width

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hwio.grading.findings import Findings
    from hwio.grading.trials import Trial
    from hwio.mistakes import Mistake

# an exception's words are the learner's: escape sequences, and marks that turn the direction of text
_STEERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SHAPE = re.compile(r"of shape \([^)]*\)")
RIGHT, WRONG, UNTRIED = "✓", "✗", "·"
MOST_NAMED = 4  # mistakes that are told of those that no case tells apart
_WHY = "how-to/check-your-lab-answers.md"


def report(found: Findings) -> str:
    """Write the report.

    Returns
    -------
    str
        At most 100 columns wide.
    """
    return spaced(sections(found))


def sections(found: Findings) -> list[list[str]]:
    """Return the parts of the report, each as lines; what would steer a terminal is written out."""
    return [[_STEERS.sub(_written_out, line) for line in part] for part in _sections(found)]


def _written_out(steering: re.Match[str]) -> str:
    return repr(steering[0])[1:-1]


def _sections(found: Findings) -> list[list[str]]:
    parts = [_head(found)]
    if found.broken:
        return [*parts, _broken(dict(found.broken))]
    parts.append(_cases(found))
    if found.first is None:
        return [*parts, _all_right(found)]
    parts.append(_first(found, found.first))
    parts.append(_verdict(found, found.first))
    return parts


def _head(found: Findings) -> list[str]:
    """Name the function, and what it was taken for."""
    line = _cut(f"{found.written}   {found.where}".rstrip())
    known = FUNCTIONS.get(found.function)
    taken = f"  checked as {known}" if known and known.partition("(")[0] != found.name else ""
    return [line, taken] if taken else [line]


def _broken(raised: dict[str, str]) -> list[str]:
    """Say why the function could not be loaded."""
    lines = [f"  {WRONG} it can't be loaded: {raised['says']}"]
    lines += [f"    {raised['line']}"] if raised.get("line") else []
    return [_cut(line) for line in lines]


def _cases(found: Findings) -> list[str]:
    """List the cases with what became of each."""
    rows: list[tuple[str, ...]] = []
    again = 0
    for last, trial in zip((None, *found.trials), found.trials, strict=False):
        if last is not None and _same(last, trial):
            again += 1
            continue
        rows += _and_more(again)
        again = 0
        mark = RIGHT if trial.passed else WRONG
        rows.append((f"  {mark} {trial.case.title}", *_told_of(trial)))
    rows += _and_more(again)
    left = len(found.titles) - len(found.trials)
    if left:
        rows.append((f"  {UNTRIED} {plural(left, 'case')} not tried",))
    return [_cut(line) for line in aligned(rows)]


def _told_of(trial: Trial) -> tuple[str, ...]:
    """Return what stands beside a case: shapes, and what is wrong."""
    if trial.passed:
        return (shapes_of(trial),)
    if len(trial.expected) > 1:  # several shapes leave no room
        return (trial.says,)
    if trial.status == "shape":
        return shapes_of(trial), f"should be {next(iter(trial.expected.values())).shape}"
    return shapes_of(trial), trial.says


def _same(last: Trial, trial: Trial) -> bool:
    """Tell whether a case failed as the one before, with nothing to add."""
    return (
        not trial.passed
        and not trial.differ
        and (last.status, _shapeless(last)) == (trial.status, _shapeless(trial))
    )


def _shapeless(trial: Trial) -> str:
    """Return what is wrong; of what came back without its shape, which each case has its own of."""
    return _SHAPE.sub("", trial.says) if trial.status == "returns" else trial.says


def _and_more(count: int) -> list[tuple[str, ...]]:
    """Say how many cases failed as the one before."""
    return [(f"  {WRONG} {plural(count, 'case')} more: the same",)] if count else []


def shapes_of(trial: Trial) -> str:
    """Write the shapes that should come out, or what came."""
    shapes = trial.got if trial.got else trial.expected
    return "  ".join(f"{name} {_shape(a.shape)}" for name, a in shapes.items() if a.ndim)


def _shape(shape: tuple[int, ...]) -> str:
    return str(shape).replace(",)", ")")


def _all_right(found: Findings) -> list[str]:
    """Say that all is right, and what is odd all the same."""
    count = plural(len(found.titles), "case")
    lines = [f"All {count} pass: every number is right, element by element."]
    notes = dict.fromkeys(trial.note for trial in found.trials if trial.note)
    return lines + [line for note in notes for line in filled(f"Note: {note}.")]


def inputs_of(found: Findings, trial: Trial) -> str:
    """Write what the function was called with: shapes and sizes."""
    layer, names = trial.case.layer, COURSE[found.function].inputs
    plain = found.function == "conv"
    said = [f"{'x' if plain else _x_name(found.function)} {layer.x.shape}"]
    if layer.w is not None:
        said.append(f"{'w' if plain else 'W'} {layer.w.shape}")
    if "dZ" in names or "dA" in names:
        said.insert(0, f"{names[0]} {layer.upper.shape}")
    if layer.window != (1, 1) or found.function.startswith("pool"):
        said += [f"f {layer.window[0]}", f"stride {layer.stride[0]}", layer.mode]
    elif found.function == "zero_pad":
        said.append(f"pad {layer.pad}")
    elif plain:
        said += [f"{name} {value}" for name, value in trial.case.options.items()]
    elif found.function != "conv_single_step":
        said += [f"stride {layer.stride[0]}", f"pad {layer.pad}"]
    return " · ".join(said)


def _x_name(function: str) -> str:
    return {"zero_pad": "X", "conv_single_step": "a_slice_prev"}.get(function, "A_prev")


def _first(found: Findings, trial: Trial) -> list[str]:
    """Describe the first case that did not pass."""
    lines = [f"First wrong: {trial.case.title}", f"  {inputs_of(found, trial)}"]
    cell = trial.first
    if cell is None:
        lines += filled(trial.says, "  ", "  ")
    else:
        place = place_of(cell)
        if cell.at:  # a single step's number has no place
            spot = f"{cell.part}[{', '.join(map(str, cell.at))}]"
            lines.append(
                f"  {spot} is the first number that differs" + (f": {place}" if place else "")
            )
        lines.append(f"  expected {cell.expected:.10g}   yours {cell.got:.10g}")
        lines += origin_lines(found.function, trial.case.layer, cell)
    if trial.line:
        lines.append(f"  {trial.line}")
    if trial.printed.strip():
        lines.append(f"  it printed: {' '.join(trial.printed.split())}")
    return [_cut(line) for line in lines]


def _cut(line: str) -> str:
    """Return as much of a line as there is room for."""
    return line if len(line) <= width() else f"{line[: width() - 1]}…"


def _verdict(found: Findings, first: Trial) -> list[str]:
    """Name the mistake, or say that none is known."""
    if first.status in ("changed", "random", "returns"):
        return []  # what is said of the case is all
    if found.mistakes:
        return _named(found.mistakes)
    if first.status in ("timeout", "died"):
        return _general(found, first)
    says = "No known mistake gives these numbers."
    if not any(trial.got for trial in found.trials):
        says = "No known mistake does this."
    if found.perhaps:
        lines = ["This case alone would fit the following, but the later ones don't:"]
        lines += [line for entry in found.perhaps for line in _told(entry)]
        return [*lines, "No known mistake gives all these numbers: there may be two at once."]
    known = clue(found.function, first)
    if known:
        return filled(known, "  → ", "    ")
    return [says, *_general(found, first), *_own_cache(found, first)]


def _own_cache(found: Findings, first: Trial) -> list[str]:
    """Say which cache was passed, to a function that raised at once."""
    if found.function != "conv_backward" or first.status != "raised":
        return []
    text = (
        "The cache was the course's, (A_prev, W, b, hparameters). If your conv_forward makes "
        "another one, pass it too: forward=conv_forward, or --forward conv_forward."
    )
    return filled(text, "  ", "  ")


def _general(found: Findings, first: Trial) -> list[str]:
    """Say where to look where nothing is known."""
    if first is found.trials[0]:
        text = "Already the simplest case is wrong: work it out by hand."
    else:
        text = f"Each case adds one thing to those before. New in the first wrong one: {first.case.title}."
    return filled(f"{text} How to go on: {documented(_WHY)}", "  ", "  ")


def _named(mistakes: tuple[Mistake, ...]) -> list[str]:
    """Name one mistake, or those that nothing tells apart."""
    if len(mistakes) == 1:
        return ["Your numbers are those of this mistake, in every case:", *_told(mistakes[0])]
    lines = ["Your numbers are those of these mistakes; no case tells them apart:"]
    lines += [line for entry in mistakes[:MOST_NAMED] for line in _told(entry)]
    left = len(mistakes) - MOST_NAMED
    return lines + ([f"  … and {left} more"] if left > 0 else [])


def _told(entry: Mistake) -> Iterable[str]:
    """Tell one mistake: its name, where to look, what to read."""
    yield from filled(f"{entry.name}.", "  → ", "    ")
    yield from filled(entry.hint, "    look: ", "          ")
    yield f"    read: {entry.reading}"
