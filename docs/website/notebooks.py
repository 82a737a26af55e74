"""Turn a page into a Jupyter notebook and execute it.

Each example of a ``pycon`` block that shows an output ends a cell, so that outputs stand where the
page has them. Executed, every cell must say what the page says: a notebook can't drift from its page.
"""

from __future__ import annotations

import base64
import doctest
import mimetypes
import os
import re
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import test_docs as reader  # noqa: E402 - knows how a page is read; found by the line above

SEEN = os.environ | {"HWIO_ENGINE": "off", "COLUMNS": "100"}  # pages show NumPy alone
TIDY = [
    (re.compile(r"^<!-- .* -->\n", re.MULTILINE), ""),
    (re.compile(r"<details[^>]*><summary>(.*?)</summary>"), r"**\1**"),
    (re.compile(r"</details>\n?"), ""),
    (
        re.compile(r"(?<!!)\[([^]]+)\]\((?![a-z]+:)[^)]+\)"),
        r"*\1*",
    ),  # leads nowhere once downloaded
]


@dataclass
class Page:
    """A notebook, and what the page shows below each of its cells."""

    notebook: Any = field(default_factory=new_notebook)
    wanted: dict[int, doctest.Example | str] = field(default_factory=dict)

    def add(self, cell: Any, want: doctest.Example | str | None = None) -> None:
        """Append a cell."""
        cell.id = f"cell-{len(self.notebook.cells)}"
        if want is not None:
            self.wanted[len(self.notebook.cells)] = want
        self.notebook.cells.append(cell)


def convert(path: Path) -> Page:
    """Read a page of Markdown as a notebook."""
    text = path.read_text("utf-8")
    lines, page, done = text.splitlines(), Page(), 0
    page.notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    for block in reader.blocks_of(text):
        _add_prose(page, "\n".join(lines[done : block.line - 2]), path.parent)
        done = block.line + len(block.text.splitlines())
        _add_block(page, block)
    _add_prose(page, "\n".join(lines[done:]), path.parent)
    return page


def _add_prose(page: Page, text: str, folder: Path) -> None:
    """Append what stands between two blocks, pictures inside."""
    for pattern, instead in TIDY:
        text = pattern.sub(instead, text + "\n").strip()
    attached = {}
    for link in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        picture = folder / link
        mime = mimetypes.guess_type(picture.name)[0] or "image/png"
        attached[picture.name] = {mime: base64.b64encode(picture.read_bytes()).decode()}
        text = text.replace(f"({link})", f"(attachment:{picture.name})")
    if text:
        page.add(new_markdown_cell(text, **({"attachments": attached} if attached else {})))


def _add_block(page: Page, block: Any) -> None:
    """Append a fenced block as cells."""
    left_out = {"tags": ["skip-execution"]} if reader.is_left_out(block) else {}
    if block.kind == "pycon":
        held = ""
        for example in doctest.DocTestParser().get_examples(block.text):
            held += example.source
            if example.want:
                _add_code(page, held, left_out, example)
                held = ""
        if held:
            _add_code(page, held, left_out, None)
    elif block.kind == "python":
        _add_code(page, block.text, left_out, None)
    elif block.kind == "console":
        for command, shown in reader.commands_of(block.text):
            _add_code(page, f"!{command}", left_out, shown)
    else:
        page.add(new_markdown_cell(f"```{block.kind}\n{block.text}```"))


def _add_code(
    page: Page, source: str, left_out: dict[str, Any], want: doctest.Example | str | None
) -> None:
    """Append one cell of code; one that should raise may."""
    metadata = dict(left_out)
    if isinstance(want, doctest.Example) and want.exc_msg:
        metadata = {"tags": [*left_out.get("tags", []), "raises-exception"]}
    page.add(new_code_cell(source.rstrip("\n"), metadata=metadata), None if left_out else want)


def execute(path: Path, target: Path) -> list[str]:
    """Write the executed notebook of a page and return where it says something else."""
    page = convert(path)
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            page.notebook,
            kernel_name="python3",
            extra_arguments=["--log-level=ERROR"],  # it warns that loopback is not encrypted
            timeout=300,
            startup_timeout=300,  # a busy machine takes its time
            record_timing=False,
            resources={"metadata": {"path": folder}},
        )
        programs = str(Path(sys.executable).parent)
        client.execute(env=SEEN | {"PATH": programs + os.pathsep + SEEN["PATH"]})
    nbformat.write(page.notebook, target)
    cells = page.notebook.cells
    return [
        f"{path.name}: {cells[n].source}\n{came}\ninstead of\n{shown}"
        for n, want in page.wanted.items()
        for shown, came in [(_shown(want), _came(cells[n]))]
        if not doctest.OutputChecker().check_output(shown, came, reader.FLAGS)
    ]


def _shown(want: doctest.Example | str) -> str:
    """Return what a page shows: an output, or an error without its traceback."""
    if isinstance(want, str):
        return want
    return want.exc_msg or want.want


def _came(cell: Any) -> str:
    """Return what a cell printed and left, as the prompt would show it."""
    said = ""
    for output in cell.outputs:
        if output.output_type == "stream":
            said += output.text
        elif output.output_type == "error":
            said += f"{_full_name(output.ename)}: {output.evalue}\n"
        else:
            said += output.data.get("text/plain", "") + "\n"
    return said


def _full_name(error: str) -> str:
    """Return an error's name as a traceback prints it."""
    import hwio.errors

    return f"hwio.errors.{error}" if hasattr(hwio.errors, error) else error
