"""What measuring has found: the register block that takes less time here than the chosen one.

``hwio tune`` measures and leaves a finding in the cache, in the format of compiled kernels: JSON behind
a checksum. It holds for one machine, one version of the kernels and one geometry; the number of images
does not enter. All blocks of a kernel add in the same order, so a finding changes no bit of a result.
Whatever is wrong with a file, it is no finding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hwio.engine import cache
from hwio.engine.builds import blocks_of
from hwio.engine.tiles import DEPTHWISE, DIRECT, Block

if TYPE_CHECKING:
    from hwio.shapes.geometry import Geometry

TABLES = {"direct": DIRECT, "depthwise": DEPTHWISE}  # kernels whose blocks can change places


@dataclass(frozen=True, slots=True)
class Finding:
    """A register block that was measured to be faster.

    Attributes
    ----------
    block : Block
    gain : float
        Time of the block that the static rule takes, over this one's.
    """

    block: Block
    gain: float


def candidates(kernel: str, geo: Geometry, static: Block) -> list[Block]:
    """Return the blocks that could serve, the static rule's first."""
    from hwio.engine.cpu import processor

    row = geo.out_size[-1] if kernel == "depthwise" else geo.pixels
    blocks = blocks_of(TABLES[kernel], processor().vector_bytes)
    fitting = [b for b in blocks if b.kind == static.kind and b.mr <= row]
    others = [replace(b, more=static.more) for b in fitting]
    return [static, *(b for b in others if b != static)]


def path_of(kernel: str, geo: Geometry, kind: str) -> Path:
    """Return the file of one finding."""
    from hwio.engine.jit import machine_name

    where = f"{machine_name()}\0{replace(geo, n=1)}"
    return cache.path_of(f"tuned_{kernel}_{kind}", where, ending=".tuned")


def keep(kernel: str, geo: Geometry, static: Block, finding: Finding | None) -> OSError | None:
    """Store a finding, or remove what was found before; return what was in the way."""
    import json

    path = path_of(kernel, geo, static.kind)
    forget()
    if finding is None:
        cache.remove(path)
        return None
    block = finding.block
    facts = {"mr": block.mr, "nrv": block.nrv, "gain": finding.gain}
    return cache.write(path, json.dumps(facts).encode())


@lru_cache(maxsize=1024)
def look_up(kernel: str, geo: Geometry, static: Block) -> Finding | None:
    """Return what was found for a geometry, if anything."""
    if kernel not in TABLES or not exist():
        return None
    content = cache.read(path_of(kernel, geo, static.kind))
    return None if content is None else _read(content, candidates(kernel, geo, static))


def _read(content: bytes, known: list[Block]) -> Finding | None:
    """Read a finding; None unless it names a block that could serve."""
    import json

    try:
        facts: Any = json.loads(content)
        shape, gain = (facts["mr"], facts["nrv"]), float(facts["gain"])
    except (ValueError, KeyError, TypeError):
        return None
    blocks = [block for block in known if (block.mr, block.nrv) == shape]
    return Finding(blocks[0], gain) if blocks else None


@lru_cache(maxsize=1)
def exist() -> bool:
    """Tell whether there are findings at all: without any, no plan has to load LLVM."""
    return any(path.suffix == ".tuned" for path, _ in cache.files())


def forget() -> None:
    """Look into the folder anew."""
    look_up.cache_clear()
    exist.cache_clear()
