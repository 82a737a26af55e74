"""Gradients of pooling: every dy goes back into its window, to the maximum or to all cells.

A task owns some rows of dx, or some channels of them, and nobody else writes there. It takes the
windows that meet its rows, the last one first:

    tap of the window that has its first maximum                 as in kernels/pooling
    for row of the window: for tap:   dx[tap] += dy   where it is that one; or all are equal; or always

Windows go backwards and taps forwards, so that a cell of dx gets its numbers in the order of the taps,
as in ``max_grad_taps`` and ``sum_grad_taps``: the same bits. A window over the border of two tasks is
looked at by both; each writes its own rows. Where no two windows meet, nothing is read from dx.
"""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import POOLING_AT as AT
from hwio.engine.intrinsics import clear, load_int
from hwio.engine.kernels.giving import make_tile
from hwio.engine.kernels.pooling import behind_taps, first_tap

X, Y, DX = AT["x"], AT["y"], AT["dx"]
DIVISORS, DIVISOR_STEP = AT["divisors"], AT["divisor_step"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
STRIDE_D, STRIDE_H, STRIDE_W = AT["stride_d"], AT["stride_h"], AT["stride_w"]
DILATION_D, DILATION_H, DILATION_W = AT["dilation_d"], AT["dilation_h"], AT["dilation_w"]
LOW_D, LOW_H, LOW_W = AT["low_d"], AT["low_h"], AT["low_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]
CHANNELS, INNER, OUTER = AT["channels"], AT["inner"], AT["outer"]
IMAGES, BAND, BANDS, PART, PARTS = (
    AT[name] for name in ("pixels", "piece", "pieces", "part", "parts")
)
UNITS, COVERED = AT["tiles"], AT["covered"]


@njit(error_model="numpy")
def clear_rows(a, dx, planes, rows, part_bytes, size):
    """Write zeros into some rows of some planes of dx; each a (first, behind) pair."""
    x_d, x_h, x_w = load_int(a + X_D) * size, load_int(a + X_H) * size, load_int(a + X_W) * size
    for d in range(planes[0], planes[1]):
        here = dx + d * x_d
        if part_bytes == x_w:  # all channels: the rows lie side by side
            if rows[1] > rows[0]:
                clear(here + rows[0] * x_h, (rows[1] - rows[0]) * x_h)
            continue
        for h in range(rows[0], rows[1]):
            for w in range(load_int(a + IN_W)):
                clear(here + h * x_h + w * x_w, part_bytes)


def make_giving(task: str, kind: str, given: str, lanes: int, mr: int, most: int):
    """Return the kernel that gives dy back to some rows and channels of dx."""
    several, single = (make_tile(task, kind, given, lanes, n, most) for n in (mr, 1))
    x_size, size = int(kind[1]), int(given[1])

    @njit(error_model="numpy")
    def give_row(a, x, dx, dy, by, depth, rows, skipped, owned, channels):
        """Give a row of dy back, the last window first; x and dx are where the row's taps begin."""
        stride, dilation = load_int(a + STRIDE_W), load_int(a + DILATION_W)
        x_w, kernel_w, in_w = load_int(a + X_W), load_int(a + KERNEL_W), load_int(a + IN_W)
        inner, outer, low = load_int(a + INNER), load_int(a + OUTER), load_int(a + LOW_W)
        dy_step, by_step = load_int(a + CHANNELS) * size, load_int(a + DIVISOR_STEP)
        pixel = load_int(a + OUT_W)
        while pixel > 0:
            start, pixels = pixel - 1, 1
            if pixel <= outer and pixel - mr >= inner:
                start, pixels = pixel - mr, mr
            cell = start * stride - low
            tap = first_tap(cell, dilation)
            taps = behind_taps(cell, dilation, kernel_w, in_w) - tap
            cell = (cell + tap * dilation) * x_w
            if pixels == 1:
                single(
                    a, x + cell * x_size, dx + cell * size, dy + start * dy_step,
                    by + start * by_step, depth, rows, taps, skipped, owned, channels,
                )  # fmt: skip
            else:
                several(
                    a, x + cell * x_size, dx + cell * size, dy + start * dy_step,
                    by + start * by_step, depth, rows, taps, skipped, owned, channels,
                )  # fmt: skip
            pixel = start

    @njit(error_model="numpy")
    def give_plane(a, x, dx, dy, by, first, behind, d, depth, cleared, channels):
        """Give a plane of dy back to rows ``first`` to ``behind``; planes d to ``cleared`` are new."""
        stride, dilation, low = (
            load_int(a + STRIDE_H),
            load_int(a + DILATION_H),
            load_int(a + LOW_H),
        )
        kernel, in_h, out_h = load_int(a + KERNEL_H), load_int(a + IN_H), load_int(a + OUT_H)
        x_h, out_w = load_int(a + X_H), load_int(a + OUT_W)
        reach = (kernel - 1) * dilation + 1
        oh, new = min(out_h, (behind - 1 + low) // stride + 1), behind
        while oh > 0:
            oh -= 1
            h = oh * stride - low
            if h + reach <= first:
                break
            row = max(h, first)
            if row < new:
                clear_rows(a, dx, (d, cleared), (row, new), channels * size, size)
                new = row
            j = first_tap(h, dilation)
            rows = max(0, behind_taps(h, dilation, kernel, in_h) - j)
            h += j * dilation
            skipped = min(rows, first_tap(h - first, dilation))
            owned = max(skipped, behind_taps(h, dilation, rows, behind))
            give_row(
                a, x + h * x_h * x_size, dx + (d * load_int(a + X_D) + h * x_h) * size,
                dy + oh * out_w * load_int(a + CHANNELS) * size,
                by + oh * out_w * load_int(a + DIVISOR_STEP),
                depth, rows, skipped, owned, channels,
            )  # fmt: skip
        clear_rows(a, dx, (d, cleared), (first, new), channels * size, size)

    @njit(error_model="numpy")
    def give_image(a, x, dx, dy, first, behind, channels):
        """Give all dy of an image back to rows ``first`` to ``behind`` of dx."""
        stride, dilation, low = (
            load_int(a + STRIDE_D),
            load_int(a + DILATION_D),
            load_int(a + LOW_D),
        )
        kernel, in_d, x_d = load_int(a + KERNEL_D), load_int(a + IN_D), load_int(a + X_D)
        plane = load_int(a + OUT_H) * load_int(a + OUT_W)
        new = 0 if load_int(a + COVERED) else in_d  # planes from it on have their zeros
        od = load_int(a + OUT_D)
        while od > 0:
            od -= 1
            d = od * stride - low
            i = first_tap(d, dilation)
            depth = behind_taps(d, dilation, kernel, in_d) - i
            if depth <= 0:
                continue
            d += i * dilation
            give_plane(
                a, x + d * x_d * x_size, dx, dy + od * plane * load_int(a + CHANNELS) * size,
                load_int(a + DIVISORS) + od * plane * load_int(a + DIVISOR_STEP),
                first, behind, d, depth, new, channels,
            )  # fmt: skip
            new = min(new, d)
        clear_rows(a, dx, (0, new), (first, behind), channels * size, size)

    def giving(a, task, thread):
        bands, parts, band = load_int(a + BANDS), load_int(a + PARTS), load_int(a + BAND)
        stride, low, in_h = load_int(a + STRIDE_H), load_int(a + LOW_H), load_int(a + IN_H)
        every, part = load_int(a + CHANNELS), load_int(a + PART)
        units, images = load_int(a + UNITS), load_int(a + IMAGES)
        area = load_int(a + OUT_D) * load_int(a + OUT_H) * load_int(a + OUT_W) * every
        for n in range(task * units, min(images * bands * parts, (task + 1) * units)):
            image, at_band, channel = n // (bands * parts), n // parts % bands, n % parts * part
            first, behind = max(0, min(in_h, at_band * band * stride - low)), in_h
            if at_band < bands - 1:
                behind = max(0, min(in_h, (at_band + 1) * band * stride - low))
            if first >= behind:
                continue
            x = image * load_int(a + X_N) + channel
            give_image(
                a, load_int(a + X) + x * x_size, load_int(a + DX) + x * size,
                load_int(a + Y) + (image * area + channel) * size,
                first, behind, min(part, every - channel),
            )  # fmt: skip

    return giving


def build(task, kind, given, lanes, mr, most):
    """Return the functions to compile and their numbers of arguments."""
    symbol = f"pooling_grad_{task}_{kind}_{given}_{lanes}_{mr}"
    return {symbol: (make_giving(task, kind, given, lanes, mr, most), 3)}
