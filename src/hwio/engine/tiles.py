"""Register blocks: how many pixels × vectors of filters stay in registers.

AVX-512 has 32 vector registers: 14 × 2 sums, two weights, one input. AVX2 has 16: 6 × 2 and the
same. A block one vector wide serves few filters, three vectors 24 or 48 of them. One of few pixels and
many filters serves small images; one pixel serves the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

# vector bytes -> (MR, NRV), widest first
DIRECT = {
    64: ((14, 2), (10, 2), (9, 3), (14, 1), (7, 4), (1, 8)),
    32: ((6, 2), (4, 3), (12, 1), (3, 4), (1, 6)),
    16: ((6, 2), (4, 3), (12, 1), (3, 4), (1, 6)),
}
# two products of 16 bits are added apart, and wait in a register of their own
PAIRS = {
    64: ((13, 2), (7, 4), (1, 8)),
    32: ((5, 2), (3, 4), (1, 6)),
    16: ((5, 2), (3, 4), (1, 6)),
}
# vector bytes -> (MR, NRV): MR sums and RUN weights of NRV vectors, and one cell, are in registers
DEPTHWISE = {
    64: ((7, 3), (7, 2), (4, 4), (7, 1), (4, 1), (1, 4)),
    32: ((4, 2), (4, 1), (1, 2)),
    16: ((4, 2), (4, 1), (1, 2)),
}
# vector bytes -> (MR, NRV) of the products between Winograd's transforms; MR are tiles
WINOGRAD = {
    64: ((14, 2), (7, 4), (8, 2), (4, 6)),
    32: ((6, 2), (4, 2)),
    16: ((6, 2), (4, 2)),
}
# vector bytes -> pixels of a row that are pooled at once, each with up to four vectors of channels
POOLING_PIXELS = {64: 4, 32: 2, 16: 2}
# what a window is reduced to -> number types
POOLING_KINDS = {
    "max": ("f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"),
    "mean": ("f4", "f8"),
}
# vector bytes -> vectors of dy that are given back at once; who looks for maxima needs three for each
GIVEN_VECTORS = {64: 16, 32: 8, 16: 8}
LOOKING_VECTORS = {64: 8, 32: 4, 16: 4}
# who gets dy -> number types of x and of dy
_PAIRS_OF_FLOATS = (("f4", "f4"), ("f8", "f8"), ("f8", "f4"))
POOLING_GRAD_KINDS = {
    "first": _PAIRS_OF_FLOATS,
    "all": _PAIRS_OF_FLOATS,
    "mean": (("f4", "f4"), ("f8", "f8")),
}
LINE_VECTORS = 8  # sums that hide the time of a multiply-add
RUNS = {3: 3, 5: 5, 7: 5}  # width of a kernel -> taps that are taken at once; wider ones: WIDE_RUN
WIDE_RUN = 5


LONE = 1.15  # what a block one vector wide takes more: it waits for numbers of x
LARGE_PANEL = 700 << 10  # bytes; two such panels, this and the next, leave little room in L2


@dataclass(frozen=True, slots=True)
class Block:
    """One register block: ``mr`` pixels × ``nrv`` vectors of ``lanes`` sums.

    ``kind`` is f4 or f8, or those of x and w where their sums are int32, as u1i1.

    ``more`` holds what else a kernel is built with: (RUN, STEP) for depthwise.
    """

    kind: str
    lanes: int
    mr: int
    nrv: int
    more: tuple[int, ...] = ()

    @property
    def nr(self) -> int:
        """Filters of one panel."""
        return self.nrv * self.lanes

    @property
    def x_size(self) -> int:
        """Bytes of one number of x."""
        return int(self.kind[1])

    @property
    def size(self) -> int:
        """Bytes of one sum, and of what a lane takes of x and w at once."""
        return self.x_size if len(self.kind) == 2 else 4

    @property
    def together(self) -> int:
        """Channels that a lane takes at once."""
        return self.size // self.x_size

    @property
    def parameters(self) -> tuple[str | int, ...]:
        """What a kernel's module is built with."""
        return (self.kind, self.lanes, self.mr, self.nrv, *self.more)

    def symbol(self, kernel: str) -> str:
        """Return the compiled function's name, as in ``direct_f4_16_14x2``."""
        more = "_" + "s".join(map(str, self.more)) if self.more else ""
        return f"{kernel}_{self.kind}_{self.lanes}_{self.mr}x{self.nrv}{more}"


