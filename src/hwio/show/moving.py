"""Pictures that follow each other as one SVG that moves by style alone; what they share is written once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import groupby

from hwio.show.drawing import WIDE, Drawing, element

HOLD = 3.0  # the last picture stays so many times as long as the others
Shown = tuple[str, frozenset[int]]  # a piece, and the pictures that show it


def moving(
    arts: Sequence[Drawing],
    high: float,
    title: str,
    told: str,
    *,
    seconds: float = 1.0,
    wide: float = WIDE,
    marks: Sequence[float] | None = None,
) -> str:
    """Put pictures of one id into one ``<svg>`` that shows them in turn, for ever.

    A reader who asked for less motion, a printer and a program without style animations show the
    last picture.

    Parameters
    ----------
    arts : sequence of Drawing
    high, wide : float
        The size of all.
    title, told : str
        In words, to be read aloud.
    seconds : float
        How long a picture stays.
    marks : sequence of float, optional
        How many times as long each picture stays; the last is ``HOLD`` by default.
    """
    mark, last = arts[0].id, len(arts) - 1
    times = [*[1.0] * last, HOLD] if marks is None else marks
    merged: list[Shown] = []
    for n, art in enumerate(arts):
        merged = _merge(merged, art.pieces, n)
    style: list[str] = []
    pieces: list[str] = []
    names: dict[frozenset[int], str] = {}
    for shown, run in groupby(merged, key=lambda each: each[1]):
        texts = [piece for piece, _ in run]
        if len(shown) == len(arts):
            pieces += texts
            continue
        if shown not in names:
            names[shown] = f"{mark}-{len(names)}"
            style.append(_keyframes(names[shown], shown, times, seconds))
        hidden = "" if last in shown else ' visibility="hidden"'
        pieces += [f'<g class="{names[shown]}"{hidden}>', *texts, "</g>"]
    still = ",".join(f".{name}" for name in names.values())
    if still:
        style.append(
            f"@media (prefers-reduced-motion: reduce), print {{ {still} {{ animation: none }} }}"
        )
    return element(
        Drawing(mark, pieces), high, title, told, wide=wide, style="\n" + "\n".join(style)
    )


def _merge(merged: list[Shown], pieces: Sequence[str], n: int) -> list[Shown]:
    """Add picture n: pieces that it shares are told so, others stand between them, in order."""
    known = [piece for piece, _ in merged]
    result: list[Shown] = []
    matcher = SequenceMatcher(None, known, pieces, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            result += [(piece, shown | {n}) for piece, shown in merged[a:b]]
        else:
            result += merged[a:b]
            result += [(piece, frozenset((n,))) for piece in pieces[c:d]]
    return result


def _keyframes(name: str, shown: Iterable[int], times: Sequence[float], seconds: float) -> str:
    """Write when a piece is seen."""
    total, starts = sum(times), [0.0]
    for time in times:
        starts.append(starts[-1] + time)
    steps, seen = [], None
    for n in range(len(times)):
        if (n in set(shown)) != seen:
            seen = n in set(shown)
            state = "visible" if seen else "hidden"
            steps.append(f"{100 * starts[n] / total:.4g}% {{ visibility: {state} }}")
    rule = f".{name} {{ animation: {name} {total * seconds:g}s step-end infinite }}"
    return f"{rule}\n@keyframes {name} {{ {' '.join(steps)} }}"
