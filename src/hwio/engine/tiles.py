"""Register blocks: how many pixels × vectors of filters stay in registers.

AVX-512 has 32 vector registers: 14 × 2 sums, two weights, one input. AVX2 has 16: 6 × 2 and the
same. A block of few pixels and many filters serves small images; one pixel serves the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

# vector bytes -> (MR, NRV), widest first
DIRECT = {64: ((14, 2), (7, 4), (1, 8)), 32: ((6, 2), (3, 4), (1, 6)), 16: ((6, 2), (3, 4), (1, 6))}
DEPTHWISE = {
    64: ((6, 4), (8, 3), (12, 2), (16, 1), (1, 4)),
    32: ((4, 2), (8, 1), (1, 2)),
    16: ((4, 2), (8, 1), (1, 2)),
}


@dataclass(frozen=True, slots=True)
class Block:
    """One register block: ``mr`` pixels × ``nrv`` vectors of ``lanes`` numbers of ``kind``."""

    kind: str
    lanes: int
    mr: int
    nrv: int

    @property
    def nr(self) -> int:
        """Filters of one panel."""
        return self.nrv * self.lanes


def direct_block(kind: str, vector_bytes: int, pixels: int, filters: int) -> Block:
    """Choose the block that wastes least on this many pixels of an image and filters of a group."""
    lanes = vector_bytes // int(kind[1])
    best, least = None, 0.0
    for mr, nrv in DIRECT[vector_bytes]:
        if mr > pixels:
            continue
        nr = nrv * lanes
        work = -(-pixels // mr) * mr * -(-filters // nr) * nr
        # a block's loads beside its products: MR broadcasts and NRV weights for MR·NRV sums
        cost = work * (1 + 0.5 * (1 / mr + 1 / (4 * nrv)))
        if best is None or cost < least:
            best, least = Block(kind, lanes, mr, nrv), cost
    assert best is not None
    return best


def depthwise_block(kind: str, vector_bytes: int, pixels: int, channels: int) -> Block:
    """Choose the block of pixels × channels that wastes least, wide ones first."""
    lanes = vector_bytes // int(kind[1])
    fitting = [(mr, nrv) for mr, nrv in DEPTHWISE[vector_bytes] if mr <= pixels]
    mr, nrv = min(fitting, key=lambda b: (-(-channels // (b[1] * lanes)) * b[1], b[0] == 1))
    return Block(kind, lanes, mr, nrv)
