"""A script in the making: lines of code, each with the shape that it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

WIDTH = 88
# what a line may need -> how to get it; written in this order
_IMPORTS = {
    r"\bflatbuffers\.": "import flatbuffers",
    r"\bjax\.": "import jax",
    r"\bjnp\.": "import jax.numpy as jnp",
    r"(?<![\w.])keras\.": "import keras",
    r"\bnp\.": "import numpy as np",
    r"\btf\.": "import tensorflow as tf",
    r"\btorch\.": "import torch",
    r"\bF\.": "import torch.nn.functional as F",
    r"\bschema\.": "from ai_edge_litert import schema_py_generated as schema",
    r"\blax\.": "from jax import lax",
    r"\bsliding_window_view\(": "from numpy.lib.stride_tricks import sliding_window_view",
    r"\bhelper\.": "from onnx import TensorProto, helper",
    r"\bnumpy_helper\.": "from onnx import numpy_helper",
    r"(?<![\w.])nn\.": "from torch import nn",
    r"\bReferenceEvaluator\(": "from onnx.reference import ReferenceEvaluator",
}


class Script:
    """Lines of a snippet; comments are set on one column and imports found from the code."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._indent = ""

    def line(self, code: str, comment: object = "") -> None:
        """Add a line of code, or several, and what stands after the last."""
        *before, last = code.split("\n")
        self._lines += [(self._indent + text, "") for text in before]
        self._lines.append((self._indent + last, str(comment)))

    def note(self, text: str) -> None:
        """Add a comment on a line of its own."""
        self._lines.append((f"{self._indent}# {text}", ""))

    def call(
        self, start: str, arguments: Sequence[str], end: str = ")", comment: object = ""
    ) -> None:
        """Add a call, with one argument a line where it is too long for one line."""
        flat = f"{start}{', '.join(arguments)}{end}"
        if len(self._indent + flat) <= WIDTH - 2:
            self.line(flat, comment)
        else:
            inner = "".join(f"\n    {argument}," for argument in arguments)
            self.line(f"{start}{inner}\n{end}", comment)

    def chain(self, name: str, parts: Sequence[str], comment: object = "") -> None:
        """Assign an expression made of steps, one step a line where it is too long for one line."""
        steps = [part for part in parts if part]
        if len(f"{self._indent}{name} = {''.join(steps)}") <= WIDTH - 2:
            self.line(f"{name} = {''.join(steps)}", comment)
            return
        self.line(f"{name} = {steps[0]}")
        for step in steps[1:-1]:
            self.line(f"{name} = {name}{step}")
        self.line(f"{name} = {name}{steps[-1]}", comment)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Indent what is added inside."""
        before, self._indent = self._indent, self._indent + "    "
        yield
        self._indent = before

    def text(self) -> str:
        """Return the imports and the lines, comments on one column where they fit."""
        code = "\n".join(text for text, _ in self._lines if not text.lstrip().startswith("#"))
        imports = [line for need, line in _IMPORTS.items() if re.search(need, code)]
        plain = [line for line in imports if line.startswith("import")]
        named = [line for line in imports if line.startswith("from")]
        head = [*plain, *named, ""] if imports else []
        return "\n".join(head + self._aligned()) + "\n"

    def _aligned(self) -> list[str]:
        """Set each comment beside its code, or above it where that leaves no column in common."""
        columns = _columns([(len(text), len(comment)) for text, comment in self._lines])
        out = []
        for (text, comment), column in zip(self._lines, columns, strict=True):
            if not comment:
                out.append(text)
            elif column:
                out.append(f"{text:<{column}}  # {comment}")
            else:
                spaces = " " * (len(text) - len(text.lstrip()))
                name, equals, _ = text.strip().partition(" = ")
                of = f"{name}: " if equals and comment.startswith("(") else ""  # a shape
                out += [f"{spaces}# {of}{comment}", text]
        return out


def _columns(sizes: Sequence[tuple[int, int]]) -> list[int]:
    """Choose the column of each comment, 0 for above the line: few columns, few lines above.

    Neighbours share a column. A new one costs as much as a comment and a half set above.

    Parameters
    ----------
    sizes : sequence of (length of the code, length of the comment)

    Examples
    --------
    >>> _columns([(20, 6), (30, 6), (10, 0), (10, 70)])
    [30, 30, 0, 0]
    """
    held = [i for i, (_, comment) in enumerate(sizes) if comment]
    best: list[tuple[float, dict[int, int]]] = [(0.0, {})]  # of the lines from the end on
    for start in reversed(range(len(held))):
        rest, placed = best[0]
        options = [(rest + 1, placed)]
        for column in {sizes[i][0] for i in held[start:]}:
            cost, mine = 1.5, dict[int, int]()
            for end in range(start, len(held)):
                code, comment = sizes[held[end]]
                if code <= column and column + comment + 4 <= WIDTH:
                    mine[held[end]] = column
                else:
                    cost += 1
                rest, placed = best[end - start]
                options.append((cost + rest, mine | placed))
        best.insert(0, min(options, key=lambda option: option[0]))
    chosen = best[0][1] or _beside(sizes, held)
    return [chosen.get(i, 0) for i in range(len(sizes))]


def _beside(sizes: Sequence[tuple[int, int]], held: Sequence[int]) -> dict[int, int]:
    """Return the column of the first comment that has room beside its code, and of no other."""
    return next(({i: sizes[i][0]} for i in held if sum(sizes[i]) + 4 <= WIDTH), {})
