"""What a launch tells a kernel: one array of 64-bit integers, its fields named here."""

from __future__ import annotations

FIELDS = (
    "x", "w", "y", "bias", "zeros", "ends",
    "scratch", "scratch_step",  # the pointer tables: address, bytes of one thread's
    "pixels",  # output pixels of all images
    "linear",  # whether output pixel p is input pixel p
    "out_d", "out_h", "out_w", "in_d", "in_h", "in_w", "kernel_d", "kernel_h", "kernel_w",
    "stride_d", "stride_h", "stride_w", "dilation_d", "dilation_h", "dilation_w",
    "low_d", "low_h", "low_w",  # padding before each axis
    "widen_d", "widen_h", "widen_w",  # zeros thought between cells of x, plus 1: for depthwise
    "span", "edges", "edge_row", "edge_right",  # taps taken as one, and x's edges: see kernels/table
    "x_n", "x_d", "x_h", "x_w",  # strides of x in bytes
    "channels", "group_bytes",  # in-channels of one group: steps of what a lane takes, bytes
    "filters",  # out-channels of one group
    "y_step",  # bytes between pixels of y
    "panel_bytes", "panels", "panel_group",  # a panel is one register block's filters
    "w_step",  # bytes between rows of weights that are not packed
    "threads",  # of the pool: whoever runs a task is likely to run the one this many before it next
    "tiles", "blocks",  # tiles (or output rows) of a block, blocks
    "all_tiles", "flags", "limit", "nothing",  # Winograd's: see kernels/winograd.py
    "dw_step", "chunk", "strips", "strip_group",  # of the gradient for w: see kernels/dw_direct.py
    "packs_x", "segments", "segment_pixels", "sums_at",
)  # fmt: skip
AT = {name: 8 * n for n, name in enumerate(FIELDS)}

SPLIT_FIELDS = (  # of kernels/split.py
    "x", "w", "y", "bias", "ends",
    "flags",  # one integer for each image: 1 where tiles can't serve it
    "tiles", "config",  # the function that adds products of tiles, and its configuration
    "scratch", "scratch_step", "sums_at",  # one thread's cells, and where its sums begin
    "low", "high",  # bits of the least and the largest size that tiles serve
    "slabs", "slab_count", "offsets",  # three first indices a slab; where a step's cells begin
    "steps", "steps_at_once",  # chunks of 32 channels of all taps, and how many go before sums rest
    "images", "out_d", "out_h", "out_w", "in_d", "in_h", "in_w", "step_d", "step_h", "step_w",
    "x_n", "x_d", "x_h", "x_w",
    "rows", "columns", "more_rows", "more_columns",  # of a slab; beyond those of its outputs
    "block_h", "block_w", "blocks_h", "blocks_w",  # output pixels of a block, blocks of a plane
    "channels", "group_bytes", "chunks", "chunk_bytes",
    "filters", "y_step", "panels", "panel_group",
)  # fmt: skip

POOLING_FIELDS = (  # of kernels/pooling.py and kernels/pooling_grad.py, where y is dy
    "x", "y", "dx",
    "kernel",  # the kernel's own address, for launch/held.py
    "pixels",  # output pixels of all images
    "out_d", "out_h", "out_w", "in_d", "in_h", "in_w", "kernel_d", "kernel_h", "kernel_w",
    "stride_d", "stride_h", "stride_w", "dilation_d", "dilation_h", "dilation_w",
    "low_d", "low_h", "low_w",
    "x_n", "x_d", "x_h", "x_w", "channels", "y_step",
    "divisors", "divisor_step",  # what each pixel of an image is divided by; 0 if all by one
    "inner", "outer",  # the pixels of a row from ``inner`` on, before ``outer``, miss no tap on W
    "piece", "pieces",  # pixels of a row that go together, pieces of a row
    "tiles",  # pieces of a task
    "part", "parts",  # channels that go together, such parts of all channels
    # of gradients, whose pieces are rows of windows, and whose steps of x are counted in numbers
    "apart", "covered",  # whether no windows meet; whether besides each cell of x has its window
    "zeros",  # address of a vector of zeros, read instead of dx where windows are apart
)  # fmt: skip
POOLING_AT = {name: 8 * n for n, name in enumerate(POOLING_FIELDS)}

EDGES_FIELDS = (  # of kernels/edges.py
    "x", "edges", "x_row", "edge_row",  # addresses; bytes of a row of each
    "rows", "share",  # rows in all, and of one task
    "first", "first_to",  # bytes of a row's first cells, and where they go
    "last_from", "last", "last_to",  # the same of its last
)  # fmt: skip

PACKING_FIELDS = (  # of kernels/packing.py
    "w", "packed", "depth", "row", "filters", "panels",
    "zeros",  # as many as a panel has filters, for the last one's columns that are none
)  # fmt: skip
