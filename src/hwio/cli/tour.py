"""``hwio tour``: a convolution step by step on two small arrays, then on a photograph."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwio.cli.chapter import Chapter, refit
from hwio.cli.inputs import demo_arrays
from hwio.cli.photo import filter_photo
from hwio.cli.racing import agree, race, race_layouts, run_all
from hwio.cli.reading import AT, read_weights, trace_one
from hwio.cli.terminal import own_command, styled
from hwio.show.code.snippet import code
from hwio.show.explain.explanation import explain

NOTES = ("broadcast", "einsum", "im2col")  # the ways worth copying into notes
# what is said before a chapter that takes over a second; comparisons have a progress line
SLOW = {"A real photograph": "reading, convolving and drawing: about three seconds"}
OPENING = """\
Two arrays, as in many a course:

    rng = np.random.RandomState(1)
    A_prev = rng.randn(2, 5, 7, 4)     # 2 images, 5 high, 7 wide, 4 channels
    W = rng.randn(3, 3, 4, 8)          # 8 filters of 3 × 3 × 4
    Z = hwio.conv(A_prev, W)           # (2, 3, 5, 8)

hwio's short names for them are x, w and y. How is W to be read, where does one number
come from, and which way of computing all of them is best? Step by step:"""


def tour(folder: Path, *, quick: bool = False, silent: bool = False) -> dict[str, Any]:
    """Tell the whole story.

    Parameters
    ----------
    folder : Path
        Receives filters.png, one_number.html and notes.py; made if absent.
    quick : bool
        Shorter timings.
    silent : bool
        Print nothing.

    Returns
    -------
    dict
        Whether every way agrees, the facts of each chapter, and the files written.
    """
    start = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    x, w = demo_arrays()
    piece = x[:, :3, :3, :].copy()  # (2, 3, 3, 4): one window of each image
    whole = run_later(lambda: run_all(x, w, quick=quick))
    chapters: dict[str, Callable[[], Chapter]] = {
        "How W is read": lambda: read_weights(w),
        "One number, product by product": lambda: trace_one(x, w),
        "Every way gives the same numbers": lambda: agree(whole(), x, w),
        "How fast each way is": lambda: race(run_all(piece, w, quick=quick), whole()),
        "HWIO against OHWI": lambda: race_layouts(piece, w, quick=quick),
        "Code for your notes": lambda: write_notes(x, w, folder),
        "A real photograph": lambda: filter_photo(folder),
    }
    say = _quiet if silent else _print
    say(OPENING)
    facts: dict[str, Any] = {}
    files: list[Path] = []
    for number, (title, chapter) in enumerate(chapters.items(), 1):
        heading = f"{number}. {title}"
        say(f"\n\n{styled(heading, 'bold', sys.stdout)}\n{'─' * len(heading)}")
        if title in SLOW:
            say(f"({SLOW[title]})\n")
        found = chapter()
        say("\n".join(found.lines))
        facts[title] = found.facts
        files += found.files
    say(f"\n\nDone in {time.monotonic() - start:.0f} s. Written for you:")
    say("\n".join(f"    {path}" for path in files))
    hwio = own_command()
    say(f"Next:  {hwio} explain YOUR_X.npy YOUR_W.npy\n or:   {hwio} --help")
    agreed = facts["Every way gives the same numbers"]["agree"]
    return {"agree": agreed, "chapters": facts, "files": [str(path) for path in files]}


def write_notes(x: Any, w: Any, folder: Path) -> Chapter:
    """Show the vectorised ways as code, and save them with the traced number as a page.

    Parameters
    ----------
    x, w : array
    folder : Path
    """
    whole = {name: code(x, w, method=name).strip("\n") for name in NOTES}
    imports = list(
        dict.fromkeys("\n".join(_halves(text)[0] for text in whole.values()).split("\n"))
    )
    snippets = "\n\n".join(["\n".join(imports), *(_halves(text)[1] for text in whole.values())])
    arrays = f"rng = np.random.RandomState(1)\nx = rng.randn{x.shape}\nw = rng.randn{w.shape}"
    head, _, rest = snippets.partition("\n\n")
    notes, page = folder / "notes.py", folder / "one_number.html"
    notes.write_text(f"{head}\n\n{arrays}\n\n{rest}\n", encoding="utf-8")
    page.write_text(explain(x, w, at=AT).html(), encoding="utf-8")
    lines = [
        "Three ways without a loop; each leaves the same y. They need x, w and NumPy, not hwio:",
        "",
        *(f"    {line}".rstrip() for line in snippets.split("\n")),
        "",
        f"They are in {notes} too, and step 2 is a page to open: {page}",
    ]
    return Chapter(lines, {"code": whole}, (notes, page))


def _halves(text: str) -> tuple[str, str]:
    """Split a snippet into its imports and the rest."""
    imports, _, rest = text.partition("\n\n")
    return imports, rest


def run_later(work: Callable[[], Any]) -> Callable[[], Any]:
    """Return a call that does the work once, when first asked."""
    done: list[Any] = []

    def result() -> Any:
        if not done:
            done.append(work())
        return done[0]

    return result


def _print(text: str) -> None:
    """Print at once, so that a reader sees each step as it comes."""
    print(refit(text), flush=True)


def _quiet(text: str) -> None:
    """Print nothing."""
    del text
