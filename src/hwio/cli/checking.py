"""``hwio check``: a learner's functions, each tried in a process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwio.cli.inputs import check_target, note
from hwio.cli.terminal import print_json, styled

if TYPE_CHECKING:
    from hwio.grading.checkup import Checkup

MISMATCH = 1


def run_check(options: argparse.Namespace) -> int:
    """``hwio check``: 0 if every number is right, 1 if one is not."""
    from hwio.grading.checking import check, check_file, split_target

    check_target(options.page, "--page", (".html", ".htm"))
    file, name = split_target(options.target)
    asked = {"like": options.like, "forward": options.forward, "timeout": options.timeout}
    found = check_file(file, **asked) if name is None else [check(options.target, **asked)]
    for each in [] if options.json else found:
        _show(each, first=each is found[0])
    if options.page is not None or options.open:
        _explore(found, options)
    if options.json:
        facts = [each.to_dict() for each in found]
        ok = all(each.ok for each in found)
        print_json({"ok": ok, "functions": facts} if name is None else facts[0])
    return 0 if all(each.ok for each in found) else MISMATCH


def _explore(found: list[Checkup], options: argparse.Namespace) -> None:
    """Write the interactive page of the first function that is wrong, or of the first that has one."""
    from hwio.grading.explored import FORWARD

    drawn = [each for each in found if each.function in FORWARD and each.trials]
    if not drawn:
        note(f"there is no page: the explorer shows {', '.join(FORWARD)}")
        return
    page = next((each for each in drawn if not each.ok), drawn[0]).explore()
    if options.page is not None:
        note(f"wrote {page.save(options.page)}; open it in a browser")
    if options.open:
        note(f"the browser shows {page.open()}")


def _show(found: Checkup, first: bool) -> None:
    """Print one report, marks in colour on a terminal."""
    if not first:
        print("\n" + "─" * 40 + "\n")
    for line in str(found).splitlines():
        wrong = line.lstrip().startswith("✗")
        named = line.lstrip().startswith("→")
        style = "red" if wrong else "bold" if named else None
        print(styled(line, style, sys.stdout) if style else line)
    sys.stdout.flush()
