"""``hwio check``: a learner's functions, each tried in a process of its own."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from hwio.cli.inputs import check_target, note
from hwio.cli.terminal import print_json, styled
from hwio.errors import OptionError, word

if TYPE_CHECKING:
    from hwio.grading.checkup import Checkup

MISMATCH = 1


def run_check(options: argparse.Namespace) -> int:
    """``hwio check``: 0 if every number is right, 1 if one is not."""
    from hwio.grading.checking import check

    check_target(options.page, "--page", (".html", ".htm"))
    targets = _targets(options.target)
    asked = {"like": options.like, "forward": options.forward, "timeout": options.timeout}
    found = []
    for target in targets:
        found.append(check(target, **asked))
        if not options.json:
            _show(found[-1], first=len(found) == 1)
    if options.page is not None or options.open:
        _explore(found, options)
    if options.json:
        facts = [each.to_dict() for each in found]
        alone = targets == [options.target]
        ok = all(each.ok for each in found)
        print_json(facts[0] if alone else {"ok": ok, "functions": facts})
    return 0 if all(each.ok for each in found) else MISMATCH


def _explore(found: list[Checkup], options: argparse.Namespace) -> None:
    """Write the interactive page of the first function that is wrong, or of the first."""
    page = next((each for each in found if not each.ok), found[0]).explore()
    if options.page is not None:
        note(f"wrote {page.save(options.page)}; open it in a browser")
    if options.open:
        note(f"the browser shows {page.open()}")


def _targets(target: str) -> list[str]:
    """Return ``file:function`` for each function that is meant."""
    from hwio.grading.checking import functions_in, split_target

    file, name = split_target(target)
    if name is not None:
        return [target]
    names = functions_in(file)
    if not names:
        rule = f"{target} has none of the functions that check knows by name"
        fact = (
            "conv_forward, conv_backward, pool_forward, pool_backward, zero_pad, conv_single_step"
        )
        raise OptionError(word(rule, [fact], f"{target}:my_function --like conv_forward"))
    return [f"{file}:{own}" for own in names]


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
