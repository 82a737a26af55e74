"""Split-bf16: convolution as products of bfloat16 parts on tiles, sums in float32.

A task is a block of output rows of one image × a range of panels of 32 filters. It copies the cells
of x that its outputs meet into scratch, split into parts, with padding in place, and ordered so that
every tap finds the pixels of all its outputs one after the other, whatever the stride:

    cells (chunk of 32 channels, slab, row, column, part, 32)       see ``engine.slabs``

So a tile of x is 16 rows a fixed step apart, from wherever its tap begins. The sums of a block stay in
scratch of their own, rounded up to whole tiles, between parts of the reduction; bias, activation
and y come last. A number outside the range in which parts and products are exact enough marks its
image, and the image is left to the direct kernel.
"""

from __future__ import annotations

from numba import njit

from hwio.engine.fields import SPLIT_FIELDS
from hwio.engine.intrinsics import load_int, store_int
from hwio.engine.kernels.parts import (
    call_tiles,
    make_split_cell,
    make_weave,
    make_zero_cell,
    store_row,
)

AT = {name: 8 * n for n, name in enumerate(SPLIT_FIELDS)}
X, W, Y, BIAS, ENDS = (AT[name] for name in ("x", "w", "y", "bias", "ends"))
FLAGS, TILES, CONFIG = AT["flags"], AT["tiles"], AT["config"]
SCRATCH, SCRATCH_STEP, SUMS_AT = AT["scratch"], AT["scratch_step"], AT["sums_at"]
LOW, HIGH = AT["low"], AT["high"]
SLABS, SLAB_COUNT, OFFSETS = AT["slabs"], AT["slab_count"], AT["offsets"]
STEPS, STEPS_AT_ONCE = AT["steps"], AT["steps_at_once"]
OUT_D, OUT_H, OUT_W = AT["out_d"], AT["out_h"], AT["out_w"]
IN_D, IN_H, IN_W = AT["in_d"], AT["in_h"], AT["in_w"]
STEP_D, STEP_H, STEP_W = AT["step_d"], AT["step_h"], AT["step_w"]
X_N, X_D, X_H, X_W = AT["x_n"], AT["x_d"], AT["x_h"], AT["x_w"]
ROWS, COLUMNS, MORE_ROWS, MORE_COLUMNS = (
    AT["rows"],
    AT["columns"],
    AT["more_rows"],
    AT["more_columns"],
)
BLOCK_H, BLOCK_W, BLOCKS_H, BLOCKS_W = AT["block_h"], AT["block_w"], AT["blocks_h"], AT["blocks_w"]
CHANNELS, GROUP_BYTES = AT["channels"], AT["group_bytes"]
CHUNKS, CHUNK_BYTES = AT["chunks"], AT["chunk_bytes"]
FILTERS, Y_STEP, PANELS, PANEL_GROUP = AT["filters"], AT["y_step"], AT["panels"], AT["panel_group"]
IMAGES = AT["images"]


def make_fill(parts: int):
    """Return the function that splits the cells of one block; it tells whether one is outside."""
    cell = parts * 64
    split_whole = make_split_cell(parts, whole=True)
    split_rest = make_split_cell(parts, whole=False)
    zero_cell = make_zero_cell(parts)

    @njit(error_model="numpy")
    def fill_row(a, source, target, at_w, count):
        """Split ``count`` cells of one row, from index at_w of x on; those beside x are zeros."""
        in_w, x_w, step = load_int(a + IN_W), load_int(a + X_W), load_int(a + STEP_W)
        chunks, chunk_bytes = load_int(a + CHUNKS), load_int(a + CHUNK_BYTES)
        channels, low, high = load_int(a + CHANNELS), load_int(a + LOW), load_int(a + HIGH)
        outside = 0
        for c in range(count):
            here = target + c * cell
            if source != 0 and 0 <= at_w < in_w:
                pixel = source + at_w * x_w
                for chunk in range(chunks):
                    left = channels - chunk * 32
                    if left >= 32:
                        outside |= split_whole(pixel + chunk * 128, here, left, low, high)
                    else:
                        outside |= split_rest(pixel + chunk * 128, here, left, low, high)
                    here += chunk_bytes
            else:
                for _ in range(chunks):
                    zero_cell(here)
                    here += chunk_bytes
            at_w += step
        return outside

    @njit(error_model="numpy")
    def fill(a, x, cells, od, oh, ow, rows, columns):
        """Split all slabs of a block that begins at the output (od, oh, ow)."""
        in_d, in_h = load_int(a + IN_D), load_int(a + IN_H)
        x_d, x_h = load_int(a + X_D), load_int(a + X_H)
        slabs, outside = load_int(a + SLABS), 0
        slab_rows, slab_columns = load_int(a + ROWS), load_int(a + COLUMNS)
        for slab in range(load_int(a + SLAB_COUNT)):
            at_d = od * load_int(a + STEP_D) + load_int(slabs + slab * 24)
            at_h = oh * load_int(a + STEP_H) + load_int(slabs + slab * 24 + 8)
            at_w = ow * load_int(a + STEP_W) + load_int(slabs + slab * 24 + 16)
            for r in range(rows):
                source = 0  # padding: no such row
                if 0 <= at_d < in_d and 0 <= at_h < in_h:
                    source = x + at_d * x_d + at_h * x_h
                target = cells + (slab * slab_rows + r) * slab_columns * cell
                outside |= fill_row(a, source, target, at_w, columns)
                at_h += load_int(a + STEP_H)
        return outside

    return fill


