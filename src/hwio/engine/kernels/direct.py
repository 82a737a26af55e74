"""Direct convolution: every geometry, nothing copied but pointers.

Output pixels of all images are numbered through and cut into tiles of MR. A task is a block of
tiles × a range of panels of NR packed filters: it fills the pointer table of its tiles once, then
lets each panel meet each tile.
"""

from __future__ import annotations

from hwio.engine.fields import AT
from hwio.engine.intrinsics import FLOATS, copy, load_int
from hwio.engine.kernels.block import LINE, make_block
from hwio.engine.kernels.dots import DotEmitter
from hwio.engine.kernels.emit import Tile
from hwio.engine.kernels.table import fill_table

X, W, Y, BIAS, ENDS = (AT[name] for name in ("x", "w", "y", "bias", "ends"))
SCRATCH, SCRATCH_STEP, PIXELS = AT["scratch"], AT["scratch_step"], AT["pixels"]
KERNEL_D, KERNEL_H, KERNEL_W = AT["kernel_d"], AT["kernel_h"], AT["kernel_w"]
CHANNELS, GROUP_BYTES, FILTERS = AT["channels"], AT["group_bytes"], AT["filters"]
Y_STEP, PANEL_BYTES = AT["y_step"], AT["panel_bytes"]
PANELS, PANEL_GROUP, THREADS = AT["panels"], AT["panel_group"], AT["threads"]
TILES, BLOCKS = AT["tiles"], AT["blocks"]


def make_direct(kind: str, lanes: int, mr: int, nrv: int):
    """Return the kernel for one register block."""
    tile = Tile(kind, lanes, mr, nrv)
    block = make_block(tile, None if kind in FLOATS else DotEmitter)
    size, nr = tile.size, nrv * lanes

    def direct(a, task, thread):
        taps = load_int(a + KERNEL_D) * load_int(a + KERNEL_H) * load_int(a + KERNEL_W)
        panels, panel_group = load_int(a + PANELS), load_int(a + PANEL_GROUP)
        tiles, blocks = load_int(a + TILES), load_int(a + BLOCKS)
        parts = (panels + panel_group - 1) // panel_group
        part = (task // blocks) % parts
        group = task // (blocks * parts)

        pixels = load_int(a + PIXELS)
        first = (task % blocks) * tiles * mr
        count = (min(pixels, first + tiles * mr) - first + mr - 1) // mr
        x = load_int(a + X) + group * load_int(a + GROUP_BYTES)
        table = load_int(a + SCRATCH) + thread * load_int(a + SCRATCH_STEP)
        fill_table(a, x, table, first, count, mr)

        channels, filters = load_int(a + CHANNELS), load_int(a + FILTERS)
        y_step, ends = load_int(a + Y_STEP), load_int(a + ENDS)
        panel_bytes, y = load_int(a + PANEL_BYTES), load_int(a + Y)
        spare = table + tiles * taps * mr * 8  # (mr, nr) for a panel that is not full
        last = min(panels, (part + 1) * panel_group) - 1
        later = max(0, task - load_int(a + THREADS))
        later = later // (blocks * parts) * panels + later // blocks % parts * panel_group
        for panel in range(part * panel_group, last + 1):
            here = group * panels + panel
            following = here + 1 if panel < last else later
            w = load_int(a + W) + here * panel_bytes
            bias = load_int(a + BIAS) + here * nr * size
            columns = min(nr, filters - panel * nr)
            for t in range(count):
                start = min(first + t * mr, pixels - mr)  # the last tile reaches back
                out = y + start * y_step + (group * filters + panel * nr) * size
                to, to_step = out, y_step
                if columns < nr:
                    to, to_step = spare, nr * size
                ahead = w
                if t * taps * channels * LINE < panel_bytes:  # the next panel, a part per tile
                    ahead = w + (following - here) * panel_bytes + t * taps * channels * LINE
                block(table + t * taps * mr * 8, taps, channels, w, ahead, to, to_step, bias, ends)
                if columns < nr:
                    for m in range(mr):
                        copy(spare + m * nr * size, out + m * y_step, columns * size)

    return direct


def build(kind, lanes, mr, nrv):
    """Return the functions to compile and their numbers of arguments."""
    return {f"direct_{kind}_{lanes}_{mr}x{nrv}": (make_direct(kind, lanes, mr, nrv), 3)}
