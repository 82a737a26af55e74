"""Copy the ends of every row of x to where padding stands beside them; see ``table``.

A task is some rows; what no cell of x is copied to becomes zeros.
"""

from __future__ import annotations

from hwio.engine.fields import EDGES_FIELDS
from hwio.engine.intrinsics import clear, copy, load_int

X, TO, X_ROW, TO_ROW, ROWS, SHARE, FIRST, FIRST_TO, LAST_FROM, LAST, LAST_TO = (
    8 * n for n in range(len(EDGES_FIELDS))
)


def edges(a, task, thread):
    """Copy both ends of the rows of one task."""
    x, to = load_int(a + X), load_int(a + TO)
    x_row, to_row = load_int(a + X_ROW), load_int(a + TO_ROW)
    first, first_to = load_int(a + FIRST), load_int(a + FIRST_TO)
    last_from, last, last_to = load_int(a + LAST_FROM), load_int(a + LAST), load_int(a + LAST_TO)
    share = load_int(a + SHARE)
    for row in range(task * share, min(load_int(a + ROWS), (task + 1) * share)):
        clear(to + row * to_row, to_row)
        copy(x + row * x_row, to + row * to_row + first_to, first)
        copy(x + row * x_row + last_from, to + row * to_row + last_to, last)


def build():
    """Return the functions to compile and their numbers of arguments."""
    return {"edges": (edges, 3)}
