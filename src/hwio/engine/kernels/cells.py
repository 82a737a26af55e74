"""The cell table: where the cells of x lie that one row of outputs looks at.

For each row of the kernel, one pointer per cell of the padded row of x; a cell in the padding points
at a row of zeros. Tap j of output pixel m finds its cell at entry m·stride + j·dilation, so
neighbouring pixels share their pointers, and the register blocks never ask about padding. For the way
back through a stride, x may be thought of as wider: between its cells lie others, of zeros.
"""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import AT
from hwio.engine.intrinsics import load_int, store_int

ZEROS = AT["zeros"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_D, KERNEL_H = AT["kernel_d"], AT["kernel_h"]
STRIDE_D, STRIDE_H = AT["stride_d"], AT["stride_h"]
DILATION_D, DILATION_H = AT["dilation_d"], AT["dilation_h"]
WIDEN_D, WIDEN_H, WIDEN_W = AT["widen_d"], AT["widen_h"], AT["widen_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]


@njit(error_model="numpy")
def fill_cells(a, x, table, row, cells):
    """Write the addresses (kernel rows, cells) that output row ``row`` of all images looks at."""
    zeros, widen = load_int(a + ZEROS), load_int(a + WIDEN_W)
    wide_d, wide_h = load_int(a + WIDEN_D), load_int(a + WIDEN_H)
    out_d, out_h = load_int(a + OUT_D), load_int(a + OUT_H)
    in_d, in_h, in_w = load_int(a + IN_D), load_int(a + IN_H), load_int(a + IN_W)
    n, od, oh = row // (out_d * out_h), row // out_h % out_d, row % out_h
    low, step = load_int(a + LOW_W), load_int(a + X_W)
    missed = max(0, widen - 1 - low) // widen  # cells of x before the first that is seen
    start, stop = low + missed * widen, min(cells, low + (in_w - 1) * widen + 1)
    here = table
    for i in range(load_int(a + KERNEL_D)):
        d = od * load_int(a + STRIDE_D) - load_int(a + LOW_D) + i * load_int(a + DILATION_D)
        for j in range(load_int(a + KERNEL_H)):
            h = oh * load_int(a + STRIDE_H) - load_int(a + LOW_H) + j * load_int(a + DILATION_H)
            for q in range(cells):
                store_int(here + q * 8, zeros)
            if d >= 0 and h >= 0 and d % wide_d == 0 and h % wide_h == 0:
                at_d, at_h = d // wide_d, h // wide_h
                if at_d < in_d and at_h < in_h:
                    first = x + n * load_int(a + X_N) + at_d * load_int(a + X_D)
                    first += at_h * load_int(a + X_H) + missed * step
                    count = 0 if stop <= start else (stop - start + widen - 1) // widen
                    for q in range(count):
                        store_int(here + (start + q * widen) * 8, first + q * step)
            here += cells * 8
