"""The table of errors: what a newcomer types, and word for word what hwio answers.

Each file of ``errors/`` is a chapter. ``## `` starts an entry; the last ``>>> `` line is the call
that fails, and the lines after it are the whole message. Every entry starts with x, w and b.

    python tests/error_texts.py      writes the messages of today into the files, to be read and kept
"""

from __future__ import annotations

import ast
import inspect
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import hwio
from hwio import errors
from hwio.ops.keywords import OPTIONS

CHAPTERS = ("layouts", "ranks", "channels", "kernels", "padding", "numbers", "bias", "arrays")
CHAPTERS += ("options", "keywords", "places", "limits", "conversion", "shapes", "pooling")
CHAPTERS += ("gradients", "transposed", "moving", "lab", "diagnosis", "check", "explorer")
CLASSES = [
    c for c in vars(errors).values() if isinstance(c, type) and hwio.HwioError in c.__bases__
]
FOLDER = Path(__file__).parent / "errors"
MEMORY = 64 << 20  # of the machine that the table speaks of: small, so that every fix is quick


@dataclass(frozen=True)
class Entry:
    """One failing call and its message."""

    chapter: str
    title: str
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.chapter}: {self.title}"


@dataclass(frozen=True)
class Chapter:
    """One file of the table."""

    title: str
    words: str
    entries: list[Entry]


def read_chapter(name: str) -> Chapter:
    """Read one file."""
    head, *blocks = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("\n## ")
    title, _, words = head.removeprefix("# ").partition("\n")
    return Chapter(title, words.strip(), [_entry(name, block) for block in blocks])


def _entry(chapter: str, block: str) -> Entry:
    title, *lines = block.splitlines()
    code = [line[4:] for line in lines if line.startswith((">>> ", "... "))]
    text = [line for line in lines if not line.startswith((">>> ", "... "))]
    return Entry(chapter, title, "\n".join(code), "\n".join(text).strip())


def entries() -> list[Entry]:
    """Return the whole table."""
    return [entry for name in CHAPTERS for entry in read_chapter(name).entries]


class Session:
    """The names that a newcomer has when the call of an entry fails."""

    def __init__(self, entry: Entry) -> None:
        self.names: dict[str, Any] = {
            "__name__": "__main__",
            "np": np,
            "hwio": hwio,
            "x": np.ones((2, 5, 7, 4)),
            "w": np.ones((3, 3, 4, 8)),
            "b": np.ones(8),
        }
        *before, last = ast.parse(entry.code).body
        exec(compile(ast.Module(before, []), "setup", "exec"), self.names)
        assert isinstance(last, ast.Expr)
        assert isinstance(last.value, ast.Call)
        self._call = last.value

    def call(self, **changed: Any) -> Any:
        """Make the entry's call, with some of its arguments changed by name."""
        function = self._value(self._call.func)
        signature = inspect.signature(function)
        names = list(signature.parameters)
        args = [self._value(node) for node in self._call.args]
        named = {str(k.arg): self._value(k.value) for k in self._call.keywords}
        if changed:  # what a fix does not know, it replaces
            named = {name: v for name, v in named.items() if name in {*names, *OPTIONS}}
        for name, value in changed.items():
            if name in names[: len(args)]:
                args[names.index(name)] = value
            else:
                named[name] = value
        with patch("hwio.ops.memory.physical_memory", lambda: MEMORY):
            return function(*args, **named)

    def _value(self, node: ast.expr) -> Any:
        return eval(compile(ast.Expression(node), "call", "eval"), self.names)

    def try_fix(self, fix: str) -> Any:
        """Type a fix and return the result.

        A fix is a call, ``name=value`` to put among the arguments, ``name = value`` to type before
        the call, or ``name of shape (...)``; ``and`` joins several.
        """
        changed: dict[str, Any] = {}
        for step in fix.split("   and   "):
            shaped = re.fullmatch(r"(\w+) of shape (\(.*\))", step)
            if shaped:
                self.names[shaped[1]] = np.ones(ast.literal_eval(shaped[2]))
            elif re.match(r"(from .* import .*; )?\w+ = ", step):
                exec(step, self.names)
            elif re.match(r"\w+=", step):
                changed |= eval(f"dict({step})", self.names)
            else:
                return eval(step, self.names)
        return self.call(**changed)


def message(entry: Entry) -> str:
    """Return what the call of an entry says today."""
    session = Session(entry)
    try:
        result = session.call()
    except hwio.HwioError as error:
        return f"{type(error).__name__}: {error}"
    say = f"{entry} is no error: {result!r}"
    raise AssertionError(say)


def measured(call: Callable[[], Any]) -> tuple[int, BaseException | None]:
    """Return the peak of memory that a call takes, and what it raises."""
    tracemalloc.start()
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return tracemalloc.get_traced_memory()[1], error
    else:
        return tracemalloc.get_traced_memory()[1], None
    finally:
        tracemalloc.stop()


def fixes(text: str) -> list[str]:
    """Return what a message offers to type."""
    lines = re.findall(r"^  (?:fix| or): (.*)$", text, re.MULTILINE)
    typed = [part for line in lines for part in line.split("   # ")[0].split("   or   ")]
    return [re.sub(r"^did you mean (.*)\?$", r"\1", part) for part in typed]


def _write(name: str) -> None:
    """Write today's messages into one file."""
    chapter = read_chapter(name)
    parts = [f"# {chapter.title}", *([chapter.words] if chapter.words else [])]
    for entry in chapter.entries:
        statements = ast.parse(entry.code).body
        code = []
        for statement in statements:
            first, *rest = (ast.get_source_segment(entry.code, statement) or "").splitlines()
            code += [f">>> {first}", *(f"... {line}" for line in rest)]
        try:
            text = message(entry)
        except ImportError:
            text = entry.text
        parts.append("\n".join([f"## {entry.title}", *code, text]))
    (FOLDER / f"{name}.txt").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for _name in CHAPTERS:
        _write(_name)
