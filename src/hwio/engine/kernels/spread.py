"""Put the cells of one phase of a stride in their places in dx, and zeros between them.

A task is some rows of dx (n, *in, c): all images' rows are numbered through.
"""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import AT
from hwio.engine.intrinsics import clear, copy, load_int

X, Y, CELL, ROWS, TASK_ROWS, CLEARS = (
    AT[name] for name in ("x", "y", "group_bytes", "pixels", "tiles", "linear")
)
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]


@njit(error_model="numpy")
def place(at, first, step, count):
    """Return the number of the phase's cell that lies at a cell of dx, or -1."""
    at -= first
    return at // step if at >= 0 and at % step == 0 and at // step < count else -1


def spread(a, task, thread):
    """Fill rows of dx (field y) with the phase's cells (field x)."""
    cell, width, columns = load_int(a + CELL), load_int(a + IN_W), load_int(a + OUT_W)
    in_d, in_h = load_int(a + IN_D), load_int(a + IN_H)
    out_d, out_h = load_int(a + OUT_D), load_int(a + OUT_H)
    step, first, clears = load_int(a + STRIDE_W), load_int(a + LOW_W), load_int(a + CLEARS)
    rows = load_int(a + TASK_ROWS)
    for row in range(task * rows, min(load_int(a + ROWS), (task + 1) * rows)):
        n, d, h = row // (in_d * in_h), row // in_h % in_d, row % in_h
        od = place(d, load_int(a + LOW_D), load_int(a + STRIDE_D), out_d)
        oh = place(h, load_int(a + LOW_H), load_int(a + STRIDE_H), out_h)
        there = load_int(a + Y) + row * width * cell
        if od < 0 or oh < 0:
            if clears:
                clear(there, width * cell)
            continue
        here = load_int(a + X) + ((n * out_d + od) * out_h + oh) * columns * cell
        if clears:
            clear(there, first * cell)
        for column in range(columns):
            at = first + column * step
            copy(here + column * cell, there + at * cell, cell)
            if clears:  # up to the next one, behind the last up to the end
                end = at + step if column < columns - 1 else width
                clear(there + (at + 1) * cell, (end - at - 1) * cell)


def build():
    """Return the functions to compile and their numbers of arguments."""
    return {"spread": (spread, 3)}