def make_split(parts: int):
    """Return the kernel for numbers of some parts."""
    fill = make_fill(parts)
    step_bytes = parts * 2048

    def split(a, task, thread):
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        blocks_h, blocks_w = load_int(a + BLOCKS_H), load_int(a + BLOCKS_W)
        out_d, out_h, out_w = load_int(a + OUT_D), load_int(a + OUT_H), load_int(a + OUT_W)
        block_h, block_w = load_int(a + BLOCK_H), load_int(a + BLOCK_W)
        ow = (task % blocks_w) * block_w
        task //= blocks_w
        oh = (task % blocks_h) * block_h
        task //= blocks_h
        od = task % out_d
        task //= out_d
        image = task % load_int(a + IMAGES)
        task //= load_int(a + IMAGES)
        share = (panels + panel_group - 1) // panel_group
        part, group = task % share, task // share
        flag = load_int(a + FLAGS) + image * 8
        if load_int(flag) != 0:
            return  # another task met a number that tiles can't serve

        rows, columns = min(block_h, out_h - oh), min(block_w, out_w - ow)
        slab_columns = load_int(a + COLUMNS)
        cells = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        sums = cells + load_int(a + SUMS_AT)
        x = load_int(a + X) + image * load_int(a + X_N) + group * load_int(a + GROUP_BYTES)
        more_rows, more_columns = load_int(a + MORE_ROWS), load_int(a + MORE_COLUMNS)
        if fill(a, x, cells, od, oh, ow, rows + more_rows, columns + more_columns) != 0:
            store_int(flag, 1)
            return

        steps, at_once = load_int(a + STEPS), load_int(a + STEPS_AT_ONCE)
        filters, y_step = load_int(a + FILTERS), load_int(a + Y_STEP)
        tiles = ((rows - 1) * slab_columns + columns + 15) // 16
        y = load_int(a + Y) + (((image * out_d + od) * out_h + oh) * out_w + ow) * y_step
        for panel in range(part * panel_group, min(panels, (part + 1) * panel_group)):
            w = load_int(a + W) + (group * panels + panel) * steps * step_bytes
            bias = load_int(a + BIAS) + (group * panels + panel) * 128
            wide = min(32, filters - panel * 32)
            for s in range(0, steps, at_once):
                call_tiles(
                    load_int(a + TILES), cells, load_int(a + OFFSETS) + s * 8,
                    min(at_once, steps - s), w + s * step_bytes, sums, s == 0, tiles,
                    (wide + 15) // 16, load_int(a + CONFIG),
                )  # fmt: skip
            out = y + (group * filters + panel * 32) * 4
            for r in range(rows):
                for c in range(columns):
                    here = sums + (r * slab_columns + c) * 128
                    store_row(here, out + (r * out_w + c) * y_step, bias, wide, load_int(a + ENDS))

    return split


# fields of the packing
FROM, TO, SEEN, TAPS, DEPTH, ROW, COUNT, SHARES = (8 * n for n in range(8))


def make_packing(parts: int):
    """Return the kernel that packs one panel of one group as (tap, chunk, part, 2, 16, 16, 2)."""
    weave = make_weave(parts)
    step_bytes = parts * 2048

    def packing(a, task, thread):
        taps, channels = load_int(a + TAPS), load_int(a + DEPTH)
        row, filters, panels = load_int(a + ROW), load_int(a + COUNT), load_int(a + SHARES)
        group, panel = task // panels, task % panels
        chunks = (channels + 31) // 32
        source = load_int(a + FROM) + (group * filters + panel * 32) * 4
        target = load_int(a + TO) + task * taps * chunks * step_bytes
        seen = load_int(a + SEEN) + task * 128
        wide = min(32, filters - panel * 32)
        for tap in range(taps):
            for chunk in range(chunks):
                for r in range(16):
                    c = chunk * 32 + 2 * r
                    here = source + (tap * channels + c) * row
                    first = wide if c < channels else 0
                    second = wide if c + 1 < channels else 0
                    weave(here, here + row, first, second, target + r * 64, seen)
                target += step_bytes

    return packing


def build(parts):
    """Return the functions to compile and their numbers of arguments."""
    return {
        f"split_{parts}": (make_split(parts), 3),
        f"split_packing_{parts}": (make_packing(parts), 3),
    }
