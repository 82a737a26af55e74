"""The definitions of a notebook: what can be loaded without running it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def definitions(path: Path) -> Iterator[CodeType]:
    """Yield the imports, functions, classes and constants of a notebook, compiled one by one.

    Everything else is left out: cells that print, train or draw don't run, nor do ``%`` and ``!``.
    A cell that does not parse is left out too, for a learner's other cells may.
    """
    held = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in held["cells"] if cell.get("cell_type") == "code"]
    for number, cell in enumerate(cells, 1):
        source = cell["source"]
        text = source if isinstance(source, str) else "".join(source)
        lines = ["" if line.lstrip()[:1] in ("%", "!") else line for line in text.splitlines()]
        try:
            tree = ast.parse("\n".join(lines))
        except SyntaxError:
            continue
        for node in tree.body:
            if isinstance(node, KEPT) or _is_constant(node):
                yield compile(ast.Module([node], []), f"<code cell {number}>", "exec")


def _is_constant(node: ast.stmt) -> bool:
    """Tell whether a statement gives a name to something written out."""
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True
