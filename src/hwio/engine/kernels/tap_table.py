"""Where each tap sees each pixel of a chunk: the pointer table of the gradient for w."""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import AT
from hwio.engine.intrinsics import load_int, store_int

ZEROS, CHUNK = AT["zeros"], AT["chunk"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_H, KERNEL_W = AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]


@njit(error_model="numpy")
def fill_taps(a, x, table, first, rows, tap, last):
    """Write the addresses (tap, pixel) of the cells that taps see from pixel ``first`` on."""
    zeros = load_int(a + ZEROS)
    out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
    in_d, in_h, in_w = load_int(a + IN_D), load_int(a + IN_H), load_int(a + IN_W)
    kh, kw = load_int(a + KERNEL_H), load_int(a + KERNEL_W)
    sw, x_w, chunk = load_int(a + STRIDE_W), load_int(a + X_W), load_int(a + CHUNK)
    while tap < last:
        move_w = tap % kw * load_int(a + DILATION_W) - load_int(a + LOW_W)
        move_h = tap // kw % kh * load_int(a + DILATION_H) - load_int(a + LOW_H)
        move_d = tap // (kw * kh) * load_int(a + DILATION_D) - load_int(a + LOW_D)
        ow, oh = first % out_w, first // out_w % out_h
        od, n = first // (out_w * out_h) % out_d, first // (out_w * out_h * out_d)
        here, left = table, rows
        while left > 0:  # one row of outputs
            count = min(left, out_w - ow)
            d, h = od * load_int(a + STRIDE_D) + move_d, oh * load_int(a + STRIDE_H) + move_h
            inside = 0 <= d < in_d and 0 <= h < in_h
            row = x + n * load_int(a + X_N) + d * load_int(a + X_D) + h * load_int(a + X_H)
            w = ow * sw + move_w
            if inside and w >= 0 and w + (count - 1) * sw < in_w:
                for m in range(count):
                    store_int(here + m * 8, row + (w + m * sw) * x_w)
            else:
                for m in range(count):
                    cell = w + m * sw
                    value = row + cell * x_w if inside and 0 <= cell < in_w else zeros
                    store_int(here + m * 8, value)
            here += count * 8
            left -= count
            ow = 0
            oh += 1
            if oh == out_h:
                oh = 0
                od += 1
                if od == out_d:
                    od = 0
                    n += 1
        table += chunk * 8
        tap += 1
