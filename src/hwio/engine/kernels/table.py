"""The pointer table: for each tile, tap and pixel, where the pixel's channels lie.

A tap that meets padding points at a row of zeros, so the register blocks that follow never ask
about strides, padding or dilation. Where the taps along W are taken as one (SPAN of them), their
cells lie side by side in x; a window that overhangs x's row points into that row's edges, a copy of
its ends with padding beside them (Dukhan 2019, "The Indirect Convolution Algorithm", arXiv
1907.02129).
"""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import AT
from hwio.engine.intrinsics import load_int, store_int

PIXELS, ZEROS, LINEAR = AT["pixels"], AT["zeros"], AT["linear"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
SPAN, EDGES, EDGE_ROW, EDGE_RIGHT = AT["span"], AT["edges"], AT["edge_row"], AT["edge_right"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]


@njit(error_model="numpy")
def _over(a, n, d, h, w):
    """Return the address of a window that overhangs its row of x: zeros, or among the row's edges."""
    if load_int(a + SPAN) == 1:
        return load_int(a + ZEROS)
    row = (n * load_int(a + IN_D) + d) * load_int(a + IN_H) + h
    first = load_int(a + EDGES) + row * load_int(a + EDGE_ROW)
    if w < 0:
        return first + (w + load_int(a + LOW_W)) * load_int(a + X_W)
    return first + w * load_int(a + X_W) + load_int(a + EDGE_RIGHT)


@njit(error_model="numpy")
def _fill_row(a, x, here, n, zd, zh, zw, mr):
    """Write the addresses (tap, mr) of one tile that lies in one output row."""
    last = load_int(a + IN_W) - load_int(a + SPAN)
    zeros = load_int(a + ZEROS)
    in_d, in_h = load_int(a + IN_D), load_int(a + IN_H)
    x_d, x_h, x_w = load_int(a + X_D), load_int(a + X_H), load_int(a + X_W)
    dd, dh, dw = load_int(a + DILATION_D), load_int(a + DILATION_H), load_int(a + DILATION_W)
    kw, sw = load_int(a + KERNEL_W), load_int(a + STRIDE_W)
    for i in range(load_int(a + KERNEL_D)):
        for j in range(load_int(a + KERNEL_H)):
            at_d, at_h = zd + i * dd, zh + j * dh
            inside = 0 <= at_d < in_d and 0 <= at_h < in_h
            row = x + at_d * x_d + at_h * x_h
            for q in range(kw):
                first = zw + q * dw
                if not inside:
                    for m in range(mr):
                        store_int(here + m * 8, zeros)
                elif first >= 0 and first + (mr - 1) * sw <= last:
                    for m in range(mr):
                        store_int(here + m * 8, row + (first + m * sw) * x_w)
                else:
                    for m in range(mr):
                        at_w = first + m * sw
                        value = row + at_w * x_w
                        if not 0 <= at_w <= last:
                            value = _over(a, n, at_d, at_h, at_w)
                        store_int(here + m * 8, value)
                here += mr * 8


@njit(error_model="numpy")
def fill_table(a, x, table, first, count, mr):
    """Write the addresses (tile, tap, mr) of ``count`` tiles from pixel ``first`` on."""
    pixels, zeros = load_int(a + PIXELS), load_int(a + ZEROS)
    out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
    in_d, in_h, in_w = load_int(a + IN_D), load_int(a + IN_H), load_int(a + IN_W)
    kd, kh, kw = load_int(a + KERNEL_D), load_int(a + KERNEL_H), load_int(a + KERNEL_W)
    sd, sh, sw = load_int(a + STRIDE_D), load_int(a + STRIDE_H), load_int(a + STRIDE_W)
    dd, dh, dw = load_int(a + DILATION_D), load_int(a + DILATION_H), load_int(a + DILATION_W)
    ld, lh, lw = load_int(a + LOW_D), load_int(a + LOW_H), load_int(a + LOW_W)
    x_n, x_d = load_int(a + X_N), load_int(a + X_D)
    x_h, x_w = load_int(a + X_H), load_int(a + X_W)
    if load_int(a + LINEAR):  # 1×1 taps on neighbouring pixels: no tap can miss
        for t in range(count):
            start = max(0, min(first + t * mr, pixels - mr))
            entry = table + t * mr * 8
            for m in range(mr):
                store_int(entry + m * 8, x + min(start + m, pixels - 1) * x_w)
        return
    last = in_w - load_int(a + SPAN)
    area, volume = out_h * out_w, out_d * out_h * out_w
    for t in range(count):
        start = max(0, min(first + t * mr, pixels - mr))
        n = start // volume
        rest = start - n * volume
        od = rest // area
        rest -= od * area
        oh = rest // out_w
        ow = rest - oh * out_w
        entry = table + t * kd * kh * kw * mr * 8
        if ow + mr <= out_w:  # one row: each tap's addresses are a step apart
            _fill_row(a, x + n * x_n, entry, n, od * sd - ld, oh * sh - lh, ow * sw - lw, mr)
            continue
        for m in range(mr):
            here = entry + m * 8
            for i in range(kd):
                zd = od * sd - ld + i * dd
                for j in range(kh):
                    zh = oh * sh - lh + j * dh
                    row = x + n * x_n + zd * x_d + zh * x_h
                    inside = 0 <= zd < in_d and 0 <= zh < in_h
                    zw = ow * sw - lw
                    for _ in range(kw):
                        value = zeros
                        if inside and 0 <= zw <= last:
                            value = row + zw * x_w
                        elif inside:
                            value = _over(a, n, zd, zh, zw)
                        store_int(here, value)
                        here += mr * 8
                        zw += dw
            if start + m + 1 >= pixels:
                continue  # fewer pixels than a tile: the last one again
            ow += 1
            if ow == out_w:
                ow = 0
                oh += 1
                if oh == out_h:
                    oh = 0
                    od += 1
                    if od == out_d:
                        od = 0
                        n += 1
