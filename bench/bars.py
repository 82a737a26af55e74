"""What was promised of the engine, as data, and whether a run shows it.

Each bar speaks of all threads, and of the geometric mean over the layers of a network unless it says
"least". A bar whose layers were not all measured is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.contenders import CONTENDERS, PLAIN_PEER
from bench.figures import PEERS, TORCH, Ratio, Records, by_key, mean, ratio
from bench.grid import cells_of
from bench.machine import has_amx

VIEW = tuple(name for name, entry in CONTENDERS.items() if entry.role == PLAIN_PEER)


@dataclass(frozen=True, slots=True)
class Bar:
    """One promise.

    Attributes
    ----------
    words : str
    need : float
    network, n, dtype : str, int, str
    also : str
        Another network whose layers count with them; none by default.
    own : str
        Contender of hwio.
    rivals : tuple of str
    precision : str
    least : bool
        Whether the least layer is meant instead of the mean.
    layers : str
        Part of the layers' names; all by default.
    amx : bool or None
        Processors that it speaks of; None is any.
    aim : float
        What was hoped for beyond.
    """

    words: str
    need: float
    network: str = "resnet50"
    n: int = 1
    dtype: str = "float32"
    own: str = "hwio"
    rivals: tuple[str, ...] = PEERS
    precision: str = "highest"
    least: bool = False
    layers: str = ""
    amx: bool | None = None
    aim: float = 0.0
    also: str = ""

    @property
    def networks(self) -> tuple[str, ...]:
        """Name all networks whose layers count."""
        return (self.network, self.also) if self.also else (self.network,)


@dataclass(frozen=True, slots=True)
class Judged:
    """A bar and what was seen; ``seen`` is None where the run can't tell."""

    bar: Bar
    seen: float | None
    low: float = 0.0
    high: float = 0.0
    why: str = ""

    @property
    def verdict(self) -> str:
        """Say it in one word."""
        if self.seen is None:
            return "not judged"
        return "kept" if self.seen >= self.bar.need else "missed"


def all_bars() -> Iterator[Bar]:
    """Yield every bar."""
    for n in (1, 8):
        best = f'prepared, best peer, N={n}, "highest"'
        yield Bar(best, 1.25, n=n, amx=True, aim=1.6)
        yield Bar(best, 0.9, n=n, amx=False, aim=1.1)
        yield Bar(f"{best}, least layer", 0.9, n=n, amx=True, least=True)
        yield Bar(f"{best}, least layer", 0.75, n=n, amx=False, least=True)
    for n in (1, 8):
        high = {"n": n, "own": "hwio high", "precision": "high"}
        words = f'prepared, best peer, N={n}, "high"'
        yield Bar(words, 2.0, amx=True, aim=2.6, **high)
        yield Bar(f"{words}, 3x3 stride 1", 1.25, layers="3x3", amx=False, **high)
    for n in (1, 8):
        words = f"arrays as they come, torch on views of them, N={n}"
        yield Bar(words, 1.5, n=n, own="hwio.conv", rivals=VIEW)
    for n, need in ((1, 1.4), (8, 1.0)):
        yield Bar(f"prepared, best peer, N={n}", need, "mobilenetv2-depthwise", n)
    for n in (1, 8):
        yield Bar(f"float64, torch, N={n}", 1.2, n=n, dtype="float64", rivals=TORCH, aim=1.5)
    yield from _other_tasks()
    for dtype, need in (("float32", 15), ("float64", 5)):
        yield _tiny(
            f"whole call on the thread's arrays, torch {dtype}", need, dtype, (*TORCH, *VIEW)
        )
    yield _tiny("whole call on the thread's arrays, the nested loop", 300, "float32", ("loop",))
    for dtype in ("float32", "float64"):
        yield _tiny(f"whole call on the slice, np.einsum {dtype}", 1, dtype, ("einsum",), "@3")


def _other_tasks() -> Iterator[Bar]:
    """Yield the bars of gradients and pooling, all against torch."""
    for network, images in (("resnet50-gradients", (1, 8)), ("mobilenetv2-gradients", (1,))):
        for n in images:
            yield Bar(f"torch, N={n}", 1.0, network, n, rivals=TORCH)
            yield Bar(f"torch, N={n}, least layer", 0.6, network, n, rivals=TORCH, least=True)
    both = "resnet50-gradients", 1, "float64"
    yield Bar("float64, torch, N=1", 2.0, *both, rivals=TORCH, also="mobilenetv2-gradients")
    for network in ("resnet50-gradients", "mobilenetv2-gradients"):
        yield Bar("float64, torch, N=1", 2.0, network, 1, "float64", rivals=TORCH)
    for network in ("max-pooling", "average-pooling"):
        for n in (1, 8):
            yield Bar(f"torch, N={n}", 1.5, network, n, rivals=TORCH)


def _tiny(
    words: str, need: float, dtype: str, rivals: tuple[str, ...], layers: str = "@5x7"
) -> Bar:
    return Bar(words, need, "thread", 2, dtype, "hwio.conv", rivals, layers=layers)


def judge(data: dict[str, Any]) -> list[Judged]:
    """Judge the bars that speak of the run's processor."""
    cells, amx = by_key(data), has_amx(data["machine"])
    return [_judge(bar, cells) for bar in all_bars() if bar.amx in (None, amx)]


def _judge(bar: Bar, cells: dict[str, Records]) -> Judged:
    keys = [
        cell.key
        for network in bar.networks
        for cell in cells_of(network, (bar.n,), (bar.dtype,), ("all",))
        if bar.layers in cell.layer.name and (bar.layers != "3x3" or cell.layer.stride == 1)
    ]
    missing = [key for key in keys if key not in cells]
    if missing:
        return Judged(bar, None, why=f"{len(missing)} of {len(keys)} layers not measured")
    ratios = [ratio(cells[key], bar.own, bar.rivals, bar.precision) for key in keys]
    held = [one for one in ratios if one is not None]
    if len(held) < len(ratios):
        why = f"no ratio counts on {len(ratios) - len(held)} of {len(ratios)} layers"
        return Judged(bar, None, why=why)
    return Judged(bar, *(_together(held, bar.least, side) for side in ("middle", "least", "most")))


def _together(ratios: list[Ratio], least: bool, side: str) -> float:
    """Return the mean, or the least, of one side of all ratios."""
    values = [getattr(one, side) for one in ratios]
    return min(values) if least else mean(values)
