"""Write every output that README.md and docs/ show, by running the pages.

    python docs/make_outputs.py [page ...]

An output that holds ``...`` and fits what came is kept as it is. tests/test_docs.py, which knows how
to read a page, fails where a page and its outputs differ; this script makes them agree.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import sys
import tempfile
import traceback
from pathlib import Path
from types import ModuleType

DOCS = Path(__file__).resolve().parent


def load_reader() -> ModuleType:
    """Load tests/test_docs.py."""
    path = DOCS.parent / "tests" / "test_docs.py"
    spec = importlib.util.spec_from_file_location("test_docs", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["test_docs"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


READER = load_reader()
RAISED = "Traceback (most recent call last):\n  ...\n"


def chosen(shown: str, came: str) -> list[str]:
    """Return the lines to show: what was shown if its ellipses fit, or all but its end, else what came."""
    bare = came.replace("<BLANKLINE>", "")  # which stands for itself only in what is shown
    fits = doctest.OutputChecker().check_output(shown, bare, READER.FLAGS)
    same = without_end(shown) == without_end(came)
    return (shown if same or (fits and "..." in shown) else came).rstrip().splitlines()


def without_end(output: str) -> str:
    """Return an output without the empty lines at its end, which a page may show or leave out."""
    return re.sub(r"(\s|<BLANKLINE>)+$", "", output)


def answer(source: str, names: dict[str, object]) -> str:
    """Run one statement as the prompt would and return what it prints, or its error."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(source, "<page>", "single"), names)
    except Exception as error:  # noqa: BLE001 a page may show any error
        words = "".join(traceback.format_exception_only(error))
        return RAISED + words
    came = said.getvalue()
    return re.sub(r"^$", "<BLANKLINE>", came.removesuffix("\n"), flags=re.MULTILINE) if came else ""


def pycon_lines(text: str, names: dict[str, object]) -> list[str]:
    """Run the >>> lines of a block and return them with their outputs."""
    lines = []
    for example in doctest.DocTestParser().get_examples(text):
        first, *more = example.source.rstrip("\n").splitlines()
        lines += [f">>> {first}", *(f"... {line}".rstrip() for line in more)]
        came = answer(example.source, names)
        raised = came.startswith(RAISED) and came.removeprefix(RAISED) == example.exc_msg
        lines += example.want.splitlines() if raised else chosen(example.want, came)
    return lines


def console_lines(text: str) -> list[str]:
    """Run the commands of a block and return them with what they print."""
    lines = []
    for command, shown in READER.commands_of(text):
        lines += [f"$ {command}", *chosen(shown, READER.run_command(command)), ""]
    return lines[:-1]


def renew(page: str) -> str:
    """Return a page with every output made anew; a block whose ``needs:`` is absent stays."""
    with READER.numpy_alone():
        return _renew(page)


def _renew(page: str) -> str:
    """Run the blocks of a page in order and put their outputs in place."""
    lines, names = page.splitlines(), {"__name__": "__main__"}
    fresh: list[str] = []
    done = 0
    for block in READER.blocks_of(page):
        start = block.line - 1
        body = block.text.splitlines()
        fresh += lines[done:start]
        done = start + len(body)
        if READER.is_left_out(block):
            pass
        elif block.kind == "python":
            READER.run_python(block, "<page>", names)
        elif block.kind == "pycon":
            body = pycon_lines(block.text, names)
        elif block.kind == "console":
            body = console_lines(block.text)
        fresh += body
    return "\n".join([*fresh, *lines[done:]]) + "\n"


def main() -> None:
    """Renew the pages named, or all."""
    # functions.md shows the docstrings' own examples: make_reference.py writes them
    all_pages = [path for path in READER.PAGES if path.name != "functions.md"]
    pages = [Path(name).resolve() for name in sys.argv[1:]] or all_pages
    for path in pages:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            fresh = renew(path.read_text(encoding="utf-8"))
        path.write_text(fresh, encoding="utf-8")
        sys.stdout.write(f"{os.path.relpath(path)}\n")


if __name__ == "__main__":
    main()
