"""Which cells are measured, in which order. A cell is one layer, n images, a dtype, a thread count."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.networks import GRADIENTS, NETWORKS, Layer

DTYPES = ("float32", "float64")
THREADS = ("all", "one")
PRECISIONS = ("highest", "high")


@dataclass(frozen=True, slots=True)
class Cell:
    """One line of the results."""

    network: str
    index: int
    n: int
    dtype: str
    threads: str

    @property
    def layer(self) -> Layer:
        """Its convolution."""
        return NETWORKS[self.network].layers[self.index]

    @property
    def task(self) -> str:
        """What is timed of it."""
        return NETWORKS[self.network].task

    @property
    def key(self) -> str:
        """Its name in the file."""
        return "/".join([self.network, self.layer.name, f"n{self.n}", self.dtype, self.threads])


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line leaves of the grid; an empty tuple is everything."""

    networks: tuple[str, ...] = ()
    layer: str = ""
    n: tuple[int, ...] = ()
    dtypes: tuple[str, ...] = ()
    threads: tuple[str, ...] = ()


# network -> layers, of the run that takes two minutes: each kind of work once
QUICK = {
    "thread": (0, 1),
    "resnet50": (2, 6, 11, 14),
    "mobilenetv2-depthwise": (4,),
    "large-kernel": (3,),
    "wavenet": (1,),
    "photograph": (1,),
    "resnet50-gradients": (10,),
    "max-pooling": (0,),
    "average-pooling": (0,),
    "max-pooling-gradients": (0,),
    "average-pooling-gradients": (3,),
}
# What the promises are about, in front, so that a run that is broken off has told most.
BARS = [
    ("thread", (), DTYPES, ("all",)),
    ("resnet50", (), ("float32",), ("all",)),
    ("mobilenetv2-depthwise", (), ("float32",), ("all",)),
    ("resnet50", (), ("float64",), ("all",)),
    ("resnet50-gradients", (), ("float32",), ("all",)),
    ("mobilenetv2-gradients", (1,), ("float32",), ("all",)),
    ("max-pooling", (), ("float32",), ("all",)),
    ("average-pooling", (), ("float32",), ("all",)),
    ("resnet50-gradients", (1,), ("float64",), ("all",)),
    ("mobilenetv2-gradients", (1,), ("float64",), ("all",)),
]


def quick_cells(asked: Asked) -> list[Cell]:
    """Return the cells of ``--quick``: one image, all threads, float64 on the thread's arrays."""
    found = []
    for network, layers in QUICK.items():
        for index in layers:
            for dtype in DTYPES if network == "thread" else DTYPES[:1]:
                n = NETWORKS[network].images[0]
                found.append(Cell(network, index, n, dtype, "all"))
    return [cell for cell in found if fits(cell, asked)]


def bar_cells(asked: Asked) -> list[Cell]:
    """Return the cells of ``--bars``: those that the promises are about."""
    found = [cell for row in BARS for cell in cells_of(*row)]
    return [cell for cell in found if fits(cell, asked)]


def all_cells(asked: Asked) -> list[Cell]:
    """Return the cells of a whole run, those of the promises first.

    Each network has float32 on all threads with every number of images, and float64 and one thread
    with the first only; what was asked for by ``--n``, ``--dtype`` or ``--threads`` is always there.
    """
    found = bar_cells(asked)
    for threads in THREADS:
        for dtype in DTYPES:
            for network in NETWORKS:
                found += [
                    cell
                    for cell in cells_of(network, (), (dtype,), (threads,))
                    if is_usual(cell) or is_named(cell, asked)
                ]
    return [cell for cell in dict.fromkeys(found) if fits(cell, asked)]


def is_usual(cell: Cell) -> bool:
    """Tell whether a whole run has a cell without being asked."""
    unusual = (cell.dtype != "float32") + (cell.threads != "all")
    unusual += cell.n != NETWORKS[cell.network].images[0]
    return unusual <= 1


def is_named(cell: Cell, asked: Asked) -> bool:
    """Tell whether each thing that makes a cell unusual was asked for."""
    first = NETWORKS[cell.network].images[0]
    return (
        (cell.n == first or cell.n in asked.n)
        and (cell.dtype == "float32" or cell.dtype in asked.dtypes)
        and (cell.threads == "all" or cell.threads in asked.threads)
    )


def cells_of(
    network: str, n: tuple[int, ...], dtypes: tuple[str, ...], threads: tuple[str, ...]
) -> Iterator[Cell]:
    """Yield the cells of one network, layer by layer."""
    for count in threads:
        for dtype in dtypes:
            for images in n or NETWORKS[network].images:
                for index in range(len(NETWORKS[network].layers)):
                    yield Cell(network, index, images, dtype, count)


def fits(cell: Cell, asked: Asked) -> bool:
    """Tell whether the command line asks for a cell."""
    return (
        (not asked.networks or cell.network in asked.networks)
        and asked.layer in cell.layer.name
        and (not asked.n or cell.n in asked.n or len(NETWORKS[cell.network].images) == 1)
        and (not asked.dtypes or cell.dtype in asked.dtypes)
        and (not asked.threads or cell.threads in asked.threads)
    )


def work(cell: Cell) -> int:
    """Return multiply-adds, to guess how long a cell will take."""
    both = 2 if cell.task == GRADIENTS else 1
    return cell.n * cell.layer.macs * both * (2 if cell.dtype == "float64" else 1)


def batches(cells: list[Cell], apart: bool = True) -> list[list[Cell]]:
    """Split into the lists that one process measures: same network, images, dtype and threads.

    Without ``apart`` only the threads must be the same.
    """
    found: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        own = (cell.network, cell.n, cell.dtype) if apart else ()
        found.setdefault((*own, cell.threads), []).append(cell)
    return list(found.values())


def shape_text(cell: Cell) -> str:
    """Write the shapes of x and w."""
    layer = cell.layer
    x = (cell.n, *layer.size, layer.c)
    return f"{x} · {(*layer.kernel, layer.c // layer.groups, layer.o)}"


def bytes_of(cell: Cell) -> int:
    """Return the bytes of x, w and y."""
    return cell.layer.numbers(cell.n) * (8 if cell.dtype == "float64" else 4)


def flops_of(cell: Cell) -> int:
    """Return two for each multiply-add of the definition, whatever a fast way saves."""
    both = 2 if cell.task == GRADIENTS else 1
    return 2 * both * cell.n * cell.layer.macs
