"""Everything that can be compiled beforehand: which register blocks of which kernels.

``hwio warmup`` compiles it, and a process without Numba needs all of it. Each file under
``kernels/`` with a ``build`` has its line in ``BUILDS``; ``tests/test_warmup.py`` holds that, and that
each line names what ``build`` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from hwio.engine.cpu import processor
from hwio.engine.registry import FEW, PARTS
from hwio.engine.tiles import (
    DEPTHWISE,
    DIRECT,
    DW_DEPTHWISE,
    DW_DIRECT,
    DW_FORMS,
    PAIRS,
    POOLING_GRAD_KINDS,
    POOLING_KINDS,
    POOLING_PIXELS,
    RUNS,
    WIDE_RUN,
    WINOGRAD,
    Block,
    depthwise_block,
    line_block,
    pooling_grad_block,
    pooling_symbol,
)

FLOATS = ("f4", "f8")


@dataclass(frozen=True, slots=True)
class Build:
    """One function to compile: what ``jit.address_of`` takes.

    Attributes
    ----------
    module : str
        Name under ``hwio.engine.kernels``.
    symbol : str
    parameters : tuple
        Given to the module's ``build``.
    """

    module: str
    symbol: str
    parameters: tuple[Any, ...] = ()


Blocks = Mapping[int, tuple[tuple[int, int], ...]]


def blocks_of(table: Blocks, vector_bytes: int) -> list[Block]:
    """Return the register blocks of a table in ``tiles`` for both number types."""
    kinds = [(kind, vector_bytes // int(kind[1])) for kind in FLOATS]
    return [Block(*kind, *shape) for kind in kinds for shape in table[vector_bytes]]


def depthwise_blocks(vector_bytes: int) -> list[Block]:
    """Return the register blocks of the depthwise kernel, in every form that can be chosen."""
    far = 1 << 20  # pixels of a row: no block is too wide
    widths, steps = range(1, max(*RUNS, WIDE_RUN) + 2), product((1, 2, 3), (1, 2))
    asked = [(width, step) for step in steps for width in widths]
    chosen = [depthwise_block("f4", vector_bytes, far, 1, width, step) for width, step in asked]
    forms = dict.fromkeys(block.more for block in chosen)
    blocks = blocks_of(DEPTHWISE, vector_bytes)
    return [replace(block, more=more) for block in blocks for more in forms]


def _built(module: str, blocks: Iterable[Block]) -> Iterator[Build]:
    """Yield a kernel for each register block."""
    for block in blocks:
        yield Build(module, block.symbol(module), block.parameters)


def whole_blocks(vector_bytes: int) -> list[Block]:
    """Return the register blocks of whole numbers that this processor's instructions allow."""
    tables: dict[str, Blocks] = {"i2i2": PAIRS}
    if processor().dots:
        tables |= {"u1i1": DIRECT, "i1u1": DIRECT}
    return [
        Block(kind, vector_bytes // 4, *shape)
        for kind, table in tables.items()
        for shape in table[vector_bytes]
    ]


def _direct(vector_bytes: int) -> Iterator[Build]:
    yield from _built("direct", blocks_of(DIRECT, vector_bytes))
    yield from _built("direct", whole_blocks(vector_bytes))


def _depthwise(vector_bytes: int) -> Iterator[Build]:
    yield from _built("depthwise", depthwise_blocks(vector_bytes))


def _winograd(vector_bytes: int) -> Iterator[Build]:
    """Yield, for each size of tile, the kernel and what transforms the filters for it."""
    for module, m in product(("winograd", "winograd_filters"), (2, 4)):
        for block in blocks_of(WINOGRAD, vector_bytes):
            tiled = replace(block, more=(m,))
            yield Build("winograd", tiled.symbol(module), tiled.parameters)


def _unpacked(vector_bytes: int) -> Iterator[Build]:
    """Yield the direct kernel on weights as they come."""
    yield from _built("unpacked", blocks_of(DIRECT, vector_bytes))


def _planes(vector_bytes: int) -> Iterator[Build]:
    """Yield the kernel for each number of channels."""
    chosen = [line_block(kind, vector_bytes, c + 1) for kind in FLOATS for c in range(FEW)]
    yield from _built("planes", dict.fromkeys(chosen))


def _packing(vector_bytes: int) -> Iterator[Build]:
    """Yield the packing for each width of a panel."""
    widths = {(b.kind, b.lanes, b.nrv): None for b in blocks_of(DIRECT, vector_bytes)}
    for kind, lanes, nrv in widths:
        yield Build("packing", f"packing_{kind}_{lanes}_{nrv}", (kind, lanes, nrv))


def _dw_direct(vector_bytes: int) -> Iterator[Build]:
    yield from _built("dw_direct", blocks_of(DW_DIRECT, vector_bytes))


def _dw_depthwise(vector_bytes: int) -> Iterator[Build]:
    blocks = blocks_of(DW_DEPTHWISE, vector_bytes)
    forms = (replace(block, more=more) for block in blocks for more in DW_FORMS)
    yield from _built("dw_depthwise", forms)


def _turning(vector_bytes: int) -> Iterator[Build]:
    """Yield the packing for the way back for each width of a panel."""
    widths = {(b.kind, b.lanes, b.nrv): None for b in blocks_of(DIRECT, vector_bytes)}
    for kind, lanes, nrv in widths:
        yield Build("turning", f"turning_{kind}_{lanes}_{nrv}", (kind, lanes, nrv))


def _pooling(vector_bytes: int) -> Iterator[Build]:
    """Yield what reduces windows, for each number type."""
    for task, kinds in POOLING_KINDS.items():
        for kind in kinds:
            lanes, pixels = vector_bytes // int(kind[1]), POOLING_PIXELS[vector_bytes]
            symbol = pooling_symbol(task, kind, vector_bytes)
            yield Build("pooling", symbol, (task, kind, lanes, pixels))


def _pooling_grad(vector_bytes: int) -> Iterator[Build]:
    """Yield what gives dy back to windows, for each pair of number types."""
    for task, pairs in POOLING_GRAD_KINDS.items():
        for pair in pairs:
            yield Build("pooling_grad", *pooling_grad_block(task, *pair, vector_bytes))


def _weaving(vector_bytes: int) -> Iterator[Build]:
    """Yield the packing of whole numbers for each width of a panel."""
    for kind, lanes, nrv in dict.fromkeys(
        (b.kind, b.lanes, b.nrv) for b in whole_blocks(vector_bytes)
    ):
        yield Build("weaving", f"weaving_{kind}_{lanes}_{nrv}", (kind, lanes, nrv))


def _pool(vector_bytes: int) -> Iterator[Build]:
    """Yield the halves of the thread pool."""
    del vector_bytes
    for symbol in ("pool_work", "pool_run", "pool_close"):
        yield Build("pool", symbol)


def _edges(vector_bytes: int) -> Iterator[Build]:
    """Yield the copying of the ends of rows."""
    del vector_bytes
    yield Build("edges", "edges")


def _spread(vector_bytes: int) -> Iterator[Build]:
    """Yield what puts the cells of a stride's phase in their places."""
    del vector_bytes
    yield Build("spread", "spread")


def _unfolding(vector_bytes: int) -> Iterator[Build]:
    """Yield the same for phases that were computed together."""
    del vector_bytes
    for kind in FLOATS:
        yield Build("unfolding", f"unfolding_{kind}", (kind,))


def _split(vector_bytes: int) -> Iterator[Build]:
    """Yield split-bf16, where there is AMX to run it."""
    del vector_bytes
    for parts in PARTS.values() if processor().amx else ():
        for symbol in (f"split_{parts}", f"split_packing_{parts}"):
            yield Build("split", symbol, (parts,))


def _tile_forms(vector_bytes: int) -> Iterator[Build]:
    """Yield the products of tiles that go with it."""
    del vector_bytes
    for parts in PARTS.values() if processor().amx else ():
        yield Build("tile_forms", f"tiles_amx_{parts}", ("amx", parts, processor().features))


# file under kernels/ -> what to compile of it, by the bytes of a vector
BUILDS: dict[str, Callable[[int], Iterator[Build]]] = {
    "pool": _pool,
    "packing": _packing,
    "edges": _edges,
    "weaving": _weaving,
    "direct": _direct,
    "unpacked": _unpacked,
    "depthwise": _depthwise,
    "winograd": _winograd,
    "dw_direct": _dw_direct,
    "dw_depthwise": _dw_depthwise,
    "turning": _turning,
    "spread": _spread,
    "unfolding": _unfolding,
    "pooling": _pooling,
    "pooling_grad": _pooling_grad,
    "planes": _planes,
    "split": _split,
    "tile_forms": _tile_forms,
}


def all_builds() -> list[Build]:
    """Return everything that can be compiled beforehand for this processor."""
    vector_bytes = processor().vector_bytes
    return [build for builds in BUILDS.values() for build in builds(vector_bytes)]
