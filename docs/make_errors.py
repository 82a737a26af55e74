"""Write docs/reference/errors.md, the catalogue of errors, from the table that the tests hold.

    python docs/make_errors.py

The table is tests/errors/: add an entry there, run tests/error_texts.py, then this.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent / "tests"))

import hwio  # noqa: E402
from error_texts import CHAPTERS, CLASSES, Entry, read_chapter  # noqa: E402 - found by the line above

PAGE = DOCS / "reference" / "errors.md"
HEAD = """# Errors

Every message that hwio words itself, as it is printed. The first line is the broken rule, then come
the shapes with the letters they are read as, then `fix:` with something to type: a call, an
argument to add or change, or a line to type before the call. The tests compare every text on this
page word for word and run every fix.

Unless an entry says otherwise, the arrays are

```python
import numpy as np, hwio

x = np.ones((2, 5, 7, 4))  # NHWC
w = np.ones((3, 3, 4, 8))  # HWIO
b = np.ones(8)
```

`plan`, `explain`, `compare` and `code` word fixes for themselves; the command line spells them as
flags.

## Classes

All of them are `hwio.HwioError`, and also the exception that NumPy or Python would raise.

"""


def page() -> str:
    """Return the whole page."""
    parts = [HEAD + _classes()]
    for name in CHAPTERS:
        chapter = read_chapter(name)
        parts.append(f"## {chapter.title}\n")
        parts += [f"{chapter.words}\n"] if chapter.words else []
        parts += [_block(entry) for entry in chapter.entries]
    return "\n".join(parts)


def _classes() -> str:
    """Tabulate the classes of errors."""
    lines = ["| class | is also | what it says |", "|---|---|---|"]
    for each in sorted(CLASSES, key=lambda c: c.__name__):
        also = next(c.__name__ for c in each.__bases__ if c is not hwio.HwioError)
        said = " ".join((each.__doc__ or "").split())
        lines.append(f"| `{each.__name__}` | `{also}` | {said} |")
    return "\n".join(lines) + "\n"


def _block(entry: Entry) -> str:
    """Lay one entry out."""
    first, *rest = entry.code.splitlines()
    code = [f">>> {first}"]
    code += [("... " if line.startswith(" ") else ">>> ") + line for line in rest]
    return "\n".join([f"### {entry.title}\n", "```text", *code, entry.text, "```\n"])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
