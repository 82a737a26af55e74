"""The gradient for w: the long axis is that of the output pixels, and w's sums stay in registers.

    dw[tap, c, o] = Σ over pixels   x[pixel · stride + tap, c] · dy[pixel, o]

A register block is MR channels of one tap × NRV vectors of filters; a strip is such a block's rows of
dw. Pixels of all images are numbered through and cut into chunks that fit a core's caches: a task
lays its filters of a chunk of dy side by side, panel by panel, notes where each tap sees each of its
pixels, and lets each of its strips meet all of its panels. Where rows of x lie far apart, a strip's
channels are laid side by side first.

Every number of dw is the sum of its chunks in their order, whoever does the task: the same bits on
any number of threads. Summing in two steps also keeps errors near √K. Where pixels are many and dw is
small, they are cut into segments, each with a dw of its own, so that each core reads its part of x
and dy once; whoever ends last adds them in their order.
"""

from __future__ import annotations

from hwio.engine.fields import AT
from hwio.engine.intrinsics import load_int
from hwio.engine.kernels.block import LINE
from hwio.engine.kernels.emit import Tile
from hwio.engine.kernels.pixel_block import make_pixel_block
from hwio.engine.kernels.segments import make_add_segments
from hwio.engine.kernels.strips import make_copy_strip, make_pack_ragged
from hwio.engine.kernels.tap_table import fill_taps

X, DY, DW, ZEROS = (AT[name] for name in ("x", "y", "w", "zeros"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
CHANNELS, GROUP_BYTES, FILTERS = AT["channels"], AT["group_bytes"], AT["filters"]
DY_STEP, DW_STEP, PANELS = AT["y_step"], AT["dw_step"], AT["panels"]
CHUNK, STRIPS, STRIP_GROUP = AT["chunk"], AT["strips"], AT["strip_group"]
PANEL_GROUP, PACKS_X = AT["panel_group"], AT["packs_x"]
SEGMENTS, SEGMENT_PIXELS, SUMS_AT = AT["segments"], AT["segment_pixels"], AT["sums_at"]
STRIDE_H, STRIDE_W, X_W = AT["stride_h"], AT["stride_w"], AT["x_w"]


def make_dw_direct(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block; a task is some strips × some panels of a segment."""
    tile = Tile(kind, lanes, mr, nrv)
    block, packing_block = make_pixel_block(tile), make_pixel_block(tile, packs=True)
    copy_strip, pack_ragged = make_copy_strip(tile), make_pack_ragged(tile)
    add_segments = make_add_segments(tile)
    size, nr, row_bytes = tile.size, nrv * lanes, nrv * lanes * tile.size

    def dw_direct(a, task, thread):
        panels, strips = load_int(a + PANELS), load_int(a + STRIPS)
        strip_group, panel_group = load_int(a + STRIP_GROUP), load_int(a + PANEL_GROUP)
        parts = (strips + strip_group - 1) // strip_group
        shares = parts * ((panels + panel_group - 1) // panel_group)
        segments = load_int(a + SEGMENTS)
        share, rest = task % shares, task // shares
        segment, group = rest % segments, rest // segments
        first_strip = share % parts * strip_group
        last_strip = min(strips, first_strip + strip_group)
        first_panel = share // parts * panel_group
        last_panel = min(panels, first_panel + panel_group)

        channels, filters, chunk = (
            load_int(a + CHANNELS), load_int(a + FILTERS), load_int(a + CHUNK),
        )  # fmt: skip
        blocks = (channels + mr - 1) // mr
        first_tap, last_tap = first_strip // blocks, (last_strip - 1) // blocks + 1
        dy_step, dw_step = load_int(a + DY_STEP), load_int(a + DW_STEP)
        dy = load_int(a + DY) + group * filters * size
        whole_dw = load_int(a + DW) + (group * panels + first_panel) * nr * size
        x = load_int(a + X) + group * load_int(a + GROUP_BYTES)
        packed = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)  # (panel, chunk, nr)
        strip_x = packed + panel_group * chunk * nr * size  # (chunk, mr)
        table = (strip_x + chunk * mr * size + 7) // 8 * 8  # (tap, chunk)
        segment_bytes = strips // blocks * channels * dw_step
        sums = load_int(a + SCRATCH) + load_int(a + SUMS_AT) + first_panel * nr * size
        dw = whole_dw if segment == 0 else sums + (segment - 1) * segment_bytes

        ragged = filters % nr if last_panel == panels else 0
        start = segment * load_int(a + SEGMENT_PIXELS)
        end = min(load_int(a + PIXELS), start + load_int(a + SEGMENT_PIXELS))
        packs_x = load_int(a + PACKS_X)
        # about where the next chunk lies, brought near by the first tap while this one is summed
        next_chunk = chunk * load_int(a + X_W) * load_int(a + STRIDE_H) * load_int(a + STRIDE_W)
        for first in range(start, end, chunk):
            rows = min(chunk, end - first)
            if ragged:
                pack_ragged(
                    dy + first * dy_step + (panels - 1) * row_bytes, dy_step, load_int(a + ZEROS),
                    packed + (last_panel - 1 - first_panel) * chunk * row_bytes, rows, ragged,
                )  # fmt: skip
            fill_taps(a, x, table, first, rows, first_tap, last_tap)
            for strip in range(first_strip, last_strip):
                tap, c = strip // blocks, strip % blocks * mr
                skip = max(0, c + mr - channels)  # the last block reaches back
                c -= skip
                pointers = table + (tap - first_tap) * chunk * 8
                ahead = next_chunk if tap == first_tap else 0
                if packs_x:
                    for p in range(rows):
                        copy_strip(load_int(pointers + p * 8) + c * size, strip_x + p * mr * size)
                    ahead = mr * size  # the next strip
                line = (strip - first_strip) * LINE  # each strip asks for one of the next chunk's
                for panel in range(last_panel - first_panel):
                    here = packed + panel * chunk * row_bytes
                    source = dy + first * dy_step + (first_panel + panel) * row_bytes
                    wanted, step = here, row_bytes
                    if line < row_bytes:
                        wanted, step = source + chunk * dy_step + line, dy_step
                    row = dw + (tap * channels + c) * dw_step + panel * row_bytes
                    strip_at = strip_x if packs_x else 0
                    if line == 0 and not (ragged and panel == last_panel - first_panel - 1):
                        packing_block(
                            pointers, rows, c * size, ahead, strip_at, source, dy_step, here,
                            wanted, step, row, dw_step, skip, first - start,
                        )  # fmt: skip
                    else:
                        block(
                            pointers, rows, c * size, ahead, strip_at, here, row_bytes, here,
                            wanted, step, row, dw_step, skip, first - start,
                        )  # fmt: skip
        if segments > 1:
            add_segments(
                a, share, whole_dw, sums, segment_bytes, first_strip, last_strip,
                (last_panel - first_panel) * row_bytes,
            )  # fmt: skip

    return dw_direct


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"dw_direct_{kind}_{lanes}_{mr}x{nrv}": (make_dw_direct(kind, lanes, mr, nrv), 3)}