def direct_block(kind: str, vector_bytes: int, pixels: int, filters: int, depth: int) -> Block:
    """Choose the block that wastes least on this many pixels of an image and filters of a group."""
    lanes = vector_bytes // Block(kind, 1, 1, 1).size
    best, least = None, 0.0
    for mr, nrv in (PAIRS if kind == "i2i2" else DIRECT)[vector_bytes]:
        if mr > pixels:
            continue
        nr = nrv * lanes
        work = -(-pixels // mr) * mr * -(-filters // nr) * nr
        # a block's loads beside its products: MR broadcasts and NRV weights for MR·NRV sums
        cost = work * (1 + 0.5 * (1 / mr + 1 / (4 * nrv)))
        if nrv == 1:
            cost *= LONE
        if depth * nr * int(kind[1]) > LARGE_PANEL:
            cost *= 1.1
        if best is None or cost < least:
            best, least = Block(kind, lanes, mr, nrv), cost
    assert best is not None
    return best


def depthwise_block(
    kind: str, vector_bytes: int, out_w: int, channels: int, kernel_w: int, taps: tuple[int, int]
) -> Block:
    """Choose the block of pixels of a row × channels that wastes least, wide ones first.

    ``taps`` is the (stride, dilation) along W.
    """
    lanes = vector_bytes // int(kind[1])
    stride, dilation = taps
    run = RUNS.get(kernel_w, WIDE_RUN if kernel_w > WIDE_RUN else 1)
    more = (run, stride) if run > 1 and stride <= 2 and dilation == 1 else (1, 0)

    def cost(block: tuple[int, int]) -> float:
        mr, nrv = block
        work = -(-out_w // mr) * mr * -(-channels // (nrv * lanes)) * nrv
        return work * (1 + 0.5 / mr + 0.5 / nrv)  # weights are loaded per block, pointers per cell

    mr, nrv = min((block for block in DEPTHWISE[vector_bytes] if block[0] <= out_w), key=cost)
    return Block(kind, lanes, mr, nrv, more)


def winograd_block(kind: str, vector_bytes: int, tiles: int, filters: int, m: int) -> Block:
    """Choose the block of tiles × filters that wastes least."""
    lanes = vector_bytes // int(kind[1])

    def cost(block: tuple[int, int]) -> float:
        mr, nrv = block
        work = -(-tiles // mr) * mr * -(-filters // (nrv * lanes)) * nrv
        return work * (1 + 0.5 * (1 / mr + 1 / (4 * nrv)))

    return Block(kind, lanes, *min(WINOGRAD[vector_bytes], key=cost), (m,))


# vector bytes -> (MR, NRV) of the gradient for w: MR are channels of one tap
DW_DIRECT = {
    64: ((13, 2), (13, 1), (9, 2), (8, 3), (6, 4), (3, 4), (1, 8)),
    32: ((6, 2), (3, 4), (1, 6)),
    16: ((6, 2), (3, 4), (1, 6)),
}
# vector bytes -> (MR, NRV) of the gradient for depthwise w: MR pixels of a row at once
DW_DEPTHWISE = {64: ((4, 4), (4, 2)), 32: ((4, 2),), 16: ((4, 2),)}
COPY = 50  # pixels that sum into a number of dw in the time that copying it takes
DW_FORMS = ((3, 1), (3, 2), (5, 1), (5, 2), (1, 0))  # (RUN, STEP); (1, 0) serves everything


def dw_direct_block(
    kind: str, vector_bytes: int, channels: int, filters: int, pixels: int
) -> Block:
    """Choose the block that wastes least on this many channels and filters of a group."""
    lanes = vector_bytes // int(kind[1])

    def cost(block: tuple[int, int]) -> float:
        mr, nrv = block
        work = -(-channels // mr) * mr * -(-filters // (nrv * lanes)) * nrv
        ragged = COPY / pixels if filters % (nrv * lanes) else 0  # whole panels are cut to dw
        return work * (1 + 0.5 * (1 / mr + 1 / (4 * nrv)) + ragged) * max(1, 8 / (mr * nrv))

    return Block(
        kind, lanes, *min((b for b in DW_DIRECT[vector_bytes] if b[0] <= channels), key=cost)
    )


def dw_depthwise_block(
    kind: str, vector_bytes: int, channels: int, kernel_w: int, taps: tuple[int, int]
) -> Block:
    """Choose the block for depthwise w; ``taps`` is the (stride, dilation) along W."""
    lanes = vector_bytes // int(kind[1])
    stride, dilation = taps
    run = 5 if kernel_w >= 5 else 3
    shared = kernel_w >= 3 and stride <= 2 and dilation == 1
    mr, nrv = min(
        DW_DEPTHWISE[vector_bytes], key=lambda b: -(-channels // (b[1] * lanes)) * (b[1] + 0.5)
    )
    return Block(kind, lanes, mr, nrv, (run, stride) if shared else (1, 0))


def pooling_symbol(task: str, kind: str, vector_bytes: int) -> str:
    """Return the compiled function's name, as in ``pooling_max_f4_16_4``."""
    return f"pooling_{task}_{kind}_{vector_bytes // int(kind[1])}_{POOLING_PIXELS[vector_bytes]}"


def pooling_grad_block(
    task: str, x: str, dy: str, vector_bytes: int
) -> tuple[str, tuple[Any, ...]]:
    """Return the compiled function's name, as in ``pooling_grad_first_f8_f4_8_4``, and what it is built with."""
    lanes, pixels = vector_bytes // max(int(x[1]), int(dy[1])), POOLING_PIXELS[vector_bytes]
    at_once = GIVEN_VECTORS if task == "mean" else LOOKING_VECTORS
    parameters = (task, x, dy, lanes, pixels, at_once[vector_bytes])
    return f"pooling_grad_{task}_{x}_{dy}_{lanes}_{pixels}", parameters


def line_block(kind: str, vector_bytes: int, channels: int) -> Block:
    """Return the block of a row for few channels: whole periods of weights, eight vectors or more."""
    lanes = vector_bytes // int(kind[1])
    period = channels // gcd(channels, lanes)
    return Block(kind, lanes, 1, -(-LINE_VECTORS // period) * period, (period,))
