"""Direct convolution on weights as they come: a task packs one panel and uses it at once.

For a single call on few pixels, packing all weights first would write them to memory and read them
back. Here a panel goes into the task's own scratch, stays in the second-level cache while it meets all
tiles, and is forgotten. The order of sums is that of the direct kernel: the same bits.
"""

from __future__ import annotations

from hwio.engine.fields import AT
from hwio.engine.intrinsics import load_int
from hwio.engine.kernels.block import make_block
from hwio.engine.kernels.emit import Tile
from hwio.engine.kernels.packing import make_copy_row
from hwio.engine.kernels.table import fill_table

X, W, Y, BIAS, ENDS = (AT[name] for name in ("x", "w", "y", "bias", "ends"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
CHANNELS, GROUP_BYTES, FILTERS = AT["channels"], AT["group_bytes"], AT["filters"]
Y_STEP, PANEL_BYTES, PANELS, TILES = AT["y_step"], AT["panel_bytes"], AT["panels"], AT["tiles"]
W_STEP = AT["w_step"]


def make_unpacked(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block."""
    tile = Tile(kind, lanes, mr, nrv)
    block, copy_row = make_block(tile, None), make_copy_row(tile)
    size, nr = tile.size, nrv * lanes

    def unpacked(a, task, thread):
        taps = load_int(a + KERNEL_D) * load_int(a + KERNEL_H) * load_int(a + KERNEL_W)
        panels, count = load_int(a + PANELS), load_int(a + TILES)
        group, panel = task // panels, task % panels
        pixels, channels = load_int(a + PIXELS), load_int(a + CHANNELS)
        w = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        table = w + load_int(a + PANEL_BYTES)
        fill_table(a, load_int(a + X) + group * load_int(a + GROUP_BYTES), table, 0, count, mr)
        column = (group * load_int(a + FILTERS) + panel * nr) * size
        source, row = load_int(a + W) + column, load_int(a + W_STEP)
        for k in range(taps * channels):
            copy_row(source + k * row, w + k * nr * size)
        y_step, y = load_int(a + Y_STEP), load_int(a + Y) + column
        bias, ends = load_int(a + BIAS) + column, load_int(a + ENDS)
        for t in range(count):
            start = min(t * mr, pixels - mr)  # the last tile reaches back
            here = table + t * taps * mr * 8
            block(here, taps, channels, w, w, y + start * y_step, y_step, bias, ends)

    return unpacked


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"unpacked_{kind}_{lanes}_{mr}x{nrv}": (make_unpacked(kind, lanes, mr, nrv), 3)}
